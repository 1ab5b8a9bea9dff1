"""What each input type names, and which roles may name what: the tables by which operations are authorized."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from session_graph.access.viewer import Role
from session_graph.engine.fields import Coordinate
from session_graph.schema.mutation import MUTATIONS
from session_graph.sessions.dashboard import Group
from session_graph.sessions.filters import columns_named
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.permissions import LIMITED_FIELDS, column_name


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


ROLES: dict[Coordinate, frozenset[Role]] = {
    **{(type_name, field): roles for type_name, fields in LIMITED_FIELDS.items() for field, roles in fields.items()},
    **{("Mutation", name): roles for name, roles in MUTATIONS.items()},
}
"""The roles that may read, set or call each coordinate that is limited."""
