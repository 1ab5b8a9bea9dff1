"""Fixtures of the export tests: an account in which everything occurs, an owner, an outbox, a worker."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.exports.worker import Worker
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.records import make_agent, record
from support.reports import cancel_everything, working
from support.varied import Row, make_varied, read_plain


@pytest.fixture(scope="session")
async def varied(database: Database) -> Account:
    """Return an account that tests only read."""
    account = await find_or_create_account(f"varied-{uuid4().hex[:12]}")
    await make_varied(database, account)
    return account


@pytest.fixture(scope="session")
async def plain_rows(database: Database, varied: Account) -> list[Row]:
    """Return the sessions of `varied` as they are stored."""
    return await read_plain(database, varied)


@pytest.fixture(autouse=True)
async def nothing_queued(database: Database) -> None:
    """Cancel the exports that other tests have left: workers serve all accounts."""
    await cancel_everything(database)


@pytest.fixture
async def owner(client: httpx.AsyncClient, account: Account, database: Database) -> Caller:
    """Return an ADMIN, with an e-mail address, of an account with one session."""
    await make_agent(account)
    await record(database, account, {})
    return await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})


@pytest.fixture
def outbox(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with an outbox for this test."""
    return settings.model_copy(update={"outbox": tmp_path / "outbox"})


@pytest.fixture
async def worker(database: Database, database_url: str, outbox: Settings) -> AsyncIterator[Worker]:
    """Run a worker that delivers into the outbox."""
    async with working(database, database_url, outbox) as running:
        yield running
