"""The file of a report: written from one snapshot as compressed chunks, and read again.

One COPY reads the rows in their order, each as a finished line; compressing and storing go on while it reads, so memory
does not grow with the report. A killed run leaves chunks of its attempt behind, which the next one deletes.
"""

import hashlib
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.exports.cells import header, line_sql
from session_graph.exports.stored_filter import load_filter
from session_graph.sessions.filters import where
from session_graph.sessions.orders import ORDER_FIELDS
from session_graph.sessions.vocabulary import Direction
from session_graph.store.database import Connection, Database, Row
from session_graph.store.sql import Values

CHUNK_BYTES = 256 * 1024
LINE_END = b"\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
COMPRESSION = 1

_MARK = b"\x01"
"""COPY puts it around each line, as each has a line end inside; no text of ours has it (`values.check_text`)."""
_COPY: dict[str, Any] = {"format": "csv", "quote": _MARK.decode(), "delimiter": "\x02"}
_INSERT = "insert into export_chunk (account_id, export_id, attempt, position, data) values ($1, $2, $3, $4, $5)"
_READ = """
select c.data from export_chunk c
where c.account_id = $1 and c.export_id = $2 and c.attempt = $3 and c.position = $4
"""
_DROP = "delete from export_chunk c where c.account_id = $1 and c.export_id = $2 and c.attempt <> $3"


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


async def write_file(database: Database, export: Row, viewer: Viewer, progress: Progress) -> File:
    """Write the export's file as its present attempt."""
    await database.execute(_DROP, export["account_id"], export["id"], export["attempts"])
    sink = _Sink(database, export, progress)
    await sink.take(BYTE_ORDER_MARK + header(export["columns"]).encode() + LINE_END)
    values = Values(viewer.account.id)
    condition = where(viewer, load_filter(export["stored_filter"], export["filter_now"]), values)
    async with database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        await connection.execute("set local statement_timeout = 0")
        as_of, progress.row_count = await _look(connection, condition, values)
        await connection.copy_from_query(_lines_sql(export, condition, values), *values, output=sink.take_rows, **_COPY)
    return await sink.finish(as_of)


async def read_file(database: Database, account_id: UUID, export_id: UUID, attempt: int) -> AsyncIterator[bytes]:
    """The CSV, piece by piece."""
    unpack = zlib.decompressobj()
    position = 0
    while row := await database.fetchrow(_READ, account_id, export_id, attempt, position):
        yield unpack.decompress(row["data"])
        position += 1


async def _look(connection: Connection, condition: str, values: Values) -> tuple[datetime, int]:
    row = await connection.fetchrow(f"select now(), (select count(*) from session s where {condition})", *values)
    assert row is not None
    return row[0], row[1]


def _lines_sql(export: Row, condition: str, values: Values) -> str:
    order = ORDER_FIELDS[export["order_field"]]
    direction = "asc" if export["direction"] == Direction.ASC else "desc"
    line = line_sql(export["columns"], export["time_zone"], export["escape_formulas"], values)
    nulls = " nulls last" if order.nullable else ""
    return (
        f"select {line} || e'\\r' from session s join agent a on a.account_id = $1 and a.id = s.agent_id"
        f" where {condition} order by {order.sql} {direction}{nulls}, s.id {direction}"
    )


class _Sink:
    """Compresses, stores and counts what comes."""

    def __init__(self, database: Database, export: Row, progress: Progress) -> None:
        self._database = database
        self._place = (export["account_id"], export["id"], export["attempts"])
        self._progress = progress
        self._hash = hashlib.sha256()
        self._packer = zlib.compressobj(COMPRESSION)
        self._packed = bytearray()
        self._position = 0

    async def take_rows(self, data: bytes) -> None:
        self._progress.rows_written += data.count(b"\r" + _MARK)
        await self.take(data.replace(_MARK, b""))

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
        await self._database.execute(_INSERT, *self._place, self._position, bytes(self._packed))
        self._position += 1
        self._packed.clear()
