"""The GraphQL endpoint: one HTTP request in, one GraphQL response out, by the draft "GraphQL over HTTP".

    Route("/graphql", GraphQLView(executor, authenticator.authenticate, make_context, settings))

In this order: method and media types, authentication, parameters, document, operation, variables, analysis, execution.
Without a valid key no request gets past authentication, so that even the schema stays private.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, aclosing
from time import perf_counter
from types import MappingProxyType

import orjson
from graphql import OperationDefinitionNode, OperationType
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from session_graph.access.budgets import Budgets
from session_graph.access.viewer import Role, Viewer
from session_graph.engine.documents import InvalidRequest
from session_graph.engine.error_format import WireError, as_request_errors, codes_of, translate, translate_error
from session_graph.engine.executor import OperationExecutor
from session_graph.engine.operation import GraphQLParams, Operation, PreparedOperation, Response
from session_graph.errors import BadUserInput, OutcomeUnknown, RequestError, SessionGraphError
from session_graph.http.access_log import CLIENT_CLOSED_REQUEST, AccessRecord, access_record_of
from session_graph.http.bodies import Bodies, BodyReading
from session_graph.http.negotiation import (
    EVENTS,
    JSON,
    HeaderFields,
    NotAcceptable,
    accepts_events,
    choose_media_type,
    header_fields,
)
from session_graph.http.persisted_queries import HashedParams, PersistedQueries
from session_graph.http.rate_limits import RateLimits
from session_graph.http.refusals import headers_of
from session_graph.http.request import (
    BodyLimits,
    BodyTooLarge,
    OnlyByPost,
    check_method,
    parse_body,
    parse_query_string,
)
from session_graph.http.request_cache import RequestCache
from session_graph.http.response import GraphQLResponse, RawHeaders
from session_graph.http.sse import EventStreams
from session_graph.http.tasks import single, while_connected
from session_graph.settings import Settings
from session_graph.store.connections import Limits

Authenticate = Callable[[str | None, str], Awaitable[Viewer]]
"""Returns the viewer of an Authorization header, sent from an address. Raises Unauthenticated and TooManyAttempts."""
MakeContext = Callable[[Viewer, str | None], object]
"""Returns the context of a request; the second argument is the id of the last event that its client has received."""
Check = Callable[[OperationDefinitionNode], None]
"""Raises RequestError if operations of this type are not served by this method and transport."""
Request = GraphQLParams | PreparedOperation
"""A request as it was sent, or as the cache of requests has it."""


class GraphQLView:
    """The ASGI endpoint. Answers every request; each failure becomes a response with GraphQL `errors`.

    All transports use its `prepare`, `execute` and `subscribe`.
    """

    def __init__(
        self,
        executor: OperationExecutor,
        authenticate: Authenticate,
        make_context: MakeContext,
        settings: Settings,
        streams: EventStreams | None = None,
        budgets: Budgets | None = None,
    ) -> None:
        self._executor = executor
        self._authenticate = authenticate
        self._make_context = make_context
        self._streams = streams
        self._rate_limits = RateLimits(budgets)
        self._bodies = Bodies(settings)
        self._limits = BodyLimits.of(settings)
        self._role_limits = {role: BodyLimits.of(settings, role) for role in Role}
        self._longest_seconds = Limits.of(settings).request
        self._request_cache = RequestCache()
        self._persisted_queries = PersistedQueries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = access_record_of(scope)
        try:
            response = await self._respond(scope, receive, record)
        except ClientDisconnect:
            record.status = CLIENT_CLOSED_REQUEST
        else:
            await response(scope, receive, send)

    async def prepare(
        self,
        viewer: Viewer,
        request: Request,
        record: AccessRecord,
        check: Check,
        last_event_id: str | None = None,
        *,
        size: int = 0,
    ) -> Operation:
        """Return the operation of a valid request, whose body has `size` bytes.

        Raises InvalidRequest and RequestError, also those of `check`.
        """
        if isinstance(request, PreparedOperation):
            _record_and_check(request.definition, record, check)
            return Operation(viewer, self._make_context(viewer, last_event_id), request)
        params, definition = self._choose(viewer, request, record, check)
        if size > self._limits.bytes and not self._executor.is_bulk(definition):
            raise BodyTooLarge(f"This body may have {self._limits.bytes} bytes, as it records nothing; it has {size}.")
        prepared = await self._executor.prepare(params, definition)
        self._persisted_queries.register(viewer.account.id, params)
        return Operation(viewer, self._make_context(viewer, last_event_id), prepared)

    def _choose(
        self, viewer: Viewer, request: GraphQLParams, record: AccessRecord, check: Check
    ) -> tuple[GraphQLParams, OperationDefinitionNode]:
        """Return the parameters with their query, and the operation that they choose."""
        params = self._persisted_queries.resolve(viewer.account.id, request)
        definition = self._executor.find_definition(params, viewer)
        _record_and_check(definition, record, check)
        return params, definition

    async def execute(self, operation: Operation, record: AccessRecord) -> bytes:
        """Return the JSON of the response to a query or a mutation. Raises RequestError."""
        try:
            async with asyncio.timeout(self._longest_seconds - (record.authenticated - record.started)):
                response = await self._executor.execute(operation)
        except TimeoutError as error:
            if operation.prepared.definition.operation is OperationType.MUTATION:
                raise OutcomeUnknown from error
            raise
        record.add_codes(response.codes)
        return response.body

    async def subscribe(self, operation: Operation, record: AccessRecord) -> AsyncGenerator[Response, None]:
        """Begin a subscription and return its responses. Raises RequestError and SubscriptionFailed."""
        return _recorded(await self._executor.subscribe(operation), record)

    async def _respond(self, scope: Scope, receive: Receive, record: AccessRecord) -> ASGIApp:
        media_type, is_read, viewer, reading = JSON, False, None, BodyReading(self._bodies)
        try:
            headers = header_fields(scope)
            media_type = choose_media_type(headers)
            check_method(scope["method"], headers)
            viewer = await self._authenticate(headers.get("authorization"), record.client)
            record.set_viewer(viewer)
            record.authenticated = perf_counter()
            body, request = await self._read(scope, receive, headers, viewer, reading)
            is_read = True
            if accepts_events(headers) and (media_type == EVENTS or self._is_subscription(viewer, request)):
                return await self._stream(scope, receive, viewer, request, record, len(body))
            operation = await self.prepare(viewer, request, record, _CHECKS[scope["method"]], size=len(body))
            if body and operation.prepared is not request and not isinstance(request, HashedParams):
                self._request_cache.keep(body, operation.prepared)
            async with while_connected(receive):
                answer = await self.execute(operation, record)
            answer = self._rate_limits.report(headers, operation, answer)
            return GraphQLResponse(answer, 200, media_type, raw_headers=self._rate_limits.headers(operation))
        except ClientDisconnect:
            raise
        except InvalidRequest as error:
            status = 200 if media_type == JSON else error.status
            raw_headers = self._rate_limits.headers_without_operation(viewer)
            return _refuse(translate(error), status, media_type, record, raw_headers=raw_headers)
        except Exception as error:
            return self._refuse_request(as_request_errors(error), viewer, media_type, record, is_read=is_read)
        finally:
            reading.release()

    async def _read(
        self, scope: Scope, receive: Receive, headers: HeaderFields, viewer: Viewer, reading: BodyReading
    ) -> tuple[bytes, Request]:
        """Return the body, empty for a GET, and the request in it."""
        if scope["method"] == "GET":
            return b"", parse_query_string(scope["query_string"])
        limits = self._role_limits[viewer.role]
        body = await reading.read(receive, headers, viewer, limits.bytes)
        return body, self._request_cache.get(body) or await parse_body(body, limits.values)

    def _refuse_request(
        self,
        errors: Sequence[RequestError],
        viewer: Viewer | None,
        media_type: str,
        record: AccessRecord,
        *,
        is_read: bool,
    ) -> GraphQLResponse:
        """Not a part of the method that catches them, whose frame would hold the errors, and they it and the body."""
        status = errors[0].status
        status = 200 if is_read and media_type == JSON and status in _ABOUT_GRAPHQL else status
        raw_headers = self._rate_limits.headers_without_operation(viewer, errors)
        wire = [*map(translate_error, errors)]
        return _refuse(wire, status, media_type, record, headers_of(errors[0]), raw_headers)

    def _is_subscription(self, viewer: Viewer, request: Request) -> bool:
        """Return whether it is a subscription; False for an invalid request."""
        if isinstance(request, PreparedOperation):
            return False
        try:
            params = self._persisted_queries.resolve(viewer.account.id, request)
            return self._executor.find_definition(params, viewer).operation is OperationType.SUBSCRIPTION
        except SessionGraphError:
            return False

    async def _stream(
        self, scope: Scope, receive: Receive, viewer: Viewer, request: Request, record: AccessRecord, size: int
    ) -> ASGIApp:
        """Return an event stream, which also has the errors of the operation: clients of streams read them there."""
        if self._streams is None:
            raise NotAcceptable
        with ExitStack() as reservation:
            reservation.enter_context(self._streams.reserve(viewer))
            headers = header_fields(scope)
            async with while_connected(receive):
                answers = await self._begin(viewer, request, record, scope["method"], headers, size)
            raw_headers = self._rate_limits.headers_without_operation(viewer)
            reserved = reservation.pop_all()
            return self._streams.respond(headers["authorization"], viewer, answers, record, reserved, raw_headers)

    async def _begin(
        self, viewer: Viewer, request: Request, record: AccessRecord, method: str, headers: HeaderFields, size: int
    ) -> AsyncGenerator[Response, None]:
        last_event_id = headers.get("last-event-id") or None
        try:
            check = _STREAM_CHECKS[method]
            operation = await self.prepare(viewer, request, record, check, last_event_id, size=size)
            if operation.is_subscription:
                return await self.subscribe(operation, record)
            answer = await self.execute(operation, record)
            return single(Response(self._rate_limits.report(headers, operation, answer)))
        except Exception as error:
            errors = translate(error)
            record.add_codes(codes_of(errors))
            return single(Response(orjson.dumps({"errors": errors})))


async def _recorded(responses: AsyncGenerator[Response, None], record: AccessRecord) -> AsyncGenerator[Response, None]:
    async with aclosing(responses):
        async for response in responses:
            record.add_codes(response.codes)
            yield response


def _refuse(
    errors: list[WireError],
    status: int,
    media_type: str,
    record: AccessRecord,
    headers: Mapping[str, str] = MappingProxyType({}),
    raw_headers: RawHeaders = (),
) -> GraphQLResponse:
    record.add_codes(codes_of(errors))
    media_type = JSON if media_type == EVENTS else media_type
    return GraphQLResponse(orjson.dumps({"errors": errors}), status, media_type, headers, raw_headers)


def _record_and_check(node: OperationDefinitionNode, record: AccessRecord, check: Check) -> None:
    record.set_operation(node.operation.value, node.name.value if node.name else None)
    check(node)


def _refuse_subscription(node: OperationDefinitionNode) -> None:
    if node.operation is OperationType.SUBSCRIPTION:
        raise BadUserInput(
            "Subscriptions are served as text/event-stream, which Accept must name, or over a WebSocket."
        )


def _require_query(node: OperationDefinitionNode) -> None:
    _refuse_subscription(node)
    _refuse_mutation(node)


def _refuse_mutation(node: OperationDefinitionNode) -> None:
    if node.operation is OperationType.MUTATION:
        raise OnlyByPost


_ABOUT_GRAPHQL = (400, 403)
"""The statuses that become 200 in application/json once the HTTP request itself is understood."""

_CHECKS: dict[str, Check] = {"GET": _require_query, "POST": _refuse_subscription}
_STREAM_CHECKS: dict[str, Check] = {"GET": _refuse_mutation, "POST": lambda node: None}
"""By method, the check of the types of operation that it serves: as one response, and as a stream."""
