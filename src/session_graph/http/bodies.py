"""Reads the bodies of requests: at a minimum pace, and only so many bytes at a time for one caller."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self
from uuid import UUID

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from session_graph.access.viewer import Viewer
from session_graph.errors import RequestError, TryLater
from session_graph.http.negotiation import HeaderFields
from session_graph.http.request import BodyTooLarge
from session_graph.settings import Settings

Owner = tuple[UUID, UUID | None, str]
"""The account, and its key, or the subject of a token."""


class BodyTooSlow(RequestError):
    """The body did not arrive in time."""

    code = "TIMEOUT"
    status = 408


class TooManyBodies(TryLater):
    """The bodies of other requests with this key or token are not done with yet; send this one later."""

    code = "RATE_LIMITED"
    status = 429


class HeldBytes:
    """The bytes of one body, counted from its second part on until `release`: most bodies come in one."""

    __slots__ = ("_bodies", "_count", "_owner")

    def __init__(self, bodies: "Bodies") -> None:
        self._bodies = bodies
        self._owner: Owner | None = None
        self._count = 0

    def hold(self, viewer: Viewer, count: int) -> None:
        """Count more bytes. Raises TooManyBodies."""
        self._owner = self._owner or (viewer.account.id, viewer.key_id, viewer.name)
        held = self._bodies.held
        if held[self._owner] + count > self._bodies.most_held:
            raise TooManyBodies(retry_after=1)
        held[self._owner] += count
        self._count += count

    def release(self) -> None:
        """Count them no longer."""
        if self._owner:
            self._bodies.held[self._owner] -= self._count
            self._count = 0
            if not self._bodies.held[self._owner]:
                del self._bodies.held[self._owner]


class Bodies:
    """Reads bodies within the limits of the settings, and counts the bytes that are held for each key or token."""

    def __init__(self, settings: Settings) -> None:
        self.max_bytes = settings.max_body_bytes
        self.most_held = max(settings.max_bodies_bytes, settings.max_body_bytes)
        self.held: Counter[Owner] = Counter()
        self._seconds = settings.body_seconds
        self._bytes_per_second = settings.body_bytes_per_second

    async def read(self, receive: Receive, headers: HeaderFields, viewer: Viewer, held: HeldBytes) -> bytes:
        """Return the body, whose bytes are held until `held` is released.

        Raises BodyTooLarge, BodyTooSlow, TooManyBodies, and ClientDisconnect if the client disconnects before the end.
        """
        declared = headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self.max_bytes):
            raise BodyTooLarge(f"A body may have {self.max_bytes} bytes; this one has {declared[:18]}.")
        with _Deadline(self._seconds) as deadline:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                body: bytes = message.get("body", b"")
                self._check_length(len(body))
                return body
            chunks: list[bytes] = []
            try:
                length = 0
                while message["type"] != "http.disconnect":
                    chunks.append(message.get("body", b""))
                    length += len(chunks[-1])
                    self._check_length(length)
                    held.hold(viewer, len(chunks[-1]))
                    if not message.get("more_body", False):
                        return b"".join(chunks)
                    deadline.extend(length / self._bytes_per_second)
                    message = await receive()
                raise ClientDisconnect
            finally:
                chunks.clear()  # an error holds this frame, for a while
                del message

    def _check_length(self, length: int) -> None:
        if length > self.max_bytes:
            raise BodyTooLarge(f"A body may have {self.max_bytes} bytes; this one has more.")


class _Deadline:
    """Ends the block with BodyTooSlow after so many seconds. As asyncio.timeout, for a quarter of its 3 µs."""

    __slots__ = ("_began", "_cancelled_before", "_extra", "_has_passed", "_loop", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._extra = 0.0
        self._has_passed = False

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._task, self._cancelled_before = task, task.cancelling()
        self._began = self._loop.time()
        self._timer = self._loop.call_later(self._seconds, self._check)
        return self

    def extend(self, seconds: float) -> None:
        """Let the block run for so many seconds more than at first."""
        self._extra = seconds

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        was_cancelled_here = self._has_passed and isinstance(error, asyncio.CancelledError)
        if was_cancelled_here and self._task.uncancel() <= self._cancelled_before:
            raise BodyTooSlow from None

    def _check(self) -> None:
        left = self._began + self._seconds + self._extra - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self._has_passed = True
            self._task.cancel()
