"""uvicorn's connections, which here let the application drop one whose client takes nothing any more.

Closing waits until everything that was sent is taken, which such a client never does. ASGI has no word for it.
"""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from session_graph.graph.streams import ABORT


class Http(HttpToolsProtocol):
    """HTTP/1.1, parsed by httptools."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast(dict[str, Any], self.scope)
        scope["extensions"] = {**scope.get("extensions", {}), ABORT: self.transport.abort}


class WebSocket(WebSocketsSansIOProtocol):
    """WebSockets, spoken by websockets."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if scope := cast(dict[str, Any], getattr(self, "scope", None)):
            scope["extensions"][ABORT] = self.transport.abort
