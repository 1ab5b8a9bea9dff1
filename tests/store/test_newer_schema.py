"""Two versions on one database: which schemas a version works with, and what it says of the others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from session_graph.errors import StoreError
from session_graph.store import migration
from session_graph.store.migration import Migration, check_schema, list_migrations, migrate, pending
from support.databases import connected, empty_database

pytestmark = pytest.mark.anyio

COMPATIBLE = Migration("9001_adds_a_mood", "alter table session add column mood text;\n")
BREAKING = Migration("9002_drops_a_mood", "-- breaks: older versions\n\nalter table session drop column comment;\n")
WAITS = "select exists (select from pg_locks l where not l.granted)"
OWN = list_migrations()

Upgrade = Callable[..., None]


@pytest.fixture
async def url(server_url: str) -> AsyncIterator[str]:
    async with empty_database(server_url) as made:
        yield made


@pytest.fixture
def version_with(monkeypatch: pytest.MonkeyPatch) -> Upgrade:
    """`version_with(*migrations)` makes this version one that has these too; without any, the version that it is."""

    def change(*more: Migration) -> None:
        monkeypatch.setattr(migration, "list_migrations", lambda: [*OWN, *more])

    return change


async def test_a_version_goes_back_to_work_after_a_newer_one_that_breaks_nothing(
    url: str, version_with: Upgrade, caplog: pytest.LogCaptureFixture
) -> None:
    version_with(COMPATIBLE)
    await migrate(url)
    version_with()

    assert await migrate(url) == []

    assert "9001_adds_a_mood" in caplog.text
    async with connected(url) as connection:
        assert await pending(connection) == []
    version_with(COMPATIBLE)
    assert await migrate(url) == []


async def test_a_version_refuses_a_schema_that_a_newer_one_says_it_cannot_use(url: str, version_with: Upgrade) -> None:
    version_with(COMPATIBLE, BREAKING)
    await migrate(url)
    version_with()

    for use in (migrate, check_schema):
        with pytest.raises(StoreError, match=r"it has 9002_drops_a_mood.*Upgrade session-graph"):
            await use(url)
    async with connected(url) as connection:
        with pytest.raises(StoreError, match="Upgrade session-graph"):
            await pending(connection)


async def test_a_migration_can_break_only_the_versions_before_the_last_but_one(url: str, version_with: Upgrade) -> None:
    """A column is removed in two steps: one version no longer uses it, the next one drops it."""
    drops = "-- breaks: versions before 9001_adds_a_mood\n\nalter table session drop column comment;\n"
    contracting = Migration("9002_contracts", drops)
    version_with(COMPATIBLE, contracting)
    await migrate(url)

    version_with(COMPATIBLE)
    assert await migrate(url) == []

    version_with()
    with pytest.raises(StoreError, match="9002_contracts"):
        await migrate(url)


async def test_a_list_of_migrations_without_marks_gets_them_with_the_next_migration(
    url: str, version_with: Upgrade
) -> None:
    async with connected(url) as connection:
        await migrate(url)
        await connection.execute("alter table schema_migration drop column breaks_before")

        assert await migrate(url) == []
        assert await pending(connection) == []

        version_with(COMPATIBLE, BREAKING)
        assert await migrate(url) == [COMPATIBLE.name, BREAKING.name]
        marks = await connection.fetch("select m.name, m.breaks_before from schema_migration m where m.name > '9'")
    assert sorted(map(tuple, marks)) == [(COMPATIBLE.name, None), (BREAKING.name, BREAKING.name)]


async def test_a_schema_that_forked_is_refused(url: str, version_with: Upgrade) -> None:
    version_with(BREAKING)
    await migrate(url)
    version_with(COMPATIBLE)

    with pytest.raises(StoreError, match=r"9002_drops_a_mood|lacks 9001_adds_a_mood"):
        await migrate(url)


async def test_an_old_and_a_new_version_that_migrate_at_once_both_succeed(
    url: str, version_with: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = iter([OWN])
    monkeypatch.setattr(migration, "list_migrations", lambda: next(lists, [*OWN, COMPATIBLE]))

    ran = await asyncio.gather(*(migrate(url) for _ in range(3)))

    assert sorted(name for names in ran for name in names) == [*(each.name for each in OWN), COMPATIBLE.name]


async def test_a_read_only_database_serves_a_schema_that_is_up_to_date_and_explains_what_it_cannot_migrate(
    url: str, version_with: Upgrade
) -> None:
    await migrate(url)
    async with connected(url) as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f'alter database "{name}" set default_transaction_read_only = on')

    assert await migrate(url) == []
    version_with(COMPATIBLE)
    with pytest.raises(StoreError, match=r"9001_adds_a_mood did not run.*read-only or a standby"):
        await migrate(url)


async def test_a_role_that_may_not_create_tables_is_explained(url: str) -> None:
    role = f"reader_{uuid4().hex}"
    async with connected(url) as connection:
        await connection.execute(f'create role "{role}" login')
        try:
            as_role = f"{url}{'&' if urlsplit(url).query else '?'}role={role}"
            with pytest.raises(StoreError, match=r"needs more rights .*permission denied for schema public"):
                await migrate(as_role)
        finally:
            await connection.execute(f'drop role "{role}"')


async def test_a_time_limit_of_the_role_does_not_hold_for_migrations(url: str, version_with: Upgrade) -> None:
    async with connected(url) as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"alter database \"{name}\" set statement_timeout = '2s'")
    slow = Migration("9001_slow", "select pg_sleep(2.5);\n")
    await migrate(url)
    version_with(slow)

    assert await migrate(url) == [slow.name]


async def test_a_table_in_use_is_waited_for_in_short_tries_and_then_explained(
    url: str, version_with: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(migration, "LOCK_TIMEOUT_MS", 50)
    await migrate(url)
    version_with(COMPATIBLE)
    async with connected(url) as user:
        async with user.transaction():
            await user.execute("select from session")
            with pytest.raises(StoreError, match=r"9001_adds_a_mood did not run.*other connections use its tables"):
                await migrate(url)
            monkeypatch.setattr(migration, "LOCK_SECONDS", 60)
            migrating = asyncio.create_task(migrate(url))
            async with connected(url) as other, asyncio.timeout(30):
                while not await other.fetchval(WAITS):
                    await other.execute("select pg_sleep(0.01)")

        assert await migrating == [COMPATIBLE.name]


async def test_an_index_is_built_beside_writers_and_other_processes_that_migrate(
    url: str, version_with: Upgrade
) -> None:
    """A transaction that waits for the migration lock in a statement would hold up `create index concurrently`."""
    building = Migration(
        "9001_indexes_moods",
        "-- runs: outside a transaction\n\ndrop index concurrently if exists session_mood;\n\n"
        "create index concurrently session_mood on session (account_id, comment);\n",
    )
    await migrate(url)
    version_with(building)

    async with asyncio.timeout(60):
        ran = await asyncio.gather(*(migrate(url) for _ in range(3)))

    assert [name for names in ran for name in names] == [building.name]
    async with connected(url) as connection:
        assert await connection.fetchval(
            "select i.indisvalid from pg_index i where i.indexrelid = 'session_mood'::regclass"
        )


async def test_a_time_limit_of_the_role_does_not_hold_for_a_migration_outside_a_transaction(
    url: str, version_with: Upgrade
) -> None:
    await migrate(url)
    async with connected(url) as connection:
        name = await connection.fetchval("select current_database()")
        await connection.execute(f"alter database \"{name}\" set statement_timeout = '100ms'")
    version_with(Migration("9001_takes_long", "-- runs: outside a transaction\n\nselect pg_sleep(0.5);\n"))

    assert await migrate(url) == ["9001_takes_long"]


async def test_a_server_that_is_lost_in_a_migration_is_explained(url: str, version_with: Upgrade) -> None:
    await migrate(url)
    version_with(Migration("9001_ends", "select pg_terminate_backend(pg_backend_pid());\n"))

    with pytest.raises(
        StoreError, match="9001_ends did not run, and the next `session-graph migrate` goes on"
    ) as refused:
        await migrate(url)

    assert isinstance(refused.value.__cause__, asyncpg.PostgresError | asyncpg.InterfaceError | OSError)
