"""What a request names and asks for, checked before anything is executed.

A column counts as read wherever it is named: selected, filtered by, ordered by, grouped by. What the role may not read
is refused once, with all the names; then every argument is read, so that a bad one costs no statement.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
)

from session_graph.access.viewer import Viewer
from session_graph.engine.operation import Operation, PreparedOperation
from session_graph.engine.plan_cache import PlanCache
from session_graph.engine.selection import Selection
from session_graph.errors import TooLarge
from session_graph.schema.arguments import (
    ExportListArguments,
    read_dashboard,
    read_external,
    read_list,
    read_lookup,
    read_size_of_each,
    read_uuid,
)
from session_graph.schema.context import AuthorizedOperation, Context
from session_graph.schema.sessions import selected_columns, session_columns
from session_graph.schema.subscription import EventArguments
from session_graph.sessions.cursors import read_event_cursor, read_export_cursor
from session_graph.sessions.dashboard import Group
from session_graph.sessions.filters import columns_named, parse_filter
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.pagination import DEFAULT_SIZE, check_size
from session_graph.sessions.permissions import SchemaCoordinate, check_callable, check_readable, column_name

MAX_ROOT_MUTATIONS = 10

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A field with arguments that is selected of a type."""

    type: str
    field: FieldNode


@dataclass(frozen=True, slots=True)
class OperationFields:
    """What a document's operation names, whoever asks and whatever the values: made once.

    `names` is what it selects; `uses` may name more by their arguments. `memo` is for what else is found out only once.
    """

    names: frozenset[SchemaCoordinate]
    uses: Sequence[FieldUse]
    memo: dict[Hashable, Any]


@dataclass(frozen=True, slots=True)
class AnalyzedOperation:
    """What a prepared selects, with the arguments of its fields, and all that it names."""

    selection: Selection
    given: Sequence[tuple[FieldUse, Arguments]]
    names: frozenset[SchemaCoordinate]


class Analyzer:
    """Inspects the operations of a schema. What is found out about a prepared is kept as long as the prepared."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._outlines = PlanCache(_outline)
        self._examined: WeakKeyDictionary[PreparedOperation, AnalyzedOperation] = WeakKeyDictionary()

    def inspect(self, operation: Operation) -> None:
        """Raises Forbidden, ForbiddenField or BadUserInput; otherwise the operation may be executed in its context."""
        context = operation.context
        assert isinstance(context, Context)
        examined = self._examine(operation.prepared)
        _check_mutations(context.viewer, examined.selection)
        check_readable(context.viewer.role, examined.names)
        read = {id(use.field): _read(context, examined.selection, use, given) for use, given in examined.given}
        context.bind(AuthorizedOperation(examined.selection, read))

    def _examine(self, prepared: PreparedOperation) -> AnalyzedOperation:
        examined = self._examined.get(prepared)
        if examined is None:
            selection = Selection.of(self._schema, prepared)
            outline = self._outlines.get(prepared.document, selection)
            selection = replace(selection, memo=outline.memo)
            given = [(use, arguments) for use in outline.uses if (arguments := _arguments(selection, use)) is not None]
            named = (name for use, arguments in given for name in _names(use, arguments))
            examined = self._examined[prepared] = AnalyzedOperation(selection, given, outline.names.union(named))
        return examined


def _outline(selection: Selection) -> OperationFields:
    root = selection.schema.get_root_type(selection.operation.operation)
    assert root is not None
    seen: dict[tuple[str, int], FieldUse] = {}
    names: set[SchemaCoordinate] = set()
    open_: list[tuple[GraphQLObjectType, Any]] = [(root, selection.operation)]
    while open_:
        parent, node = open_.pop()
        for field in selection.fields([node], parent.name):
            definition = parent.fields.get(field.name.value)
            if definition is None or (parent.name, id(field)) in seen:
                continue
            seen[parent.name, id(field)] = FieldUse(parent.name, field)
            names.add((parent.name, field.name.value))
            open_ += [(type_, field) for type_ in _object_types(selection, get_named_type(definition.type))]
    return OperationFields(frozenset(names), [use for use in seen.values() if _takes_arguments(selection, use)], {})


def _takes_arguments(selection: Selection, use: FieldUse) -> bool:
    parent = selection.schema.type_map[use.type]
    assert isinstance(parent, GraphQLObjectType)
    return bool(parent.fields[use.field.name.value].args)


def _check_mutations(viewer: Viewer, selection: Selection) -> None:
    if selection.operation.operation is OperationType.MUTATION:
        called = [field.name.value for field in selection.fields([selection.operation], "Mutation")]
        if len(called) > MAX_ROOT_MUTATIONS:
            raise TooLarge(f"A request has at most {MAX_ROOT_MUTATIONS} mutations; this one has {len(called)}.")
        for name in called:
            if name != "__typename":
                check_callable(viewer.role, name)


def _object_types(selection: Selection, type_: Any) -> list[GraphQLObjectType]:
    if isinstance(type_, GraphQLInterfaceType):
        return list(selection.schema.get_possible_types(type_))
    return [type_] if isinstance(type_, GraphQLObjectType) else []


def _arguments(selection: Selection, use: FieldUse) -> Arguments | None:
    """None where the executor will refuse them."""
    try:
        return selection.arguments(use.type, use.field)
    except GraphQLError:
        return None


def _names(use: FieldUse, arguments: Arguments) -> Iterator[SchemaCoordinate]:
    """What the arguments name."""
    if use.type == "Mutation":
        yield from _names_edited(arguments.get("input"))
    if use.type in ("Query", "Agent", "Subscription"):
        yield from (column_name(column) for column in columns_named(arguments.get("filter") or {}))
        if order := arguments.get("orderBy"):
            yield column_name(ORDER_FIELDS[order["field"].value].column)
    if use.type == "Dashboard" and "by" in arguments:
        yield column_name(Group(arguments["by"]).column)
    if use.field.name.value == "sessionsByExternalId":
        yield column_name("external_id")
        if arguments.get("integration") is not None:
            yield column_name("integration")


def _names_edited(given: Any) -> Iterator[SchemaCoordinate]:
    if isinstance(given, dict):
        yield from (("SessionPatch", name) for name in given.get("patch", {}))
        yield from (column_name(column) for column in columns_named(given.get("target", {}).get("filter") or {}))
        yield from (column_name(column) for column in columns_named(given.get("filter") or {}))
        yield from (column_name(column.value) for column in given.get("columns") or ())
        if order := given.get("orderBy"):
            yield column_name(ORDER_FIELDS[order["field"].value].column)


def _read(context: Context, selection: Selection, use: FieldUse, given: Arguments) -> Any:
    match use.type, use.field.name.value:
        case ("Query" | "Agent", "sessions"):
            columns = selected_columns(selection, [use.field])
            return read_list(context.viewer, given, context.now, with_transcripts="transcript" in columns)
        case ("Query" | "Agent", "dashboard"):
            return read_dashboard(given, context.now)
        case ("Query", "exports"):
            after = given.get("after")
            size = DEFAULT_SIZE if given.get("first") is None else check_size("first", given["first"])
            return ExportListArguments(
                size, None if after is None else read_export_cursor(after, context.viewer.account.id)
            )
        case ("Query", "session" | "node" | "export"):
            return read_uuid(given["id"], "id")
        case ("Subscription", "sessionEvents"):
            parse_filter(given.get("filter"), context.now)
            after = given.get("after")
            place = None if after is None else read_event_cursor(after, context.viewer.account.id, "after")
            return EventArguments(given.get("filter") or {}, place)
        case ("Subscription", "exportProgress"):
            return read_uuid(given["id"], "id")
        case ("Query", "agent"):
            return read_lookup(given["by"])
        case ("Query", "sessionsByExternalId"):
            return read_external(given)
        case ("ExternalSessions", "sessions"):
            columns = session_columns(selection, [use.field])
            return read_size_of_each(given.get("first"), with_transcripts="transcript" in columns)
        case ("Mutation", "requestSessionExport"):
            parse_filter(given["input"].get("filter"), context.now, ("input", "filter"))
            return given
        case ("Mutation", "updateSessions"):
            parse_filter(given["input"]["target"].get("filter"), context.now, ("input", "target", "filter"))
            return given
        case _:
            return given
