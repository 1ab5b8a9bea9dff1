"""Advisory locks: each number has one purpose."""

import asyncio
from contextvars import Context
from pathlib import Path

import pytest

import session_graph
from session_graph.store import database as database_module
from session_graph.store.background import CONNECTION_ERRORS
from session_graph.store.database import Database, KeepAlive
from session_graph.store.locks import AdvisoryLock, take_lock, try_lock

SOURCE = Path(session_graph.__file__).parent


def test_no_two_locks_have_one_number() -> None:
    assert len({lock.value for lock in AdvisoryLock.__members__.values()}) == len(AdvisoryLock.__members__)


def test_the_number_of_the_migration_lock_is_that_of_every_version() -> None:
    """Processes of an older and of this version may start at once."""
    assert AdvisoryLock.MIGRATION.value == 7_270_201


def test_every_advisory_lock_is_taken_in_one_place() -> None:
    users = {path.name for path in SOURCE.rglob("*.py") if "advisory_xact_lock" in path.read_text("utf-8")}

    assert users == {"locks.py"}


@pytest.mark.anyio
async def test_a_lock_is_held_until_the_end_of_its_transaction_and_holds_up_no_other_lock(database: Database) -> None:
    async def take(lock: AdvisoryLock) -> None:
        async with database.transaction() as connection:
            await take_lock(connection, lock)

    async with database.transaction() as holder:
        await take_lock(holder, AdvisoryLock.DEMO)
        second = asyncio.create_task(take(AdvisoryLock.DEMO), context=Context())
        await asyncio.create_task(take(AdvisoryLock.MIGRATION), context=Context())
        await asyncio.sleep(0.05)
        assert not second.done()

    await second


@pytest.mark.anyio
async def test_trying_a_lock_that_another_transaction_holds_does_not_wait(database: Database) -> None:
    async def try_it() -> bool:
        async with database.transaction() as connection:
            return await try_lock(connection, AdvisoryLock.DEMO)

    async with database.transaction() as holder:
        assert await try_lock(holder, AdvisoryLock.DEMO)
        assert not await asyncio.create_task(try_it(), context=Context())

    assert await try_it()


@pytest.mark.anyio
async def test_every_connection_ends_a_transaction_that_waits_for_its_next_statement(database: Database) -> None:
    sql = "select current_setting('idle_in_transaction_session_timeout')"
    async with database.transaction() as connection:
        assert await connection.fetchval(sql) == "5s"
    row = await database.fetchrow(sql)
    assert row
    assert row[0] == "5s"


@pytest.mark.anyio
async def test_a_transaction_that_waits_for_its_next_statement_is_ended_and_one_that_beats_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BEAT_SECONDS", 0.05)

    async def compute(*, beats: bool) -> None:
        async with database.transaction() as connection:
            await connection.execute("set local idle_in_transaction_session_timeout = '1s'")
            alive = KeepAlive(connection)
            for _ in range(20):
                await asyncio.sleep(0.1)
                if beats:
                    await alive.beat()
            await connection.execute("select 1")

    await compute(beats=True)
    with pytest.raises(CONNECTION_ERRORS):
        await compute(beats=False)
    await compute(beats=True)
