"""Reads the payloads of a file or of standard input: JSON Lines, an array, one object, or a form on each line.

Each may be gzip.
"""

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from session_graph.errors import Problem
from session_graph.ingestion.mapping import Mapping
from session_graph.sessions.json_lines import LONGEST, LineSplitter, RawRecord, is_blank, read_json
from session_graph.sessions.record_files import Progress, Read, read_array, read_lines, read_records


def read_payloads(path: Path, progress: Progress, mapping: Mapping) -> Iterator[RawRecord]:
    """Yield the payload of each line or element, or that of the whole.

    Raises UnreadableInput after the last, and OSError.
    """

    def choose(sample: bytes) -> Read:
        text = sample.removeprefix(codecs.BOM_UTF8).lstrip()
        if text.startswith(b"["):
            return read_array
        first, _, _ = text.partition(b"\n")
        if text.startswith(b"{") and not _is_json(first):
            return _read_whole
        return _FormLines(mapping).read if mapping.file.format == "form" and not text.startswith(b"{") else read_lines

    return read_records(path, progress, choose)


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _read_whole(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > LONGEST:
            break
    yield read_json(1, bytes(found).removeprefix(codecs.BOM_UTF8))


class _FormLines:
    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping

    def read(self, chunks: Iterable[bytes]) -> Iterator[RawRecord]:
        splitter = LineSplitter()
        for line in splitter.split(chunks):
            if not is_blank(line):
                yield self._read_line(splitter.number, line)

    def _read_line(self, number: int, line: bytes) -> RawRecord:
        if len(line) > LONGEST:
            return RawRecord(number, len(line), problems=(Problem((), f"is longer than {LONGEST:,} bytes"),))
        try:
            return RawRecord(number, len(line), self._mapping.decode(line))
        except ValueError as error:
            return RawRecord(number, len(line), problems=(Problem((), f"cannot be read: {error}"),))
