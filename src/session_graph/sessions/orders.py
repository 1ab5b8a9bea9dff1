"""The orders of a list, and the cursors that go on from a place in one.

`id` breaks ties; empty values come last in both directions; texts are compared by their folded form in code-point order
(domain.md, "Filters").
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from session_graph.errors import BadUserInput
from session_graph.sessions.vocabulary import Direction
from session_graph.values import parse_decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION = 1
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _rank(column: str) -> str:
    return f"array_position(array['YES_A', 'YES_B', 'NO'], {column})"


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: Any) -> datetime:
    if _integer(microseconds) < 0:
        raise ValueError
    return _EPOCH + timedelta(microseconds=microseconds)


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise ValueError
    return value


def _string(value: Any) -> str:
    if type(value) is not str or "\0" in value:
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class ValueType:
    """How an order's values are written in a cursor, by the database (`written`) and here, and as what they are bound."""

    sql: str
    written: str
    write: Callable[[Any], object]
    read: Callable[[Any], object]


_INSTANT = ValueType("timestamptz", "(extract(epoch from {sql}) * 1000000)::bigint", _microseconds, _moment)
_INTEGER = ValueType("integer", "{sql}", int, _integer)
_DECIMAL = ValueType(
    "numeric", "{sql}::text", lambda number: format(number, "f"), lambda text: parse_decimal(_string(text))
)
_TEXT = ValueType("text", "{sql}", str, _string)


@dataclass(frozen=True, slots=True)
class OrderField:
    """`column` is the session column that the order reads; `sql` an expression over `session s`.

    Where `is_shared`, many sessions may have the same value: an ASR of 0, the moment of a bulk edit.
    """

    name: str
    column: str
    sql: str
    type: ValueType
    description: str
    nullable: bool = False
    is_shared: bool = True

    @property
    def written_sql(self) -> str:
        """The value as a cursor has it."""
        return self.type.written.format(sql=self.sql)


# fmt: off
ORDER_FIELDS: dict[str, OrderField] = {
    row.name: row
    for row in (
        OrderField("STARTED_AT", "started_at", "s.started_at", _INSTANT, "When it began.", is_shared=False),
        OrderField("ENDED_AT", "ended_at", "s.ended_at", _INSTANT, "When it ended.", is_shared=False),
        OrderField("UPDATED_AT", "updated_at", "s.updated_at", _INSTANT, "When it was recorded or last changed."),
        OrderField("DURATION", "duration_seconds", "s.duration_seconds", _INTEGER, "Whole seconds from begin to end."),
        OrderField("CONTACT", "contact", "s.contact_folded", _TEXT, "The contact's name; the nameless come last.", nullable=True),
        OrderField("SESSION_TYPE", "session_type", "s.session_type_folded", _TEXT, "The intent category.", nullable=True),
        OrderField("LEAD_VALUE", "lead_value", "s.lead_value", _DECIMAL, "The lead value."),
        OrderField("ASR", "asr", "s.asr", _DECIMAL, "The additional secured revenue."),
        OrderField("CONVERSATION_QUALITY", "conversation_quality", "s.conversation_quality", _INTEGER, "The stars; the unrated come last.", nullable=True),
        OrderField("AUTO_ASSESSMENT", "auto_assessment", _rank("s.auto_assessment"), _INTEGER, "The machine's verdict: Yes-A, Yes-B, No.", nullable=True),
        OrderField("HUMAN_ASSESSMENT", "human_assessment", _rank("s.human_assessment"), _INTEGER, "A person's verdict: Yes-A, Yes-B, No.", nullable=True),
        OrderField("EXTERNAL_ID", "external_id", "s.external_id_folded", _TEXT, "The outside system's identifier.", nullable=True),
    )
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Order:
    """A field and a direction."""

    field: OrderField = ORDER_FIELDS["STARTED_AT"]
    direction: Direction = Direction.DESC


NEWEST_FIRST = Order()


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an ordered list: behind the row with this value and id. `now` is what the list's filter counts back from."""

    value: datetime | Decimal | int | str | None
    id: UUID
    now: datetime


class CursorWriter:
    """Writes the cursors of a list: URL-safe text, bound to its order and account."""

    def __init__(self, order: Order, account: UUID, now: datetime) -> None:
        self._start = b'["%b",%d,"' % (_binding(order, account).encode(), _microseconds(now))

    def write(self, value: object, id_: str) -> str:
        """The cursor of a row, with its order's value as the database writes it for cursors."""
        text = b'%b%b",%b]' % (self._start, id_.replace("-", "").encode(), orjson.dumps(value))
        return binascii.b2a_base64(text, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def write_cursor(cursor: Cursor, order: Order, account: UUID) -> str:
    """A single cursor, of values that were not written by the database."""
    value = None if cursor.value is None else order.field.type.write(cursor.value)
    return CursorWriter(order, account, cursor.now).write(value, cursor.id.hex)


def read_cursor(text: str, order: Order, account: UUID, argument: str) -> Cursor:
    """The place that `write_cursor` wrote. Raises BadUserInput where it is of another order or account, or not a cursor."""
    try:
        parts = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        binding, now, key, value = parts
        if binding != _binding(order, account) or (value is None and not order.field.nullable):
            raise ValueError
        return Cursor(None if value is None else _read(value, order), UUID(_string(key)), _moment(now))
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise BadUserInput("is not a cursor of this list in this order", [argument]) from None


def _read(value: Any, order: Order) -> Any:
    if order.field.type is _INTEGER and abs(_integer(value)) >= 2**31:
        raise ValueError
    return order.field.type.read(value)


def _binding(order: Order, account: UUID) -> str:
    return _digest(order.field.name, order.direction, account)


@lru_cache(maxsize=1024)
def _digest(field: str, direction: Direction, account: UUID) -> str:
    return hashlib.sha256(f"{_VERSION} {field} {direction} {account}".encode()).hexdigest()[:12]
