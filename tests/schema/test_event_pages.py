"""The query sessionEvents: complete, in the caller's scope, and at a bounded cost for each page."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.sessions import feed
from session_graph.sessions.cursors import write_event_cursor
from session_graph.sessions.editing import edit_session, edit_sessions
from session_graph.sessions.event_history import LogPosition
from session_graph.sessions.event_log import current_position, read_events
from session_graph.sessions.filters import EVERYTHING
from session_graph.sessions.patch import parse_patch
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.records import make_agent, record
from support.statements import Statements
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

PAGE = """
query ($after: String, $first: Int = 100, $filter: SessionFilter) {
  sessionEvents(after: $after, first: $first, filter: $filter) {
    events { kind sessionId cursor session { id version } }
    endCursor hasNextPage
  }
}
"""
PARTS = "{ sessionEvents(first: 50) { events { session { transcript { text } agent { idn } } } } }"

Json = dict[str, Any]


async def settle(database: Database, account: Account) -> None:
    """Wait until no transaction of the server holds events back."""
    async with asyncio.timeout(20):
        while (await read_events(database, account.id, None, 10_000)).has_unsettled:  # noqa: ASYNC110 - nothing notifies of it
            await asyncio.sleep(0.02)


async def read_page(caller: Caller, **variables: Any) -> Json:
    page: Json = (await caller(PAGE, **variables)).data["sessionEvents"]
    return page


async def read_pages(caller: Caller, **variables: Any) -> list[Json]:
    """All pages to the end."""
    pages = [await read_page(caller, **variables)]
    while pages[-1]["hasNextPage"]:
        pages.append(await read_page(caller, **{**variables, "after": pages[-1]["endCursor"]}))
    return pages


def ids_of(*pages: Json) -> list[str]:
    return [event["sessionId"] for page in pages for event in page["events"]]


async def test_the_beginning_has_every_session_and_pages_follow_each_other(
    database: Database, bistro: Account, caller: MakeCaller
) -> None:
    ids = await record(database, bistro, *({} for _ in range(7)))
    await settle(database, bistro)
    ask = await caller(Role.ADMIN)

    pages = await read_pages(ask, first=3)

    assert [len(page["events"]) for page in pages] == [3, 3, 1]
    assert sorted(ids_of(*pages)) == sorted(map(str, ids))
    assert [page["endCursor"] for page in pages] == [page["events"][-1]["cursor"] for page in pages]
    assert {event["kind"] for page in pages for event in page["events"]} == {"RECORDED"}


async def test_an_empty_page_says_where_to_go_on(database: Database, bistro: Account, caller: MakeCaller) -> None:
    ask = await caller(Role.ADMIN)
    first = await read_page(ask)
    assert (first["events"], first["hasNextPage"]) == ([], False)
    again = await read_page(ask, after=first["endCursor"])
    assert again == first

    (one,) = await record(database, bistro, {})
    await settle(database, bistro)

    page = await read_page(ask, after=first["endCursor"])
    assert ids_of(page) == [str(one)]
    assert (await read_page(ask, after=page["endCursor"]))["endCursor"] == page["endCursor"]


async def test_a_page_has_the_events_of_the_filter(database: Database, bistro: Account, caller: MakeCaller) -> None:
    viewer = make_viewer(bistro)
    one, two = await record(database, bistro, {}, {"isTodo": True})
    await settle(database, bistro)
    ask = await caller(Role.ADMIN)
    start = await read_page(ask, filter={"isTodo": False})
    assert ids_of(start) == [str(one)]

    await edit_session(database, viewer, one, {"isTodo": True}, None, frozenset())
    await edit_session(database, viewer, two, {"isTodo": False}, None, frozenset())
    await settle(database, bistro)

    page = await read_page(ask, filter={"isTodo": False}, after=start["endCursor"])
    assert [(event["kind"], event["session"]) for event in page["events"]] == [
        ("LEFT", None),
        ("CHANGED", {"id": str(two), "version": 2}),
    ]


async def test_a_filter_that_matches_nothing_advances_by_bounded_pages(
    database: Database, bistro: Account, caller: MakeCaller, monkeypatch: pytest.MonkeyPatch, statements: Statements
) -> None:
    monkeypatch.setattr(feed, "MAX_READS", 2)
    monkeypatch.setattr(feed, "MAX_READ_SIZE", 4)
    await record(database, bistro, *({} for _ in range(20)))
    (wanted,) = await record(database, bistro, {"tags": ["wanted"]})
    await settle(database, bistro)
    ask = await caller(Role.ADMIN)

    pages = await read_pages(ask, first=2, filter={"tags": ["wanted"]})
    statements.clear()
    await read_page(ask, first=2, filter={"anyOf": []})

    assert ids_of(*pages) == [str(wanted)]
    assert len(pages) == 4
    assert len({page["endCursor"] for page in pages}) == 4
    assert len([statement for statement in statements if "session_event" in statement]) == 2


async def test_nobody_reads_what_lies_outside_their_scope(
    database: Database, bistro: Account, caller: MakeCaller
) -> None:
    await make_agent(bistro, idn="other")
    (hidden,) = await record(database, bistro, {"integration": "pos"})
    for_partner, for_portal = await record(
        database, bistro, {"integration": "crm"}, {"agent": "other", "integration": "pos"}
    )
    viewer = make_viewer(bistro)
    await edit_sessions(database, viewer, EVERYTHING, None, parse_patch({"isTodo": True}), dry_run=False)
    await settle(database, bistro)

    partner = await read_pages(await caller(Role.PARTNER, integrations=["crm"]), first=1)
    portal = await read_pages(await caller(Role.PORTAL, agents=["other"]), first=1)
    recorder = await read_pages(await caller(Role.RECORDER))

    assert set(ids_of(*partner)) == {str(for_partner)}
    assert set(ids_of(*portal)) == {str(for_portal)}
    assert ids_of(*recorder) == []
    assert str(hidden) not in str([partner, portal, recorder])


async def test_another_account_has_other_events_and_refuses_the_cursor(
    database: Database, bistro: Account, caller: MakeCaller
) -> None:
    await record(database, bistro, {})
    await settle(database, bistro)
    cursor = (await read_page(await caller(Role.ADMIN)))["endCursor"]
    other = await caller(Role.ADMIN, of=await find_or_create_account(f"a{uuid4().hex[:12]}"))

    assert ids_of(await read_page(other)) == []
    refused = await other(PAGE, after=cursor)
    assert (refused.status, refused.code) == (400, "CURSOR_INVALID")
    assert refused.errors[0]["extensions"]["path"] == ["after"]


async def test_a_cursor_of_another_server_is_told_from_where_to_read_on(
    database: Database, bistro: Account, caller: MakeCaller
) -> None:
    now = await current_position(database)
    ask = await caller(Role.ADMIN)
    unknown = write_event_cursor(LogPosition(now.number, "f" * 16, now.xid, now.seq), bistro.id)
    future = write_event_cursor(LogPosition(now.number, now.history, now.xid + 10**6, 0), bistro.id)

    answers = [await ask(PAGE, after=cursor) for cursor in (unknown, future)]

    for answer in answers:
        assert (answer.status, answer.code, answer.body["data"]) == (200, "HISTORY_LOST", {"sessionEvents": None})
    assert answers[0].errors[0]["extensions"]["readFrom"] is None
    assert ids_of(await read_page(ask, after=answers[1].errors[0]["extensions"]["readFrom"])) == []


@pytest.mark.parametrize(
    ("first", "columns", "maximum"),
    [(0, "id", 200), (201, "id", 200), (51, "transcript { text }", 50), (100, "transcript { text }", 50)],
)
async def test_a_size_out_of_its_limits_is_refused(
    bistro: Account, caller: MakeCaller, first: int, columns: str, maximum: int
) -> None:
    ask = await caller(Role.ADMIN)

    answer = await ask(f"{{ sessionEvents(first: {first}) {{ events {{ session {{ {columns} }} }} }} }}")

    assert (answer.status, answer.code) == (400, "BAD_USER_INPUT")
    assert f"must be from 1 to {maximum}" in answer.errors[0]["message"]


@pytest.mark.parametrize("count", [1, 40])
async def test_a_page_costs_the_same_number_of_statements_however_many_events(
    database: Database, bistro: Account, caller: MakeCaller, statements: Statements, count: int
) -> None:
    await record(database, bistro, *({"transcript": [{"speaker": "USER", "text": "Hello?"}]} for _ in range(count)))
    await settle(database, bistro)
    ask = await caller(Role.ADMIN)
    await ask(PARTS)
    statements.clear()

    events = (await ask(PARTS)).data["sessionEvents"]["events"]

    assert [event["session"] for event in events] == [
        {"transcript": [{"text": "Hello?"}], "agent": {"idn": "bistro"}}
    ] * count
    assert len([each for each in statements if "pg_is_in_recovery() as is_standby" not in each]) <= 5
