"""The recording of a stream in batches: in order, one behind the other, and what an error or a cancellation leaves."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest

from session_graph.sessions.json_lines import RawRecord
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_batch import BatchLimits, Recorder, Result
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Outcome, record_sessions
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR

pytestmark = pytest.mark.anyio

LIMITS = BatchLimits(records=2, bytes=1000, patience=5)
RECORD_SESSIONS = "session_graph.sessions.record_batch.record_sessions"


def raw(number: int, size: int = 1, **changes: Any) -> RawRecord:
    return RawRecord(number, size, {"id": str(uuid4()), **PARTY_OF_FOUR, **MONDAY_IN_HOURS, **changes})


class Delivered:
    """The numbers of the results, batch by batch."""

    def __init__(self) -> None:
        self.numbers: list[list[int]] = []
        self.fails = False

    async def __call__(self, results: Sequence[Result]) -> None:
        if self.fails:
            raise ZeroDivisionError
        self.numbers.append([result.number for result in results])


async def count(database: Database, account: Account) -> int:
    row = await database.fetchrow("select count(*) from session where account_id = $1", account.id)
    assert row
    return int(row[0])


async def test_batches_are_delivered_in_order_and_the_last_at_the_end(database: Database, bistro: Account) -> None:
    delivered = Delivered()

    async with Recorder(database, bistro.id, LIMITS, delivered) as recorder:
        for record in (raw(1), raw(2, agent="nobody"), raw(3, size=1000), raw(4, channel="FAX"), raw(5), raw(6)):
            await recorder.add(record)
        await recorder.flush()
        await recorder.add(raw(7))

    assert delivered.numbers == [[1, 2], [3], [4, 5], [6], [7]]
    assert await count(database, bistro) == 5


async def test_a_batch_is_recorded_while_the_next_one_is_read(
    database: Database, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def record(*arguments: Any, **options: Any) -> list[Outcome]:
        began.set()
        await go_on.wait()
        return await record_sessions(*arguments, **options)

    monkeypatch.setattr(RECORD_SESSIONS, record)
    delivered = Delivered()
    async with Recorder(database, bistro.id, LIMITS, delivered) as recorder:
        await recorder.add(raw(1))
        await recorder.add(raw(2))
        await began.wait()
        await recorder.add(raw(3))
        assert delivered.numbers == []
        go_on.set()

    assert delivered.numbers == [[1, 2], [3]]


async def test_no_record_is_read_while_the_rows_of_a_batch_are_made(
    database: Database, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def record(*arguments: Any, **options: Any) -> list[Outcome]:
        with options["computing"]:
            began.set()
            await go_on.wait()
        return await record_sessions(*arguments, **options)

    read: list[object] = []

    def parse(raw: object) -> SessionRecord:
        read.append(raw)
        return parse_record(raw)

    async def add_all() -> None:
        for number in (1, 2, 3):
            await recorder.add(raw(number))

    monkeypatch.setattr("session_graph.pacing.SLICE_SECONDS", -1)
    monkeypatch.setattr(RECORD_SESSIONS, record)
    delivered = Delivered()
    async with Recorder(database, bistro.id, LIMITS, delivered, parse) as recorder:
        adding = asyncio.create_task(add_all())
        await began.wait()
        await asyncio.wait([adding], timeout=0.05)
        read_meanwhile = len(read)
        go_on.set()
        await adding

    assert read_meanwhile == 2
    assert delivered.numbers == [[1, 2], [3]]


async def test_after_an_error_the_running_batch_ends_and_no_other_begins(database: Database, bistro: Account) -> None:
    delivered = Delivered()

    with suppress(KeyError):
        async with Recorder(database, bistro.id, LIMITS, delivered) as recorder:
            for number in (1, 2, 3):
                await recorder.add(raw(number))
            raise KeyError

    assert delivered.numbers == [[1, 2]]
    assert await count(database, bistro) == 2


async def test_who_is_cancelled_leaves_nothing_running(
    database: Database, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def record(*_: Any, **options: Any) -> None:
        began.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def run() -> None:
        async with Recorder(database, bistro.id, LIMITS, Delivered()) as recorder:
            await recorder.add(raw(1))
            await recorder.add(raw(2))
            await asyncio.sleep(30)

    monkeypatch.setattr(RECORD_SESSIONS, record)
    task = asyncio.create_task(run())
    await began.wait()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert cancelled.is_set()


async def test_what_delivering_raises_is_raised(database: Database, bistro: Account) -> None:
    delivered = Delivered()
    delivered.fails = True

    with pytest.raises(ZeroDivisionError):
        async with Recorder(database, bistro.id, LIMITS, delivered) as recorder:
            await recorder.add(raw(1))


async def test_a_database_that_comes_back_is_waited_for(
    database: Database, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("session_graph.sessions.record_batch.RETRY_SECONDS", 0)
    failures = [ConnectionRefusedError, ConnectionResetError]

    async def record(*arguments: Any, **options: Any) -> list[Outcome]:
        if failures:
            raise failures.pop()
        return await record_sessions(*arguments, **options)

    monkeypatch.setattr(RECORD_SESSIONS, record)
    delivered = Delivered()
    async with Recorder(database, bistro.id, LIMITS, delivered) as recorder:
        await recorder.add(raw(1))

    assert delivered.numbers == [[1]]


async def test_what_forbids_a_batch_is_raised_before_it_is_recorded(database: Database, bistro: Account) -> None:
    async def forbid() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        async with Recorder(database, bistro.id, LIMITS, Delivered(), before_batch=forbid) as recorder:
            await recorder.add(raw(1))

    assert await count(database, bistro) == 0
