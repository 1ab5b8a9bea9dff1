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
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from session_graph.store.background import STORE_FAILED
from session_graph.store.tortoise_client import socket_of

LOGGER = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
CONNECT_SECONDS = 10.0
KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""TCP keep-alive, which ends a connection whose other end has vanished: two times in seconds, and the probes."""

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
        connection = await asyncpg.connect(
            self._url, timeout=CONNECT_SECONDS, server_settings={"application_name": "session_graph listener"}
        )
        try:
            _keep_alive(connection)
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


def _keep_alive(connection: asyncpg.Connection) -> None:
    """Turn on TCP keep-alive, for which asyncpg has no setting."""
    own_socket = socket_of(connection)
    if own_socket is None or own_socket.family not in (socket.AF_INET, socket.AF_INET6):
        return
    own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            own_socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
