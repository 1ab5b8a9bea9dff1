"""Subscriptions as server-sent events: the "distinct connections mode" of the protocol GraphQL over SSE.

    event: next
    id: 684897a278f0-0001-…
    data: {"data": {"sessionEvents": {…}}}

    event: complete
    data:

The id is the event's cursor: a subscription that is sent with it as the header `Last-Event-ID` starts after that event.
Comments keep an idle stream open. Nothing is buffered for a slow client (backpressure): an answer is made when the one
before it is sent, and a client that reads nothing for too long is disconnected.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from session_graph.access.authentication import Authenticator
from session_graph.access.revocation import wait_until_revoked
from session_graph.access.viewer import Viewer
from session_graph.engine.error_format import codes_of, translate
from session_graph.engine.operation import Response
from session_graph.errors import Unauthenticated
from session_graph.http.access_log import AccessRecord
from session_graph.http.negotiation import EVENTS, SAFE_HEADERS
from session_graph.http.response import ClientTooSlow, RawHeaders, TimedSender, encode_headers, slices
from session_graph.http.tasks import race, while_connected
from session_graph.schema.subscription_hub import SubscriptionHub

KEEP_ALIVE = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"

_HEADERS = encode_headers({"Content-Type": f"{EVENTS}; charset=utf-8", **SAFE_HEADERS, "X-Accel-Buffering": "no"})

Wait = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EventStreams:
    """Makes the event streams of an application."""

    hub: SubscriptionHub
    authenticator: Authenticator

    @contextmanager
    def reserve(self, viewer: Viewer) -> Iterator[None]:
        """Count a stream towards the limits. Raises what `SubscriptionHub.connection` and `subscription` raise."""
        with self.hub.connection(viewer), self.hub.subscription(viewer):
            yield

    def respond(
        self,
        authorization: str,
        viewer: Viewer,
        answers: AsyncGenerator[Response, None],
        record: AccessRecord,
        reservation: ExitStack,
        headers: RawHeaders = (),
    ) -> ASGIApp:
        """Return the response that sends `answers`, and releases the reservation at its end.

        `headers` are those it has besides the usual ones.
        """

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            stream = _Stream(TimedSender(scope, send, self.hub.settings.live_send_seconds), answers, record, headers)
            revoked = partial(wait_until_revoked, self.authenticator, self.hub.listener, viewer, authorization)
            with reservation, suppress(ClientDisconnect, ClientTooSlow):
                async with aclosing(answers), while_connected(receive):
                    await stream.run(self.hub, revoked)

        return respond


@dataclass(slots=True)
class _Stream:
    """One event stream."""

    sender: TimedSender
    answers: AsyncGenerator[Response, None]
    record: AccessRecord
    headers: RawHeaders

    async def run(self, hub: SubscriptionHub, revoked: Wait) -> None:
        """Send until the answers end, the key is revoked or expires, or the server stops. Raises ClientTooSlow."""
        headers = [*_HEADERS, *self.headers]
        await self.sender.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send(KEEP_ALIVE)
        await race(
            self._send_answers(),
            self._keep_alive(hub.settings.live_keep_alive_seconds),
            self._end_when(revoked),
            self._shorten_timeout_when(hub.until_ending),
        )
        await self.sender.send(_chunk(b"", more=False))

    async def _send_answers(self) -> None:
        try:
            async for answer in self.answers:
                await self._send(_next_event(answer))
        except ClientTooSlow:
            raise
        except Exception as error:
            await self._send_error(error)
        await self._send(COMPLETE)

    async def _keep_alive(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._send(KEEP_ALIVE)

    async def _end_when(self, revoked: Wait) -> None:
        await revoked()
        await self._send_error(Unauthenticated())
        await self._send(COMPLETE)

    async def _shorten_timeout_when(self, stopping: Wait) -> None:
        await stopping()
        self.sender.shorten_timeout()

    async def _send_error(self, error: Exception) -> None:
        errors = translate(error)
        self.record.add_codes(codes_of(errors))
        await self._send(_next_event(Response(orjson.dumps({"errors": errors}))))

    async def _send(self, text: bytes) -> None:
        for part in slices(text):
            await self.sender.send(_chunk(part))


def _next_event(answer: Response) -> bytes:
    """Return the event. Neither a cursor nor the JSON of an answer has line breaks, which would end its field."""
    id_ = b"" if answer.cursor is None else b"id: %b\n" % answer.cursor.encode()
    return b"event: next\n" + id_ + b"data: " + answer.body + b"\n\n"


def _chunk(body: bytes | memoryview, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
