"""What the tests share: a real PostgreSQL, an account of its own for each test, and callers of every role.

Isolation is the tenant's: a test sees nothing of another's account, writes are really committed, and other connections
see them. `SESSION_GRAPH_TEST_DATABASE_URL` names a server to use instead of the embedded one; databases are made in it.
"""

import os
import zoneinfo
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import hypothesis
import orjson
import pytest

from session_graph.access import authentication_cache
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.errors import Problem
from session_graph.http.app import create_app
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.importing import import_sessions
from session_graph.sessions.recording import Status
from session_graph.settings import Settings, load_settings
from session_graph.store.database import Connection, Database, open_database
from session_graph.store.embedded.server import start_embedded
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.databases import own_database
from support.live import Served, serving
from support.records import make_agent
from support.statements import Statements

zoneinfo.reset_tzpath(())
"""The zones that tests compute with come from the package `tzdata` alone, not from the operating system."""
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server in which databases can be made."""
    if given := os.environ.get("SESSION_GRAPH_TEST_DATABASE_URL"):
        yield given
        return
    with start_embedded(tmp_path_factory.mktemp("home")) as server:
        yield server.url


@pytest.fixture(scope="session", autouse=True)
def short_admissions() -> Iterator[None]:
    """In this process a key is kept, and waited for where it ends, for less than a test would notice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authentication_cache, "KEPT_SECONDS", 0.05)
        yield


@pytest.fixture(scope="session")
async def database_url(server_url: str, anyio_backend: str) -> AsyncIterator[str]:
    """A migrated database that is dropped at the end."""
    async with own_database(server_url) as url:
        yield url


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Return settings with time and budget enough for hundreds of requests at once on a busy machine."""
    return load_settings(
        pool_max_size=5,
        statement_timeout_ms=30_000,
        budget_capacity=10**9,
        heavy_waiting=1000,
        heavy_wait_seconds=30,
        home=Path("nowhere"),
    )


@pytest.fixture(scope="session")
def all_statements() -> Statements:
    return Statements()


@pytest.fixture(scope="session")
async def database(database_url: str, settings: Settings, all_statements: Statements) -> AsyncIterator[Database]:
    async def on_connect(connection: Connection) -> None:
        connection.add_query_logger(all_statements.note)

    opened = await open_database(database_url, settings, on_connect)
    yield opened
    await opened.close()


@pytest.fixture
def statements(all_statements: Statements) -> Statements:
    """What the test's statements are, from here on."""
    all_statements.clear()
    return all_statements


@pytest.fixture
async def account(database: Database) -> Account:
    return await find_or_create_account(f"a{uuid4().hex[:12]}")


@pytest.fixture(scope="session")
async def client(database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks HTTP with the application, without a network."""
    app = create_app(settings, database)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
            yield opened


MakeCaller = Callable[..., Awaitable[Caller]]


@pytest.fixture
def caller(client: httpx.AsyncClient, account: Account) -> MakeCaller:
    """`await caller(Role.PARTNER, integrations=["crm"])`: somebody who asks for the test's account."""

    async def make(role: Role = Role.ADMIN, of: Account | None = None, **limits: Any) -> Caller:
        return await make_caller(client, of or account, role, limits)

    return make


@pytest.fixture(scope="session")
async def star(database: Database, shared: Path) -> Account:
    """An account with the 4,143 real conversations; read, never changed."""
    folder = shared / "data" / "star"
    account = await find_or_create_account("star")
    agents = [parse_agent(agent) for agent in orjson.loads((folder / "agents.json").read_bytes())]
    await create_missing_agents(account.id, agents)

    def refuse(number: int, problem: Problem) -> None:
        raise AssertionError(f"line {number}: {problem}")

    tally = await import_sessions(database, account.id, folder / "sessions.jsonl.gz", refuse, lambda read: None)
    assert tally.counts == {Status.RECORDED: 4143}
    return account


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the specification and the real conversations."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the folder {SHARED.name} beside the project")
    return SHARED


@pytest.fixture(scope="module")
async def served(database: Database, database_url: str, settings: Settings) -> AsyncIterator[Served]:
    """The application behind a real server, for subscriptions."""
    async with serving(database, database_url, settings) as served:
        yield served


@pytest.fixture
async def bistro(account: Account) -> Account:
    """An account with an agent."""
    await make_agent(account)
    return account
