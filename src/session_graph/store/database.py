"""The open database: a pool for Tortoise's models and transactions, and a statement pool for single statements.

Nothing here, and nobody who borrows a connection, changes its state but with `set local`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from tortoise import Tortoise
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from session_graph.errors import StoreError
from session_graph.settings import Settings
from session_graph.store.migration import UNREACHABLE, pending
from session_graph.store.tortoise_client import PoolClient, open_client, transaction_connection

Row = asyncpg.Record
Connection = PoolConnectionProxy
Initializer = Callable[[Connection], Awaitable[None]]


class Executor(Protocol):
    """What can run one statement: the database, or a transaction's connection."""

    async def fetchrow(self, sql: str, /, *values: Any) -> Row | None: ...


class Database:
    """Open from `open_database` until `close`."""

    def __init__(self, client: PoolClient) -> None:
        self._client = client

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        """All rows of one statement, each on its own (no transaction around it)."""
        return await self._client.statement_pool.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: object) -> Row | None:
        return await self._client.statement_pool.fetchrow(sql, *values)

    async def execute(self, sql: str, *values: object) -> str:
        """Run one statement; PostgreSQL's own word for what it did, such as `UPDATE 1`."""
        return await self._client.pool.execute(sql, *values)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction in which Tortoise's models and the connection's SQL text act together."""
        async with in_transaction() as client:
            yield transaction_connection(client)

    async def is_ready(self) -> bool:
        """Whether the database answers and its schema is this version's."""
        try:
            async with self._client.pool.acquire(timeout=2) as connection:
                return not await pending(cast(Any, connection))
        except (OSError, TimeoutError, StoreError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    async def close(self) -> None:
        await Tortoise.close_connections()


def current_executor() -> Executor:
    """What runs a statement of the open database: the transaction that we are in, otherwise any connection."""
    client = get_connection("default")
    return client.statement_pool if isinstance(client, PoolClient) else transaction_connection(client)


async def open_database(url: str, settings: Settings, on_connect: Initializer | None = None) -> Database:
    """Open the pool and the statement_pool; one database for a process and its event loop.

    Raises StoreError where the server cannot be reached. `on_connect` sees every new connection (tests count with it).
    """
    credentials = {
        "dsn": url,
        "minsize": settings.pool_min_size,
        "maxsize": settings.pool_max_size,
        "init": on_connect,
        **_limits(settings),
    }
    try:
        return Database(await open_client(credentials))
    except UNREACHABLE as error:
        await Tortoise.close_connections()
        raise StoreError(f"The database cannot be reached: {error}") from error


def _limits(settings: Settings) -> dict[str, object]:
    """How connections treat statements. A pooler in transaction mode refuses to open one with settings that it does
    not know of, and then the driver cancels what runs too long."""
    common = {"application_name": "session_graph", "timezone": "UTC", "datestyle": "ISO"}
    if not settings.statement_cache_size:
        seconds = settings.statement_timeout_ms / 1000
        return {"statement_cache_size": 0, "server_settings": common, "command_timeout": seconds}
    own = {"statement_timeout": str(settings.statement_timeout_ms), "jit": "off"}
    return {"statement_cache_size": settings.statement_cache_size, "server_settings": common | own}
