"""A whole answer, as ASGI sends one."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Message, Receive, Scope, Send

from session_graph.http.negotiation import SAFE_HEADERS

_SAFE = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]


ABORT = "session_graph.abort"
"""The extension of the ASGI scope, where the server has it, that drops the connection with what is not sent yet."""
SHUTDOWN_SECONDS = 0.5


class ClientTooSlow(Exception):
    """What was sent was not taken in time."""


@dataclass(frozen=True, slots=True)
class GraphQLResponse:
    """JSON with a status; `headers` are further ones."""

    body: bytes
    status: int
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"%b; charset=utf-8" % self.media_type.encode()),
            *_SAFE,
            *((name.lower().encode(), value.encode()) for name, value in self.headers.items()),
            (b"content-length", b"%d" % len(self.body)),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class TimedSender:
    """Sends in time or not at all."""

    def __init__(self, scope: Scope, send: Send, seconds: float) -> None:
        self._abort = scope.get("extensions", {}).get(ABORT)
        self._send = send
        self._seconds = seconds

    def shorten_timeout(self) -> None:
        """The server stops, and waits for nobody who is slow."""
        self._seconds = min(self._seconds, SHUTDOWN_SECONDS)

    async def send(self, message: Message) -> None:
        """Raises ClientTooSlow, and drops the connection where the server lets us."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            if self._abort:
                self._abort()
            raise ClientTooSlow from None
