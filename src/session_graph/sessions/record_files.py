"""Reads the records of a file or of standard input: JSON Lines, a JSON array or CSV, each plain or gzip, as a stream.

What it is follows from its content, not from its name.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import orjson

from session_graph.errors import SessionGraphError
from session_graph.sessions.csv_rows import WrongHeader, is_header, read_rows
from session_graph.sessions.gunzip import MAGIC, DamagedGzip, Gunzip
from session_graph.sessions.json_array import ArraySplitter, BrokenArray
from session_graph.sessions.json_lines import LineSplitter, RawRecord, is_blank, read_json

STANDARD_INPUT = Path("/dev/stdin")
CHUNK = 64 * 1024
SAMPLE = 64 * 1024
"""Fewest bytes, unless there are no more, that decide what the input is."""

Progress = Callable[[int], object]
"""Called with the number of bytes read since the last call."""
Read = Callable[[Iterable[bytes]], Iterator[RawRecord]]
Choose = Callable[[bytes], Read]


class UnreadableInput(SessionGraphError):
    """The input cannot be read, or not to its end; `number` is that of the line or element at which reading stopped."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


class _UnknownFormat(SessionGraphError):
    """It is neither JSON Lines, nor a JSON array, nor CSV with a header that names fields of a record"""


def read_records(path: Path, progress: Progress, choose: Choose | None = None) -> Iterator[RawRecord]:
    """Yield the record of each line, element or row. Raises UnreadableInput after the last, and OSError.

    `choose` returns the reader for input that begins with a sample; without it, sessions are expected.
    """
    number = 0
    with open(0, "rb", closefd=False) if path == STANDARD_INPUT else path.open("rb") as file:
        try:
            chunks = _unpack(_read_chunks(file, progress))
            sample, rest = _take_sample(chunks)
            for record in (choose or _choose_format)(sample)(chain([sample], rest)):
                number = record.number
                yield record
        except (DamagedGzip, BrokenArray, WrongHeader, _UnknownFormat) as error:
            raise UnreadableInput(error.message, number + 1) from None


def _read_chunks(file: BinaryIO, progress: Progress) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        progress(len(chunk))
        yield chunk


def _unpack(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks, b"")
    chunks = chain([first], chunks)
    if not first.startswith(MAGIC):
        yield from chunks
        return
    gunzip = Gunzip()
    for chunk in chunks:
        yield from gunzip.feed(chunk)
    gunzip.finish()


def _take_sample(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first SAMPLE bytes or more, and the chunks after them. Damage in the sample follows the sample."""
    sample = bytearray()
    try:
        for chunk in chunks:
            sample += chunk
            if len(sample) >= SAMPLE:
                break
    except DamagedGzip as error:
        return bytes(sample), _raise(error)
    return bytes(sample), chunks


def _raise(error: Exception) -> Iterator[bytes]:
    yield from ()
    raise error


def _choose_format(sample: bytes) -> Read:
    text = sample.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        return read_array
    *whole, last = text.split(b"\n")
    if is_header((whole or [last])[0]):
        return read_rows
    if any(map(_is_object, whole or [last])) or (text.startswith(b"{") and not whole) or is_blank(text):
        return read_lines
    raise _UnknownFormat


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def read_lines(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    """Yield the value of each line that is not blank."""
    splitter = LineSplitter()
    for line in splitter.split(chunks):
        if not is_blank(line):
            yield read_json(splitter.number, line)


def read_array(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    """Yield each element of a JSON array. Raises BrokenArray."""
    splitter = ArraySplitter()
    for element in splitter.split(chunks):
        yield read_json(splitter.number, element)
