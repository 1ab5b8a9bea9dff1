"""Records a stream of raw records in batches, for the importer and `POST /records`: each is judged by itself.

    async with Recorder(database, account_id, limits, deliver) as recorder:
        for record in records:
            await recorder.add(record)

A batch is one transaction. While the database works on it, the next one is read. A batch that is sent again is
recognised by the ids of its records.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Self
from uuid import UUID

import asyncpg

from session_graph.errors import InvalidInput, Problem
from session_graph.pacing import Pacer, Precedence
from session_graph.sessions.identity import with_id
from session_graph.sessions.json_lines import RawRecord
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.sessions.warnings import RecordWarning
from session_graph.store.background import CONNECTION_ERRORS
from session_graph.store.database import Database

RETRY_SECONDS = 0.5
MAX_PROBLEMS = 100
"""Of one record: one with a million unknown fields has a million."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the record with this number; `problems` are why it was refused, `warnings` what was lost."""

    number: int
    status: Status
    id: UUID | None = None
    problems: tuple[Problem, ...] = ()
    warnings: Sequence[RecordWarning] = ()


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A batch is full with so many records or bytes; it waits `patience` seconds for a database that restarts."""

    records: int
    bytes: int
    patience: float


Deliver = Callable[[Sequence[Result]], Awaitable[None]]
"""Called with the results of each batch, which is committed, in the order of the records."""


Parse = Callable[[object], SessionRecord]
"""Reads a record. Raises InvalidInput."""


Notice = Callable[[str], object]
"""Called with a sentence when something is tried again."""


async def _always() -> None:
    """Begin every batch."""


class Recorder:
    """Takes records one by one. Leaving its block records the rest, or after an error only ends the running batch."""

    def __init__(
        self,
        database: Database,
        account_id: UUID,
        limits: BatchLimits,
        deliver: Deliver,
        parse: Parse = parse_record,
        before_batch: Callable[[], Awaitable[object]] = _always,
        notice: Notice | None = None,
    ) -> None:
        """`before_batch` raises what forbids the next batch. With `notice`, a batch that runs into the statement
        time-out, because somebody holds the account's row for long, is also tried again."""
        self._database = database
        self._account_id = account_id
        self._limits = limits
        self._deliver = deliver
        self._parse = parse
        self._before_batch = before_batch
        self._notice = notice
        self._batch = _Batch()
        self._running: asyncio.Task[None] | None = None
        self._computing = Precedence()
        self._pacer = Pacer(after=self._computing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.flush()
        elif self._running:
            if isinstance(error, asyncio.CancelledError):
                self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def add(self, record: RawRecord) -> None:
        """Judge the record as far as that needs no database. Raises what recording a batch raises."""
        self._batch.add(record, self._judge(record))
        if len(self._batch.judged) >= self._limits.records or self._batch.size >= self._limits.bytes:
            await self._begin_batch()
        await self._pacer.pause()

    async def flush(self) -> None:
        """Record all that was added, and wait until its results are delivered.

        Raises one of CONNECTION_ERRORS if the database stays away, and what `deliver` and `before_batch` raise.
        """
        if self._batch.judged:
            await self._begin_batch()
        await self._end_batch()

    def _judge(self, record: RawRecord) -> SessionRecord | Result:
        problems = record.problems
        if not problems:
            try:
                return with_id(self._account_id, self._parse(record.raw))
            except InvalidInput as error:
                problems = tuple(error.problems[:MAX_PROBLEMS])
        return Result(record.number, Status.REFUSED, problems=problems)

    async def _begin_batch(self) -> None:
        await self._end_batch()
        batch, self._batch = self._batch, _Batch()
        self._running = asyncio.create_task(self._record(batch))

    async def _end_batch(self) -> None:
        if self._running:
            await self._running
            self._running = None

    async def _record(self, batch: "_Batch") -> None:
        await self._before_batch()
        records = [record for _, record in batch.judged if isinstance(record, SessionRecord)]
        outcomes = iter(await self._record_patiently(records) if records else ())
        await self._deliver(
            [each if isinstance(each, Result) else _result(number, next(outcomes)) for number, each in batch.judged]
        )

    async def _record_patiently(self, records: Sequence[SessionRecord]) -> list[Outcome]:
        """Try again while the database restarts; each record has an id, so none is recorded twice."""
        deadline = monotonic() + self._limits.patience
        while True:
            try:
                return await record_sessions(self._database, self._account_id, records, computing=self._computing)
            except CONNECTION_ERRORS:
                if monotonic() > deadline:
                    raise
            except asyncpg.QueryCanceledError:
                if self._notice is None or monotonic() > deadline:
                    raise
                self._notice("the database is busy, or another connection holds a lock; trying again")
            await asyncio.sleep(RETRY_SECONDS)


@dataclass(slots=True)
class _Batch:
    """Records by their number, or the results of those that are refused already; `size` is in bytes."""

    judged: list[tuple[int, SessionRecord | Result]] = field(default_factory=list)
    size: int = 0

    def add(self, record: RawRecord, judged: SessionRecord | Result) -> None:
        self.judged.append((record.number, judged))
        self.size += record.size


def _result(number: int, outcome: Outcome) -> Result:
    problems = (outcome.problem,) if outcome.problem else ()
    return Result(number, outcome.status, outcome.id, problems, outcome.warnings)
