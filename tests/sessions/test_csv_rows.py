"""Records in CSV: cells become what the record's fields are, and rows are told by the number of their line."""

from typing import Any

import orjson
import pytest

from session_graph.sessions.csv_rows import WrongHeader, is_header, read_rows
from session_graph.sessions.json_lines import RawRecord
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_reading import parse_record


def rows(text: str) -> list[RawRecord]:
    return list(read_rows([text.encode()]))


def cell(header: str, text: str) -> Any:
    """The only field of the only row."""
    (row,) = rows(f'{header},agent\n"{text.replace(chr(34), chr(34) * 2)}",host\n')
    assert row.problems == ()
    assert isinstance(row.raw, dict)
    (value,) = [value for name, value in row.raw.items() if name != "agent"]
    return value


@pytest.mark.parametrize(
    ("header", "text", "value"),
    [
        ("summary", " true ", "true"),
        ("externalId", "00012", "00012"),
        ("units", "4.5", "4.5"),
        ("intentToBuy", "TRUE", True),
        ("isTest", "false", False),
        ("isTodo", "yes", "yes"),
        ("conversationQuality", "4", 4),
        ("conversationQuality", "4.5", "4.5"),
        ("tags", "vip; late;", ["vip", "late"]),
        ("tags", '["a;b"]', ["a;b"]),
        ("utms", '{"utm_source": "google"}', {"utm_source": "google"}),
        ("utms.utm_source", "google", {"utm_source": "google"}),
        ("transcript", '[{"speaker": "USER", "text": "Hi"}]', [{"speaker": "USER", "text": "Hi"}]),
    ],
)
def test_a_cell_becomes_what_its_field_is(header: str, text: str, value: object) -> None:
    assert cell(header, text) == value


def test_every_field_of_a_record_can_be_a_column() -> None:
    names = [str(field.alias) for field in SessionRecord.model_fields.values()]
    whole = parse_record(
        {
            "agent": "host",
            "channel": "CHAT",
            "startedAt": "2026-11-16T15:00:00Z",
            "endedAt": "2026-11-16T15:02:00Z",
            "intentToBuy": True,
            "conversationQuality": 5,
            "units": "4",
            "utms": {"utm_source": "google", "utm_medium": "cpc"},
            "tags": ["late", "vip"],
            "transcript": [{"speaker": "USER", "text": 'Hi, "you"\nthere'}],
        }
    )
    content = orjson.loads(whole.model_dump_json(by_alias=True, exclude_none=True))
    cells = ['"' + text_of(content.get(name, "")).replace('"', '""') + '"' for name in names]

    (row,) = rows(",".join(names) + "\r\n" + ",".join(cells) + "\r\n")

    assert parse_record(row.raw).content_hash() == whole.content_hash()


def text_of(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def test_an_empty_cell_and_a_row_that_is_too_short_leave_fields_out() -> None:
    (row,) = rows("agent,summary,units\nhost, \n")

    assert row.raw == {"agent": "host"}


def test_rows_have_the_number_of_their_first_line() -> None:
    found = rows('\nagent,summary\na,"one\ntwo"\n\nb,x,y\nc,"z"q\nd,\n')

    assert [row.number for row in found] == [3, 6, 7, 8]
    assert [str(problem) for row in found for problem in row.problems] == [
        "has 3 cells, more than the 2 of the header",
        "is not CSV: ',' expected after '\"'",
    ]
    assert [row.raw for row in found if not row.problems] == [{"agent": "a", "summary": "one\ntwo"}, {"agent": "d"}]


def test_a_cell_that_is_not_json_is_a_problem_of_its_row() -> None:
    (row,) = rows("agent,utms\nhost,utm_source\n")

    ((path, message),) = [(problem.path, problem.message) for problem in row.problems]
    assert path == ("utms",)
    assert message.startswith("is not JSON: ")


def test_a_quote_that_is_not_closed_is_told_and_not_kept_for_ever() -> None:
    (row,) = rows('agent,summary\nhost,"never closed\nmore\n')

    assert (row.number, [problem.message for problem in row.problems]) == (2, ["is not CSV: unexpected end of data"])


@pytest.mark.parametrize("line", [b"agent", b"agent;channel", b"utms.a,x"])
def test_a_header_names_a_field(line: bytes) -> None:
    assert is_header(line)


@pytest.mark.parametrize("line", [b"", b"Date/Time,Is Lead", b'{"agent": "a"}', b"[", b"\xff\xfea\x00g\x00", b"Agent"])
def test_anything_else_is_no_header(line: bytes) -> None:
    assert not is_header(line)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("agent,colour", "The header names fields that a record does not have: 'colour'"),
        ("agent,tags.a", "The header names fields that a record does not have: 'tags.a'"),
        ("agent,utms.", "The header names fields that a record does not have: 'utms.'"),
        ("agent,,channel", "The header names fields that a record does not have: ''"),
        ("agent,channel,agent", "The header names a field twice: 'agent'"),
        ("agent,utms,utms.a", "The header names a field twice: 'utms'"),
    ],
)
def test_a_wrong_header_is_told_before_any_row(header: str, message: str) -> None:
    with pytest.raises(WrongHeader) as error:
        rows(f"{header}\nhost,VOICE\n")

    assert error.value.message == message
