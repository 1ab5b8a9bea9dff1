"""Tasks of the event loop: a race between coroutines, and a block that ends when its client disconnects."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive

WATCH_AFTER_SECONDS = 0.05
"""Seconds that a request may take before somebody watches whether its client is still there."""


class while_connected:
    """Cancels the block when the client goes away, and raises ClientDisconnect for it: its statement is not awaited.

    Only a block that lasts is worth a task that watches the client: most are over before it begins to.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        block = asyncio.current_task(loop)
        assert block is not None
        self._block, self._cancelled_before = block, block.cancelling()
        self._timer = loop.call_later(WATCH_AFTER_SECONDS, self._begin)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        if self._watcher:
            self._watcher.cancel()
        was_left = self._gone and isinstance(error, asyncio.CancelledError)
        if was_left and self._block.uncancel() <= self._cancelled_before:
            raise ClientDisconnect from None

    def _begin(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._block.cancel()


async def race(*works: Coroutine[Any, Any, None]) -> None:
    """Until the first of them has come to its end; the others are cancelled, and waited for. Raises what they raise."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks if not task.cancelled()]
    for error in errors:
        if error is not None:
            raise error


async def single(answer: bytes) -> AsyncGenerator[bytes, None]:
    """One answer."""
    yield answer
