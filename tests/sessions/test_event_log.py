"""The event log: what each writer logs, that late commits are not skipped, cursors, and deletion."""

import asyncio
import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from session_graph.errors import CursorInvalid, InvalidInput
from session_graph.sessions.cursors import _EVENTS, _binding, read_event_cursor, write_event_cursor
from session_graph.sessions.editing import edit_session, edit_sessions
from session_graph.sessions.event_history import LogPosition
from session_graph.sessions.event_log import (
    _READ,
    CHANNEL,
    EventKind,
    current_position,
    read_events,
    write_events,
)
from session_graph.sessions.filters import EVERYTHING
from session_graph.sessions.patch import parse_patch
from session_graph.store.database import Database
from session_graph.store.migration import list_migrations
from session_graph.store.models import Account
from support.databases import connected
from support.records import make_agent, record
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

RECORDED, CHANGED = EventKind.RECORDED, EventKind.CHANGED
LOGGED = "select e.xid, e.session_id, e.kind from session_event e where e.account_id = $1 order by e.xid, e.seq"


async def logged(database: Database, account: Account) -> list[tuple[UUID, str]]:
    return [(row["session_id"], row["kind"]) for row in await database.fetch(LOGGED, account.id)]


async def settled(database: Database, account: Account, after: Any, most: int = 100) -> list[UUID]:
    """Return the events after the position, once no transaction of other tests or of the server holds them back."""
    async with asyncio.timeout(10):
        while (batch := await read_events(database, account.id, after, most)).has_unsettled:  # noqa: ASYNC110 - nothing notifies of it
            await asyncio.sleep(0.02)
    return [event.session_id for event in batch.events]


async def test_every_writer_logs_each_session_once_in_its_transaction(database: Database, account: Account) -> None:
    await make_agent(account)
    viewer = make_viewer(account)
    one, two = await record(database, account, {}, {})

    await edit_session(database, viewer, one, {"isTodo": True}, None, frozenset())
    await edit_sessions(database, viewer, EVERYTHING, [one, two], parse_patch({"isDone": True}), dry_run=False)

    rows = await database.fetch(LOGGED, account.id)
    assert {(row["session_id"], row["kind"]) for row in rows[:2]} == {(one, RECORDED), (two, RECORDED)}
    assert (rows[2]["session_id"], rows[2]["kind"]) == (one, CHANGED)
    assert [(row["session_id"], row["kind"]) for row in rows[3:]] == [(id_, CHANGED) for id_ in sorted((one, two))]
    assert len({row["xid"] for row in rows}) == 3


async def test_an_edit_that_changes_nothing_is_not_logged(database: Database, account: Account) -> None:
    await make_agent(account)
    viewer = make_viewer(account)
    (one,) = await record(database, account, {"id": str(uuid4())})

    await edit_session(database, viewer, one, {"isTodo": False}, None, frozenset())
    await edit_session(database, viewer, one, {"isTodo": True}, 9, frozenset())
    await edit_sessions(database, viewer, EVERYTHING, [one], parse_patch({"isDone": True}), dry_run=True)
    await record(database, account, {"id": str(one)})

    assert await logged(database, account) == [(one, RECORDED)]


async def test_a_transaction_notifies_once_and_only_when_it_commits(
    database: Database, database_url: str, account: Account
) -> None:
    async with connected(database_url) as listening:
        heard: list[object] = []
        await listening.add_listener(CHANNEL, lambda *told: heard.append(told[-1]))
        async with database.transaction() as connection:
            for _ in range(3):
                await write_events(connection, account.id, CHANGED, [uuid4()])
            await listening.execute("select")
            assert heard == []

        async with asyncio.timeout(10):
            while not heard:
                await listening.execute("select")
        assert heard == [str(account.id)]


async def test_an_event_that_is_rolled_back_is_not_in_the_log(
    database: Database, database_url: str, account: Account
) -> None:
    async with connected(database_url) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await write_events(connection, account.id, CHANGED, [uuid4()])  # type: ignore[arg-type]
        await transaction.rollback()

    assert await logged(database, account) == []


async def test_a_transaction_that_commits_late_is_not_skipped(
    database: Database, database_url: str, account: Account
) -> None:
    """It began first, so its events come first; until it ends, younger events wait."""
    start = await current_position(database)
    late, early = uuid4(), uuid4()
    async with connected(database_url) as slow:
        transaction = slow.transaction()
        await transaction.start()
        await write_events(slow, account.id, RECORDED, [late])  # type: ignore[arg-type]
        async with database.transaction() as connection:
            await write_events(connection, account.id, RECORDED, [early])

        batch = await read_events(database, account.id, start, 100)
        assert (list(batch.events), batch.has_unsettled) == ([], True)

        await transaction.commit()
    assert await settled(database, account, start) == [late, early]


async def test_a_reader_that_starts_while_a_transaction_runs_reads_its_events(
    database: Database, database_url: str, account: Account
) -> None:
    late = uuid4()
    async with connected(database_url) as slow, slow.transaction():
        await write_events(slow, account.id, RECORDED, [late])  # type: ignore[arg-type]
        start = await current_position(database)

    assert await settled(database, account, start) == [late]


async def test_a_log_is_read_in_parts_without_a_gap(database: Database, account: Account) -> None:
    position = await current_position(database)
    ids = [uuid4() for _ in range(7)]
    async with database.transaction() as connection:
        await write_events(connection, account.id, CHANGED, ids)
    await settled(database, account, position)

    found = []
    while events := (await read_events(database, account.id, position, 3)).events:
        found += [event.session_id for event in events]
        cursor = write_event_cursor(events[-1].position, account.id)
        position = read_event_cursor(cursor, account.id, "after")

    assert found == ids


async def test_the_log_is_read_along_its_key(database: Database, account: Account) -> None:
    """The cost does not grow with the number of events before the position."""
    async with database.transaction() as connection:
        for _ in range(20):
            await write_events(connection, account.id, CHANGED, [uuid4() for _ in range(500)])
    await database.execute("analyze session_event")
    row = await database.fetchrow(
        "select max(e.xid) as xid, max(e.seq) as seq from session_event e where e.account_id = $1", account.id
    )
    assert row

    position = await current_position(database)
    after = (position.history, position.number, row["xid"], row["seq"] - 3)
    described = await database.fetchrow(
        f"explain (analyze, costs off, timing off, format json) {_READ}", account.id, *after, 200
    )

    assert described
    plan = str(described[0])
    assert "session_event_pkey" in plan
    assert re.findall(r'"Relation Name": "session_event"', plan) == ['"Relation Name": "session_event"']
    assert max(map(float, re.findall(r'"Actual Rows": ([\d.]+)', plan))) <= 3


async def test_accounts_have_logs_of_their_own(database: Database, account: Account) -> None:
    start = await current_position(database)
    async with database.transaction() as connection:
        await write_events(connection, uuid4(), CHANGED, [uuid4()])

    assert await settled(database, account, start) == []


async def test_the_migration_writes_an_event_for_each_session_that_has_none(
    database: Database, account: Account
) -> None:
    await make_agent(account)
    ids = await record(database, account, {}, {}, {})
    await database.execute("delete from session_event where account_id = $1 and session_id <> $2", account.id, ids[1])
    (migration,) = [each for each in list_migrations() if each.name == "0011_event_history"]

    await database.execute(migration.statements[-1])

    assert await settled(database, account, None) == [ids[1], *sorted((ids[0], ids[2]))]


@pytest.mark.parametrize("text", ["", "x", "W10", "bnVsbA", "WyJhIiwxLDIsM10", "é", "W" * 5000, "0" * 68])
def test_text_that_is_not_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="after is not a cursor of these events") as refusal:
        read_event_cursor(text, uuid4(), "after")
    assert refusal.value.problems[0].error is CursorInvalid


async def test_a_cursor_is_bound_to_its_account(database: Database, account: Account) -> None:
    cursor = write_event_cursor(await current_position(database), account.id)

    with pytest.raises(InvalidInput):
        read_event_cursor(cursor, uuid4(), "after")


HISTORY = "0123456789abcdef"


@pytest.mark.parametrize(
    "wrong",
    [
        f"8000-{HISTORY}-{1:016x}-{1:016x}",
        f"0001-{HISTORY}-{2**63:016x}-{1:016x}",
        f"0001-{HISTORY}-{1:016x}-{2**63:016x}",
        f"0001-{HISTORY}-{1:016x}",
        f"0001-{HISTORY.upper()}-{1:016x}-{1:016x}",
        f"0001-{HISTORY}-{1:016x}-{1:016x}\n",
    ],
)
def test_a_cursor_with_impossible_numbers_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput):
        read_event_cursor(f"{_binding(_EVENTS, UUID(int=1))}-{wrong}", UUID(int=1), "after")


def test_cursors_sort_in_the_order_of_the_log() -> None:
    numbers = [(1, 5, 9), (1, 16, 2), (1, 16, 10), (2, 1, 300), (12, 1, 1)]

    cursors = [write_event_cursor(LogPosition(number, HISTORY, *rest), UUID(int=1)) for number, *rest in numbers]

    assert cursors == sorted(cursors)
    assert len({len(cursor) for cursor in cursors}) == 1
