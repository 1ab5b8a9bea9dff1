"""What an operation may cost, known before it runs.

A `CostTable` gives the weights of a schema, by coordinate. `CostCompiler` compiles the selection of an operation once;
`CompiledCosts.measure` then takes the values of its arguments, so that the real sizes of lists are multiplied. The
weights follow IBM's "GraphQL Cost Directives"; `engine.cost_directives` shows them in the schema.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from operator import itemgetter
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
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

from session_graph.engine.cost_table import NOTHING, CostTable, ListSize, Weight
from session_graph.engine.fields import Raw
from session_graph.engine.input_costs import Amount, InputWeights, Weigh
from session_graph.engine.selection import Parents, Selection
from session_graph.errors import TooLarge

EXECUTOR_FACTOR = 20
"""How many times more a value costs in the ordinary executor than in a plan."""

IndexOf = Callable[[str, Sequence[FieldNode]], int]
"""Returns the index of a field with arguments, which `CompiledCosts.measure` finds its arguments by."""


@dataclass(slots=True)
class Cost:
    """What an operation costs, and what it costs in the ordinary executor.

    `is_planned` unless only the ordinary executor can execute it. `statements` is the part of its statements over many
    sessions, that is of all weights `once`.
    """

    total: int
    executed: int
    is_planned: bool
    statements: int
    _costs: "CompiledCosts" = field(repr=False)
    _arguments: Sequence[Raw] = field(repr=False)

    @property
    def dearest(self) -> str:
        """Return the path of the dearest field."""
        return self._costs.find_dearest(self._arguments)

    def refusal(self, limit: int) -> TooLarge:
        """Return the error of an operation that costs more than `limit`."""
        return TooLarge(
            f"The operation would cost {self.total:,}; at most {limit:,} is served. Its dearest field is"
            f" {self.dearest}: ask for smaller pages, or less below it.",
            cost=self.total,
            maxCost=limit,
            field=self.dearest,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """A field at one place of an operation. `variants` are the selections below it, one for each possible type.

    `fixed` is the amount of one object, with all below it, if no argument and no other size changes it.
    """

    key: str
    name: str
    weight: Weight
    use: int | None
    weigh: Weigh | None
    size: ListSize | None
    is_list: bool
    variants: Sequence["_Below"]
    fixed: Amount | None

    def measure(self, arguments: Sequence[Raw], count: float, sized: Mapping[str, int], above: Raw) -> Amount:
        """Return the amount of `count` objects that have this field, with all below it."""
        each, once, inner, own, sizes = self.measure_alone(arguments, count, sized, above)
        if below := self.choose(arguments, inner):
            more, statements = below.measure(arguments, inner, sizes, own)
            return each + more, once + statements
        return each, once

    def measure_alone(
        self, arguments: Sequence[Raw], count: float, sized: Mapping[str, int], above: Raw
    ) -> tuple[float, float, float, Raw, Mapping[str, int]]:
        """Return the amount of the field alone, the number of objects below it, its arguments and the sizes that they
        give the fields below."""
        own = arguments[self.use] if self.use is not None else _NO_ARGUMENTS
        each, once = self.weight.each, self.weight.once
        if self.weigh:
            more, statements = self.weigh(own)
            each, once = each + more, once + statements
        size = sized.get(self.name) if sized else None
        if size is None:
            size = self.size.of(own, above) if self.size else 1
        sizes = dict.fromkeys(self.size.sized, size) if self.size and self.size.sized else _NO_SIZES
        return each * count, once, count * size if self.is_list else count, own, sizes

    def choose(self, arguments: Sequence[Raw], count: float) -> "_Below | None":
        """Return the dearest of the selections on several types, as if all objects were of its type."""
        if len(self.variants) > 1:
            return max(self.variants, key=lambda below: sum(below.measure(arguments, count, _NO_SIZES, _NO_ARGUMENTS)))
        return self.variants[0] if self.variants else None


_NO_ARGUMENTS: Raw = {}
_NO_SIZES: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class _Below:
    """A selection on objects of one type: the weight of its plain fields together, and its other fields.

    `each` and `once` are those of its plain and fixed fields together; `varying` are the others.
    """

    plain: float
    places: Sequence[_Place]
    each: float
    once: float
    varying: Sequence[_Place]

    @classmethod
    def of(cls, plain: float, places: Sequence[_Place]) -> "_Below":
        fixed = [place.fixed for place in places if place.fixed]
        each, once = plain + sum(amount[0] for amount in fixed), sum(amount[1] for amount in fixed)
        return cls(plain, places, each, once, [place for place in places if place.fixed is None])

    def measure(self, arguments: Sequence[Raw], count: float, sized: Mapping[str, int], above: Raw) -> Amount:
        """Return the amount of `count` objects."""
        each, once = self.each * count, self.once
        for place in self.varying:
            more, statements = place.measure(arguments, count, sized, above)
            each, once = each + more, once + statements
        return each, once


@dataclass(frozen=True, slots=True)
class CompiledCosts:
    """The places of an operation that have a cost."""

    root: _Below
    is_planned: bool

    def measure(self, arguments: Sequence[Raw]) -> Cost:
        """Return the cost, given the arguments of each field that has any, by the index that `index_of` returned."""
        each, once = self.root.measure(arguments, 1, _NO_SIZES, _NO_ARGUMENTS)
        executed = _whole(each * EXECUTOR_FACTOR + once)
        total = _whole(each + once) if self.is_planned else executed
        return Cost(total, executed, self.is_planned, _whole(once), self, arguments)

    def find_dearest(self, arguments: Sequence[Raw]) -> str:
        """Return the path of the field that costs most by itself, with the plain fields below it."""
        found = [(self.root.plain, "")]
        for place in self.root.places:
            _list_amounts(found, place, "", arguments, 1, _NO_SIZES, _NO_ARGUMENTS)
        return max(found, key=itemgetter(0))[1]


def _whole(amount: float) -> int:
    return ceil(round(amount, 6))


def _list_amounts(
    found: list[tuple[float, str]],
    place: _Place,
    path: str,
    arguments: Sequence[Raw],
    count: float,
    sized: Mapping[str, int],
    above: Raw,
) -> None:
    path = f"{path}.{place.key}" if path else place.key
    each, once, inner, own, sizes = place.measure_alone(arguments, count, sized, above)
    below = place.choose(arguments, inner)
    found.append((each + once + (below.plain * inner if below else 0), path))
    for each_place in below.places if below else ():
        _list_amounts(found, each_place, path, arguments, inner, sizes, own)


class CostCompiler:
    """Compiles the selections of the operations of one schema."""

    def __init__(self, schema: GraphQLSchema, table: CostTable) -> None:
        self._schema = schema
        self._table = table
        self._inputs = InputWeights(schema, table)
        self._sized = frozenset(name for size in table.sizes.values() for name in size.sized)

    def compile(self, selection: Selection, index_of: IndexOf) -> CompiledCosts:
        """Compile a selection. The result is valid for every operation with the same selection."""
        root = self._schema.get_root_type(selection.operation.operation)
        assert root is not None
        compilation = _Compilation(self._table, self._inputs, selection, index_of, self._sized)
        below = compilation.below(root, [selection.operation])
        is_query = selection.operation.operation is OperationType.QUERY
        return CompiledCosts(below, is_query and not any(place.name in _META for place in below.places))


def _fix(weight: Weight, size: ListSize | None, is_list: bool, variants: Sequence[_Below]) -> Amount | None:
    """Return the amount of a field for one object, with all below it; None if it is not the same for all."""
    if len(variants) > 1 or (variants and variants[0].varying):
        return None
    length = size.assumed if size and is_list else 1
    each, once = (variants[0].each * length, variants[0].once) if variants else (0, 0)
    return weight.each + each, weight.once + once


@dataclass(frozen=True, slots=True)
class _Compilation:
    """`sized` are the names of all fields whose size the field above them may give."""

    table: CostTable
    inputs: "InputWeights"
    selection: Selection
    index_of: IndexOf
    sized: frozenset[str]

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
        return _Below.of(each, places)

    def _place(
        self, type_: GraphQLObjectType, key: str, nodes: list[FieldNode], definition: GraphQLField, value: float
    ) -> _Place:
        name = nodes[0].name.value
        coordinate = f"{type_.name}.{name}"
        has_uses = bool(definition.args) and name not in _META and not type_.name.startswith("__")
        weight = self.table.weights.get(coordinate, Weight(value))
        size = self.table.sizes.get(coordinate)
        is_list = isinstance(get_nullable_type(definition.type), GraphQLList)
        variants = [self.below(each, nodes) for each in self._possible(get_named_type(definition.type))]
        use = self.index_of(type_.name, nodes) if has_uses else None
        weigh = self.inputs.weigher(coordinate, definition) if has_uses else None
        fixed = None
        if not has_uses and name not in self.sized and not (size and size.count):
            fixed = _fix(weight, size, is_list, variants)
        return _Place(key, name, weight, use, weigh, size, is_list, variants, fixed)

    def _possible(self, type_: Any) -> Iterable[GraphQLObjectType]:
        if isinstance(type_, GraphQLInterfaceType):
            return self.selection.schema.get_possible_types(type_)
        return [type_] if isinstance(type_, GraphQLObjectType) else []


_META: Mapping[str, GraphQLField] = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
