"""What the tests of reports share: an account in which everything occurs, an outbox, a worker."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.exports.worker import Worker
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.reports import cancel_everything, working
from support.varied import Row, make_varied, read_plain


@pytest.fixture(scope="session")
async def varied(database: Database) -> Account:
    """Read, never changed."""
    account = await find_or_create_account(f"varied-{uuid4().hex[:12]}")
    await make_varied(database, account)
    return account


@pytest.fixture(scope="session")
async def plain_rows(database: Database, varied: Account) -> list[Row]:
    """The sessions of `varied` as they stand in the table."""
    return await read_plain(database, varied)


@pytest.fixture(autouse=True)
async def nothing_queued(database: Database) -> None:
    """Workers serve all accounts: what other tests have left is out of the way."""
    await cancel_everything(database)


@pytest.fixture
def outbox(settings: Settings, tmp_path: Path) -> Settings:
    """The settings with an outbox of the test's own."""
    return settings.model_copy(update={"outbox": tmp_path / "outbox"})


@pytest.fixture
async def worker(database: Database, database_url: str, outbox: Settings) -> AsyncIterator[Worker]:
    """Delivers into the outbox."""
    async with working(database, database_url, outbox) as running:
        yield running
