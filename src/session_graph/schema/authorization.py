"""Who may send an operation: what each input type names, and what the viewer's role may call and read."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from session_graph.access.viewer import Viewer
from session_graph.engine.fields import Coordinate
from session_graph.errors import Forbidden
from session_graph.schema.mutation import MUTATIONS
from session_graph.sessions.dashboard import Group
from session_graph.sessions.filters import columns_named
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.permissions import check_readable, column_name


def _of_filter(raw: Mapping[str, Any]) -> Iterable[Coordinate]:
    return map(column_name, columns_named(raw))


def _of_order(raw: Mapping[str, Any]) -> Iterable[Coordinate]:
    return [column_name(ORDER_FIELDS[raw["field"].value].column)]


def _of_patch(raw: Mapping[str, Any]) -> Iterable[Coordinate]:
    return [("SessionPatch", name) for name in raw]


def _of_group(group: Group) -> Iterable[Coordinate]:
    return [column_name(group.column)]


NAMED_BY: dict[str, Callable[[Any], Iterable[Coordinate]]] = {
    "SessionFilter": _of_filter,
    "SessionOrder": _of_order,
    "SessionPatch": _of_patch,
    "DashboardGroup": _of_group,
    "SessionColumn": lambda column: [column_name(column.value)],
}
"""The coordinates that a value names, by its type in the schema, wherever an argument has one."""


def check(viewer: Viewer, coordinates: frozenset[Coordinate]) -> None:
    """Raise Forbidden for a mutation that the role may not call, ForbiddenField for fields that it may not read."""
    for type_name, field in sorted(coordinates):
        if type_name == "Mutation" and field in MUTATIONS and viewer.role not in MUTATIONS[field]:
            raise Forbidden(f"The role {viewer.role} may not call {field}.")
    check_readable(viewer.role, coordinates)
