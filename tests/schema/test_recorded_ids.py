"""An id names one object of an account: a recorded session cannot take that of the account, an agent or an export."""

from typing import Any
from uuid import uuid4

import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import record_sessions
from session_graph.store.database import Database
from session_graph.store.models import Account, Session
from support.api import Caller
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, make_agent
from support.reports import ask_for_report

pytestmark = pytest.mark.anyio

RECORD = """mutation ($input: RecordSessionInput!) {
  recordSession(input: $input) { session { id } errors { code message path } }
}"""
NODE = "query ($id: ID!) { node(id: $id) { __typename } nodes(ids: [$id]) { __typename } }"
RECORDED: dict[str, Any] = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS}


@pytest.fixture
async def taken(account: Account, caller: MakeCaller) -> dict[str, str]:
    """The ids of the account's objects, by their type."""
    agent = await make_agent(account)
    export_id = await ask_for_report(await caller(Role.ADMIN, email="ana@example.com"))
    return {"Account": str(account.id), "Agent": str(agent.id), "SessionExport": export_id}


@pytest.fixture
async def recorder(caller: MakeCaller) -> Caller:
    return await caller(Role.RECORDER)


@pytest.mark.parametrize("when_known", ["CONFLICT", "AMEND"])
@pytest.mark.parametrize("kind", ["Account", "Agent", "SessionExport"])
async def test_a_recorder_cannot_take_over_the_id_of_another_object(
    taken: dict[str, str], recorder: Caller, caller: MakeCaller, account: Account, kind: str, when_known: str
) -> None:
    answer = await recorder(RECORD, input={**RECORDED, "id": taken[kind], "whenKnown": when_known})

    payload = answer.data["recordSession"]
    assert payload["session"] is None
    assert [(error["code"], error["path"]) for error in payload["errors"]] == [("CONFLICT", ["input", "id"])]
    assert "is already the id of another object of this account" in payload["errors"][0]["message"]
    assert await Session.filter(account_id=account.id).count() == 0
    found = (await (await caller(Role.ADMIN))(NODE, id=taken[kind])).data
    assert found == {"node": {"__typename": kind}, "nodes": [{"__typename": kind}]}


async def test_the_others_of_a_batch_are_recorded(taken: dict[str, str], account: Account, database: Database) -> None:
    records = [parse_record({**RECORDED, "units": units, "id": id_}) for units, id_ in enumerate(taken.values(), 1)]
    records.append(parse_record({**RECORDED, "sourceId": "1", "source": "retell", "units": 9}))

    outcomes = await record_sessions(database, account.id, records)

    assert [outcome.status for outcome in outcomes] == ["REFUSED"] * 3 + ["RECORDED"]


async def test_the_id_of_another_accounts_agent_is_free_and_tells_nothing(
    taken: dict[str, str], caller: MakeCaller
) -> None:
    other = await find_or_create_account(f"other-{uuid4().hex[:12]}")
    await make_agent(other)
    elsewhere = await caller(Role.RECORDER, of=other)

    for id_ in taken.values():
        assert (await elsewhere(RECORD, input={**RECORDED, "id": id_})).data["recordSession"]["errors"] == []
