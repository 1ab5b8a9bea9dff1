"""What each part of the schema costs: the one table of weights, and of the sizes of lists.

A unit is 10 µs of the server's CPU, 100 µs of the database's, or 1 kB of the answer: a process has one event loop,
which everybody shares, and the database several cores. Measured by `bench/costs.py` with 300,000 sessions in the
account. docs/costs.md explains it to callers.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from session_graph.engine.cost_table import CostTable, ListSize, Weight
from session_graph.engine.fields import Raw
from session_graph.schema.arguments import DEFAULT_PER_EXTERNAL_ID
from session_graph.schema.events import DEFAULT_SIZE as DEFAULT_EVENTS
from session_graph.sessions.filter_parsing import PERIODS
from session_graph.sessions.filters import CONDITIONS, ValueKind
from session_graph.sessions.intervals import MAX_INTERVALS, Interval
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.pagination import DEFAULT_SIZE

VALUE = 0.03
"""The weight of a plain value: to read, assemble and write it."""
FIGURE = 0.15
"""The weight of a figure in a point or a slice, which Python makes one by one."""
META_VALUE = 0.004
"""The weight of a value of introspection: most types that a query of tools could find are null."""
ROOT = 10.0
"""The weight of a field of the root: its statement, at least."""
AGENTS = 50
"""How many agents an account is taken to have."""
YEARS = timedelta(days=2 * 366)
"""How long a dashboard without a span is taken to reach back."""

RECORD = 50.0
"""The weight of a record of a batch."""
RECORD_ALONE = 100.0
"""The weight of a record that is sent alone, in a transaction of its own."""
HEAVY = 500
"""A query whose statements over many sessions cost this much or more takes turns with others of its account."""

TOLERANCE = 40
"""How many intervals more or fewer than estimated the calendar may make of a span."""

LENGTHS = {
    Interval.HOUR: timedelta(hours=1),
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(weeks=1),
    Interval.MONTH: timedelta(days=30),
}

INDEXED_ORDERS = frozenset({"STARTED_AT", "UPDATED_AT", "ASR", "LEAD_VALUE", "CONVERSATION_QUALITY"})
"""The orders that an index serves; the others sort what the filter leaves."""


def count_intervals(arguments: Raw, dashboard: Raw) -> int:
    """Return the number of intervals of a series: of `YEARS` if the dashboard's filter has no span, 0 if it is refused
    for having too many."""
    filter_: Mapping[str, Any] = dashboard.get("filter") or {}
    span = YEARS
    if (period := filter_.get("period")) is not None:
        span = PERIODS[period]
    elif (start := filter_.get("from")) is not None:
        span = max((filter_.get("to") or datetime.now(UTC)) - start, timedelta(0))
    number = span // LENGTHS[Interval(arguments["interval"])] + 2
    if number > MAX_INTERVALS + TOLERANCE and span is not YEARS:
        return 0
    return min(number, MAX_INTERVALS)


_PAGE = ListSize(DEFAULT_SIZE, ("first", "last"), ("nodes", "edges"))
_FEW = ListSize(1)

_ROOT_FIELDS = (
    "viewer node nodes agents agent session sessionBySource sessions sessionsByExternalId sessionEvents exports export"
    " dashboard savedViews inletDeliveries timeZones timeZoneNames"
)
_TEXTS = {
    "summary": 0.2,
    "comment": 0.1,
    "contactInformation": 0.06,
    "actualResult": 0.06,
    "expectedResult": 0.06,
    "recordingUrl": 0.1,
    "utms": 0.1,
    "metadata": 0.2,
    "tags": 0.1,
    "utcOffset": 2,
    "transcript": 3,
    "history": 1,
}
LISTED = frozenset({ValueKind.IDS, ValueKind.TEXTS, ValueKind.LANGUAGES})
"""The kinds of conditions with up to 1,000 values, each of which is compared with each session."""
_OPTIONS = {"sessionTypes": 200, "integrations": 1000, "connectors": 1000, "tags": 3000, "utmKeys": 2000}
_CONDITIONS = {
    **{name: 5 for name, condition in CONDITIONS.items() if condition.kind in LISTED},
    "ids": 1,
    "search": 3500,
    "contact": 2000,
    "utms": 2000,
    "metadata": 3000,
    "not": 500,
}

_WEIGHTS: dict[str, Weight] = {
    **{f"Query.{name}": Weight(ROOT) for name in _ROOT_FIELDS.split()},
    # Rows: an object of each type, beside its values.
    "Session": Weight(0.1),
    "SessionEdge": Weight(0.05),
    "SessionChange": Weight(0.2),
    "SessionEvent": Weight(0.3),
    "Turn": Weight(0.2),
    "DashboardPoint": Weight(0.3),
    "DashboardSlice": Weight(0.3),
    "SessionConnection": Weight(1),
    "Dashboard": Weight(2),
    "SessionExport": Weight(0.3),
    "SavedView": Weight(0.3),
    "InletDelivery": Weight(0.3),
    "ExternalSessions": Weight(1),
    # Values that are longer than most.
    **{f"Session.{name}": Weight(weight) for name, weight in _TEXTS.items()},
    "Session.agent": Weight(VALUE, 100),
    "Turn.text": Weight(0.1),
    "InletDelivery.payload": Weight(100, 20),
    "SessionExport.deliveries": Weight(1),
    "SessionExport.downloadUrl": Weight(10),
    # Statements over all sessions that a filter leaves.
    "SessionConnection.totalCount": Weight(VALUE, 2000),
    "ExternalSessions.totalCount": Weight(VALUE, 10),
    "Query.dashboard": Weight(ROOT, 500),
    "Agent.dashboard": Weight(2, 500),
    "Dashboard.series": Weight(1, 1500),
    "Dashboard.groups": Weight(1, 1500),
    "Dashboard.previous": Weight(1, 500),
    **{f"Dashboard.{metric.field}": Weight(FIGURE, 50) for metric in METRICS.values()},
    **{f"DashboardTotals.{metric.field}": Weight(FIGURE, 20) for metric in METRICS.values()},
    **{f"FilterOptions.{name}": Weight(0.5, weight) for name, weight in _OPTIONS.items()},
    "Query.sessions(filter:)": Weight(0, 200),
    "Agent.sessions(filter:)": Weight(0, 200),
    **{f"SessionFilter.{name}": Weight(0, weight) for name, weight in _CONDITIONS.items()},
    **{f"SessionOrderField.{name}": Weight(0, 3000) for name in ORDER_FIELDS.keys() - INDEXED_ORDERS},
    "SessionOrderField.CONTACT": Weight(0, 5000),
    "SessionOrderField.EXTERNAL_ID": Weight(0, 5000),
    # Writes.
    "Mutation.updateSessions": Weight(0, 2000),
    "RecordSessionsInput.records": Weight(0, RECORD),
    "Mutation.recordSession": Weight(0, RECORD_ALONE),
    # Lists of values.
    "Query.timeZoneNames": Weight(ROOT + 20),
    "TimeZone.offsets": Weight(2),
}

_SIZES: dict[str, ListSize] = {
    "Query.sessions": _PAGE,
    "Agent.sessions": _PAGE,
    "Query.sessionEvents": ListSize(DEFAULT_EVENTS, ("first",), ("events",)),
    "Query.exports": ListSize(DEFAULT_SIZE, ("first",), ("nodes", "edges")),
    "Query.inletDeliveries": ListSize(DEFAULT_SIZE, ("first",), ("nodes", "edges")),
    "InletDelivery.sessionIds": _FEW,
    "InletDelivery.problems": _FEW,
    "InletDelivery.warnings": _FEW,
    "InletProblem.path": ListSize(2),
    "Query.nodes": ListSize(1, ("ids",)),
    "Query.savedViews": ListSize(20),
    "SavedView.columns": ListSize(10),
    "Query.agents": ListSize(AGENTS),
    "Query.sessionsByExternalId": ListSize(1, ("externalIds",)),
    "ExternalSessions.sessions": ListSize(DEFAULT_PER_EXTERNAL_ID, ("first",)),
    "Query.timeZones": ListSize(AGENTS, ("names",)),
    "TimeZone.offsets": ListSize(100),
    "Session.transcript": ListSize(20),
    "Session.history": ListSize(5),
    "Dashboard.series": ListSize(MAX_INTERVALS, count=count_intervals),
    "Dashboard.groups": ListSize(10),
    "SessionExport.deliveries": ListSize(2),
    "RecordSessionsPayload.results": ListSize(500),
    "__Schema.types": ListSize(120),
    "__Schema.directives": ListSize(10),
    "__Type.fields": ListSize(10),
    "__Type.inputFields": ListSize(5),
    "__Type.enumValues": ListSize(2),
    "__Type.possibleTypes": _FEW,
    "__Type.interfaces": _FEW,
    "__Field.args": _FEW,
    "__Directive.args": ListSize(2),
}

_UNBILLED: dict[str, Callable[[Raw], float]] = {
    "Mutation.recordSession": lambda arguments: RECORD_ALONE,
    "Mutation.recordSessions": lambda arguments: RECORD * len(arguments["input"]["records"]),
}
"""Recording is not charged to budgets: what happened must be recorded, whatever its caller has read before."""

COSTS = CostTable(_WEIGHTS, _SIZES, VALUE, META_VALUE, _UNBILLED)
