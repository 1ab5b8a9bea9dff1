"""The shipped mappings: what the payload of each vendor becomes."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from session_graph.errors import InvalidInput
from session_graph.ingestion.mapping import load_mapping, shipped_names
from session_graph.sessions.record_reading import parse_record
from support.payloads import RECEIVED, SAMPLES, map_all, map_one, payload_of

ID_PATHS = {("id",), ("data", "item", "id"), ("message", "call", "id")}
IGNORED = [
    ("retell", {"event": "call_started", "call": {"call_id": "c"}}),
    ("retell", {"event": "transcript_updated", "call": {"call_id": "c"}}),
    ("retell", {"event": "an_event_of_tomorrow", "call": {"call_id": "c"}}),
    ("retell", {"call_id": "c", "call_status": "ongoing"}),
    ("vapi", {"message": {"type": "status-update", "status": "ended"}}),
    ("vapi", {"id": "c", "status": "in-progress"}),
    ("elevenlabs", {"type": "post_call_audio", "data": {"conversation_id": "c", "full_audio": "AA=="}}),
    ("elevenlabs", {"conversation_id": "c", "status": "processing"}),
    ("bland", {"call_id": "c", "category": "call", "message": "Call started"}),
    ("bland", {"call_id": "c", "completed": False}),
    ("twilio", {"CallSid": "c", "CallStatus": "ringing"}),
    ("twilio", {"CallSid": "c", "RecordingSid": "r", "RecordingStatus": "completed"}),
    ("intercom", {"type": "notification_event", "topic": "ping", "data": {"item": {"type": "ping"}}}),
    ("intercom", {"topic": "conversation.user.replied", "data": {"item": {"id": "1"}}}),
    ("chatwoot", {"event": "message_created", "id": 1, "content": "Hi"}),
    ("chatwoot", {"event": "conversation_status_changed", "id": 1, "status": "open"}),
    ("openai-realtime", {"type": "response.completed", "data": {"id": "r"}}),
]


def record_of(name: str) -> dict[str, Any]:
    return map_one(SAMPLES[name], payload_of(name)).raw


def turns_of(record: dict[str, Any]) -> list[tuple[str, str | None, str, str | None]]:
    return [(turn["speaker"], turn.get("name"), turn["text"], turn.get("at")) for turn in record["transcript"]]


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places_in(child, (*path, key))


def parent_of(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def test_every_shipped_mapping_has_a_sample() -> None:
    assert set(SAMPLES.values()) == set(shipped_names())


def test_an_analysed_call_of_retell() -> None:
    mapped = map_one("retell", payload_of("retell-analysed.json"))

    assert (mapped.agent, mapped.agent_name) == ("agent_test_bistro", "Bistro line")
    turns = turns_of(mapped.raw)
    assert {name: value for name, value in mapped.raw.items() if name != "transcript"} == {
        "source": "retell",
        "whenKnown": "AMEND",
        "sourceId": "call_test_31",
        "channel": "VOICE",
        "startedAt": "2026-11-03T10:00:00.250000Z",
        "endedAt": "2026-11-03T10:01:30.750000Z",
        "asOf": "2026-11-03T10:01:30.751000Z",
        "direction": "INBOUND",
        "endReason": "user_hangup",
        "phone": "+14155550144",
        "agentContact": "+14155550145",
        "contactName": "Ilse Beispiel",
        "summary": "Ilse reserved for two.",
        "autoAssessment": "NO",
        "metadata": {
            "table": "window",
            "customer_name": "Ilse Beispiel",
            "party": "2",
            "user_sentiment": "Neutral",
        },
    }
    assert turns == [
        ("AGENT", None, "Bistro, good evening.", "2026-11-03T10:00:00.750000Z"),
        ("USER", None, "Two at eight?", "2026-11-03T10:00:03.500000Z"),
    ]


def test_a_chat_of_retell() -> None:
    record = record_of("retell-chat.json")

    assert (record["sourceId"], record["channel"], record["autoAssessment"]) == ("chat_test_8", "SMS", "YES_A")
    assert turns_of(record)[1] == ("AGENT", None, "Until ten.", "2026-11-03T12:46:45Z")


def test_the_calls_of_retells_api_are_records_each() -> None:
    calls = [payload_of("retell-ended.json")["call"], {**payload_of("retell-analysed.json")["call"], "call_id": "b"}]

    mapped = map_all("retell", calls)

    assert [record.raw["sourceId"] for record in mapped] == ["call_test_31", "b"]


def test_a_call_of_vapi() -> None:
    mapped = map_one("vapi", payload_of("vapi.json"))
    record = mapped.raw

    assert (mapped.agent, mapped.agent_name) == ("assistant-test", "Recall desk")
    assert (record["sourceId"], record["direction"], record["phone"]) == ("vapi-test-5", "OUTBOUND", "+442079460018")
    assert (record["autoAssessment"], record["metadata"]) == ("NO", {"offered": "2", "success_evaluation": "false"})
    assert turns_of(record)[1:4] == [
        ("TOOL", "slots", '{"day":1}', "2026-11-03T12:00:10Z"),
        ("TOOL", "prices", "{}", "2026-11-03T12:00:10Z"),
        ("TOOL", "slots", "[]", "2026-11-03T12:00:11Z"),
    ]


def test_a_conversation_of_elevenlabs() -> None:
    record = record_of("elevenlabs.json")

    assert (record["durationSeconds"], record["direction"], record["language"]) == (63, "OUTBOUND", "en")
    assert (record["autoAssessment"], record["contactName"]) == ("NO", "Pat Sample")
    assert record["metadata"] == {"customer_name": "Pat Sample", "polite": "success", "slot": "09:00"}
    assert [turn[:3] for turn in turns_of(record)] == [
        ("AGENT", None, "Clinic, hello."),
        ("AGENT", None, "One moment."),
        ("TOOL", "find_slot", '{"when":"mon"}'),
        ("TOOL", "find_slot", "09:00"),
        ("USER", None, "Nine is fine."),
    ]


def test_a_call_that_elevenlabs_could_not_begin() -> None:
    failure = {"agent_id": "a", "conversation_id": "conv_f", "failure_reason": "no-answer", "metadata": {"type": "sip"}}

    record = map_one(
        "elevenlabs", {"type": "call_initiation_failure", "event_timestamp": 1793730100, "data": failure}
    ).raw

    assert (record["startedAt"], record["durationSeconds"]) == ("2026-11-03T18:21:40Z", 0)
    assert record["endReason"] == "no-answer"


def test_a_call_of_bland() -> None:
    record = record_of("bland.json")

    assert (record["durationSeconds"], record["direction"], record["phone"]) == (75, "INBOUND", "+14155550160")
    assert record["metadata"] == {"campaign": "autumn", "resolved": "true", "answered_by": "human"}
    assert [turn[0] for turn in turns_of(record)] == ["AGENT", "USER", "TOOL"]


def test_a_call_of_bland_whose_length_is_in_minutes() -> None:
    payload = payload_of("bland.json")
    del payload["corrected_duration"]

    assert map_one("bland", payload).raw["durationSeconds"] == 75


def test_a_call_of_twilio_that_nobody_answered() -> None:
    mapped = map_one("twilio", payload_of("twilio.txt"))

    assert (mapped.agent, mapped.raw["phone"]) == ("+14155550170", "+14155550171")
    assert (mapped.raw["startedAt"], mapped.raw["durationSeconds"]) == ("2026-11-05T10:00:30Z", 0)
    assert (mapped.raw["direction"], mapped.raw["endReason"]) == ("OUTBOUND", "no-answer")


def test_a_conversation_of_intercom() -> None:
    record = record_of("intercom.json")

    assert (record["externalId"], record["conversationQuality"], record["tags"]) == ("crm-77", 4, ["invoice"])
    assert turns_of(record) == [
        ("USER", "Alex Sample", "My order & its invoice?", None),
        ("AGENT", "Fin", "It is in\nyour mail.", "2026-11-03T23:55:00Z"),
    ]


def test_a_notification_of_intercom_with_its_latest_part_alone_has_no_transcript() -> None:
    payload = payload_of("intercom.json")
    payload["data"]["item"]["statistics"]["count_conversation_parts"] = 7

    assert "transcript" not in map_one("intercom", payload).raw


def test_a_conversation_of_chatwoot() -> None:
    mapped = map_one("chatwoot", payload_of("chatwoot.json"))

    assert (mapped.agent, mapped.raw["sourceId"], mapped.raw["channel"]) == ("inbox-9", "412", "SMS")
    assert (mapped.raw["asOf"], mapped.raw["endedAt"]) == ("2026-11-04T02:50:01.250000Z", "2026-11-04T02:50:00Z")
    assert (mapped.raw["externalId"], mapped.raw["tags"]) == ("crm-9", ["late"])
    assert mapped.raw["metadata"] == {"order": "5", "assignee": "Kim"}


def test_a_session_of_openai_realtime() -> None:
    record = record_of("openai-realtime.json")

    assert (record["startedAt"], record["endedAt"]) == ("2026-11-04T05:26:40Z", "2026-11-04T05:27:25Z")
    assert [turn[:3] for turn in turns_of(record)] == [
        ("AGENT", None, "Hello."),
        ("USER", None, "A table, please."),
        ("TOOL", "book", '{"n":2}'),
        ("TOOL", None, "done"),
    ]


def test_an_incoming_call_of_openai_realtime_is_the_session_that_its_log_completes() -> None:
    incoming, log = record_of("openai-realtime-incoming.json"), record_of("openai-realtime.json")

    assert incoming["sourceId"] == log["sourceId"]
    assert incoming["asOf"] < log["asOf"]
    assert incoming["phone"] == "sip:+14155550190@sip.example.com"


@pytest.mark.parametrize(("mapping", "payload"), IGNORED, ids=[f"{name}-{i}" for i, (name, _) in enumerate(IGNORED)])
def test_what_says_nothing_of_a_session_that_ended_is_ignored(mapping: str, payload: Any) -> None:
    assert load_mapping(mapping).apply(payload, RECEIVED).is_ignored


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_a_record_without_a_loss(name: str) -> None:
    record = parse_record({**record_of(name), "agent": "host"})

    assert [str(warning) for warning in record.warnings] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_fields_that_are_added_change_nothing(name: str) -> None:
    payload, plain = payload_of(name), record_of(name)
    for path in [(), *places_in(payload)]:
        place = payload
        for key in path:
            place = place[key]
        if isinstance(place, dict) and "added" not in place and not {"dynamic_variables", "metadata"} & {*path[-1:]}:
            place["added"] = {"by": ["the", "vendor"]} if "custom" not in str(path) else None

    assert {**map_one(SAMPLES[name], payload).raw, "metadata": None} == {**plain, "metadata": None}


@pytest.mark.parametrize("value", [..., None, "", [], {}, 7, "x", True, [None], {"a": None}, -1e300], ids=str)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_field_that_is_missing_or_of_another_type_never_stops_the_mapping(name: str, value: Any) -> None:
    mapping, whole = load_mapping(SAMPLES[name]), payload_of(name)
    for path in places_in(whole):
        payload = copy.deepcopy(whole)
        parent = parent_of(payload, path)
        if value is ...:
            del parent[path[-1]]
        else:
            parent[path[-1]] = value

        for mapped in map_all(mapping, payload):
            with suppress(InvalidInput):
                parse_record({**mapped.raw, "agent": "host"})


@pytest.mark.parametrize("name", SAMPLES)
def test_a_payload_without_the_vendors_id_is_no_record(name: str) -> None:
    payload = payload_of(name)
    for path in list(places_in(payload)):
        if path[-1] in ("call_id", "chat_id", "conversation_id", "CallSid") or path in ID_PATHS:
            del parent_of(payload, path)[path[-1]]

    [mapped] = map_all(SAMPLES[name], payload)

    assert [str(problem) for problem in mapped.problems] == ["sourceId is not in the payload"]


def test_values_that_no_text_holds_are_written_as_json() -> None:
    payload = payload_of("retell-ended.json")
    payload["call"]["metadata"] = {"odd": ["\ud800"], "large": 10**30, "deep": {"a": [1]}}
    payload["call"]["transcript_object"][0]["content"] = {"said": "\ud800"}

    record = map_one("retell", payload).raw

    assert record["metadata"]["odd"] == '["\\ud800"]'
    assert record["metadata"]["large"] == "1" + "0" * 30
    assert record["metadata"]["deep"] == '{"a":[1]}'
    assert record["transcript"][0]["text"] == '{"said": "\\ud800"}'


@pytest.mark.parametrize("seconds", ["1e400", "9" * 400, "NaN", "many", {"of": 1}, [7], True])
def test_a_length_that_is_no_number_refuses_the_record(seconds: Any) -> None:
    payload = payload_of("bland.json") | {"corrected_duration": seconds}

    [mapped] = map_all("bland", payload)

    assert [problem.path for problem in mapped.problems] == [("durationSeconds",)]
