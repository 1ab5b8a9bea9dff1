"""Fields with a reader: a function that checks and parses the arguments of the field.

    @reader()
    def read_session_id(request: FieldRequest[Context, None], id: IdArgument) -> UUID: ...

    @field("A session; null if there is none that you may see.", reads=read_session_id)
    async def session(self, info: Info, session_id: UUID) -> Session | None: ...

The reader's parameters after `request` are the arguments of the field in the schema. The reader receives them as
graphql-core coerces them (input objects are mappings by GraphQL name); the resolver receives the reader's result. The
analysis calls every reader before anything is executed, so that an invalid argument costs no statement.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import strawberry
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeNode,
)
from pydantic.alias_generators import to_camel
from strawberry.types.field import StrawberryField

from session_graph.engine.context import RequestContext
from session_graph.engine.internals import field_definition, nodes_of, parent_type_of
from session_graph.engine.selection import FieldSelection

C = TypeVar("C", bound=RequestContext)
A = TypeVar("A")
S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")

Coordinate = tuple[str, str]
"""A type of the schema and one of its fields: `("Session", "comment")`."""
Raw = Mapping[str, Any]
"""Arguments by GraphQL name, as graphql-core coerces them."""

Check = Callable[[], Awaitable[None]]
"""Checks an argument against the database. Raises InvalidInput."""

_RESOLUTION = "session_graph.resolution"
_MAX_VALUES = "session_graph.max_values"


@dataclass(frozen=True, slots=True)
class FieldRequest(Generic[C, S]):
    """The first parameter of a reader: the request's context, and the result of the reader's `selects`.

    A reader adds what only the database can check to `checks`. The analysis runs them before anything is executed.
    """

    context: C
    selected: S
    checks: list["Check"] = dataclass_field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlannedInfo:
    """The `info` that a plan passes to resolvers: the part of strawberry.Info that resolvers may use."""

    context: RequestContext
    selected: FieldSelection


class Unplannable(Exception):
    """Only the ordinary executor can execute the query."""


@dataclass(frozen=True, eq=False, slots=True)
class ArgumentReader(Generic[A]):
    """How a field reads its arguments.

    `read` returns the value for the resolver. `check` is called before the operation is executed; its InvalidInput
    fails the whole request, with the problems of all fields. `selects` finds the part of the field's selection that
    both need. `names` yields the coordinates that an argument names, if its type alone does not tell.
    """

    read: Callable[..., A]
    check: Callable[..., Any]
    parameters: Mapping[str, inspect.Parameter]
    """By GraphQL name."""
    selects: Callable[[FieldSelection], Any] = lambda selection: None
    names: Callable[[Raw], Iterable[Coordinate]] = lambda raw: ()

    def by_parameter(self, raw: Raw) -> Raw:
        """Return the arguments by the names of the reader's parameters."""
        return {self.parameters[name].name: value for name, value in raw.items()}


@dataclass(frozen=True, slots=True)
class Resolution:
    """The function behind a field that `declare` made, and the reader of its arguments.

    A batch function takes all objects at once instead of one as `self`.
    """

    resolver: Callable[..., Any]
    reader: ArgumentReader[Any] | None
    is_batch: bool


def reader(
    selects: Callable[[FieldSelection], S] = lambda selection: None,  # type: ignore[assignment, return-value]
    names: Callable[[Raw], Iterable[Coordinate]] = lambda raw: (),
) -> Callable[[Callable[Concatenate[FieldRequest[C, S], P], A]], ArgumentReader[A]]:
    """Make an ArgumentReader of a function that raises InvalidInput if arguments are invalid."""

    def make(read: Callable[Concatenate[FieldRequest[C, S], P], A]) -> ArgumentReader[A]:
        _, *parameters = inspect.signature(read).parameters.values()
        return ArgumentReader(read, read, {to_camel(each.name): each for each in parameters}, selects, names)

    return make


def field(
    description: str, *, reads: ArgumentReader[A], make: Callable[..., Any] = strawberry.field
) -> Callable[[Callable[[Any, Any, A], T]], Any]:
    """Make a field of a resolver that takes `self`, `info`, and the reader's result."""

    def make_field(resolver: Callable[[Any, Any, A], T]) -> Any:
        def resolve(self: Any, info: Any, **_: Any) -> T:
            return resolver(self, info, read_arguments(info, reads))

        returned = inspect.signature(resolver).return_annotation
        return declare(resolve, resolver, reads, returned, description, make=make)

    return make_field


def subscription(description: str, *, reads: ArgumentReader[A]) -> Callable[[Callable[[Any, Any, A], T]], Any]:
    """Make a field of the root Subscription. It has begun when the resolver returns the generator."""
    return field(description, reads=reads, make=strawberry.subscription)


def declare(
    resolve: Callable[..., Any],
    resolver: Callable[..., Any],
    reads: ArgumentReader[Any] | None,
    returned: Any,
    description: str,
    *,
    is_batch: bool = False,
    metadata: Mapping[Any, Any] | None = None,
    make: Callable[..., Any] = strawberry.field,
) -> Any:
    """Make a field of `resolve`, with the name of `resolver`, which it calls, and the arguments of the reader."""
    info = next(each for each in inspect.signature(resolver).parameters.values() if each.name == "info")
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [info, *(reads.parameters.values() if reads else ())]
    resolve.__name__, resolve.__module__ = resolver.__name__, resolver.__module__
    resolve.__signature__ = inspect.Signature([self, *parameters], return_annotation=returned)  # type: ignore[attr-defined]
    resolve.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": returned}
    resolution = Resolution(resolver, reads, is_batch)
    return make(resolve, description=description, metadata={_RESOLUTION: resolution, **(metadata or {})})


def skip_conversion(schema: GraphQLSchema) -> None:
    """Call the resolvers of fields that `declare` made without arguments: their readers take them from the operation.

    Strawberry would convert each argument to its classes first, which nobody reads: for a batch of records, that takes
    longer than all the rest.
    """
    for type_ in schema.type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            if reader_of(field) and field.resolve:
                field.resolve = _without_arguments(field.resolve)


def _without_arguments(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resolve_without_arguments(source: Any, info: Any, **_: Any) -> Any:
        return resolve(source, info)

    return resolve_without_arguments


def resolution_of(definition: StrawberryField | None) -> Resolution | None:
    """Return the resolution of a field that `declare` made."""
    resolution: Resolution | None = definition.metadata.get(_RESOLUTION) if definition else None
    return resolution


def reader_of(field: GraphQLField) -> ArgumentReader[Any] | None:
    """Return the reader of a field's arguments; None if Strawberry reads them."""
    resolution = resolution_of(field_definition(field))
    return resolution.reader if resolution else None


def selected(info: strawberry.Info[Any, Any] | PlannedInfo) -> FieldSelection:
    """Return the selection below the field that is being resolved."""
    if isinstance(info, PlannedInfo):
        return info.selected
    return FieldSelection(info.context.operation.selection, nodes_of(info))


def leave_to_executor(info: strawberry.Info[Any, Any] | PlannedInfo, reason: Exception) -> None:
    """End a plan that is resolving the field; return if the ordinary executor is, which alone reports fields that fail.

    A resolver calls this before its statements if it knows that a field below will fail for this reason, so that they
    run once.
    """
    if isinstance(info, PlannedInfo):
        raise Unplannable from reason


def read_arguments(info: strawberry.Info[Any, Any], reads: ArgumentReader[A]) -> A:
    """Read the arguments of the field that the ordinary executor is resolving."""
    found = selected(info)
    raw = found.selection.arguments(parent_type_of(info), found.nodes[0])
    return reads.read(FieldRequest(info.context, reads.selects(found)), **reads.by_parameter(raw))


def declare_bulk(schema: GraphQLSchema, input_type: str, maximum: int) -> None:
    """Let a variable of this type have up to `maximum` values."""
    schema.type_map[input_type].extensions[_MAX_VALUES] = maximum


def bulks_of(schema: GraphQLSchema, operation: OperationDefinitionNode) -> dict[str, int]:
    """Return how many values each variable of the operation may have whose type is declared as a bulk."""
    found = {}
    for each in operation.variable_definitions or ():
        if maximum := schema.type_map[_named(each.type)].extensions.get(_MAX_VALUES):
            found[each.variable.name.value] = int(maximum)
    return found


def _named(type_: TypeNode) -> str:
    while isinstance(type_, NonNullTypeNode | ListTypeNode):
        type_ = type_.type
    assert isinstance(type_, NamedTypeNode)
    return type_.name.value
