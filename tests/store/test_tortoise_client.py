"""Tortoise's client: a transaction that cannot begin, and the format of instants."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest
from asyncpg.pool import Pool
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.connection import get_connection
from tortoise.exceptions import BaseORMException

from session_graph.store.database import Database
from session_graph.store.tortoise_client import PoolClient

pytestmark = pytest.mark.anyio


async def test_after_a_connection_is_lost_while_a_transaction_begins_the_next_one_works(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begin(self: Any) -> None:
        await self._connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr(TransactionWrapper, "begin", begin)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException)):
            async with database.transaction():
                raise AssertionError("it began")

    await _assert_usable(database)


async def test_a_transaction_whose_release_is_cancelled_leaves_its_task_usable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = Pool.release

    async def released_and_cancelled(self: Pool, *arguments: Any, **options: Any) -> None:
        await release(self, *arguments, **options)
        raise asyncio.CancelledError

    async def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Pool, "release", released_and_cancelled)
            with pytest.raises(asyncio.CancelledError):
                async with database.transaction() as connection:
                    await connection.execute("select 1")
        await _assert_usable(database)

    await asyncio.create_task(work())


async def test_a_task_is_usable_wherever_its_transaction_is_cancelled(database: Database) -> None:
    """400 cancellations at random steps; a worker's tasks live as long as the process."""
    chance = random.Random(13)
    ended = 0

    async def transact() -> None:
        async with database.transaction() as connection:
            await connection.execute("select 1")
            await connection.execute("select pg_sleep(0.0005)")

    async def work() -> None:
        nonlocal ended
        task = asyncio.current_task()
        assert task
        for _ in range(400):
            timer = asyncio.get_running_loop().call_later(chance.uniform(0, 0.004), task.cancel)
            try:
                await transact()
                ended += 1
            except asyncio.CancelledError:
                task.uncancel()
            finally:
                timer.cancel()
            await _assert_usable(database)

    async with asyncio.timeout(120):
        await asyncio.create_task(work())

    assert ended < 400, "none was cancelled"


async def _assert_usable(database: Database) -> None:
    assert isinstance(get_connection("default"), PoolClient)
    async with database.transaction() as connection:
        assert await connection.fetchval("select 1") == 1


async def test_the_database_writes_instants_in_iso_format_and_utc(
    database: Database,
) -> None:
    for run in (database.fetchrow, _in_a_transaction(database)):
        row = await run("select current_setting('datestyle') as style, current_setting('timezone') as zone")
        assert row
        assert row["style"].startswith("ISO")
        assert row["zone"] == "UTC"


def _in_a_transaction(database: Database) -> Any:
    async def run(sql: str) -> Any:
        async with database.transaction() as connection:
            return await connection.fetchrow(sql)

    return run
