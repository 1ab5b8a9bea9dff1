"""Keyset pagination: every row once, in every order and in both directions."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from session_graph.access.viewer import Role
from session_graph.errors import InvalidInput
from session_graph.sessions.cursors import Cursor
from session_graph.sessions.editing import edit_session
from session_graph.sessions.enums import Direction
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.ordering import NEWEST_FIRST, ORDER_FIELDS, Order
from session_graph.sessions.pagination import MAX_SIZE, PageRequest, check_size
from session_graph.sessions.reading import AGENT, SessionList, has_opposite_page, read_pages
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.cursors import write_cursor
from support.records import make_agent, record
from support.varied import Row
from support.viewers import make_viewer
from support.walks import NOW, cursor_of, cursors_of, id_of, walk, walk_pages

pytestmark = pytest.mark.anyio

ORDERS = [Order(field, direction) for field in ORDER_FIELDS.values() for direction in Direction]
EMPTY_LAST = [order for order in ORDERS if order.field.nullable]
SIZES = (1, 2, 7, 200)
VERDICTS = ["YES_A", "YES_B", "NO"]


def name(order: Order) -> str:
    return f"{order.field.name} {order.direction}"


def value_of(row: Row, order: Order) -> Any:
    """Return the value that the order compares, from the plain row."""
    match order.field.name:
        case "DURATION":
            return row["duration_seconds"]
        case "CONTACT":
            return row["contact_folded"]
        case "SESSION_TYPE" | "EXTERNAL_ID":
            return row[f"{order.field.name.lower()}_folded"]
        case "AUTO_ASSESSMENT" | "HUMAN_ASSESSMENT":
            verdict = row[order.field.name.lower()]
            return None if verdict is None else VERDICTS.index(verdict)
    return row[order.field.name.lower()]


def in_order(rows: Sequence[Row], order: Order) -> list[UUID]:
    """Sort values first, then nulls, ties by id; Python compares texts by code points."""
    reverse = order.direction is Direction.DESC
    full = [row for row in rows if value_of(row, order) is not None]
    empty = [row for row in rows if value_of(row, order) is None]
    full.sort(key=lambda row: (value_of(row, order), row["id"]), reverse=reverse)
    empty.sort(key=lambda row: row["id"], reverse=reverse)
    return [row["id"] for row in (*full, *empty)]


@pytest.mark.parametrize("order", ORDERS, ids=name)
async def test_every_row_comes_once_forwards_and_backwards_in_pages_of_any_size(
    database: Database, varied: Account, plain_rows: list[Row], order: Order
) -> None:
    sessions = SessionList(make_viewer(varied), order=order)
    expected = in_order(plain_rows, order)

    for size in SIZES:
        for backwards in (False, True):
            rows = await walk(database, sessions, size, backwards=backwards)
            assert [id_of(row) for row in rows] == expected, (size, backwards)


@pytest.mark.parametrize("order", EMPTY_LAST, ids=name)
async def test_nulls_come_last_in_both_directions(
    varied: Account, plain_rows: list[Row], order: Order, database: Database
) -> None:
    rows = await walk(database, SessionList(make_viewer(varied), order=order), 200)

    empty = [row["order_value"] is None for row in rows]

    assert 0 < sum(empty) < len(rows)
    assert empty == sorted(empty)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("size", [1, 30])
@pytest.mark.parametrize("order", [NEWEST_FIRST, *EMPTY_LAST[:4]], ids=name)
async def test_has_next_and_has_previous_are_exact_for_every_page(
    database: Database, varied: Account, plain_rows: list[Row], order: Order, size: int, backwards: bool
) -> None:
    sessions = SessionList(make_viewer(varied), order=order)
    seen = 0

    async for request, page in walk_pages(database, sessions, size, backwards=backwards):
        behind = (await has_opposite_page(database, sessions, request))[None]
        assert behind is (seen > 0)
        seen += len(page.rows)
        assert page.has_more is (seen < len(plain_rows))

    assert seen == len(plain_rows)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("order", ORDERS, ids=name)
async def test_every_row_that_was_there_comes_once_while_others_are_added(
    database: Database, account: Account, order: Order, backwards: bool
) -> None:
    await make_agent(account)
    half = {"contactName": "Bo", "externalId": "M", "sessionType": "m", "conversationQuality": 3}
    there = await record(database, account, *[{"leadValue": str(n % 3), **(half if n % 2 else {})} for n in range(20)])
    found: list[UUID] = []

    async for number, (_, page) in aenumerate(walk_pages(database, by(account, order), 6, backwards=backwards)):
        found += [id_of(row) for row in page.rows]
        if number < 3:
            await record(database, account, {"leadValue": "1.5"}, {**half, "contactName": "Ana", "isTest": True})

    assert len(found) == len(set(found))
    assert set(there) <= set(found)


def by(account: Account, order: Order) -> SessionList:
    return SessionList(make_viewer(account), order=order)


async def aenumerate(pages: AsyncIterator[Any]) -> AsyncIterator[tuple[int, Any]]:
    number = 0
    async for page in pages:
        yield number, page
        number += 1


async def test_a_session_that_moves_ahead_of_the_reader_does_not_hide_another(
    database: Database, account: Account
) -> None:
    """In the order of changes an edited session moves to the front; all others still come once."""
    await make_agent(account)
    ids = await record(database, account, *[{}] * 10)
    sessions = SessionList(make_viewer(account), order=Order(ORDER_FIELDS["UPDATED_AT"], Direction.DESC))
    first = (await read_pages(database, sessions, frozenset(), PageRequest(4), cursors=cursors_of(sessions)))[None]

    moved = next(id_ for id_ in ids if id_ not in {id_of(row) for row in first.rows})
    await edit_session(database, sessions.viewer, moved, {"comment": "x"}, None, frozenset())
    behind = PageRequest(20, cursor=cursor_of(first.rows[-1], sessions))
    rest = (await read_pages(database, sessions, frozenset(), behind))[None]

    assert {id_of(row) for row in (*first.rows, *rest.rows)} == set(ids) - {moved}


async def test_a_page_after_a_session_that_left_the_list_continues_at_its_position(
    database: Database, account: Account
) -> None:
    await make_agent(account)
    await record(database, account, *[{"isTodo": True} for _ in range(9)])
    sessions = SessionList(make_viewer(account), parse_filter({"isTodo": True}, NOW))
    before = [id_of(row) for row in await walk(database, sessions)]
    page = (await read_pages(database, sessions, frozenset(), PageRequest(4), cursors=cursors_of(sessions)))[None]

    await edit_session(database, sessions.viewer, before[3], {"isTodo": False}, None, frozenset())
    behind = PageRequest(20, cursor=cursor_of(page.rows[-1], sessions))
    rest = (await read_pages(database, sessions, frozenset(), behind))[None]

    assert [id_of(row) for row in rest.rows] == before[4:]
    assert (await has_opposite_page(database, sessions, behind))[None]


@pytest.mark.parametrize("order", ORDERS, ids=name)
async def test_the_lists_of_agents_continue_after_one_cursor_each_in_its_own_sessions(
    database: Database, varied: Account, plain_rows: list[Row], order: Order
) -> None:
    sessions = SessionList(make_viewer(varied), order=order, parent=AGENT)
    agents = sorted({row["agent_id"] for row in plain_rows})
    middle = (await walk(database, SessionList(make_viewer(varied), order=order), 200))[70]
    expected = in_order(plain_rows, order)
    rest = expected[expected.index(id_of(middle)) + 1 :]
    of = {row["id"]: row["agent_id"] for row in plain_rows}

    pages = await read_pages(
        database, sessions, frozenset(), PageRequest(5, cursor=cursor_of(middle, sessions)), agents
    )

    for agent in agents:
        own = [id_ for id_ in rest if of[id_] == agent]
        assert [id_of(row) for row in pages[agent].rows] == own[:5]
        assert pages[agent].has_more is (len(own) > 5)


async def test_an_empty_list_has_one_empty_page_and_nothing_around_it(database: Database, account: Account) -> None:
    sessions = SessionList(make_viewer(account), parse_filter({"anyOf": []}, NOW))

    for backwards in (False, True):
        request = PageRequest(10, backwards)
        page = (await read_pages(database, sessions, frozenset(), request))[None]
        assert (list(page.rows), page.has_more) == ([], False)
        assert not (await has_opposite_page(database, sessions, request))[None]


@pytest.mark.parametrize("size", [1, MAX_SIZE])
def test_page_sizes_that_are_accepted(size: int) -> None:
    assert check_size("first", size) == size


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1, 10_000, 2**31, -(2**63)])
def test_page_sizes_that_are_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match=r"^first must be from 1 to 200$") as refusal:
        check_size("first", size)

    assert refusal.value.problems[0].path == ("first",)


PERIOD_PAGE = """
query ($after: String) {
  sessions(filter: {period: LAST_24_HOURS}, first: 1, after: $after) { nodes { id } pageInfo { endCursor } totalCount }
}
"""


async def test_the_pages_of_a_period_count_back_from_when_the_first_was_read(
    database: Database, account: Account, caller: Any
) -> None:
    """The first page was read an hour ago. The second has the sessions of the 24 hours before then, not before now."""
    await make_agent(account)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    starts = [an_hour_ago - timedelta(hours=hours) for hours in (1, 23.5, 24.5)]
    ids = await record(database, account, *[{"startedAt": start, "endedAt": start} for start in starts])
    ask = await caller(Role.BUILDER)
    after = write_cursor(Cursor(starts[0], ids[0], an_hour_ago), NEWEST_FIRST, account.id)

    fresh = (await ask(PERIOD_PAGE)).data["sessions"]
    second = (await ask(PERIOD_PAGE, after=after)).data["sessions"]
    third = (await ask(PERIOD_PAGE, after=second["pageInfo"]["endCursor"])).data["sessions"]

    assert ([node["id"] for node in fresh["nodes"]], fresh["totalCount"]) == ([str(ids[0])], 1)
    assert ([node["id"] for node in second["nodes"]], second["totalCount"]) == ([str(ids[1])], 2)
    assert (third["nodes"], third["totalCount"]) == ([], 2)


BOTH_WAYS = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  sessions(first: $first, after: $after, last: $last, before: $before, orderBy: {field: CONTACT, direction: ASC}) {
    edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""


async def test_a_caller_walks_there_and_back(varied: Account, plain_rows: list[Row], caller: Any) -> None:
    ask = await caller(Role.ADMIN, of=varied)
    expected = [str(id_) for id_ in in_order(plain_rows, Order(ORDER_FIELDS["CONTACT"], Direction.ASC))]
    there: list[str] = []
    arguments: dict[str, Any] = {"first": 40}
    while True:
        page = (await ask(BOTH_WAYS, **arguments)).data["sessions"]
        info = page["pageInfo"]
        assert info["hasPreviousPage"] is bool(there)
        there += [edge["node"]["id"] for edge in page["edges"]]
        assert info["hasNextPage"] is (len(there) < len(expected))
        assert (info["startCursor"], info["endCursor"]) == (page["edges"][0]["cursor"], page["edges"][-1]["cursor"])
        if not info["hasNextPage"]:
            break
        arguments = {"first": 40, "after": info["endCursor"]}
    assert there == expected

    back = (await ask(BOTH_WAYS, last=30, before=page["edges"][0]["cursor"])).data["sessions"]
    assert [edge["node"]["id"] for edge in back["edges"]] == expected[90:120]
    assert back["pageInfo"]["hasNextPage"]
    assert back["pageInfo"]["hasPreviousPage"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": 0},
        {"first": -1},
        {"first": 10_000},
        {"last": 0},
        {"first": 2, "last": 2},
        {"first": 2, "before": "x"},
        {"last": 2, "after": "x"},
        {"after": "x", "before": "x"},
        {"first": 2, "after": "x"},
        {"first": 2, "after": ""},
        {"first": 2, "after": "x" * 100_000},
    ],
    ids=lambda arguments: str(arguments)[:40],
)
async def test_wrong_page_arguments_get_a_sentence_and_nothing_else(caller: Any, arguments: dict[str, Any]) -> None:
    ask = await caller(Role.BUILDER)

    answer = await ask(BOTH_WAYS, **arguments)

    is_cursor = "is not a cursor" in answer.errors[0]["message"]
    assert (answer.status, answer.code) == (400, "CURSOR_INVALID" if is_cursor else "BAD_USER_INPUT")
    assert answer.body.get("data") is None
