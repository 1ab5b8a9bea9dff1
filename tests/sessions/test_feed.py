"""Live updates: subscribers receive exactly what their list has, in their scope, and nothing is skipped."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_graph.access.viewer import Role, Viewer
from session_graph.sessions import feed as module
from session_graph.sessions.editing import edit_session, edit_sessions
from session_graph.sessions.event_history import LogPosition
from session_graph.sessions.event_log import CHANNEL, Event, EventKind, current_position
from session_graph.sessions.feed import Change, Feeds, Following, follow_sessions, read_changes
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import EVERYTHING
from session_graph.sessions.patch import parse_patch
from session_graph.sessions.reading import SessionList
from session_graph.store.database import Database
from session_graph.store.models import Account
from session_graph.store.notifications import Listener
from support.databases import connected
from support.filters import CASES, filters, resolved
from support.oracle import Raw, Row
from support.records import make_agent, record
from support.statements import Statements
from support.viewers import VIEWERS, make_viewer, viewer_of
from support.walks import NOW, id_of, walk

pytestmark = pytest.mark.anyio

RECORDED, CHANGED, LEFT, CHECKPOINT = EventKind
COLUMNS = frozenset({"is_todo", "version"})
anybody = st.sampled_from(sorted(VIEWERS))
thorough = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

Received = tuple[EventKind, UUID | None]


def events_of(ids: Sequence[UUID], kind: EventKind = EventKind.CHANGED) -> list[Event]:
    return [Event(LogPosition(1, "0" * 16, 1, seq), id_, kind) for seq, id_ in enumerate(ids, start=1)]


async def changes_of(database: Database, viewer: Viewer, raw: Raw, events: Sequence[Event]) -> list[Received]:
    changes = await read_changes(database, Following(viewer, raw, frozenset(), 200), events, NOW)
    assert all((change.session is None) is (change.kind is LEFT) for change in changes)
    return [(change.kind, change.session_id) for change in changes]


async def check_agreement(database: Database, viewer: Viewer, raw: Raw, rows: Sequence[Row]) -> None:
    """Recorded sessions that match are the list; changed sessions that do not match are the rest of the scope."""
    ids = [row["id"] for row in rows]
    listed = {id_of(row) for row in await walk(database, SessionList(viewer, parse_filter(raw, NOW)), 200)}
    seen = {id_of(row) for row in await walk(database, SessionList(viewer), 200)}

    recorded = await changes_of(database, viewer, raw, events_of(ids, EventKind.RECORDED))
    changed = await changes_of(database, viewer, raw, events_of(ids))

    assert recorded == [(RECORDED, id_) for id_ in ids if id_ in listed], raw
    assert changed == [(CHANGED if id_ in listed else LEFT, id_) for id_ in ids if id_ in seen], raw


@pytest.mark.parametrize("who", VIEWERS)
async def test_each_condition_alone_notifies_of_what_the_list_has(
    database: Database, varied: Account, plain_rows: list[Row], who: str
) -> None:
    for raw in (resolved(case, plain_rows) for case in CASES):
        await check_agreement(database, viewer_of(varied, who), raw, plain_rows)


@thorough
@given(raw=filters(), who=anybody)
async def test_any_filter_notifies_of_what_the_list_has(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw, who: str
) -> None:
    await check_agreement(database, viewer_of(varied, who), resolved(raw, plain_rows), plain_rows)


async def test_a_recorder_receives_nothing(database: Database, varied: Account, plain_rows: list[Row]) -> None:
    events = events_of([row["id"] for row in plain_rows])

    assert await changes_of(database, make_viewer(varied, Role.RECORDER), {}, events) == []


async def test_nothing_is_received_of_another_accounts_sessions(
    database: Database, account: Account, plain_rows: list[Row]
) -> None:
    assert await changes_of(database, make_viewer(account), {}, events_of([row["id"] for row in plain_rows])) == []


async def test_several_events_of_a_session_become_one_change_in_the_place_of_the_last(
    database: Database, varied: Account, plain_rows: list[Row]
) -> None:
    one, two = plain_rows[0]["id"], plain_rows[1]["id"]
    viewer = make_viewer(varied)
    new_and_changed = [*events_of([one], EventKind.RECORDED), *events_of([one, two, one])[1:]]

    assert await changes_of(database, viewer, {}, events_of([one, two, one])) == [(CHANGED, two), (CHANGED, one)]
    assert await changes_of(database, viewer, {}, new_and_changed) == [(CHANGED, two), (RECORDED, one)]
    assert await changes_of(database, viewer, {"anyOf": []}, new_and_changed) == [(LEFT, two)]


async def test_a_batch_costs_one_statement_and_reads_only_the_selected_columns(
    database: Database, varied: Account, plain_rows: list[Row], statements: Statements
) -> None:
    following = Following(make_viewer(varied), {"isTodo": True}, frozenset({"asr"}), 200)
    ids = [row["id"] for row in plain_rows]

    for count in (1, 100):
        await statements.restart()
        await read_changes(database, following, events_of(ids[:count]), NOW)
        (statement,) = await statements.so_far()
        assert statement.startswith("select s.asr::text as asr, s.id::text as id, (s.account_id = $1")


class Follower:
    """A subscriber; `received` waits for changes."""

    def __init__(self, feeds: Feeds, viewer: Viewer, raw: Raw, position: LogPosition) -> None:
        self.checkpoints: list[LogPosition] = []
        self._following = Following(viewer, raw, COLUMNS, 200)
        self._run = (feeds, position)
        self.changes: list[Change] = []
        self._grown = asyncio.Event()

    async def run(self) -> None:
        async def prepare(changes: Sequence[Change]) -> None: ...

        feeds, position = self._run
        async with aclosing(follow_sessions(feeds, self._following, position, prepare, 60)) as source:
            async for changes in source:
                self.checkpoints += [each.position for each in changes if each.kind is CHECKPOINT]
                self.changes += [each for each in changes if each.kind is not CHECKPOINT]
                self._grown.set()

    async def received(self, count: int) -> list[Received]:
        """Return the changes once there are `count`, and a little later, so that more would be seen."""
        async with asyncio.timeout(10):
            while len(self.changes) < count:
                self._grown.clear()
                await self._grown.wait()
        await asyncio.sleep(0.05)
        return [(change.kind, change.session_id) for change in self.changes]


@pytest.fixture
async def feeds(database: Database, database_url: str) -> AsyncIterator[Feeds]:
    listener = Listener(database_url, [CHANNEL])
    task = asyncio.create_task(listener.run())
    feeds = Feeds(database, listener, 2)
    yield feeds
    task.cancel()
    await asyncio.wait([task])
    assert (feeds._feeds, listener._topics) == ({}, {})


@asynccontextmanager
async def following(
    database: Database, feeds: Feeds, viewer: Viewer, raw: Raw | None = None, position: LogPosition | None = None
) -> AsyncIterator[Follower]:
    follower = Follower(feeds, viewer, raw or {}, position or await current_position(database))
    task = asyncio.create_task(follower.run())
    yield follower
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_changes_arrive_as_sessions_are_recorded_changed_and_leave(
    database: Database, feeds: Feeds, account: Account
) -> None:
    await make_agent(account)
    viewer = make_viewer(account)
    async with following(database, feeds, viewer, {"isDone": False}) as follower:
        (one,) = await record(database, account, {})
        assert await follower.received(1) == [(RECORDED, one)]

        await edit_session(database, viewer, one, {"isTodo": True}, None, frozenset())
        assert (await follower.received(2))[1:] == [(CHANGED, one)]
        session = follower.changes[1].session
        assert session is not None
        assert dict(session) == {"is_todo": True, "id": str(one), "version": 2, "is_meant": True}

        await edit_session(database, viewer, one, {"isDone": True}, None, frozenset())
        assert (await follower.received(3))[2:] == [(LEFT, one)]


async def test_a_late_commit_arrives_without_another_notification(
    database: Database, database_url: str, feeds: Feeds, account: Account
) -> None:
    """The younger transaction's notification finds its event unsettled; only polling can find it later."""
    await make_agent(account)
    async with following(database, feeds, make_viewer(account)) as follower, connected(database_url) as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("select pg_current_xact_id()")
        (one,) = await record(database, account, {})
        await asyncio.sleep(0.3)
        assert follower.changes == []

        await transaction.commit()
        assert await follower.received(1) == [(RECORDED, one)]


async def test_a_subscriber_that_reconnects_receives_what_it_missed_and_nothing_twice(
    database: Database, feeds: Feeds, account: Account
) -> None:
    await make_agent(account)
    viewer = make_viewer(account)
    ids: list[UUID] = []
    received: list[UUID | None] = []
    position = await current_position(database)
    for _ in range(3):
        ids += await record(database, account, {}, {})  # while nobody follows
        async with following(database, feeds, viewer, position=position) as follower:
            ids += await record(database, account, {})
            await follower.received(3)
            received += [change.session_id for change in follower.changes]
            position = follower.changes[-1].position

    assert set(received) == set(ids)
    assert len(received) == len(set(received)) == 9


async def test_more_than_a_batch_comes_in_batches(database: Database, feeds: Feeds, account: Account) -> None:
    await make_agent(account)
    viewer = make_viewer(account)
    ids = await record(database, account, *({} for _ in range(450)))
    async with following(database, feeds, viewer) as follower:
        await edit_sessions(database, viewer, EVERYTHING, None, parse_patch({"isTodo": True}), dry_run=False)

        assert await follower.received(450) == [(CHANGED, id_) for id_ in sorted(ids)]


async def test_a_hundred_equal_subscribers_cost_as_many_statements_as_one(
    database: Database, feeds: Feeds, account: Account, statements: Statements
) -> None:
    await make_agent(account)
    viewers = [make_viewer(account) for _ in range(100)]
    position = await current_position(database)
    followers = [Follower(feeds, viewer, {}, position) for viewer in viewers]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(follower.run()) for follower in followers]
        await asyncio.sleep(0.2)
        statements.clear()
        (one,) = await record(database, account, {})

        assert all([await follower.received(1) == [(RECORDED, one)] for follower in followers])
        for task in running:
            task.cancel()

    reads = [statement for statement in statements if "from session_event" in statement]
    assert len(reads) < 10  # once, and again for whatever held something back meanwhile
    assert len([statement for statement in statements if "as is_meant" in statement]) == 1


async def test_different_subscribers_receive_different_changes(
    database: Database, feeds: Feeds, account: Account
) -> None:
    """Each subscriber differs in one respect, at the same position at the same time."""
    await make_agent(account)
    await make_agent(account, idn="other")
    position = await current_position(database)
    admin, crm = make_viewer(account), make_viewer(account, Role.PARTNER, integrations=("crm",))
    pos, own = make_viewer(account, Role.PARTNER, integrations=("pos",)), make_viewer(account, agents=("other",))
    followers = {
        "all": Follower(feeds, admin, {}, position),
        "todo": Follower(feeds, admin, {"isTodo": True}, position),
        "not todo": Follower(feeds, admin, {"isTodo": False}, position),
        "crm": Follower(feeds, crm, {}, position),
        "pos": Follower(feeds, pos, {}, position),
        "own": Follower(feeds, own, {}, position),
    }
    ids = await record(
        database,
        account,
        {"isTodo": True, "integration": "crm"},
        {"integration": "pos"},
        {"agent": "other"},
    )
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(follower.run()) for follower in followers.values()]
        received = {name: [id_ for _, id_ in await follower.received(1)] for name, follower in followers.items()}
        for task in running:
            task.cancel()

    assert {name: {ids.index(id_) for id_ in found if id_} for name, found in received.items()} == {
        "all": {0, 1, 2},
        "todo": {0},
        "not todo": {1, 2},
        "crm": {0},
        "pos": {1},
        "own": {2},
    }


async def test_a_period_counts_back_from_each_read(database: Database, feeds: Feeds, account: Account) -> None:
    await make_agent(account)
    now = datetime.now(UTC)
    last_week = {"startedAt": now - timedelta(days=6), "endedAt": now - timedelta(days=6)}
    async with following(database, feeds, make_viewer(account), {"period": "LAST_7_DAYS"}) as follower:
        new, _ = await record(
            database,
            account,
            {**last_week},
            {"startedAt": now - timedelta(days=8), "endedAt": now - timedelta(days=8)},
        )
        assert await follower.received(1) == [(RECORDED, new)]
        later = datetime.now(UTC)
        (newer,) = await record(database, account, {"startedAt": later, "endedAt": later})
        assert (await follower.received(2))[1:] == [(RECORDED, newer)]


async def test_following_continues_after_the_database_was_unreachable(
    database: Database, feeds: Feeds, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_agent(account)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    real, failures = module.read_changes, [ConnectionResetError(), ConnectionRefusedError()]

    async def read(*arguments: Any) -> list[Change]:
        if arguments[2] and failures:
            raise failures.pop()
        return await real(*arguments)

    monkeypatch.setattr(module, "read_changes", read)
    async with following(database, feeds, make_viewer(account)) as follower:
        (one,) = await record(database, account, {})

        assert await follower.received(1) == [(RECORDED, one)]
        assert failures == []


async def test_a_statement_that_the_database_refuses_ends_the_stream(
    database: Database, feeds: Feeds, account: Account
) -> None:
    """A retry could not succeed."""

    async def prepare(changes: Sequence[Change]) -> None:
        await database.execute("select 1 / 0")

    await make_agent(account)
    position = await current_position(database)
    await record(database, account, {})
    source = follow_sessions(feeds, Following(make_viewer(account), {}, COLUMNS, 200), position, prepare, 60)

    async with aclosing(source):
        assert [change.kind for change in await anext(source)] == [CHECKPOINT]
        with pytest.raises(asyncpg.DivisionByZeroError):
            await anext(source)
