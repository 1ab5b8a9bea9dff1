"""A list's cursor fits only its own order and account; everything else is refused with the same sentence."""

import base64
import random
from contextlib import suppress
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.errors import InvalidInput
from session_graph.sessions.cursors import Cursor, read_cursor
from session_graph.sessions.enums import Direction
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.ordering import NEWEST_FIRST, ORDER_FIELDS, Order
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import SessionList, has_opposite_page, read_pages
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.cursors import write_cursor
from support.viewers import make_viewer
from support.walks import NOW

pytestmark = pytest.mark.anyio

ORDERS = [Order(field, direction) for field in ORDER_FIELDS.values() for direction in Direction]


def name(order: Order) -> str:
    return f"{order.field.name} {order.direction}"


ACCOUNT, OTHER = UUID(int=1), UUID(int=2)
SOME_VALUES: dict[str, Any] = {"timestamptz": NOW, "integer": 7, "numeric": 7, "text": "seven"}


def some_cursor(order: Order) -> Cursor:
    return Cursor(SOME_VALUES[order.field.type], UUID(int=7), NOW)


def refuse(text: str, order: Order, account: UUID = ACCOUNT) -> None:
    with pytest.raises(InvalidInput, match=r"^after is not a cursor of this list in this order$") as refusal:
        read_cursor(text, order, account, "after")
    assert refusal.value.problems[0].path == ("after",)


@pytest.mark.parametrize("order", ORDERS, ids=name)
def test_a_cursor_fits_its_own_order_and_account_and_no_other(order: Order) -> None:
    text = write_cursor(some_cursor(order), order, ACCOUNT)

    assert read_cursor(text, order, ACCOUNT, "after") == some_cursor(order)
    refuse(text, order, OTHER)
    for other in ORDERS:
        if other != order:
            refuse(text, other)


@pytest.mark.parametrize("order", ORDERS, ids=name)
def test_only_an_order_with_empty_values_has_cursors_without_one(order: Order) -> None:
    text = write_cursor(Cursor(None, UUID(int=7), NOW), order, ACCOUNT)

    if order.field.nullable:
        assert read_cursor(text, order, ACCOUNT, "after").value is None
    else:
        refuse(text, order)


def encode(parts: object) -> str:
    if isinstance(parts, list) and len(parts) == 4:
        binding, now, key, value = map(str, parts)
        return f"{binding}.{now}.{value}.{key}"
    return str(parts)


def decode(text: str) -> list[Any]:
    """Binding, moment, id, value."""
    binding, now, place = text.split(".", 2)
    value, key = place.rsplit(".", 1)
    return [binding, now, key, value]


TAMPERED: tuple[object, ...] = (
    "",
    "x\0",
    "x" * 40,
    1.5,
    True,
    None,
    2**63,
    -(2**62),
    2**31,
    [],
    {},
    "1e999",
    "NaN",
    "9" * 400,
)


@pytest.mark.parametrize("order", ORDERS, ids=name)
async def test_a_cursor_that_was_tampered_with_is_refused_or_is_another_place(
    database: Database, varied: Account, order: Order
) -> None:
    """It reveals nothing: at any position, a page has only sessions in scope that match the filter."""
    sessions = SessionList(make_viewer(varied), parse_filter({"anyOf": []}, NOW), order)
    for place, part in product(range(4), TAMPERED):
        parts = decode(write_cursor(some_cursor(order), order, varied.id))
        parts[place] = part
        try:
            cursor = read_cursor(encode(parts), order, varied.id, "after")
        except InvalidInput:
            continue
        assert (await read_pages(database, sessions, frozenset(), PageRequest(cursor=cursor)))[None].rows == []


garbage = st.one_of(
    st.text(max_size=80),
    st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode()),
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-(2**53), 2**53) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ).map(encode),
)


@settings(deadline=None)
@given(text=garbage, order=st.sampled_from(ORDERS))
def test_garbage_is_refused_with_the_same_sentence(text: str, order: Order) -> None:
    refuse(text, order)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.sampled_from(ORDERS),
    now=st.integers(-(2**63), 2**63 - 1),
    value=st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=30)
    | st.text(max_size=30).map(lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode())
    | st.decimals().map(str),
    key=st.text(max_size=40) | st.uuids().map(str),
)
async def test_no_cursor_that_can_be_read_breaks_the_database(
    database: Database, varied: Account, order: Order, now: int, value: object, key: str
) -> None:
    binding = decode(write_cursor(some_cursor(order), order, varied.id))[0]
    sessions = SessionList(make_viewer(varied), order=order)
    try:
        cursor = read_cursor(encode([binding, now, key, value]), order, varied.id, "after")
    except InvalidInput:
        return
    for request in (PageRequest(3, cursor=cursor), PageRequest(3, backwards=True, cursor=cursor)):
        assert len((await read_pages(database, sessions, frozenset(), request))[None].rows) <= 3
        await has_opposite_page(database, sessions, request)


def test_every_character_of_a_cursor_counts() -> None:
    """A cursor with a changed character is refused, or at least a different cursor."""
    text = write_cursor(some_cursor(NEWEST_FIRST), NEWEST_FIRST, ACCOUNT)
    letters = random.Random(7)
    for place in range(len(text)):
        changed = text[:place] + letters.choice("AZaz09_-=.") + text[place + 1 :]
        if changed != text:
            with suppress(InvalidInput):
                assert read_cursor(changed, NEWEST_FIRST, ACCOUNT, "after") != some_cursor(NEWEST_FIRST)


BY_CONTACT = """
query ($after: String) { sessions(after: $after, orderBy: {field: CONTACT, direction: ASC}) { nodes { id } } }
"""


async def test_a_cursor_of_another_account_is_refused(database: Database, account: Account, caller: Any) -> None:
    other = await find_or_create_account(f"other-{account.idn}")
    foreign = write_cursor(Cursor("ana", UUID(int=7), NOW), Order(ORDER_FIELDS["CONTACT"], Direction.ASC), other.id)
    ask = await caller(Role.BUILDER)

    answer = await ask(BY_CONTACT, after=foreign)

    assert (answer.status, answer.code) == (400, "CURSOR_INVALID")
    assert answer.body.get("data") is None
