"""The fields that an operation selects, with fragments expanded and @skip and @include applied."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from graphql import GraphQLObjectType, GraphQLSchema, get_argument_values
from graphql.execution.values import VariableValues
from graphql.language import ast

T = TypeVar("T")
Parents = Sequence[ast.FieldNode | ast.OperationDefinitionNode]


@dataclass(frozen=True, slots=True)
class Selection:
    """The selections of a valid operation, with the values of its variables."""

    schema: GraphQLSchema
    operation: ast.OperationDefinitionNode
    fragments: Mapping[str, ast.FragmentDefinitionNode]
    variables: VariableValues
    conditions: tuple[tuple[str, bool], ...]
    """The Boolean variables with their values: only these can decide @skip and @include."""

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        operation: ast.OperationDefinitionNode,
        fragments: Mapping[str, ast.FragmentDefinitionNode],
        variables: VariableValues,
    ) -> "Selection":
        names = (each.variable.name.value for each in operation.variable_definitions or () if _is_boolean(each.type))
        conditions = tuple((name, variables.coerced[name]) for name in names if name in variables.coerced)
        return cls(schema, operation, fragments, variables, conditions)

    def fields(self, parents: Parents, type_name: str) -> Iterator[ast.FieldNode]:
        """Yield the fields selected below these nodes on an object of this type."""
        seen: set[str] = set()
        for parent in parents:
            if parent.selection_set:
                yield from self._open(parent.selection_set, type_name, seen)

    def merged_fields(self, parents: Parents, type_name: str) -> dict[str, list[ast.FieldNode]]:
        """Return these fields by response key, merged as the executor does (GraphQL specification, 6.3.2)."""
        merged: dict[str, list[ast.FieldNode]] = {}
        for node in self.fields(parents, type_name):
            merged.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return merged

    def arguments(self, type_name: str, node: ast.FieldNode) -> dict[str, Any]:
        """Return the field's arguments as graphql-core coerces them. Raises GraphQLError if a value is invalid."""
        parent = self.schema.type_map[type_name]
        assert isinstance(parent, GraphQLObjectType)
        return get_argument_values(parent.fields[node.name.value], node, self.variables)

    def _open(self, selection_set: ast.SelectionSetNode, type_name: str, seen: set[str]) -> Iterator[ast.FieldNode]:
        for node in selection_set.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, ast.FieldNode):
                yield node
            elif isinstance(node, ast.InlineFragmentNode):
                if node.type_condition is None or self._applies(node.type_condition.name.value, type_name):
                    yield from self._open(node.selection_set, type_name, seen)
            elif isinstance(node, ast.FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, type_name):
                    yield from self._open(fragment.selection_set, type_name, seen)

    def _applies(self, condition: str, type_name: str) -> bool:
        actual = self.schema.type_map[type_name]
        return condition == type_name or (
            isinstance(actual, GraphQLObjectType)
            and any(interface.name == condition for interface in actual.interfaces)
        )

    def _is_included(self, node: ast.SelectionNode) -> bool:
        for directive in node.directives or ():
            name = directive.name.value
            if name in ("skip", "include"):
                (argument,) = directive.arguments or ()  # validated: only `if`
                condition: Any = argument.value
                is_variable = isinstance(condition, ast.VariableNode)
                value = self.variables.coerced[condition.name.value] if is_variable else condition.value
                if value is (name == "skip"):
                    return False
        return True


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """The selection below one field.

    `memo` caches values that depend on the document alone; a plan shares it among all requests of the same document.
    """

    selection: Selection
    nodes: Sequence[ast.FieldNode]
    memo: dict[object, Any] = field(default_factory=dict)

    def fields(self, type_name: str) -> Iterator[ast.FieldNode]:
        """Yield the fields selected on an object of this type."""
        return self.selection.fields(self.nodes, type_name)

    def names(self, type_name: str) -> frozenset[str]:
        """Return the names of these fields."""
        return frozenset(node.name.value for node in self.fields(type_name))

    def below(self, *path: tuple[str, str]) -> "FieldSelection":
        """Return the selection at the end of a path of (type, field): `("SessionConnection", "nodes")`."""
        nodes = self.nodes
        for type_name, name in path:
            nodes = [node for node in self.selection.fields(nodes, type_name) if node.name.value == name]
        return FieldSelection(self.selection, nodes)

    def once(self, find: Callable[["FieldSelection"], T]) -> T:
        """Return the result of the first call of `find`, which must not depend on variables."""
        if find not in self.memo:
            self.memo[find] = find(self)
        found: T = self.memo[find]
        return found


def _is_boolean(type_: ast.TypeNode) -> bool:
    named = type_.type if isinstance(type_, ast.NonNullTypeNode) else type_
    return isinstance(named, ast.NamedTypeNode) and named.name.value == "Boolean"
