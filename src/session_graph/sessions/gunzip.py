"""Decompresses gzip as a stream: bounded steps, several members, and every byte that stands before damage.

`gzip.GzipFile` loses the bytes of the step in which it finds damage, and with them whole lines.
"""

import zlib
from collections.abc import Iterator

from session_graph.errors import SessionGraphError

MAGIC = b"\x1f\x8b"
STEP = 64 * 1024
"""Most bytes decompressed at a time: a chunk of 64 KiB may hold 64 MiB."""
_GZIP = zlib.MAX_WBITS | 16


class DamagedGzip(SessionGraphError):
    """The gzip data is damaged."""


class Gunzip:
    """Decompresses chunks in the order of the stream."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._is_between = True
        """Between two members, or at the beginning."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk holds. Raises DamagedGzip, after yielding all that stands before the damage."""
        is_full = False
        while chunk or is_full:
            if self._is_between:
                chunk = chunk.lstrip(b"\0")  # padding of a tape or a block device
                self._member, self._is_between = zlib.decompressobj(_GZIP), not chunk
                continue
            before = self._member.copy()
            try:
                data = self._member.decompress(chunk, STEP)
            except zlib.error as error:
                self._member = before
                yield from self._salvage(chunk)
                raise DamagedGzip(f"The gzip data is damaged: {error}") from None
            self._is_between = self._member.eof
            is_full = len(data) == STEP and not self._member.eof  # zlib may hold more, even without input
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if data:
                yield data

    def finish(self) -> None:
        """Raise DamagedGzip if the stream ends within a member."""
        if not self._is_between:
            raise DamagedGzip("The gzip data is damaged: it ends too early")

    def _salvage(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what stands before the damage: byte by byte, as zlib returns nothing of the step that fails."""
        for index in range(len(chunk)):
            try:
                data = self._member.decompress(chunk[index : index + 1])
            except zlib.error:
                return
            if data:
                yield data
