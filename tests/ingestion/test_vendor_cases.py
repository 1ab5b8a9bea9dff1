"""What vendors send of a call, in the specification's payloads, becomes a session, and nothing of it is lost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from session_graph.ingestion.mapping import load_mapping
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.payloads import RECEIVED, map_one
from support.records import make_agent

pytestmark = pytest.mark.anyio


@pytest.fixture
async def vendors(shared: Path, account: Account) -> Path:
    folder = shared / "cases" / "vendors"
    if not folder.is_dir():
        pytest.skip("needs the payloads of vendors beside the specification")
    await make_agent(account, idn="host", testContacts=[])
    return folder


def map_file(path: Path, mapping: str) -> dict[str, Any]:
    return map_payload(orjson.loads(path.read_bytes()), mapping)


def map_payload(payload: Any, mapping: str) -> dict[str, Any]:
    return {**map_one(mapping, payload).raw, "agent": "host"}


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
    await record(database, account, map_file(vendors / "retell.json", "retell"))

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
        "customer_name": "Noor Invented",
        "party": "4",
        "Phone Number": "4155550121",
        "party_size": "4",
        "intent": "booking",
        "budget": "260.5",
        "user_sentiment": "Positive",
        "in_voicemail": "false",
        "transfer_destination": "+14155550111",
    }


async def test_a_call_that_was_not_connected(vendors: Path, database: Database, account: Account) -> None:
    await record(database, account, map_file(vendors / "retell_not_connected.json", "retell"))

    row = await read(database, account)
    assert (row["direction"], row["end_reason"], row["turns"]) == ("OUTBOUND", "dial_no_answer", None)
    assert (row["started_at"], row["duration_seconds"]) == (RECEIVED, 0)
    assert (row["phone"], row["agent_contact"]) == ("+14155550133", "+14155550100")


@pytest.mark.parametrize("is_reversed", [False, True])
async def test_a_second_delivery_amends_the_first_in_either_order(
    vendors: Path, database: Database, account: Account, is_reversed: bool
) -> None:
    transferred = orjson.loads((vendors / "retell.json").read_bytes()) | {"event": "transfer_ended"}
    analysed = orjson.loads((vendors / "retell.json").read_bytes())
    analysed["call"] |= {"disconnection_reason": "user_hangup", "recording_url": None}
    del transferred["call"]["call_analysis"]
    del analysed["call"]["transfer_end_timestamp"]
    deliveries = [map_payload(event, "retell") for event in (analysed, transferred)]

    first, second = [
        (await record(database, account, delivery))[0] for delivery in (deliveries[::-1] if is_reversed else deliveries)
    ]

    row = await read(database, account)
    assert (first.status, second.status, first.id) == (Status.RECORDED, Status.AMENDED, second.id)
    assert (row["summary"], row["auto_assessment"]) == ("Booked a table for 4.", "YES_A")
    assert (row["end_reason"], row["recording_url"]) == ("call_transfer", "https://example.invalid/r.wav")
    assert orjson.loads(row["metadata"])["customer_id"] == "crm-901"


async def test_a_call_of_vapi(vendors: Path, database: Database, account: Account) -> None:
    await record(database, account, map_file(vendors / "vapi.json", "vapi"))

    row = await read(database, account)
    assert (row["source_id"], row["end_reason"]) == ("019a5193-90ae-7fff-b06b-d09a3312294a", "customer-ended-call")
    assert (row["recording_url"], row["direction"]) == ("https://example.invalid/v.wav", "INBOUND")
    assert turns_of(row)[3:] == [("TOOL", "book", '{"n":4}'), ("TOOL", "book", "ok"), ("AGENT", None, "Done.")]
    assert orjson.loads(row["metadata"]) == {"guests": "4", "deposit": "25.5", "success_evaluation": "true"}


async def test_a_conversation_of_elevenlabs(vendors: Path, database: Database, account: Account) -> None:
    await record(database, account, map_file(vendors / "elevenlabs.json", "elevenlabs"))

    row = await read(database, account)
    assert (row["source_id"], row["language"]) == ("conv_8f3d1b9c2e7a4f0b9a4d2c1e6e2f8c01", "de")
    assert (row["duration_seconds"], row["end_reason"], row["phone"]) == (22, None, "+4915555550123")
    assert turns_of(row)[-1] == ("TOOL", "book", "{}")
    assert orjson.loads(row["metadata"])["party"] == "4"


async def test_a_call_of_twilio(vendors: Path, database: Database, account: Account) -> None:
    payload = load_mapping("twilio").decode((vendors / "twilio.txt").read_bytes())

    await record(database, account, map_payload(payload, "twilio"))

    row = await read(database, account)
    assert (row["source_id"], row["end_reason"]) == ("CA5f7b1c2e8a1d4e0012c3b4a5", "completed")
    assert (row["recording_url"], row["duration_seconds"]) == ("https://example.invalid/RE1", 112)
    assert row["contact_name"] == "INVENTED NOOR"
