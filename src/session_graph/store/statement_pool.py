"""A connection pool for single statements: acquire and release cost no round trip and no turn of the event loop.

asyncpg's own pool hands out a proxy and takes it back in a new task, which costs as much as a short statement.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class StatementPool:
    """At most `size` connections, each opened when it is first needed. The last one released is the next one used."""

    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._all: set[asyncpg.Connection] = set()
        self._idle: list[asyncpg.Connection] = []
        self._is_closed = False

    async def fetch(self, sql: str, *parameters: object) -> list[asyncpg.Record]:
        """Return all rows of one statement."""
        async with self._slots:
            connection = await self._acquire()
            try:
                return await connection.fetch(sql, *parameters)
            finally:
                self._release(connection)

    async def fetchrow(self, sql: str, *parameters: object) -> asyncpg.Record | None:
        """Return the first row of one statement, or None."""
        async with self._slots:
            connection = await self._acquire()
            try:
                return await connection.fetchrow(sql, *parameters)
            finally:
                self._release(connection)

    async def close(self) -> None:
        """Wait for running statements, then close."""
        for _ in range(self._size):
            await self._slots.acquire()
        self._is_closed = True
        self._slots.release()  # so that the next statement raises at once
        while self._idle:
            await self._idle.pop().close()

    def terminate(self) -> None:
        """Close at once; running statements fail."""
        self._is_closed = True
        for connection in self._all:
            connection.terminate()

    async def _acquire(self) -> asyncpg.Connection:
        """Return an idle connection or a new one, and drop those that the server has closed."""
        if self._is_closed:
            raise asyncpg.InterfaceError("the database is closed")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._all.discard(connection)
        connection = await self._connect()
        self._all.add(connection)
        return connection

    def _release(self, connection: asyncpg.Connection) -> None:
        """A cancelled statement may not have ended yet; asyncpg makes the next one wait for it."""
        if connection.is_closed():
            self._all.discard(connection)
        else:
            self._idle.append(connection)
