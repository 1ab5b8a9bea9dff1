"""The worker of inlets: claims deliveries, maps and records them, and stores how each ended.

Any number of workers may run. A notification wakes them; polling finds what was not notified, and what is due again.
What fails because of the database is tried again after growing pauses; what the payload is to blame for is kept with
its problems. Recording amends by the source's own ids, so that a delivery may be recorded twice without harm.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import asyncpg

from session_graph.errors import InvalidInput, PathSegment, Problem
from session_graph.ingestion import deliveries
from session_graph.ingestion.deliveries import QUEUE, Ending, Outcome
from session_graph.ingestion.importing import parse_mapped
from session_graph.ingestion.mapping import MappedRecord, Mapping
from session_graph.ingestion.sources import Source, find_by_id
from session_graph.pacing import Pacer
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.recording import Status, record_sessions
from session_graph.store.background import CONNECTION_ERRORS, STORE_FAILED, run_forever
from session_graph.store.database import Database, Row
from session_graph.store.notifications import Listener

LOGGER = logging.getLogger(__name__)

CONCURRENT_BATCHES = 2
"""Of a worker."""
POLL_SECONDS = 2.0
WORK_SECONDS = 50.0
"""Longest time for a batch, less than its lease."""
STOP_SECONDS = 0.5
RECORDS = 100
"""Most records of a transaction."""

SOURCE_IS_GONE = "has a source that was deleted"


class InletWorker:
    """Records what inlets were delivered; `run` it until it is cancelled."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self._wakeup = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_forever(self._listen, POLL_SECONDS))
            for _ in range(CONCURRENT_BATCHES):
                tasks.create_task(run_forever(self._work))

    async def _work(self) -> None:
        """Record one batch, or wait for one until woken or until POLL_SECONDS have passed."""
        wakeup = self._wakeup  # taken before the claim, so that no wake-up is missed between claim and wait
        if rows := await deliveries.claim(self._database):
            await self._handle(rows)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await wakeup.wait()

    async def _handle(self, rows: Sequence[Row]) -> None:
        """Record claimed deliveries of one source, or let them be due again."""
        try:
            async with asyncio.timeout(WORK_SECONDS):
                await deliveries.finish(self._database, await process(self._database, rows))
        except asyncio.CancelledError:
            with suppress(*STORE_FAILED):
                async with asyncio.timeout(STOP_SECONDS):
                    await deliveries.release(self._database, rows, refund_attempt=True)
            raise
        except (*CONNECTION_ERRORS, asyncpg.QueryCanceledError) as error:
            LOGGER.warning("%d deliveries wait: the database failed: %s", len(rows), type(error).__name__)
            await deliveries.release(self._database, rows)
        except Exception:
            LOGGER.exception("%d deliveries failed and are tried again", len(rows))
            await deliveries.release(self._database, rows)

    async def _listen(self) -> None:
        """Wake the tasks when a delivery is stored, and when the listener has reconnected."""
        with self._listener.topic(QUEUE) as topic:
            while True:
                seen = topic.count
                self._wakeup.set()
                self._wakeup = asyncio.Event()
                await topic.wait(seen)


async def process(database: Database, rows: Sequence[Row]) -> list[Ending]:
    """Record what the deliveries, all of one source, tell of. Return how each ended; store nothing of that."""
    endings = [Ending(row) for row in rows]
    source = await find_by_id(database, rows[0]["account_id"], rows[0]["source_id"])
    try:
        if source is None:
            raise InvalidInput.at(SOURCE_IS_GONE, [])
        mapping = source.mapping()
    except InvalidInput as error:
        for ending in endings:
            _fail(ending, error.problems)
        return endings
    await _Batch(database, source, mapping).record(endings)
    return endings


class _Batch:
    """Deliveries of one source, whose records are recorded together."""

    def __init__(self, database: Database, source: Source, mapping: Mapping) -> None:
        self._database = database
        self._source = source
        self._mapping = mapping
        self._agents = source.directory()
        self._records: list[tuple[Ending, tuple[PathSegment, ...], SessionRecord]] = []

    async def record(self, endings: Sequence[Ending]) -> None:
        pacer = Pacer()
        for ending in endings:
            await self._read(ending)
            await pacer.pause()
        for start in range(0, len(self._records), RECORDS):
            await self._record(self._records[start : start + RECORDS])

    async def _read(self, ending: Ending) -> None:
        """Map the delivery and judge its records as far as that needs no database."""
        try:
            payload = self._mapping.decode(ending.delivery["payload"])
        except ValueError as error:
            _fail(ending, [Problem((), f"cannot be read: {error}")])
            return
        mapped = self._mapping.apply(payload, ending.delivery["received_at"])
        if mapped.is_ignored:
            ending.outcome = Outcome.IGNORED
        _fail(ending, mapped.problems)
        records, pacer = await self._agents.resolve(await mapped.records()), Pacer()
        for position, record in enumerate(records):
            self._judge(ending, record, (position,) if len(records) > 1 else ())
            await pacer.pause()

    def _judge(self, ending: Ending, mapped: MappedRecord, path: tuple[PathSegment, ...]) -> None:
        if mapped.problems:
            _fail(ending, mapped.problems, path)
            return
        try:
            self._records.append((ending, path, parse_mapped(mapped)))
        except InvalidInput as error:
            _fail(ending, error.problems, path)

    async def _record(self, judged: Sequence[tuple[Ending, tuple[PathSegment, ...], SessionRecord]]) -> None:
        records = [record for _, _, record in judged]
        author = f"inlet {self._source.name}"
        outcomes = await record_sessions(self._database, self._source.account_id, records, author)
        for (ending, path, _), outcome in zip(judged, outcomes, strict=True):
            ending.warnings += [replace(each, path=(*path, *each.path)) for each in outcome.warnings]
            if outcome.status is Status.REFUSED:
                _fail(ending, [outcome.problem] if outcome.problem else [], path)
            elif outcome.id and outcome.id not in ending.session_ids:
                ending.session_ids.append(outcome.id)


def _fail(ending: Ending, problems: Sequence[Problem], path: tuple[PathSegment, ...] = ()) -> None:
    if problems:
        ending.outcome = Outcome.FAILED
        ending.problems += [replace(each, path=(*path, *each.path)) for each in problems]
