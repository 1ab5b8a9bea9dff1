"""The file of a report: written from one snapshot as compressed chunks, and read again.

One COPY reads the rows in their order and writes them as CSV; compressing and storing go on while it reads, so memory
does not grow with the report. A killed run leaves chunks of its claim behind, which the next one deletes.
"""

import hashlib
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from session_graph.access.viewer import Viewer
from session_graph.exports.csv_columns import cells_sql, header
from session_graph.exports.stored_filter import load_filter
from session_graph.sessions.enums import Direction
from session_graph.sessions.filters import where
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.parameters import Parameters
from session_graph.store.database import Database, Row

CHUNK_BYTES = 256 * 1024
PIECE_BYTES = 1024 * 1024
LINE_END = b"\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
COMPRESSION = 1

_ROW_END = b",\x01\n"
"""COPY ends a row with the line feed alone: a last cell says where that is, as no text of ours has this character
(`values.check_text`)."""
_BEGIN = """
begin isolation level repeatable read read only;
set local statement_timeout = 0;
set local jit = off
"""
_INSERT = """
insert into export_chunk (account_id, export_id, claim, position, data)
select e.account_id, e.id, e.claims, $4, $5 from session_export e
where e.account_id = $1 and e.id = $2 and e.claims = $3 and e.status = 'RUNNING'
"""
_READ = """
select c.data from export_chunk c
where c.account_id = $1 and c.export_id = $2 and c.claim = $3 and c.position = $4
"""
_DROP = "delete from export_chunk c where c.account_id = $1 and c.export_id = $2 and c.claim < $3"


class LostLease(Exception):
    """Another worker has the job, or it was cancelled."""


@dataclass(slots=True)
class Progress:
    """How far the writing is; others look at it while it goes on."""

    row_count: int | None = None
    rows_written: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """What was written. `bytes` and `sha256` are those of the CSV, not of its chunks."""

    as_of: datetime
    row_count: int
    bytes: int
    sha256: str


async def write_file(database: Database, url: str, job: Row, viewer: Viewer, progress: Progress) -> File:
    """Write the file of a job that is ours. The snapshot has a connection of its own, outside the pool.

    Raises LostLease, once the job is not ours any more.
    """
    await database.execute(_DROP, job["account_id"], job["id"], job["claims"])
    sink = _Sink(database, job, progress)
    await sink.take(BYTE_ORDER_MARK + header(job["columns"]).encode() + LINE_END)
    values = Parameters(viewer.account.id)
    condition = where(viewer, load_filter(job["stored_filter"], job["filter_now"]), values)
    async with _snapshot(url) as connection:
        as_of, progress.row_count = await _look(connection, condition, values)
        sql = _rows_sql(job, condition, values)
        await connection.copy_from_query(sql, *values, output=sink.take_rows, format="csv")
    return await sink.finish(as_of)


async def read_file(database: Database, export: Row) -> AsyncIterator[bytes]:
    """The CSV of a written export, piece by piece."""
    unpack = zlib.decompressobj()
    place = (export["account_id"], export["id"], export["file_claim"])
    position = 0
    while row := await database.fetchrow(_READ, *place, position):
        packed = row["data"]
        while piece := unpack.decompress(packed, PIECE_BYTES):
            yield piece
            packed = unpack.unconsumed_tail
        position += 1


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[asyncpg.Connection]:
    """What is committed at the first statement, for as long as it takes to read it."""
    server_settings = {"application_name": "session_graph report", "timezone": "UTC"}
    connection = await asyncpg.connect(url, server_settings=server_settings, statement_cache_size=0)
    try:
        await connection.execute(_BEGIN)
        yield connection
    finally:  # and no rollback, whose own error would take the place of a cancellation
        connection.terminate()


async def _look(connection: asyncpg.Connection, condition: str, values: Parameters) -> tuple[datetime, int]:
    row = await connection.fetchrow(
        f"select statement_timestamp(), (select count(*) from session s where {condition})", *values
    )
    assert row is not None
    return row[0], row[1]


def _rows_sql(job: Row, condition: str, values: Parameters) -> str:
    order = ORDER_FIELDS[job["order_field"]]
    direction = "asc" if job["direction"] == Direction.ASC else "desc"
    cells = cells_sql(job["columns"], job["time_zone"], job["escape_formulas"], values)
    nulls = " nulls last" if order.nullable else ""
    return (
        f"select {', '.join(cells)}, e'\\x01' from session s join agent a on a.account_id = $1 and a.id = s.agent_id"
        f" where {condition} order by {order.sql} {direction}{nulls}, s.id {direction}"
    )


class _Sink:
    """Compresses, stores and counts what comes."""

    def __init__(self, database: Database, job: Row, progress: Progress) -> None:
        self._database = database
        self._place = (job["account_id"], job["id"], job["claims"])
        self._progress = progress
        self._hash = hashlib.sha256()
        self._packer = zlib.compressobj(COMPRESSION)
        self._packed = bytearray()
        self._position = 0

    async def take_rows(self, data: bytes) -> None:
        self._progress.rows_written += data.count(_ROW_END)
        await self.take(data.replace(_ROW_END, LINE_END))

    async def take(self, data: bytes) -> None:
        self._hash.update(data)
        self._progress.bytes += len(data)
        self._packed += self._packer.compress(data)
        if len(self._packed) >= CHUNK_BYTES:
            await self._store()

    async def finish(self, as_of: datetime) -> File:
        self._packed += self._packer.flush()
        await self._store()
        return File(as_of, self._progress.rows_written, self._progress.bytes, self._hash.hexdigest())

    async def _store(self) -> None:
        done = await self._database.execute(_INSERT, *self._place, self._position, bytes(self._packed))
        if done != "INSERT 0 1":
            raise LostLease
        self._position += 1
        self._packed.clear()
