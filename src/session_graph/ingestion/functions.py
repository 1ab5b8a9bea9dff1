"""What mappings need and JMESPath lacks: functions for times, look-up tables, texts and HTML.

Each returns null if it is given null, so that what a payload does not say stays absent. docs/mappings.md lists them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any

import orjson
from jmespath import functions

from session_graph.parsing import format_instant, parse_instant

Tables = Mapping[str, Mapping[str, Any]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANY: Any = {"types": []}
_TEXT: Any = {"types": ["string"]}
_OBJECT: Any = {"types": ["object"]}
_TAG = re.compile(r"<[^<>]*>")
_BLOCK = re.compile(r"</?(?:p|div|br|li|ul|ol|tr|h[1-6]|blockquote|pre)\b[^<>]*>", re.IGNORECASE)


@dataclass(slots=True)
class Surroundings:
    """What expressions can see beside their own part of a payload; `started` is the record's start once it is read."""

    payload: Any
    received: datetime
    tables: Tables = field(default_factory=dict)
    started: str | None = None


class MappingFunctions(functions.Functions):
    """The functions of JMESPath and ours, for one record."""

    FUNCTION_TABLE: dict[str, Mapping[str, Any]]

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    @functions.signature()
    def _func_payload(self) -> Any:
        return self._around.payload

    @functions.signature()
    def _func_received(self) -> str:
        return format_instant(self._around.received)

    @functions.signature()
    def _func_started(self) -> str | None:
        return self._around.started

    @functions.signature(_ANY)
    def _func_from_seconds(self, seconds: Any) -> str | None:
        return None if seconds is None else format_instant(_EPOCH + timedelta(seconds=number_of(seconds)))

    @functions.signature(_ANY)
    def _func_from_milliseconds(self, milliseconds: Any) -> str | None:
        if milliseconds is None:
            return None
        return format_instant(_EPOCH + timedelta(milliseconds=number_of(milliseconds)))

    @functions.signature(_ANY)
    def _func_from_mail_date(self, text: Any) -> str | None:
        if text is None:
            return None
        moment = parsedate_to_datetime(str(text))
        return format_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))

    @functions.signature(_ANY, _ANY)
    def _func_add_seconds(self, time: Any, seconds: Any) -> str | None:
        if time is None or seconds is None:
            return None
        return format_instant(parse_instant(time) + timedelta(seconds=number_of(seconds)))

    @functions.signature(_ANY, _ANY)
    def _func_multiply(self, number: Any, factor: Any) -> float | None:
        return None if number is None or factor is None else number_of(number) * number_of(factor)

    @functions.signature(_TEXT, _ANY)
    def _func_lookup(self, table: str, value: Any) -> Any:
        return self._around.tables[table].get(value_text(value)) if value is not None else None

    @functions.signature(_ANY)
    def _func_texts(self, values: Any) -> dict[str, str] | None:
        maps = [each for each in (values if isinstance(values, list) else [values]) if isinstance(each, dict)]
        found = {key: value_text(value) for each in maps for key, value in each.items() if value not in (None, "")}
        return found or None

    @functions.signature(_ANY, _TEXT)
    def _func_pluck(self, values: Any, name: str) -> dict[str, Any] | None:
        if not isinstance(values, dict):
            return None
        return {key: value.get(name) for key, value in values.items() if isinstance(value, dict)}

    @functions.signature(_ANY, _OBJECT)
    def _func_add_to_each(self, values: Any, entries: dict[str, Any]) -> list[Any] | None:
        if not isinstance(values, list):
            return None
        return [{**value, **entries} for value in values if isinstance(value, dict)]

    @functions.signature(_ANY)
    def _func_text_of_html(self, html: Any) -> str | None:
        return None if html is None else _text_of_html(str(html))


def value_text(value: Any) -> str:
    """Return a text as it is, and any other value as JSON."""
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # it has a lone surrogate, or an integer that is too large
        return json.dumps(value)


def number_of(value: Any) -> float:
    """Return a number, also of a text. Raises ValueError if there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value_text(value)[:100]} is not a number")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{str(value)[:100]!r} is not a number") from None


def _text_of_html(html: str) -> str:
    """Return the text without tags. Takes time in proportion to the length, which `html.parser` does not."""
    text = unescape(_TAG.sub("", _BLOCK.sub("\n", html)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
