"""Connections for single statements: taken and given back without a word to the server, or a turn of the event loop.

asyncpg's own pool hands out a proxy and takes it back in a task of its own, which is as much work as a short statement.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class StatementPool:
    """At most `size` connections, each opened when it is first needed. The one that was used last goes first."""

    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._size = size
        self._free = asyncio.Semaphore(size)
        self._all: set[asyncpg.Connection] = set()
        self._idle: list[asyncpg.Connection] = []
        self._is_closed = False

    async def fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """All rows of one statement."""
        async with self._free:
            connection = await self._take()
            try:
                return await connection.fetch(sql, *values)
            finally:
                self._give_back(connection)

    async def fetchrow(self, sql: str, *values: object) -> asyncpg.Record | None:
        """The first row of one statement."""
        async with self._free:
            connection = await self._take()
            try:
                return await connection.fetchrow(sql, *values)
            finally:
                self._give_back(connection)

    async def close(self) -> None:
        """Wait for the statements that run, and close."""
        for _ in range(self._size):
            await self._free.acquire()
        self._is_closed = True
        self._free.release()  # whoever comes now is told so
        while self._idle:
            await self._idle.pop().close()

    def terminate(self) -> None:
        """Close at once, whatever runs."""
        self._is_closed = True
        for connection in self._all:
            connection.terminate()

    async def _take(self) -> asyncpg.Connection:
        """One that is idle, or a new one. Those that the server has closed meanwhile are forgotten."""
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

    def _give_back(self, connection: asyncpg.Connection) -> None:
        """A statement that was cancelled may still be ending: asyncpg has the next one wait for that."""
        if connection.is_closed():
            self._all.discard(connection)
        else:
            self._idle.append(connection)
