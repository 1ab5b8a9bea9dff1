"""What one request asks for, once it is known to be valid."""

from dataclasses import dataclass

from graphql import OperationDefinitionNode, OperationType, VariableValues

from session_graph.access.viewer import Viewer
from session_graph.graph.documents import Document
from session_graph.graph.request import GraphQLParams


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a valid document with the coerced values of its variables, and who asks for it."""

    viewer: Viewer
    context: object
    params: GraphQLParams
    document: Document
    definition: OperationDefinitionNode
    variables: VariableValues

    @property
    def is_subscription(self) -> bool:
        return self.definition.operation is OperationType.SUBSCRIPTION
