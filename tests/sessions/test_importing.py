"""Importing JSON Lines as a stream: bad lines are numbered, good ones land, and again means nothing new."""

import gzip
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from session_graph.errors import Problem
from session_graph.sessions.importing import BATCH, LONGEST_LINE, Tally, import_sessions
from session_graph.store.database import Database
from session_graph.store.ids import new_id
from session_graph.store.models import Account
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, make_agent

pytestmark = pytest.mark.anyio


def line(**changes: Any) -> bytes:
    return orjson.dumps({"id": str(new_id()), **PARTY_OF_FOUR, **MONDAY_IN_HOURS, **changes})


class Import:
    """What an import told, beside its tally: bad lines by number, and bytes as they were read."""

    def __init__(self, database: Database, account: Account, path: Path) -> None:
        self._database = database
        self._account = account
        self.path = path
        self.problems: list[tuple[int, str]] = []
        self.read: list[int] = []

    async def run(self) -> Tally:
        return await import_sessions(self._database, self._account.id, self.path, self._note, self.read.append)

    async def of(self, lines: bytes | Iterable[bytes]) -> Tally:
        self.path.write_bytes(lines if isinstance(lines, bytes) else b"\n".join(lines) + b"\n")
        return await self.run()

    def _note(self, number: int, problem: Problem) -> None:
        self.problems.append((number, str(problem)))

    async def count(self) -> int:
        row = await self._database.fetchrow("select count(*) from session where account_id = $1", self._account.id)
        assert row is not None
        return int(row[0])


@pytest.fixture
async def importing(database: Database, account: Account, tmp_path: Path) -> Import:
    await make_agent(account)
    return Import(database, account, tmp_path / "sessions.jsonl")


async def test_a_plain_file_is_imported(importing: Import) -> None:
    assert await importing.of([line(), line()]) == Tally(recorded=2)
    assert await importing.count() == 2


async def test_a_packed_file_is_told_by_its_content_and_not_by_its_name(importing: Import) -> None:
    packed = gzip.compress(line() + b"\n" + line())

    assert await importing.of(packed) == Tally(recorded=2)
    assert sum(importing.read) == len(packed)


async def test_a_file_of_several_packed_parts_is_imported_whole(importing: Import) -> None:
    assert await importing.of(gzip.compress(line() + b"\n") + gzip.compress(line() + b"\n")) == Tally(recorded=2)


async def test_the_same_file_again_records_nothing_new(importing: Import) -> None:
    lines = [line(), line()]

    await importing.of(lines)

    assert await importing.of(lines) == Tally(duplicate=2)
    assert await importing.of([*lines, line()]) == Tally(recorded=1, duplicate=2)
    assert importing.problems == []


async def test_bad_lines_are_told_by_number_field_and_reason_while_the_good_ones_land(importing: Import) -> None:
    taken = line()
    lines = [
        line(),
        b"{not json",
        line(channel="FAX", units="many"),
        b'["a", "list"]',
        taken,
        line(agent="nobody"),
        line(colour="red"),
        orjson.dumps({**orjson.loads(taken), "units": 9}),
        line(startedAt="2026-11-16T15:00:00"),
    ]

    assert await importing.of(lines) == Tally(recorded=2, refused=7)

    assert sorted(number for number, _ in importing.problems) == [2, 3, 3, 4, 6, 7, 8, 9]
    told = dict(importing.problems)
    assert told[2].startswith("is not JSON: ")
    assert told[4] == "must be an object"
    assert told[6] == "agent is not the idn of an agent of this account"
    assert told[7] == "colour is not a known field"
    assert told[8] == "id is already the id of a session with other content"
    assert told[9].startswith("startedAt must be an RFC 3339 date and time with an offset")
    assert [problem.split()[0] for number, problem in importing.problems if number == 3] == ["channel", "units"]


async def test_numbers_are_right_across_batches(importing: Import) -> None:
    lines = [line() if number % 200 else b"{}" for number in range(1, 2 * BATCH + 51)]

    assert await importing.of(lines) == Tally(recorded=2 * BATCH + 45, refused=5)

    assert sorted({number for number, _ in importing.problems}) == [200, 400, 600, 800, 1000]
    assert len(importing.read) >= 3


async def test_blank_lines_count_and_say_nothing(importing: Import) -> None:
    assert await importing.of([b"", line(), b"   ", b"\t", b"{}", b""]) == Tally(recorded=1, refused=1)
    assert {number for number, _ in importing.problems} == {5}


async def test_lines_may_end_as_on_windows_and_the_last_without_an_end(importing: Import) -> None:
    assert await importing.of(line() + b"\r\n" + line() + b"\r\n\r\n" + line()) == Tally(recorded=3)


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"")])
async def test_an_empty_file_is_no_problem(importing: Import, content: bytes) -> None:
    assert await importing.of(content) == Tally()
    assert sum(importing.read) == len(content)


async def test_a_byte_order_mark_is_no_part_of_the_first_line(importing: Import) -> None:
    assert await importing.of(b"\xef\xbb\xbf" + line() + b"\n" + line()) == Tally(recorded=2)


@pytest.mark.parametrize(
    "bad",
    [
        b'{"agent": "\xff"}',
        b"\xff\xfe\x00",
        b'{"agent": "\\ud800"}',
        b"\x1f\x8b",
        b"NaN",
        b'{"units": NaN}',
        b"[" * 5000,
    ],
)
async def test_what_is_not_utf_8_or_not_json_is_one_bad_line(importing: Import, bad: bytes) -> None:
    assert await importing.of([line(), bad, line()]) == Tally(recorded=2, refused=1)

    ((number, problem),) = importing.problems
    assert number == 2
    assert problem.startswith("is not JSON: ")


async def test_a_packed_file_that_was_cut_off_keeps_what_was_whole(importing: Import) -> None:
    packed = gzip.compress(b"\n".join(line() for _ in range(3 * BATCH)), compresslevel=0)
    importing.path.write_bytes(packed[: len(packed) * 2 // 3])

    with pytest.raises(OSError, match=r"sessions\.jsonl is damaged after line [\d,]+: ") as refusal:
        await importing.run()

    assert "Compressed file ended" in str(refusal.value)
    assert await importing.count() in (BATCH, 2 * BATCH)
    importing.path.write_bytes(packed)
    again = await importing.run()
    assert (again.recorded + again.duplicate, again.refused) == (3 * BATCH, 0)
    assert await importing.count() == 3 * BATCH


async def test_a_packed_file_with_a_flaw_is_damaged(importing: Import) -> None:
    packed = bytearray(gzip.compress(line() + b"\n" + line()))
    packed[-6] ^= 0xFF

    with pytest.raises(OSError, match="is damaged after line"):
        await importing.of(bytes(packed))


async def test_a_line_that_is_too_long_is_one_bad_line(importing: Import) -> None:
    too_long = line(summary="x" * LONGEST_LINE)

    assert await importing.of([line(), too_long, line()]) == Tally(recorded=2, refused=1)
    assert importing.problems == [(2, "is longer than 16,777,216 bytes")]


async def test_memory_does_not_grow_with_the_file(importing: Import) -> None:
    """80 MB of one line and 60 MB of many are read with a fraction of that."""
    blank = b" " * 60_000 + b"\n"
    lines = b'"' + b"x" * 80_000_000 + b'"\n' + blank * 1000
    importing.path.write_bytes(gzip.compress(lines, compresslevel=1))
    del lines
    tracemalloc.start()
    try:
        assert await importing.run() == Tally(refused=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5 * LONGEST_LINE


async def test_a_file_that_is_not_there_is_an_error_of_the_system(importing: Import) -> None:
    with pytest.raises(FileNotFoundError):
        await importing.run()
