"""Tortoise's client: opened from a URL as asyncpg reads it, with no round trip on release and a statement pool."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContextPooled
from tortoise.connection import get_connections

from session_graph.store.statement_pool import StatementPool

CLOSE_SECONDS = 10


class StatelessConnection(asyncpg.Connection):
    """A connection that nobody gives state (only `set local` is used), so that there is nothing to reset."""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg calls it so
        if self.is_in_transaction():
            await super().reset(timeout=timeout)

    def get_reset_query(self) -> str:
        return ""


class Transaction(TransactionContextPooled):
    """Gives its connection up where it cannot begin: its request is cancelled meanwhile, or the server has gone.

    Tortoise's own would keep the connection for good, until the pool has none left.
    """

    async def __aenter__(self) -> TransactionalDBClient:
        try:
            return await super().__aenter__()
        except BaseException:
            if self.client._connection is not None:
                with suppress(asyncpg.InterfaceError):  # the server closed it, and the pool has it back
                    self.client._connection.terminate()
                get_connections().reset(self.token)
            raise


class PoolClient(AsyncpgDBClient):
    """ValueKind `dsn` among its credentials; the other credentials go to asyncpg as they are.

    The pool is for models and transactions, the statement_pool are for statements of their own.
    """

    connection_class = StatelessConnection  # type: ignore[assignment]  # the base class is generic only for type checkers
    statement_pool: StatementPool

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        dsn = kwargs.pop("dsn")
        for part in ("host", "port", "user", "password", "database", "loop"):
            kwargs.pop(part, None)
        own = {name: value for name, value in kwargs.items() if name not in ("min_size", "max_size", "init")}

        async def connect() -> asyncpg.Connection:
            connection: asyncpg.Connection = await asyncpg.connect(dsn, **own)
            if kwargs.get("init"):
                await kwargs["init"](connection)
            return connection

        self.statement_pool = StatementPool(connect, kwargs["max_size"])
        return await asyncpg.create_pool(dsn, **kwargs)

    async def _close(self) -> None:
        try:
            await asyncio.wait_for(self.statement_pool.close(), CLOSE_SECONDS)
        except TimeoutError:
            self.statement_pool.terminate()
        await super()._close()

    def _in_transaction(self) -> Transaction:
        return Transaction(TransactionWrapper(self), self._pool_init_lock)

    @property
    def pool(self) -> asyncpg.Pool:
        assert self._pool is not None, "the database is not open"
        return self._pool


client_class = PoolClient
