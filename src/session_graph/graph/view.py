"""The HTTP door: one request in, one GraphQL answer out, after the draft "GraphQL over HTTP".

    Route("/graphql", GraphQLView(schema, door.admit, make_context, inspect, settings))

In this order: method and media types, who asks, parameters, document, operation, variables, inspection, execution.
Without a valid key nothing gets past the second, so that even the schema is told only to those who have one.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

import orjson
from graphql import OperationDefinitionNode, VariableValues, get_variable_values
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry import Schema
from strawberry.types.execution import PreExecutionError

from session_graph.access.viewer import Viewer
from session_graph.errors import BadUserInput, RequestError, Unauthenticated
from session_graph.graph.documents import DOCUMENT, MAX_ERRORS, Documents, InvalidRequest, PreparedDocument
from session_graph.graph.headers import JSON, SAFE_HEADERS, choose_media_type
from session_graph.graph.limits import Limits
from session_graph.graph.log import CLIENT_GONE, Note, note_of
from session_graph.graph.operation import Operation
from session_graph.graph.request import (
    BodyTooLarge,
    MethodNotAllowed,
    OnlyByPost,
    check_method,
    read_params,
    while_connected,
)
from session_graph.graph.translation import (
    WireError,
    as_request_error,
    translate_error,
    translate_executed,
    translate_invalid,
)
from session_graph.settings import Settings

Admit = Callable[[str | None], Awaitable[Viewer]]
"""By the Authorization header. Raises Unauthenticated."""
MakeContext = Callable[[Viewer], object]
Inspect = Callable[[Operation], None]
"""Raises the RequestError of an operation that this viewer may not ask for, before any of it is executed."""
Plan = Callable[[Operation], Awaitable[bytes | None]]
"""Answers with the JSON of the whole response, or with None where the ordinary executor must."""


class GraphQLView:
    """The ASGI endpoint. Answers every request, with errors in the shape of GraphQL whatever happens."""

    def __init__(
        self,
        schema: Schema,
        admit: Admit,
        make_context: MakeContext,
        inspect: Inspect,
        settings: Settings,
        plan: Plan | None = None,
    ) -> None:
        if PreparedDocument not in schema.extensions:
            raise TypeError("The schema must have the extension PreparedDocument.")
        self._schema = schema
        self._admit = admit
        self._make_context = make_context
        self._inspect = inspect
        self._plan = plan
        self._max_body_bytes = settings.max_body_bytes
        self._documents = Documents(schema, Limits.of(settings))
        logging.getLogger("strawberry.execution").disabled = True  # `translation` logs what is worth it, once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, note = Request(scope, receive), note_of(scope)
        try:
            response = await self._respond(request, note)
        except ClientDisconnect:
            note.status = CLIENT_GONE
        else:
            await response(scope, receive, send)

    async def _respond(self, request: Request, note: Note) -> Response:
        media_type = JSON
        try:
            media_type = choose_media_type(request.headers)
            check_method(request)
            return _reply(await self._answer(request, note), 200, media_type)
        except ClientDisconnect:
            raise
        except InvalidRequest as invalid:
            errors, status, headers = translate_invalid(invalid.errors), 200 if media_type == JSON else 400, {}
        except Exception as error:
            refusal = as_request_error(error)
            errors, status, headers = [translate_error(refusal)], refusal.status, _refusal_headers(refusal)
        note.add_codes(map(_code, errors))
        return _reply(orjson.dumps({"errors": errors}), status, media_type, headers)

    async def _answer(self, request: Request, note: Note) -> bytes:
        viewer = await self._admit(request.headers.get("authorization"))
        note.set_viewer(viewer)
        params = await read_params(request, self._max_body_bytes)
        document = self._documents.prepare(params.query)
        node = document.choose_operation(params.operation_name)
        note.set_operation(node.operation.value, node.name.value if node.name else None)
        _check_kind(node, request.method)
        variables = self._coerce(node, params.variables)
        operation = Operation(viewer, self._make_context(viewer), params, document, node, variables)
        self._inspect(operation)
        async with while_connected(request):
            answer = await self._plan(operation) if self._plan else None
            return answer if answer is not None else await self._execute(operation, note)

    def _coerce(self, node: OperationDefinitionNode, values: dict[str, object]) -> VariableValues:
        coerced = get_variable_values(
            self._schema._schema,
            node.variable_definitions or (),
            values,
            max_errors=MAX_ERRORS,
            hide_suggestions=self._schema.config.disable_field_suggestions,
        )
        if isinstance(coerced, list):
            raise InvalidRequest(coerced)
        return coerced

    async def _execute(self, operation: Operation, note: Note) -> bytes:
        name = operation.definition.name
        result = await self._schema.execute(
            None,
            variable_values=operation.params.variables,
            context_value=operation.context,
            operation_name=name.value if name else None,
            operation_extensions={DOCUMENT: operation.document},
        )
        if isinstance(result, PreExecutionError):
            raise RuntimeError("A prepared document was not executed.") from next(iter(result.errors or ()), None)
        if not result.errors:
            return orjson.dumps({"data": result.data})
        errors = translate_executed(result.errors)
        note.add_codes(map(_code, errors))
        return orjson.dumps({"errors": errors, "data": result.data})


def _check_kind(node: OperationDefinitionNode, method: str) -> None:
    kind = node.operation.value
    if kind == "subscription":
        raise BadUserInput("Subscriptions are not served here.")
    if method == "GET" and kind != "query":
        raise OnlyByPost


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


def _code(error: WireError) -> str:
    extensions = error["extensions"]
    assert isinstance(extensions, dict)
    return str(extensions["code"])


def _reply(body: bytes, status: int, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    content_type = {"Content-Type": f"{media_type}; charset=utf-8"}
    return Response(body, status, content_type | SAFE_HEADERS | dict(headers or {}))
