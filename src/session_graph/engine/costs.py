"""What an operation may cost, known before it runs.

A `CostTable` gives the weights of a schema, by coordinate. `CostCompiler` compiles the selection of an operation once;
`CompiledCosts.measure` then takes the values of its arguments, so that the real sizes of lists are multiplied. The
weights follow IBM's "GraphQL Cost Directives"; `engine.cost_directives` shows them in the schema.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    get_named_type,
    get_nullable_type,
)

from session_graph.engine.fields import Raw
from session_graph.engine.selection import Parents, Selection
from session_graph.errors import TooLarge

EXECUTOR_FACTOR = 20
"""How many times more a value costs in the ordinary executor than in a plan."""

IndexOf = Callable[[str, Sequence[FieldNode]], int]
"""Returns the index of a field with arguments, which `CompiledCosts.measure` finds its arguments by."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a part of the schema costs: `each` for each object that has it, `once` for each place in the operation.

    `once` is the weight of a statement, since one statement serves all objects at a place.
    """

    each: float = 0
    once: float = 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(self.each + other.each, self.once + other.once)

    def times(self, count: float) -> "Weight":
        return Weight(self.each * count, self.once * count)


NOTHING = Weight()


@dataclass(frozen=True, slots=True)
class ListSize:
    """How many entries a list has: the value of the first of `arguments` that is given (of a list, its length), else
    `assumed`.

    With `sized`, the size is that of the lists in these fields below. `count` finds the size from the arguments of the
    field and of the field above it; it returns None if it cannot.
    """

    assumed: int
    arguments: tuple[str, ...] = ()
    sized: tuple[str, ...] = ()
    count: Callable[[Raw, Raw], int | None] | None = None

    def of(self, arguments: Raw, above: Raw) -> int:
        """Return the number of entries."""
        for name in self.arguments:
            value = arguments.get(name)
            if value is not None:
                return max(len(value) if isinstance(value, list) else int(value), 0)
        found = self.count(arguments, above) if self.count else None
        return self.assumed if found is None else found


@dataclass(frozen=True, slots=True)
class CostTable:
    """The weights and list sizes of a schema by schema coordinate: `Type`, `Type.field`, `Type.field(argument:)`,
    `Input.field`, `Enum.VALUE`.

    The weight of a type counts for each object of it; that of an input field or enum value wherever an argument has it,
    of a list for each entry. `value` is the weight of every other field, `meta_value` that of a field of introspection.
    `unbilled` returns, given the arguments of a field, the part of its cost that callers' budgets are not charged.
    """

    weights: Mapping[str, Weight]
    sizes: Mapping[str, ListSize]
    value: float
    meta_value: float
    unbilled: Mapping[str, Callable[[Raw], float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation costs, what it costs in the ordinary executor, and its dearest field.

    `is_planned` unless only the ordinary executor can execute it. `statements` is the part of its statements over many
    sessions, that is of all weights `once`.
    """

    total: int
    executed: int
    is_planned: bool
    dearest: str
    statements: int

    def refusal(self, limit: int) -> TooLarge:
        """Return the error of an operation that costs more than `limit`."""
        return TooLarge(
            f"The operation would cost {self.total:,}; at most {limit:,} is served. Its dearest field is"
            f" {self.dearest}: ask for smaller pages, or less below it.",
            cost=self.total,
            maxCost=limit,
            field=self.dearest,
        )


Weigh = Callable[[Raw], Weight]
"""Returns the weight of the arguments of a field."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A field at one place of an operation. `variants` are the selections below it, one for each possible type."""

    key: str
    name: str
    weight: Weight
    use: int | None
    weigh: Weigh | None
    size: ListSize | None
    is_list: bool
    variants: Sequence["_Below"]


@dataclass(frozen=True, slots=True)
class _Below:
    """A selection on objects of one type: the weight of its plain fields together, and its other fields."""

    each: float
    places: Sequence[_Place]


@dataclass(slots=True)
class _Bill:
    """The sum of an operation, and its dearest field so far."""

    arguments: Sequence[Raw]
    sum: Weight = NOTHING
    dearest: str = ""
    highest: float = -1

    def charge(self, path: str, weight: Weight) -> None:
        self.sum += weight
        if (amount := weight.each + weight.once) > self.highest:
            self.dearest, self.highest = path, amount


@dataclass(frozen=True, slots=True)
class CompiledCosts:
    """The places of an operation that have a cost."""

    root: _Below
    is_planned: bool

    def measure(self, arguments: Sequence[Raw]) -> Cost:
        """Return the cost, given the arguments of each field that has any, by the index that `index_of` returned."""
        bill = _Bill(arguments)
        bill.charge("", Weight(self.root.each))
        for place in self.root.places:
            _charge(bill, place, "", 1, {}, {})
        each, once = bill.sum.each, bill.sum.once
        executed = ceil(each * EXECUTOR_FACTOR + once)
        total = ceil(each + once) if self.is_planned else executed
        return Cost(total, executed, self.is_planned, bill.dearest, ceil(once))


def _charge(bill: _Bill, place: _Place, path: str, count: float, sized: Mapping[str, int], above: Raw) -> None:
    path = f"{path}.{place.key}" if path else place.key
    arguments = bill.arguments[place.use] if place.use is not None else {}
    own = place.weight + place.weigh(arguments) if place.weigh else place.weight
    size = sized.get(place.name)
    if size is None:
        size = place.size.of(arguments, above) if place.size else 1
    inner = count * size if place.is_list else count
    below = _dearest(bill, place.variants, inner)
    bill.charge(path, Weight(own.each * count + (below.each * inner if below else 0), own.once))
    sizes = dict.fromkeys(place.size.sized, size) if place.size and place.size.sized else {}
    for each in below.places if below else ():
        _charge(bill, each, path, inner, sizes, arguments)


def _dearest(bill: _Bill, variants: Sequence[_Below], count: float) -> _Below | None:
    """Return the dearest of the selections on several types, as if all objects were of its type."""
    if len(variants) > 1:
        return max(variants, key=lambda below: _estimate(bill, below, count))
    return variants[0] if variants else None


def _estimate(bill: _Bill, below: _Below, count: float) -> float:
    trial = _Bill(bill.arguments)
    for place in below.places:
        _charge(trial, place, "", count, {}, {})
    return below.each * count + trial.sum.each + trial.sum.once


class CostCompiler:
    """Compiles the selections of the operations of one schema."""

    def __init__(self, schema: GraphQLSchema, table: CostTable) -> None:
        self._schema = schema
        self._table = table
        self._inputs = _InputWeights(schema, table)

    def compile(self, selection: Selection, index_of: IndexOf) -> CompiledCosts:
        """Compile a selection. The result is valid for every operation with the same selection."""
        root = self._schema.get_root_type(selection.operation.operation)
        assert root is not None
        below = _Compilation(self._table, self._inputs, selection, index_of).below(root, [selection.operation])
        is_query = selection.operation.operation is OperationType.QUERY
        return CompiledCosts(below, is_query and not any(place.name in _META for place in below.places))


@dataclass(frozen=True, slots=True)
class _Compilation:
    table: CostTable
    inputs: "_InputWeights"
    selection: Selection
    index_of: IndexOf

    def below(self, type_: GraphQLObjectType, parents: Parents) -> _Below:
        value = self.table.meta_value if type_.name.startswith("__") else self.table.value
        each, places = self.table.weights.get(type_.name, NOTHING).each, []
        for key, nodes in self.selection.merged_fields(parents, type_.name).items():
            name = nodes[0].name.value
            definition = type_.fields.get(name) or _META.get(name)
            place = self._place(type_, key, nodes, definition, value) if definition else None
            if place is None:
                each += value
            elif place.use is None and not place.weight.once and not place.variants:
                each += place.weight.each
            else:
                places.append(place)
        return _Below(each, places)

    def _place(
        self, type_: GraphQLObjectType, key: str, nodes: list[FieldNode], definition: GraphQLField, value: float
    ) -> _Place:
        name = nodes[0].name.value
        coordinate = f"{type_.name}.{name}"
        has_uses = bool(definition.args) and name not in _META and not type_.name.startswith("__")
        return _Place(
            key,
            name,
            self.table.weights.get(coordinate, Weight(value)),
            self.index_of(type_.name, nodes) if has_uses else None,
            self.inputs.weigher(coordinate, definition) if has_uses else None,
            self.table.sizes.get(coordinate),
            isinstance(get_nullable_type(definition.type), GraphQLList),
            [self.below(each, nodes) for each in self._possible(get_named_type(definition.type))],
        )

    def _possible(self, type_: Any) -> Iterable[GraphQLObjectType]:
        if isinstance(type_, GraphQLInterfaceType):
            return self.selection.schema.get_possible_types(type_)
        return [type_] if isinstance(type_, GraphQLObjectType) else []


_META: Mapping[str, GraphQLField] = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


_Parts = Mapping[str, tuple[Any, Weight]]
"""The type and the weight of arguments or input fields by name."""


@dataclass(slots=True)
class _InputWeights:
    """The weights of argument values, at any depth of their input objects."""

    schema: GraphQLSchema
    table: CostTable
    _weighers: dict[str, Weigh | None] = field(default_factory=dict)
    _weighed: set[str] = field(default_factory=set)
    _parts: dict[str, "_Parts"] = field(default_factory=dict)

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
            self._weighers[coordinate] = (lambda raw: self._sum(parts, raw)) if parts else None
        return self._weighers[coordinate]

    def _leads(self, type_: GraphQLInputObjectType) -> bool:
        return any(get_named_type(each.type).name in self._weighed for each in type_.fields.values())

    def _choose(self, declared: Mapping[str, tuple[str, Any]]) -> "_Parts":
        """Return those arguments or fields that have a weight, or values with one, by name."""
        weights = self.table.weights
        return {
            name: (type_, weights.get(coordinate, NOTHING))
            for coordinate, (name, type_) in declared.items()
            if coordinate in weights or get_named_type(type_).name in self._weighed
        }

    def _parts_of(self, type_: GraphQLInputObjectType) -> "_Parts":
        if type_.name not in self._parts:
            declared = {f"{type_.name}.{name}": (name, each.type) for name, each in type_.fields.items()}
            self._parts[type_.name] = self._choose(declared)
        return self._parts[type_.name]

    def _sum(self, parts: "_Parts", raw: Raw) -> Weight:
        total = NOTHING
        for name, value in raw.items():
            if value is not None and name in parts:
                total += self._value(parts[name][0], value, parts[name][1])
        return total

    def _value(self, type_: Any, value: Any, weight: Weight) -> Weight:
        """Return the weight of a value: of a list for each entry."""
        type_ = get_nullable_type(type_)
        if isinstance(type_, GraphQLList):
            items = value if isinstance(value, list) else [value]
            if get_named_type(type_).name not in self._weighed:
                return weight.times(len(items))
            return sum((self._value(type_.of_type, item, weight) for item in items if item is not None), NOTHING)
        if isinstance(type_, GraphQLEnumType):
            return weight + self.table.weights.get(f"{type_.name}.{getattr(value, 'name', value)}", NOTHING)
        if isinstance(type_, GraphQLInputObjectType) and type_.name in self._weighed:
            return weight + self._sum(self._parts_of(type_), value)
        return weight
