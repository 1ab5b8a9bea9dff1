"""Responses that go on: server-sent events, after the "distinct connections" of the protocol GraphQL over SSE.

    event: next
    data: {"data": {"sessionEvents": {…}}}

    event: complete
    data:

Comments keep a quiet stream open. Nothing is buffered for a slow reader: the next response is made once the last one
is taken, and who takes nothing for too long is cut off.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import ExitStack, aclosing, contextmanager, suppress
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from session_graph.access.door import Door
from session_graph.access.lasting import until_refused
from session_graph.access.viewer import Viewer
from session_graph.errors import Unauthenticated
from session_graph.graph.headers import EVENTS, SAFE_HEADERS
from session_graph.graph.live import Live
from session_graph.graph.log import Note
from session_graph.graph.request import while_connected
from session_graph.graph.translation import codes_of, translate

ABORT = "session_graph.abort"
"""The extension of the ASGI scope, where the server has it, that drops the connection with what is not sent yet."""
LAST_SECONDS = 0.5
KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"


class SlowReader(Exception):
    """What was sent was not taken in time."""


class EventStreams:
    """Streams of one application."""

    def __init__(self, live: Live, door: Door) -> None:
        self._live = live
        self._door = door

    @contextmanager
    def hold(self, viewer: Viewer) -> Iterator[None]:
        """A place for one stream. Raises TooManyConnections and TooManySubscriptions."""
        with self._live.connection(), self._live.subscription(viewer):
            yield

    def respond(
        self, request: Request, viewer: Viewer, answers: AsyncGenerator[bytes, None], note: Note, held: ExitStack
    ) -> ASGIApp:
        """What has begun, as a response; `held` is let go at its end."""
        authorization = request.headers["authorization"]

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            with held, suppress(ClientDisconnect, SlowReader):
                async with aclosing(answers), while_connected(Request(scope, receive)):
                    await self._send_all(scope, send, viewer, authorization, answers, note)

        return respond

    async def _send_all(
        self,
        scope: Scope,
        send: Send,
        viewer: Viewer,
        authorization: str,
        answers: AsyncGenerator[bytes, None],
        note: Note,
    ) -> None:
        seconds = self._live.settings.live_send_seconds
        writer = Writer(scope, send, seconds)
        await writer.send({"type": "http.response.start", "status": 200, "headers": _headers()})
        await writer.send(_part(KEEP_ALIVE))

        async def tell() -> None:
            try:
                async for answer in answers:
                    await writer.send(_part(_next(answer)))
            except SlowReader:
                raise
            except Exception as error:
                await complain(error)
            await writer.send(_part(COMPLETE))

        async def complain(error: Exception) -> None:
            errors = translate(error)
            note.add_codes(codes_of(errors))
            await writer.send(_part(_next(orjson.dumps({"errors": errors}))))

        async def keep_alive() -> None:
            while True:
                await asyncio.sleep(self._live.settings.live_keep_alive_seconds)
                await writer.send(_part(KEEP_ALIVE))

        async def watch() -> None:
            await until_refused(self._door, self._live.listener, viewer, authorization)
            await complain(Unauthenticated())
            await writer.send(_part(COMPLETE))

        async def end() -> None:
            await self._live.until_ending()
            writer.hurry()

        await first_of(tell(), keep_alive(), watch(), end())
        await writer.send(_part(b"", more=False))


class Writer:
    """Sends in time or not at all."""

    def __init__(self, scope: Scope, send: Send, seconds: float) -> None:
        self._abort = scope.get("extensions", {}).get(ABORT)
        self._send = send
        self._seconds = seconds

    def hurry(self) -> None:
        """The server stops, and waits for nobody who is slow."""
        self._seconds = min(self._seconds, LAST_SECONDS)

    async def send(self, message: Message) -> None:
        """Raises SlowReader, and drops the connection where the server lets us."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            if self._abort:
                self._abort()
            raise SlowReader from None


async def first_of(*works: Coroutine[Any, Any, None]) -> None:
    """Until the first of them has come to its end; the others are cancelled, and waited for. Raises what they raise."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks if not task.cancelled()]
    for error in errors:
        if error is not None:
            raise error


async def just(answer: bytes) -> AsyncGenerator[bytes, None]:
    """One answer."""
    yield answer


def _headers() -> list[tuple[bytes, bytes]]:
    headers = {"content-type": f"{EVENTS}; charset=utf-8", **SAFE_HEADERS, "x-accel-buffering": "no"}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _next(answer: bytes) -> bytes:
    """JSON of ours has no line breaks."""
    return b"event: next\ndata: " + answer + b"\n\n"


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
