"""A filter as it was asked for, kept as JSON until the report is written."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from session_graph.parsing import format_instant, parse_decimal, parse_instant
from session_graph.sessions.filters import CONDITIONS, Filter, ValueKind, parse_filter


def dump_filter(raw: Mapping[str, Any]) -> str:
    """What the caller sent, by GraphQL's names, as JSON with its names in order."""
    return orjson.dumps(_written(raw), option=orjson.OPT_SORT_KEYS).decode()


def load_filter(text: str, now: datetime) -> Filter:
    """The same filter again; a period counts back from `now`."""
    return parse_filter(_read(orjson.loads(text)), now)


def _written(value: Any) -> Any:
    match value:
        case datetime():
            return format_instant(value)
        case Decimal():
            return format(value, "f")
        case Mapping():
            return {name: _written(inner) for name, inner in value.items()}
        case list():
            return [_written(inner) for inner in value]
    return value


def _read(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _read_value(CONDITIONS[name].kind, value) for name, value in raw.items()}


def _read_value(takes: ValueKind, value: Any) -> Any:
    match takes:
        case ValueKind.INSTANT:
            return parse_instant(value)
        case ValueKind.DECIMALS:
            return {name: parse_decimal(bound) for name, bound in value.items()}
        case ValueKind.FILTER:
            return _read(value)
        case ValueKind.FILTERS:
            return [_read(inner) for inner in value]
    return value
