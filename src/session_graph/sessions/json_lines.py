"""Splits JSON Lines, fed in chunks of any size, into numbered lines, and reads each line into a raw record.

The importer and `POST /records` read lines by this module, so that both say the same of the same line.
"""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from session_graph.errors import Problem
from session_graph.json_bounds import count_beyond
from session_graph.parsing import load_json

LONGEST = 16 * 1024 * 1024
"""Most bytes of a line, or of an element of a JSON array."""
MOST_VALUES = 50_000
"""Most values of a record, those in lists and objects included: more than the longest transcript has."""
READ_AT_ONCE = 64 * 1024
"""A server reads a longer line beside the event loop; bytes."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """What stands at a place of the input: `raw` is for `parse_record`, unless there are `problems` already.

    `number` is that of the line, or of the element in a JSON array, from 1; `size` is in bytes.
    """

    number: int
    size: int
    raw: object = None
    problems: tuple[Problem, ...] = ()


class LineSplitter:
    """Collects chunks into lines. Of a line that is longer than LONGEST, it keeps one byte more than that."""

    def __init__(self) -> None:
        self.number = 0
        self._begun = bytearray()

    def split(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield all lines of a whole input, as `feed` and `finish` do."""
        for chunk in chunks:
            yield from self.feed(chunk)
        yield from self.finish()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield each line that ends in the chunk, without its line feed; `number` is then its number."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            yield self._end(part)
        self._keep(rest)

    def finish(self) -> Iterator[bytes]:
        """Yield the last line if no line feed ended it."""
        if self._begun:
            yield self._end(b"")

    def _keep(self, part: bytes) -> None:
        self._begun += part[: max(0, LONGEST + 1 - len(self._begun))]

    def _end(self, part: bytes) -> bytes:
        if self._begun:
            self._keep(part)
            part = bytes(self._begun)
            self._begun.clear()
        self.number += 1
        return part.removeprefix(codecs.BOM_UTF8) if self.number == 1 else part


def read_json(number: int, text: bytes) -> RawRecord:
    """Return the record in a line or an element."""
    if len(text) > LONGEST:
        return RawRecord(number, len(text), problems=(Problem((), f"is longer than {LONGEST:,} bytes"),))
    if count := count_beyond(text, MOST_VALUES):
        problem = Problem((), f"has {count:,} values; a record may have {MOST_VALUES:,}")
        return RawRecord(number, len(text), problems=(problem,))
    try:
        return RawRecord(number, len(text), load_json(text))
    except ValueError as error:
        return RawRecord(number, len(text), problems=(Problem((), f"is not JSON: {error}"),))


def is_blank(line: bytes | bytearray) -> bool:
    return not line or line.isspace()
