"""Compaction: the newest event of each session stays for good, and a kill between two batches loses nothing."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from random import Random
from uuid import UUID, uuid4

import pytest

from session_graph.sessions import event_log
from session_graph.sessions.event_log import _COMPACT, EventKind, compact_events, read_events, write_events
from support.databases import Attached, attached, own_database

pytestmark = pytest.mark.anyio

RETENTION = timedelta(hours=24)
OLD = timedelta(hours=25)
ACCOUNT, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
async def url(server_url: str) -> AsyncIterator[str]:
    async with own_database(server_url) as made:
        yield made


@pytest.fixture
async def log(url: str) -> AsyncIterator[Attached]:
    async with attached(url) as opened:
        yield opened


async def write(log: Attached, ids: Sequence[UUID], age: timedelta = OLD, account_id: UUID = ACCOUNT) -> None:
    async with log.transaction() as connection:
        await write_events(connection, account_id, EventKind.CHANGED, ids)
        await connection.execute("update session_event set at = now() - $1::interval where at = now()", age)


async def read_all(log: Attached, account_id: UUID = ACCOUNT) -> list[UUID]:
    """The sessions of all events, from the beginning."""
    async with asyncio.timeout(20):
        while (batch := await read_events(log, account_id, None, 10_000)).has_unsettled:  # noqa: ASYNC110 - nothing notifies of it
            await asyncio.sleep(0.02)
    return [event.session_id for event in batch.events]


async def compact(log: Attached) -> int:
    await read_all(log)  # waits until all is settled
    return await compact_events(log, RETENTION)


async def test_the_newest_event_of_each_session_stays(log: Attached) -> None:
    one, two, three = (uuid4() for _ in range(3))
    for ids in ([one, two], [one], [three, one], [two]):
        await write(log, ids)

    assert await compact(log) == 3
    assert await read_all(log) == [three, one, two]
    assert await compact(log) == 0


async def test_events_stay_until_a_newer_one_of_their_session_is_older_than_the_retention(log: Attached) -> None:
    one = uuid4()
    await write(log, [one])
    await write(log, [one], age=timedelta())

    assert await compact(log) == 0
    assert await read_all(log) == [one, one]

    await log.execute("update session_event set at = now() - $1::interval", OLD)
    assert await compact(log) == 1
    assert await read_all(log) == [one]


async def test_several_events_of_a_session_in_one_batch_leave_the_last(log: Attached) -> None:
    one = uuid4()
    await write(log, [one, one, one])
    await write(log, [one], account_id=OTHER)

    assert await compact(log) == 2
    assert (await read_all(log), await read_all(log, OTHER)) == ([one], [one])


async def test_a_reader_that_was_away_for_a_month_reads_each_changed_session_once(log: Attached) -> None:
    ids = [uuid4() for _ in range(20)]
    await write(log, ids)
    await read_all(log)
    left = (await read_events(log, ACCOUNT, None, 1_000)).end
    changed = ids[3:9]
    for _ in range(30):
        await write(log, changed)
        await compact(log)

    batch = await read_events(log, ACCOUNT, left, 1_000)

    assert [event.session_id for event in batch.events] == changed
    assert await read_all(log) == [id_ for id_ in ids if id_ not in changed] + changed


async def test_an_event_that_an_older_transaction_may_precede_is_not_examined(log: Attached, url: str) -> None:
    one = uuid4()
    async with attached(url) as slow, slow.transaction() as connection:
        await connection.execute("select pg_current_xact_id()")
        await write(log, [one])
        await write(log, [one])
        assert await compact_events(log, RETENTION) == 0
    assert await compact(log) == 1


async def test_batches_are_bounded_and_a_kill_between_them_loses_nothing(
    log: Attached, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compactions are cancelled, and their connections end, at any step."""
    monkeypatch.setattr(event_log, "COMPACTION_BATCH", 7)
    random, ids, expected = Random(7), [uuid4() for _ in range(12)], dict[UUID, None]()
    for _ in range(60):
        chosen = random.sample(ids, random.randint(1, 5))
        await write(log, chosen)
        for id_ in chosen:
            expected.pop(id_, None)
            expected[id_] = None
    await read_all(log)

    for step in range(40):
        async with attached(url) as victim:
            task = asyncio.create_task(compact_events(victim, RETENTION))
            await asyncio.wait([task], timeout=step / 2_000)
            victim.connection.terminate()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await compact(log)

    assert await read_all(log) == list(expected)


async def test_several_processes_compact_at_the_same_time(
    log: Attached, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "COMPACTION_BATCH", 5)
    ids = [uuid4() for _ in range(30)]
    for _ in range(4):
        await write(log, ids)
    await read_all(log)

    async with AsyncExitStack() as stack:
        logs = [await stack.enter_async_context(attached(url)) for _ in range(4)]
        gone = await asyncio.gather(*(compact_events(each, RETENTION) for each in logs))
    rest = await compact(log)

    assert sum(gone) + rest == 90
    assert await read_all(log) == ids


async def test_compaction_reads_along_indexes(log: Attached) -> None:
    """The cost of a batch depends neither on the events before it nor on those behind."""
    ids = [uuid4() for _ in range(1_000)]
    for _ in range(10):
        await write(log, ids)
    await read_all(log)
    await log.execute("vacuum analyze session_event")
    row = await log.fetchrow("select e.history, e.xid, e.seq from session_event e order by e.seq desc offset 5 limit 1")
    assert row

    async with log.transaction() as connection:
        for setting in event_log._ALONG_THE_INDEX:
            await connection.execute(setting)
        described = await connection.fetchrow(
            f"explain (analyze, costs off, timing off, format json) {_COMPACT}", *row.values(), RETENTION, 1_000
        )

    assert described
    plan = str(described[0])
    assert {"session_event_in_order", "session_event_of_session"} <= set(re.findall(r'"Index Name": "(\w+)"', plan))
    scanned = re.findall(r'"Node Type": "Seq Scan",[^{}]*?"Relation Name": "(\w+)"', plan)
    assert set(scanned) <= {"pg_database"}
