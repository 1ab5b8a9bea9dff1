"""What the probe of a database says: whether it can be used, whether it takes changes, and why not."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from session_graph.settings import load_settings
from session_graph.store import readiness
from session_graph.store.connections import Limits
from session_graph.store.database import Database
from session_graph.store.migration import migrate
from session_graph.store.readiness import Readiness, ReadinessProbe
from support.databases import connected, empty_database

pytestmark = pytest.mark.anyio

LIMITS = Limits.of(load_settings())


@pytest.fixture
async def own_url(server_url: str) -> AsyncIterator[str]:
    """A migrated database of this test's own."""
    async with empty_database(server_url) as url:
        await migrate(url)
        yield url


async def check(url: str) -> Readiness:
    probe = ReadinessProbe(url, LIMITS)
    try:
        return await probe.check()
    finally:
        probe.close()


async def test_a_database_that_answers_and_takes_changes_is_ready(own_url: str) -> None:
    assert await check(own_url) == Readiness(True, True)


async def test_a_read_only_database_is_ready_and_takes_no_changes(own_url: str) -> None:
    async with connected(own_url) as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f'alter database "{name}" set default_transaction_read_only = on')

    assert await check(own_url) == Readiness(True, False, readiness.READ_ONLY)


async def test_a_database_without_room_says_so_for_a_while(own_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = ReadinessProbe(own_url, LIMITS)
    probe.note_full()
    assert await probe.check() == Readiness(True, False, readiness.FULL)

    monkeypatch.setattr(readiness, "REMEMBER_FULL_SECONDS", 0.0)
    assert await probe.check() == Readiness(True, True)
    probe.close()


DISK_FULL = "do $$ begin raise exception 'no space left' using errcode = 'disk_full'; end $$"


@pytest.mark.parametrize("way", ["execute", "fetch", "fetchrow", "transaction"])
async def test_a_change_that_finds_no_room_is_remembered_however_it_was_made(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(database._probe, "_full_at", -readiness.REMEMBER_FULL_SECONDS)  # put back afterwards

    with pytest.raises(asyncpg.DiskFullError):
        await run(database, way, DISK_FULL)

    assert (await database.check_readiness()).reason == readiness.FULL


async def run(database: Database, way: str, sql: str) -> None:
    if way == "transaction":
        async with database.transaction() as connection:
            await connection.execute(sql)
    else:
        await getattr(database, way)(sql)


async def test_an_older_database_is_not_ready(own_url: str) -> None:
    async with connected(own_url) as connection:
        await connection.execute("delete from schema_migration where name = (select max(name) from schema_migration)")

    assert await check(own_url) == Readiness(False, False, readiness.BEHIND)


async def test_an_address_without_a_server_is_not_ready() -> None:
    found = await check("postgresql://nobody@127.0.0.1:1/none")

    assert not found.is_ready
    assert found.reason == "The database cannot be reached: NotConnected."


async def test_the_connection_is_kept_and_replaced_when_the_server_closes_it(own_url: str) -> None:
    probe = ReadinessProbe(own_url, LIMITS)
    count = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    async with connected(own_url) as connection:
        assert [(await probe.check()).is_ready for _ in range(3)] == [True] * 3
        assert await connection.fetchval(count) == 1
        await connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )

        assert (await probe.check()).is_ready
    probe.close()
