"""Records raw records in batches, for the importer and `POST /records`: each is judged by itself, in one transaction.

A batch is written whole or not at all; sent again, its records are recognised by their ids.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from session_graph.errors import InvalidInput, Problem
from session_graph.sessions.json_lines import RawRecord
from session_graph.sessions.record import SessionRecord, parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.store.background import CONNECTION_ERRORS
from session_graph.store.database import Database
from session_graph.store.ids import new_id

RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the record with this number; `problems` are why it was refused."""

    number: int
    status: Status
    id: UUID | None = None
    problems: tuple[Problem, ...] = ()


class RecordBatch:
    """Takes records until it is full, and records them. It waits `patience` seconds for a database that is away."""

    def __init__(
        self, database: Database, account_id: UUID, *, max_records: int, max_bytes: int, patience: float
    ) -> None:
        self._database = database
        self._account_id = account_id
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._patience = patience
        self._judged: list[SessionRecord | Result] = []
        self._numbers: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._judged)

    @property
    def is_full(self) -> bool:
        return len(self._judged) >= self._max_records or self._size >= self._max_bytes

    def add(self, record: RawRecord) -> None:
        """Judge the record, as far as that needs no database."""
        self._numbers.append(record.number)
        self._judged.append(_judge(record))
        self._size += record.size

    async def record(self) -> list[Result]:
        """Record the batch and return the result of each record, in order; then it is empty.

        Raises one of CONNECTION_ERRORS if the database stays away.
        """
        judged, numbers = self._judged, self._numbers
        self._judged, self._numbers, self._size = [], [], 0
        records = [record for record in judged if isinstance(record, SessionRecord)]
        outcomes = iter(await self._record(records) if records else ())
        return [
            each if isinstance(each, Result) else _result(number, next(outcomes))
            for number, each in zip(numbers, judged, strict=True)
        ]

    async def _record(self, records: Sequence[SessionRecord]) -> list[Outcome]:
        """Try again while the database restarts; each record has an id, so none is recorded twice."""
        deadline = monotonic() + self._patience
        while True:
            try:
                return await record_sessions(self._database, self._account_id, records)
            except CONNECTION_ERRORS:
                if monotonic() > deadline:
                    raise
                await asyncio.sleep(RETRY_SECONDS)


def _judge(record: RawRecord) -> SessionRecord | Result:
    problems = record.problems
    if not problems:
        try:
            return _identify(parse_record(record.raw))
        except InvalidInput as error:
            problems = tuple(error.problems)
    return Result(record.number, Status.REFUSED, problems=problems)


def _identify(record: SessionRecord) -> SessionRecord:
    """Give a record without an id a new one."""
    return record if record.id else record.model_copy(update={"id": new_id()})


def _result(number: int, outcome: Outcome) -> Result:
    problems = (outcome.problem,) if outcome.problem else ()
    return Result(number, outcome.status, outcome.id, problems)
