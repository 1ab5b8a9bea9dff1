"""Which fields an operation selects: fragments opened, @skip and @include heeded, aliases and repetitions merged."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    TypeNode,
    VariableNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues

from session_graph.engine.operation import PreparedOperation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a validated operation selects, with the values of its variables."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    conditions: tuple[tuple[str, bool], ...]
    """The variables that can decide @skip and @include, with their values: all that are Boolean."""
    memo: dict[Hashable, Any] = field(default_factory=dict)
    """What was found out of the same selection before; shared by all that select the same."""

    @classmethod
    def of(cls, schema: GraphQLSchema, prepared: PreparedOperation) -> "Selection":
        names = (v.variable.name.value for v in prepared.definition.variable_definitions or () if _is_boolean(v.type))
        values = prepared.variables.coerced
        conditions = tuple((name, values[name]) for name in names if name in values)
        return cls(schema, prepared.definition, prepared.document.fragments, prepared.variables, conditions)

    def fields(self, parents: Sequence[FieldNode | OperationDefinitionNode], type_name: str) -> Iterator[FieldNode]:
        """The fields that are selected below these nodes where the object is of this type."""
        seen: set[str] = set()
        for parent in parents:
            if parent.selection_set:
                yield from self._open(parent.selection_set, type_name, seen)

    def once(self, what: str, nodes: Sequence[FieldNode], find: Callable[[], T]) -> T:
        """What `find` found of these nodes the first time."""
        key = (what, *map(id, nodes))
        if key not in self.memo:
            self.memo[key] = find()
        found: T = self.memo[key]
        return found

    def arguments(self, type_name: str, node: FieldNode) -> dict[str, Any]:
        """The field's arguments as graphql-core coerces them: input objects as mappings by GraphQL's names."""
        parent = self.schema.type_map[type_name]
        assert isinstance(parent, GraphQLObjectType)
        return get_argument_values(parent.fields[node.name.value], node, self.variables)

    def names(self, nodes: Sequence[FieldNode], type_name: str) -> frozenset[str]:
        """The names of the fields that are selected below these nodes."""
        return frozenset(field.name.value for field in self.fields(nodes, type_name))

    def below(self, nodes: Sequence[FieldNode], *path: tuple[str, str]) -> list[FieldNode]:
        """The nodes at the end of a path of (type, field): `("SessionConnection", "nodes")`."""
        found = list(nodes)
        for type_name, name in path:
            found = [field for field in self.fields(found, type_name) if field.name.value == name]
        return found

    def _open(self, selection_set: SelectionSetNode, type_name: str, seen: set[str]) -> Iterator[FieldNode]:
        for node in selection_set.selections:
            if not self._is_included(node):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._applies(node.type_condition.name.value, type_name):
                    yield from self._open(node.selection_set, type_name, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
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

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            name = directive.name.value
            if name in ("skip", "include"):
                (argument,) = directive.arguments or ()  # validated: both have just `if`
                condition: Any = argument.value
                known = isinstance(condition, VariableNode)
                on = self.variables.coerced[condition.name.value] if known else condition.value
                if on is (name == "skip"):
                    return False
        return True


def _is_boolean(type_: TypeNode) -> bool:
    named = type_.type if isinstance(type_, NonNullTypeNode) else type_
    return isinstance(named, NamedTypeNode) and named.name.value == "Boolean"
