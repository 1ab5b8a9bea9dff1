"""Each migration runs once, completely or not at all, also concurrently; and the schema keeps our rules."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import chain

import asyncpg
import pytest

from session_graph.errors import StoreError
from session_graph.store.migration import Migration, list_migrations, migrate, pending
from support.databases import connected, empty_database

pytestmark = pytest.mark.anyio

NAMES = [migration.name for migration in list_migrations()]
DIRECTORY = (
    *("account", "api_key", "signing_key", "schema_migration", "data_rewrite"),
    *("event_history", "event_compaction"),
)
"""Tables that are read before the account is known, or that concern the whole server, and so not tenant tables."""

_TENANT_TABLES = "select c.oid from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"


@dataclass(frozen=True, slots=True)
class Empty:
    url: str
    connection: asyncpg.Connection

    async def names(self, sql: str) -> list[str]:
        return [row[0] for row in await self.connection.fetch(sql)]

    async def done(self) -> list[str]:
        return await self.names("select m.name from schema_migration m order by m.name")

    async def has(self, table: str) -> bool:
        return bool(await self.connection.fetchval("select to_regclass($1) is not null", table))


@pytest.fixture
async def empty(server_url: str) -> AsyncIterator[Empty]:
    async with empty_database(server_url) as url, connected(url) as connection:
        yield Empty(url, connection)


@pytest.fixture(scope="module")
async def migrated(server_url: str, anyio_backend: str) -> AsyncIterator[Empty]:
    """Read, never changed."""
    async with empty_database(server_url) as url, connected(url) as connection:
        await migrate(url)
        yield Empty(url, connection)


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [name[:5] for name in NAMES] == [f"{number:04}_" for number in range(1, len(NAMES) + 1)]
    assert all(re.fullmatch(r"\d{4}(_[a-z]+)+", name) for name in NAMES)


async def test_an_empty_database_is_brought_up_to_date_and_stays_so(empty: Empty) -> None:
    assert await migrate(empty.url) == NAMES
    assert await empty.done() == NAMES
    assert await migrate(empty.url) == []
    assert await pending(empty.connection) == []


async def test_four_processes_at_once_run_each_migration_once(empty: Empty) -> None:
    ran = await asyncio.gather(*(migrate(empty.url) for _ in range(4)))

    assert sorted(chain.from_iterable(ran)) == NAMES
    assert await empty.done() == NAMES


async def test_a_migration_that_fails_half_way_leaves_nothing_of_itself(empty: Empty) -> None:
    """A table of the same name makes the second statement of 0004_sessions fail."""
    await empty.connection.execute("create table transcript (id integer)")

    with pytest.raises(asyncpg.DuplicateTableError):
        await migrate(empty.url)

    assert await empty.done() == NAMES[:3]
    assert await empty.has("agent")
    assert not await empty.has("session")
    await empty.connection.execute("drop table transcript")
    assert await migrate(empty.url) == NAMES[3:]


async def test_a_migration_whose_process_dies_leaves_nothing_of_itself(empty: Empty) -> None:
    """It waits for a lock on the table of agents, after it has created the table of sessions."""
    await _run_by_hand(empty, 3)
    async with empty.connection.transaction():
        await empty.connection.execute("lock table agent in access exclusive mode")
        migrating = asyncio.create_task(migrate(empty.url))
        async with connected(empty.url) as other:
            await other.execute("select pg_terminate_backend($1)", await _who_waits_for(empty, other))
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await migrating

    assert await empty.done() == NAMES[:3]
    assert not await empty.has("session")
    assert await migrate(empty.url) == NAMES[3:]


async def _run_by_hand(empty: Empty, count: int) -> None:
    await empty.connection.execute("create table schema_migration (name text primary key, applied_at timestamptz)")
    for migration in list_migrations()[:count]:
        for statement in migration.statements:
            await empty.connection.execute(statement)
        await empty.connection.execute("insert into schema_migration (name) values ($1)", migration.name)


async def _who_waits_for(empty: Empty, other: asyncpg.Connection) -> int:
    pid = empty.connection.get_server_pid()
    async with asyncio.timeout(10):
        while not (waiting := await other.fetchval(_WAITING, pid)):
            await other.execute("select pg_sleep(0.01)")
    return int(waiting)


_WAITING = "select a.pid from pg_stat_activity a where $1 = any(pg_blocking_pids(a.pid))"


async def test_a_schema_of_a_newer_version_is_refused(empty: Empty) -> None:
    await migrate(empty.url)
    await empty.connection.execute("insert into schema_migration (name) values ('9999_of_the_future')")

    with pytest.raises(StoreError, match=r"9999_of_the_future.*Upgrade session-graph"):
        await migrate(empty.url)


async def test_a_database_in_another_encoding_is_refused(server_url: str) -> None:
    async with empty_database(server_url, "encoding 'SQL_ASCII' locale 'C' template template0") as url:
        with pytest.raises(StoreError, match="must be in UTF8; this one is in SQL_ASCII"):
            await migrate(url)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        ("-- only a comment\n", []),
        ("select 1;\n", ["select 1"]),
        ("select 1;", ["select 1;"]),
        ("-- why\n\nselect 1;\n\nselect 2;\n", ["-- why\n\nselect 1", "select 2"]),
        ("select 1;  \n\n\nselect 2;\n", ["select 1", "select 2"]),
        ("select 1;\nselect 2;\n", ["select 1;\nselect 2"]),
        ("select ';\n;' ;\n\nselect 2;\n", ["select ';\n;' ", "select 2"]),
        (
            "do $$\nbegin\n    a;\n    b;\nend\n$$;\n\nselect 2;\n",
            ["do $$\nbegin\n    a;\n    b;\nend\n$$", "select 2"],
        ),
        ("begin atomic\n    select 1;\nend;\n", ["begin atomic\n    select 1;\nend"]),
        ("select 1;\n\n-- the end\n", ["select 1"]),
    ],
)
def test_a_statement_ends_with_a_semicolon_before_an_empty_line(sql: str, expected: list[str]) -> None:
    assert Migration("x", sql).statements == [statement.strip() for statement in expected]


@pytest.mark.parametrize("migration", list_migrations(), ids=NAMES)
def test_each_part_of_a_migration_is_one_statement(migration: Migration) -> None:
    starts = [re.sub(r"(--[^\n]*\s*)+", "", statement).split()[0] for statement in migration.statements]

    assert starts
    assert set(starts) <= {"create", "alter", "insert", "update", "drop", "do", "comment"}
    assert "".join("".join(migration.statements).split()) == re.sub(r";(?=\n(?:\n|\Z))|\s", "", migration.sql)


async def test_there_are_no_triggers(migrated: Empty) -> None:
    assert await migrated.names("select t.tgname from pg_trigger t where not t.tgisinternal") == []


async def test_every_unique_index_of_a_tenants_table_starts_with_the_account(migrated: Empty) -> None:
    first_columns = await migrated.connection.fetch(
        f"select c.relname, i.indexrelid::regclass::text as index, a.attname from pg_index i"
        f" join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
        f" where i.indisunique and c.oid in ({_TENANT_TABLES}) and c.relname <> all($1)",
        DIRECTORY,
    )

    assert {row["relname"] for row in first_columns} >= {"agent", "session", "transcript", "session_change"}
    assert [row["index"] for row in first_columns if row["attname"] != "account_id"] == []


async def test_every_tenants_table_starts_with_the_account_and_so_does_its_key(migrated: Empty) -> None:
    tables = await migrated.connection.fetch(
        "select c.relname, (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = 1) as first,"
        " exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) as has_key"
        f" from pg_class c where c.oid in ({_TENANT_TABLES}) and c.relname <> all($1)",
        DIRECTORY,
    )

    assert [row["relname"] for row in tables if row["first"] != "account_id"] == []
    assert {row["relname"] for row in tables if not row["has_key"]} <= LOGS


LOGS = {"export_download"}
"""Tables whose rows are only added, and that no other table refers to."""


async def test_every_index_that_reads_sessions_in_an_order_starts_with_the_account(migrated: Empty) -> None:
    elsewhere = await migrated.connection.fetch(
        "select i.indexrelid::regclass::text as index from pg_index i"
        " join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam and m.amname = 'btree'"
        " join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]"
        " where i.indrelid::regclass::text = any($1) and a.attname <> 'account_id'",
        ["agent", "session", "transcript", "session_change"],
    )

    assert elsewhere == []


async def test_every_reference_between_tenants_tables_is_within_the_account(migrated: Empty) -> None:
    references = await migrated.connection.fetch(
        "select k.conname, k.confrelid::regclass::text as to, array(select a.attname::text from unnest(k.conkey) n"
        " join pg_attribute a on a.attrelid = k.conrelid and a.attnum = n) as columns"
        " from pg_constraint k where k.contype = 'f'"
    )

    assert {row["to"] for row in references} >= {"account", "agent", "session"}
    assert [row["conname"] for row in references if row["columns"][0] != "account_id"] == []


async def test_no_extension_is_required(migrated: Empty) -> None:
    """Only pg_trgm is used, and only if the server offers it."""
    assert set(await migrated.names("select e.extname from pg_extension e")) <= {"plpgsql", "pg_trgm"}


async def test_every_metric_is_computed_by_a_function_that_a_dump_keeps_whole(migrated: Empty) -> None:
    """`begin atomic` resolves names when the function is created, so restoring does not depend on a search path."""
    functions = await migrated.connection.fetch(
        "select p.proname, p.prosqlbody is not null as bound, p.provolatile::text as kind from pg_proc p"
        " where p.pronamespace = 'public'::regnamespace"
        " and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
    )

    assert {row["proname"] for row in functions} >= {"lead_value_of", "success_of", "asr_of", "additional_deals_of"}
    assert [row["proname"] for row in functions if not row["bound"] or row["kind"] != "i"] == []
