"""Reads a record: what is wrong about neither money, time nor identity is repaired with a warning, then all is checked.

The limits are those of the model, so that a new field of `SessionRecord` needs nothing here.
Source: domain.md, "Texts and identifiers" and "What is recorded".
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from session_graph.errors import PathSegment
from session_graph.parsing import (
    DECIMAL_LIMIT,
    NAME_LIMIT,
    clean_text,
    has_forbidden_characters,
    normalise_text,
    parse_instant,
)
from session_graph.sessions.enums import Speaker
from session_graph.sessions.history_record import HistoryRecord
from session_graph.sessions.input_model import parse_input
from session_graph.sessions.languages import parse_language
from session_graph.sessions.record import IDENTIFIERS, MAX_TRANSCRIPT, MAX_TURNS, SessionRecord, check_url
from session_graph.sessions.warnings import RecordWarning, WarningCode

CLOCK_SKEW = timedelta(seconds=2)
"""How far an end may lie before its start."""
FAR = timedelta(days=1)
"""A turn further from its session has a wrong time."""

Path = tuple[PathSegment, ...]
Span = tuple[datetime, datetime]

_OPTIONAL: dict[str, Callable[[str], object]] = {"language": parse_language, "recordingUrl": check_url}
"""Fields without which a record is as right as with them, and their checks, which raise ValueError."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a field; None where it has no such part. Text is in characters, and dropped if it is blank."""

    text: int | None = None
    is_optional: bool = False
    entries: int | None = None
    key: int | None = None


def parse_record(raw: object) -> SessionRecord:
    """Return the record, with a warning for each loss. Raises InvalidInput with every problem, by GraphQL names."""
    return _parse(SessionRecord, raw)


def parse_history(raw: object) -> SessionRecord:
    """Return the record of a session of the past as `parse_record` does."""
    return _parse(HistoryRecord, raw)


def _parse(model: type[SessionRecord], raw: object) -> SessionRecord:
    repair = _Repair()
    record = parse_input(model, repair.record(raw, _field_limits(model)) if isinstance(raw, Mapping) else raw)
    if repair.warnings:
        record.warn(*repair.warnings)
    return record


@dataclass(slots=True)
class _Repair:
    warnings: list[RecordWarning] = field(default_factory=list)

    def record(self, raw: Mapping[str, Any], limits: Mapping[str, Limits]) -> dict[str, Any]:
        found = {
            name: self._value(value, limits[name], name) if name in limits else value for name, value in raw.items()
        }
        for name, check in _OPTIONAL.items():
            self._drop_if_wrong(found, name, check)
        start, end = _parse_in_place(found, "startedAt"), _parse_in_place(found, "endedAt")
        if start and end and timedelta(0) < start - end <= CLOCK_SKEW:
            found["endedAt"] = end = start
            self._warn(("endedAt",), WarningCode.CLOCK_SKEW, "is just before startedAt, and was set to it")
        turns = found.get("transcript")
        if isinstance(turns, Sequence) and not isinstance(turns, str):
            around = (start - FAR, (end or start) + FAR) if start else None
            found["transcript"] = self._transcript(turns, around)
        return found

    def _drop_if_wrong(self, found: dict[str, Any], name: str, check: Callable[[str], object]) -> None:
        if not isinstance(text := found.get(name), str) or not text:
            return
        try:
            check(text)
        except ValueError as error:
            del found[name]
            self._warn((name,), WarningCode.VALUE_DROPPED, f"{error}; it was left out")

    def _warn(self, path: Path, code: WarningCode, message: str) -> None:
        self.warnings.append(RecordWarning(path, code, message))

    def _value(self, value: Any, limits: Limits, name: str) -> Any:
        if isinstance(value, list):
            return self._list(value, limits, (name,))
        if isinstance(value, dict):
            return self._map(value, limits, (name,))
        text = value if limits.text is None else self._text(value, limits.text, (), name)
        return None if text == "" and limits.is_optional else text

    def _text(self, value: Any, limit: int, path: Path, name: PathSegment) -> Any:
        """Return the text of this name below the path; what is no text as it is, for the check to refuse."""
        if not isinstance(value, str):
            return str(value) if type(value) is int and abs(value) < DECIMAL_LIMIT else value
        if value.isascii() and value.isprintable() and len(value) <= limit:
            return value.strip()
        text = normalise_text(value)
        if has_forbidden_characters(text):
            text = clean_text(text)
            self._warn((*path, name), WarningCode.TEXT_REPLACED, "had characters that no text may have")
        if len(text) <= limit or (not path and (name in IDENTIFIERS or name in _OPTIONAL)):
            return text
        self._warn((*path, name), WarningCode.TEXT_CUT, f"was cut to {limit:,} characters")
        return text[:limit].rstrip()

    def _list(self, values: list[Any], limits: Limits, path: Path) -> list[Any]:
        if limits.entries is None or limits.text is None:
            return values
        texts = [self._text(value, limits.text, path, i) for i, value in enumerate(values)]
        return self._cut([text for text in texts if text not in ("", None)], limits.entries, path)

    def _map(self, values: Mapping[str, Any], limits: Limits, path: Path) -> dict[str, Any]:
        if limits.entries is None or limits.key is None or limits.text is None:
            return dict(values)
        found = {
            self._text(key, limits.key, path, key): self._text(value, limits.text, path, key)
            for key, value in values.items()
            if value is not None
        }
        return dict(self._cut(list(found.items()), limits.entries, path))

    def _cut(self, entries: list[Any], limit: int, path: Path) -> list[Any]:
        if len(entries) > limit:
            self._warn(path, WarningCode.LIST_CUT, f"was cut to {limit:,} entries")
        return entries[:limit]

    def _transcript(self, turns: Sequence[Any], around: Span | None) -> list[Any]:
        kept, left = [], MAX_TRANSCRIPT
        for position, turn in enumerate(self._cut(list(turns), MAX_TURNS, ("transcript",))):
            if not isinstance(turn, dict):
                kept.append(turn)
                continue
            found = self._turn(turn, position, around)
            if found is None:
                continue
            size = len(found["text"]) if isinstance(found["text"], str) else 0
            if size > left:
                found["text"] = found["text"][:left]
                self._warn(("transcript",), WarningCode.TEXT_CUT, f"was cut to {MAX_TRANSCRIPT:,} characters in all")
                return [*kept, found] if left else kept
            kept.append(found)
            left -= size
        return kept

    def _turn(self, turn: Mapping[str, Any], position: int, around: Span | None) -> dict[str, Any] | None:
        path = ("transcript", position)
        found = dict(turn)
        if "name" in found:
            found["name"] = self._text(found["name"], NAME_LIMIT, path, "name")
            if found["name"] == "":
                del found["name"]
        text = self._text(found.get("text"), MAX_TRANSCRIPT, path, "text")
        if not text and found.get("speaker") != Speaker.TOOL:
            self._warn(path, WarningCode.TURN_SKIPPED, "has no text, and was left out")
            return None
        found["text"] = text or ""
        at = _parse_in_place(found, "at")
        if at and around and not around[0] <= at <= around[1]:
            del found["at"]
            self._warn((*path, "at"), WarningCode.TIME_DROPPED, "is more than a day from the session, and was left out")
        return found if None not in found.values() else _without_nulls(found, ("name", "at"))


def _without_nulls(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None or name not in names}


def _parse_in_place(values: dict[str, Any], name: str) -> datetime | None:
    """Replace the text by its instant, and return it; None if there is none that the check will take."""
    if (value := values.get(name)) is None:
        return None
    try:
        values[name] = instant = parse_instant(value)
    except ValueError:
        return None
    return instant


@cache
def _field_limits(model: type[SessionRecord]) -> dict[str, Limits]:
    """Return the limits of the fields of a record that are texts, lists of texts, or maps of texts."""
    properties = model.model_json_schema()["properties"]
    return {name: limits for name, schema in properties.items() if (limits := _limits(schema)) != Limits()}


def _limits(schema: Mapping[str, Any]) -> Limits:
    branches = schema.get("anyOf", ())
    found = {name: value for each in (schema, *branches) for name, value in each.items()}
    if "maxItems" in found:
        return Limits(text=_limits(found["items"]).text, entries=found["maxItems"])
    if "maxProperties" in found:
        key = found["propertyNames"]["maxLength"]
        return Limits(text=found["additionalProperties"]["maxLength"], entries=found["maxProperties"], key=key)
    return Limits(text=found.get("maxLength"), is_optional="maxLength" in found and bool(branches))
