"""The migrations: numbered SQL files, run in order, each once. Hand-written; `models` only maps what they make.

A statement ends with a semicolon at the end of a line that is followed by an empty line or the end of the file.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources

import asyncpg

from session_graph.errors import StoreError
from session_graph.store.locks import AdvisoryLock, take_lock

UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)
"""What connecting raises where there is no server, where it does not let us in, and where its address is none."""
OLDEST_SERVER = 150_000

_DONE = "select name from schema_migration order by name"
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
    """All that this version knows, oldest first."""
    folder = resources.files("session_graph.store") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in files]


async def migrate(url: str) -> list[str]:
    """Bring the database up to date; the names of what was run now. Any number may call it at once.

    Raises StoreError where the server cannot be reached or is too old, or the schema newer than this version.
    """
    try:
        connection = await asyncpg.connect(
            url, server_settings={"application_name": "session_graph migrate"}, statement_cache_size=0
        )
    except UNREACHABLE as error:
        raise StoreError(f"The database cannot be reached: {str(error) or type(error).__name__}") from error
    try:
        await _check_server(connection)
        async with _turn(connection):
            await connection.execute(_HISTORY_TABLE)
        return [migration.name for migration in await pending(connection) if await _run(connection, migration)]
    finally:
        await connection.close()


async def pending(connection: asyncpg.Connection) -> list[Migration]:
    """What has not run yet. Raises StoreError where something ran that this version does not know."""
    known = list_migrations()
    done = {row["name"] for row in await connection.fetch(_DONE)}
    if unknown := done - {migration.name for migration in known}:
        raise StoreError(
            f"The database was migrated by a newer version (it has {max(unknown)}). Upgrade session-graph."
        )
    return [migration for migration in known if migration.name not in done]


@asynccontextmanager
async def _turn(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction, one at a time."""
    async with connection.transaction():
        await take_lock(connection, AdvisoryLock.MIGRATION)
        yield


async def _run(connection: asyncpg.Connection, migration: Migration) -> bool:
    """False where somebody else has run it by the time that it is our turn."""
    async with _turn(connection):
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
        raise StoreError(f"PostgreSQL 15 or newer is needed; this server is {version // 10000}.")
    if encoding != "UTF8":
        raise StoreError(f"The database must be in UTF8; this one is in {encoding}. Create one with `encoding 'UTF8'`.")
