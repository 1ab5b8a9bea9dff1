"""Responses that go on: server-sent events, after the "distinct connections" of the protocol GraphQL over SSE.

    event: next
    data: {"data": {"sessionEvents": {…}}}

    event: complete
    data:

Comments keep a quiet stream open. Nothing is buffered for a slow reader: the next response is made once the last one
is taken, and who takes nothing for too long is cut off.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager, suppress
from functools import partial

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from session_graph.access.authentication import Authenticator
from session_graph.access.revocation import wait_until_revoked
from session_graph.access.viewer import Viewer
from session_graph.engine.error_format import codes_of, translate
from session_graph.errors import Unauthenticated
from session_graph.http.access_log import AccessRecord
from session_graph.http.negotiation import EVENTS, SAFE_HEADERS
from session_graph.http.response import ClientTooSlow, TimedSender
from session_graph.http.tasks import race, while_connected
from session_graph.schema.subscription_hub import SubscriptionHub

KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"

Wait = Callable[[], Awaitable[None]]


class EventStreams:
    """Streams of one application."""

    def __init__(self, hub: SubscriptionHub, authenticator: Authenticator) -> None:
        self._hub = hub
        self._authenticator = authenticator

    @contextmanager
    def hold(self, viewer: Viewer) -> Iterator[None]:
        """A place for one stream. Raises TooManyConnections and TooManySubscriptions."""
        with self._hub.connection(), self._hub.subscription(viewer):
            yield

    def respond(
        self,
        authorization: str,
        viewer: Viewer,
        answers: AsyncGenerator[bytes, None],
        record: AccessRecord,
        held: ExitStack,
    ) -> ASGIApp:
        """What has begun, as a response; `held` is let go at its end."""

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            stream = _Stream(TimedSender(scope, send, self._hub.settings.live_send_seconds), answers, record)
            until_gone = partial(wait_until_revoked, self._authenticator, self._hub.listener, viewer, authorization)
            with held, suppress(ClientDisconnect, ClientTooSlow):
                async with aclosing(answers), while_connected(receive):
                    await stream.run(self._hub, until_gone)

        return respond


class _Stream:
    """One response that goes on."""

    def __init__(self, writer: TimedSender, answers: AsyncGenerator[bytes, None], record: AccessRecord) -> None:
        self._writer = writer
        self._answers = answers
        self._record = record

    async def run(self, hub: SubscriptionHub, until_gone: Wait) -> None:
        """Until all is told, the key is not taken any more, or the server stops. Raises ClientTooSlow."""
        await self._writer.send({"type": "http.response.start", "status": 200, "headers": _headers()})
        await self._send(KEEP_ALIVE)
        await race(
            self._send_answers(),
            self._keep_alive(hub.settings.live_keep_alive_seconds),
            self._end_when_revoked(until_gone),
            self._shorten_timeout_at_shutdown(hub.until_ending),
        )
        await self._writer.send(_part(b"", more=False))

    async def _send_answers(self) -> None:
        try:
            async for answer in self._answers:
                await self._send(_next(answer))
        except ClientTooSlow:
            raise
        except Exception as error:
            await self._send_error(error)
        await self._send(COMPLETE)

    async def _keep_alive(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._send(KEEP_ALIVE)

    async def _end_when_revoked(self, until_gone: Wait) -> None:
        await until_gone()
        await self._send_error(Unauthenticated())
        await self._send(COMPLETE)

    async def _shorten_timeout_at_shutdown(self, ending: Wait) -> None:
        await ending()
        self._writer.shorten_timeout()

    async def _send_error(self, error: Exception) -> None:
        errors = translate(error)
        self._record.add_codes(codes_of(errors))
        await self._send(_next(orjson.dumps({"errors": errors})))

    async def _send(self, text: bytes) -> None:
        await self._writer.send(_part(text))


def _headers() -> list[tuple[bytes, bytes]]:
    headers = {"content-type": f"{EVENTS}; charset=utf-8", **SAFE_HEADERS, "x-accel-buffering": "no"}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _next(answer: bytes) -> bytes:
    """JSON of ours has no line breaks."""
    return b"event: next\ndata: " + answer + b"\n\n"


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
