"""What of a record is taken with a loss, and said. Source: domain.md, "Texts and identifiers", "What is recorded"."""

from typing import Any

import pytest

from session_graph.errors import InvalidInput
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_reading import parse_record

LEAST = {
    "agent": "bistro",
    "channel": "VOICE",
    "startedAt": "2026-11-16T15:00:00Z",
    "endedAt": "2026-11-16T15:02:00Z",
}
USER = {"speaker": "USER", "text": "Hello"}


def read(**fields: Any) -> tuple[SessionRecord, list[tuple[str, str]]]:
    """Return the record, and the path and code of each warning."""
    record = parse_record({**LEAST, **fields})
    return record, [(".".join(map(str, each.path)), each.code.value) for each in record.warnings]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("cut \ud83d", "cut \ufffd"),
        ("a\x0bb", "a\ufffdb"),
        ("a\x1bb\x85c", "a\ufffdb\ufffdc"),
        ("a\0b", "ab"),
    ],
)
def test_characters_that_no_text_may_have_are_replaced(sent: str, kept: str) -> None:
    for field in ("summary", "contactName", "externalId", "sessionType", "actualResult"):
        record, warnings = read(**{field: sent})
        assert record.model_dump(by_alias=True)[field] == kept
        assert warnings == [(field, "TEXT_REPLACED")]

    record, warnings = read(tags=[sent], utms={sent: sent}, transcript=[{"speaker": "USER", "text": sent}])
    assert (record.tags, record.utms, record.transcript[0]["text"]) == ([kept], {kept: kept}, kept)
    assert {code for _, code in warnings} == {"TEXT_REPLACED"}


@pytest.mark.parametrize("sent", ["Cafe\u0301", "Café", " Café ", "\tCafe\u0301\n"])
def test_a_text_is_kept_composed_and_trimmed(sent: str) -> None:
    record, warnings = read(externalId=sent, sessionType=sent, tags=[sent], utms={sent: sent}, summary=sent)

    assert {record.external_id, record.session_type, *record.tags, *record.utms, record.summary} == {"Café"}
    assert warnings == []


@pytest.mark.parametrize(
    ("field", "sent", "kept", "path", "code"),
    [
        ("contactName", "x" * 201, "x" * 200, "contactName", "TEXT_CUT"),
        ("summary", "x" * 10_001, "x" * 10_000, "summary", "TEXT_CUT"),
        ("summary", "x" * 9_999 + " yz", "x" * 9_999, "summary", "TEXT_CUT"),
        ("tags", ["x" * 101], ["x" * 100], "tags.0", "TEXT_CUT"),
        ("tags", [f"t{n:03}" for n in range(101)], [f"t{n:03}" for n in range(100)], "tags", "LIST_CUT"),
        ("utms", {"a": "x" * 1_001}, {"a": "x" * 1_000}, "utms.a", "TEXT_CUT"),
        ("utms", {f"k{n}": "x" for n in range(51)}, {f"k{n}": "x" for n in range(50)}, "utms", "LIST_CUT"),
    ],
)
def test_what_is_too_long_is_cut(field: str, sent: Any, kept: Any, path: str, code: str) -> None:
    record, warnings = read(**{field: sent})

    assert record.model_dump(by_alias=True)[field] == kept
    assert warnings == [(path, code)]


@pytest.mark.parametrize("field", ["externalId", "agent"])
def test_an_identifier_is_never_cut(field: str) -> None:
    with pytest.raises(InvalidInput, match="must have at most"):
        read(**{field: "x" * 501})


def test_whole_numbers_are_texts_where_a_text_is_asked_for() -> None:
    record, warnings = read(externalId=12345, phone=14155550134, tags=[7], utms={"utm_id": 9})

    assert (record.external_id, record.phone, record.tags, record.utms) == (
        *("12345", "14155550134", ["7"], {"utm_id": "9"}),
    )
    assert warnings == []


@pytest.mark.parametrize(
    ("end", "is_taken"), [("14:59:58Z", True), ("14:59:59.999999Z", True), ("14:59:57.999Z", False)]
)
def test_an_end_just_before_the_start_is_the_start(end: str, is_taken: bool) -> None:
    if not is_taken:
        with pytest.raises(InvalidInput, match="endedAt must not be before startedAt"):
            read(endedAt=f"2026-11-16T{end}")
        return

    record, warnings = read(endedAt=f"2026-11-16T{end}")
    assert record.ended_at == record.started_at
    assert warnings == [("endedAt", "CLOCK_SKEW")]


@pytest.mark.parametrize("at", ["2026-11-15T14:59:59Z", "2026-11-17T15:02:01Z", "1970-01-01T00:00:00Z"])
def test_a_turn_far_from_its_session_loses_its_time(at: str) -> None:
    record, warnings = read(transcript=[{**USER, "at": at}, {**USER, "at": "2026-11-17T15:02:00Z"}])

    assert ["at" not in turn for turn in record.transcript] == [True, False]
    assert warnings == [("transcript.0.at", "TIME_DROPPED")]


@pytest.mark.parametrize(
    "turn", [{"speaker": "AGENT"}, {"speaker": "AGENT", "text": None}, {"speaker": "USER", "text": " "}]
)
def test_a_turn_without_text_is_left_out(turn: dict[str, Any]) -> None:
    record, warnings = read(transcript=[USER, turn, {"speaker": "AGENT", "text": "Bye"}])

    assert [turn["text"] for turn in record.transcript] == ["Hello", "Bye"]
    assert warnings == [("transcript.1", "TURN_SKIPPED")]


def test_a_transcript_is_cut_to_its_limits() -> None:
    record, warnings = read(transcript=[USER] * 5_001)
    assert (len(record.transcript), warnings) == (5_000, [("transcript", "LIST_CUT")])

    record, warnings = read(transcript=[{"speaker": "USER", "text": "x" * 600_000}] * 3)
    assert [len(turn["text"]) for turn in record.transcript] == [600_000, 400_000]
    assert warnings == [("transcript", "TEXT_CUT")]


def test_what_was_lost_is_no_part_of_the_content() -> None:
    assert read(summary="a\x0bb")[0].content_hash() == read(summary="a\ufffdb")[0].content_hash()
    assert read(summary="x" * 10_001)[0].content_hash() == read(summary="x" * 10_000)[0].content_hash()


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        *(("language", tag) for tag in ("English (US)", "1", "a--b")),
        *(("recordingUrl", url) for url in ("http://example.com/r", "https://", "r.wav", "https://example.com/a b")),
    ],
)
def test_what_a_record_can_do_without_is_left_out_if_it_is_malformed(field: str, sent: str) -> None:
    record, warnings = read(**{field: sent})

    assert record.model_dump(by_alias=True)[field] is None
    assert warnings == [(field, "VALUE_DROPPED")]


@pytest.mark.parametrize(
    ("sent", "kept", "code"), [("x" * 201, "x" * 200, "TEXT_CUT"), ("a\x0bb", "a\ufffdb", "TEXT_REPLACED")]
)
def test_the_name_of_a_speaker_costs_no_session(sent: str, kept: str, code: str) -> None:
    record, warnings = read(transcript=[{**USER, "name": sent}])

    assert record.transcript[0].get("name") == kept
    assert warnings == [("transcript.0.name", code)]
