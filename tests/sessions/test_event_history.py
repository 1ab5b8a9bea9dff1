"""Histories: a cursor is safe on a copy that has all that it stands after; else the reader is told, never less."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import cast
from uuid import UUID, uuid4

import pytest

from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.sessions.event_history import _STATE, MAX_BIGINT, LogPosition, PositionLost, mark_settled
from session_graph.sessions.event_log import (
    _CURRENT,
    CHANNEL,
    Batch,
    EventKind,
    current_position,
    read_events,
    write_events,
)
from session_graph.sessions.feed import Change, Feeds, Following, follow_sessions
from session_graph.store.database import Connection
from session_graph.store.notifications import Listener
from support.databases import Attached, attached, own_database

pytestmark = pytest.mark.anyio

ACCOUNT = UUID(int=1)
HISTORIES = "select h.number, h.id, h.settled from event_history h order by h.number"


@pytest.fixture
async def url(server_url: str) -> AsyncIterator[str]:
    async with own_database(server_url) as made:
        yield made


@pytest.fixture
async def log(url: str) -> AsyncIterator[Attached]:
    async with attached(url) as opened:
        yield opened


async def write(log: Attached) -> UUID:
    id_ = uuid4()
    async with log.transaction() as connection:
        await write_events(connection, ACCOUNT, EventKind.CHANGED, [id_])
    return id_


async def read(log: Attached, after: LogPosition | None) -> Batch:
    async with asyncio.timeout(20):
        while (batch := await read_events(log, ACCOUNT, after, 1_000)).has_unsettled:  # noqa: ASYNC110 - nothing notifies of it
            await asyncio.sleep(0.02)
    return batch


async def read_ids(log: Attached, after: LogPosition | None) -> list[UUID]:
    return [event.session_id for event in (await read(log, after)).events]


async def move(log: Attached) -> None:
    """Let the database seem to be one that was copied from another server."""
    await log.execute("update event_history set identity = 'another server'")


async def settle(log: Attached) -> None:
    """Wait until nothing runs beside, and move the mark past all events."""
    await read(log, None)
    await mark_settled(log)


async def test_events_name_the_history_of_their_server(log: Attached) -> None:
    await write(log)
    await settle(log)
    await move(log)
    await write(log)

    rows = await log.fetch("select e.history from session_event e order by e.seq")
    assert [row["history"] for row in rows] == [1, 2]
    numbers = [row["number"] for row in await log.fetch(HISTORIES)]
    assert numbers == [1, 2]


async def test_a_read_begins_the_history_of_a_copy_where_nothing_was_written(log: Attached) -> None:
    await move(log)

    position = await current_position(log)

    assert (position.number, len(await log.fetch(HISTORIES))) == (2, 2)


async def test_writers_that_begin_a_history_at_the_same_time_begin_one(log: Attached, url: str) -> None:
    await move(log)
    async with attached(url) as one, attached(url) as two:
        await asyncio.gather(*(write(each) for each in (log, one, two)))

    rows = await log.fetch("select distinct e.history from session_event e")
    assert [row["history"] for row in rows] == [2]
    assert len(await log.fetch(HISTORIES)) == 2


async def test_a_history_that_is_rolled_back_has_not_begun(log: Attached) -> None:
    await move(log)
    transaction = log.connection.transaction()
    await transaction.start()
    await write_events(cast(Connection, log.connection), ACCOUNT, EventKind.CHANGED, [uuid4()])
    await transaction.rollback()

    one = await write(log)

    assert await read_ids(log, None) == [one]
    assert len(await log.fetch(HISTORIES)) == 2


async def test_a_cursor_of_a_quiet_log_is_good_on_a_copy(log: Attached) -> None:
    one = await write(log)
    await settle(log)
    positions = [(await read(log, None)).end, await current_position(log)]
    assert positions[0].xid == positions[1].xid

    await move(log)
    two = await write(log)

    for position in positions:
        assert await read_ids(log, position) == [two]
    assert await read_ids(log, None) == [one, two]


async def test_a_cursor_of_an_empty_log_is_good_on_a_copy(log: Attached) -> None:
    positions = [(await read(log, None)).end, await current_position(log)]
    await move(log)
    one = await write(log)

    for position in positions:
        assert await read_ids(log, position) == [one]


async def test_a_cursor_beyond_the_mark_is_lost_on_a_copy_and_told_from_where_to_read_on(log: Attached) -> None:
    await write(log)
    await settle(log)
    two = await write(log)
    position = (await read(log, None)).end
    await move(log)
    three = await write(log)

    with pytest.raises(PositionLost) as lost:
        await read(log, position)

    safe = lost.value.safe
    assert safe is not None
    assert safe.xid < position.xid
    assert await read_ids(log, safe) == [two, three]


async def test_a_reader_is_told_of_a_loss_once_however_much_the_copy_has_beyond_the_mark(log: Attached) -> None:
    await write(log)
    await settle(log)
    beyond = [await write(log) for _ in range(5)]
    position = (await read(log, None)).end
    await move(log)
    with pytest.raises(PositionLost) as lost:
        await read(log, position)

    found, safe = list[UUID](), lost.value.safe
    while (batch := await read_events(log, ACCOUNT, safe, 2)).events:
        found += [event.session_id for event in batch.events]
        safe = batch.end

    assert found == beyond


async def test_reading_goes_on_through_histories_in_parts(log: Attached) -> None:
    ids = []
    for _ in range(3):
        ids += [await write(log), await write(log)]
        await move(log)
    await read(log, None)

    found, position = list[UUID](), None
    while (batch := await read_events(log, ACCOUNT, position, 1)).events:
        found += [event.session_id for event in batch.events]
        assert batch.has_more is (len(found) < len(ids))
        position = batch.end

    assert found == ids


async def test_a_cursor_of_a_history_that_the_server_never_had_is_lost_altogether(log: Attached) -> None:
    position = await current_position(log)

    for unknown in (LogPosition(1, "f" * 16, 0, 0), LogPosition(2, position.history, 0, 0)):
        with pytest.raises(PositionLost) as lost:
            await read(log, unknown)
        assert lost.value.safe is None


async def test_a_cursor_of_the_future_is_lost(log: Attached) -> None:
    """As after a storage snapshot that was rolled back."""
    one = await write(log)
    await settle(log)
    position = (await read(log, None)).end
    future = LogPosition(position.number, position.history, position.xid + 1_000, 0)

    with pytest.raises(PositionLost) as lost:
        await read(log, future)

    assert lost.value.safe is not None
    assert lost.value.safe.seq == MAX_BIGINT
    assert await read_ids(log, lost.value.safe) == []
    assert await read_ids(log, None) == [one]


async def test_the_mark_moves_only_past_events_and_never_past_a_transaction_that_runs(log: Attached, url: str) -> None:
    await settle(log)
    (before,) = await log.fetch(HISTORIES)
    await mark_settled(log)
    assert (await log.fetch(HISTORIES))[0] == before

    async with attached(url) as slow, slow.transaction() as connection:
        row = await connection.fetchrow("select pg_current_xact_id() as xid")
        assert row
        await write(log)
        await mark_settled(log)
        assert (await log.fetch(HISTORIES))[0]["settled"] <= row["xid"]
    position = (await read(log, None)).end
    await mark_settled(log)
    assert (await log.fetch(HISTORIES))[0]["settled"] > position.xid


async def test_an_open_subscription_ends_when_its_position_is_lost(log: Attached, url: str) -> None:
    async def prepare(changes: Sequence[Change]) -> None: ...

    viewer = Viewer(AccountFacts(ACCOUNT, "a", "a", "USD", 2, "UTC"), Role.ADMIN, "key")
    async with attached(url) as own:
        listener = Listener(url, [CHANNEL])
        listening = asyncio.create_task(listener.run())
        start = await current_position(own)
        following = Following(viewer, {}, frozenset({"version"}), 200)
        async with aclosing(follow_sessions(Feeds(own, listener, 1), following, start, prepare, 0.02)) as source:
            assert (await anext(source))[0].position == start
            await write(log)
            async with asyncio.timeout(20):
                while (await anext(source))[0].position == start:
                    pass

            await move(log)
            await write(log)

            with pytest.raises(PositionLost):
                await asyncio.wait_for(_exhaust(source), 20)
        listening.cancel()
        await asyncio.wait([listening])


async def _exhaust(source: AsyncIterator[object]) -> None:
    async for _ in source:
        pass


@pytest.mark.parametrize("statement", [_CURRENT, _STATE])
async def test_the_newest_event_is_found_by_an_index(log: Attached, statement: str) -> None:
    for _ in range(20):
        async with log.transaction() as connection:
            await write_events(connection, ACCOUNT, EventKind.CHANGED, [uuid4() for _ in range(500)])
    await settle(log)
    await log.execute("vacuum analyze session_event")

    described = await log.fetchrow(f"explain (analyze, costs off, timing off, format json) {statement}")

    assert described
    assert "session_event_in_order" in str(described[0])
