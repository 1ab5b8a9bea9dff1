"""Executes an operation with variables that are coerced already: for a large batch, coercing takes half of the time."""

from typing import Any

from graphql import DocumentNode, Executor, GraphQLError, GraphQLSchema, OperationDefinitionNode, VariableValues
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class CoercedVariables(dict[str, Any]):
    """The variables as they were sent, and their values as the schema `coerced` them."""

    def __init__(self, raw: dict[str, Any], values: VariableValues) -> None:
        super().__init__(raw)
        self.coerced = values


class CoercedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor. It takes CoercedVariables as they are, and coerces others."""

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        *rest: Any,
        **options: Any,
    ) -> "list[GraphQLError] | Executor[Any]":
        if not isinstance(raw_variable_values, CoercedVariables):
            return super().build(schema, document, root_value, context_value, raw_variable_values, *rest, **options)
        bare = _without_variables(document)
        executor = super().build(schema, bare, root_value, context_value, None, *rest, **options)
        if isinstance(executor, Executor):
            executor.variable_values = raw_variable_values.coerced
        return executor


def _without_variables(document: DocumentNode) -> DocumentNode:
    """Return the document with the same fields, whose operations declare no variables to coerce."""
    return DocumentNode(
        definitions=tuple(
            OperationDefinitionNode(
                operation=each.operation, name=each.name, directives=each.directives, selection_set=each.selection_set
            )
            if isinstance(each, OperationDefinitionNode)
            else each
            for each in document.definitions
        )
    )
