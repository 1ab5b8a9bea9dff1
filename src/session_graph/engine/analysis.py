"""Authorization, argument parsing and cost of a whole operation, before anything is executed.

A field counts as read wherever the operation names it: selected, filtered by, ordered by, grouped by, edited.
`Analyzer.analyze` collects the coordinates of all these fields, checks them at once, reads every argument, and compares
what the operation may cost with the limit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import ceil
from typing import Any
from weakref import WeakKeyDictionary

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    get_nullable_type,
)

from session_graph.engine.context import RequestContext
from session_graph.engine.cost_table import CostTable
from session_graph.engine.costs import CompiledCosts, Cost, CostCompiler
from session_graph.engine.documents import InvalidRequest
from session_graph.engine.fields import ArgumentReader, Check, Coordinate, FieldRequest, Raw, reader_of
from session_graph.engine.operation import AuthorizedOperation, Operation, PreparedOperation, Price
from session_graph.engine.plan_cache import PlanCache
from session_graph.engine.selection import FieldSelection, Parents, Selection
from session_graph.errors import Forbidden, ForbiddenField, InvalidInput, TooLarge

MAX_ROOT_MUTATIONS = 10
MAX_ARGUMENT_ERRORS = 100
"""More wrong arguments of an operation are not told: twenty lists of wrong ids have thousands."""

NamesOf = Callable[[Any], Iterable[Coordinate]]
Roles = Mapping[Coordinate, frozenset[str]]
"""The roles that may read, set or call each limited coordinate. Coordinates not listed are open to all roles."""


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A field with arguments at one place of an operation, with the nodes that the executor merges there.

    `memo` belongs to its FieldSelection.
    """

    type: str
    nodes: Sequence[FieldNode]
    arguments: Mapping[str, GraphQLArgument]
    reader: ArgumentReader[Any] | None
    memo: dict[object, Any]


@dataclass(frozen=True, slots=True)
class OperationFields:
    """The fields of an operation, independent of viewer and variables: found once for each document.

    `coordinates` are the selected fields; the arguments of `uses` may name more.
    """

    coordinates: frozenset[Coordinate]
    uses: Sequence[FieldUse]
    costs: CompiledCosts


@dataclass(frozen=True, slots=True)
class CoercedArguments:
    """The arguments of a use, by GraphQL name and by parameter, and the result of its reader's `selects`."""

    raw: Raw
    by_parameter: Raw
    selected: Any


@dataclass(frozen=True, slots=True)
class AnalyzedOperation:
    """The part of the analysis that does not depend on the viewer.

    `arguments` has an entry for each of `uses`, None if the executor will refuse its arguments; `coordinates` are all
    that the operation names. `fields` has the type and the nodes of each of `uses`. `cost` is that of the whole
    operation.
    """

    selection: Selection
    uses: Sequence[FieldUse]
    arguments: Sequence[CoercedArguments | None]
    coordinates: frozenset[Coordinate]
    fields: Sequence[tuple[str, Sequence[FieldNode]]]
    cost: Cost
    price: Price


class Analyzer:
    """Analyzes the operations of a schema. The result is cached for as long as its PreparedOperation lives.

    `named_by` maps an input type to a function that returns the coordinates named by a value of that type. No operation
    may cost more than `max_cost` by the weights of `costs`.
    """

    def __init__(
        self, schema: GraphQLSchema, named_by: Mapping[str, NamesOf], roles: Roles, costs: CostTable, max_cost: int
    ) -> None:
        self._schema = schema
        self._roles = roles
        self._refused = lru_cache(maxsize=1024)(self._find_refused)
        self._names = ArgumentNames(schema, named_by)
        self._costs = CostCompiler(schema, costs)
        self._unbilled = costs.unbilled
        self._max_cost = max_cost
        self._fields: PlanCache[OperationFields] = PlanCache()
        self._analyzed: WeakKeyDictionary[PreparedOperation, AnalyzedOperation] = WeakKeyDictionary()

    def analyze(self, operation: Operation) -> Check | None:
        """Authorize the operation in its context. Raises Forbidden, ForbiddenField, TooLarge, InvalidRequest.

        If arguments must be checked against the database, return what does so; it raises InvalidRequest.
        """
        context = operation.context
        assert isinstance(context, RequestContext)
        analyzed = self._analyze(operation.prepared)
        _limit_mutations(analyzed.selection)
        self._check(context.viewer.role, analyzed.coordinates)
        arguments, checks = _read_all(context, analyzed)
        cost = analyzed.cost
        if cost.total > self._max_cost:
            raise cost.refusal(self._max_cost)
        context.operation = AuthorizedOperation(analyzed.selection, analyzed.fields, arguments, analyzed.price)
        return partial(_run, checks) if checks else None

    def cost(self, prepared: PreparedOperation) -> Cost:
        """Return what the operation may cost."""
        return self._analyze(prepared).cost

    def _find_refused(self, role: str, coordinates: frozenset[Coordinate]) -> list[Coordinate]:
        return sorted(name for name in coordinates & self._roles.keys() if role not in self._roles[name])

    def _check(self, role: str, coordinates: frozenset[Coordinate]) -> None:
        refused = self._refused(role, coordinates)
        for type_name, field in refused:
            if type_name == "Mutation":
                raise Forbidden(f"The role {role} may not call {field}.")
        if refused:
            raise ForbiddenField(role, [f"{type_name}.{field}" for type_name, field in refused])

    def _analyze(self, prepared: PreparedOperation) -> AnalyzedOperation:
        analyzed = self._analyzed.get(prepared)
        if analyzed is None:
            fragments, variables = prepared.document.fragments, prepared.variables
            selection = Selection.of(self._schema, prepared.definition, fragments, variables)
            fields = self._fields.get(prepared.document, selection, lambda: self._find_fields(selection))
            arguments = [_coerce(selection, use) for use in fields.uses]
            named = (name for pair in zip(fields.uses, arguments, strict=True) for name in self._names.of(*pair))
            cost = fields.costs.measure([each.raw if each else {} for each in arguments])
            charge = cost.total - ceil(self._find_unbilled(fields.uses, arguments))
            price = Price(cost.total, charge, cost.statements, cost.executed <= self._max_cost)
            places = [(use.type, use.nodes) for use in fields.uses]
            coordinates = fields.coordinates.union(named)
            analyzed = AnalyzedOperation(selection, fields.uses, arguments, coordinates, places, cost, price)
            self._analyzed[prepared] = analyzed
        return analyzed

    def _find_unbilled(self, uses: Sequence[FieldUse], arguments: Sequence[CoercedArguments | None]) -> float:
        """Return the part of the cost that budgets are not charged."""
        pairs = zip(uses, arguments, strict=True)
        parts = ((self._unbilled.get(f"{use.type}.{use.nodes[0].name.value}"), found) for use, found in pairs)
        return sum(unbilled(found.raw) for unbilled, found in parts if unbilled and found)

    def _find_fields(self, selection: Selection) -> OperationFields:
        coordinates, uses = _find_uses(selection)
        indexes = {_place(use.type, use.nodes): index for index, use in enumerate(uses)}
        costs = self._costs.compile(selection, lambda type_name, nodes: indexes[_place(type_name, nodes)])
        return OperationFields(coordinates, uses, costs)


class ArgumentNames:
    """Finds the coordinates that argument values name, at any depth of their input objects."""

    def __init__(self, schema: GraphQLSchema, named_by: Mapping[str, NamesOf]) -> None:
        self._named_by = named_by
        inputs = {name: type_ for name, type_ in schema.type_map.items() if isinstance(type_, GraphQLInputObjectType)}
        self._leading = set(named_by)
        while more := {name for name, type_ in inputs.items() if name not in self._leading and self._leads(type_)}:
            self._leading |= more

    def of(self, use: FieldUse, arguments: CoercedArguments | None) -> Iterator[Coordinate]:
        """Yield the coordinates that the arguments of a field name."""
        if arguments is not None:
            yield from self._in_all(use.arguments, arguments.raw)
            if use.reader:
                yield from use.reader.names(arguments.raw)

    def _leads(self, type_: GraphQLInputObjectType) -> bool:
        return any(get_named_type(field.type).name in self._leading for field in type_.fields.values())

    def _in_all(
        self, declared: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField], raw: Raw
    ) -> Iterator[Coordinate]:
        for name, value in raw.items():
            if value is not None and get_named_type(declared[name].type).name in self._leading:
                yield from self._in_value(declared[name].type, value)

    def _in_value(self, type_: Any, value: Any) -> Iterator[Coordinate]:
        type_ = get_nullable_type(type_)
        if isinstance(type_, GraphQLList):
            for item in value if isinstance(value, list) else [value]:
                if item is not None:
                    yield from self._in_value(type_.of_type, item)
        elif named := self._named_by.get(type_.name):
            yield from named(value)
        elif isinstance(type_, GraphQLInputObjectType):
            yield from self._in_all(type_.fields, value)


def _place(type_name: str, nodes: Sequence[FieldNode]) -> tuple[object, ...]:
    return type_name, *map(id, nodes)


def _find_uses(selection: Selection) -> tuple[frozenset[Coordinate], list[FieldUse]]:
    root = selection.schema.get_root_type(selection.operation.operation)
    assert root is not None
    uses: list[FieldUse] = []
    coordinates: set[Coordinate] = set()
    unread: list[tuple[GraphQLObjectType, Parents]] = [(root, [selection.operation])]
    while unread:
        parent, parents = unread.pop()
        for nodes in selection.merged_fields(parents, parent.name).values():
            name = nodes[0].name.value
            if definition := parent.fields.get(name):
                coordinates.add((parent.name, name))
                if definition.args:
                    uses.append(FieldUse(parent.name, nodes, definition.args, reader_of(definition), {}))
                unread += [(type_, nodes) for type_ in _object_types(selection, get_named_type(definition.type))]
    return frozenset(coordinates), uses


def _object_types(selection: Selection, type_: Any) -> list[GraphQLObjectType]:
    if isinstance(type_, GraphQLInterfaceType):
        return list(selection.schema.get_possible_types(type_))
    return [type_] if isinstance(type_, GraphQLObjectType) else []


def _limit_mutations(selection: Selection) -> None:
    if selection.operation.operation is OperationType.MUTATION:
        count = sum(1 for _ in selection.fields([selection.operation], "Mutation"))
        if count > MAX_ROOT_MUTATIONS:
            raise TooLarge(f"A request has at most {MAX_ROOT_MUTATIONS} mutations; this one has {count}.")


def _coerce(selection: Selection, use: FieldUse) -> CoercedArguments | None:
    try:
        raw = selection.arguments(use.type, use.nodes[0])
        if use.reader is None:
            return CoercedArguments(raw, {}, None)
        selected = use.reader.selects(FieldSelection(selection, use.nodes, use.memo))
        return CoercedArguments(raw, use.reader.by_parameter(raw), selected)
    except GraphQLError:
        return None


def _read_all(
    context: RequestContext, analyzed: AnalyzedOperation
) -> tuple[list[Any], list[tuple[FieldUse, list[Check]]]]:
    """Return the result of each reader, and the checks of those that have any.

    Raises InvalidRequest with the problems of all.
    """
    results: list[Any] = []
    checks: list[tuple[FieldUse, list[Check]]] = []
    errors: list[GraphQLError] = []
    for use, arguments in zip(analyzed.uses, analyzed.arguments, strict=True):
        if use.reader is None or arguments is None:
            results.append(None)
            continue
        request = FieldRequest(context, arguments.selected)
        try:
            results.append(use.reader.check(request, **arguments.by_parameter))
        except InvalidInput as error:
            errors += _locate(error, use)
        if request.checks:
            checks.append((use, request.checks))
        if len(errors) > MAX_ARGUMENT_ERRORS:
            break
    _refuse(errors)
    return results, checks


async def _run(checks: Sequence[tuple[FieldUse, Sequence[Check]]]) -> None:
    """Run the checks of each use. Raises InvalidRequest with the problems of all."""
    errors: list[GraphQLError] = []
    for use, check in ((use, check) for use, own in checks for check in own):
        try:
            await check()
        except InvalidInput as error:
            errors += _locate(error, use)
    _refuse(errors)


def _refuse(errors: Sequence[GraphQLError]) -> None:
    """Raise InvalidRequest with the first errors, if there are any."""
    if len(errors) > MAX_ARGUMENT_ERRORS:
        more = GraphQLError(f"There are more errors; these are the first {MAX_ARGUMENT_ERRORS:,}.")
        raise InvalidRequest([*errors[:MAX_ARGUMENT_ERRORS], more])
    if errors:
        raise InvalidRequest(errors)


def _locate(error: InvalidInput, use: FieldUse) -> Iterator[GraphQLError]:
    for problem in error.problems[: MAX_ARGUMENT_ERRORS + 1]:
        yield GraphQLError(str(problem), use.nodes[0], original_error=problem.error(problem.message, problem.path))
