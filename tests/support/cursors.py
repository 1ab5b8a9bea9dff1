"""Cursors in the form in which the database writes them."""

import base64
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from session_graph.parsing import parse_instant
from session_graph.sessions.cursors import Cursor, cursor_start
from session_graph.sessions.ordering import Order

EPOCH = parse_instant("1970-01-01T00:00:00Z")


def write_cursor(cursor: Cursor, order: Order, account: UUID) -> str:
    start = cursor_start(order, account, cursor.now)
    return start + ("" if cursor.value is None else f"{_write(cursor.value)}.") + str(cursor.id)


def _write(value: datetime | Decimal | int | str) -> str:
    match value:
        case datetime():
            return str((value - EPOCH).days * 86_400_000_000 + (value - EPOCH).seconds * 1_000_000 + value.microsecond)
        case str():
            return base64.urlsafe_b64encode(value.encode()).rstrip(b"=").decode()
        case _:
            return format(value, "f" if isinstance(value, Decimal) else "d")
