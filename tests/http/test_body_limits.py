"""How large a body may be, by role and by what it does; and how large answers are sent."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from starlette.types import Message, Send

from conftest import MakeCaller
from session_graph.access.viewer import Role
from session_graph.engine.analysis import MAX_ARGUMENT_ERRORS
from session_graph.engine.limits import MAX_ESCAPES
from session_graph.errors import SettingError
from session_graph.http import response as responses
from session_graph.http.negotiation import JSON
from session_graph.http.response import ABORT, SLICE_BYTES, GraphQLResponse
from session_graph.sessions.json_lines import MOST_VALUES
from session_graph.settings import load_settings
from session_graph.store.models import Account
from support.api import make_key
from support.records import make_agent

pytestmark = pytest.mark.anyio

RECORD = """
mutation ($records: [RecordSessionInput!]!) {
  recordSessions(input: {records: $records}) { recordedCount errors { message } }
}
"""
SESSION: dict[str, Any] = {
    "agent": "bistro",
    "channel": "SMS",
    "startedAt": "2026-11-16T15:00:00Z",
    "endedAt": "2026-11-16T15:01:00Z",
}
MEGABYTE = 1024 * 1024


def long_sessions(size: int) -> list[dict[str, Any]]:
    """Return records of about so many bytes together."""
    return [SESSION | {"transcript": [{"speaker": "USER", "text": "x" * 10_000}]} for _ in range(size // 10_000)]


@pytest.mark.parametrize("role", [Role.RECORDER, Role.ADMIN])
async def test_who_may_record_may_send_a_large_batch(caller: MakeCaller, account: Account, role: Role) -> None:
    await make_agent(account)
    ask = await caller(role)

    recorded = (await ask(RECORD, records=long_sessions(2 * MEGABYTE))).data["recordSessions"]

    assert recorded == {"recordedCount": 209, "errors": []}


@pytest.mark.parametrize("role", [Role.BUILDER, Role.PORTAL])
async def test_who_may_not_record_may_not_send_a_large_body(caller: MakeCaller, role: Role) -> None:
    ask = await caller(role)

    answer = await ask(RECORD, records=long_sessions(2 * MEGABYTE))

    assert (answer.status, answer.code) == (413, "TOO_LARGE")


async def test_a_large_body_that_records_nothing_is_refused(caller: MakeCaller) -> None:
    ask = await caller(Role.ADMIN)

    answer = await ask("query ($text: String!) { agent(by: {idn: $text}) { id } }", text="x" * 2 * MEGABYTE)

    assert (answer.status, answer.code) == (413, "TOO_LARGE")
    assert "as it records nothing" in answer.errors[0]["message"]


def test_the_body_of_a_recording_has_no_smaller_limit_than_others() -> None:
    with pytest.raises(SettingError, match="MAX_RECORD_BODY_BYTES"):
        load_settings(max_body_bytes=4096, max_record_body_bytes=2048)


async def test_a_line_with_too_many_values_is_refused_and_the_others_recorded(
    client: httpx.AsyncClient, account: Account
) -> None:
    await make_agent(account)
    lines = [SESSION, SESSION | {"tags": [1] * MOST_VALUES}, SESSION | {"summary": "Another."}]
    headers = {
        "Authorization": f"Bearer {await make_key(account, Role.RECORDER)}",
        "Content-Type": "application/x-ndjson",
    }

    response = await client.post("/records", content=b"\n".join(map(orjson.dumps, lines)), headers=headers)

    results = [orjson.loads(line) for line in response.content.splitlines()]
    assert [result["status"] for result in results] == ["RECORDED", "REFUSED", "RECORDED"]
    assert f"a record may have {MOST_VALUES:,}" in results[1]["errors"][0]["message"]


async def test_a_document_of_escapes_is_refused(caller: MakeCaller) -> None:
    ask = await caller(Role.ADMIN)

    answer = await ask('{ agent(by: {idn: "' + r"\n" * (MAX_ESCAPES + 1) + '"}) { id } }')

    assert answer.code == "TOO_LARGE"
    assert "Send texts as variables" in answer.errors[0]["message"]


async def test_the_first_of_many_wrong_arguments_are_told(caller: MakeCaller) -> None:
    ask = await caller(Role.ADMIN)

    query = "query ($ids: [ID!]!) { sessions(filter: {ids: $ids}) { totalCount } }"
    errors = (await ask(query, ids=["x"] * 500)).errors

    assert len(errors) == MAX_ARGUMENT_ERRORS + 1
    assert errors[-1]["message"] == "There are more errors; these are the first 100."
    assert errors[99]["message"].startswith("filter.ids.99 ")


async def send(body: bytes, take: Send) -> bool:
    """Send an answer, and return whether the connection was dropped."""
    is_dropped = asyncio.Event()

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    await GraphQLResponse(body, 200, JSON)({"type": "http", "extensions": {ABORT: is_dropped.set}}, receive, take)
    return is_dropped.is_set()


@pytest.mark.parametrize(
    ("size", "parts"), [(0, 1), (SLICE_BYTES, 1), (SLICE_BYTES + 1, 3), (5 * SLICE_BYTES, 6)], ids=str
)
async def test_a_large_answer_is_sent_in_slices(size: int, parts: int) -> None:
    sent: list[Message] = []

    async def take(message: Message) -> None:
        sent.append(message)

    body = bytes(range(256)) * (size // 256) + b"!" * (size % 256)
    assert not await send(body, take)

    start, *rest = sent
    assert dict(start["headers"])[b"content-length"] == b"%d" % size
    assert b"".join(message["body"] for message in rest) == body
    assert [message.get("more_body", False) for message in rest] == [True] * (parts - 1) + [False]


async def test_a_client_that_does_not_read_a_slice_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "SLICE_SECONDS", 0.01)

    async def take(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    assert await send(b"x" * 2 * SLICE_BYTES, take)
