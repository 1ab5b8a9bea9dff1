"""Who may read what, by type and field of the schema. Printed into docs/access.md; source: access.md.

Columns, metrics, attributes of agents and fields of a patch each say who may read or set them; here they are one table.
"""

from session_graph.access.viewer import Role
from session_graph.sessions.agents import attribute_roles
from session_graph.sessions.columns import ALL, COLUMNS
from session_graph.sessions.filter_options import OPTIONS
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.patch import WRITERS

SchemaCoordinate = tuple[str, str]
"""A type of the graph and one of its fields: `("Session", "comment")`."""

_READERS: dict[str, dict[str, frozenset[Role]]] = {
    "Session": {column.field: column.roles for column in COLUMNS.values()},
    "Agent": {"id": ALL, **attribute_roles()},
    "Dashboard": {metric.field: metric.roles for metric in METRICS.values()},
    "SessionPatch": WRITERS,
    "FilterOptions": {name: COLUMNS[column].roles for name, (column, _) in OPTIONS.items()},
}
_READERS["DashboardTotals"] = _READERS["Dashboard"]


def limited_fields() -> dict[str, dict[str, frozenset[Role]]]:
    """Return every field that is not for all roles, by type."""
    return _READERS


def column_name(column: str) -> SchemaCoordinate:
    """Return the coordinate of a session column, by which it is refused however a request names it."""
    return "Session", COLUMNS[column].field
