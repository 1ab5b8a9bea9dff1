"""What an ADMIN sees of inlets' deliveries, and tries again."""

from typing import Any

import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.ingestion import delivery_list
from session_graph.ingestion.agents import UnknownAgents
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.inlets import deliver, make_source, work_off
from support.payloads import body_of
from support.records import make_agent
from support.statements import Statements

pytestmark = pytest.mark.anyio

FIELDS = """
    id source receivedAt outcome attempts finishedAt sessionIds problems { message path } warnings { message }
    payload payloadBytes
"""
LIST = f"""
query ($first: Int, $after: String, $sources: [String!], $outcomes: [InletOutcome!]) {{
  inletDeliveries(first: $first, after: $after, sources: $sources, outcomes: $outcomes) {{
    nodes {{ {FIELDS} }} edges {{ cursor }} pageInfo {{ hasNextPage hasPreviousPage endCursor }}
  }}
}}
"""
RETRY = """
mutation ($id: ID!) { retryInletDelivery(input: {id: $id}) { delivery { id outcome } errors { code path } } }
"""
ENDED = body_of("retell-ended.json")


async def listed(ask: Caller, **variables: Any) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await ask(LIST, **variables)).data["inletDeliveries"]["nodes"]
    return nodes


async def test_a_delivery_shows_its_payload_and_its_session(ask: Caller, database: Database, account: Account) -> None:
    source = await make_source(account)
    await deliver(database, source, ENDED)
    (waiting,) = await listed(ask)
    await work_off(database)

    (recorded,) = await listed(ask)
    sessions = (await ask("{ sessions { nodes { id } } }")).data["sessions"]["nodes"]

    assert (waiting["outcome"], waiting["finishedAt"], waiting["attempts"]) == ("WAITING", None, 0)
    assert (recorded["source"], recorded["outcome"], recorded["problems"]) == ("calls", "RECORDED", [])
    assert recorded["sessionIds"] == [session["id"] for session in sessions]
    assert (recorded["payload"].encode(), recorded["payloadBytes"]) == (ENDED, len(ENDED))


async def test_a_failure_says_why_and_is_tried_again(ask: Caller, database: Database, account: Account) -> None:
    source = await make_source(account, unknown=UnknownAgents.REFUSE)
    await deliver(database, source, ENDED)
    await work_off(database)
    (failed,) = await listed(ask, outcomes=["FAILED"])
    (problem,) = failed["problems"]
    assert problem["path"][-1] == "agent"
    await make_agent(account, idn=problem["message"].split('"')[1])

    retried = (await ask(RETRY, id=failed["id"])).data["retryInletDelivery"]
    await work_off(database)

    assert retried == {"delivery": {"id": failed["id"], "outcome": "WAITING"}, "errors": []}
    assert [each["outcome"] for each in await listed(ask)] == ["RECORDED"]
    again = (await ask(RETRY, id=failed["id"])).data["retryInletDelivery"]
    assert again["delivery"]["outcome"] == "RECORDED"


async def test_what_cannot_be_read_is_shown(ask: Caller, database: Database, account: Account) -> None:
    source = await make_source(account)
    for body in (b"\xff\xfe{", b"[1, 2", b'{"event": "call_ended"}'):
        await deliver(database, source, body)
    await work_off(database)

    shown = await listed(ask)

    assert [each["outcome"] for each in shown] == ["FAILED"] * 3
    assert [each["payload"] for each in shown][::-1] == ["\ufffd\ufffd{", "[1, 2", '{"event": "call_ended"}']
    assert all(each["problems"][0]["message"] for each in shown)


async def test_pages_are_newest_first_and_filtered_by_source_and_outcome(
    ask: Caller, database: Database, account: Account
) -> None:
    one, two = await make_source(account, name="one"), await make_source(account, name="two")
    for number in range(3):
        await deliver(database, one, {"number": number})
    await deliver(database, two, ENDED)
    await work_off(database)

    first = (await ask(LIST, first=3)).data["inletDeliveries"]
    rest = (await ask(LIST, first=3, after=first["pageInfo"]["endCursor"])).data["inletDeliveries"]

    assert [node["source"] for node in first["nodes"] + rest["nodes"]] == ["two", "one", "one", "one"]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert (first["pageInfo"]["hasPreviousPage"], rest["pageInfo"]["hasPreviousPage"]) == (False, True)
    assert [each["source"] for each in await listed(ask, sources=["two"])] == ["two"]
    assert [each["source"] for each in await listed(ask, outcomes=["RECORDED"])] == ["two"]
    assert await listed(ask, sources=[]) == []
    assert await listed(ask, sources=["nobody"]) == []


async def test_payloads_of_a_page_cost_one_statement_and_are_bounded(
    ask: Caller, database: Database, account: Account, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_list, "MAX_PAYLOAD", 10)
    source = await make_source(account)
    for number in range(20):
        await deliver(database, source, {"number": number, "text": "x" * 1000})
    await listed(ask)
    await statements.restart()

    shown = await listed(ask)

    assert len([sql for sql in await statements.so_far() if "inlet_delivery" in sql]) == 2
    assert {len(each["payload"]) for each in shown} == {10}
    assert {each["payloadBytes"] > 1000 for each in shown} == {True}


@pytest.mark.parametrize("role", [Role.BUILDER, Role.PORTAL, Role.PARTNER, Role.RECORDER])
async def test_only_an_admin_sees_deliveries(caller: MakeCaller, role: Role) -> None:
    ask = await caller(role, integrations=["crm"] if role is Role.PARTNER else [])

    assert (await ask(LIST)).code == "FORBIDDEN_FIELD"
    assert (await ask(RETRY, id="018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61")).code == "FORBIDDEN"


async def test_deliveries_of_another_account_do_not_exist(
    caller: MakeCaller, database: Database, account: Account
) -> None:
    here, there = await caller(Role.ADMIN), await caller(Role.ADMIN, of=await find_or_create_account("elsewhere"))
    source = await make_source(account)
    await deliver(database, source, b"nothing")
    await work_off(database)
    page = (await here(LIST)).data["inletDeliveries"]

    assert await listed(there) == []
    assert (await there(LIST, after=page["edges"][0]["cursor"])).code == "CURSOR_INVALID"
    retried = (await there(RETRY, id=page["nodes"][0]["id"])).data["retryInletDelivery"]
    assert retried == {"delivery": None, "errors": [{"code": "NOT_FOUND", "path": ["input", "id"]}]}
    assert [each["outcome"] for each in await listed(here)] == ["FAILED"]
