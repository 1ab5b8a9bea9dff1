"""What one request asks for, once it is known to be valid."""

from collections import OrderedDict
from dataclasses import dataclass

from graphql import OperationDefinitionNode, OperationType, VariableValues

from session_graph.access.viewer import Viewer
from session_graph.engine.documents import Document
from session_graph.http.request import GraphQLParams

MAX_KEPT = 1000
MAX_KEPT_BYTES = 1024 * 1024
"""Of all kept bodies together."""
MAX_KEPT_BODY = 8 * 1024


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class PreparedOperation:
    """An operation of a valid document with the coerced values of its variables, whoever asks it and whenever.

    Equal only to itself, so that what is found out about one may be kept by it.
    """

    params: GraphQLParams
    document: Document
    definition: OperationDefinitionNode
    variables: VariableValues


@dataclass(frozen=True, slots=True)
class Operation:
    """A prepared, and who asks it."""

    viewer: Viewer
    context: object
    prepared: PreparedOperation

    @property
    def definition(self) -> OperationDefinitionNode:
        return self.prepared.definition

    @property
    def is_subscription(self) -> bool:
        return self.definition.operation is OperationType.SUBSCRIPTION


class RequestCache:
    """The latest requests by the bodies of their requests: frontends send the same again and again.

    Only those of queries, as what changes something is hardly ever said twice.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, PreparedOperation] = OrderedDict()
        self._kept_bytes = 0

    def get(self, body: bytes) -> PreparedOperation | None:
        prepared = self._kept.get(body)
        if prepared is not None:
            self._kept.move_to_end(body)
        return prepared

    def keep(self, body: bytes, prepared: PreparedOperation) -> None:
        if len(body) > MAX_KEPT_BODY or prepared.definition.operation is not OperationType.QUERY or body in self._kept:
            return
        self._kept[body] = prepared
        self._kept_bytes += len(body)
        while len(self._kept) > MAX_KEPT or self._kept_bytes > MAX_KEPT_BYTES:
            oldest, _ = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest)
