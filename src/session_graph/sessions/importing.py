"""Imports the sessions of a file or of standard input: read as a stream, and recorded in batches.

A bad record is reported with its number and problems; the good ones are recorded. A batch is one transaction, so an
import that is killed has written whole batches, and the next import recognises them by their ids.
"""

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from session_graph.errors import Problem
from session_graph.sessions.enums import WhenKnown
from session_graph.sessions.json_lines import RawRecord
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_batch import BatchLimits, Notice, Parse, Recorder, Result
from session_graph.sessions.record_files import Progress, UnreadableInput, read_records
from session_graph.sessions.record_reading import parse_history
from session_graph.sessions.recording import Status
from session_graph.sessions.warnings import RecordWarning
from session_graph.store.database import Database

BATCH = 500
LIMITS = BatchLimits(records=BATCH, bytes=8 * 1024 * 1024, patience=30)

Report = Callable[[int, Problem], None]
"""Called for each problem of a bad record, with the number of its line, element or row, from 1."""
Warn = Callable[[int, RecordWarning], None]
"""Called for each loss with which a record was taken."""


def _ignore(number: int, warning: RecordWarning) -> None:
    """Tell nobody of a loss."""


def _say_nothing(message: str) -> None:
    """Tell nobody that a batch is tried again."""


@dataclass(slots=True)
class Tally:
    """How many records had each result, and why the input was not read to its end, if it was not.

    `ignored` counts what a mapping takes for no record.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    fault: UnreadableInput | None = None
    ignored: int = 0

    @property
    def is_complete(self) -> bool:
        """Return whether every record of the input is recorded."""
        return not self.fault and not self.counts[Status.REFUSED]


async def import_sessions(
    database: Database,
    account_id: UUID,
    path: Path,
    report: Report,
    progress: Progress,
    warn: Warn = _ignore,
    notice: Notice = _say_nothing,
    *,
    amend: bool = False,
) -> Tally:
    """Record every valid record; with `amend`, those that do not say `whenKnown` amend sessions that are known.

    A batch waits LIMITS.patience seconds for a database that restarts or a lock; `notice` is told of a lock. Raises
    OSError if the file cannot be read.
    """
    parse = _parse_amendment if amend else parse_history
    return await import_records(
        database, account_id, _one_by_one(read_records(path, progress)), parse, report, warn, notice
    )


async def import_records(
    database: Database,
    account_id: UUID,
    records: AsyncIterable[RawRecord],
    parse: Parse,
    report: Report,
    warn: Warn = _ignore,
    notice: Notice = _say_nothing,
) -> Tally:
    """Record every valid record until `records` ends or raises UnreadableInput, which is the tally's fault."""
    tally = Tally()

    async def deliver(results: Sequence[Result]) -> None:
        for result in results:
            tally.counts[result.status] += 1
            for problem in result.problems:
                report(result.number, problem)
            for warning in result.warnings:
                warn(result.number, warning)

    async with Recorder(database, account_id, LIMITS, deliver, parse, notice=notice) as recorder:
        try:
            async for record in records:
                await recorder.add(record)
        except UnreadableInput as error:
            tally.fault = error
    return tally


async def _one_by_one(records: Iterable[RawRecord]) -> AsyncIterator[RawRecord]:
    for record in records:
        yield record


def _parse_amendment(raw: object) -> SessionRecord:
    return parse_history({"whenKnown": WhenKnown.AMEND, **raw} if isinstance(raw, Mapping) else raw)
