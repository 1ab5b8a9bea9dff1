"""How responses are sent over ASGI: whole, or message by message with a time limit."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Scope, Send

from session_graph.http.negotiation import SAFE_HEADERS

ABORT = "session_graph.abort"
"""The ASGI extension that drops the connection and all unsent data, if the server offers it."""
INITIALISED = "session_graph.initialised"
"""The ASGI extension that tells the server that a WebSocket's client has authenticated, if the server offers it."""
SLICE_BYTES = 256 * 1024
"""A longer response is sent in slices of so many bytes."""
SLICE_SECONDS = 30.0
"""A client that does not read a slice in this time is disconnected."""
SHUTDOWN_SECONDS = 0.5
"""The time limit of a message once the server stops."""


class ClientTooSlow(Exception):
    """The client did not read a message in time."""


RawHeaders = Sequence[tuple[bytes, bytes]]
"""Headers as ASGI has them: names in lower case."""


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_SAFE = encode_headers(SAFE_HEADERS)


@dataclass(frozen=True, slots=True)
class GraphQLResponse:
    """A whole JSON response; `headers` and `raw_headers` are those it has besides the usual ones."""

    body: bytes
    status: int
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    raw_headers: RawHeaders = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"%b; charset=utf-8" % self.media_type.encode()),
            *_SAFE,
            *encode_headers(self.headers),
            *self.raw_headers,
            (b"content-length", b"%d" % len(self.body)),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if len(self.body) <= SLICE_BYTES:
            await send({"type": "http.response.body", "body": self.body})
        else:
            with suppress(ClientTooSlow):
                await self._send_in_slices(TimedSender(scope, send, SLICE_SECONDS))

    async def _send_in_slices(self, sender: "TimedSender") -> None:
        for part in slices(self.body):
            await sender.send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)
        await sender.send({"type": "http.response.body", "body": b""})


def slices(body: bytes) -> Iterable[bytes | memoryview]:
    """Return the parts in which to send a body: each waits until the client has read most of those before it."""
    if len(body) <= SLICE_BYTES:
        return [body]
    whole = memoryview(body)
    return (whole[start : start + SLICE_BYTES] for start in range(0, len(body), SLICE_BYTES))


class TimedSender:
    """Sends each message within a time limit, or drops the connection."""

    def __init__(self, scope: Scope, send: Send, seconds: float) -> None:
        self._abort = scope.get("extensions", {}).get(ABORT)
        self._send = send
        self._seconds = seconds

    def shorten_timeout(self) -> None:
        """Let a slow client delay the server's shutdown by SHUTDOWN_SECONDS at most."""
        self._seconds = min(self._seconds, SHUTDOWN_SECONDS)

    async def send(self, message: Message) -> None:
        """Raises ClientTooSlow, after aborting the connection if the server can."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            if self._abort:
                self._abort()
            raise ClientTooSlow from None
