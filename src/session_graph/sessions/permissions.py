"""Who may read what, by type and field of the graph. Printed into docs/access.md; source: access.md.

A session's columns say it themselves in `columns`, the dashboard's metrics in `metrics`; here is the rest, and the
question.
"""

from collections.abc import Iterable
from functools import lru_cache

from session_graph.access.viewer import Role
from session_graph.errors import Forbidden, ForbiddenField
from session_graph.sessions.columns import ALL, ANALYST, COLUMNS, NOT_PARTNER
from session_graph.sessions.filter_options import OPTIONS
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.patch import EDITORS, WRITERS

MUTATIONS: dict[str, frozenset[Role]] = {
    "overrideAssessment": EDITORS,
    **dict.fromkeys(("updateSession", "updateSessions"), EDITORS | {Role.PORTAL, Role.PARTNER}),
    **dict.fromkeys(("recordSession", "recordSessions"), frozenset({Role.ADMIN, Role.RECORDER})),
    **dict.fromkeys(("requestSessionExport", "cancelSessionExport", "retrySessionExport"), ALL),
    **dict.fromkeys(("createAgent", "updateAgent", "updateAccount"), frozenset({Role.ADMIN})),
}
"""Who may call what."""

SchemaCoordinate = tuple[str, str]
"""A type of the graph and one of its fields: `("Session", "comment")`."""

_AGENT: dict[str, frozenset[Role]] = {
    **dict.fromkeys(("id", "idn", "name", "timeZone"), ALL),
    "workingHours": NOT_PARTNER,
    **dict.fromkeys(
        (
            *("industry", "redirection", "conversionRatio", "recognition", "averageLeadValue", "unitName", "unitValue"),
            *("testContacts", "shortUnderSeconds", "longFromSeconds"),
        ),
        ANALYST,
    ),
}

_READERS: dict[str, dict[str, frozenset[Role]]] = {
    "Session": {column.field: column.roles for column in COLUMNS.values()},
    "Agent": _AGENT,
    "Dashboard": {metric.field: metric.roles for metric in METRICS.values()},
    "SessionPatch": WRITERS,
    "FilterOptions": {name: COLUMNS[column].roles for name, (column, _) in OPTIONS.items()},
}
_READERS["DashboardTotals"] = _READERS["Dashboard"]


def roles_allowed(name: SchemaCoordinate) -> frozenset[Role]:
    """The roles that may read the field; all of them where nothing limits it."""
    type_name, field = name
    return _READERS.get(type_name, {}).get(field, frozenset(Role))


def limited_fields() -> dict[str, dict[str, frozenset[Role]]]:
    """Every field that is not for everybody, by type."""
    return _READERS


def column_name(column: str) -> SchemaCoordinate:
    """A session column, however it is named: by selection, filter, order or group."""
    return "Session", COLUMNS[column].field


def check_readable(role: Role, names: Iterable[SchemaCoordinate]) -> None:
    """Raises ForbiddenField, with all the names that the role may not read."""
    refused = sorted(_refused(role, frozenset(names)))
    if refused:
        raise ForbiddenField(role, refused)


@lru_cache(maxsize=1024)
def _refused(role: Role, names: frozenset[SchemaCoordinate]) -> frozenset[str]:
    return frozenset(
        f"{type_name}.{field}" for type_name, field in names if role not in roles_allowed((type_name, field))
    )


def check_callable(role: Role, mutation: str) -> None:
    """Raises Forbidden where the role may not call the mutation."""
    if role not in MUTATIONS.get(mutation, frozenset()):
        raise Forbidden(f"The role {role} may not call {mutation}.")
