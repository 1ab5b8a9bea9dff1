"""Tortoise's client for our one pool: opened from a URL as asyncpg reads it, and without a round trip on release."""

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient


class StatelessConnection(asyncpg.Connection):
    """A connection that nobody gives state (only `set local` is used), so that there is nothing to reset."""

    def get_reset_query(self) -> str:
        return ""


class PoolClient(AsyncpgDBClient):
    """Takes `dsn` among its credentials; the other credentials go to asyncpg's pool as they are."""

    connection_class = StatelessConnection  # type: ignore[assignment]  # the base class is generic only for type checkers

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        dsn = kwargs.pop("dsn")
        for part in ("host", "port", "user", "password", "database", "loop"):
            kwargs.pop(part, None)
        return await asyncpg.create_pool(dsn, **kwargs)

    @property
    def pool(self) -> asyncpg.Pool:
        assert self._pool is not None, "the database is not open"
        return self._pool


client_class = PoolClient
