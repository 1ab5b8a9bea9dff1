"""uvicorn's protocols, extended. Only this module may use private attributes of uvicorn and websockets.

The application can abort a connection whose client has stopped reading: an ordinary close waits until the client has
read everything, which it never does. The head of a response is sent together with its body. And a connection that does
not send the whole head of a request in time is closed: uvicorn limits only the pause after a response.
"""

import asyncio
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from session_graph.http.connections import Connections
from session_graph.http.response import ABORT


class CoalescingTransport:
    """A transport that holds a write back until the next one, or until the event loop's current iteration ends.

    Without it, uvloop sends each write at once: every response costs one more system call, and a packet for its head.
    What is held back when the client goes is dropped, as is what is written after that.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._pending = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        if self.transport.is_closing():
            self._pending = b""
        elif self._pending:
            pending, self._pending = self._pending, b""
            self.transport.writelines((pending, data))
        elif data:
            self._pending = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self.transport.close()

    def _flush(self) -> None:
        pending, self._pending = self._pending, b""
        if pending and not self.transport.is_closing():
            self.transport.write(pending)


class Http(HttpToolsProtocol):
    """HTTP/1.1 by httptools, with the extension ABORT, coalesced writes, and a time limit for the head of a request."""

    def __init__(self, *arguments: Any, connections: Connections, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limit = connections
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, CoalescingTransport(transport, self.loop)))
        self._extensions = {ABORT: self.abort}
        self._start_head_timer()
        self._limit.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_head_timer()
        self._limit.remove(self)

    def abort(self) -> None:
        """Drop the connection; the application may then return without having completed the response."""
        if self.cycle:
            self.cycle.disconnected = True
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is None and not self._is_upgraded and (self.cycle is None or self.cycle.response_complete):
            self._start_head_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = self._extensions

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._stop_head_timer()
        self._limit.serve(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline:
            self._limit.wait(self)

    def handle_websocket_upgrade(self) -> None:
        self._is_upgraded = True
        self.transport = cast(CoalescingTransport, self.transport).transport
        super().handle_websocket_upgrade()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self._limit.head_seconds, self.timeout_keep_alive_handler)

    def _stop_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None


class WebSocket(WebSocketsSansIOProtocol):
    """WebSockets by the library websockets, with the extension ABORT. Its connection was counted as one of Http."""

    def __init__(self, *arguments: Any, connections: Connections, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limit = connections

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._limit.remove(self)

    def abort(self) -> None:
        self.transport.abort()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if scope := cast(dict[str, Any], getattr(self, "scope", None)):
            scope["extensions"][ABORT] = self.abort


def make_protocols(connections: Connections) -> tuple[type[Http], type[WebSocket]]:
    """Return what uvicorn makes its connections of, as `http` and `ws` of its configuration."""
    made = partial(Http, connections=connections), partial(WebSocket, connections=connections)
    return cast(tuple[type[Http], type[WebSocket]], made)
