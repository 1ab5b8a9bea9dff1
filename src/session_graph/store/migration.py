"""The migrations: numbered, hand-written SQL files, each run once and in order. `models` only maps their tables.

A statement ends with a semicolon at the end of a line that is followed by an empty line or the end of the file.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources

import asyncpg

from session_graph.errors import StoreError
from session_graph.store.connections import END_IDLE_TRANSACTION, connect
from session_graph.store.locks import AdvisoryLock, take_lock

UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)
"""What connecting raises if there is no server, if it refuses the login, or if its URL is malformed."""
OLDEST_SERVER = 150_000

_APPLIED = "select name from schema_migration order by name"
_HISTORY_TABLE = """
create table if not exists schema_migration (
    name text primary key,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str

    @property
    def statements(self) -> list[str]:
        return [s.strip() for s in re.split(r";[ \t]*\n(?=\s*(?:\n|\Z))", self.sql) if _has_code(s)]


def _has_code(statement: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in statement.splitlines())


def list_migrations() -> list[Migration]:
    """Return all migrations of this version, oldest first."""
    folder = resources.files("session_graph.store") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in files]


async def migrate(url: str) -> list[str]:
    """Bring the database up to date and return the names of the migrations that ran. Safe to call concurrently.

    Raises StoreError if the server cannot be reached or is too old, or if its schema is newer than this version.
    """
    try:
        connection = await connect(
            url, server_settings={"application_name": "session_graph migrate"}, statement_cache_size=0
        )
    except UNREACHABLE as error:
        raise StoreError(f"The database cannot be reached: {str(error) or type(error).__name__}") from error
    try:
        await _check_server(connection)
        async with _locked_transaction(connection):
            await connection.execute(_HISTORY_TABLE)
        return [migration.name for migration in await pending(connection) if await _run(connection, migration)]
    finally:
        await connection.close()


async def pending(connection: asyncpg.Connection) -> list[Migration]:
    """Return the migrations that have not run yet. Raises StoreError if one ran that this version does not know."""
    known = list_migrations()
    applied = {row["name"] for row in await connection.fetch(_APPLIED)}
    if unknown := applied - {migration.name for migration in known}:
        raise StoreError(
            f"The database was migrated by a newer version (it has {max(unknown)}). Upgrade session-graph."
        )
    return [migration for migration in known if migration.name not in applied]


@asynccontextmanager
async def _locked_transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Open a transaction that holds the migration lock."""
    async with connection.transaction():
        await connection.execute(END_IDLE_TRANSACTION)
        await take_lock(connection, AdvisoryLock.MIGRATION)
        yield


async def _run(connection: asyncpg.Connection, migration: Migration) -> bool:
    """Run the migration. Return False if another process has run it while this one waited for the lock."""
    async with _locked_transaction(connection):
        if migration not in await pending(connection):
            return False
        for statement in migration.statements:
            await connection.execute(statement)
        await connection.execute("insert into schema_migration (name) values ($1)", migration.name)
    return True


async def _check_server(connection: asyncpg.Connection) -> None:
    version, encoding = await connection.fetchrow(
        "select current_setting('server_version_num')::integer, current_setting('server_encoding')"
    ) or (0, "")
    if version < OLDEST_SERVER:
        raise StoreError(f"PostgreSQL 15 or newer is required; this server is {version // 10000}.")
    if encoding != "UTF8":
        raise StoreError(f"The database must be in UTF8; this one is in {encoding}. Create one with `encoding 'UTF8'`.")
