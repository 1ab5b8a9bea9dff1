"""Records that amend, and sessions by the name of their source, as callers see them."""

from typing import Any

import pytest

from conftest import MakeCaller
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.records import MONDAY_IN_HOURS, make_agent, record

pytestmark = pytest.mark.anyio

CALL = {"agent": "bistro", "channel": "VOICE", **MONDAY_IN_HOURS, "source": "retell", "sourceId": "call_1"}
RECORD = """mutation ($input: RecordSessionInput!) { recordSession(input: $input) {
    session { id version summary isLead isOpportunity metadata history { field by kind } } errors { code message path }
} }"""
RECORD_ALL = """mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) {
    recordedCount amendedCount duplicateCount results { status } errors { path }
} }"""
FIND = """query ($source: String!, $sourceId: String!) {
    sessionBySource(source: $source, sourceId: $sourceId) { summary source sourceId }
}"""


async def send(ask: Caller, **fields: Any) -> Any:
    payload = (await ask(RECORD, input={**CALL, **fields})).data["recordSession"]
    assert payload["errors"] == []
    return payload["session"]


async def test_a_flag_that_is_left_out_of_an_amendment_stays(bistro: Account, caller: MakeCaller) -> None:
    ask = await caller(Role.ADMIN, name="Petra")
    await send(ask, intentToBuy=True, phone="+14155550121", metadata={"crm": "7"})

    session = await send(ask, summary="Booked.", whenKnown="AMEND")

    assert (session["isLead"], session["isOpportunity"], session["version"]) == (True, True, 2)
    assert session["metadata"] == {"crm": "7"}
    assert session["history"] == [{"field": "summary", "by": "Petra", "kind": "AMENDED"}]


async def test_a_null_clears_and_the_newest_report_counts(bistro: Account, caller: MakeCaller) -> None:
    ask = await caller(Role.ADMIN)
    await send(ask, summary="Called.", intentToBuy=True, whenKnown="AMEND", asOf="2026-11-16T15:03:00Z")
    session = await send(
        ask, summary=None, intentToBuy=None, metadata=None, whenKnown="AMEND", asOf="2026-11-16T15:05:00Z"
    )
    assert (session["summary"], session["isLead"]) == (None, False)

    session = await send(ask, summary="Asked.", whenKnown="AMEND", asOf="2026-11-16T15:04:00Z")

    assert (session["summary"], session["version"]) == (None, 2)


async def test_a_batch_counts_what_it_amended(bistro: Account, caller: MakeCaller) -> None:
    ask = await caller(Role.RECORDER)
    amendment = {**CALL, "summary": "Booked.", "whenKnown": "AMEND"}
    wrong = {**CALL, "id": "018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"}

    payload = (await ask(RECORD_ALL, input={"records": [CALL, amendment, amendment, wrong]})).data["recordSessions"]

    assert (payload["recordedCount"], payload["amendedCount"], payload["duplicateCount"]) == (1, 1, 1)
    assert [result["status"] for result in payload["results"]] == ["RECORDED", "AMENDED", "DUPLICATE", "REFUSED"]
    assert [error["path"] for error in payload["errors"]] == [["input", "records", "3", "id"]]


async def test_a_session_is_found_by_what_its_source_calls_it(
    bistro: Account, database: Database, caller: MakeCaller
) -> None:
    await record(database, bistro, {"source": "retell", "sourceId": "call_1", "summary": "Booked."})
    ask = await caller(Role.BUILDER)

    found = await ask(FIND, source="retell", sourceId="call_1")
    unknown = [await ask(FIND, source=source, sourceId=id_) for source, id_ in (("vapi", "call_1"), ("retell", "2"))]

    assert found.data["sessionBySource"] == {"summary": "Booked.", "source": "retell", "sourceId": "call_1"}
    assert [answer.data["sessionBySource"] for answer in unknown] == [None, None]


async def test_what_lies_outside_the_scope_is_not_found_by_its_source(
    bistro: Account, database: Database, caller: MakeCaller
) -> None:
    await make_agent(bistro, idn="clinic")
    await record(database, bistro, {"source": "retell", "sourceId": "call_1", "integration": "crm"})
    viewers = (
        await caller(Role.PARTNER, integrations=["pos"]),
        await caller(Role.BUILDER, agents=["clinic"]),
        await caller(Role.PARTNER, integrations=["crm"]),
    )

    found = [
        (await ask('{ sessionBySource(source: "retell", sourceId: "call_1") { source } }')).data for ask in viewers
    ]

    assert [data["sessionBySource"] for data in found] == [None, None, {"source": "retell"}]


async def test_a_portal_does_not_look_up_by_source(bistro: Account, caller: MakeCaller) -> None:
    ask = await caller(Role.PORTAL)

    answer = await ask('{ sessionBySource(source: "retell", sourceId: "call_1") { id } }')

    assert answer.code == "FORBIDDEN_FIELD"
    assert answer.errors[0]["extensions"]["fields"] == ["Session.source", "Session.sourceId"]
