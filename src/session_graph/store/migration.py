"""The migrations: numbered, hand-written SQL files, each run once and in order. `models` only maps their tables.

A statement ends with a semicolon at the end of a line that is followed by an empty line or the end of the file. A line
of its own may say how the file runs and what it does to servers that are older than it:

    -- breaks: older versions               no version that does not have this file works with the schema afterwards
    -- breaks: versions before 0014_name    no version that does not have that file does
    -- runs: outside a transaction          for `create index concurrently`; a run that failed half-way is repeated

The mark is kept in `schema_migration`, because an older version reads that table and has never seen the file.
`docs/decisions/0030-a-schema-serves-two-versions.md` says what a migration may do.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from time import monotonic

import asyncpg

from session_graph.errors import StoreError
from session_graph.store.connections import END_IDLE_TRANSACTION, connect
from session_graph.store.locks import AdvisoryLock, try_lock

LOGGER = logging.getLogger(__name__)

UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)
"""What connecting raises if there is no server, if it refuses the login, or if its URL is malformed."""
OLDEST_SERVER = 150_000
LOCK_SECONDS = 60.0
"""How long a migration is tried again while others use its tables."""
LOCK_TIMEOUT_MS = 2_000
"""How long one try waits for a table. Every statement that comes after it waits as well, so this is short."""
PEER_SECONDS = 600.0
"""How long to wait for another process that migrates the same database."""
POLL_SECONDS = 0.1

_APPLIED = "select m.name, to_jsonb(m) ->> 'breaks_before' as breaks_before from schema_migration m"
"""Also for a table that has no such column yet."""
_HAS_HISTORY = """
select exists (select from pg_attribute a where a.attrelid = to_regclass('schema_migration')
    and a.attname = 'breaks_before' and not a.attisdropped)
"""
_HISTORY_TABLE = (
    """
create table if not exists schema_migration (
    name text primary key,
    applied_at timestamptz not null default now(),
    breaks_before text
)
""",
    "alter table schema_migration add column if not exists breaks_before text",
)
_RECORD = "insert into schema_migration (name, breaks_before) values ($1, $2)"

_BREAKS = re.compile(r"^-- breaks: (?:older versions|versions before (\d{4}_\w+))\b", re.MULTILINE)
_ALONE = re.compile(r"^-- runs: outside a transaction\b", re.MULTILINE)

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.ReadOnlySQLTransactionError, "the database is read-only or a standby; migrate the primary server"),
    (asyncpg.InsufficientPrivilegeError, "the role needs more rights on the schema and its tables"),
    (asyncpg.LockNotAvailableError, "other connections use its tables for too long; end them or try again later"),
    (asyncpg.QueryCanceledError, "it was cancelled, by hand or by a time limit of the server or a pooler"),
    (asyncpg.DiskFullError, "the disk of the database is full"),
)


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str

    @property
    def statements(self) -> list[str]:
        return [s.strip() for s in re.split(r";[ \t]*\n(?=\s*(?:\n|\Z))", self.sql) if _has_code(s)]

    @property
    def breaks_before(self) -> str | None:
        """Return the name of the migration that a version must have to work with the schema; None if any does."""
        mark = _BREAKS.search(self.sql)
        return mark and (mark[1] or self.name)

    @property
    def rewrites(self) -> bool:
        """Return whether stored sessions are to be rewritten after the migration."""
        return "insert into data_rewrite" in self.sql

    @property
    def is_alone(self) -> bool:
        """Return whether the statements run outside a transaction."""
        return bool(_ALONE.search(self.sql))


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The migrations of this version that have not run, and those that ran and that it does not know."""

    pending: Sequence[Migration]
    newer: Sequence[str]


def _has_code(statement: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in statement.splitlines())


def list_migrations() -> list[Migration]:
    """Return all migrations of this version, oldest first."""
    folder = resources.files("session_graph.store") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in files]


async def migrate(url: str) -> list[str]:
    """Bring the database up to date and return the names of the migrations that ran. Safe to call concurrently.

    Change nothing if the schema is up to date, so that a standby can be served. Raises StoreError if the server cannot
    be reached or is too old, if a migration fails, or if a newer migration breaks this version.
    """
    async with _connected(url) as connection, _explained("The schema cannot be brought up to date"):
        if not (await _read_state(connection, warn=True)).pending:
            return []
        await _prepare_history(connection)
        return [each.name for each in await pending(connection) if await _run_patiently(url, connection, each)]


async def check_schema(url: str) -> SchemaState:
    """Return what `migrate` would find, and change nothing. Raises StoreError as `migrate` does."""
    async with _connected(url) as connection, _explained("The schema cannot be read"):
        return await _read_state(connection, warn=True)


async def pending(connection: asyncpg.Connection) -> Sequence[Migration]:
    """Return the migrations that have not run yet. Raises StoreError if one that ran breaks this version."""
    return (await _read_state(connection)).pending


async def _read_state(connection: asyncpg.Connection, *, warn: bool = False) -> SchemaState:
    """Compare the list of migrations with this version's. Log if it is newer and `warn` is set."""
    known = list_migrations()
    try:
        applied = {row["name"]: row["breaks_before"] for row in await connection.fetch(_APPLIED)}
    except asyncpg.UndefinedTableError:
        return SchemaState(known, [])
    state = SchemaState(
        [migration for migration in known if migration.name not in applied],
        sorted(applied.keys() - {migration.name for migration in known}),
    )
    if breaking := [name for name in state.newer if (applied[name] or "") > known[-1].name]:
        raise StoreError(
            f"The database was migrated by a newer version (it has {breaking[-1]}), and this version does not work with"
            " that schema. Upgrade session-graph."
        )
    if state.newer and state.pending:
        raise StoreError(
            f"The database has {state.newer[-1]}, which this version does not know, and lacks {state.pending[0].name}."
            " Use a version that has both."
        )
    if state.newer and warn:
        LOGGER.warning("The schema is newer than this version (it has %s); this version works with it", state.newer[-1])
    return state


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection to a server that is new enough. Raises StoreError if there is none."""
    try:
        connection = await connect(
            url, server_settings={"application_name": "session_graph migrate"}, statement_cache_size=0
        )
    except UNREACHABLE as error:
        raise StoreError(f"The database cannot be reached: {str(error) or type(error).__name__}") from error
    try:
        async with _explained("The database cannot be used"):
            await _check_server(connection)
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def _explained(failure: str) -> AsyncIterator[None]:
    """Raise StoreError with the reason for what PostgreSQL refuses, and for a connection that is lost."""
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        said = str(error) or type(error).__name__
        reasons = [reason for kind, reason in _REASONS if isinstance(error, kind)]
        raise StoreError(f"{failure}: {reasons[0]} ({said})." if reasons else f"{failure}: {said}.") from error


async def _prepare_history(connection: asyncpg.Connection) -> None:
    """Create the list of migrations, or add what an older version's list does not have."""
    if not await connection.fetchval(_HAS_HISTORY):
        async with _locked_transaction(connection):
            for statement in _HISTORY_TABLE:
                await connection.execute(statement)


@asynccontextmanager
async def _locked_transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Open a transaction that holds the migration lock, and whose other locks are waited for briefly.

    Each try is a transaction of its own: one that waited for the lock would keep its snapshot, and `create index
    concurrently` in the process that has the lock would wait for that.
    """
    deadline = monotonic() + PEER_SECONDS
    while True:
        async with connection.transaction():
            if await try_lock(connection, AdvisoryLock.MIGRATION):
                await connection.execute(END_IDLE_TRANSACTION)
                await connection.execute("set local statement_timeout = 0")
                await connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}")
                yield
                return
        if monotonic() > deadline:
            raise StoreError(f"Another process has been migrating the database for {PEER_SECONDS:.0f} seconds.")
        await asyncio.sleep(POLL_SECONDS)


async def _run_patiently(url: str, connection: asyncpg.Connection, migration: Migration) -> bool:
    """Run the migration, again while others hold its tables. Return False if another process has run it."""
    deadline = monotonic() + LOCK_SECONDS
    async with _explained(
        f"The migration {migration.name} did not run, and the next `session-graph migrate` goes on with it"
    ):
        while True:
            try:
                async with _locked_transaction(connection):
                    if migration not in await pending(connection):
                        return False
                    await (
                        _run_alone(url, connection, migration) if migration.is_alone else _run(connection, migration)
                    )
                    await connection.execute(_RECORD, migration.name, migration.breaks_before)
                return True
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                if monotonic() > deadline:
                    raise
                LOGGER.warning("The migration %s waits for tables that others use", migration.name)
                await asyncio.sleep(POLL_SECONDS)


async def _run(connection: asyncpg.Connection, migration: Migration) -> None:
    for statement in migration.statements:
        await connection.execute(statement)


async def _run_alone(url: str, holder: asyncpg.Connection, migration: Migration) -> None:
    """Run the statements on a connection of their own, while the transaction of `holder` waits and holds the lock."""
    await holder.execute("set local idle_in_transaction_session_timeout = 0")
    async with _connected(url) as connection:
        await connection.execute("set statement_timeout = 0")
        try:
            await _run(connection, migration)
        finally:
            if not connection.is_closed():
                await connection.execute("reset statement_timeout")  # a pooler would lend the connection as it is


async def _check_server(connection: asyncpg.Connection) -> None:
    version, encoding = await connection.fetchrow(
        "select current_setting('server_version_num')::integer, current_setting('server_encoding')"
    ) or (0, "")
    if version < OLDEST_SERVER:
        raise StoreError(f"PostgreSQL 15 or newer is required; this server is {version // 10000}.")
    if encoding != "UTF8":
        raise StoreError(f"The database must be in UTF8; this one is in {encoding}. Create one with `encoding 'UTF8'`.")
