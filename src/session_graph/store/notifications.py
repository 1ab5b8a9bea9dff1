"""Notifications of PostgreSQL (`listen` and `notify`), over one connection for all waiting tasks of the process.

    with listener.topic(CHANNEL, payload) as topic:
        while True:
            count = topic.count
            ...  # read the database
            await topic.wait(count)

A task that reads the count before the database, and waits with it afterwards, misses nothing. A notification only means
that the database must be read again. While there is no connection, and when there is a new one, every topic is woken
every few seconds, so that every task reads again.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from session_graph.store.background import STORE_FAILED, unavailable_log
from session_graph.store.connections import connect

LOGGER = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
PROBE_SECONDS = 3.0
"""How often the connection is asked whether it still answers: a silent one is like one without notifications."""
ANSWER_SECONDS = 3.0

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
                    ended = await self._listen(connection)
                    pause = FIRST_PAUSE
                    await _watch(connection, ended)
            except STORE_FAILED as error:
                unavailable_log.warn(error, "Cannot listen to it")
            except Exception:
                LOGGER.exception("Cannot listen to the database")
            self._wake_all()
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter against simultaneous reconnects
            pause = min(2 * pause, LONGEST_PAUSE)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await connect(self._url, server_settings={"application_name": "session_graph listener"})
        try:
            yield connection
        finally:
            connection.terminate()

    async def _listen(self, connection: asyncpg.Connection) -> asyncio.Event:
        """Wake topics from now on. Return what is set when the connection ends."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        async with asyncio.timeout(ANSWER_SECONDS):
            for channel in self._channels:
                await connection.add_listener(channel, self._on_notify)
        self._wake_all()
        return ended

    def _wake_all(self) -> None:
        """Let every task read the database, also while there is no connection: what is said meanwhile is not heard."""
        for topic in list(self._topics.values()):
            topic.wake()

    def _on_notify(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if topic := self._topics.get((channel, str(payload))):
            topic.wake()


async def _watch(connection: asyncpg.Connection, ended: asyncio.Event) -> None:
    """Return when the connection has ended. Raises TimeoutError if it does not answer any more."""
    while not ended.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(PROBE_SECONDS):
                await ended.wait()
                return
        async with asyncio.timeout(ANSWER_SECONDS):
            await connection.execute("select 1")
