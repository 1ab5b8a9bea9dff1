"""Filters as JSON, stored as they were requested: for exports until the file is written, and for saved views."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from session_graph.parsing import format_instant, parse_decimal, parse_instant
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import CONDITIONS, Filter, ValueKind


def dump_filter(raw: Mapping[str, Any]) -> str:
    """Return the filter, keyed by GraphQL names, as JSON with sorted keys."""
    return orjson.dumps(_to_json(raw), option=orjson.OPT_SORT_KEYS).decode()


def load_filter(text: str, now: datetime) -> Filter:
    """Return the filter of the JSON; its period counts back from `now`."""
    return parse_filter(_from_json(orjson.loads(text)), now)


def _to_json(value: Any) -> Any:
    match value:
        case datetime():
            return format_instant(value)
        case Decimal():
            return format(value, "f")
        case Mapping():
            return {name: _to_json(inner) for name, inner in value.items()}
        case list():
            return [_to_json(inner) for inner in value]
    return value


def _from_json(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _parse_value(CONDITIONS[name].kind, value) for name, value in raw.items()}


def _parse_value(kind: ValueKind, value: Any) -> Any:
    match kind:
        case ValueKind.INSTANT:
            return parse_instant(value)
        case ValueKind.DECIMALS:
            return {name: parse_decimal(bound) for name, bound in value.items()}
        case ValueKind.FILTER:
            return _from_json(value)
        case ValueKind.FILTERS:
            return [_from_json(inner) for inner in value]
    return value
