"""The weights of argument values, compiled into functions: they are weighed for every new request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
)

from session_graph.engine.cost_table import NOTHING, CostTable, Weight
from session_graph.engine.fields import Raw

Amount = tuple[float, float]
"""The `each` and the `once` of a Weight, without an object."""

Weigh = Callable[[Raw], Amount]
"""Returns the weight of the arguments of a field."""


WeighValue = Callable[[Any], Amount]
"""Returns the weight of the value of an argument or input field."""


@dataclass(slots=True)
class InputWeights:
    """The weights of argument values, at any depth of their input objects."""

    schema: GraphQLSchema
    table: CostTable
    _weighers: dict[str, Weigh | None] = field(default_factory=dict)
    _weighed: set[str] = field(default_factory=set)
    _parts: dict[str, dict[str, WeighValue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the types that have a weight anywhere inside: values of other types are not looked at."""
        owners = {coordinate.partition(".")[0] for coordinate in self.table.weights}
        types = self.schema.type_map.values()
        self._weighed = {each.name for each in types if isinstance(each, GraphQLEnumType) and each.name in owners}
        inputs = [each for each in types if isinstance(each, GraphQLInputObjectType)]
        self._weighed |= {each.name for each in inputs if each.name in owners}
        while more := {each.name for each in inputs if each.name not in self._weighed and self._leads(each)}:
            self._weighed |= more

    def weigher(self, coordinate: str, definition: GraphQLField) -> Weigh | None:
        """Return the function that weighs the arguments of a field; None if none of them has a weight."""
        if coordinate not in self._weighers:
            parts = self._choose(
                {f"{coordinate}({name}:)": (name, each.type) for name, each in definition.args.items()}
            )
            self._weighers[coordinate] = partial(_sum, parts) if parts else None
        return self._weighers[coordinate]

    def _leads(self, type_: GraphQLInputObjectType) -> bool:
        return any(get_named_type(each.type).name in self._weighed for each in type_.fields.values())

    def _choose(self, declared: Mapping[str, tuple[str, Any]]) -> dict[str, WeighValue]:
        """Return the function that weighs the value of each argument or field, by name, if it has a weight."""
        weights = self.table.weights
        return {
            name: self._weigh_value(type_, weights.get(coordinate, NOTHING))
            for coordinate, (name, type_) in declared.items()
            if coordinate in weights or get_named_type(type_).name in self._weighed
        }

    def _parts_of(self, type_: GraphQLInputObjectType) -> Mapping[str, WeighValue]:
        """Return the parts of an input type; an empty mapping is filled later, as types may contain themselves."""
        if type_.name not in self._parts:
            parts = self._parts[type_.name] = {}
            declared = {f"{type_.name}.{name}": (name, each.type) for name, each in type_.fields.items()}
            parts.update(self._choose(declared))
        return self._parts[type_.name]

    def _weigh_value(self, type_: Any, weight: Weight) -> WeighValue:
        """Return the function that weighs a value: of a list each entry."""
        type_, own = get_nullable_type(type_), (weight.each, weight.once)
        if isinstance(type_, GraphQLList):
            if get_named_type(type_).name not in self._weighed:
                return partial(_weigh_length, own)
            return partial(_weigh_entries, self._weigh_value(type_.of_type, weight))
        if isinstance(type_, GraphQLEnumType):
            found = {name: self.table.weights.get(f"{type_.name}.{name}", NOTHING) for name in type_.values}
            amounts = {name: (own[0] + more.each, own[1] + more.once) for name, more in found.items()}
            return lambda value: amounts.get(getattr(value, "name", value), own)
        if isinstance(type_, GraphQLInputObjectType) and type_.name in self._weighed:
            return partial(_weigh_object, own, self._parts_of(type_))
        return lambda value: own


def _sum(parts: Mapping[str, WeighValue], raw: Raw) -> Amount:
    each = once = 0.0
    for name, value in raw.items():
        if value is not None and (weigh := parts.get(name)):
            more, statements = weigh(value)
            each, once = each + more, once + statements
    return each, once


def _weigh_length(own: Amount, value: Any) -> Amount:
    length = len(value) if isinstance(value, list) else 1
    return own[0] * length, own[1] * length


def _weigh_entries(weigh: WeighValue, value: Any) -> Amount:
    items = value if isinstance(value, list) else [value]
    amounts = [weigh(item) for item in items if item is not None]
    return sum(amount[0] for amount in amounts), sum(amount[1] for amount in amounts)


def _weigh_object(own: Amount, parts: Mapping[str, WeighValue], value: Raw) -> Amount:
    each, once = _sum(parts, value)
    return own[0] + each, own[1] + once
