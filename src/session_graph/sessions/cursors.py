"""The cursors that callers hold: of lists of sessions, of events, of exports and of deliveries.

Owns their text: URL-safe and bound to an account. Callers keep cursors across upgrades, so a cursor that this module
has ever written must stay readable (tests/sessions/test_recorded_cursors.py).
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from session_graph.errors import CursorInvalid, InvalidInput, Problem
from session_graph.parsing import format_instant, parse_decimal, parse_id, parse_instant
from session_graph.sessions.event_history import MAX_BIGINT, LogPosition
from session_graph.sessions.ordering import Order, SqlType
from session_graph.store.database import Row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVENTS = "2 events"
_DELIVERIES = "deliveries"
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_MICROSECONDS = re.compile(r"[0-9]{1,18}")
_POSITION = re.compile(r"([0-9a-f]{12})-([0-9a-f]{4})-([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{16})")
_MAX_SMALLINT = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position after the row with this value and id. A period in the list's filter counts back from `now`."""

    value: datetime | Decimal | int | str | None
    id: UUID
    now: datetime


def cursor_sql(order: Order, start: str) -> str:
    """Return the SQL of the cursor of `session s`; `start` is the placeholder of what `cursor_start` returns.

    `start.value.id`, or `start.id` if the value is null: URL-safe, cheap to concatenate, and the id's length is fixed.
    """
    value = f"{_FORMATS[order.field.type].written.format(sql=order.field.sql)} || '.'::text"
    if order.field.nullable:
        value = f"coalesce({value}, '')"
    return f"{start}::text || {value} || s.id"


def cursor_start(order: Order, account: UUID, now: datetime) -> str:
    """Return the prefix of a list's cursors, which binds them to the order and the account and carries `now`."""
    return f"{_list_binding(order, account)}.{_microseconds(now)}."


def read_cursor(text: str, order: Order, account: UUID, argument: str) -> Cursor:
    """Raises InvalidInput if the text is not a cursor of this account's list in this order."""
    with _refusing("this list in this order", argument):
        binding, now, position = text.split(".", 2)
        *value, key = position.rsplit(".", 1)
        if binding != _list_binding(order, account) or not (value or order.field.nullable):
            raise ValueError
        return Cursor(_FORMATS[order.field.type].read(value[0]) if value else None, parse_id(key), _instant(now))


def write_event_cursor(position: LogPosition, account_id: UUID) -> str:
    """Return a text of fixed length: the cursors of an account's events sort as texts in the order of the log."""
    binding = _binding(_EVENTS, account_id)
    return f"{binding}-{position.number:04x}-{position.history}-{position.xid:016x}-{position.seq:016x}"


def read_event_cursor(text: str, account_id: UUID, argument: str) -> LogPosition:
    """Raises InvalidInput if the text is not a cursor of this account's events."""
    with _refusing("these events", argument):
        found = _POSITION.fullmatch(text)
        if found is None or found[1] != _binding(_EVENTS, account_id):
            raise ValueError
        position = LogPosition(int(found[2], 16), found[3], int(found[4], 16), int(found[5], 16))
        if position.number > _MAX_SMALLINT or position.xid > MAX_BIGINT or position.seq > MAX_BIGINT:
            raise ValueError
        return position


def write_export_cursor(row: Row) -> str:
    return _write_timed(row["requested_at"], row)


def read_export_cursor(text: str, account_id: UUID, argument: str = "after") -> tuple[datetime, UUID]:
    """Return the export's `requested_at` and id. Raises InvalidInput if the text is not a cursor of this account's."""
    return _read_timed(text, account_id, argument)


def write_delivery_cursor(row: Row) -> str:
    return _write_timed(row["received_at"], row, _DELIVERIES)


def read_delivery_cursor(text: str, account_id: UUID, argument: str = "after") -> tuple[datetime, UUID]:
    """Return the delivery's `received_at` and id. Raises InvalidInput if the text is not a cursor of this account's."""
    return _read_timed(text, account_id, argument, _DELIVERIES)


def _write_timed(moment: datetime, row: Row, *name: str) -> str:
    return _encode_parts(*name, format_instant(moment), row["id"].hex, row["account_id"].hex)


def _read_timed(text: str, account_id: UUID, argument: str, *name: str) -> tuple[datetime, UUID]:
    """Return the instant and the id. `name` is that of the list; cursors of exports have none."""
    with _refusing("this list", argument):
        *found, moment, key, account = _decode_parts(text, *[str] * (len(name) + 3))
        if account != account_id.hex or found != [*name]:
            raise ValueError
        return parse_instant(moment), UUID(key)


@contextmanager
def _refusing(list_: str, argument: str) -> Iterator[None]:
    """Turn a ValueError or OverflowError of the block into the InvalidInput for a cursor that cannot be read."""
    try:
        yield
    except (ValueError, OverflowError):
        raise InvalidInput([Problem((argument,), f"is not a cursor of {list_}", CursorInvalid)]) from None


def _list_binding(order: Order, account: UUID) -> str:
    return _binding(f"2 {order.field.name} {order.direction}", account)


@lru_cache(maxsize=1024)
def _binding(kind: str, account: UUID) -> str:
    return hashlib.sha256(f"{kind} {account}".encode()).hexdigest()[:12]


def _encode_parts(*parts: str | int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def _decode_parts(text: str, *types: type) -> list[Any]:
    parts = orjson.loads(_decode_base64(text))
    if not isinstance(parts, list) or [type(part) for part in parts] != list(types):
        raise ValueError
    return parts


def _decode_base64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _instant(text: str) -> datetime:
    if not _MICROSECONDS.fullmatch(text):
        raise ValueError
    return _EPOCH + timedelta(microseconds=int(text))


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) >= 2**31:
        raise ValueError
    return int(text)


def _text(encoded: str) -> str:
    text = _decode_base64(encoded).decode()
    if "\0" in text:
        raise ValueError
    return text


@dataclass(frozen=True, slots=True)
class _ValueFormat:
    """How an order's value stands in a cursor: `written` is the SQL that writes it, `read` reads it back."""

    written: str
    read: Callable[[str], datetime | Decimal | int | str]


_FORMATS = {
    SqlType.INSTANT: _ValueFormat("(extract(epoch from {sql}) * 1000000)::bigint", _instant),
    SqlType.INTEGER: _ValueFormat("{sql}", _integer),
    SqlType.DECIMAL: _ValueFormat("{sql}", parse_decimal),
    SqlType.TEXT: _ValueFormat("translate(encode(convert_to({sql}, 'UTF8'), 'base64'), e'+/=\\n', '-_')", _text),
}
