"""Notifications of PostgreSQL (`listen` and `notify`), over one connection for all waiting tasks of the process.

    with listener.topic(CHANNEL, payload) as topic:
        while True:
            count = topic.count
            ...  # read the database
            await topic.wait(count)

A task that reads the count before the database, and waits with it afterwards, misses nothing. A notification only means
that the database must be read again; after a lost connection every topic is woken, so that every task reads again.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from session_graph.store.background import STORE_FAILED
from session_graph.store.connections import connect

LOGGER = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

Name = tuple[str, str]


class Topic:
    """One payload of a channel, to wait for. `count` is the number of times that it was woken."""

    def __init__(self) -> None:
        self.count = 0
        self.users = 0
        self._woken = asyncio.Event()

    async def wait(self, count: int) -> None:
        """Wait until `self.count` differs from `count`; return at once if it already does."""
        while self.count == count:
            await self._woken.wait()

    def wake(self) -> None:
        self.count += 1
        self._woken.set()
        self._woken = asyncio.Event()


class Listener:
    """Wakes topics while `run` runs. The URL must bypass a pooler in transaction mode, which forgets its listeners."""

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self._url = url
        self._channels = channels
        self._topics: dict[Name, Topic] = {}

    @contextmanager
    def topic(self, channel: str, payload: str = "") -> Iterator[Topic]:
        """Yield the topic of this channel and payload, one object for all its users at a time."""
        assert channel in self._channels, "the listener does not listen to this channel"
        name = (channel, payload)
        topic = self._topics.setdefault(name, Topic())
        topic.users += 1
        try:
            yield topic
        finally:
            topic.users -= 1
            if not topic.users:
                del self._topics[name]

    async def run(self) -> None:
        """Listen until cancelled; reconnect with growing pauses when the connection is lost."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._connected() as connection:
                    await self._listen(connection)
                pause = FIRST_PAUSE
            except STORE_FAILED as error:
                LOGGER.warning("Cannot listen to the database: %s", type(error).__name__)
            except Exception:
                LOGGER.exception("Cannot listen to the database")
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter against simultaneous reconnects
            pause = min(2 * pause, LONGEST_PAUSE)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await connect(self._url, server_settings={"application_name": "session_graph listener"})
        try:
            yield connection
        finally:
            connection.terminate()

    async def _listen(self, connection: asyncpg.Connection) -> None:
        """Wake topics until the connection ends."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        for channel in self._channels:
            await connection.add_listener(channel, self._on_notify)
        for topic in list(self._topics.values()):
            topic.wake()
        await ended.wait()

    def _on_notify(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if topic := self._topics.get((channel, str(payload))):
            topic.wake()
