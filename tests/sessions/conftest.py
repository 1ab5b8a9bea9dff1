"""An account in which everything occurs, for the tests that only read it."""

from uuid import uuid4

import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.store.database import Database
from session_graph.store.models import Account
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
