"""What is wrong with the values of an operation's variables: one error for each wrong value, with its place.

graphql-core names a place in the message only. Each error here has `extensions.path` too, which leads from the argument
that the variable is used in: `["input", "records", 3, "channel"]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    GraphQLError,
    GraphQLSchema,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    Visitor,
    validate_input_value,
    visit,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.pyutils import print_path_list

from session_graph.engine.documents import MAX_ERRORS, Document
from session_graph.errors import PathSegment

MAX_VARIABLE_ERRORS = 2000
"""Enough for four wrong values in each record of a full batch, so that one answer names every bad record."""

MAX_WITH_SUGGESTIONS = MAX_ERRORS

Path = tuple[PathSegment, ...]


class _TooMany(Exception):
    """Stops the search at MAX_VARIABLE_ERRORS."""


def find_variable_errors(
    schema: GraphQLSchema,
    document: Document,
    definition: OperationDefinitionNode,
    values: Mapping[str, Any],
    *,
    hide_suggestions: bool,
) -> list[GraphQLError]:
    """Return an error for each wrong value, at most MAX_VARIABLE_ERRORS and one that says that there are more.

    Only a few suggest similar names: to find one takes a millisecond.
    """
    errors = _find(schema, document, definition, values, hide_suggestions=True)
    if hide_suggestions or len(errors) > MAX_WITH_SUGGESTIONS:
        return errors
    return _find(schema, document, definition, values, hide_suggestions=False)


def _find(
    schema: GraphQLSchema,
    document: Document,
    definition: OperationDefinitionNode,
    values: Mapping[str, Any],
    *,
    hide_suggestions: bool,
) -> list[GraphQLError]:
    errors: list[GraphQLError] = []
    places = _find_places([definition, *document.fragments.values()])

    def check(name: str, type_: Any, node: Node) -> None:
        def add(error: GraphQLError, path: Sequence[PathSegment]) -> None:
            if len(errors) == MAX_VARIABLE_ERRORS:
                raise _TooMany
            message = f"Variable '${name}' has invalid value{print_path_list(list(path))}: {error.message}"
            place = (*places.get(name, (name,)), *path)
            errors.append(GraphQLError(message, node, original_error=error, extensions={"path": place}))

        validate_input_value(values.get(name, Undefined), type_, add, hide_suggestions)

    try:
        for node in definition.variable_definitions or ():
            name = node.variable.name.value
            signature = get_variable_signature(schema, node)
            if not isinstance(signature, GraphQLError) and (name in values or not node.default_value):
                check(name, signature.type, node)
    except _TooMany:
        errors.append(GraphQLError(f"There are more errors; these are the first {MAX_VARIABLE_ERRORS:,}."))
    return errors


def _find_places(nodes: Sequence[Node]) -> dict[str, Path]:
    """Return the path of the first argument that uses each variable."""
    finder = _PlaceFinder()
    for node in nodes:
        visit(node, finder)
    return finder.places


class _PlaceFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, Path] = {}

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        for name, path in _uses(node.value, (node.name.value,)):
            self.places.setdefault(name, path)


def _uses(value: ValueNode, path: Path) -> Iterator[tuple[str, Path]]:
    if isinstance(value, VariableNode):
        yield value.name.value, path
    elif isinstance(value, ObjectValueNode):
        for field in value.fields:
            yield from _uses(field.value, (*path, field.name.value))
    elif isinstance(value, ListValueNode):
        for index, item in enumerate(value.values):
            yield from _uses(item, (*path, index))
