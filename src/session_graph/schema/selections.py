"""The columns and metrics that a field selects: only these are read from the database."""

from collections import defaultdict

from session_graph.engine.selection import FieldSelection
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.dashboard_request import DashboardSelection, Group
from session_graph.sessions.intervals import Interval
from session_graph.sessions.list_request import ListSelection
from session_graph.sessions.metrics import METRICS

_METRIC_OF_FIELD = {metric.field: name for name, metric in METRICS.items()}
COLUMN_OF_FIELD = {column.field: name for name, column in COLUMNS.items()}


def session_columns(sessions: FieldSelection) -> frozenset[str]:
    """Return the columns selected by a field of type Session."""
    return sessions.once(_session_columns)


def select_list(connection: FieldSelection) -> ListSelection:
    """Return the columns, cursors and pageInfo that a field of type SessionConnection selects."""
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
    """Return the selected metrics of the totals, of the previous span, and of each series and grouping."""
    series: defaultdict[Interval, frozenset[str]] = defaultdict(frozenset)
    groups: defaultdict[Group, frozenset[str]] = defaultdict(frozenset)
    previous = None
    for node in dashboard.fields("Dashboard"):
        field, arguments = FieldSelection(dashboard.selection, [node]), dashboard.selection.arguments
        match node.name.value:
            case "series":
                interval = Interval(arguments("Dashboard", node)["interval"])
                series[interval] |= _metrics(field.below(("DashboardPoint", "totals")), "DashboardTotals")
            case "groups":
                group = Group(arguments("Dashboard", node)["by"])
                groups[group] |= _metrics(field.below(("DashboardSlice", "totals")), "DashboardTotals")
            case "previous":
                previous = (previous or frozenset()) | _metrics(field, "DashboardTotals")
    return DashboardSelection(_metrics(dashboard, "Dashboard"), previous, series, groups)


def _metrics(totals: FieldSelection, type_name: str) -> frozenset[str]:
    return frozenset(_METRIC_OF_FIELD[name] for name in totals.names(type_name) if name in _METRIC_OF_FIELD)
