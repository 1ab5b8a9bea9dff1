"""docs/mappings.md and docs/vendors say what there is, and their examples work."""

import re
import tomllib
from pathlib import Path

import orjson
import pytest

from session_graph.ingestion.functions import MappingFunctions
from session_graph.ingestion.mapping import parse_mapping, shipped_names
from session_graph.ingestion.mapping_file import MappingFile
from session_graph.ingestion.signatures import SCHEMES
from session_graph.sessions.record_reading import parse_record
from support.payloads import map_all, map_one

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "mappings.md").read_text("utf-8")
OF_JMESPATH = set(MappingFunctions.__mro__[1].FUNCTION_TABLE)  # type: ignore[attr-defined]


def example(language: str, page: str = PAGE) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return str(found)


def names_in(heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {name for name, _ in re.findall(r"^\| `(\w+)(\(.*?\))?` \|", section, re.MULTILINE)}


def test_every_key_is_explained() -> None:
    assert names_in("Keys") == set(MappingFile.model_fields)


def test_every_function_is_explained() -> None:
    assert names_in("Functions") == set(MappingFunctions.FUNCTION_TABLE) - OF_JMESPATH


def test_every_signature_is_named() -> None:
    [row] = re.findall(r"^\| `signature` \|.*$", PAGE, re.MULTILINE)

    assert set(re.findall(r"`([\w-]+)`", row)) - {"signature"} == set(SCHEMES)


def test_every_shipped_mapping_has_a_page_that_is_linked() -> None:
    assert {path.stem for path in (DOCS / "vendors").glob("*.md")} == set(shipped_names())
    assert re.findall(r"\(vendors/([\w-]+)\.md\)", PAGE) == shipped_names()


def test_the_example_of_a_mapping_reads_the_example_of_a_payload() -> None:
    mapping = parse_mapping("mine.toml", example("toml"))

    [mapped] = map_all(mapping, orjson.loads(example("json")))
    record = parse_record({**mapped.raw, "agent": mapped.agent})

    assert (mapped.problems, mapped.warnings, record.warnings) == ((), (), ())
    assert (record.source_id, record.channel.value, str(record.units)) == ("c-1", "VOICE", "4")
    assert record.intent_to_buy
    assert record.metadata == {"vip": "true", "queue": "evening"}
    assert [(turn["speaker"], turn["text"]) for turn in record.transcript] == [
        ("AGENT", "Good evening."),
        ("USER", "A table for four, please."),
    ]


def test_the_example_names_every_kind_of_key_but_the_rare_ones() -> None:
    assert set(MappingFile.model_fields) - set(tomllib.loads(example("toml"))) == {"format", "signature"}


def test_the_example_of_a_log_of_openai_realtime_is_a_record() -> None:
    page = (DOCS / "vendors" / "openai-realtime.md").read_text("utf-8")

    record = map_one("openai-realtime", orjson.loads(example("json", page))).raw

    assert (record["sourceId"], record["summary"], len(record["transcript"])) == ("rtc_1", "Booked a table.", 2)


@pytest.mark.parametrize("name", shipped_names())
def test_the_page_of_a_vendor_shows_how_to_create_its_source(name: str) -> None:
    page = (DOCS / "vendors" / f"{name}.md").read_text("utf-8")

    assert f"--mapping {name}" in example("sh", page)
    assert "**Not carried.**" in page
