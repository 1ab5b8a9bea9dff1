"""Reads a filter as a caller sent it: its values, its limits, and every problem at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from session_graph.errors import InvalidInput, Problem
from session_graph.parsing import at_path, clean_text, parse_each, parse_id
from session_graph.sessions.enums import Assessment, CallDirection, Channel, Period, SessionLength
from session_graph.sessions.filters import CONDITIONS, EVERYTHING, Entry, Filter, Path, Range, ValueKind, nested_filters
from session_graph.sessions.languages import set_case
from session_graph.sessions.search import parse_search

MAX_DEPTH = 3
MAX_CONDITIONS = 50
MAX_OPTIONS = 1000

NOT_NULL = "must not be null; leave the field out for no condition"
NOT_NULL_BOUND = "must not be null; leave it out for an open end"

SPANS = (("from", "to"), ("updatedFrom", "updatedTo"), ("reviewedFrom", "reviewedTo"))
"""The conditions that are the start and the end of a span."""

WITH_AGENTS = ("agents", "anyOf", "not")
"""The conditions that may name agents."""

PERIODS = {
    Period.LAST_24_HOURS: timedelta(hours=24),
    Period.LAST_7_DAYS: timedelta(days=7),
    Period.LAST_30_DAYS: timedelta(days=30),
}


def parse_filter(raw: Mapping[str, Any] | None, now: datetime, path: Path = ("filter",)) -> Filter:
    """Check a filter as the caller sent it, by GraphQL names. A period becomes the span that ends `now`.

    Raises InvalidInput with every problem, each with its path.
    """
    if not raw:
        return EVERYTHING
    parsed = _parse(raw, now, path, depth=0)
    if sum(1 for _ in parsed.names()) > MAX_CONDITIONS:
        raise InvalidInput.at(f"must have at most {MAX_CONDITIONS} conditions in all", path)
    return parsed


def _parse(raw: Mapping[str, Any], now: datetime, path: Path, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise InvalidInput.at(f"must be nested at most {MAX_DEPTH} deep", path)
    conditions: dict[str, Any] = {}
    agents: list[tuple[Path, str]] = []
    problems: list[Problem] = []
    for name, value in raw.items():
        here = (*path, name)
        try:
            if value is None:
                raise InvalidInput.at(NOT_NULL, here)
            conditions[name] = _parse_value(CONDITIONS[name].kind, value, now, here, depth)
        except InvalidInput as error:
            problems += error.problems
        else:
            if name in WITH_AGENTS:
                agents += _find_agents(name, conditions[name], here)
    if len(conditions) > 1:
        problems += _find_wrong_spans(conditions, path)
    if problems:
        raise InvalidInput(problems)
    return Filter(conditions, agents)


def _find_agents(name: str, value: Any, path: Path) -> Iterable[tuple[Path, str]]:
    if name == "agents":
        return (((*path, index), idn) for index, idn in enumerate(value))
    return (found for inner in nested_filters(name, value) for found in inner.agents)


def _find_wrong_spans(conditions: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    if "period" in conditions and ("from" in conditions or "to" in conditions):
        yield Problem((*path, "period"), "cannot be combined with from or to")
    for start, end in SPANS:
        if start in conditions and end in conditions and conditions[start] > conditions[end]:
            yield Problem((*path, start), f"must not be after {end}")


def _parse_value(kind: ValueKind, value: Any, now: datetime, path: Path, depth: int) -> Any:
    match kind:
        case ValueKind.SEARCH:
            return parse_search(value, path)
        case ValueKind.IDS:
            return parse_each(_id, _options(value, path), path)
        case ValueKind.TEXTS:
            return [clean_text(text) for text in _options(value, path)]
        case ValueKind.CHANNELS:
            return [Channel(option) for option in _options(value, path)]
        case ValueKind.LENGTHS:
            return [SessionLength(option) for option in _options(value, path)]
        case ValueKind.ASSESSMENTS:
            return [Assessment(option) for option in _options(value, path)]
        case ValueKind.DIRECTIONS:
            return [CallDirection(option) for option in _options(value, path)]
        case ValueKind.LANGUAGES:
            return [set_case(clean_text(tag)) for tag in _options(value, path)]
        case ValueKind.UTMS | ValueKind.METADATA:
            return parse_each(_entry, _options(value, path), path)
        case ValueKind.PERIOD:
            return now - PERIODS[Period(value)], now
        case ValueKind.DECIMALS | ValueKind.INTEGERS:
            return _parse_range(value, path)
        case ValueKind.FILTERS:
            return parse_each(lambda inner, here: _parse(inner, now, here, depth + 1), _options(value, path), path)
        case ValueKind.FILTER:
            return _parse(value, now, path, depth + 1)
        case ValueKind.CONTACT:
            return clean_text(value)
        case ValueKind.FLAG | ValueKind.INSTANT:
            return value


def _options(value: Sequence[Any], path: Path) -> Sequence[Any]:
    if len(value) > MAX_OPTIONS:
        raise InvalidInput.at(f"must have at most {MAX_OPTIONS} entries", path)
    return value


def _id(value: str, path: Path) -> UUID:
    with at_path(*path, error=InvalidInput.at):
        return parse_id(value)


def _entry(entry: Mapping[str, str | None], path: Path) -> Entry:
    if "value" in entry and entry["value"] is None:
        raise InvalidInput.at("must not be null; leave it out for any value", (*path, "value"))
    value = entry.get("value")
    return Entry(clean_text(entry["key"] or ""), None if value is None else clean_text(value))


def _parse_range(value: Mapping[str, Any], path: Path) -> Range:
    problems = [Problem((*path, name), NOT_NULL_BOUND) for name, bound in value.items() if bound is None]
    if problems:
        raise InvalidInput(problems)
    low, high = value.get("from"), value.get("to")
    if low is not None and high is not None and low > high:
        raise InvalidInput.at("must not be above to", (*path, "from"))
    return Range(low, high)
