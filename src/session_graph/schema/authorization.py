"""The tables by which operations are authorized: the coordinates that inputs name, and the roles of each coordinate."""

from collections.abc import Callable, Iterable
from typing import Any

from session_graph.access.viewer import Role
from session_graph.engine.fields import Coordinate
from session_graph.schema.mutation import MUTATIONS
from session_graph.sessions.filters import columns_named
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.permissions import LIMITED_FIELDS, column_name

NAMED_BY: dict[str, Callable[[Any], Iterable[Coordinate]]] = {
    "SessionFilter": lambda raw: map(column_name, columns_named(raw)),
    "SessionOrder": lambda raw: [column_name(ORDER_FIELDS[raw["field"].value].column)],
    "SessionPatch": lambda raw: [("SessionPatch", name) for name in raw],
    "DashboardGroup": lambda group: [column_name(group.column)],
    "SessionColumn": lambda column: [column_name(column.value)],
}
"""By input type, a function that returns the coordinates named by a value of that type, anywhere in an argument."""

ROLES: dict[Coordinate, frozenset[Role]] = {
    **{(type_name, field): roles for type_name, fields in LIMITED_FIELDS.items() for field, roles in fields.items()},
    **{("Mutation", name): roles for name, roles in MUTATIONS.items()},
}
"""The roles that may read, set or call each limited coordinate."""
