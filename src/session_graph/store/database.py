"""The open database: a pool for Tortoise's models and transactions, and a statement pool for single statements.

Users of a connection change its session state only with `set local`, as a release does not reset it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Protocol

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from session_graph.errors import StoreError
from session_graph.settings import Settings
from session_graph.store.connections import Limits
from session_graph.store.migration import UNREACHABLE
from session_graph.store.readiness import Readiness, ReadinessProbe
from session_graph.store.tortoise_client import PoolClient, open_client, transaction_connection

Row = asyncpg.Record
Connection = PoolConnectionProxy
BEAT_SECONDS = 2.0
Initializer = Callable[[Connection], Awaitable[None]]


class Executor(Protocol):
    """What runs a single statement: the statement pool, or a transaction's connection."""

    async def fetchrow(self, sql: str, /, *parameters: Any) -> Row | None: ...


class KeepAlive:
    """Tells the server that a long computation within a transaction goes on, before it ends the transaction as idle."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._beat_at = monotonic()

    async def beat(self) -> None:
        """Run a trivial statement if there was none for BEAT_SECONDS. Call it between the steps of the computation."""
        if monotonic() - self._beat_at > BEAT_SECONDS:
            await self._connection.execute("select 1")
            self._beat_at = monotonic()


class Database:
    """A database that `open_database` opened and `close` closes."""

    def __init__(self, client: PoolClient, probe: ReadinessProbe) -> None:
        self._client = client
        self._probe = probe

    async def fetch(self, sql: str, *parameters: object) -> list[Row]:
        """Return all rows of one statement, outside any transaction."""
        try:
            return await self._client.statement_pool.fetch(sql, *parameters)
        except asyncpg.DiskFullError:
            self._probe.note_full()
            raise

    async def fetchrow(self, sql: str, *parameters: object) -> Row | None:
        try:
            return await self._client.statement_pool.fetchrow(sql, *parameters)
        except asyncpg.DiskFullError:
            self._probe.note_full()
            raise

    async def execute(self, sql: str, *parameters: object) -> str:
        """Run one statement. Return PostgreSQL's command tag, such as `UPDATE 1`."""
        try:
            async with self._client.acquire_connection() as connection:
                tag: str = await connection.execute(sql, *parameters)
                return tag
        except asyncpg.DiskFullError:
            self._probe.note_full()
            raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction for both Tortoise's models and SQL text over the yielded connection."""
        try:
            async with in_transaction() as client:
                yield transaction_connection(client)
        except asyncpg.DiskFullError:
            self._probe.note_full()
            raise

    async def check_readiness(self) -> Readiness:
        """Return within two seconds whether the database answers, has the schema of this version and takes changes."""
        return await self._probe.check()

    def terminate(self) -> None:
        """Close all connections at once; running statements fail. Call `close` afterwards."""
        self._client.terminate()

    async def close(self) -> None:
        """Close all connections, at once where statements still run after a second."""
        self._probe.close()
        await Tortoise.close_connections()


def current_executor() -> Executor:
    """Return the current transaction's connection, or the statement pool if there is no transaction."""
    client = get_connection("default")
    return client.statement_pool if isinstance(client, PoolClient) else transaction_connection(client)


async def open_database(url: str, settings: Settings, on_connect: Initializer | None = None) -> Database:
    """Open the pool and the statement pool: one database for each process and event loop.

    `on_connect` is called with every new connection (tests count statements with it). Raises StoreError if the server
    cannot be reached.
    """
    limits = Limits.of(settings)
    credentials = {
        "dsn": url,
        "minsize": settings.pool_min_size,
        "maxsize": settings.pool_max_size,
        "init": on_connect,
        "limits": limits,
    }
    try:
        return Database(await open_client(credentials), ReadinessProbe(url, limits))
    except UNREACHABLE as error:
        await Tortoise.close_connections()
        raise StoreError(f"The database cannot be reached: {error}") from error
