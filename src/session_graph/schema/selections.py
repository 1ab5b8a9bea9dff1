"""What a field selects of sessions and metrics: only that is read."""

from typing import Any

from session_graph.engine.selection import FieldSelection
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.dashboard import DashboardSelection, Group
from session_graph.sessions.intervals import Interval
from session_graph.sessions.list_request import ListSelection
from session_graph.sessions.metrics import METRICS

_METRIC_OF_FIELD = {metric.field: name for name, metric in METRICS.items()}
COLUMN_OF_FIELD = {column.field: name for name, column in COLUMNS.items()}


def session_columns(sessions: FieldSelection) -> frozenset[str]:
    """Return the columns that a field which returns sessions selects."""
    return sessions.once(_session_columns)


def select_list(connection: FieldSelection) -> ListSelection:
    """Return what a field which returns a SessionConnection selects, in nodes, edges and pageInfo."""
    return connection.once(_select_list)


def _session_columns(sessions: FieldSelection) -> frozenset[str]:
    return frozenset(COLUMN_OF_FIELD[name] for name in sessions.names("Session") if name in COLUMN_OF_FIELD)


def _select_list(connection: FieldSelection) -> ListSelection:
    nodes = connection.below(("SessionConnection", "nodes"))
    edges = connection.below(("SessionConnection", "edges"))
    page_info = connection.below(("SessionConnection", "pageInfo")).names("PageInfo")
    has_cursors = "cursor" in edges.names("SessionEdge") or not page_info.isdisjoint(("startCursor", "endCursor"))
    columns = _session_columns(nodes) | _session_columns(edges.below(("SessionEdge", "node")))
    return ListSelection(columns, has_cursors, page_info)


def select_dashboard(dashboard: FieldSelection) -> DashboardSelection:
    """Return the metrics that are selected, of the whole and of each series and grouping."""
    series: dict[Interval, frozenset[str]] = {}
    groups: dict[Group, frozenset[str]] = {}
    previous = None
    for node in dashboard.fields("Dashboard"):
        field, arguments = FieldSelection(dashboard.selection, [node]), dashboard.selection.arguments
        match node.name.value:
            case "series":
                _add(
                    series,
                    Interval(arguments("Dashboard", node)["interval"]),
                    field.below(("DashboardPoint", "totals")),
                )
            case "groups":
                _add(groups, Group(arguments("Dashboard", node)["by"]), field.below(("DashboardSlice", "totals")))
            case "previous":
                previous = (previous or frozenset()) | _metrics(field, "DashboardTotals")
    return DashboardSelection(_metrics(dashboard, "Dashboard"), previous, series, groups)


def _add(found: dict[Any, frozenset[str]], key: Any, totals: FieldSelection) -> None:
    found[key] = found.get(key, frozenset()) | _metrics(totals, "DashboardTotals")


def _metrics(totals: FieldSelection, type_name: str) -> frozenset[str]:
    return frozenset(_METRIC_OF_FIELD[name] for name in totals.names(type_name) if name in _METRIC_OF_FIELD)
