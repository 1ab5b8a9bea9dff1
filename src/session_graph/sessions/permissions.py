"""The roles that may read or set each field of the schema. Printed into docs/access.md; source: access.md.

Columns, metrics, attributes of agents and fields of a patch declare their own roles; this is the one table of them.
"""

from session_graph.access.viewer import Role
from session_graph.sessions.agents import attribute_roles
from session_graph.sessions.columns import ALL, ANALYST, COLUMNS
from session_graph.sessions.filter_options import OPTIONS
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.patch import WRITERS

LIMITED_FIELDS: dict[str, dict[str, frozenset[Role]]] = {
    "Session": {column.field: column.roles for column in COLUMNS.values()},
    "Agent": {"id": ALL, **attribute_roles()},
    "Dashboard": {metric.field: metric.roles for metric in METRICS.values()},
    "SessionPatch": WRITERS,
    "Account": {"exportRecipients": ANALYST},
    "Query": {"inletDeliveries": frozenset({Role.ADMIN})},
    "FilterOptions": {name: COLUMNS[column].roles for name, (column, _) in OPTIONS.items()},
}
LIMITED_FIELDS["DashboardTotals"] = LIMITED_FIELDS["Dashboard"]
"""The roles that may read or set each field that is not for all roles, by type and field of the schema."""


def column_name(column: str) -> tuple[str, str]:
    """Return the type and field of a session column, by which it is refused however a request names it."""
    return "Session", COLUMNS[column].field
