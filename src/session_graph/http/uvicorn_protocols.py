"""uvicorn's connections, with what ASGI has no word for.

The application may drop a connection whose client takes nothing any more: closing waits until everything that was sent
is taken, which such a client never does. And the head of a response goes out together with the body.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from session_graph.http.response import ABORT


class CoalescingTransport:
    """A transport that holds back what is written until more is, or until the turn of the event loop is over.

    uvloop passes each write on at once: a system call more for every response, and a packet for its head alone.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        if self._held:
            held, self._held = self._held, b""
            self.transport.writelines((held, data))
        elif data:
            self._held = data
            self._loop.call_soon(self._release)

    def close(self) -> None:
        self._release()
        self.transport.close()

    def _release(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self.transport.write(held)


class Http(HttpToolsProtocol):
    """HTTP/1.1, parsed by httptools."""

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
    """WebSockets, spoken by websockets."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if scope := cast(dict[str, Any], getattr(self, "scope", None)):
            scope["extensions"][ABORT] = self.transport.abort
