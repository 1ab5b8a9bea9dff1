"""Mapping files: what their keys may hold, what is said of an error, and what the functions of expressions return."""

from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from session_graph.errors import InvalidInput
from session_graph.ingestion.expressions import compile_expression
from session_graph.ingestion.functions import Surroundings
from session_graph.ingestion.mapping import load_mapping, parse_mapping, shipped_names
from session_graph.sessions.record import MAX_TURNS
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.warnings import WarningCode
from support.payloads import RECEIVED, map_all

SMALLEST = """
source = "mine"
[agent]
id = "agent"
[record]
sourceId = "id"
channel = "'CHAT'"
startedAt = "started"
endedAt = "ended"
"""
WRONG = {
    "no TOML": ("source =", "is not TOML"),
    "no source": (SMALLEST.replace('source = "mine"', ""), "own.toml: source is missing"),
    "no record": ('source = "mine"', "own.toml: record is missing"),
    "no id": (SMALLEST.replace('sourceId = "id"', ""), "own.toml: record.sourceId is missing"),
    "no end": (SMALLEST.replace('endedAt = "ended"', ""), "own.toml: record.endedAt is missing"),
    "unknown key": (f'colour = "red"\n{SMALLEST}', "own.toml: colour is not a key of a mapping"),
    "unknown field": (f'{SMALLEST}\nphoneNumber = "p"', "own.toml: record.phoneNumber is not one of"),
    "a field of ours": (f"{SMALLEST}\nwhenKnown = \"'AMEND'\"", "own.toml: record.whenKnown is not one of"),
    "unknown part of an agent": (
        SMALLEST.replace('id = "agent"', 'idn = "agent"'),
        "own.toml: agent.idn is not one of",
    ),
    "no text": (SMALLEST.replace('"started"', "7"), "own.toml: record.startedAt is wrong"),
    "syntax": (SMALLEST.replace('"started"', '"a.["'), "own.toml: record.startedAt is not a JMESPath expression"),
    "unknown function": (SMALLEST.replace('"started"', '"now()"'), "own.toml: record.startedAt calls now()"),
    "unknown function inside": (
        SMALLEST.replace('"started"', '"a[?b && c(@)].d"'),
        "own.toml: record.startedAt calls c()",
    ),
    "arguments": (SMALLEST.replace('"started"', '"from_seconds(a, b)"'), "calls from_seconds() with 2 arguments"),
    "unknown table": (SMALLEST.replace("\"'CHAT'\"", "\"lookup('channels', c)\""), "calls lookup() without the name"),
    "computed table": (SMALLEST.replace("\"'CHAT'\"", '"lookup(kind, c)"'), "calls lookup() without the name"),
    "unknown signature": (f'signature = "rot13"\n{SMALLEST}', "own.toml: signature is not one of"),
    "unknown format": (f'format = "xml"\n{SMALLEST}', "own.toml: format is wrong"),
    "turns without a speaker": (f'transcript = "turns"\n{SMALLEST}', "own.toml: turn.speaker is missing"),
    "a list in a table": (f"{SMALLEST}\n[lookup.channels]\na = []", "own.toml: lookup.channels.a"),
}
FIRST = {"id": "1", "agent": "host", "started": "2026-11-03T10:00:00Z", "ended": "2026-11-03T10:01:00Z"}


def evaluate(expression: str, value: Any, **tables: dict[str, Any]) -> Any:
    around = Surroundings({"of": "all"}, RECEIVED, tables, started="2026-11-03T10:00:00Z")
    return compile_expression(expression, tables).evaluate(value, around)


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_mapping_is_valid_and_signed(name: str) -> None:
    assert load_mapping(name).file.signature


@pytest.mark.parametrize("case", WRONG)
def test_an_error_names_the_file_the_key_and_the_problem(case: str) -> None:
    text, message = WRONG[case]

    with pytest.raises(InvalidInput) as caught:
        parse_mapping("own.toml", text)

    assert message in str(caught.value)
    assert all(str(problem).startswith(("own.toml: ", "own.toml is not TOML")) for problem in caught.value.problems)


def test_all_errors_of_a_file_are_told_at_once() -> None:
    text = SMALLEST.replace('"started"', '"now()"').replace('"ended"', '"a.["')

    with pytest.raises(InvalidInput) as caught:
        parse_mapping("own.toml", text)

    keys = [problem.message.split()[1] for problem in caught.value.problems]
    assert keys == ["record.startedAt", "record.endedAt"]


def test_a_mapping_that_is_neither_shipped_nor_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is neither a file nor one of bland, chatwoot"):
        load_mapping(str(tmp_path / "none.toml"))


def test_a_file_is_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(SMALLEST)

    [record] = map_all(str(tmp_path / "own.toml"), FIRST)

    assert (record.agent, record.raw["source"], record.raw["channel"]) == ("host", "mine", "CHAT")


@pytest.mark.parametrize(
    ("expression", "value", "result"),
    [
        ("from_seconds(t)", {"t": 1793700000}, "2026-11-03T10:00:00Z"),
        ("from_seconds(t)", {"t": "1793700000.5"}, "2026-11-03T10:00:00.500000Z"),
        ("from_milliseconds(t)", {"t": 1793700000123}, "2026-11-03T10:00:00.123000Z"),
        ("from_mail_date(t)", {"t": "Tue, 03 Nov 2026 10:00:00 +0100"}, "2026-11-03T09:00:00Z"),
        ("from_mail_date(t)", {"t": "Tue, 03 Nov 2026 10:00:00 -0000"}, "2026-11-03T10:00:00Z"),
        ("add_seconds(t, s)", {"t": "2026-11-03T10:00:00Z", "s": 1.5}, "2026-11-03T10:00:01.500000Z"),
        ("add_seconds(started(), s)", {"s": "2"}, "2026-11-03T10:00:02Z"),
        ("multiply(a, b)", {"a": "1.5", "b": 60}, 90.0),
        ("texts(@)", {"a": 1, "b": True, "c": None, "d": "", "e": {"f": 2}}, {"a": "1", "b": "true", "e": '{"f":2}'}),
        ("texts([a, b, c])", {"a": {"x": 1}, "b": None, "c": {"x": 2, "y": "z"}}, {"x": "2", "y": "z"}),
        ("pluck(@, 'value')", {"a": {"value": 1}, "b": {"other": 2}, "c": 3}, {"a": 1, "b": None}),
        ("add_to_each(a, {at: t})", {"a": [{"x": 1}, 2], "t": 5}, [{"x": 1, "at": 5}]),
        ("text_of_html(h)", {"h": "a <b>b</b><BR/>1 < 2 <!-- c --><pre class='x'>d"}, "a b\n1 < 2\nd"),
        ("text_of_html(h)", {"h": "<p>One &amp;  two</p><ul><li>three<li>four</ul>"}, "One & two\nthree\nfour"),
        ("received()", {}, "2026-11-27T10:00:00Z"),
        ("payload().of", {}, "all"),
    ],
)
def test_the_functions(expression: str, value: Any, result: Any) -> None:
    assert evaluate(expression, value) == result


@pytest.mark.parametrize(
    "expression",
    [
        *("from_seconds(a)", "from_milliseconds(a)", "from_mail_date(a)", "add_seconds(a, `1`)", "multiply(a, `1`)"),
        *("texts(a)", "pluck(a, 'b')", "add_to_each(a, {b: c})", "text_of_html(a)", "lookup('t', a)"),
        "add_seconds(started(), a)",
    ],
)
def test_a_function_of_nothing_is_nothing(expression: str) -> None:
    assert evaluate(expression, {}, t={}) is None


@pytest.mark.parametrize(
    ("value", "result"), [("yes", "YES_A"), (True, "YES_A"), (False, "NO"), (3, "three"), ("no such", None)]
)
def test_a_value_is_looked_up_by_its_text_or_its_json(value: Any, result: Any) -> None:
    table = {"yes": "YES_A", "true": "YES_A", "false": "NO", "3": "three"}

    assert evaluate("lookup('t', @)", value, t=table) == result


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("from_seconds(@)", "soon"),
        ("from_seconds(@)", True),
        ("from_seconds(@)", 1e300),
        ("from_milliseconds(@)", [1]),
        ("from_mail_date(@)", "yesterday"),
        ("add_seconds(@, `1`)", "10:00"),
        ("starts_with(@, 'a')", 7),
    ],
)
def test_what_a_function_cannot_read_is_an_error(expression: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        evaluate(expression, value)


def test_what_is_wrong_about_a_time_refuses_the_record_and_anything_else_is_left_out() -> None:
    mapping = parse_mapping(
        "own",
        f'{SMALLEST.replace(chr(34) + "started" + chr(34), chr(34) + "from_seconds(s)" + chr(34))}summary = "sum"',
    )

    [loss] = map_all(mapping, FIRST | {"s": 1793700000, "sum": {"a": 1}})
    [refused] = map_all(mapping, FIRST | {"s": "soon", "sum": "Fine"})

    assert [(warning.path, warning.code) for warning in loss.warnings] == [(("summary",), WarningCode.VALUE_DROPPED)]
    assert (loss.problems, "summary" in loss.raw) == ((), False)
    assert [problem.path for problem in refused.problems] == [("startedAt",)]
    assert "record.startedAt of the mapping: 'soon' is not a number" in str(refused.problems[0])


def test_a_payload_may_hold_many_records_and_none_is_a_problem() -> None:
    mapping = parse_mapping("own", f'records = "sessions"\n{SMALLEST}')

    many = map_all(mapping, {"sessions": [FIRST, None, FIRST | {"id": "2"}]})
    none = mapping.apply({"sessions": []}, RECEIVED)

    assert [record.raw["sourceId"] for record in many] == ["1", "2"]
    assert [str(problem) for problem in none.problems] == ["has nothing that the mapping own takes for a record"]
    assert not none.is_ignored


def test_a_flag_that_is_false_counts_and_a_text_that_is_false_does_not() -> None:
    mapping = parse_mapping("own", f'{SMALLEST}intentToBuy = "lead"\nsummary = "none && text"\nunits = "guests"')

    [record] = map_all(mapping, FIRST | {"lead": False, "guests": 2.5})

    assert (record.raw["intentToBuy"], record.raw["units"], "summary" in record.raw) == (False, "2.5", False)
    assert record.warnings == ()


def test_html_of_any_size_is_read_at_once() -> None:
    began = monotonic()
    for hostile in ("<!--", "<![", "<a ", "<p ", "&", "&#1", "<", "</", "<br", "\n", " "):
        evaluate("text_of_html(@)", hostile * 300_000)

    assert monotonic() - began < 20


def test_a_transcript_of_any_length_is_cut_before_it_is_read() -> None:
    mapping = parse_mapping("own", f'transcript = "turns"\n{SMALLEST}[turn]\nspeaker = "\'USER\'"\ntext = "t"')

    [record] = map_all(mapping, FIRST | {"turns": [{"t": "a"}] * (MAX_TURNS + 500)})

    assert len(record.raw["transcript"]) == MAX_TURNS + 1
    assert [str(each.code) for each in parse_record({**record.raw, "agent": "host"}).warnings] == ["LIST_CUT"]


def test_a_turn_without_a_speaker_that_there_is_or_with_a_wrong_time_costs_no_other() -> None:
    text = f'transcript = "turns"\n{SMALLEST}[turn]\nspeaker = "s"\ntext = "t"\nat = "at"'
    turns = [{"s": "USER", "t": "a", "at": "noon"}, {"s": "NOBODY", "t": "b"}, {"t": "c"}, {"s": "AGENT", "t": "d"}]

    [record] = map_all(parse_mapping("own", text), FIRST | {"turns": turns * 100})

    assert record.raw["transcript"][:2] == [{"speaker": "USER", "text": "a"}, {"speaker": "AGENT", "text": "d"}]
    assert (len(record.raw["transcript"]), len(record.warnings)) == (200, 100)
