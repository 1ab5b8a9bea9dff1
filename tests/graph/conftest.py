"""What the tests of subscriptions share: the application behind a real server, and an account with an agent."""

from collections.abc import AsyncIterator

import pytest

from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.live import Served, serving
from support.records import make_agent


@pytest.fixture(scope="module")
async def served(database: Database, database_url: str, settings: Settings) -> AsyncIterator[Served]:
    async with serving(database, database_url, settings) as served:
        yield served


@pytest.fixture
async def bistro(account: Account) -> Account:
    await make_agent(account)
    return account
