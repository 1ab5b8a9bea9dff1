"""Mappings: how the payloads of a vendor become records, as a TOML file says by JMESPath expressions.

    mapping = load_mapping("retell")                      # or the path of a file
    mapped = mapping.apply(payload, received=now)         # or the problems why there is no record
    records = await mapped.records()

docs/mappings.md explains every key. A mapping never raises for a payload: what it cannot read is a problem or a warning
of that payload.
"""

import tomllib
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from session_graph.errors import InvalidInput, Problem
from session_graph.ingestion.expressions import Expression
from session_graph.ingestion.functions import Surroundings, Tables, number_of, value_text
from session_graph.ingestion.mapping_file import KINDS, Kind, MappingFile, read_mapping_file
from session_graph.ingestion.signatures import MAX_FIELDS
from session_graph.pacing import beside
from session_graph.parsing import load_json, parse_instant
from session_graph.sessions.enums import Speaker, WhenKnown
from session_graph.sessions.record import MAX_TURNS
from session_graph.sessions.warnings import RecordWarning, WarningCode

MOST_RECORDS = 10_000
"""Of a payload."""
MOST_WARNINGS = 100
"""Of a record."""
SUFFIX = ".toml"

_ANY_TIME = "2000-01-01T00:00:00Z"

ESSENTIAL = frozenset(
    {
        *("source", "sourceId", "channel", "startedAt", "endedAt", "durationSeconds", "asOf", "leadValue", "units"),
        *("intentToBuy", "refused", "unavailable", "isTest", "autoAssessment", "agent"),
    }
)
"""What is wrong about money, time or identity is refused; anything else is left out with a warning (domain.md)."""


@dataclass(frozen=True, slots=True)
class MappedRecord:
    """The JSON of a record without its agent, and the agent as the vendor names it.

    `problems` say why it cannot be recorded, `warnings` what was left out.
    """

    raw: dict[str, Any]
    agent: str | None = None
    agent_name: str | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[RecordWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a payload holds: the parts of it that are records; none if it is ignored, or if there are `problems`."""

    read: Callable[[Any], MappedRecord]
    """Reads one of the parts."""
    parts: Sequence[Any] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_ignored(self) -> bool:
        return not self.parts and not self.problems

    async def records(self) -> list[MappedRecord]:
        """Return the records, each read beside the event loop: one with thousands of turns takes a quarter second."""
        return [await beside(self.read, part) for part in self.parts]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping, ready to be applied; `text` is its file's."""

    name: str
    text: str
    file: MappingFile
    expressions: MappingType[str, Expression]

    @property
    def tables(self) -> Tables:
        return self.file.lookup

    def decode(self, body: bytes) -> Any:
        """Return the payload of a body: JSON, or a form if the mapping says so. Raises ValueError if it is neither."""
        if self.file.format == "form" and not body.lstrip().startswith((b"{", b"[")):
            text = body.decode("utf-8", "replace").strip()
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS))
        return load_json(body)

    def apply(self, payload: Any, received: datetime) -> Mapped:
        """Return the records that the payload tells of."""
        around = Surroundings(payload, received, self.tables)

        def read(part: Any) -> MappedRecord:
            return _Reading(self, Surroundings(payload, received, self.tables)).record(part)

        try:
            if (ignore := self.expressions.get("ignore")) and ignore.evaluate(payload, around):
                return Mapped(read)
            found = self.expressions["records"].evaluate(payload, around)
        except ValueError as error:
            return _refuse(read, f"could not be read by the mapping {self.name}: {error}")
        items = [item for item in found if item is not None] if isinstance(found, list) else []
        if not items:
            return _refuse(read, f"has nothing that the mapping {self.name} takes for a record")
        if len(items) > MOST_RECORDS:
            return _refuse(read, f"has more than {MOST_RECORDS:,} records")
        return Mapped(read, items)


@dataclass(slots=True)
class _Reading:
    """One record of a payload."""

    mapping: Mapping
    around: Surroundings
    problems: list[Problem] = field(default_factory=list)
    warnings: list[RecordWarning] = field(default_factory=list)

    def record(self, item: Any) -> MappedRecord:
        raw: dict[str, Any] = {"source": self.mapping.file.source, "whenKnown": WhenKnown.AMEND.value}
        for name in self.mapping.file.record:
            value = self._value(f"record.{name}", item, KINDS[name], name)
            if value is not None:
                raw[name] = value
            if name == "startedAt":
                self.around.started = value
        if "sourceId" not in raw and not self.problems:
            self.problems.append(Problem(("sourceId",), "is not in the payload"))
        if turns := self._turns(item):
            raw["transcript"] = turns
        agent, agent_name = (self._value(f"agent.{key}", item, Kind.TEXT, "agent") for key in ("id", "name"))
        return MappedRecord(raw, agent, agent_name, tuple(self.problems), tuple(self.warnings))

    def _turns(self, item: Any) -> list[dict[str, Any]]:
        turns = self._value("transcript", item, Kind.ANY, "transcript")
        if turns is not None and not isinstance(turns, list):
            self._warn("transcript", "is not a list")
            return []
        found = (self._turn(turn) for turn in (turns or ())[: MAX_TURNS + 1] if turn)  # one more, so that it is told
        return [turn for turn in found if turn]

    def _turn(self, turn: Any) -> dict[str, Any] | None:
        kinds = {key: Kind.JSON if key == "text" else Kind.TEXT for key in self.mapping.file.turn}
        values = {key: self._value(f"turn.{key}", turn, kind, "transcript") for key, kind in kinds.items()}
        found = {key: value for key, value in values.items() if value is not None}
        if found.get("speaker") not in set(Speaker):
            self._warn("transcript", f"has a turn whose speaker is none of {', '.join(Speaker)}")
            return None
        if "name" in found:
            found["name"] = " ".join(found["name"].split())
        try:
            parse_instant(found.get("at", _ANY_TIME))
        except ValueError as error:
            self._warn("transcript", f"has a turn whose time {error}")
            del found["at"]
        return found

    def _value(self, key: str, item: Any, kind: Kind, field_name: str) -> Any:
        """Return the value of an expression, or None if there is none; nothing that is empty counts as a value."""
        expression = self.mapping.expressions.get(key)
        if expression is None:
            return None
        try:
            value = expression.evaluate(item, self.around)
            return None if _is_nothing(value, kind) else _as_kind(kind, value)
        except (ValueError, OverflowError) as error:
            if field_name in ESSENTIAL:
                self.problems.append(Problem((field_name,), f"could not be read by {key} of the mapping: {error}"))
            else:
                self._warn(field_name, f"could not be read by {key} of the mapping: {error}")
            return None

    def _warn(self, field_name: str, message: str) -> None:
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(left_out(field_name, message))


def left_out(field_name: str, message: str) -> RecordWarning:
    """Return the warning that a field was left out, and why."""
    return RecordWarning((field_name,), WarningCode.VALUE_DROPPED, f"{message}; it was left out")


def _refuse(read: Callable[[Any], MappedRecord], message: str) -> Mapped:
    return Mapped(read, problems=(Problem((), message),))


def _is_nothing(value: Any, kind: Kind) -> bool:
    """Return whether the value leaves its field out; `a && b` is false where there is no `a`."""
    return value is None or value in ("", [], {}) or (value is False and kind is not Kind.FLAG)


def _as_kind(kind: Kind, value: Any) -> Any:
    """Return the value as records have it. Raises ValueError if it is of another kind."""
    match kind:
        case Kind.SECONDS:
            return round(number_of(value))
        case Kind.NUMBER if isinstance(value, float):
            return repr(value)
        case Kind.TEXT if isinstance(value, list | dict | bool):
            raise ValueError(f"{value_text(value)[:100]} is not a text")
        case Kind.TEXT | Kind.JSON:
            return value_text(value)
    return value


def load_mapping(name_or_path: str) -> Mapping:
    """Return the shipped mapping of this name, or that of a file. Raises InvalidInput with each problem and its key."""
    if name_or_path in shipped_names():
        return parse_mapping(name_or_path, shipped_text(name_or_path))
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(shipped_names())
        raise InvalidInput.at(f"is neither a file nor one of {known}", [name_or_path])
    try:
        return parse_mapping(name_or_path, path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput.at("is not UTF-8", [name_or_path]) from None


def parse_mapping(name: str, text: str) -> Mapping:
    """Return the mapping in this text. Raises InvalidInput with each problem, after the name and its key."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput.at(f"is not TOML: {error}", [name]) from None
    try:
        file, expressions = read_mapping_file(values)
    except InvalidInput as error:
        raise error.in_file(name) from None
    return Mapping(name, text, file, expressions)


@cache
def shipped_names() -> list[str]:
    """Return the names of the mappings that come with session_graph."""
    entries = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in entries if name.endswith(SUFFIX))


@cache
def shipped_text(name: str) -> str:
    """Return the text of a shipped mapping."""
    return (_folder() / f"{name}{SUFFIX}").read_text("utf-8")


def _folder() -> Traversable:
    return files("session_graph.ingestion") / "mappings"
