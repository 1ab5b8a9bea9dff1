"""uvicorn's protocol for WebSockets, extended. Its connections were counted as those of HTTP that they began as.

Until it is initialised, a client may send only what it needs for that: uvicorn and websockets would buffer a whole
message of the largest size, and answer pings without end. They also forget to answer what websockets refuses by itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from session_graph.http.client_address import ClientAddresses
from session_graph.http.connections import Connections
from session_graph.http.pending_sockets import MAX_INIT_FRAMES, MAX_RECEIVED_BYTES
from session_graph.http.response import ABORT, INITIALISED
from session_graph.token_bucket import TokenBucket

LINGER_SECONDS = 1.0
"""How long a refused client may go on sending before its connection is dropped. To drop it at once would drop, on many
systems, what it has not read yet."""
PIECE_BYTES, INIT_PIECE_BYTES = 16 * 1024, 512
"""Bytes that are parsed before their limits are checked, later and before a WebSocket is initialised."""
MAX_FRAGMENTS = 1024
"""Of a message."""
CONTROL_FRAMES, CONTROL_FRAMES_PER_SECOND = 100, 10
"""Pings and pongs that an initialised client may send at once, and then each second."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all connections of a server share; `headers` are those of a refusal."""

    connections: Connections
    clients: ClientAddresses
    send_seconds: float
    """How long a client may accept nothing."""
    headers: Sequence[tuple[bytes, bytes]]


class _Handshake(ServerProtocol):
    """The protocol of a WebSocket, whose refusals have `headers`."""

    def __init__(self, headers: Sequence[tuple[bytes, bytes]], **named: Any) -> None:
        super().__init__(**named)
        self._headers = [(name.decode(), value.decode()) for name, value in headers]

    def reject(self, status: Any, text: str) -> Response:
        response = super().reject(status, text)
        for name, value in self._headers:
            response.headers[name] = value
        return response


class WebSocket(WebSocketsSansIOProtocol):
    """WebSockets by the library websockets, with the extensions ABORT and INITIALISED.

    Until it is initialised, a client may send only what it needs for that. Its connection was counted as one of Http.
    """

    address: str | None = None

    def __init__(
        self,
        *arguments: Any,
        shared: Shared,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self._limit = shared.connections
        self._clients = shared.clients
        self._is_initialised = False
        self._init_bytes = 0
        self._init_frames = 0
        self._control_frames = TokenBucket(CONTROL_FRAMES, CONTROL_FRAMES_PER_SECOND)
        self.conn = _Handshake(shared.headers, max_size=self.config.ws_max_size, logger=self.logger)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.address = self._clients.group(self.client[0] if self.client else "")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._limit.remove(self)

    def abort(self) -> None:
        self.transport.abort()

    def initialise(self) -> None:
        """Let the client send as much as it likes."""
        self._is_initialised = True

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            self._shake_hands(data)
            return
        view = memoryview(data)
        while view and self._admits_bytes(len(view)):
            size = PIECE_BYTES if self._is_initialised else INIT_PIECE_BYTES
            super().data_received(bytes(view[:size]))
            self._init_bytes += len(view[:size])
            view = view[size:]

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if scope := cast(dict[str, Any], getattr(self, "scope", None)):
            scope["extensions"] |= {ABORT: self.abort, INITIALISED: self.initialise}

    def handle_text(self, event: Frame) -> None:
        if self._admits_frame():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        if self._admits_frame():
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= MAX_FRAGMENTS:
            self.abort()
        if self._admits_frame():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self._admits_control_frame():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._admits_control_frame():
            super().handle_pong(event)

    def handle_parser_exception(self) -> None:
        if self._is_initialised:
            super().handle_parser_exception()
        else:
            self.abort()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer:
            self.close_timer.cancel()
            seconds = self.close_timeout if self._is_initialised else LINGER_SECONDS
            self.close_timer = self.loop.call_later(seconds, self.abort)
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # it was refused, which uvicorn takes for an error of the application

    def _shake_hands(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:  # uvicorn forgets what websockets refuses by itself, such as too long a line
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def _admits_bytes(self, count: int) -> bool:
        """Return whether the connection goes on; drop it after too many bytes of a client without a name."""
        if not self._is_initialised and self._init_bytes + count > MAX_RECEIVED_BYTES:
            self.abort()
        return not self.transport.is_closing()

    def _admits_frame(self) -> bool:
        """Return whether the connection goes on; drop it after too many frames of a client without a name."""
        if not self._is_initialised:
            self._init_frames += 1
            if self._init_frames > MAX_INIT_FRAMES:
                self.abort()
        return not self.transport.is_closing()

    def _admits_control_frame(self) -> bool:
        if self._is_initialised and self._control_frames.take():
            self.abort()
        return self._admits_frame()
