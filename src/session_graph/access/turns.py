"""Turns: at most a few heavy operations of an account run at a time; others of the same account wait in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from session_graph.errors import TryLater
from session_graph.settings import Settings


class TooManyHeavyQueries(TryLater):
    """Too many heavy queries of this account are running or waiting; try again later."""

    code = "RATE_LIMITED"
    status = 429


@dataclass(slots=True)
class _Queue:
    """The heavy operations of one account. asyncio.Semaphore wakes those that wait in their order."""

    semaphore: asyncio.Semaphore
    users: int = 0
    """How many run or wait."""


class Turns:
    """Lets `running` operations of each account run at a time, and `waiting` more wait for `seconds` each."""

    def __init__(self, running: int, waiting: int, seconds: float) -> None:
        self._running = running
        self._most = running + waiting
        self._seconds = seconds
        self._queues: dict[UUID, _Queue] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.heavy_running, settings.heavy_waiting, settings.heavy_wait_seconds)

    def __len__(self) -> int:
        """Return the number of accounts whose operations run or wait."""
        return len(self._queues)

    def count(self, account_id: UUID) -> int:
        """Return how many operations of the account run or wait."""
        queue = self._queues.get(account_id)
        return queue.users if queue else 0

    @asynccontextmanager
    async def turn(self, account_id: UUID) -> AsyncIterator[None]:
        """Wait for a turn of the account, and hold it during the block. Raises TooManyHeavyQueries."""
        queue = self._queues.get(account_id) or _Queue(asyncio.Semaphore(self._running))
        if queue.users >= self._most:
            raise TooManyHeavyQueries(retry_after=self._seconds)
        self._queues[account_id] = queue
        queue.users += 1
        try:
            await self._wait(queue)
            try:
                yield
            finally:
                queue.semaphore.release()
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[account_id]

    async def _wait(self, queue: _Queue) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await queue.semaphore.acquire()
        except TimeoutError:
            raise TooManyHeavyQueries(retry_after=self._seconds) from None
