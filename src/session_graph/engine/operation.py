"""The operation of a request in its stages: parameters, prepared, with its viewer, authorized."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import FieldNode, OperationDefinitionNode, OperationType, VariableValues

from session_graph.access.viewer import Viewer
from session_graph.engine.documents import Document
from session_graph.engine.selection import Selection


@dataclass(frozen=True, slots=True)
class GraphQLParams:
    """The parameters of a GraphQL request. `variables` and `extensions` are decoded JSON."""

    query: str
    operation_name: str | None
    variables: dict[str, object]
    extensions: dict[str, object]


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class PreparedOperation:
    """An operation of a valid document with the coerced values of its variables, independent of viewer and time.

    Equal only to itself, so that caches can be keyed by it.
    """

    params: GraphQLParams
    document: Document
    definition: OperationDefinitionNode
    variables: VariableValues


@dataclass(frozen=True, slots=True)
class Operation:
    """A prepared operation and the viewer who sent it."""

    viewer: Viewer
    context: object
    prepared: PreparedOperation

    @property
    def definition(self) -> OperationDefinitionNode:
        return self.prepared.definition

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    @property
    def is_subscription(self) -> bool:
        return self.definition.operation is OperationType.SUBSCRIPTION


@dataclass(frozen=True, slots=True)
class Price:
    """What an operation may cost (`engine.costs`).

    `charge` is the part of the `estimate` that the caller's budget is charged, `statements` that of its statements over
    many sessions. `may_rerun` says whether the ordinary executor may execute it, too, if its plan fails.
    """

    estimate: int
    charge: int
    statements: int
    may_rerun: bool


@dataclass(frozen=True, slots=True)
class AuthorizedOperation:
    """An operation whose fields the viewer may read and whose arguments are valid.

    `fields` are the fields with arguments; `arguments` has the result of each one's reader (None without a reader).
    """

    selection: Selection
    fields: Sequence[tuple[str, Sequence[FieldNode]]]
    arguments: Sequence[Any]
    price: Price

    def index_of(self, type_name: str, nodes: Sequence[FieldNode]) -> int:
        """Return the index of a field's arguments. It is the same for every operation with the same selection."""
        ids = [*map(id, nodes)]
        return next(i for i, (name, own) in enumerate(self.fields) if name == type_name and [*map(id, own)] == ids)


class Response(NamedTuple):
    """The JSON of one response, the codes of its errors, and the cursor of the event that it is about."""

    body: bytes
    codes: Sequence[str] = ()
    cursor: str | None = None
