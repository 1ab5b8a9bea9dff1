"""Plans: a query compiled once, and answered many times without being walked again.

A plan knows nothing of any field. It takes from the schema what the ordinary executor would: the resolver, the type,
how a value is written. What a type merely looks up (see `rows`) becomes one generated function for all objects of a
level; what has a resolver is resolved for all of them at once, so that batches stay batches. A plan knows only the way
without errors: whatever goes wrong, the ordinary executor answers instead, and says so in its own words.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Protocol

import orjson
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLLeafType,
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

from session_graph.graph.context import Context
from session_graph.graph.operation import Operation
from session_graph.graph.rows import LookedUp
from session_graph.graph.selection import Selection
from session_graph.graph.together import Wrap, batch_of, is_read_ahead, rows_of_field
from session_graph.graph.variants import Variants
from session_graph.store.database import Row

_DEFINITION = "strawberry-definition"
_AS_IT_IS = {"String", "Boolean", "Int", "DateTime"}
"""What orjson writes just as the schema's scalars do: instants in UTC among them, with OPT_UTC_Z."""
_WRITTEN = {"Decimal", "ID"}
"""What else is text already where the database wrote it."""

Layout = tuple[str, ...]
"""The names of a database row's columns in order; empty for whatever else fields are looked up in."""
Assemble = Callable[[Sequence[Any]], list[dict[str, Any]]]


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
class AsItIs:
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
class Many:
    inner: Completion

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        if len(values) == 1 and values[0] is not None:
            return [await self.inner.complete(values[0], context)]
        flat = [item for value in values if value is not None for item in value]
        items = iter(await self.inner.complete(flat, context))
        return [None if value is None else [next(items) for _ in value] for value in values]


@dataclass(frozen=True, slots=True)
class Optional:
    """Objects of one type, some of which may be missing."""

    plan: "ObjectPlan"

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        rows = iter(await self.plan.complete([value for value in values if value is not None], context))
        return [None if value is None else next(rows) for value in values]


@dataclass(frozen=True, slots=True)
class Various:
    """Objects of the types that implement an interface."""

    plans: dict[str, "ObjectPlan"]

    async def complete(self, values: Sequence[Any], context: Context) -> Sequence[Any]:
        return [None if value is None else await self._complete_one(value, context) for value in values]

    async def _complete_one(self, value: Any, context: Context) -> Any:
        (row,) = await self.plans[type(value).__strawberry_definition__.name].complete([value], context)
        return row


@dataclass(frozen=True, slots=True)
class Resolved:
    """A field with a resolver, under its key in the answer."""

    key: str
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

    assemble: "Assembler"
    resolved: Sequence[Resolved]
    wrap: Wrap | None = None

    async def complete(self, objects: Sequence[Any], context: Context) -> Sequence[Any]:
        rows = self.assemble(objects)
        if self.wrap and self.resolved:
            objects = [self.wrap(each) for each in objects]
        for each in self.resolved:
            for row, value in zip(rows, await each.resolve(objects, context), strict=True):
                row[each.key] = value
        return rows


class Plans:
    """The plans of a schema's queries."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._plans = Variants(self._compile)

    async def answer(self, operation: Operation) -> bytes | None:
        """The JSON of the whole response; None where the ordinary executor must answer."""
        context = operation.context
        assert isinstance(context, Context)
        plan = self._plans.get(operation.document, context.selection)
        if plan is None:
            return None
        try:
            (data,) = await plan.complete([None], context)
            return orjson.dumps({"data": data}, option=orjson.OPT_UTC_Z)
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
    writer = _Writer(type_, are_rows=wrap is not None)
    resolved = []
    for key, nodes in chosen.items():
        name = nodes[0].name.value
        if name == "__typename":
            writer.add(key, repr(type_.name))
            continue
        if name not in type_.fields:
            raise Unplannable
        field = type_.fields[name]
        if not writer.add_plain(key, field):
            writer.add(key, "None")
            definition = field.extensions.get(_DEFINITION)
            if not isinstance(definition, StrawberryField):
                raise Unplannable
            rows = rows_of_field(definition)
            completion = _plan_completion(selection, field.type, nodes, rows.wrap if rows else None)
            resolved.append(Resolved(key, _plan_call(field, definition, type_.name), nodes, completion))
    return ObjectPlan(writer.finish(), resolved, wrap)


def _plan_call(field: GraphQLField, definition: StrawberryField, type_name: str) -> Call:
    if batch := batch_of(definition):
        return batch
    if rows := rows_of_field(definition):
        return _read_each(rows.read)
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
        return Required(inner.plan if isinstance(inner, Optional) else inner)
    if isinstance(type_, GraphQLList):
        return Many(_plan_completion(selection, type_.of_type, nodes, wrap))
    if is_leaf_type(type_):
        return AsItIs() if _is_written(type_, _AS_IT_IS) else Leaf(type_.serialize)
    if isinstance(type_, GraphQLObjectType):
        return Optional(_plan_object(selection, type_, nodes, wrap))
    possible: Iterable[GraphQLObjectType] = selection.schema.get_possible_types(type_)  # type: ignore[arg-type]
    return Various({each.name: _plan_object(selection, each, nodes) for each in possible})


def _is_written(type_: GraphQLLeafType, as_it_is: Collection[str]) -> bool:
    """Whether the value already is what JSON has. Enums are, where each value is the text of its name."""
    if isinstance(type_, GraphQLEnumType):
        return all(str(value.value) == name for name, value in type_.values.items())
    return type_.name in as_it_is


@dataclass(frozen=True, slots=True)
class Assembler:
    """Makes the rows of all objects of a type, in a generated function: one dictionary display for each object.

    `items` are keys and expressions over the object `s` and `r`, what its fields are looked up in, which is at `path`.
    Columns of a database row are taken by their position: there is a function for each layout of such rows.
    """

    items: Sequence[tuple[str, str]]
    names: Mapping[str, Any]
    path: str
    functions: dict[Layout, Assemble] = field(default_factory=dict)

    def __call__(self, objects: Sequence[Any]) -> list[dict[str, Any]]:
        if not objects:
            return []
        layout = self._layout(objects[0])
        function = self.functions.get(layout)
        if function is None:
            function = self.functions[layout] = self._compile(layout)
        return function(objects)

    def _layout(self, first: Any) -> Layout:
        _, *names = self.path.split(".")
        row = reduce(getattr, names, first)
        return tuple(row.keys()) if isinstance(row, Row) else ()

    def _compile(self, layout: Layout) -> Assemble:
        items = ", ".join(f"{key!r}: {expression}" for key, expression in self.items)
        for place, name in enumerate(layout):
            items = items.replace(f"r[{name!r}]", f"r[{place}]")
        rows = f" for r in ({self.path},)"
        source = f"def assemble(objects):\n    return [{{{items}}} for s in objects{rows}]\n"
        names = dict(self.names)
        exec(source, names)  # noqa: S102 - of names from the schema and nothing that a caller sent but its keys' repr
        assemble: Assemble = names["assemble"]
        return assemble


class _Writer:
    """Writes down what an Assembler makes of a type's plain fields."""

    def __init__(self, type_: GraphQLObjectType, *, are_rows: bool) -> None:
        self._are_rows = are_rows
        definition = type_.extensions.get(_DEFINITION)
        self._origin: type = definition.origin if definition else object
        self._as_it_is = _AS_IT_IS | _WRITTEN if getattr(self._origin, "as_written", False) else _AS_IT_IS
        self._names: dict[str, Any] = {}
        self._items: list[tuple[str, str]] = []

    def add(self, key: str, expression: str) -> None:
        self._items.append((key, expression))

    def add_plain(self, key: str, field: GraphQLField) -> bool:
        """Add a field that has no resolver; False where it has one, or is more than a leaf."""
        definition = field.extensions.get(_DEFINITION)
        required = isinstance(field.type, GraphQLNonNull)
        type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if not isinstance(definition, StrawberryField) or not definition.is_basic_field:
            return False
        if isinstance(type_, GraphQLList):
            inner = type_.of_type.of_type if isinstance(type_.of_type, GraphQLNonNull) else type_.of_type
            if not _is_written(inner, self._as_it_is):
                return False
            self.add(key, self._access(definition))
        elif is_leaf_type(type_):
            self.add(key, self._write(self._access(definition), type_, required))
        else:
            return False
        return True

    def finish(self) -> Assembler:
        looks_up = any("r." in expression or "r[" in expression for _, expression in self._items)
        path = f"s.{self._origin.looked_up_in}" if issubclass(self._origin, LookedUp) else "s"
        return Assembler(self._items, self._names, "s" if self._are_rows or not looks_up else path)

    def _access(self, definition: StrawberryField) -> str:
        name = definition.python_name
        if definition.init or not issubclass(self._origin, LookedUp):
            return f"s.{name}"
        return f"r[{name!r}]" if self._origin.by_item else f"r.{name}"

    def _write(self, value: str, type_: GraphQLLeafType, required: bool) -> str:
        if _is_written(type_, self._as_it_is):
            return value
        write = f"write_{type_.name}"
        self._names.setdefault(write, str if type_ is GraphQLID else type_.serialize)
        return f"{write}({value})" if required else f"(None if (v := {value}) is None else {write}(v))"
