"""The HTTP authenticator: one request in, one GraphQL answer out, after the draft "GraphQL over HTTP".

    Route("/graphql", GraphQLView(schema, authenticator.authenticate, make_context, analyze, settings))

In this order: method and media types, who asks, parameters, document, operation, variables, inspection, execution.
Without a valid key nothing gets past the second, so that even the schema is told only to those who have one.
"""

import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, aclosing
from typing import Any, Protocol, cast

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    VariableValues,
    create_source_event_stream,
    get_variable_values,
)
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry import Schema
from strawberry.types.execution import PreExecutionError

from session_graph.access.viewer import Viewer
from session_graph.engine.documents import DOCUMENT, MAX_ERRORS, Documents, InvalidRequest, PreparedDocument
from session_graph.engine.error_format import (
    NotFollowed,
    as_request_error,
    codes_of,
    translate,
    translate_error,
    translate_executed,
    translate_invalid,
)
from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import Limits
from session_graph.engine.operation import GraphQLParams, Operation, PreparedOperation, RequestCache
from session_graph.errors import BadUserInput, RequestError, SessionGraphError, Unauthenticated
from session_graph.http.access_log import CLIENT_GONE, AccessRecord, access_record_of
from session_graph.http.negotiation import (
    EVENTS,
    JSON,
    Fields,
    NotAcceptable,
    accepts_events,
    choose_media_type,
    fields_of,
)
from session_graph.http.request import (
    BodyTooLarge,
    MethodNotAllowed,
    OnlyByPost,
    check_method,
    parse_body,
    parse_query_string,
    read_body,
    while_connected,
)
from session_graph.http.response import Reply
from session_graph.http.sse import EventStreams, single
from session_graph.settings import Settings

Authenticate = Callable[[str | None], Awaitable[Viewer]]
"""By the Authorization header. Raises Unauthenticated."""
MakeContext = Callable[[Viewer], object]
Analyze = Callable[[Operation], None]
"""Raises the RequestError of an operation that this viewer may not ask for, before any of it is executed."""
Check = Callable[[OperationDefinitionNode], None]
"""Raises the RequestError of an operation of a kind that is not served so."""
Plan = Callable[[Operation], Awaitable[bytes | None]]
"""Answers with the JSON of the whole response, or with None where the ordinary executor must."""


class Result(Protocol):
    """What came of executing an operation."""

    data: dict[str, Any] | None
    errors: list[GraphQLError] | None


class GraphQLView:
    """The ASGI endpoint. Answers every request, with errors in the shape of GraphQL whatever happens.

    `prepare`, `execute` and `subscribe` are the same for all transports.
    """

    def __init__(
        self,
        schema: Schema,
        authenticate: Authenticate,
        make_context: MakeContext,
        analyze: Analyze,
        settings: Settings,
        plan: Plan | None = None,
        streams: EventStreams | None = None,
    ) -> None:
        if PreparedDocument not in schema.extensions:
            raise TypeError("The schema must have the extension PreparedDocument.")
        self._schema = schema
        self._authenticate = authenticate
        self._make_context = make_context
        self._analyze = analyze
        self._plan = plan
        self._streams = streams
        self._max_body_bytes = settings.max_body_bytes
        self._documents = Documents(schema, Limits.of(settings))
        self._request_cache = RequestCache()
        logging.getLogger("strawberry.execution").disabled = True  # `translation` logs what is worth it, once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = access_record_of(scope)
        try:
            response = await self._respond(scope, receive, record)
        except ClientDisconnect:
            record.status = CLIENT_GONE
        else:
            await response(scope, receive, send)

    def prepare(
        self, viewer: Viewer, asked: GraphQLParams | PreparedOperation, record: AccessRecord, check: Check
    ) -> Operation:
        """What is asked for, inspected. Raises InvalidRequest, RequestError, and what `check` raises of its kind."""
        if isinstance(asked, PreparedOperation):
            _record_and_check(asked.definition, record, check)
            prepared = asked
        else:
            document = self._documents.prepare(asked.query)
            node = document.choose_operation(asked.operation_name)
            _record_and_check(node, record, check)
            prepared = PreparedOperation(asked, document, node, self._coerce(node, asked.variables))
        operation = Operation(viewer, self._make_context(viewer), prepared)
        self._analyze(operation)
        return operation

    async def execute(self, operation: Operation, record: AccessRecord) -> bytes:
        """The JSON of the response to a query or a mutation."""
        answer = await self._plan(operation) if self._plan else None
        return answer if answer is not None else await self._execute(operation, record)

    async def subscribe(self, operation: Operation, record: AccessRecord) -> AsyncGenerator[bytes, None]:
        """The JSON of each response of a subscription, which has begun. Raises NotFollowed."""
        executor = Executor.build(
            graphql_schema(self._schema),
            operation.prepared.document.node,
            context_value=operation.context,
            raw_variable_values=operation.prepared.params.variables,
            operation_name=operation.definition.name.value if operation.definition.name else None,
            hide_suggestions=self._schema.config.disable_field_suggestions,
        )
        if isinstance(executor, list):
            raise InvalidRequest(executor)
        source = create_source_event_stream(executor)
        if inspect.isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise NotFollowed(source.errors or ())
        return self._responses(operation, executor, cast("AsyncGenerator[object, None]", source), record)

    async def _responses(
        self, operation: Operation, executor: Executor[Any], source: AsyncGenerator[object, None], record: AccessRecord
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(source):
            async for event in source:
                result = executor.build_per_event_executor(event).execute_operation(False)
                if inspect.isawaitable(result):
                    result = await result
                yield _write_result(cast(ExecutionResult, result), record)

    async def _respond(self, scope: Scope, receive: Receive, record: AccessRecord) -> ASGIApp:
        media_type = JSON
        try:
            fields = fields_of(scope)
            media_type = choose_media_type(fields)
            check_method(scope["method"], fields)
            viewer = await self._authenticate(fields.get("authorization"))
            record.set_viewer(viewer)
            body, asked = await self._read(scope, receive, fields)
            if accepts_events(fields) and (media_type == EVENTS or self._is_followed(asked)):
                return await self._stream(scope, receive, viewer, asked, record)
            operation = self.prepare(viewer, asked, record, _CHECKS[scope["method"]])
            if body and operation.prepared is not asked:
                self._request_cache.keep(body, operation.prepared)
            async with while_connected(receive):
                return Reply(await self.execute(operation, record), 200, media_type)
        except ClientDisconnect:
            raise
        except InvalidRequest as invalid:
            errors, status, headers = translate_invalid(invalid.errors), 200 if media_type == JSON else 400, {}
        except Exception as error:
            refusal = as_request_error(error)
            errors, status, headers = [translate_error(refusal)], refusal.status, _refusal_headers(refusal)
        record.add_codes(codes_of(errors))
        return Reply(orjson.dumps({"errors": errors}), status, JSON if media_type == EVENTS else media_type, headers)

    async def _read(
        self, scope: Scope, receive: Receive, fields: Fields
    ) -> tuple[bytes, GraphQLParams | PreparedOperation]:
        """The body, and what is asked."""
        if scope["method"] == "GET":
            return b"", parse_query_string(scope["query_string"])
        body = await read_body(receive, fields, self._max_body_bytes)
        return body, self._request_cache.get(body) or parse_body(body)

    def _is_followed(self, asked: GraphQLParams | PreparedOperation) -> bool:
        """Whether it is a subscription; False for what is wrong in any way."""
        if isinstance(asked, PreparedOperation):
            return False
        try:
            node = self._documents.prepare(asked.query).choose_operation(asked.operation_name)
        except SessionGraphError:
            return False
        return node.operation is OperationType.SUBSCRIPTION

    async def _stream(
        self,
        scope: Scope,
        receive: Receive,
        viewer: Viewer,
        asked: GraphQLParams | PreparedOperation,
        record: AccessRecord,
    ) -> ASGIApp:
        """What is wrong with the prepared is told in the stream, where clients read it."""
        if self._streams is None:
            raise NotAcceptable
        with ExitStack() as held:
            held.enter_context(self._streams.hold(viewer))
            async with while_connected(receive):
                answers = await self._begin(viewer, asked, record, scope["method"])
            authorization = fields_of(scope)["authorization"]
            return self._streams.respond(authorization, viewer, answers, record, held.pop_all())

    async def _begin(
        self, viewer: Viewer, asked: GraphQLParams | PreparedOperation, record: AccessRecord, method: str
    ) -> AsyncGenerator[bytes, None]:
        try:
            operation = self.prepare(viewer, asked, record, _CHECKS_OF_STREAMS[method])
            if operation.is_subscription:
                return await self.subscribe(operation, record)
            return single(await self.execute(operation, record))
        except Exception as error:
            errors = translate(error)
            record.add_codes(codes_of(errors))
            return single(orjson.dumps({"errors": errors}))

    def _coerce(self, node: OperationDefinitionNode, values: dict[str, object]) -> VariableValues:
        coerced = get_variable_values(
            graphql_schema(self._schema),
            node.variable_definitions or (),
            values,
            max_errors=MAX_ERRORS,
            hide_suggestions=self._schema.config.disable_field_suggestions,
        )
        if isinstance(coerced, list):
            raise InvalidRequest(coerced)
        return coerced

    async def _execute(self, operation: Operation, record: AccessRecord) -> bytes:
        name = operation.definition.name
        result = await self._schema.execute(
            None,
            variable_values=operation.prepared.params.variables,
            context_value=operation.context,
            operation_name=name.value if name else None,
            operation_extensions={DOCUMENT: operation.prepared.document},
        )
        if isinstance(result, PreExecutionError):
            raise RuntimeError("A prepared document was not executed.") from next(iter(result.errors or ()), None)
        return _write_result(result, record)


def _write_result(result: Result, record: AccessRecord) -> bytes:
    if not result.errors:
        return orjson.dumps({"data": result.data})
    errors = translate_executed(result.errors)
    record.add_codes(codes_of(errors))
    return orjson.dumps({"errors": errors, "data": result.data})


def _record_and_check(node: OperationDefinitionNode, record: AccessRecord, check: Check) -> None:
    record.set_operation(node.operation.value, node.name.value if node.name else None)
    check(node)


def _check_posted(node: OperationDefinitionNode) -> None:
    if node.operation is OperationType.SUBSCRIPTION:
        raise BadUserInput(
            "Subscriptions are served as text/event-stream, which Accept must name, or over a WebSocket."
        )


def _check_got(node: OperationDefinitionNode) -> None:
    _check_posted(node)
    _check_got_streamed(node)


def _check_got_streamed(node: OperationDefinitionNode) -> None:
    if node.operation is not OperationType.QUERY:
        raise OnlyByPost


_CHECKS: dict[str, Check] = {"GET": _check_got, "POST": _check_posted}
_CHECKS_OF_STREAMS: dict[str, Check] = {"GET": _check_got_streamed, "POST": lambda node: None}
"""Which kinds are served, by method."""


def _refusal_headers(error: RequestError) -> dict[str, str]:
    match error:
        case Unauthenticated():
            return {"WWW-Authenticate": "Bearer"}
        case MethodNotAllowed():
            return {"Allow": ", ".join(error.allow)}
        case BodyTooLarge():
            return {"Connection": "close"}  # the rest of the body is not read
        case _:
            return {}
