"""GraphQL over WebSocket, by the subprotocol `graphql-transport-ws`: many operations over one connection.

The key is in the payload of `connection_init`, as `{"Authorization": "Bearer …"}`, or in the header of that name.
Messages are handled in order: a `pong` to a `ping` sent after a `subscribe` shows that the subscription has begun.
Operations are prepared by the HTTP view, with the same limits and errors. Closing codes are the protocol's:

    4400 not a message   4401 key refused, revoked or expired; not yet initialised   4406 subprotocol
    4408 not initialised in time   4409 id in use   4429 initialised twice   1012 the server stops
    1013 a limit is reached: its code, RATE_LIMITED or UNAVAILABLE, begins the reason

A key that is refused closes with 4401, not with the protocol's 4403: graphql-ws connects again after 4403, and the same
key is refused again.

Until a client has authenticated, it may send a few short messages; more drop the connection. Its place is one of a
small number that are kept apart from the connections that have authenticated.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from session_graph.access.authentication import Authenticator
from session_graph.access.revocation import wait_until_revoked
from session_graph.access.viewer import Viewer
from session_graph.engine.documents import InvalidRequest
from session_graph.engine.error_format import codes_of, translate, translate_error
from session_graph.engine.limits import MAX_VALUES
from session_graph.engine.operation import GraphQLParams, Response
from session_graph.errors import BadUserInput, Forbidden, RequestError, TooLarge, TryLater, Unauthenticated
from session_graph.http.access_log import AccessRecord, access_record_of, log_request
from session_graph.http.client_address import ClientAddresses
from session_graph.http.connections import Connections
from session_graph.http.graphql_view import GraphQLView
from session_graph.http.negotiation import header_fields, is_allowed_origin
from session_graph.http.pending_sockets import MAX_INIT_BYTES, MAX_INIT_PINGS, TooManyPending, make_pending
from session_graph.http.refusals import headers_of
from session_graph.http.request import BodyLimits, parse_message, parse_params
from session_graph.http.response import ABORT, INITIALISED, SLICE_BYTES, ClientTooSlow, TimedSender
from session_graph.http.tasks import race
from session_graph.schema.subscription_hub import SubscriptionHub, TooManyConnections
from session_graph.settings import Settings

PROTOCOL = "graphql-transport-ws"
UNAUTHORIZED = 4401
ABNORMAL_CLOSURE = 1006
TRY_AGAIN_LATER = 1013
MAX_ID_CHARACTERS = 200
MAX_REASON_BYTES = 120
"""A close frame holds 125 bytes, its code included."""


class CloseConnection(Exception):
    """Raised to close the connection with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class GraphQLSockets:
    """The ASGI endpoint for WebSockets. Refuses pages of other origins, and connections beyond the limit."""

    view: GraphQLView
    hub: SubscriptionHub
    authenticator: Authenticator
    clients: ClientAddresses
    settings: Settings
    pending: Connections = field(init=False)
    """The connections that have not authenticated yet."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pending", make_pending(self.settings))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if not is_allowed_origin(socket.headers, self.settings):
            access_record_of(scope).add_codes([Forbidden.code])
            return await socket.send_denial_response(PlainTextResponse("This page may not connect.", 403))
        try:
            self.hub.check_free()
        except TooManyConnections as error:
            access_record_of(scope).add_codes([error.code])
            return await socket.send_denial_response(
                JSONResponse({"errors": [translate_error(error)]}, error.status, headers_of(error))
            )
        await _Connection(socket, self).run()
        return None


class _Connection:
    """One open WebSocket and its operations."""

    def __init__(self, socket: WebSocket, endpoint: GraphQLSockets) -> None:
        self._socket = socket
        self._view = endpoint.view
        self._hub = endpoint.hub
        self._authenticator = endpoint.authenticator
        self._settings = endpoint.settings
        self._pending = endpoint.pending
        self._is_pending = True
        self._record = access_record_of(socket.scope)
        self.address = endpoint.clients.group(self._record.client)
        self._sender = TimedSender(socket.scope, socket.send, endpoint.settings.live_send_seconds)
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve the connection until one side closes it."""
        accepted = PROTOCOL in self._socket.scope["subprotocols"]
        self._pending.add(self)
        try:
            await self._accept(PROTOCOL if accepted else None)
            if not accepted:
                raise CloseConnection(4406, "Subprotocol not acceptable")
            try:
                await race(self._serve(), self._wait_for_failure(), self._close_at_shutdown())
            finally:
                await self._end_operations()
        except CloseConnection as close:
            await self._close(close)
        except (ClientTooSlow, WebSocketDisconnect):
            pass  # the client is gone
        finally:
            self._leave_pending()

    def abort(self) -> None:
        """Close the connection, which has not authenticated yet, for a newer one."""
        self._end_connection(_try_later(TooManyPending()))

    def _leave_pending(self) -> None:
        if self._is_pending:
            self._is_pending = False
            self._pending.remove(self)

    async def _accept(self, protocol: str | None) -> None:
        await self._socket.receive()
        await self._send_event({"type": "websocket.accept", "subprotocol": protocol, "headers": []})

    async def _serve(self) -> None:
        viewer, authorization = await self._initialise()
        with ExitStack() as place:
            try:
                place.enter_context(self._hub.connection(viewer))
            except TryLater as error:
                self._record.add_codes([error.code])
                raise _try_later(error) from None
            self._leave_pending()
            self._extension(INITIALISED)
            await self._send({"type": "connection_ack"})
            await race(self._handle_messages(viewer), self._close_when_revoked(viewer, authorization))

    async def _initialise(self) -> tuple[Viewer, str]:
        """Return the viewer and the authorization it was authenticated by. Raises CloseConnection."""
        try:
            async with asyncio.timeout(self._settings.live_init_seconds):
                message = await self._receive(MAX_INIT_BYTES)
                for _ in range(MAX_INIT_PINGS):
                    if message["type"] not in ("ping", "pong"):
                        break
                    await self._answer_ping(message)
                    message = await self._receive(MAX_INIT_BYTES)
        except TimeoutError:
            raise CloseConnection(4408, "Connection initialisation timeout") from None
        if message["type"] in ("ping", "pong"):
            self._extension(ABORT)
            raise WebSocketDisconnect(ABNORMAL_CLOSURE)
        if message["type"] != "connection_init":
            raise CloseConnection(UNAUTHORIZED, "Send connection_init first")
        authorization = _authorization_of(message)
        if authorization is None:
            authorization = header_fields(self._socket.scope).get("authorization")
        try:
            viewer = await self._authenticator.authenticate(authorization, self._record.client)
        except Unauthenticated as error:
            self._record.add_codes([error.code])
            raise CloseConnection(UNAUTHORIZED, error.message) from None
        except TryLater as error:
            self._record.add_codes([error.code])
            raise _try_later(error) from None
        self._record.set_viewer(viewer)
        return viewer, authorization or ""

    async def _handle_messages(self, viewer: Viewer) -> None:
        while True:
            message = await self._receive(self._settings.live_message_bytes)
            match message["type"]:
                case "subscribe":
                    await self._subscribe(viewer, message)
                case "complete":
                    if operation := self._operations.pop(_id_of(message), None):
                        operation.cancel()
                case "ping" | "pong":
                    await self._answer_ping(message)
                case "connection_init":
                    raise CloseConnection(4429, "Too many initialisation requests")
                case _:
                    raise CloseConnection(4400, "Unknown type of message")

    async def _subscribe(self, viewer: Viewer, message: dict[str, Any]) -> None:
        """Start an operation; a subscription has begun when this returns."""
        id_ = _id_of(message)
        if id_ in self._operations:
            raise CloseConnection(4409, f"Subscriber for {id_} already exists")
        payload = message.get("payload")
        if not isinstance(payload, dict):
            raise CloseConnection(4400, "The payload must be an object")
        record = AccessRecord()
        record.status = 200
        record.client = self._record.client
        record.set_viewer(viewer)
        with ExitStack() as reservation:
            try:
                reservation.enter_context(self._hub.subscription(viewer))
                answers = await self._start(viewer, parse_params(payload), record)
            except Exception as error:
                await self._send_error(id_, error, record)
                log_request(self._socket.scope, record)
            else:
                sending = self._send_answers(id_, answers, record, reservation.pop_all())
                self._operations[id_] = asyncio.create_task(sending)

    async def _start(
        self, viewer: Viewer, params: GraphQLParams, record: AccessRecord
    ) -> AsyncGenerator[Response, None]:
        operation = await self._view.prepare(viewer, params, record, lambda node: None)
        if operation.is_subscription:
            return await self._view.subscribe(operation, record)
        return _execute(self._view, operation, record)

    async def _send_answers(
        self, id_: str, answers: AsyncGenerator[Response, None], record: AccessRecord, reservation: ExitStack
    ) -> None:
        """Send the answers, or one error message; if the connection itself fails, end it."""
        prefix = b'{"type":"next","id":' + orjson.dumps(id_) + b',"payload":'
        task = asyncio.current_task()
        try:
            async with aclosing(answers):
                async for answer in answers:
                    await self._send_text(prefix + answer.body + b"}")
            self._release_id(id_, task)
            await self._send({"type": "complete", "id": id_})
        except (ClientTooSlow, WebSocketDisconnect) as error:
            self._end_connection(error)
        except Exception as error:
            self._release_id(id_, task)
            try:
                await self._send_error(id_, error, record)
            except (ClientTooSlow, WebSocketDisconnect) as failure:
                self._end_connection(failure)
        finally:
            reservation.close()
            log_request(self._socket.scope, record)

    def _release_id(self, id_: str, task: object) -> None:
        """Let the client use the id again, unless another operation has it already."""
        if self._operations.get(id_) is task:
            del self._operations[id_]

    async def _close_when_revoked(self, viewer: Viewer, authorization: str) -> None:
        """End all operations and the connection when the key is revoked or expires."""
        await wait_until_revoked(self._authenticator, self._hub.listener, viewer, authorization)
        ended = Unauthenticated()
        self._record.add_codes([ended.code])
        operations = list(self._operations)
        await self._end_operations()
        for id_ in operations:
            await self._send({"type": "error", "id": id_, "payload": translate(ended)})
        raise CloseConnection(UNAUTHORIZED, ended.message)

    async def _end_operations(self) -> None:
        tasks = list(self._operations.values())
        self._operations.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _wait_for_failure(self) -> None:
        await self._failure

    def _end_connection(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
            self._failure.exception()  # marks it as retrieved: nothing may await the future any more

    async def _close_at_shutdown(self) -> None:
        await self._hub.until_ending()
        self._sender.shorten_timeout()
        raise CloseConnection(1012, "The server stops")

    async def _send_error(self, id_: str, error: Exception, record: AccessRecord) -> None:
        errors = translate(error)
        record.add_codes(codes_of(errors))
        if isinstance(error, RequestError | InvalidRequest):
            record.status = error.status
        await self._send({"type": "error", "id": id_, "payload": errors})

    async def _answer_ping(self, message: dict[str, Any]) -> None:
        if message["type"] == "ping":
            payload = {"payload": message["payload"]} if isinstance(message.get("payload"), dict) else {}
            await self._send({"type": "pong", **payload})

    def _extension(self, name: str) -> None:
        """Call an extension of the server, if it has it."""
        if extension := self._socket.scope.get("extensions", {}).get(name):
            extension()

    async def _receive(self, max_bytes: int) -> dict[str, Any]:
        """Return the next message, whose type is a string. Raises CloseConnection and WebSocketDisconnect."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code") or 1005)
        text = received.get("text")
        if text is None:
            raise CloseConnection(4400, "A message must be text")
        try:
            message = await parse_message(text, BodyLimits(max_bytes, MAX_VALUES))
        except TooLarge as error:
            raise CloseConnection(1009, error.message) from None
        except BadUserInput as error:
            raise CloseConnection(4400, error.message) from None
        if not isinstance(message.get("type"), str):
            raise CloseConnection(4400, "A message must have a type")
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(orjson.dumps(message))

    async def _send_text(self, text: bytes) -> None:
        decoded = text.decode()
        if len(text) > SLICE_BYTES:
            await asyncio.sleep(0)
        await self._send_event({"type": "websocket.send", "text": decoded})

    async def _close(self, close: CloseConnection) -> None:
        with suppress(ClientTooSlow, WebSocketDisconnect):
            await self._send_event({"type": "websocket.close", "code": close.code, "reason": close.reason})

    async def _send_event(self, event: Message) -> None:
        """Raises ClientTooSlow, and WebSocketDisconnect if the connection is closed.

        A connection has several operations. The send that finds the client gone raises OSError or WebSocketDisconnect;
        those of the other operations, like each after a close of our own, raise RuntimeError.
        """
        try:
            await self._sender.send(event)
        except (OSError, RuntimeError):
            raise WebSocketDisconnect(ABNORMAL_CLOSURE) from None


def _try_later(error: TryLater) -> CloseConnection:
    return CloseConnection(TRY_AGAIN_LATER, f"{error.code}: {error.message}")


async def _execute(view: GraphQLView, operation: Any, record: AccessRecord) -> AsyncGenerator[Response, None]:
    """Run a query or mutation as a stream of one answer, while further messages are handled."""
    yield Response(await view.execute(operation, record))


def _id_of(message: dict[str, Any]) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not 1 <= len(id_) <= MAX_ID_CHARACTERS:
        raise CloseConnection(4400, f"The id must be a string of 1 to {MAX_ID_CHARACTERS} characters")
    return id_


def _authorization_of(message: dict[str, Any]) -> str | None:
    """Return the key in the payload of `connection_init`, None if there is none; the case of its name does not matter.

    Two names, or a key that is no text, make an empty one, which is refused: they do not mean the key in the header.
    """
    payload = message.get("payload")
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise CloseConnection(4400, "The payload must be an object")
    found = [value for name, value in payload.items() if name.lower() == "authorization" and value is not None]
    if not found:
        return None
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""
