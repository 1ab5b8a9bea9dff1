"""One request's operation: as it was sent, once it is valid, and once it may be executed."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from cachetools import LRUCache
from graphql import FieldNode, OperationDefinitionNode, OperationType, VariableValues

from session_graph.access.viewer import Viewer
from session_graph.engine.documents import Document
from session_graph.engine.selection import Selection

MAX_CACHED_BYTES = 1024 * 1024
"""Of all bodies that the request cache keeps."""
MAX_BODY_BYTES = 8 * 1024
"""A longer body is not kept."""
MIN_ENTRY_BYTES = 1024
"""A shorter body counts as this many bytes, so that at most 1,024 are kept."""


@dataclass(frozen=True, slots=True)
class GraphQLParams:
    """The parameters of a GraphQL request. `variables` and `extensions` are as JSON has them."""

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
    def is_subscription(self) -> bool:
        return self.definition.operation is OperationType.SUBSCRIPTION


@dataclass(frozen=True, slots=True)
class AuthorizedOperation:
    """An operation whose fields the viewer may read and whose arguments are valid.

    `arguments` has, for each of the `fields` with arguments, what its reader made of them (None without a reader).
    """

    selection: Selection
    fields: Sequence[tuple[str, FieldNode]]
    arguments: Sequence[Any]

    def index_of(self, type_name: str, node: FieldNode) -> int:
        """Return the index of a field's arguments. It is the same for every operation that selects the same."""
        return next(i for i, (name, each) in enumerate(self.fields) if each is node and name == type_name)


class RequestCache:
    """The latest queries by the body of their request: frontends send the same bodies again and again.

    Mutations are not kept, since they are hardly ever sent twice.
    """

    def __init__(self) -> None:
        self._operations: LRUCache[bytes, tuple[PreparedOperation, int]] = LRUCache(MAX_CACHED_BYTES, itemgetter(1))

    def get(self, body: bytes) -> PreparedOperation | None:
        """Return what this very body was prepared as, if it is kept."""
        entry = self._operations.get(body)
        return entry and entry[0]

    def keep(self, body: bytes, prepared: PreparedOperation) -> None:
        """Keep a query of at most MAX_BODY_BYTES, in the place of those that were used longest ago."""
        if len(body) <= MAX_BODY_BYTES and prepared.definition.operation is OperationType.QUERY:
            self._operations[body] = prepared, max(len(body), MIN_ENTRY_BYTES)
