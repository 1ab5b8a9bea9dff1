"""Cursors that callers already hold stay valid: each kind as an earlier version wrote it, byte for byte."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from session_graph.errors import InvalidInput
from session_graph.sessions.cursors import (
    Cursor,
    cursor_sql,
    cursor_start,
    read_cursor,
    read_delivery_cursor,
    read_event_cursor,
    read_export_cursor,
    write_delivery_cursor,
    write_event_cursor,
    write_export_cursor,
)
from session_graph.sessions.enums import Direction
from session_graph.sessions.event_history import MAX_BIGINT, LogPosition
from session_graph.sessions.ordering import ORDER_FIELDS, Order
from session_graph.store.database import Database

pytestmark = pytest.mark.anyio

ACCOUNT, OTHER, ID = UUID(int=1), UUID(int=2), UUID(int=7)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(microseconds=5)
SQL_NOW = "timestamptz '2026-11-21T12:00:00Z'"

# fmt: off
OF_LISTS: list[tuple[str, str, str, str, Any, str]] = [
    # order, direction, the column of the row and its value in SQL, the value, binding and value in the cursor
    ("STARTED_AT", "DESC", "started_at", f"{SQL_NOW} + '5us'::interval", LATER, "d07843259d05 1795262400000005."),
    ("STARTED_AT", "ASC", "started_at", SQL_NOW, NOW, "f349668aff06 1795262400000000."),
    ("UPDATED_AT", "DESC", "updated_at", SQL_NOW, NOW, "3c3557a8e665 1795262400000000."),
    ("DURATION", "ASC", "duration_seconds", "7", 7, "ed9f1d4f5247 7."),
    ("ASR", "DESC", "asr", "70.2", Decimal("70.2"), "3a11c09fec90 70.2."),
    ("LEAD_VALUE", "ASC", "lead_value", "-0.0000000001", Decimal("-0.0000000001"), "61fd72bde0e1 -0.0000000001."),
    ("CONTACT", "ASC", "contact_folded", "'ünal?>'::text", "ünal?>", "c8c9fca5b23c w7xuYWw_Pg."),
    ("CONTACT", "DESC", "contact_folded", "''::text", "", "f3c5846288c7 ."),
    ("CONTACT", "ASC", "contact_folded", "null::text", None, "c8c9fca5b23c "),
    ("SESSION_TYPE", "ASC", "session_type_folded", "'x'::text", "x", "b61f001406f7 eA."),
    ("CONVERSATION_QUALITY", "DESC", "conversation_quality", "5", 5, "9d62c05d5d49 5."),
    ("AUTO_ASSESSMENT", "ASC", "auto_assessment", "'YES_A'::text", 1, "80c1ae3b77f3 1."),
    ("EXTERNAL_ID", "DESC", "external_id_folded", "'crm-1'::text", "crm-1", "29c696641812 Y3JtLTE."),
]
# fmt: on
OF_EVENTS = [
    (
        LogPosition(1, "640693bdda154626", 12345, MAX_BIGINT),
        "adab65679d1d-0001-640693bdda154626-0000000000003039-7fffffffffffffff",
    ),
    (
        LogPosition(300, "00000000000000ff", 0, 1),
        "adab65679d1d-012c-00000000000000ff-0000000000000000-0000000000000001",
    ),
]
OF_EXPORTS = [
    (
        NOW,
        "WyIyMDI2LTExLTIxVDEyOjAwOjAwWiIsIjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA3Iiwi"
        "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDEiXQ",
    ),
    (
        LATER,
        "WyIyMDI2LTExLTIxVDEyOjAwOjAwLjAwMDAwNVoiLCIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
        "MDAwNyIsIjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAxIl0",
    ),
]


@pytest.mark.parametrize(("field", "direction", "column", "sql", "value", "recorded"), OF_LISTS)
async def test_a_lists_cursor(
    database: Database, field: str, direction: str, column: str, sql: str, value: Any, recorded: str
) -> None:
    order = Order(ORDER_FIELDS[field], Direction(direction))
    binding, written = recorded.split(" ")
    cursor = f"{binding}.1795262400000000.{written}00000000-0000-0000-0000-000000000007"

    row = await database.fetchrow(
        f"select {cursor_sql(order, '$1')} from (select $2::uuid as id, {sql} as {column}) s",
        cursor_start(order, ACCOUNT, NOW),
        ID,
    )

    assert row
    assert row[0] == cursor
    assert read_cursor(cursor, order, ACCOUNT, "after") == Cursor(value, ID, NOW)
    with pytest.raises(InvalidInput):
        read_cursor(cursor, order, OTHER, "after")


@pytest.mark.parametrize(("position", "cursor"), OF_EVENTS)
def test_an_events_cursor(position: LogPosition, cursor: str) -> None:
    assert write_event_cursor(position, ACCOUNT) == cursor
    assert read_event_cursor(cursor, ACCOUNT, "after") == position
    with pytest.raises(InvalidInput):
        read_event_cursor(cursor, OTHER, "after")


@pytest.mark.parametrize(("requested_at", "cursor"), OF_EXPORTS)
def test_an_exports_cursor(requested_at: datetime, cursor: str) -> None:
    row: Any = {"requested_at": requested_at, "id": ID, "account_id": ACCOUNT}

    assert write_export_cursor(row) == cursor
    assert read_export_cursor(cursor, ACCOUNT) == (requested_at, ID)
    with pytest.raises(InvalidInput):
        read_export_cursor(cursor, OTHER)


def test_a_cursor_of_another_list_is_refused() -> None:
    moment = datetime(2026, 11, 16, 15, tzinfo=UTC)
    row: Any = {"requested_at": moment, "received_at": moment, "id": ID, "account_id": ACCOUNT}

    assert read_delivery_cursor(write_delivery_cursor(row), ACCOUNT) == (moment, ID)
    with pytest.raises(InvalidInput):
        read_delivery_cursor(write_export_cursor(row), ACCOUNT)
    with pytest.raises(InvalidInput):
        read_export_cursor(write_delivery_cursor(row), ACCOUNT)
