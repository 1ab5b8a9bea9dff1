"""Fixtures of the schema's tests: callers with an account, an agent and a session."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account, Agent
from support.access_matrix import ROLES, Callers
from support.api import Caller, make_caller
from support.records import make_agent, record, state_of
from support.wrong_input import Admin


@pytest.fixture(scope="module")
async def callers(client: httpx.AsyncClient, database: Database) -> Callers:
    account = await find_or_create_account(f"a{uuid4().hex[:12]}")
    agent = await make_agent(account)
    (session,) = await record(database, account, {"externalId": "e1", "integration": "crm", "sessionType": "order"})
    by_role = {role: await make_caller(client, account, role) for role in ROLES}
    return Callers(account, by_role, {"@session": str(session), "@agent": str(agent.id), "@account": str(account.id)})


@pytest.fixture(scope="module")
async def admin(client: httpx.AsyncClient, database: Database) -> Admin:
    account = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_agent(account)
    (session,) = await record(database, account, {"externalId": "e1", "tags": ["old"]})
    caller = await make_caller(client, account, Role.ADMIN, {"email": "petra@example.com"})
    return Admin(client, account, caller.key, str(session))


@pytest.fixture
async def nothing_is_written(admin: Admin, database: Database) -> AsyncIterator[None]:
    before = await state_of(database, admin.account)
    yield
    assert await state_of(database, admin.account) == before


@pytest.fixture
async def agent(account: Account) -> Agent:
    return await make_agent(account)


@pytest.fixture
async def ask(caller: MakeCaller) -> Caller:
    return await caller(Role.ADMIN, name="Petra", email="petra@example.com")
