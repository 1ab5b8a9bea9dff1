"""Fields whose arguments are read beside them.

    @reader()
    def read_session_id(request: FieldRequest[Context], id: IdArgument) -> UUID: ...

    @field("A session; null if there is none that you may see.", reads=read_session_id)
    async def session(self, info: Info, session_id: UUID) -> Session | None: ...

The parameters of the reader, after the request, are the arguments of the field in the schema. A reader gets them as
graphql-core coerces them (input objects are mappings by GraphQL name), and the resolver gets what the reader returns.
The analysis calls every reader before anything is executed, so that a bad argument costs no statement.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import strawberry
from pydantic.alias_generators import to_camel
from strawberry.types.field import StrawberryField

from session_graph.engine.context import RequestContext
from session_graph.engine.internals import nodes_of, parent_type_of
from session_graph.engine.selection import FieldSelection

C = TypeVar("C", bound=RequestContext)
A = TypeVar("A")
P = ParamSpec("P")
T = TypeVar("T")

Coordinate = tuple[str, str]
"""A type of the schema and one of its fields: `("Session", "comment")`."""
Raw = Mapping[str, Any]
"""Arguments by GraphQL name, as graphql-core coerces them."""

_READS = "session_graph.reads"


@dataclass(frozen=True, slots=True)
class FieldRequest(Generic[C]):
    """What a reader may look at beside the arguments: the request's context, and what the field selects."""

    context: C
    selected: FieldSelection


@dataclass(frozen=True, slots=True)
class PlannedInfo:
    """What a plan hands to resolvers as their `info`: as much of strawberry.Info as resolvers here use."""

    context: Any
    selected: FieldSelection


@dataclass(frozen=True, eq=False, slots=True)
class ArgumentReader(Generic[A]):
    """How a field reads its arguments. `names` yields the coordinates that their values name, as far as their types
    do not tell; `check` is called before the operation is executed and raises what must refuse the whole request.
    """

    read: Callable[..., A]
    check: Callable[..., Any]
    names: Callable[[Raw], Iterable[Coordinate]]
    parameters: Mapping[str, inspect.Parameter]
    """By GraphQL name."""

    def __call__(self, request: FieldRequest[Any], raw: Raw) -> A:
        return self.read(request, **self._by_parameter(raw))

    def check_only(self, request: FieldRequest[Any], raw: Raw) -> Any:
        """Do what is to be done before the operation is executed: return what was read, if that is the whole check."""
        return self.check(request, **self._by_parameter(raw))

    def _by_parameter(self, raw: Raw) -> Raw:
        return {self.parameters[name].name: value for name, value in raw.items()}


def reader(
    names: Callable[[Raw], Iterable[Coordinate]] = lambda raw: (),
) -> Callable[[Callable[Concatenate[FieldRequest[C], P], A]], ArgumentReader[A]]:
    """Make an ArgumentReader of a function. Raise RequestError in it for what must refuse the whole request."""

    def make(read: Callable[Concatenate[FieldRequest[C], P], A]) -> ArgumentReader[A]:
        _, *parameters = inspect.signature(read).parameters.values()
        return ArgumentReader(read, read, names, {to_camel(each.name): each for each in parameters})

    return make


def field(description: str, *, reads: ArgumentReader[A]) -> Callable[[Callable[[Any, Any, A], T]], Any]:
    """Make a field of a resolver that takes `self`, `info`, and what `reads` makes of the arguments."""

    def make_field(resolver: Callable[[Any, Any, A], T]) -> Any:
        def resolve(self: Any, info: Any, **_: Any) -> T:
            return resolver(self, info, read_arguments(info, reads))

        return declare(resolve, resolver, reads, inspect.signature(resolver).return_annotation, description)

    return make_field


def subscription(description: str, *, reads: ArgumentReader[A]) -> Callable[[Callable[[Any, Any, A], T]], Any]:
    """Make a subscription of a resolver, likewise. It has begun when the resolver returns its events."""

    def make_field(resolver: Callable[[Any, Any, A], T]) -> Any:
        def resolve(self: Any, info: Any, **_: Any) -> T:
            return resolver(self, info, read_arguments(info, reads))

        returned = inspect.signature(resolver).return_annotation
        return declare(resolve, resolver, reads, returned, description, make=strawberry.subscription)

    return make_field


def declare(
    resolve: Callable[..., Any],
    resolver: Callable[..., Any],
    reads: ArgumentReader[Any] | None,
    returned: Any,
    description: str,
    metadata: Mapping[Any, Any] | None = None,
    make: Callable[..., Any] = strawberry.field,
) -> Any:
    """Make a field of `resolve`, which calls `resolver`: named as that, with the reader's arguments in the schema."""
    info = next(each for each in inspect.signature(resolver).parameters.values() if each.name == "info")
    of_one = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [info, *(reads.parameters.values() if reads else ())]
    resolve.__name__, resolve.__module__ = resolver.__name__, resolver.__module__
    resolve.__signature__ = inspect.Signature([of_one, *parameters], return_annotation=returned)  # type: ignore[attr-defined]
    resolve.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": returned}
    own = {_READS: (resolver, reads)} if reads else {}
    return make(resolve, description=description, metadata={**own, **(metadata or {})})


def reader_of(definition: StrawberryField) -> ArgumentReader[Any] | None:
    """Return how the field reads its arguments; None if Strawberry reads them."""
    found: tuple[Any, ArgumentReader[Any]] | None = definition.metadata.get(_READS)
    return found[1] if found else None


def resolver_of(definition: StrawberryField) -> Callable[..., Any] | None:
    """Return the resolver of a field with a reader."""
    found: tuple[Callable[..., Any], Any] | None = definition.metadata.get(_READS)
    return found[0] if found else None


def selected(info: Any) -> FieldSelection:
    """Return what the field that is being resolved selects below itself."""
    if isinstance(info, PlannedInfo):
        return info.selected
    return FieldSelection(info.context.selection, nodes_of(info))


def read_arguments(info: strawberry.Info[Any, Any], reads: ArgumentReader[A]) -> A:
    """Read the arguments of the field that the ordinary executor is resolving."""
    found = selected(info)
    raw = found.selection.arguments(parent_type_of(info), found.nodes[0])
    return reads(FieldRequest(info.context, found), raw)
