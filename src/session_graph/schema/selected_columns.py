"""Which session columns a field selects: only those are read."""

from session_graph.engine.selection import FieldSelection
from session_graph.sessions.columns import COLUMNS

COLUMN_OF_FIELD = {column.field: name for name, column in COLUMNS.items()}


def session_columns(sessions: FieldSelection) -> frozenset[str]:
    """Return the columns that a field which returns sessions selects."""
    return sessions.once("session columns", _session_columns)


def list_columns(connection: FieldSelection) -> frozenset[str]:
    """Return the columns that a field which returns a SessionConnection selects, in nodes and in edges."""
    return connection.once("list columns", _list_columns)


def selects_cursors(connection: FieldSelection) -> bool:
    """Return whether a field which returns a SessionConnection selects a cursor."""
    return connection.once("cursors", _selects_cursors)


def _session_columns(sessions: FieldSelection) -> frozenset[str]:
    return frozenset(COLUMN_OF_FIELD[name] for name in sessions.names("Session") if name in COLUMN_OF_FIELD)


def _list_columns(connection: FieldSelection) -> frozenset[str]:
    nodes = connection.below(("SessionConnection", "nodes"))
    edges = connection.below(("SessionConnection", "edges"), ("SessionEdge", "node"))
    return _session_columns(nodes) | _session_columns(edges)


def _selects_cursors(connection: FieldSelection) -> bool:
    page_info = connection.below(("SessionConnection", "pageInfo")).names("PageInfo")
    edges = connection.below(("SessionConnection", "edges")).names("SessionEdge")
    return "cursor" in edges or not page_info.isdisjoint(("startCursor", "endCursor"))
