"""GraphQL over WebSocket, by the subprotocol `graphql-transport-ws`: many operations over one connection.

The key comes in the payload of `connection_init`, as `{"Authorization": "Bearer …"}`, or in the header of that name.
Messages are taken one after the other: the `pong` to a `ping` that follows a `subscribe` says that the subscription has
begun. Operations are those of the HTTP view, with its limits and its errors. Closing codes are the protocol's own:

    4400 not a message   4401 not yet initialised   4403 key refused, or ended   4406 subprotocol
    4408 not initialised in time   4409 id in use   4429 initialised twice   1012 the server stops
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, suppress
from time import perf_counter
from typing import Any

import orjson
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from session_graph.access.authentication import Authenticator
from session_graph.access.revocation import wait_until_revoked
from session_graph.access.viewer import Viewer
from session_graph.engine.error_format import codes_of, translate
from session_graph.engine.operation import GraphQLParams
from session_graph.errors import BadUserInput, RequestError, TooLarge, Unauthenticated
from session_graph.http.access_log import AccessRecord, access_record_of, write_line
from session_graph.http.graphql_view import GraphQLView
from session_graph.http.negotiation import is_own_page
from session_graph.http.request import read_message, take_params
from session_graph.http.sse import ClientTooSlow, Writer, race
from session_graph.schema.subscription_hub import SubscriptionHub, TooManyConnections
from session_graph.settings import Settings

PROTOCOL = "graphql-transport-ws"
MOST_ID_CHARACTERS = 200
MOST_REASON_BYTES = 120
"""A closing frame holds 125 bytes, its code included."""


class Closed(Exception):
    """The connection is to be closed, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore")


class GraphQLSockets:
    """The ASGI endpoint for WebSockets."""

    def __init__(
        self, view: GraphQLView, hub: SubscriptionHub, authenticator: Authenticator, settings: Settings
    ) -> None:
        self._view = view
        self._hub = hub
        self._authenticator = authenticator
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if not is_own_page(socket.headers, self._settings):
            return await socket.send_denial_response(PlainTextResponse("This page may not connect.", 403))
        try:
            with self._hub.connection():
                await _Connection(socket, self._view, self._hub, self._authenticator, self._settings).run()
        except TooManyConnections as refusal:
            await socket.send_denial_response(PlainTextResponse(refusal.message, refusal.status))
        return None


class _Connection:
    """One open WebSocket and its operations."""

    def __init__(
        self,
        socket: WebSocket,
        view: GraphQLView,
        hub: SubscriptionHub,
        authenticator: Authenticator,
        settings: Settings,
    ) -> None:
        self._socket = socket
        self._view = view
        self._hub = hub
        self._authenticator = authenticator
        self._settings = settings
        self._record = access_record_of(socket.scope)
        self._writer = Writer(socket.scope, socket.send, settings.live_send_seconds)
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Until one side closes it."""
        accepted = PROTOCOL in self._socket.scope["subprotocols"]
        await self._socket.accept(PROTOCOL if accepted else None)
        try:
            if not accepted:
                raise Closed(4406, "Subprotocol not acceptable")
            try:
                await race(self._serve(), self._until_failed(), self._until_ending())
            finally:
                await self._end_operations()
        except Closed as closed:
            await self._close(closed)
        except (ClientTooSlow, WebSocketDisconnect):
            pass  # there is nobody to tell

    async def _serve(self) -> None:
        viewer, authorization = await self._initialise()
        await race(self._take_messages(viewer), self._watch(viewer, authorization))

    async def _initialise(self) -> tuple[Viewer, str]:
        """Who connects, and by what. Raises Closed."""
        try:
            async with asyncio.timeout(self._settings.live_init_seconds):
                message = await self._receive()
                while message["type"] in ("ping", "pong"):
                    await self._answer_ping(message)
                    message = await self._receive()
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise Closed(4401, "Unauthorized")
        authorization = _authorization_of(message) or self._socket.headers.get("authorization")
        try:
            viewer = await self._authenticator.authenticate(authorization)
        except Unauthenticated as refusal:
            self._record.add_codes([refusal.code])
            raise Closed(4403, "Forbidden") from None
        self._record.set_viewer(viewer)
        await self._send({"type": "connection_ack"})
        return viewer, authorization or ""

    async def _take_messages(self, viewer: Viewer) -> None:
        while True:
            message = await self._receive()
            match message["type"]:
                case "subscribe":
                    await self._subscribe(viewer, message)
                case "complete":
                    if operation := self._operations.pop(_id_of(message), None):
                        operation.cancel()
                case "ping" | "pong":
                    await self._answer_ping(message)
                case "connection_init":
                    raise Closed(4429, "Too many initialisation requests")
                case _:
                    raise Closed(4400, "Unknown type of message")

    async def _subscribe(self, viewer: Viewer, message: dict[str, Any]) -> None:
        """Begin an operation; a subscription has begun when this returns."""
        id_ = _id_of(message)
        if id_ in self._operations:
            raise Closed(4409, f"Subscriber for {id_} already exists")
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise Closed(4400, "The payload must be an object")
        record, started = AccessRecord(), perf_counter()
        record.status = 200
        record.set_viewer(viewer)
        held = ExitStack()
        try:
            held.enter_context(self._hub.subscription(viewer))
            answers = await self._begin(viewer, take_params(payload), record)
        except Exception as error:
            held.close()
            await self._complain(id_, error, record)
            write_line(self._socket.scope, record, started)
            return
        self._operations[id_] = asyncio.create_task(self._tell(id_, answers, record, started, held))

    async def _begin(self, viewer: Viewer, params: GraphQLParams, record: AccessRecord) -> AsyncGenerator[bytes, None]:
        operation = self._view.prepare(viewer, params, record, lambda node: None)
        if operation.is_subscription:
            return await self._view.subscribe(operation, record)
        return _later(self._view, operation, record)

    async def _tell(
        self, id_: str, answers: AsyncGenerator[bytes, None], record: AccessRecord, started: float, held: ExitStack
    ) -> None:
        """What the operation comes to; whatever goes wrong with the connection ends that."""
        prefix = b'{"type":"next","id":' + orjson.dumps(id_) + b',"payload":'
        own = asyncio.current_task()
        try:
            async with aclosing(answers):
                async for answer in answers:
                    await self._send_text(prefix + answer + b"}")
            self._forget(id_, own)
            await self._send({"type": "complete", "id": id_})
        except (ClientTooSlow, WebSocketDisconnect) as error:
            self._fail(error)
        except Exception as error:
            self._forget(id_, own)
            try:
                await self._complain(id_, error, record)
            except (ClientTooSlow, WebSocketDisconnect) as failure:
                self._fail(failure)
        finally:
            held.close()
            write_line(self._socket.scope, record, started)

    def _forget(self, id_: str, own: object) -> None:
        """Its id may be used again, and may be already."""
        if self._operations.get(id_) is own:
            del self._operations[id_]

    async def _watch(self, viewer: Viewer, authorization: str) -> None:
        """Ends everything, once the key is not taken any more."""
        await wait_until_revoked(self._authenticator, self._hub.listener, viewer, authorization)
        self._record.add_codes([Unauthenticated.code])
        operations = list(self._operations)
        await self._end_operations()
        for id_ in operations:
            await self._send({"type": "error", "id": id_, "payload": translate(Unauthenticated())})
        raise Closed(4403, "Forbidden")

    async def _end_operations(self) -> None:
        tasks = list(self._operations.values())
        self._operations.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _until_failed(self) -> None:
        await self._failed

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # nobody may be left to hear of it

    async def _until_ending(self) -> None:
        await self._hub.until_ending()
        self._writer.shorten_timeout()
        raise Closed(1012, "The server stops")

    async def _complain(self, id_: str, error: Exception, record: AccessRecord) -> None:
        errors = translate(error)
        record.add_codes(codes_of(errors))
        record.status = error.status if isinstance(error, RequestError) else record.status
        await self._send({"type": "error", "id": id_, "payload": errors})

    async def _answer_ping(self, message: dict[str, Any]) -> None:
        if message["type"] == "ping":
            payload = {"payload": message["payload"]} if isinstance(message.get("payload"), dict) else {}
            await self._send({"type": "pong", **payload})

    async def _receive(self) -> dict[str, Any]:
        """The next message, whose type is a text. Raises Closed and WebSocketDisconnect."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code") or 1005)
        text = received.get("text")
        if text is None:
            raise Closed(4400, "A message must be text")
        try:
            message = read_message(text, self._settings.max_body_bytes)
        except TooLarge as refusal:
            raise Closed(1009, refusal.message) from None
        except BadUserInput as refusal:
            raise Closed(4400, refusal.message) from None
        if not isinstance(message.get("type"), str):
            raise Closed(4400, "A message must have a type")
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(orjson.dumps(message))

    async def _send_text(self, text: bytes) -> None:
        await self._writer.send({"type": "websocket.send", "text": text.decode()})

    async def _close(self, closed: Closed) -> None:
        with suppress(ClientTooSlow, WebSocketDisconnect, RuntimeError):  # it may be closed already
            await self._writer.send({"type": "websocket.close", "code": closed.code, "reason": closed.reason})


async def _later(view: GraphQLView, operation: Any, record: AccessRecord) -> AsyncGenerator[bytes, None]:
    """A query or a mutation, beside the messages that come meanwhile."""
    yield await view.execute(operation, record)


def _id_of(message: dict[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not 1 <= len(id_) <= MOST_ID_CHARACTERS:
        raise Closed(4400, f"The id must be a text of 1 to {MOST_ID_CHARACTERS} characters")
    return id_


def _authorization_of(message: dict[str, Any]) -> str | None:
    """The key in the payload of `connection_init`, however its name is written."""
    payload = message.get("payload")
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise Closed(4400, "The payload must be an object")
    found = [value for name, value in payload.items() if name.lower() == "authorization"]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else None
