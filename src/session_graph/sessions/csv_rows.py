"""Reads records from CSV whose header names the fields of a record.

    agent,channel,startedAt,endedAt,intentToBuy,tags,utms.utm_source
    host,VOICE,2026-11-21T14:03:05Z,2026-11-21T14:05:40Z,true,vip;late,google

A cell becomes what the record's field is: true or false, a whole number, a list (`;` between the entries, or JSON), an
object (JSON, or one column for each entry, named with a dot), else text. An empty cell is an absent field. A row is a
line, or several if a quoted cell has line breaks; its number is that of its first line.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import orjson

from session_graph.errors import Problem, SessionGraphError
from session_graph.sessions.json_lines import LONGEST, LineSplitter, RawRecord
from session_graph.sessions.record import SessionRecord

DELIMITERS = ",;\t"

Kinds = Mapping[str, frozenset[str]]
"""The JSON types of each field of a record, by GraphQL name."""


class WrongHeader(SessionGraphError):
    """The header does not name fields of a record, each once."""


def is_header(line: bytes) -> bool:
    """Return whether the line names at least one field of a record."""
    return any(name.partition(".")[0] in _kinds() for name in _read_header(_decode(line)))


def read_rows(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    """Yield the record of each row after the header. Raises WrongHeader."""
    lines = _Lines(chunks)
    first = next(line for line in lines if line.strip())
    header = _read_header(first)
    _check_header(header)
    csv.field_size_limit(LONGEST)
    rows = csv.reader(lines, delimiter=_find_delimiter(first), strict=True)
    while True:
        number = lines.number + 1
        size = lines.size
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield RawRecord(number, lines.size - size, problems=(Problem((), f"is not CSV: {error}"),))
        else:
            if any(cells):
                yield _read_row(number, lines.size - size, header, cells)


class _Lines:
    """The lines as the module csv reads them; `number` and `size` are those of the lines that it has read so far."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.number = self.size = 0
        self._lines = map(self._count, LineSplitter().split(chunks))

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def _count(self, line: bytes) -> str:
        self.number += 1
        self.size += len(line)
        return _decode(line) + "\n"


def _read_row(number: int, size: int, header: Sequence[str], cells: Sequence[str]) -> RawRecord:
    if len(cells) > len(header):
        problem = Problem((), f"has {len(cells)} cells, more than the {len(header)} of the header")
        return RawRecord(number, size, problems=(problem,))
    raw: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, cell in zip(header, cells, strict=False):
        if not (text := cell.strip()):
            continue
        field, dot, key = name.partition(".")
        try:
            if dot:
                raw.setdefault(field, {})[key] = text
            else:
                raw[field] = _read_cell(field, text)
        except orjson.JSONDecodeError as error:
            problems.append(Problem((name,), f"is not JSON: {error}"))
    return RawRecord(number, size, raw, tuple(problems))


def _read_cell(field: str, text: str) -> object:
    """Return the text if it is not of the field's kind: what is wrong about it, the record says."""
    kinds = _kinds()[field]
    for kind, read in _READERS.items():
        if kind in kinds:
            return read(text)
    return text


def _read_flag(text: str) -> object:
    return {"true": True, "false": False}.get(text.lower(), text)


def _read_whole_number(text: str) -> object:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def _read_list(text: str) -> object:
    if text.startswith("["):
        return orjson.loads(text)
    return [entry for part in text.split(";") if (entry := part.strip())]


_READERS: Mapping[str, Callable[[str], object]] = {
    "boolean": _read_flag,
    "integer": _read_whole_number,
    "array": _read_list,
    "object": orjson.loads,
}


def _read_header(line: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=_find_delimiter(line)), [])
    except csv.Error:
        return []
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _check_header(names: Sequence[str]) -> None:
    if unknown := [name for name in names if not _is_column(name)]:
        raise WrongHeader(f"The header names fields that a record does not have: {', '.join(map(repr, unknown))}")
    counts = Counter([*names, *{name.partition(".")[0] for name in names if "." in name}])
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise WrongHeader(f"The header names a field twice: {', '.join(map(repr, repeated))}")


def _find_delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _is_column(name: str) -> bool:
    field, dot, key = name.partition(".")
    kinds = _kinds().get(field, frozenset())
    return ("object" in kinds and bool(key)) if dot else bool(kinds)


def _decode(line: bytes) -> str:
    """Return the text; bytes that are not UTF-8 become lone surrogates, about which the record's checks decide."""
    return line.decode("utf-8", "surrogateescape")


@cache
def _kinds() -> Kinds:
    properties: Mapping[str, Any] = SessionRecord.model_json_schema()["properties"]
    return {name: frozenset(_types_in(schema)) for name, schema in properties.items()}


def _types_in(schema: Mapping[str, Any]) -> Iterator[str]:
    branches = schema.get("anyOf")
    if branches is None:
        yield schema.get("type", "string")
    for branch in branches or ():
        yield from _types_in(branch)
