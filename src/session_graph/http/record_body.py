"""The body of `POST /records`: read ahead by one message, so that a disconnect is seen while a batch is recorded."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from session_graph.errors import RequestError


class ClientTooSilent(RequestError):
    """The client sent nothing for too long; what has no result yet is not recorded."""

    code = "TIMEOUT"
    status = 408


class RecordBody:
    """Chunks of the body, in a block that ends the reading. The server holds back what does not fit its buffer."""

    def __init__(self, receive: Receive, idle_seconds: float) -> None:
        self._receive = receive
        self._idle_seconds = idle_seconds
        self._is_complete = False

    async def __aenter__(self) -> Self:
        self._read_ahead()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._next.cancel()
        with suppress(asyncio.CancelledError):
            await self._next

    async def read(self) -> bytes | None:
        """Return the next chunk, or None at the end. Raises ClientDisconnect and ClientTooSilent."""
        if self._is_complete:
            return None
        if not await self.has_more_within(self._idle_seconds):
            raise ClientTooSilent
        self.check_connected()
        message = self._next.result()
        self._is_complete = not message.get("more_body", False)
        self._read_ahead()
        chunk: bytes = message.get("body", b"")
        return chunk

    async def has_more_within(self, seconds: float) -> bool:
        """Return whether `read` would return without waiting, after waiting at most these seconds for it."""
        if self._is_complete:
            return False
        return bool((await asyncio.wait([self._next], timeout=seconds))[0])

    def check_connected(self) -> None:
        """Raise ClientDisconnect if the client is known to have disconnected."""
        if self._next.done() and self._next.result()["type"] == "http.disconnect":
            raise ClientDisconnect

    def _read_ahead(self) -> None:
        self._next: asyncio.Task[Message] = asyncio.create_task(self._take_message())

    async def _take_message(self) -> Message:
        return await self._receive()
