"""The entrance of the engine, for all transports: prepare an operation, then execute it or subscribe to it."""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, nullcontext
from typing import Any, cast

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    OperationDefinitionNode,
    OperationType,
    VariableValues,
    create_source_event_stream,
    get_variable_values,
)
from strawberry import Schema
from strawberry.types.execution import ExecutionResult as StrawberryResult
from strawberry.types.execution import PreExecutionError

from session_graph.access.viewer import Viewer
from session_graph.engine.admission import Admission
from session_graph.engine.coerced_variables import CoercedExecutor, CoercedVariables
from session_graph.engine.context import ResumableEvent
from session_graph.engine.documents import (
    DOCUMENT,
    MAX_ERRORS,
    Document,
    Documents,
    InvalidRequest,
    PreparedDocument,
    explain_enums,
)
from session_graph.engine.error_format import SubscriptionFailed, codes_of, translate_executed
from session_graph.engine.fields import Check, bulks_of
from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import Limits, check_answer, check_variables
from session_graph.engine.operation import GraphQLParams, Operation, PreparedOperation, Response
from session_graph.engine.variable_errors import find_variable_errors
from session_graph.errors import StatementTimeout
from session_graph.pacing import beside

COERCED_AT_ONCE = 500
"""More values in the variables of an operation are coerced beside the event loop."""

Analyze = Callable[[Operation], Check | None]
"""Raises RequestError or InvalidRequest, before anything is executed, if the viewer may not execute the operation.

Returns what checks the arguments against the database, if that must be done; it raises the same.
"""
Plan = Callable[[Operation], Awaitable[Response | None]]
"""Returns the whole response, or None if the ordinary executor must execute the operation."""


class OperationExecutor:
    """Executes the operations of one schema. Without an `admission`, callers may take as much as they like."""

    def __init__(
        self,
        schema: Schema,
        limits: Limits,
        analyze: Analyze,
        plan: Plan | None = None,
        admission: Admission | None = None,
    ) -> None:
        if PreparedDocument not in schema.extensions:
            raise TypeError("The schema must have the extension PreparedDocument.")
        self._schema = schema
        self._analyze = analyze
        self._plan = plan
        self._admission = admission
        self._limits = limits
        self._documents = Documents(schema, limits)
        logging.getLogger("strawberry.execution").disabled = True  # `error_format` logs internal errors, once

    def find_definition(self, params: GraphQLParams, viewer: Viewer | None = None) -> OperationDefinitionNode:
        """Return the operation that the parameters choose, and charge the viewer if the document must be parsed.

        Raises OutOfBudget, InvalidRequest and TooLarge.
        """
        if self._admission and viewer and params.query not in self._documents:
            self._admission.admit_document(viewer, params.query)
        return self._documents.prepare(params.query).choose_operation(params.operation_name)

    def is_bulk(self, definition: OperationDefinitionNode) -> bool:
        """Return whether the operation has a variable that is a bulk (`declare_bulk`)."""
        return bool(bulks_of(graphql_schema(self._schema), definition))

    async def prepare(self, params: GraphQLParams, definition: OperationDefinitionNode) -> PreparedOperation:
        """Coerce the variables of the operation that the parameters choose: many beside the event loop.

        Raises InvalidRequest and TooLarge.
        """
        count = check_variables(params.variables, bulks_of(graphql_schema(self._schema), definition))
        document = self._documents.prepare(params.query)
        if count > COERCED_AT_ONCE:
            variables = await beside(self._coerce, document, definition, params.variables)
        else:
            variables = self._coerce(document, definition, params.variables)
        return PreparedOperation(params, document, definition, variables)

    async def execute(self, operation: Operation) -> Response:
        """Execute a query or a mutation.

        Raises RequestError if the viewer may not execute it or has taken too much, if it takes too long, or if its
        answer is too large.
        """
        check = self._analyze(operation)
        turn = self._admission.admit(operation) if self._admission else None
        if turn is None:
            return await self._run(operation, check)
        async with turn:
            return await self._run(operation, check)

    async def _run(self, operation: Operation, check: Check | None) -> Response:
        is_query = operation.definition.operation is OperationType.QUERY
        with _Deadline(self._limits.query_seconds) if is_query else nullcontext():
            if check:
                await check()
            response = await self._plan(operation) if self._plan else None
            return response or await self._execute(operation)

    async def subscribe(self, operation: Operation) -> AsyncGenerator[Response, None]:
        """Begin a subscription and return its responses.

        Raises RequestError if the viewer may not subscribe or has taken too much, SubscriptionFailed if the resolver
        cannot begin.
        """
        check = self._analyze(operation)
        if self._admission:
            self._admission.admit(operation)
        if check:
            await check()
        executor = CoercedExecutor.build(
            graphql_schema(self._schema),
            operation.prepared.document.node,
            context_value=operation.context,
            raw_variable_values=CoercedVariables(operation.prepared.params.variables, operation.prepared.variables),
            operation_name=operation.name,
            hide_suggestions=self._schema.config.disable_field_suggestions,
        )
        if isinstance(executor, list):
            raise InvalidRequest(executor)
        source = create_source_event_stream(executor)
        if inspect.isawaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise SubscriptionFailed(source.errors or ())
        return self._respond(operation, executor, cast("AsyncGenerator[object, None]", source))

    async def _respond(
        self, operation: Operation, executor: Executor[Any], source: AsyncGenerator[object, None]
    ) -> AsyncGenerator[Response, None]:
        async with aclosing(source):
            async for event in source:
                if self._admission:
                    await self._admission.admit_event(operation)
                result = executor.build_per_event_executor(event).execute_operation(False)
                if inspect.isawaitable(result):
                    result = await result
                cursor = event.cursor if isinstance(event, ResumableEvent) else None
                yield _write(cast(ExecutionResult, result), cursor)

    async def _execute(self, operation: Operation) -> Response:
        result = await self._schema.execute(
            None,
            variable_values=CoercedVariables(operation.prepared.params.variables, operation.prepared.variables),
            context_value=operation.context,
            operation_name=operation.name,
            operation_extensions={DOCUMENT: operation.prepared.document},
        )
        if isinstance(result, PreExecutionError):
            raise RuntimeError("A prepared document was not executed.") from next(iter(result.errors or ()), None)
        response = _write(result)
        check_answer(len(response.body), self._limits.answer_bytes)
        return response

    def _coerce(
        self, document: Document, definition: OperationDefinitionNode, values: dict[str, object]
    ) -> VariableValues:
        schema, hides = graphql_schema(self._schema), self._schema.config.disable_field_suggestions
        variables = definition.variable_definitions or ()
        coerced = get_variable_values(schema, variables, values, max_errors=MAX_ERRORS, hide_suggestions=hides)
        if isinstance(coerced, list):
            located = find_variable_errors(schema, document, definition, values, hide_suggestions=hides)
            raise InvalidRequest(explain_enums(schema, located or coerced))
        return coerced


class _Deadline:
    """Cancels a block that takes longer, which raises StatementTimeout then; at half the price of asyncio.timeout."""

    __slots__ = ("_before", "_is_over", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task, self._before = task, task.cancelling()
        self._timer = loop.call_later(self._seconds, self._end)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._timer.cancel()
        if self._is_over and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise StatementTimeout from None

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()


def _write(result: ExecutionResult | StrawberryResult, cursor: str | None = None) -> Response:
    if not result.errors:
        return Response(orjson.dumps({"data": result.data}), (), cursor)
    errors = translate_executed(result.errors)
    return Response(orjson.dumps({"errors": errors, "data": result.data}), codes_of(errors), cursor)
