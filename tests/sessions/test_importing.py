"""Importing files as a stream: bad records are numbered, good ones land, and again means nothing new."""

import csv
import gzip
import io
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from session_graph.errors import Problem
from session_graph.sessions.importing import BATCH, Tally, import_sessions
from session_graph.sessions.json_lines import LONGEST
from session_graph.sessions.recording import Status
from session_graph.store.database import Database, Row
from session_graph.store.ids import new_id
from session_graph.store.models import Account
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, make_agent

pytestmark = pytest.mark.anyio

RECORDED, DUPLICATE, REFUSED = Status.RECORDED, Status.DUPLICATE, Status.REFUSED


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

    async def counts(self, lines: bytes | Iterable[bytes]) -> dict[Status, int]:
        """Import a file that is readable to its end."""
        tally = await self.of(lines)
        assert tally.fault is None
        return tally.counts

    def _note(self, number: int, problem: Problem) -> None:
        self.problems.append((number, str(problem)))

    async def rows(self, sql: str) -> list[Row]:
        return await self._database.fetch(sql, self._account.id)

    async def count(self) -> int:
        row = await self._database.fetchrow("select count(*) from session where account_id = $1", self._account.id)
        assert row is not None
        return int(row[0])


@pytest.fixture
async def importing(database: Database, account: Account, tmp_path: Path) -> Import:
    await make_agent(account)
    return Import(database, account, tmp_path / "sessions.jsonl")


async def test_a_plain_file_is_imported(importing: Import) -> None:
    assert await importing.counts([line(), line()]) == {RECORDED: 2}
    assert await importing.count() == 2


async def test_a_packed_file_is_told_by_its_content_and_not_by_its_name(importing: Import) -> None:
    packed = gzip.compress(line() + b"\n" + line())

    assert await importing.counts(packed) == {RECORDED: 2}
    assert sum(importing.read) == len(packed)


async def test_a_file_of_several_packed_parts_is_imported_whole(importing: Import) -> None:
    assert await importing.counts(gzip.compress(line() + b"\n") + gzip.compress(line() + b"\n")) == {RECORDED: 2}


async def test_the_same_file_again_records_nothing_new(importing: Import) -> None:
    lines = [line(), line()]

    await importing.counts(lines)

    assert await importing.counts(lines) == {DUPLICATE: 2}
    assert await importing.counts([*lines, line()]) == {RECORDED: 1, DUPLICATE: 2}
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

    assert await importing.counts(lines) == {RECORDED: 2, REFUSED: 7}

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

    assert await importing.counts(lines) == {RECORDED: 2 * BATCH + 45, REFUSED: 5}

    assert sorted({number for number, _ in importing.problems}) == [200, 400, 600, 800, 1000]
    assert len(importing.read) >= 3


async def test_blank_lines_count_and_say_nothing(importing: Import) -> None:
    assert await importing.counts([b"", line(), b"   ", b"\t", b"{}", b""]) == {RECORDED: 1, REFUSED: 1}
    assert {number for number, _ in importing.problems} == {5}


async def test_lines_may_end_as_on_windows_and_the_last_without_an_end(importing: Import) -> None:
    assert await importing.counts(line() + b"\r\n" + line() + b"\r\n\r\n" + line()) == {RECORDED: 3}


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"", mtime=0)])
async def test_an_empty_file_is_no_problem(importing: Import, content: bytes) -> None:
    assert await importing.counts(content) == {}
    assert sum(importing.read) == len(content)


async def test_a_byte_order_mark_is_no_part_of_the_first_line(importing: Import) -> None:
    assert await importing.counts(b"\xef\xbb\xbf" + line() + b"\n" + line()) == {RECORDED: 2}


@pytest.mark.parametrize(
    "bad",
    [
        b'{"agent": "\xff"}',
        b"\xff\xfe\x00",
        b"\x1f\x8b",
        b"NaN",
        b'{"units": NaN}',
        b"[" * 5000,
    ],
)
async def test_what_is_not_utf_8_or_not_json_is_one_bad_line(importing: Import, bad: bytes) -> None:
    assert await importing.counts([line(), bad, line()]) == {RECORDED: 2, REFUSED: 1}

    ((number, problem),) = importing.problems
    assert number == 2
    assert problem.startswith("is not JSON: ")


async def test_a_packed_file_that_was_cut_off_lands_every_whole_line_and_names_the_next(importing: Import) -> None:
    packed = gzip.compress(b"\n".join(line() for _ in range(3 * BATCH)), compresslevel=0)
    cut = packed[: len(packed) * 2 // 3]
    whole = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(cut).count(b"\n")

    tally = await importing.of(cut)

    assert tally.counts == {RECORDED: whole}
    assert str(tally.fault) == "The gzip data is damaged: it ends too early"
    assert tally.fault
    assert tally.fault.number == whole + 1
    assert not tally.is_complete
    assert await importing.counts(packed) == {RECORDED: 3 * BATCH - whole, DUPLICATE: whole}


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
async def test_of_a_packed_file_with_a_flaw_what_stands_before_it_lands(importing: Import, at: float) -> None:
    """The flaw is a block of the reserved type, which no decompressor reads past."""
    lines = [line() for _ in range(300)]
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    before = packer.compress(b"\n".join(lines[: int(300 * at)]) + b"\n") + packer.flush(zlib.Z_FULL_FLUSH)

    tally = await importing.of(before + b"\x07" * 50_000)

    assert tally.counts == {RECORDED: int(300 * at)}
    assert tally.fault
    assert tally.fault.number == int(300 * at) + 1
    assert "invalid block type" in str(tally.fault)


async def test_a_wrong_checksum_is_damage(importing: Import) -> None:
    packed = bytearray(gzip.compress(line() + b"\n" + line()))
    packed[-6] ^= 0xFF

    tally = await importing.of(bytes(packed))

    assert tally.counts == {RECORDED: 1}
    assert "incorrect data check" in str(tally.fault)


async def test_a_line_that_is_too_long_is_one_bad_line(importing: Import) -> None:
    too_long = line(summary="x" * LONGEST)

    assert await importing.counts([line(), too_long, line()]) == {RECORDED: 2, REFUSED: 1}
    assert importing.problems == [(2, "is longer than 16,777,216 bytes")]


async def test_memory_does_not_grow_with_the_file(importing: Import) -> None:
    """80 MB of one line and 60 MB of many are read with a fraction of that."""
    blank = b" " * 60_000 + b"\n"
    lines = b'{"' + b"x" * 80_000_000 + b'"}\n' + blank * 1000
    importing.path.write_bytes(gzip.compress(lines, compresslevel=1))
    del lines
    tracemalloc.start()
    try:
        assert (await importing.run()).counts == {REFUSED: 1}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5 * LONGEST


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_an_array_is_imported(importing: Import, pack: Callable[[bytes], bytes]) -> None:
    lines = [line() for _ in range(BATCH + 1)]

    assert await importing.counts(pack(b" [" + b",\n".join(lines) + b"]\n")) == {RECORDED: BATCH + 1}
    assert await importing.counts(lines) == {DUPLICATE: BATCH + 1}


async def test_a_bad_element_is_told_by_its_number_and_costs_no_other(importing: Import) -> None:
    elements = [line(), b'{"units": NaN}', line(), b"7", line(channel="FAX")]

    assert await importing.counts(b"[" + b",".join(elements) + b"]") == {RECORDED: 2, REFUSED: 3}

    assert [number for number, _ in importing.problems if number < 4] == [2]
    assert importing.problems[1:] == [(4, "must be an object"), (5, "channel must be one of VOICE, SMS, CHAT")]


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        (b',{"agent": "bist', "The JSON array is not closed"),
        (b"", "The JSON array is not closed"),
        (b"] more", "The JSON array is closed, but more follows"),
        (b"], [{}]", "The JSON array is closed, but more follows"),
    ],
)
async def test_of_a_broken_array_the_whole_elements_land(importing: Import, end: bytes, fault: str) -> None:
    tally = await importing.of(b"[" + line() + b"," + line() + b"," + line() + end)

    assert tally.counts[RECORDED] in (2, 3)
    assert str(tally.fault) == fault


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_a_table_with_a_header_is_imported(importing: Import, delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*orjson.loads(line()), "tags", "utms.utm_source"], delimiter=delimiter)
    writer.writeheader()
    for _ in range(2):
        writer.writerow({**orjson.loads(line()), "tags": "vip; late", "utms.utm_source": "google"})

    assert await importing.counts(text.getvalue().encode()) == {RECORDED: 2}
    rows = await importing.rows("select tags, utms, is_lead, units from session where account_id = $1")
    assert [(row["tags"], orjson.loads(row["utms"]), row["is_lead"], row["units"]) for row in rows] == [
        (["late", "vip"], {"utm_source": "google"}, True, 4)
    ] * 2


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n\xff\xfe\nendobj\n",
        b'{\n  "agent": "bistro",\n  "channel": "VOICE"\n}\n',
        b"Date/Time,Is Lead\n2026-11-21 14:03:05,true\n",
        "agent,channel\n".encode("utf-16"),
        b"PK\x03\x04" + b"\x00" * 100_000,
        b"hello",
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
async def test_what_is_no_input_is_told_once(importing: Import, content: bytes, pack: Callable[[bytes], bytes]) -> None:
    tally = await importing.of(pack(content))

    assert (tally.counts, importing.problems) == ({}, [])
    assert tally.fault
    assert tally.fault.number == 1
    assert str(tally.fault).startswith("It is neither JSON Lines, nor a JSON array, nor CSV with a header")


async def test_lines_after_a_first_that_is_none_are_json_lines(importing: Import) -> None:
    assert await importing.counts([b"exported on Monday", line()]) == {RECORDED: 1, REFUSED: 1}


async def test_a_file_that_is_not_there_is_an_error_of_the_system(importing: Import) -> None:
    with pytest.raises(FileNotFoundError):
        await importing.run()
