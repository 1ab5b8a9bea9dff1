"""Tortoise's client: its connections come from a URL, releasing one costs no round trip, and it has a statement pool.

This is the one file that names private attributes of Tortoise and asyncpg, so that an upgrade of either is one review.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from socket import socket
from typing import Any, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from tortoise import Tortoise
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContextPooled
from tortoise.connection import get_connection, get_connections

from session_graph.store.statement_pool import StatementPool

CLOSE_SECONDS = 10


class StatelessConnection(asyncpg.Connection):
    """A connection that never keeps session state (only `set local` is used), so a release has nothing to reset."""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's signature
        if self.is_in_transaction():
            await super().reset(timeout=timeout)

    def get_reset_query(self) -> str:
        return ""


class Transaction(TransactionContextPooled):
    """Gives its connection back, and its task the pool's client, however it ends and wherever it is cancelled.

    Tortoise's own transaction keeps the connection for good if `begin` fails, and stays its task's client for good if
    the release of the connection is cancelled.
    """

    async def __aenter__(self) -> TransactionalDBClient:
        try:
            return await super().__aenter__()
        except BaseException:
            if self.client._connection is not None:
                self._terminate()
                get_connections().reset(self.token)
            raise

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await super().__aexit__(*raised)
        finally:
            if not self.token._used:
                get_connections().reset(self.token)

    def _terminate(self) -> None:
        with suppress(asyncpg.InterfaceError):  # the server closed it, so the pool already has it back
            self.client._connection.terminate()


class PoolClient(AsyncpgDBClient):
    """Tortoise's client with two pools: its own for models and transactions, the statement pool for single statements.

    Of its credentials, `dsn` is the URL; the others go to asyncpg as they are.
    """

    connection_class = StatelessConnection  # type: ignore[assignment]  # the base class is generic only for type checkers
    statement_pool: StatementPool

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        dsn = kwargs.pop("dsn")
        for part in ("host", "port", "user", "password", "database", "loop"):
            kwargs.pop(part, None)
        options = {name: value for name, value in kwargs.items() if name not in ("min_size", "max_size", "init")}

        async def connect() -> asyncpg.Connection:
            connection: asyncpg.Connection = await asyncpg.connect(dsn, **options)
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
"""Tortoise looks for this name in the module that `engine` names."""


async def open_client(credentials: Mapping[str, object]) -> PoolClient:
    """Open the client of Tortoise's models, for every task of the process."""
    config = {
        "connections": {"default": {"engine": __name__, "credentials": dict(credentials)}},
        "apps": {"session_graph": {"models": ["session_graph.store.models"], "default_connection": "default"}},
    }
    await Tortoise.init(config=config, use_tz=True, timezone="UTC", _enable_global_fallback=True)
    client = cast(PoolClient, get_connection("default"))
    await client.create_connection(with_db=True)
    return client


def transaction_connection(client: object) -> PoolConnectionProxy:
    """Return asyncpg's connection of a client that is in a transaction."""
    return cast(PoolConnectionProxy, cast(Any, client)._connection)


def socket_of(connection: asyncpg.Connection) -> socket | None:
    return cast(socket | None, cast(Any, connection)._transport.get_extra_info("socket"))
