"""What a record may say, its normal form, and the hash by which two reports of a session are the same."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_graph.errors import InvalidInput, Problem
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_reading import parse_record

ID = "018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"
LEAST: Mapping[str, Any] = {
    "agent": "bistro",
    "channel": "VOICE",
    "startedAt": "2026-11-16T15:00:00Z",
    "endedAt": "2026-11-16T15:02:00Z",
}
FULL: Mapping[str, Any] = {
    **LEAST,
    "id": ID,
    "sessionType": "booking",
    "integration": "crm",
    "connector": "main",
    "externalId": "A-1",
    "contactName": "Ana",
    "phone": "+14155550134",
    "email": "ana@example.com",
    "otherContact": "room 12",
    "summary": "A table for four",
    "intentToBuy": True,
    "refused": True,
    "unavailable": True,
    "isTodo": True,
    "isTest": True,
    "units": "4",
    "leadValue": "260",
    "autoAssessment": "YES_A",
    "conversationQuality": 4,
    "actualResult": "booked",
    "expectedResult": "booked",
    "source": "retell",
    "sourceId": "call_1",
    "direction": "INBOUND",
    "endReason": "user_hangup",
    "language": "en-US",
    "recordingUrl": "https://example.com/r.wav",
    "agentContact": "+14155550100",
    "metadata": {"customer": "7"},
    "utms": {"utm_source": "google"},
    "tags": ["late", "vip"],
    "transcript": [{"speaker": "USER", "text": "Hello", "at": "2026-11-16T15:00:00Z"}],
}
EMPTY: Mapping[str, Any] = {
    **dict.fromkeys(("intentToBuy", "refused", "unavailable", "isTodo", "isTest"), False),
    "metadata": {},
    "utms": {},
    "tags": [],
    "transcript": [],
    **dict.fromkeys(("direction", "endReason", "language", "recordingUrl", "agentContact"), None),
    **dict.fromkeys(("sessionType", "integration", "connector", "externalId", "contactName", "phone", "email"), " "),
    **dict.fromkeys(("otherContact", "summary", "actualResult", "expectedResult"), " \n"),
}
"""What says nothing, beside null."""


def parse(**changes: Any) -> SessionRecord:
    return parse_record({**FULL, **changes})


def hash_of(**changes: Any) -> bytes:
    return parse(**changes).content_hash()


def refuse(raw: object) -> list[str]:
    """Each problem, with its path."""
    with pytest.raises(InvalidInput) as refusal:
        parse_record(raw)
    return [str(problem) for problem in refusal.value.problems]


def test_the_least_that_a_record_says() -> None:
    record = parse_record(LEAST)

    assert (record.id, record.agent, record.intent_to_buy, record.tags, record.utms) == (None, "bistro", False, [], {})


def test_everything_that_a_record_may_say() -> None:
    record = parse()

    assert (record.id, record.units, record.lead_value) == (UUID(ID), Decimal(4), Decimal(260))
    assert (record.started_at, record.conversation_quality) == (datetime(2026, 11, 16, 15, tzinfo=UTC), 4)
    assert [turn["text"] for turn in record.transcript] == ["Hello"]


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": ID.upper()},
        {"units": 4},
        {"units": "4.00"},
        {"units": Decimal("4.0")},
        {"leadValue": "260.000"},
        {"startedAt": "2026-11-16T16:00:00+01:00"},
        {"startedAt": "2026-11-16T15:00:00.000000Z"},
        {"startedAt": datetime(2026, 11, 16, 10, tzinfo=timezone(timedelta(hours=-5)))},
        {"tags": ["vip", "late"]},
        {"tags": ["vip", "late", "vip"]},
        {"tags": [" vip", "late "]},
        {"agent": " bistro "},
        {"summary": " A table for four"},
        {"utms": {" utm_source": "google"}},
        {"contactName": " Ana\t"},
        {"phone": "+1 (415) 555-0134"},
        {"phone": "+1.415.555.0134"},
        {"email": " Ana@Example.com"},
        {"externalId": "A-1 "},
        {"source": " retell", "sourceId": "call_1 "},
        {"language": "EN_us"},
        {"durationSeconds": 7},
        {"whenKnown": "AMEND"},
        {"asOf": "2026-11-16T15:00:00Z"},
        {"endedAt": None, "durationSeconds": 120},
        {"transcript": [{"at": "2026-11-16T17:00:00+02:00", "text": "Hello", "speaker": "USER"}]},
    ],
    ids=str,
)
def test_the_same_said_otherwise_has_the_same_hash(change: dict[str, Any]) -> None:
    assert hash_of(**change) == parse().content_hash()


@pytest.mark.parametrize("field", [name for name in FULL if name not in LEAST and name not in ("id", "source")])
def test_a_null_is_an_absent_value(field: str) -> None:
    without = {name: value for name, value in FULL.items() if name != field}

    assert hash_of(**{field: None}) == parse_record(without).content_hash()
    assert hash_of(**{field: None}) != parse().content_hash()


@pytest.mark.parametrize("field", EMPTY)
def test_what_says_nothing_is_an_absent_value(field: str) -> None:
    assert hash_of(**{field: EMPTY[field]}) == hash_of(**{field: None})


@pytest.mark.parametrize(
    "change",
    [
        {"agent": "clinic"},
        {"channel": "SMS"},
        {"startedAt": "2026-11-16T15:00:00.000001Z"},
        {"endedAt": "2026-11-16T15:02:01Z"},
        *({name: "other"} for name in ("sessionType", "integration", "connector", "externalId", "contactName")),
        *({name: "other"} for name in ("phone", "email", "otherContact", "summary", "actualResult", "expectedResult")),
        *({name: False} for name in ("intentToBuy", "refused", "unavailable", "isTodo", "isTest")),
        {"units": "4.0000000001"},
        {"leadValue": "260.01"},
        {"autoAssessment": "YES_B"},
        {"conversationQuality": 5},
        {"utms": {"utm_source": "Google"}},
        {"utms": {"utm_medium": "google"}},
        *({name: "other"} for name in ("source", "sourceId", "endReason", "language", "agentContact")),
        {"direction": "OUTBOUND"},
        {"recordingUrl": "https://example.com/R.wav"},
        {"metadata": {"customer": "8"}},
        {"transcript": [{"speaker": "USER", "name": "Ana", "text": "Hello", "at": "2026-11-16T15:00:00Z"}]},
        {"tags": ["late"]},
        {"tags": ["late", "VIP"]},
        {"contactName": "ana"},
        {"transcript": [{"speaker": "AGENT", "text": "Hello", "at": "2026-11-16T15:00:00Z"}]},
        {"transcript": [{"speaker": "USER", "text": "Hello"}]},
        {"transcript": [{"speaker": "USER", "text": "hello", "at": "2026-11-16T15:00:00Z"}]},
    ],
    ids=str,
)
def test_anything_else_that_differs_makes_another_hash(change: dict[str, Any]) -> None:
    assert hash_of(**change) != parse().content_hash()


def test_the_order_of_turns_counts() -> None:
    turns = [{"speaker": "USER", "text": "Hello"}, {"speaker": "AGENT", "text": "Hello"}]

    assert hash_of(transcript=turns) != hash_of(transcript=turns[::-1])


def test_every_field_of_a_record_is_among_those_that_are_told_apart() -> None:
    known = {field.alias for field in SessionRecord.model_fields.values()}

    assert known - {"durationSeconds", "whenKnown", "asOf"} == set(FULL)


LONG_AGO, FAR_OFF = "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        *(({name: None}, f"{name} is required") for name in LEAST),
        ({"agent": ""}, "agent must not be empty"),
        ({"agent": " "}, "agent must not be empty"),
        ({"channel": "FAX"}, "channel must be one of VOICE, SMS, CHAT"),
        ({"channel": "voice"}, "channel must be one of VOICE, SMS, CHAT"),
        ({"autoAssessment": "MAYBE"}, "autoAssessment must be one of YES_A, YES_B, NO"),
        ({"humanAssessment": "NO"}, "humanAssessment is not a known field"),
        ({"session_type": "booking"}, "session_type is not a known field"),
        ({"startedAt": "2026-11-16T15:00:00"}, "startedAt must be an RFC 3339 date and time with an offset, "),
        ({"startedAt": datetime.fromisoformat("2026-11-16")}, "startedAt must have an offset, "),
        ({"startedAt": "2026-02-30T00:00:00Z"}, "startedAt is not a date and time that exists"),
        ({"startedAt": 1763305200}, "startedAt must be an RFC 3339 date and time with an offset, "),
        ({"startedAt": LONG_AGO}, "startedAt must be from 2000 to a day from now"),
        ({"startedAt": "1999-12-31T23:59:59.999999Z"}, "startedAt must be from 2000 to a day from now"),
        ({"startedAt": "1970-01-21T09:49:05Z"}, "startedAt must be from 2000 to a day from now"),
        ({"endedAt": FAR_OFF}, "endedAt must be in the years 1970 to 2199"),
        ({"endedAt": "2026-11-16T14:59:57.999999Z"}, "endedAt must not be before startedAt"),
        ({"endedAt": "2027-11-17T15:00:01Z"}, "endedAt must be within 366 days of startedAt"),
        ({"id": "7"}, "id must be a UUID, such as "),
        ({"units": 4.5}, "units must be a decimal in a string, such as "),
        ({"units": "NaN"}, "units must be a plain decimal number, such as "),
        ({"units": "1E999999"}, "units must be a plain decimal number, such as "),
        ({"units": "-1"}, "units must be at least 0"),
        ({"leadValue": True}, "leadValue must be a decimal in a string, such as "),
        ({"leadValue": "-0.01"}, "leadValue must be at least 0"),
        ({"leadValue": 10**15}, "leadValue must be below 10^15"),
        ({"leadValue": "0.00000000001"}, "leadValue must have at most 10 decimal places"),
        *(({"conversationQuality": stars}, "conversationQuality must be at ") for stars in (0, 6)),
        *(({"conversationQuality": stars}, "conversationQuality must be a whole number") for stars in (4.5, "4", True)),
        *(({"isTest": flag}, "isTest must be true or false") for flag in (1, "true", "yes")),
        ({"externalId": "x" * 501}, "externalId must have at most 500 characters"),
        ({"tags": "vip"}, "tags must be a list"),
        ({"sourceId": "call_1"}, "source is required with sourceId"),
        ({"source": "x" * 101, "sourceId": "1"}, "source must have at most 100 characters"),
        ({"source": "x" * 201, "sourceId": "1"}, "source must have at most 100 characters"),
        ({"source": "retell", "sourceId": "x" * 501}, "sourceId must have at most 500 characters"),
        ({"direction": "inbound"}, "direction must be one of INBOUND, OUTBOUND"),
        ({"endedAt": None, "durationSeconds": -1}, "durationSeconds must be at least 0"),
        ({"durationSeconds": 31_622_401}, "durationSeconds must be at most 31622400"),
        ({"utms": ["utm_source"]}, "utms must be an object"),
        ({"transcript": {}}, "transcript must be a list"),
        ({"transcript": ["Hello"]}, "transcript.0 must be an object"),
        ({"transcript": [{"text": "Hello"}]}, "transcript.0.speaker is required"),
        (
            {"transcript": [{"speaker": "BOT", "text": "x"}]},
            "transcript.0.speaker must be one of USER, AGENT, HUMAN, TOOL, SYSTEM",
        ),
        (
            {"transcript": [{"speaker": "USER", "text": "x", "at": "noon"}]},
            "transcript.0.at must be an RFC 3339 date and time",
        ),
        (
            {"transcript": [{"speaker": "USER", "text": "x", "at": 5}]},
            "transcript.0.at must be an RFC 3339 date and time",
        ),
        (
            {"transcript": [{"speaker": "USER", "text": "x", "at": "2026-02-30T00:00:00Z"}]},
            "transcript.0.at is not a date and time that exists",
        ),
        ({"transcript": [{"speaker": None, "text": "x"}]}, "transcript.0.speaker must not be null"),
        ({"transcript": [{"speaker": "USER", "text": "x", "name": True}]}, "transcript.0.name must be a text"),
        (
            {"transcript": [{"speaker": "USER", "text": "x", "mood": "fine"}]},
            "transcript.0.mood is not a known field",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_a_record_may_not_say_is_refused_with_its_path(change: dict[str, Any], problem: str) -> None:
    (found,) = refuse({**LEAST, **change})

    assert found.startswith(problem)
    assert len(found) < 200


def test_a_turn_of_another_age_is_refused_where_no_start_says_that_it_is_far() -> None:
    turns = [{"speaker": "USER", "text": "x", "at": at} for at in (LONG_AGO, FAR_OFF)]
    sentence = "at must be in the years 1970 to 2199"

    found = refuse({**LEAST, "startedAt": "noon", "transcript": turns})

    assert found[1:] == [f"transcript.0.{sentence}", f"transcript.1.{sentence}"]


@pytest.mark.parametrize("raw", [7, "text", [], [LEAST]], ids=str)
def test_what_is_no_object_is_refused(raw: object) -> None:
    assert refuse(raw) == ["must be an object"]


def test_every_problem_is_told_at_once() -> None:
    found = refuse({**LEAST, "channel": "FAX", "units": "many", "tags": [True], "colour": "red"})

    assert [problem.split()[0] for problem in found] == ["channel", "units", "tags.0", "colour"]


@pytest.mark.parametrize(
    "change",
    [
        {"endedAt": LEAST["startedAt"]},
        {"startedAt": "2000-01-01T00:00:00Z", "endedAt": "2000-01-01T00:00:00Z"},
        {"endedAt": "2027-11-17T15:00:00Z"},
        {"contactName": "x" * 200},
        {"summary": "x" * 10_000},
        {"externalId": "x" * 500},
        {"tags": [f"t{n}" for n in range(100)]},
        {"transcript": [{"speaker": "USER", "text": "x" * 500_000}] * 2},
        {"transcript": [{"speaker": "SYSTEM", "text": "x"}] * 5000},
        {"leadValue": "999999999999999.9999999999"},
        {"conversationQuality": 1},
        {"conversationQuality": 5},
    ],
    ids=lambda change: str(change)[:60],
)
def test_the_limits_themselves_are_taken(change: dict[str, Any]) -> None:
    parse_record({**LEAST, **change})


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*FULL, "colour", ""]), anything, max_size=5))
def test_whatever_is_sent_is_a_record_or_problems_with_sentences(raw: dict[str, Any]) -> None:
    problems: list[Problem] = []
    try:
        parse_record({**LEAST, **raw}).content_hash()
    except InvalidInput as refusal:
        problems = refusal.problems

    assert all(problem.message.split()[0] in ("must", "is") for problem in problems), problems


@settings(deadline=None)
@given(st.permutations(sorted(FULL)))
def test_the_order_of_fields_does_not_count(names: list[str]) -> None:
    assert parse_record({name: FULL[name] for name in names}).content_hash() == parse().content_hash()


def test_the_order_of_utms_does_not_count() -> None:
    pairs = {"utm_source": "google", "utm_medium": "cpc"}

    assert hash_of(utms=pairs) == hash_of(utms=dict(reversed(pairs.items())))


def test_a_duration_stands_instead_of_the_end() -> None:
    whole = {name: value for name, value in LEAST.items() if name != "endedAt"}

    record = parse_record({**whole, "durationSeconds": 120})

    assert record.ended_at == datetime(2026, 11, 16, 15, 2, tzinfo=UTC)
    assert record.content_hash() == parse_record(LEAST).content_hash()


def test_the_end_counts_before_the_duration() -> None:
    assert parse(durationSeconds=5).ended_at == datetime(2026, 11, 16, 15, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"startedAt": "noon", "durationSeconds": 1}, "startedAt"), ({"durationSeconds": "1"}, "durationSeconds")],
)
def test_a_duration_that_cannot_be_added_is_told_once(change: dict[str, Any], field: str) -> None:
    (found,) = refuse({**LEAST, "endedAt": None, **change})

    assert found.startswith(f"{field} must be ")


def test_a_tool_may_be_silent_and_nobody_else() -> None:
    tool = {"speaker": "TOOL", "name": "book_table"}

    assert parse(transcript=[tool]).transcript[0]["text"] == ""
    assert hash_of(transcript=[{**tool, "text": None}]) == hash_of(transcript=[{**tool, "text": ""}])
    assert parse(transcript=[{"speaker": "HUMAN"}]).transcript == []


def test_a_turn_has_no_keys_for_what_is_not_known() -> None:
    turn = {"speaker": "USER", "text": "Hello"}
    nulls = [{**turn, "at": None, "name": None}, {**turn, "name": ""}, {**turn, "name": " "}]

    assert parse(transcript=nulls).transcript == [turn, turn, turn]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("EN-us", "en-US"),
        ("en_US", "en-US"),
        ("de", "de"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("en-ca-x-ca", "en-CA-x-ca"),
        ("DE-1996", "de-1996"),
    ],
)
def test_a_language_is_kept_in_one_spelling(sent: str, kept: str) -> None:
    assert parse(language=sent).language == kept
