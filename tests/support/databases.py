"""Databases of a test's own, where an account of its own is not enough: plans, migrations, dumps."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from session_graph.sessions.event_history import IDENTITY
from session_graph.store.database import Connection, Database, Row
from session_graph.store.migration import migrate


@asynccontextmanager
async def empty_database(server_url: str, options: str = "") -> AsyncIterator[str]:
    """The address of a new database without anything in it; dropped at the end."""
    name = f"session_graph_test_{uuid4().hex}"
    await _run(server_url, f'create database "{name}" {options}')
    try:
        yield with_database(server_url, name)
    finally:
        await _run(server_url, f'drop database "{name}" with (force)')


def with_database(url: str, name: str) -> str:
    """Return the address of this database in the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC", "jit": "off"})
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """Like `empty_database`, for tests that run commands and no event loop of their own."""
    with asyncio.Runner() as runner:
        made = empty_database(server_url)
        url = runner.run(made.__aenter__())
        try:
            yield url
        finally:
            runner.run(made.__aexit__(None, None, None))


def execute(url: str, sql: str) -> None:
    """Run one statement in a test that has no event loop of its own."""
    asyncio.run(_run(url, sql))


class Attached(Database):
    """A database on one connection, beside the process's own. Tortoise's models do not know it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        return await self.connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: object) -> Row | None:
        return await self.connection.fetchrow(sql, *values)

    async def execute(self, sql: str, *values: object) -> str:
        return await self.connection.execute(sql, *values)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.connection.transaction():
            yield cast(Connection, self.connection)


@asynccontextmanager
async def attached(url: str) -> AsyncIterator[Attached]:
    async with connected(url) as connection:
        yield Attached(connection)


@asynccontextmanager
async def own_database(server_url: str) -> AsyncIterator[str]:
    """The address of a new migrated database; dropped at the end."""
    async with empty_database(server_url) as url:
        await migrate_new(url)
        yield url


async def migrate_new(url: str) -> None:
    """Migrate a new database, and let its event log begin here, also if it is a copy of a migrated template."""
    await migrate(url)
    await _run(url, f"update event_history set identity = {IDENTITY}")


async def _run(url: str, sql: str) -> None:
    async with connected(url) as connection:
        await connection.execute(sql)
