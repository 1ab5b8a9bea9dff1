"""Plans: a query compiled once, and answered many times without being walked again.

A plan knows nothing of any field. It takes from the schema what the ordinary executor would: the resolver, the type,
how a value is written. What a type merely looks up (see `rows`) becomes one generated function for all objects of a
level (see `assembling`); what has a resolver is resolved for all of them at once, so that batches stay batches. A plan
knows only the way without errors: whatever goes wrong, the ordinary executor answers instead, and says so in its own
words.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol

import msgspec
from graphql import (
    FieldNode,
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
from strawberry.types.fields.resolver import StrawberryResolver

from session_graph.engine.batching import Wrap, batch_of, is_read_ahead, rows_of_field
from session_graph.engine.operation import Operation
from session_graph.engine.plan_cache import PlanCache
from session_graph.engine.row_compiler import DEFINITION, Assembler, Writer, is_as_it_is
from session_graph.engine.selection import Selection
from session_graph.schema.context import Context

_ENCODER = msgspec.json.Encoder(enc_hook=lambda json: msgspec.Raw(json.contents))
"""Writes what is assembled, and the JSON that a scalar passes through (`orjson.Fragment`)."""


class Unplannable(Exception):
    """The ordinary executor must answer."""


@dataclass(frozen=True, slots=True)
class _PlannedInfo:
    """As much of strawberry.Info, and of the GraphQLResolveInfo in it, as resolvers here use."""

    context: Context
    field_nodes: list[FieldNode]

    @property
    def _raw_info(self) -> "_PlannedInfo":
        return self


Call = Callable[[Sequence[Any], _PlannedInfo], Awaitable[Sequence[Any]]]
"""Resolves a field of all objects."""


class Completion(Protocol):
    """Turns resolved values, all of one field at one level, into what JSON has."""

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True)
class PassThrough:
    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        return values


@dataclass(frozen=True, slots=True)
class Leaf:
    write: Callable[[Any], Any]

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        return [None if value is None else self.write(value) for value in values]


@dataclass(frozen=True, slots=True)
class Required:
    inner: Completion

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        for value in values:
            if value is None:
                raise Unplannable
        return await self.inner.complete(values, context)


@dataclass(frozen=True, slots=True)
class ListOf:
    inner: Completion

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        if len(values) == 1 and values[0] is not None:
            return [await self.inner.complete(values[0], context)]
        flat = [item for value in values if value is not None for item in value]
        items = iter(await self.inner.complete(flat, context))
        return [None if value is None else [next(items) for _ in value] for value in values]


@dataclass(frozen=True, slots=True)
class Nullable:
    """Objects of one type, some of which may be missing."""

    plan: "ObjectPlan"

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        rows = iter(await self.plan.complete([value for value in values if value is not None], context))
        return [None if value is None else next(rows) for value in values]


@dataclass(frozen=True, slots=True)
class Abstract:
    """Objects of the types that implement an interface."""

    plans: dict[str, "ObjectPlan"]

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        return [None if value is None else await self._complete_one(value, context) for value in values]

    async def _complete_one(self, value: Any, context: Context) -> Any:
        (row,) = await self.plans[type(value).__strawberry_definition__.name].complete([value], context)
        return row


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field with a resolver; `place` is where its value goes in the assembled rows."""

    place: str
    call: Call
    nodes: list[FieldNode]
    completion: Completion

    async def resolve(self, objects: Sequence[Any], context: Context) -> Sequence[Any]:
        values = await self.call(objects, _PlannedInfo(context, self.nodes))
        return await self.completion.complete(values, context)


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """`assemble` makes a row of each object, with all keys in order; the resolved fields are filled in after.

    With a `wrap`, the objects come as the bare rows that their fields are looked up in, and are made for resolvers.
    """

    assemble: Assembler
    resolved: Sequence[Resolved]
    wrap: Wrap | None = None

    async def complete(self, objects: Sequence[Any], context: Context) -> Sequence[Any]:
        rows = self.assemble(objects)
        if self.wrap and self.resolved:
            objects = [self.wrap(each) for each in objects]
        for each in self.resolved:
            for row, value in zip(rows, await each.resolve(objects, context), strict=True):
                setattr(row, each.place, value)
        return rows


class Plans:
    """The plans of a schema's queries."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._plans = PlanCache(self._compile)

    async def execute(self, operation: Operation) -> bytes | None:
        """The JSON of the whole response; None where the ordinary executor must answer."""
        context = operation.context
        assert isinstance(context, Context)
        plan = self._plans.get(operation.prepared.document, context.selection)
        if plan is None:
            return None
        try:
            (data,) = await plan.complete([None], context)
            return _ENCODER.encode({"data": data})
        except Exception:
            return None

    def _compile(self, selection: Selection) -> ObjectPlan | None:
        if selection.operation.operation is not OperationType.QUERY or self._schema.query_type is None:
            return None
        try:
            return _plan_object(selection, self._schema.query_type, [selection.operation])
        except Unplannable:
            return None


def _plan_object(
    selection: Selection, type_: GraphQLObjectType, parents: Sequence[Any], wrap: Wrap | None = None
) -> ObjectPlan:
    chosen: dict[str, list[FieldNode]] = {}
    for node in selection.fields(parents, type_.name):
        chosen.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
    writer = Writer(type_, are_rows=wrap is not None)
    resolved = []
    for key, nodes in chosen.items():
        name = nodes[0].name.value
        if name == "__typename":
            writer.add(key, repr(type_.name))
            continue
        if name not in type_.fields:
            raise Unplannable
        field = type_.fields[name]
        if writer.add_plain(key, field):
            continue
        definition = field.extensions.get(DEFINITION)
        if not isinstance(definition, StrawberryField):
            raise Unplannable
        rows = rows_of_field(definition)
        completion = _plan_completion(selection, field.type, nodes, rows.wrap if rows else None)
        part = _part_of(completion) if rows and rows.read is None else None
        if part:
            writer.add_part(key, part)
        else:
            call = _plan_call(field, definition, type_.name)
            resolved.append(Resolved(writer.add(key, "None"), call, nodes, completion))
    return ObjectPlan(writer.finish(), resolved, wrap)


def _part_of(completion: Completion) -> Assembler | None:
    """What assembles the completed object, where all of it is plain."""
    plan = completion.inner if isinstance(completion, Required) else completion
    return plan.assemble if isinstance(plan, ObjectPlan) and not plan.resolved else None


def _plan_call(field: GraphQLField, definition: StrawberryField, type_name: str) -> Call:
    if batch := batch_of(definition):
        return batch
    if rows := rows_of_field(definition):
        return _read_each(rows.read or attrgetter("row"))
    resolver = definition.base_resolver
    if resolver and not definition.extensions and (not resolver.arguments or is_read_ahead(definition)):
        return _call_each(resolver)
    return _call_wrapped(field, type_name)


def _read_each(read: Callable[[Any], Any]) -> Call:
    async def call(objects: Sequence[Any], info: _PlannedInfo) -> Sequence[Any]:
        return [read(each) for each in objects]

    return call


def _call_each(resolver: StrawberryResolver[Any]) -> Call:
    """Without what Strawberry has around a resolver: there are no arguments to convert."""
    function: Any = resolver.wrapped_func
    given: dict[str, Any] = dict.fromkeys(argument.python_name for argument in resolver.arguments)
    takes_info = resolver.info_parameter is not None

    async def call(objects: Sequence[Any], info: _PlannedInfo) -> Sequence[Any]:
        if takes_info:
            return [function(each, info, **given) for each in objects]
        return [function(each, **given) for each in objects]

    async def call_async(objects: Sequence[Any], info: _PlannedInfo) -> Sequence[Any]:
        return await _all(await call(objects, info))

    return call_async if inspect.iscoroutinefunction(function) else call


def _call_wrapped(field: GraphQLField, type_name: str) -> Call:
    """As Strawberry would, with the arguments that the request gives."""
    function: Any = field.resolve

    async def call(objects: Sequence[Any], info: _PlannedInfo) -> Sequence[Any]:
        arguments = info.context.selection.arguments(type_name, info.field_nodes[0])
        values = [function(each, info, **arguments) for each in objects]
        return await _all(values) if values and inspect.isawaitable(values[0]) else values

    return call


async def _all(values: Sequence[Awaitable[Any]]) -> Sequence[Any]:
    return [await values[0]] if len(values) == 1 else await asyncio.gather(*values)


def _plan_completion(
    selection: Selection, type_: GraphQLOutputType, nodes: list[FieldNode], wrap: Wrap | None
) -> Completion:
    if isinstance(type_, GraphQLNonNull):
        inner = _plan_completion(selection, type_.of_type, nodes, wrap)
        return Required(inner.plan if isinstance(inner, Nullable) else inner)
    if isinstance(type_, GraphQLList):
        return ListOf(_plan_completion(selection, type_.of_type, nodes, wrap))
    if is_leaf_type(type_):
        return PassThrough() if is_as_it_is(type_) else Leaf(type_.serialize)
    if isinstance(type_, GraphQLObjectType):
        return Nullable(_plan_object(selection, type_, nodes, wrap))
    possible: Iterable[GraphQLObjectType] = selection.schema.get_possible_types(type_)  # type: ignore[arg-type]
    return Abstract({each.name: _plan_object(selection, each, nodes) for each in possible})
