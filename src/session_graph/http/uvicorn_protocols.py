"""uvicorn's protocols, extended. Only this module may use private attributes of uvicorn and websockets.

The application can abort a connection whose client has stopped reading: an ordinary close waits until the client has
read everything, which it never does. And the head of a response is sent together with its body.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from session_graph.http.response import ABORT


class CoalescingTransport:
    """A transport that holds a write back until the next one, or until the event loop's current iteration ends.

    Without it, uvloop sends each write at once: every response costs one more system call, and a packet for its head.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._pending = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        if self._pending:
            pending, self._pending = self._pending, b""
            self.transport.writelines((pending, data))
        elif data:
            self._pending = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        self._flush()
        self.transport.close()

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, b""
            self.transport.write(pending)


class Http(HttpToolsProtocol):
    """HTTP/1.1 by httptools, with the extension ABORT and coalesced writes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, CoalescingTransport(transport, self.loop)))
        self._extensions = {ABORT: transport.abort}

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = self._extensions

    def handle_websocket_upgrade(self) -> None:
        self.transport = cast(CoalescingTransport, self.transport).transport
        super().handle_websocket_upgrade()


class WebSocket(WebSocketsSansIOProtocol):
    """WebSockets by the library websockets, with the extension ABORT."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if scope := cast(dict[str, Any], getattr(self, "scope", None)):
            scope["extensions"][ABORT] = self.transport.abort
