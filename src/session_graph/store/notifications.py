"""What PostgreSQL notifies, for all of this process who wait for it: one connection, however many they are.

    with listener.topic(CHANNEL, payload) as topic:
        while True:
            seen = topic.count
            ...  # look
            await topic.wait(seen)

Whoever notes the count before looking, and waits with it afterwards, misses nothing. Notifications themselves carry
nothing but that one must look: after the connection was lost, all topics are woken, and everybody looks again.
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
"""By these a connection ends whose other end has vanished without a word; seconds, and how often."""

Name = tuple[str, str]


class Topic:
    """A channel's payload, as something to wait for. `count` is how often it was woken."""

    def __init__(self) -> None:
        self.count = 0
        self.users = 0
        self._woken = asyncio.Event()

    async def wait(self, seen: int) -> None:
        """Until it is woken, if it has not been since `count` was `seen`."""
        while self.count == seen:
            await self._woken.wait()

    def wake(self) -> None:
        self.count += 1
        self._woken.set()
        self._woken = asyncio.Event()


class Listener:
    """`run` until cancelled. Listens directly to the server: a pooler in transaction mode forgets who listens."""

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self._url = url
        self._channels = channels
        self._topics: dict[Name, Topic] = {}

    @contextmanager
    def topic(self, channel: str, payload: str = "") -> Iterator[Topic]:
        """The one of this name, which is kept as long as somebody uses it."""
        assert channel in self._channels, "nobody listens to this channel"
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
        """Listen, and connect again with growing pauses wherever the connection is lost."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._connected() as connection:
                    await self._listen(connection)
                pause = FIRST_PAUSE
            except STORE_FAILED as error:
                LOGGER.warning("cannot listen to the database: %s", type(error).__name__)
            except Exception:
                LOGGER.exception("cannot listen to the database")
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - so that processes do not come all at once
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
        """Until the connection ends."""
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        for channel in self._channels:
            await connection.add_listener(channel, self._hear)
        for topic in list(self._topics.values()):
            topic.wake()
        await ended.wait()

    def _hear(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if topic := self._topics.get((channel, str(payload))):
            topic.wake()


def _keep_alive(connection: asyncpg.Connection) -> None:
    """asyncpg has no setting for it."""
    own = socket_of(connection)
    if own is None or own.family not in (socket.AF_INET, socket.AF_INET6):
        return
    own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            own.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
