"""The orders of a list, and the cursors that go on from a place in one.

`id` breaks ties; empty values come last in both directions; texts are compared by their folded form in code-point order
(domain.md, "Filters").
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from session_graph.errors import BadUserInput
from session_graph.parsing import parse_decimal, parse_id
from session_graph.sessions.enums import Direction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION = 2
_INTEGER_TEXT = re.compile(r"-?[0-9]{1,18}")


def _rank(column: str) -> str:
    return f"array_position(array['YES_A', 'YES_B', 'NO'], {column})"


def _integer(text: str) -> int:
    if not _INTEGER_TEXT.fullmatch(text):
        raise ValueError
    return int(text)


def _small_integer(text: str) -> int:
    if abs(number := _integer(text)) >= 2**31:
        raise ValueError
    return number


def _moment(text: str) -> datetime:
    if (microseconds := _integer(text)) < 0:
        raise ValueError
    return _EPOCH + timedelta(microseconds=microseconds)


def _text(encoded: str) -> str:
    text = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
    if "\0" in text:
        raise ValueError
    return text


@dataclass(frozen=True, slots=True)
class ValueType:
    """As what an order's values are bound, how the database writes them in a cursor, and how they are read there."""

    sql: str
    written: str
    read: Callable[[str], datetime | Decimal | int | str]


_INSTANT = ValueType("timestamptz", "(extract(epoch from {sql}) * 1000000)::bigint", _moment)
_INTEGER = ValueType("integer", "{sql}", _small_integer)
_DECIMAL = ValueType("numeric", "{sql}", parse_decimal)
_TEXT = ValueType("text", "translate(encode(convert_to({sql}, 'UTF8'), 'base64'), e'+/=\\n', '-_')", _text)


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


def cursor_sql(order: Order, start: str) -> str:
    """The cursor of `session s`; `start` is the placeholder of what `cursor_start` gives.

    `start.value.id`, or `start.id` where the value is empty: URL-safe, cheap to put together, and of a known end.
    """
    value = f"{order.field.type.written.format(sql=order.field.sql)} || '.'::text"
    if order.field.nullable:
        value = f"coalesce({value}, '')"
    return f"{start}::text || {value} || s.id"


def cursor_start(order: Order, account: UUID, now: datetime) -> str:
    """What the cursors of a list begin with: they are bound to its order and account, and carry its moment."""
    return f"{_binding(order, account)}.{(now - _EPOCH) // timedelta(microseconds=1)}."


def read_cursor(text: str, order: Order, account: UUID, argument: str) -> Cursor:
    """The place that a cursor says. Raises BadUserInput where it is of another order or account, or not a cursor."""
    try:
        binding, now, place = text.split(".", 2)
        *value, key = place.rsplit(".", 1)
        if binding != _binding(order, account) or not (value or order.field.nullable):
            raise ValueError
        return Cursor(order.field.type.read(value[0]) if value else None, parse_id(key), _moment(now))
    except (ValueError, OverflowError, binascii.Error):
        raise BadUserInput("is not a cursor of this list in this order", [argument]) from None


def _binding(order: Order, account: UUID) -> str:
    return _digest(order.field.name, order.direction, account)


@lru_cache(maxsize=1024)
def _digest(field: str, direction: Direction, account: UUID) -> str:
    return hashlib.sha256(f"{_VERSION} {field} {direction} {account}".encode()).hexdigest()[:12]
