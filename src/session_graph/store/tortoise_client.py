"""Tortoise's client: bounded connections that cost no round trip to release, and a statement pool.

This file and `internals` are the only ones that name private attributes of Tortoise and asyncpg.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from tortoise import Tortoise
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import PoolConnectionWrapper, TransactionalDBClient, TransactionContextPooled
from tortoise.connection import get_connection, get_connections

from session_graph.errors import OutcomeUnknown
from session_graph.store.background import NoAnswer, PoolExhausted
from session_graph.store.connections import END_IDLE_TRANSACTION, Limits, connect
from session_graph.store.internals import is_cancelling, is_open
from session_graph.store.statement_pool import StatementPool

MODEL_MODULES = [f"session_graph.store.{name}" for name in ("models", "export_models", "inlet_models")]
CONNECTION_LOST = (
    *(OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError),
    *(asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
)
"""What a statement raises that was sent but not answered; OSError includes time-outs."""
CLOSE_SECONDS = 1.0
"""How long closing waits for running statements, which by then have no caller any more."""
CANCEL_SECONDS = 0.5
"""How long the task that was cancelled waits for that."""
RELEASE_SECONDS = 2.0
"""How long the server may take to end what was cancelled, and to roll back, before the connection is dropped."""


class StatelessConnection(asyncpg.Connection):
    """A connection that never keeps session state (only `set local` is used), so a release has nothing to reset."""

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's signature
        self._top_xact = None
        if self.is_in_transaction():
            await self.execute("rollback", timeout=timeout)

    def get_reset_query(self) -> str:
        return ""


class Lease(PoolConnectionWrapper[Any]):
    """Lends a connection of the pool to one statement of Tortoise's."""

    client: "PoolClient"

    async def __aenter__(self) -> PoolConnectionProxy:
        self.connection = await self.client.acquire()
        return self.connection

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        assert self.connection is not None
        await self.client.release(self.connection, error)


class BoundedTransaction(TransactionWrapper):
    """Tortoise's client within a transaction."""

    _parent: "PoolClient"

    async def begin(self) -> None:
        await super().begin()
        if self._parent.limits.is_pooled:
            await self._connection.execute(END_IDLE_TRANSACTION)


class Transaction(TransactionContextPooled):
    """Gives its connection back, and its task the pool's client, however it ends and wherever it is cancelled.

    Tortoise's own transaction keeps the connection for good if `begin` fails, and stays its task's client for good if
    the release of the connection is cancelled. Neither waits for a server that does not answer.
    """

    client: BoundedTransaction

    async def __aenter__(self) -> TransactionalDBClient:
        parent = self.client._parent
        connection = await parent.acquire()
        self.client._connection = cast(Any, connection)
        self.token = get_connections().set(self.connection_name, self.client)
        try:
            await self.client.begin()
        except BaseException as error:
            get_connections().reset(self.token)
            with suppress(asyncpg.InterfaceError):  # the server closed it, so the pool already has it back
                connection.terminate()
            parent.raise_silence(error)
            raise
        return self.client

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Commit, or roll back after an error. Raises OutcomeUnknown if the commit is not answered."""
        get_connections().reset(self.token)
        connection = transaction_connection(self.client)
        try:
            if error is None and not self.client._finalized:
                await self._commit()
        except BaseException as failure:
            await self.client._parent.release(connection, failure)
            raise
        await self.client._parent.release(connection, error)

    async def _commit(self) -> None:
        was_open = is_open(self.client._connection)
        try:
            await self.client.commit()
        except CONNECTION_LOST as error:
            if not was_open:
                raise
            self.client._parent.distrust()
            raise OutcomeUnknown(retry_after=1) from error


class PoolClient(AsyncpgDBClient):
    """Tortoise's client with two pools: its own for models and transactions, the statement pool for single statements.

    Its credentials are `dsn`, the URL, `limits`, and the options of asyncpg's pool.
    """

    connection_class = StatelessConnection  # type: ignore[assignment]  # the base class is generic only for type checkers
    statement_pool: StatementPool
    limits: Limits

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        url, self.limits, init = kwargs["dsn"], kwargs["limits"], kwargs["init"]
        self._releases: set[asyncio.Task[None]] = set()

        async def open_connection(*_: object, **options: Any) -> Any:
            connection = await connect(url, **self.limits.options, **options)
            if init:
                await init(connection)
            return connection

        async def open_pooled(*_: object, **options: Any) -> Any:
            return await open_connection(command_timeout=self.limits.command, **options)

        self.statement_pool = StatementPool(
            open_pooled if self.limits.is_pooled else open_connection,
            kwargs["max_size"],
            wait=self.limits.statement,
            answer=self.limits.answer,
            idle=self.limits.idle,
            on_silence=self.distrust,
        )
        pool: asyncpg.Pool = await cast(Any, asyncpg).create_pool(  # its types do not know `connect` by keywords
            connect=open_pooled,
            min_size=0,  # asyncpg never closes as many idle connections as `min_size`
            init_size=kwargs["min_size"],
            max_size=kwargs["max_size"],
            max_inactive_connection_lifetime=self.limits.idle,
            connection_class=StatelessConnection,
        )
        return pool

    async def acquire(self) -> PoolConnectionProxy:
        """Lend a connection. Raises PoolExhausted after a time, NoAnswer, and what asyncpg raises."""
        try:
            async with asyncio.timeout(self.limits.statement):
                return await self.pool.acquire()
        except TimeoutError as error:
            raise PoolExhausted from error

    async def release(self, connection: PoolConnectionProxy, error: BaseException | None = None) -> None:
        """Take a connection back after an error, if there was one; an open transaction is rolled back.

        Hardly waits for a server that is to end a statement. Raises NoAnswer if the error is that it did not answer.
        """
        if error is None:
            await self.pool.release(connection, timeout=RELEASE_SECONDS)
            return
        if not is_cancelling(connection):
            await self._release_failed(connection)
            return
        if self._is_silence(error):
            connection.terminate()
            self.raise_silence(error)
        task = asyncio.create_task(self._release_failed(connection))
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)
        await asyncio.wait([task], timeout=CANCEL_SECONDS)

    async def _release_failed(self, connection: PoolConnectionProxy) -> None:
        with suppress(Exception):  # asyncpg has dropped the connection then, and the first error says more
            await self.pool.release(connection, timeout=RELEASE_SECONDS)

    def _is_silence(self, error: BaseException) -> bool:
        return isinstance(error, TimeoutError) and not self.limits.is_pooled

    def raise_silence(self, error: BaseException) -> None:
        """Raise NoAnswer if a time-out says that the server did not answer; behind a pooler it may take long."""
        if self._is_silence(error):
            self.distrust()
            raise NoAnswer("no answer to a statement") from error

    async def _close(self) -> None:
        pool = self._pool
        if pool is None:  # it was not opened: its first connection failed
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.statement_pool.close()
                await pool.close()
        except TimeoutError:
            self.terminate()
        self._pool = None

    def terminate(self) -> None:
        """Close all connections at once; running statements fail. Nothing is left to do if it is closed already."""
        if self._pool is not None:
            self.statement_pool.terminate()
            self._pool.terminate()

    def distrust(self) -> None:
        """Drop idle connections after one was not answered: whatever silenced it may have silenced all."""
        self.statement_pool.drop_idle()
        task = asyncio.create_task(self.pool.expire_connections())
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    def acquire_connection(self) -> Lease:
        return Lease(self, self._pool_init_lock)

    def _in_transaction(self) -> Transaction:
        return Transaction(BoundedTransaction(self), self._pool_init_lock)

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
        "apps": {"session_graph": {"models": MODEL_MODULES, "default_connection": "default"}},
    }
    await Tortoise.init(config=config, use_tz=True, timezone="UTC", _enable_global_fallback=True)
    client = cast(PoolClient, get_connection("default"))
    await client.create_connection(with_db=True)
    return client


def transaction_connection(client: object) -> PoolConnectionProxy:
    """Return asyncpg's connection of a client that is in a transaction."""
    return cast(PoolConnectionProxy, cast(Any, client)._connection)
