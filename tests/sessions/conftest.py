"""An account with sessions of every kind, for tests that only read."""

from uuid import uuid4

import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.varied import Row, make_varied, read_plain


@pytest.fixture(scope="session")
async def varied(database: Database) -> Account:
    """Return the account; tests read it and never change it."""
    account = await find_or_create_account(f"varied-{uuid4().hex[:12]}")
    await make_varied(database, account)
    return account


@pytest.fixture(scope="session")
async def plain_rows(database: Database, varied: Account) -> list[Row]:
    """Return the sessions of `varied` as the table has them."""
    return await read_plain(database, varied)
