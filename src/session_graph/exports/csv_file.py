"""The file of an export: written from one snapshot as compressed chunks, and read back.

One COPY reads the rows in order as CSV; they are compressed and stored while it reads, so memory does not grow with the
file. A killed run leaves the chunks of its claim behind; the next run deletes them.
"""

import hashlib
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from session_graph.access.viewer import Viewer
from session_graph.errors import SessionGraphError
from session_graph.exports.csv_columns import cells_sql, escape_after_separators, header, instants_of
from session_graph.exports.local_times import join_offsets
from session_graph.sessions.enums import Direction
from session_graph.sessions.filters import where
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.stored_filter import load_filter
from session_graph.store.connections import END_IDLE_TRANSACTION, connect
from session_graph.store.database import Database, Row

CHUNK_BYTES = 256 * 1024
PIECE_BYTES = 1024 * 1024
LINE_END = b"\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
COMPRESSION = 1

_ROW_END = b",\x01\n"
"""COPY ends a row with a line feed alone. A last cell of \\x01, which no text has (`parsing.check_text`), marks it."""
_BEGIN = f"""
begin isolation level repeatable read read only;
set local statement_timeout = 0;
set local standard_conforming_strings = on;
set local jit = off;
{END_IDLE_TRANSACTION}
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
_COUNT = """
select count(*) as chunks, coalesce(max(c.position), -1) + 1 as expected from export_chunk c
where c.account_id = $1 and c.export_id = $2 and c.claim = $3
"""
_DROP = "delete from export_chunk c where c.account_id = $1 and c.export_id = $2 and c.claim < $3"


class LostLease(Exception):
    """Another worker has claimed the job, or the job was cancelled."""


class DamagedFile(SessionGraphError):
    """The file of the export is damaged or missing. Retry the export to write it again."""


@dataclass(slots=True)
class Progress:
    """Progress of the writing, for the heartbeats that run beside it."""

    row_count: int | None = None
    rows_written: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """A written file. `bytes` and `sha256` are those of the CSV, not of its compressed chunks."""

    as_of: datetime
    row_count: int
    bytes: int
    sha256: str
    chunk_count: int


async def write_file(database: Database, url: str, job: Row, viewer: Viewer, progress: Progress) -> File:
    """Write the file of a claimed job, reading from a connection of its own outside the pool.

    Raises LostLease as soon as the lease is lost.
    """
    await database.execute(_DROP, job["account_id"], job["id"], job["claims"])
    writer = _ChunkWriter(database, job, progress)
    await writer.write(BYTE_ORDER_MARK + header(job["columns"]).encode() + LINE_END)
    values = Parameters(viewer.account.id)
    condition = where(viewer, load_filter(job["stored_filter"], job["filter_now"]), values)
    async with _snapshot(url) as connection:
        survey = await _survey(connection, job, condition, values)
        progress.row_count = survey.row_count
        sql = _rows_sql(job, survey, condition, values)
        await connection.copy_from_query(sql, *values, output=writer.write_rows, format="csv")
    return await writer.finish(survey.as_of)


async def check_chunks(database: Database, export: Row) -> None:
    """Raise DamagedFile if a chunk of a written export is missing, as far as their numbers tell; reads no data."""
    found = await database.fetchrow(_COUNT, *_key_of_file(export))
    assert found is not None
    expected = found["expected"] if export["chunk_count"] is None else export["chunk_count"]
    if not found["chunks"] == expected > 0:
        raise DamagedFile


async def read_file(database: Database, export: Row) -> AsyncIterator[bytes]:
    """Yield the CSV of a written export in pieces of at most PIECE_BYTES.

    Raises DamagedFile before the last piece if size or SHA-256 are not those that were written.
    """
    digest, size, last = hashlib.sha256(), 0, b""
    try:
        async for piece in _decompress(database, export):
            digest.update(piece)
            size += len(piece)
            if last:
                yield last
            last = piece
    except zlib.error:
        raise DamagedFile from None
    if (size, digest.hexdigest()) != (export["bytes"], export["sha256"]):
        raise DamagedFile
    yield last


async def _decompress(database: Database, export: Row) -> AsyncIterator[bytes]:
    decompressor = zlib.decompressobj()
    position = 0
    while row := await database.fetchrow(_READ, *_key_of_file(export), position):
        data = row["data"]
        while piece := decompressor.decompress(data, PIECE_BYTES):
            yield piece
            data = decompressor.unconsumed_tail
        position += 1


def _key_of_file(export: Row) -> tuple[UUID, UUID, int]:
    return export["account_id"], export["id"], export["file_claim"]


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection that sees the database as of its first statement."""
    server_settings = {"application_name": "session_graph export", "timezone": "UTC"}
    connection = await connect(url, server_settings=server_settings, statement_cache_size=0)
    try:
        await connection.execute(_BEGIN)
        yield connection
    finally:  # without a rollback, whose error would replace a cancellation
        connection.terminate()


@dataclass(frozen=True, slots=True)
class _Survey:
    """The time of the snapshot, the number of its rows, and what their local times need: a span that has all instants
    of their cells, and the zones of the account's agents.
    """

    as_of: datetime
    row_count: int
    first: datetime
    last: datetime
    zones: Sequence[str]


async def _survey(connection: asyncpg.Connection, job: Row, condition: str, values: Parameters) -> _Survey:
    instants = instants_of(job["columns"])
    first = ", ".join(["statement_timestamp()", *(f"min({sql})" for sql in instants)])
    last = ", ".join(["statement_timestamp()", *(f"max({sql})" for sql in instants)])
    row = await connection.fetchrow(
        f"select statement_timestamp() as as_of, count(*) as row_count, least({first}) as first,"
        f" greatest({last}) as last, array(select distinct a.time_zone from agent a where a.account_id = $1) as zones"
        f" from session s where {condition}",
        *values,
    )
    assert row is not None
    return _Survey(**row)


def _rows_sql(job: Row, survey: _Survey, condition: str, values: Parameters) -> str:
    order = ORDER_FIELDS[job["order_field"]]
    direction = "asc" if job["direction"] == Direction.ASC else "desc"
    cells = cells_sql(job["columns"], job["escape_formulas"])
    offsets = _join_offsets(job, survey, values) if instants_of(job["columns"]) else ""
    nulls = " nulls last" if order.nullable else ""
    return (
        f"select {', '.join(cells)}, e'\\x01' from session s join agent a on a.account_id = $1 and a.id = s.agent_id"
        f"{offsets} where {condition} order by {order.sql} {direction}{nulls}, s.id {direction}"
    )


def _join_offsets(job: Row, survey: _Survey, values: Parameters) -> str:
    asked = job["time_zone"]
    zone, names = ("a.time_zone", survey.zones) if asked is None else (values.bind(asked), [asked])
    return join_offsets(zone, names, survey.first, survey.last, values)


class _ChunkWriter:
    """Counts, compresses and stores the file."""

    def __init__(self, database: Database, job: Row, progress: Progress) -> None:
        self._database = database
        self._key = (job["account_id"], job["id"], job["claims"])
        self._progress = progress
        self._escapes_formulas = job["escape_formulas"]
        self._hash = hashlib.sha256()
        self._compressor = zlib.compressobj(COMPRESSION)
        self._chunk = bytearray()
        self._position = 0

    async def write_rows(self, data: bytes) -> None:
        self._progress.rows_written += data.count(_ROW_END)
        if self._escapes_formulas:
            data = escape_after_separators(data)
        await self.write(data.replace(_ROW_END, LINE_END))

    async def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._progress.bytes += len(data)
        self._chunk += self._compressor.compress(data)
        if len(self._chunk) >= CHUNK_BYTES:
            await self._store()

    async def finish(self, as_of: datetime) -> File:
        self._chunk += self._compressor.flush()
        await self._store()
        return File(as_of, self._progress.rows_written, self._progress.bytes, self._hash.hexdigest(), self._position)

    async def _store(self) -> None:
        tag = await self._database.execute(_INSERT, *self._key, self._position, bytes(self._chunk))
        if tag != "INSERT 0 1":
            raise LostLease
        self._position += 1
        self._chunk.clear()
