"""What vendors send of a call becomes a record by some ten lines, and nothing of it is lost."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.records import make_agent

pytestmark = pytest.mark.anyio

Json = Any
RETELL_SPEAKERS = {"agent": "AGENT", "user": "USER", "transfer_target": "HUMAN"}
VAPI_SPEAKERS = {"bot": "AGENT", "user": "USER", "system": "SYSTEM"}


RECEIVED = datetime(2026, 11, 27, 10, tzinfo=UTC)


def texts(values: Mapping[str, Json]) -> dict[str, str]:
    """The values as texts, as metadata holds them."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def instant(milliseconds: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)).isoformat()


def from_retell(event: Json, received: datetime = RECEIVED) -> dict[str, Json]:
    call = event["call"]
    start = call.get("start_timestamp", received.timestamp() * 1000)
    analysis = call.get("call_analysis", {})
    user, agent = ("from", "to") if call["direction"] == "inbound" else ("to", "from")
    known = {
        "summary": analysis.get("call_summary"),
        "recordingUrl": call.get("recording_url"),
        "transcript": [retell_turn(turn) for turn in call.get("transcript_with_tool_calls", [])] or None,
        "metadata": texts({**call["metadata"], **analysis.get("custom_analysis_data", {})}) or None,
        "autoAssessment": {True: "YES_A", False: "NO"}.get(analysis.get("call_successful")),
    }
    return {
        "source": "retell",
        "sourceId": call["call_id"],
        "agent": "host",
        "channel": "VOICE",
        "startedAt": instant(start),
        "endedAt": instant(call.get("end_timestamp", start)),
        "direction": call["direction"].upper(),
        "endReason": call["disconnection_reason"],
        "phone": call[f"{user}_number"],
        "agentContact": call[f"{agent}_number"],
        **{name: value for name, value in known.items() if value is not None},
    }


def retell_turn(turn: Json) -> dict[str, Json]:
    text = turn.get("content") or turn.get("arguments")
    return {"speaker": RETELL_SPEAKERS.get(turn["role"], "TOOL"), "text": text, "name": turn.get("name")}


def from_vapi(event: Json) -> dict[str, Json]:
    message = event["message"]
    call, analysis, artifact = message["call"], message["analysis"], message["artifact"]
    return {
        "source": "vapi",
        "sourceId": call["id"],
        "agent": "host",
        "channel": "VOICE",
        "startedAt": message["startedAt"],
        "endedAt": message["endedAt"],
        "endReason": message["endedReason"],
        "direction": "INBOUND" if call["type"].startswith("inbound") else "OUTBOUND",
        "phone": message["customer"]["number"],
        "agentContact": message["phoneNumber"]["number"],
        "recordingUrl": artifact["recordingUrl"],
        "summary": analysis["summary"],
        "autoAssessment": "YES_A" if analysis["successEvaluation"] == "true" else "NO",
        "metadata": texts(analysis["structuredData"]),
        "transcript": [turn for each in artifact["messages"] for turn in vapi_turns(each)],
    }


def vapi_turns(message: Json) -> list[dict[str, Json]]:
    at = instant(message["time"])
    if message["role"] == "tool_calls":
        calls = [each["function"] for each in message["toolCalls"]]
        return [{"speaker": "TOOL", "name": call["name"], "text": call["arguments"], "at": at} for call in calls]
    text = message.get("message") or message.get("result")
    name = message.get("name")
    return [{"speaker": VAPI_SPEAKERS.get(message["role"], "TOOL"), "name": name, "text": text, "at": at}]


def from_elevenlabs(event: Json) -> dict[str, Json]:
    data = event["data"]
    call, analysis, phone = data["metadata"], data["analysis"], data["metadata"]["phone_call"]
    collected = {key: each["value"] for key, each in analysis["data_collection_results"].items()}
    return {
        "source": "elevenlabs",
        "sourceId": data["conversation_id"],
        "agent": "host",
        "channel": "VOICE",
        "startedAt": instant(call["start_time_unix_secs"] * 1000),
        "durationSeconds": call["call_duration_secs"],
        "endReason": call["termination_reason"],
        "direction": phone["direction"].upper(),
        "language": call["main_language"],
        "phone": phone["external_number"],
        "agentContact": phone["agent_number"],
        "summary": analysis["transcript_summary"],
        "metadata": texts({**data["conversation_initiation_client_data"]["dynamic_variables"], **collected}),
        "transcript": [turn for each in data["transcript"] for turn in elevenlabs_turns(each)],
    }


def elevenlabs_turns(turn: Json) -> list[dict[str, Json]]:
    said = [{"speaker": turn["role"].upper(), "text": turn["message"]}] if turn["message"] else []
    calls: Sequence[Json] = turn.get("tool_calls") or []
    return [*said, *({"speaker": "TOOL", "name": c["tool_name"], "text": c["params_as_json"]} for c in calls)]


def from_twilio(body: str) -> dict[str, Json]:
    form = dict(parse_qsl(body))
    ended, seconds = parsedate_to_datetime(form["Timestamp"]), int(form["CallDuration"])
    return {
        "source": "twilio",
        "sourceId": form["CallSid"],
        "agent": "host",
        "channel": "VOICE",
        "startedAt": (ended - timedelta(seconds=seconds)).isoformat(),
        "durationSeconds": seconds,
        "direction": form["Direction"].upper(),
        "endReason": form["CallStatus"],
        "phone": form["From"],
        "agentContact": form["To"],
        "contactName": form["CallerName"],
        "recordingUrl": form["RecordingUrl"],
        "metadata": {"AccountSid": form["AccountSid"]},
    }


@pytest.fixture
async def vendors(shared: Path, account: Account) -> Path:
    await make_agent(account, idn="host", testContacts=[])
    return shared / "cases" / "vendors"


async def record(database: Database, account: Account, *records: Mapping[str, Any]) -> list[Outcome]:
    outcomes = await record_sessions(database, account.id, [parse_record(each) for each in records])
    assert [outcome.problem for outcome in outcomes if outcome.problem] == []
    return outcomes


async def read(database: Database, account: Account) -> Row:
    row = await database.fetchrow(
        "select s.*, r.turns from session s left join transcript r on r.account_id = s.account_id"
        " and r.session_id = s.id where s.account_id = $1",
        account.id,
    )
    assert row is not None
    return row


def turns_of(row: Row) -> list[tuple[str, str | None, str]]:
    return [(turn["speaker"], turn.get("name"), turn["text"]) for turn in orjson.loads(row["turns"])]


async def test_a_call_of_retell(vendors: Path, database: Database, account: Account) -> None:
    await record(database, account, from_retell(orjson.loads((vendors / "retell.json").read_bytes())))

    row = await read(database, account)
    assert (row["source"], row["source_id"]) == ("retell", "call_0f2b8c6f4d5e4a0fa1b2c3d4e5f60718")
    assert (row["direction"], row["end_reason"], row["agent_contact"]) == ("INBOUND", "call_transfer", "+14155550100")
    assert (row["recording_url"], row["duration_seconds"]) == ("https://example.invalid/r.wav", 112)
    assert turns_of(row) == [
        ("AGENT", None, "Hi"),
        ("TOOL", "book_table", '{"n":4}'),
        ("TOOL", None, '{"ok":true}'),
        ("USER", None, "Table for four"),
        ("HUMAN", None, "Hello, manager here"),
    ]
    assert orjson.loads(row["metadata"]) == {
        "customer_id": "crm-901",
        "Phone Number": "4155550121",
        "party_size": "4",
        "intent": "booking",
        "budget": "260.5",
    }


async def test_a_call_that_was_not_connected(vendors: Path, database: Database, account: Account) -> None:
    event = orjson.loads((vendors / "retell_not_connected.json").read_bytes())

    await record(database, account, from_retell(event))

    row = await read(database, account)
    assert (row["direction"], row["end_reason"], row["turns"]) == ("OUTBOUND", "dial_no_answer", None)
    assert (row["started_at"], row["duration_seconds"]) == (RECEIVED, 0)
    assert (row["phone"], row["agent_contact"]) == ("+14155550133", "+14155550100")


@pytest.mark.parametrize("is_reversed", [False, True])
async def test_a_second_delivery_amends_the_first_in_either_order(
    vendors: Path, database: Database, account: Account, is_reversed: bool
) -> None:
    transferred = orjson.loads((vendors / "retell.json").read_bytes())
    analysed = orjson.loads((vendors / "retell.json").read_bytes())
    analysed["call"] |= {"disconnection_reason": "user_hangup", "recording_url": None}
    del transferred["call"]["call_analysis"]
    deliveries = [
        from_retell(event) | {"whenKnown": "AMEND", "asOf": at}
        for event, at in ((analysed, "2026-11-27T10:02:00Z"), (transferred, "2026-11-27T10:07:00Z"))
    ]
    del deliveries[1]["metadata"]

    first, second = [
        (await record(database, account, delivery))[0] for delivery in (deliveries[::-1] if is_reversed else deliveries)
    ]

    row = await read(database, account)
    assert (first.status, second.status, first.id) == (Status.RECORDED, Status.AMENDED, second.id)
    assert (row["summary"], row["auto_assessment"]) == ("Booked a table for 4.", "YES_A")
    assert (row["end_reason"], row["recording_url"]) == ("call_transfer", "https://example.invalid/r.wav")
    assert orjson.loads(row["metadata"])["customer_id"] == "crm-901"


async def test_a_call_of_vapi(vendors: Path, database: Database, account: Account) -> None:
    await record(database, account, from_vapi(orjson.loads((vendors / "vapi.json").read_bytes())))

    row = await read(database, account)
    assert (row["source_id"], row["end_reason"]) == ("019a5193-90ae-7fff-b06b-d09a3312294a", "customer-ended-call")
    assert (row["recording_url"], row["direction"]) == ("https://example.invalid/v.wav", "INBOUND")
    assert turns_of(row)[3:] == [("TOOL", "book", '{"n":4}'), ("TOOL", "book", "ok"), ("AGENT", None, "Done.")]
    assert orjson.loads(row["metadata"]) == {"guests": "4", "email": "null", "deposit": "25.5"}


async def test_a_conversation_of_elevenlabs(vendors: Path, database: Database, account: Account) -> None:
    await record(database, account, from_elevenlabs(orjson.loads((vendors / "elevenlabs.json").read_bytes())))

    row = await read(database, account)
    assert (row["source_id"], row["language"]) == ("conv_8f3d1b9c2e7a4f0b9a4d2c1e6e2f8c01", "de")
    assert (row["duration_seconds"], row["end_reason"], row["phone"]) == (22, None, "+4915555550123")
    assert turns_of(row)[-1] == ("TOOL", "book", "{}")
    assert orjson.loads(row["metadata"])["party"] == "4"


async def test_a_call_of_twilio(vendors: Path, database: Database, account: Account) -> None:
    await record(database, account, from_twilio((vendors / "twilio.txt").read_text("utf-8").strip()))

    row = await read(database, account)
    assert (row["source_id"], row["end_reason"]) == ("CA5f7b1c2e8a1d4e0012c3b4a5", "completed")
    assert (row["recording_url"], row["duration_seconds"]) == ("https://example.invalid/RE1", 112)
    assert row["contact_name"] == "INVENTED NOOR"
