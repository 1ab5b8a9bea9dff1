"""Plans: queries compiled once, and executed many times without walking the document again.

A plan has no code for particular fields: resolvers, types and serializers come from the schema, as in the ordinary
executor. Backed fields (see `row_types`) become one generated function for all objects of a level (see `row_compiler`).
A resolver is called for all objects of a level before the next, so that a batch stays one call; an object that several
parents share is completed once. A plan handles no error but a statement that took too long, which must not run again:
if anything else is raised, the ordinary executor executes the query again and reports the error.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

import asyncpg
import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationType,
    is_leaf_type,
)
from strawberry.types.field import StrawberryField

from session_graph.engine.batching import Batch, Wrap, rows_of_field
from session_graph.engine.context import RequestContext
from session_graph.engine.error_format import codes_of, translate_executed
from session_graph.engine.fields import PlannedInfo, Unplannable, resolution_of
from session_graph.engine.internals import field_definition, type_name_of
from session_graph.engine.limits import check_answer
from session_graph.engine.operation import AuthorizedOperation, Operation, Response
from session_graph.engine.plan_cache import PlanCache
from session_graph.engine.row_compiler import Assembler, RowWriter, is_passed_through
from session_graph.engine.selection import FieldSelection, Parents, Selection
from session_graph.errors import TooLarge
from session_graph.pacing import SLICE, Pacer, in_slices, one_by_one
from session_graph.store.background import find_unavailable

_ENCODER = msgspec.json.Encoder(enc_hook=lambda json: msgspec.Raw(json.contents))
"""Writes the assembled rows, and the JSON of scalars that are JSON already (`orjson.Fragment`)."""

LARGE = 2000
"""The lists of a level with more entries than this in all are written one by one, between turns of the event loop."""

TIMED_OUT = (asyncpg.QueryCanceledError, TimeoutError)

Call = Callable[[Sequence[Any], PlannedInfo], Awaitable[Sequence[Any]]]
"""Resolves a field of all objects of a level."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a plan. Its answer has at most `max_bytes`."""

    context: RequestContext
    max_bytes: int

    async def write(self, values: Iterable[Any]) -> list[Any]:
        """Return the JSON of each value, so that the size of the answer is known before it is put together.

        Raises TooLarge.
        """
        pacer, written, size = Pacer(), list[Any](), 0
        for value in values:
            json = _ENCODER.encode(value)
            size += len(json)
            check_answer(size, self.max_bytes)
            written.append(msgspec.Raw(json))
            await pacer.pause()
        return written


class Completion(Protocol):
    """Turns the resolved values of a field, of all objects of a level, into values that the encoder can write."""

    async def complete(self, values: Sequence[Any], run: Run) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True)
class PassThrough:
    async def complete(self, values: Sequence[Any], run: Run) -> Sequence[Any]:
        return values


@dataclass(frozen=True, slots=True)
class Leaf:
    write: Callable[[Any], Any]

    async def complete(self, values: Sequence[Any], run: Run) -> Sequence[Any]:
        return [None if value is None else self.write(value) for value in values]


@dataclass(frozen=True, slots=True)
class Required:
    inner: Completion

    async def complete(self, values: Sequence[Any], run: Run) -> Sequence[Any]:
        for value in values:
            if value is None:
                raise Unplannable
        return await self.inner.complete(values, run)


@dataclass(frozen=True, slots=True)
class ListOf:
    inner: Completion

    async def complete(self, values: Sequence[Any], run: Run) -> Sequence[Any]:
        if len(values) == 1 and values[0] is not None:
            return [await self.inner.complete(values[0], run)]
        flat = [item for value in values if value is not None for item in value]
        items = iter(await self.inner.complete(flat, run))
        lists = (None if value is None else [next(items) for _ in value] for value in values)
        return await run.write(lists) if len(flat) > LARGE else list(lists)


@dataclass(frozen=True, slots=True)
class Nullable:
    """Objects of one type, or None."""

    plan: "ObjectPlan"

    async def complete(self, values: Sequence[Any], run: Run) -> Sequence[Any]:
        rows = iter(await self.plan.complete([value for value in values if value is not None], run))
        return [None if value is None else next(rows) for value in values]


@dataclass(frozen=True, slots=True)
class Abstract:
    """Objects of the types that implement an interface, or None."""

    plans: dict[str, "ObjectPlan"]

    async def complete(self, values: Sequence[Any], run: Run) -> Sequence[Any]:
        """Complete all objects of a type at once, so that a batch stays one call."""
        places: dict[str, list[int]] = {}
        for index, value in enumerate(values):
            if value is not None:
                places.setdefault(type_name_of(value), []).append(index)
        rows: list[Any] = [None] * len(values)
        for name, indexes in places.items():
            completed = await self.plans[name].complete([values[index] for index in indexes], run)
            for index, row in zip(indexes, completed, strict=True):
                rows[index] = row
        return rows


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field with a resolver; `slot` is the attribute of the assembled rows that its value goes to."""

    key: str
    slot: str
    call: Call
    nodes: list[FieldNode]
    completion: Completion
    memo: dict[object, Any] = field(default_factory=dict)

    async def resolve(self, objects: Sequence[Any], run: Run) -> Sequence[Any]:
        context = run.context
        info = PlannedInfo(context, FieldSelection(context.operation.selection, self.nodes, self.memo))
        return await self.completion.complete(await self.call(objects, info), run)


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """Objects of one type: `assemble` makes a row of each, with all keys in order; then resolved fields are filled in.

    With `wrap`, the objects are database rows, and are wrapped only for resolvers.
    """

    assemble: Assembler
    resolved: Sequence[Resolved]
    wrap: Wrap | None = None

    async def complete(self, objects: Sequence[Any], run: Run) -> Sequence[Any]:
        if not objects:
            return []
        distinct = {id(each): each for each in objects} if self.wrap is None and len(objects) > 1 else None
        if distinct is None or len(distinct) == len(objects):
            return await self._complete(objects, run)
        rows = await self._complete([*distinct.values()], run)
        if self.resolved:
            rows = await run.write(rows)
            sizes = {key: len(memoryview(row)) for key, row in zip(distinct, rows, strict=True)}
            check_answer(sum(sizes[id(each)] for each in objects), run.max_bytes)
        found = dict(zip(distinct, rows, strict=True))
        return [found[id(each)] for each in objects]

    async def _complete(self, objects: Sequence[Any], run: Run) -> Sequence[Any]:
        rows = self.assemble(objects) if len(objects) <= SLICE else await in_slices(self.assemble, objects)
        if (wrap := self.wrap) and self.resolved:
            objects = await in_slices(lambda part: map(wrap, part), objects)
        for each in self.resolved:
            for row, value in zip(rows, await each.resolve(objects, run), strict=True):
                setattr(row, each.slot, value)
        return rows


class Plans:
    """Executes queries of one schema by plans, which are cached by document."""

    def __init__(self, schema: GraphQLSchema, max_bytes: int) -> None:
        self._query_type = schema.query_type
        self._max_bytes = max_bytes
        self._plans: PlanCache[ObjectPlan | None] = PlanCache()

    async def execute(self, operation: Operation) -> Response | None:
        """Return the whole response; None if the ordinary executor must execute the operation.

        Raises TooLarge, and what failed the plan if the ordinary executor would cost too much.
        """
        context = operation.context
        assert isinstance(context, RequestContext)
        bound = context.operation
        plan = self._plans.get(operation.prepared.document, bound.selection, lambda: self._compile(bound))
        if plan is None:
            return None
        try:
            return await _respond(plan, Run(context, self._max_bytes))
        except TooLarge:
            raise
        except Exception as error:
            if bound.price.may_rerun and not find_unavailable(error):  # or the executor would only wait as long again
                return None
            raise (isinstance(error, Unplannable) and error.__cause__) or error from None

    def _compile(self, operation: AuthorizedOperation) -> ObjectPlan | None:
        definition = operation.selection.operation
        if definition.operation is not OperationType.QUERY or self._query_type is None:
            return None
        try:
            return _Compiler(operation).plan_object(self._query_type, [definition])
        except Unplannable:
            return None


async def _respond(plan: ObjectPlan, run: Run) -> Response:
    """Execute the plan of the root. A nullable field whose statement took too long leaves the data of the others.

    Of several fields each is written by itself, so that no turn of the event loop writes them all.
    """
    (data,) = plan.assemble([None])
    errors: list[GraphQLError] = []
    for each in plan.resolved:
        try:
            (value,) = await each.resolve([None], run)
        except TIMED_OUT as error:
            if isinstance(each.completion, Required):
                raise
            errors.append(GraphQLError(str(error), each.nodes, path=[each.key], original_error=error))
            continue
        if len(plan.resolved) > 1:
            (value,) = await run.write([value])
        setattr(data, each.slot, value)
    wire = translate_executed(errors) if errors else []
    body = _ENCODER.encode({"errors": wire, "data": data} if errors else {"data": data})
    check_answer(len(body), run.max_bytes)
    return Response(body, codes_of(wire))


class _Compiler:
    """Compiles one operation. The plan must be valid for every operation with the same selection."""

    def __init__(self, operation: AuthorizedOperation) -> None:
        self._operation = operation
        self._selection: Selection = operation.selection

    def plan_object(self, type_: GraphQLObjectType, parents: Parents, wrap: Wrap | None = None) -> ObjectPlan:
        fields = self._selection.merged_fields(parents, type_.name)
        writer = RowWriter(type_, are_rows=wrap is not None)
        resolved = [
            planned for key, nodes in fields.items() if (planned := self._plan_field(writer, type_, key, nodes))
        ]
        return ObjectPlan(writer.finish(), resolved, wrap)

    def _plan_field(
        self, writer: RowWriter, type_: GraphQLObjectType, key: str, nodes: list[FieldNode]
    ) -> Resolved | None:
        """Add the field to the writer; return it if its value comes from a resolver."""
        name = nodes[0].name.value
        if name == "__typename":
            writer.add(key, repr(type_.name))
            return None
        field = type_.fields.get(name)
        if field is None:
            raise Unplannable
        if writer.add_plain(key, field):
            return None
        definition = field_definition(field)
        if definition is None:
            raise Unplannable
        rows = rows_of_field(definition)
        completion = self._plan_completion(field.type, nodes, rows.wrap if rows else None)
        part = _part_of(completion) if rows and rows.read is None else None
        if part:
            writer.add_part(key, part)
            return None
        call = self._plan_call(field, definition, type_.name, nodes)
        return Resolved(key, writer.add(key, "None"), call, nodes, completion)

    def _plan_call(
        self, field: GraphQLField, definition: StrawberryField, type_name: str, nodes: list[FieldNode]
    ) -> Call:
        if rows := rows_of_field(definition):
            return _read_each(rows.read or attrgetter("row"))
        if resolution := resolution_of(definition):
            if resolution.reader is None:
                return resolution.resolver
            call = _batch_with_arguments if resolution.is_batch else _call_with_arguments
            return call(resolution.resolver, self._operation.index_of(type_name, nodes))
        resolver = definition.base_resolver
        if resolver is None:
            return _read_each(attrgetter(definition.python_name))
        if not definition.extensions and not resolver.arguments:
            return _call_each(resolver.wrapped_func, takes_info=resolver.info_parameter is not None)
        return _call_wrapped(field, type_name)

    def _plan_completion(self, type_: GraphQLOutputType, nodes: list[FieldNode], wrap: Wrap | None) -> Completion:
        if isinstance(type_, GraphQLNonNull):
            inner = self._plan_completion(type_.of_type, nodes, wrap)
            return Required(inner.plan if isinstance(inner, Nullable) else inner)
        if isinstance(type_, GraphQLList):
            return ListOf(self._plan_completion(type_.of_type, nodes, wrap))
        if is_leaf_type(type_):
            return PassThrough() if is_passed_through(type_) else Leaf(type_.serialize)
        if isinstance(type_, GraphQLObjectType):
            return Nullable(self.plan_object(type_, nodes, wrap))
        possible: Iterable[GraphQLObjectType] = self._selection.schema.get_possible_types(type_)  # type: ignore[arg-type]
        return Abstract({each.name: self.plan_object(each, nodes) for each in possible})


def _part_of(completion: Completion) -> Assembler | None:
    """Return the assembler of a required object without resolved fields."""
    plan = completion.inner if isinstance(completion, Required) else completion
    return plan.assemble if isinstance(plan, ObjectPlan) and not plan.resolved else None


def _read_each(read: Callable[[Any], Any]) -> Call:
    async def call(objects: Sequence[Any], info: PlannedInfo) -> Sequence[Any]:
        return [read(each) for each in objects]

    return call


def _batch_with_arguments(batch: Batch, index: int) -> Call:
    async def call(objects: Sequence[Any], info: PlannedInfo) -> Sequence[Any]:
        return await batch(objects, info, info.context.operation.arguments[index])

    return call


def _call_with_arguments(resolver: Any, index: int) -> Call:
    async def call(objects: Sequence[Any], info: PlannedInfo) -> Sequence[Any]:
        arguments = info.context.operation.arguments[index]
        if len(objects) == 1:
            return [resolver(objects[0], info, arguments)]
        return await one_by_one(lambda each: resolver(each, info, arguments), objects)

    return _awaited(call) if inspect.iscoroutinefunction(resolver) else call


def _call_each(resolver: Any, *, takes_info: bool) -> Call:
    """Call a resolver without Strawberry's wrapper: without arguments there is nothing to convert."""

    async def call(objects: Sequence[Any], info: PlannedInfo) -> Sequence[Any]:
        return await one_by_one(lambda each: resolver(each, info) if takes_info else resolver(each), objects)

    return _awaited(call) if inspect.iscoroutinefunction(resolver) else call


def _call_wrapped(field: GraphQLField, type_name: str) -> Call:
    """Call a resolver by Strawberry's wrapper, with the arguments of the request."""
    resolve: Any = field.resolve

    async def call(objects: Sequence[Any], info: PlannedInfo) -> Sequence[Any]:
        arguments = info.selected.selection.arguments(type_name, info.selected.nodes[0])
        values = await one_by_one(lambda each: resolve(each, info, **arguments), objects)
        return await _all(values) if values and inspect.isawaitable(values[0]) else values

    return call


def _awaited(call: Call) -> Call:
    async def call_and_wait(objects: Sequence[Any], info: PlannedInfo) -> Sequence[Any]:
        return await _all(await call(objects, info))

    return call_and_wait


async def _all(values: Sequence[Awaitable[Any]]) -> Sequence[Any]:
    return [await values[0]] if len(values) == 1 else await asyncio.gather(*values)
