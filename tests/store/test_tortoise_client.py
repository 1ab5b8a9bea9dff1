"""A transaction that cannot begin leaves nothing behind."""

from typing import Any

import asyncpg
import pytest
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.connection import get_connection
from tortoise.exceptions import BaseORMException

from session_graph.store.database import Database
from session_graph.store.tortoise_client import PoolClient

pytestmark = pytest.mark.anyio


async def test_a_server_that_closes_the_connection_while_it_begins_is_asked_by_another_afterwards(
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


async def test_text_that_the_database_writes_of_an_instant_is_iso_whatever_the_server_prefers(
    database: Database,
) -> None:
    for run in (database.fetchrow, _within_a_transaction(database)):
        row = await run("select current_setting('datestyle') as style, current_setting('timezone') as zone")
        assert row
        assert row["style"].startswith("ISO")
        assert row["zone"] == "UTC"


def _within_a_transaction(database: Database) -> Any:
    async def run(sql: str) -> Any:
        async with database.transaction() as connection:
            return await connection.fetchrow(sql)

    return run
