"""Payloads of vendors in the shapes that their public documentation shows, with invented values."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from session_graph.ingestion.mapping import MappedRecord, Mapping, load_mapping

FOLDER = Path(__file__).parents[1] / "ingestion" / "payloads"
RECEIVED = datetime(2026, 11, 27, 10, tzinfo=UTC)
SAMPLES = {
    "retell-ended.json": "retell",
    "retell-analysed.json": "retell",
    "retell-chat.json": "retell",
    "vapi.json": "vapi",
    "elevenlabs.json": "elevenlabs",
    "bland.json": "bland",
    "twilio.txt": "twilio",
    "intercom.json": "intercom",
    "chatwoot.json": "chatwoot",
    "openai-realtime.json": "openai-realtime",
    "openai-realtime-incoming.json": "openai-realtime",
}
"""The mapping of each file."""


def body_of(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def payload_of(name: str) -> Any:
    return load_mapping(SAMPLES[name]).decode(body_of(name))


def map_all(mapping: str | Mapping, payload: Any) -> list[MappedRecord]:
    mapped = (load_mapping(mapping) if isinstance(mapping, str) else mapping).apply(payload, RECEIVED)
    return [mapped.read(part) for part in mapped.parts]


def map_one(mapping: str, payload: Any) -> MappedRecord:
    """Return the only record of the payload; it must have neither problems nor warnings."""
    [record] = map_all(mapping, payload)
    assert (record.problems, record.warnings) == ((), ())
    return record
