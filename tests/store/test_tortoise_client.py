"""Tortoise's client: a transaction that cannot begin, and the format of instants."""

from typing import Any

import asyncpg
import pytest
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
