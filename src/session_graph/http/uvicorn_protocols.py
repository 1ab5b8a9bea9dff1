"""uvicorn's protocols, extended. Only this module and `uvicorn_websockets` may use private attributes of uvicorn.

The application can abort a connection whose client has stopped reading: an ordinary close waits until the client has
read everything, which it never does. The head of a response is sent together with its body. A connection that does not
send the whole head of a request in time is closed: uvicorn limits only the pause after a response. Nor does uvicorn
limit the bytes of a head, or those between the bytes of a body, or the time in which a client reads nothing. What is
refused here has the same headers as every response.
"""

import asyncio
from contextlib import suppress
from fcntl import ioctl
from functools import partial
from sys import byteorder
from termios import TIOCOUTQ
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from session_graph.http.client_address import ClientAddresses
from session_graph.http.connections import Connections
from session_graph.http.response import ABORT
from session_graph.http.safe_headers import safe_fields
from session_graph.http.uvicorn_websockets import LINGER_SECONDS, Shared, WebSocket
from session_graph.settings import Settings

MAX_HEAD_BYTES = 64 * 1024
"""Of the head of a request. And of what its body has besides its own bytes, from one of them to the next: sizes and
extensions of chunks, trailers."""
MAX_HEADERS = 256
"""Each takes some hundred bytes, however short it is."""
MAX_PIPELINED = 32
"""Requests that a client may send before the first is answered."""
PIECE_BYTES = 16 * 1024
"""Bytes that are parsed before their limits are checked; a head that begins in the middle may be so much longer."""
LINGER_BYTES = 1024 * 1024

TOO_LARGE = 431
_TEXTS = {400: b"Invalid HTTP request received.", TOO_LARGE: b"The head of the request is too large."}


class HeadTooLarge(Exception):
    """Raised in the parser, which then ends."""


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

    def end(self) -> None:
        """Send what is held back, and then that nothing more will come."""
        self._flush()
        self.transport.write_eof()

    def _flush(self) -> None:
        pending, self._pending = self._pending, b""
        if pending and not self.transport.is_closing():
            self.transport.write(pending)


class Http(HttpToolsProtocol):
    """HTTP/1.1 by httptools, with the extension ABORT, coalesced writes, and limits for the head of a request."""

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
        self._safe_headers = shared.headers
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_upgraded = False
        self._unparsed = 0
        self._has_advanced = False
        self._refused_with = 0
        self._dropped = 0
        self._send_seconds = shared.send_seconds
        self._send_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, CoalescingTransport(transport, self.loop)))
        self._extensions = {ABORT: self.abort}
        self.address = self._clients.group(self.client[0] if self.client else "")
        self._start_head_timer()
        self._limit.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_head_timer()
        self._stop_send_timer()
        self._limit.remove(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_send_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_send_timer()

    def abort(self) -> None:
        """Drop the connection; the application may then return without having completed the response."""
        if self.cycle:
            self.cycle.disconnected = True
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._refused_with:
            self._drop(data)
        elif len(data) <= PIECE_BYTES and self._unparsed + len(data) <= MAX_HEAD_BYTES:
            self._feed(data)
        else:
            self._feed_in_pieces(memoryview(data))
        if self._head_timer is None and not self._is_upgraded and (self.cycle is None or self.cycle.response_complete):
            self._start_head_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = self._extensions

    def on_headers_complete(self) -> None:
        self._has_advanced = True
        if len(self.headers) > MAX_HEADERS or len(self.pipeline) >= MAX_PIPELINED:
            self._refused_with = TOO_LARGE
            raise HeadTooLarge
        super().on_headers_complete()
        self._stop_head_timer()
        self._limit.serve(self)

    def on_body(self, body: bytes) -> None:
        self._has_advanced = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._has_advanced = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline:
            self._limit.wait(self)

    def handle_websocket_upgrade(self) -> None:
        self._is_upgraded = True
        self.transport = cast(CoalescingTransport, self.transport).transport
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse the request and everything after it, by the status of the refusal if there is one.

        If a response is due before, or has begun, nothing can be said: the connection is dropped.
        """
        self._refused_with = self._refused_with or 400
        cycle = self.cycle
        if cycle and not cycle.response_complete and (cycle.response_started or not cycle.more_body or self.pipeline):
            self.abort()
            return
        text = _TEXTS[self._refused_with]
        headers = [
            *((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))),
            *((b"connection", b"close"), *self._safe_headers),
        ]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        transport = cast(CoalescingTransport, self.transport)
        transport.write(STATUS_LINE[self._refused_with] + head + b"\r\n" + text)
        transport.end()
        if cycle:
            cycle.disconnected = True
            cycle.message_event.set()
        self.loop.call_later(LINGER_SECONDS, transport.abort)

    def _feed_in_pieces(self, data: memoryview) -> None:
        while data and not (self._refused_with or self._is_upgraded or self.transport.is_closing()):
            size = min(PIECE_BYTES, MAX_HEAD_BYTES - self._unparsed)
            if not size:
                self._refuse_as_too_large()
                return
            self._feed(bytes(data[:size]))
            data = data[size:]

    def _feed(self, data: bytes) -> None:
        self._has_advanced = False
        super().data_received(data)
        self._unparsed = 0 if self._has_advanced else self._unparsed + len(data)
        if self.headers is not None and len(self.headers) > MAX_HEADERS and not self._refused_with:
            self._refuse_as_too_large()

    def _refuse_as_too_large(self) -> None:
        self._refused_with = TOO_LARGE
        self.logger.info("%s sends a request whose head is too large", self.client and self.client[0])
        self.send_400_response("")

    def _drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > LINGER_BYTES:
            self.transport.abort()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self._limit.head_seconds, self.timeout_keep_alive_handler)

    def _stop_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def _start_send_timer(self) -> None:
        self._stop_send_timer()
        self._unsent = self._count_unsent()
        self._send_timer = self.loop.call_later(self._send_seconds, self._check_sending)

    def _stop_send_timer(self) -> None:
        if self._send_timer:
            self._send_timer.cancel()
            self._send_timer = None

    def _check_sending(self) -> None:
        """Drop the connection if its client has read nothing since the timer was started."""
        if self._count_unsent() < self._unsent:
            self._start_send_timer()
        else:
            self.abort()

    def _count_unsent(self) -> int:
        """Return the bytes that the client has not acknowledged, also those that the kernel has for it.

        The kernel takes more only once a third of its megabytes is free: a slow client needs longer for that.
        """
        count = bytearray(4)
        with suppress(OSError):
            ioctl(self.transport.get_extra_info("socket").fileno(), TIOCOUTQ, count)
        return self.transport.get_write_buffer_size() + int.from_bytes(count, byteorder)


def make_protocols(
    connections: Connections, clients: ClientAddresses, settings: Settings
) -> tuple[type[Http], type[WebSocket]]:
    """Return what uvicorn makes its connections of, as `http` and `ws` of its configuration."""
    shared = Shared(connections, clients, settings.live_send_seconds, safe_fields(settings.hsts_seconds))
    return cast(tuple[type[Http], type[WebSocket]], (partial(Http, shared=shared), partial(WebSocket, shared=shared)))
