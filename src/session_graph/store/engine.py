"""Tortoise's client for our one pool: opened from a URL as asyncpg reads it, and without a round trip on release."""

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContextPooled
from tortoise.connection import get_connections


class StatelessConnection(asyncpg.Connection):
    """A connection that nobody gives state (only `set local` is used), so that there is nothing to reset."""

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
                self.client._connection.terminate()
                get_connections().reset(self.token)
            raise


class PoolClient(AsyncpgDBClient):
    """Takes `dsn` among its credentials; the other credentials go to asyncpg's pool as they are."""

    connection_class = StatelessConnection  # type: ignore[assignment]  # the base class is generic only for type checkers

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        dsn = kwargs.pop("dsn")
        for part in ("host", "port", "user", "password", "database", "loop"):
            kwargs.pop(part, None)
        return await asyncpg.create_pool(dsn, **kwargs)

    def _in_transaction(self) -> Transaction:
        return Transaction(TransactionWrapper(self), self._pool_init_lock)

    @property
    def pool(self) -> asyncpg.Pool:
        assert self._pool is not None, "the database is not open"
        return self._pool


client_class = PoolClient
