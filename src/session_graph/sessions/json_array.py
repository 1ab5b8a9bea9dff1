"""Splits a JSON array, read as a stream, into the texts of its elements. It looks only at brackets and strings.

Each element is parsed by itself, as a line of JSON Lines is, so that a bad one costs no other.
"""

import re
from collections.abc import Iterable, Iterator

from session_graph.errors import SessionGraphError
from session_graph.sessions.json_lines import LONGEST, is_blank

_STRING = rb'(?:[^"\\]++|\\.)*+'
_OUTSIDE = re.compile(rb'(?:[^"\[\]{}]++|"%b")*+' % _STRING, re.DOTALL)
"""What stands between two brackets, with all strings that end in the chunk."""
_BETWEEN_ELEMENTS = re.compile(rb'(?:[^",\[\]{}]++|"%b")*+' % _STRING, re.DOTALL)
_REST_OF_STRING = re.compile(_STRING, re.DOTALL)


class BrokenArray(SessionGraphError):
    """The JSON array is broken."""


class ArraySplitter:
    """Splits chunks into elements. Of an element longer than LONGEST, it keeps one byte more than that."""

    def __init__(self) -> None:
        self.number = 0
        self._element = bytearray()
        self._depth = 0
        self._is_closed = self._is_in_string = False
        self._backslash = b""
        """A backslash at the end of a chunk: the character that it escapes is in the next one."""

    def split(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield each element that is not blank; `number` is then its number. Raises BrokenArray at the break."""
        for chunk in chunks:
            yield from self._feed(self._backslash + chunk)
        if not self._is_closed:
            raise BrokenArray("The JSON array is not closed")
        if not is_blank(self._element):
            raise BrokenArray("The JSON array is closed, but more follows")

    def _feed(self, data: bytes) -> Iterator[bytes]:
        position, self._backslash = 0, b""
        while position < len(data):
            end = self._skip(data, position)
            self._keep(data[position:end])
            byte, position = data[end : end + 1], end + 1
            if byte == b"\\":
                self._backslash = byte
            elif byte and self._ends_element(byte):
                yield from self._end()

    def _skip(self, data: bytes, position: int) -> int:
        """Return the position of the next byte that matters, or the length of the data."""
        pattern = _REST_OF_STRING if self._is_in_string else _BETWEEN_ELEMENTS if self._depth == 1 else _OUTSIDE
        found = pattern.match(data, position)
        assert found is not None, "each pattern matches the empty text"
        return found.end()

    def _ends_element(self, byte: bytes) -> bool:
        """Follow a quote, a bracket or a comma."""
        if self._is_closed:
            raise BrokenArray("The JSON array is closed, but more follows")
        if byte == b'"':
            self._is_in_string = not self._is_in_string
        elif byte in b"[{":
            self._depth += 1
            if self._depth == 1:
                self._element.clear()
                return False
        elif byte in b"]}":
            self._depth -= 1
            self._is_closed = self._depth == 0
        if self._is_closed or (byte == b"," and self._depth == 1):
            return True
        self._keep(byte)
        return False

    def _keep(self, part: bytes) -> None:
        self._element += part[: max(0, LONGEST + 1 - len(self._element))]

    def _end(self) -> Iterator[bytes]:
        element = bytes(self._element)
        self._element.clear()
        self.number += 1
        if not is_blank(element):
            yield element
