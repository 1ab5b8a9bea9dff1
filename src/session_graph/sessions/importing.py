"""Imports sessions from JSON Lines, plain or gzip: read as a stream, and recorded in batches.

A bad line is reported with its number and problem; the good lines are recorded. A batch is one transaction, so an
import that is killed has written whole batches, and the next import recognises them by their ids.
"""

import asyncio
import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from uuid import UUID

import asyncpg
import orjson

from session_graph.errors import InvalidInput, Problem
from session_graph.sessions.history_record import parse_history
from session_graph.sessions.identity import with_id
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.store.database import Database

BATCH = 500
BATCH_BYTES = 8 * 1024 * 1024
PATIENCE_SECONDS = 30
RETRY_SECONDS = 0.5
LONGEST_LINE = 16 * 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
STANDARD_INPUT = Path("/dev/stdin")

Report = Callable[[int, Problem], None]
"""Called for each problem of a bad line, with the line's number, from 1."""
Progress = Callable[[int], object]
"""Called with the number of bytes read since the last call."""


@dataclass(slots=True)
class Tally:
    """How many lines had each result."""

    recorded: int = 0
    amended: int = 0
    duplicate: int = 0
    refused: int = 0


async def import_sessions(
    database: Database, account_id: UUID, path: Path, report: Report, progress: Progress
) -> Tally:
    """Record every valid line. Raises OSError if the file cannot be read."""
    tally = Tally()
    with _open(path) as file:
        batch: list[tuple[int, SessionRecord]] = []
        size = position = 0
        for number, line in _lines(file, path):
            size += len(line)
            try:
                batch.append((number, _parse_line(account_id, line)))
            except InvalidInput as error:
                tally.refused += 1
                for problem in error.problems:
                    report(number, problem)
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                await _record(database, account_id, batch, tally, report)
                batch, size = [], 0
                position = _advance(file, position, progress)
        await _record(database, account_id, batch, tally, report)
        _advance(file, position, progress)
    return tally


async def _record(
    database: Database, account_id: UUID, batch: list[tuple[int, SessionRecord]], tally: Tally, report: Report
) -> None:
    outcomes = await _record_patiently(database, account_id, [record for _, record in batch]) if batch else []
    for (number, _), outcome in zip(batch, outcomes, strict=True):
        match outcome.status:
            case Status.RECORDED:
                tally.recorded += 1
            case Status.AMENDED:
                tally.amended += 1
            case Status.DUPLICATE:
                tally.duplicate += 1
            case Status.REFUSED:
                tally.refused += 1
                if outcome.problem:
                    report(number, outcome.problem)


async def _record_patiently(database: Database, account_id: UUID, records: list[SessionRecord]) -> list[Outcome]:
    """Retry while the database restarts; each record has an id, so none is recorded twice."""
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await record_sessions(database, account_id, records)
        except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError):
            if monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_SECONDS)


def _open(path: Path) -> io.BufferedReader:
    return open(0, "rb", closefd=False) if path == STANDARD_INPUT else path.open("rb")


def _advance(file: io.BufferedReader, position: int, progress: Progress) -> int:
    reached = file.tell() if file.seekable() else position
    progress(reached - position)
    return reached


def _lines(file: io.BufferedReader, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank, with its number; a line that is too long is cut."""
    stream = _unpacked(file)
    number = 0
    try:
        while line := stream.readline(LONGEST_LINE + 1):
            number += 1
            rest = line
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            while not rest.endswith(b"\n") and (rest := stream.readline(LONGEST_LINE)):
                pass
            if line.strip():
                yield number, line
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise OSError(f"{path} is damaged after line {number:,}: {error}") from None


def _unpacked(file: io.BufferedReader) -> io.BufferedIOBase:
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP_MAGIC else file


def _parse_line(account_id: UUID, line: bytes) -> SessionRecord:
    if len(line) > LONGEST_LINE:
        raise InvalidInput([Problem((), f"is longer than {LONGEST_LINE:,} bytes")])
    try:
        raw = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidInput([Problem((), f"is not JSON: {error}")]) from None
    return with_id(account_id, parse_history(raw))
