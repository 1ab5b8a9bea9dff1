"""Dashboards: the metrics of the sessions that match a filter, as totals, series, groups and of the previous span.

The metrics of one dashboard, or of those of many agents, are one statement that reads the rows once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from itertools import pairwise
from typing import Any
from uuid import UUID

from session_graph.errors import BadUserInput
from session_graph.pacing import Pacer
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection, Group
from session_graph.sessions.filters import Filter, where
from session_graph.sessions.intervals import Interval, boundaries, ceiling_to, floor_to
from session_graph.sessions.metrics import METRICS, Metric
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.small_groups import COUNT, Guard
from session_graph.store.database import Database, Row

Metrics = Mapping[str, Any]
"""Values by the names of METRICS."""


@dataclass(frozen=True, slots=True)
class Point:
    start: datetime
    end: datetime
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Slice:
    key: str | None
    metrics: Metrics


@dataclass(slots=True)
class DashboardResult:
    """`previous` and `previous_span` are None if the filter's span has no start. `refused` has the series that the
    dashboard cannot have.
    """

    totals: Metrics
    previous: Metrics | None
    previous_span: tuple[datetime, datetime] | None
    series: dict[Interval, list[Point]]
    refused: Mapping[Interval, BadUserInput]
    groups: dict[Group, list[Slice]]


@dataclass(frozen=True, slots=True)
class DashboardScope:
    """One dashboard: the agent's, or the account's if `agent_id` is None. `time_zone` is the zone of its days."""

    agent_id: UUID | None
    time_zone: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The boundaries of each selected interval (`intervals.boundaries`), empty if there are no sessions to span; for an
    interval in `refused`, the reason why there are none.
    """

    boundaries: Mapping[Interval, Sequence[datetime]]
    refused: Mapping[Interval, BadUserInput]


Calendars = Mapping[UUID | None, Calendar]
"""The calendar of each scope by its `agent_id`."""


async def read_dashboards(
    database: Database,
    request: DashboardRequest,
    scopes: Sequence[DashboardScope],
    calendars: Calendars | None = None,
) -> dict[UUID | None, DashboardResult]:
    """Return a result for each scope's `agent_id`; the scopes are the account alone, or any number of agents.

    Reads the calendars first if they are not given.
    """
    if calendars is None:
        calendars = await read_calendars(database, request, scopes)
    guard = Guard.of(request.viewer.role, request.filter, _metric_names(request.selection))
    if guard.metrics:
        request = replace(request, selection=replace(request.selection, is_counted=True))
    parameters = Parameters(request.viewer.account.id)
    results, pacer = dict[UUID | None, DashboardResult](), Pacer()
    for scope in scopes:
        results[scope.agent_id] = _empty_result(request, calendars[scope.agent_id], scope.time_zone)
        await pacer.pause()
    request = _without_refused(request, calendars)
    if sql := dashboard_sql(request, scopes, calendars, parameters):
        groupings = _groupings(request.selection)
        for row in await database.fetch(sql, *parameters):
            _add_row(row, results[row["subject"]], groupings)
            await pacer.pause()
    for result in results.values():
        for slices in result.groups.values():
            slices.sort(key=lambda slice_: (-slice_.metrics[COUNT], slice_.key is None, slice_.key))
        result.totals, result.previous = guard.whole(result.totals), result.previous and guard.whole(result.previous)
        result.series = {interval: guard.parts(points) for interval, points in result.series.items()}
        result.groups = {group: guard.parts(slices) for group, slices in result.groups.items()}
    return results


def dashboard_sql(
    request: DashboardRequest,
    scopes: Sequence[DashboardScope],
    calendars: Calendars,
    parameters: Parameters,
) -> str:
    """Return one statement that reads the rows once, and those of the previous span once; empty if nothing is selected.

    Agents whose zones give different previous spans have a branch for each span.

    Each row of its result has the scope's agent (`subject`), the metrics, and in `block` what these are of: a bit for
    each of `_groupings`, 0 for the one that the row is grouped by. For totals all bits are 1; for the previous span
    `block` is null.
    """
    metrics, groupings = _metrics_sql(request, parameters), _groupings(request.selection)
    branches = []
    if request.selection.totals or groupings:
        buckets = _buckets(request, scopes, calendars, parameters)
        rows = _rows_sql(request, request.effective_filter(), scopes, parameters, buckets)
        subject = ["b.subject"] if _agent_ids(scopes) else []
        sets = [", ".join([*subject, f"b.{column}"]) for column in groupings]
        if request.selection.totals:
            sets.append(", ".join(subject))
        block = f"grouping({', '.join(f'b.{column}' for column in groupings)})" if groupings else "0"
        keys = "".join(f", {_key_sql(column)}" for column in groupings)
        branches.append(
            f"select {'b.subject' if subject else 'null::uuid'} as subject, {block} as block{keys}{metrics}"
            f" from ({rows}) b group by grouping sets (({'), ('.join(sets)}))"
        )
    keys = "".join(f", null as {column}" for column in groupings)
    for span, scopes_of_span in _previous_spans(request, scopes).items() if request.selection.previous else ():
        rows = _rows_sql(request, request.effective_filter().with_span(*span), scopes_of_span, parameters)
        branches.append(f"select b.subject, null as block{keys}{metrics} from ({rows}) b group by 1")
    return " union all ".join(branches)


def _previous_spans(
    request: DashboardRequest, scopes: Sequence[DashboardScope]
) -> dict[tuple[datetime, datetime], list[DashboardScope]]:
    """Return the scopes by their previous span; empty if the filter's span has no start."""
    shared: dict[tuple[datetime, datetime], list[DashboardScope]] = {}
    for scope in scopes:
        if span := request.previous_span(scope.time_zone):
            shared.setdefault(span, []).append(scope)
    return shared


def _groupings(selection: DashboardSelection) -> dict[str, Interval | Group]:
    """Return the selected series and groups by the column of `b` that each is grouped by."""
    series = {interval.lower(): interval for interval in selection.series}
    return series | {group.stored: group for group in selection.groups}


def _key_sql(column: str) -> str:
    if column == Group.AGENT.stored:
        return f"(select a.idn from agent a where a.account_id = $1 and a.id = b.{column}) as {column}"
    return f"b.{column}::text as {column}"


def _rows_sql(
    request: DashboardRequest,
    filter_: Filter,
    scopes: Sequence[DashboardScope],
    parameters: Parameters,
    buckets: Sequence[str] = (),
) -> str:
    agents = _agent_ids(scopes)
    condition = where(request.viewer, filter_, parameters)
    if agents:
        condition += f" and {parameters.equals_any('s.agent_id', agents)}"
    subject = "s.agent_id" if agents else "null::uuid"
    columns = (f"s.{column}" for column in sorted(_columns(request.selection)))
    return f"select {', '.join([f'{subject} as subject', *columns, *buckets])} from session s where {condition}"


def _agent_ids(scopes: Sequence[DashboardScope]) -> list[UUID]:
    return [scope.agent_id for scope in scopes if scope.agent_id]


def _columns(selection: DashboardSelection) -> set[str]:
    columns = {need for name in _metric_names(selection) for need in METRICS[name].needs}
    return columns | {group.stored for group in selection.groups} | ({"started_at"} if selection.series else set())


def _metric_names(selection: DashboardSelection) -> list[str]:
    below = [*selection.series.values(), *selection.groups.values(), selection.previous or frozenset()]
    names = selection.totals.union(*below, [COUNT] if selection.groups or selection.is_counted else [])
    return [name for name in METRICS if name in names]


def _metrics_sql(request: DashboardRequest, parameters: Parameters) -> str:
    names = _metric_names(request.selection)
    scale = ""
    if any(METRICS[name].is_money for name in names):
        scale = f"{parameters.bind(request.viewer.account.money_scale)}::integer"
    return "".join(f", {METRICS[name].sql.format(money_scale=scale)} as {name}" for name in names)


def _buckets(
    request: DashboardRequest,
    scopes: Sequence[DashboardScope],
    calendars: Calendars,
    parameters: Parameters,
) -> list[str]:
    """Return a column for each series: the number of the row's interval, from 1.

    Agents of the same zone share their boundaries if the filter has a span.
    """
    buckets = []
    for interval in request.selection.series:
        shared: dict[tuple[datetime, ...], list[UUID | None]] = {}
        for scope in scopes:
            instants = tuple(calendars[scope.agent_id].boundaries.get(interval, ()))
            shared.setdefault(instants, []).append(scope.agent_id)
        numbers = {
            tuple(keys): f"width_bucket(s.started_at, {parameters.bind(list(instants))}::timestamptz[])"
            for instants, keys in shared.items()
            if instants
        }
        buckets.append(f"{_case_sql(numbers, len(shared), parameters)} as {interval.lower()}")
    return buckets


def _case_sql(numbers: Mapping[tuple[UUID | None, ...], str], cases: int, parameters: Parameters) -> str:
    if not numbers:
        return "null::integer"
    if cases == 1:
        return next(iter(numbers.values()))
    whens = (f"when {parameters.equals_any('s.agent_id', keys)} then {number}" for keys, number in numbers.items())
    return f"case {' '.join(whens)} end"


def _add_row(row: Row, result: DashboardResult, groupings: Mapping[str, Interval | Group]) -> None:
    metrics = {name: row[name] for name in METRICS if name in row}
    if row["block"] is None:
        result.previous = metrics
        return
    grouped_by = [column for bit, column in enumerate(reversed(list(groupings))) if not row["block"] >> bit & 1]
    if not grouped_by:
        result.totals = metrics
        return
    grouping, key = groupings[grouped_by[0]], row[grouped_by[0]]
    if isinstance(grouping, Group):
        result.groups[grouping].append(Slice(key, metrics))
    elif grouping not in result.refused:
        point = int(key) - 1
        result.series[grouping][point] = replace(result.series[grouping][point], metrics=metrics)


def _empty_result(request: DashboardRequest, calendar: Calendar, time_zone: str) -> DashboardResult:
    scale = request.viewer.account.money_scale
    metrics = {name: _zero(METRICS[name], scale) for name in _metric_names(request.selection)}
    return DashboardResult(
        totals=metrics,
        previous=metrics if request.span() else None,
        previous_span=request.previous_span(time_zone),
        series={
            interval: [Point(*ends, metrics) for ends in pairwise(instants)]
            for interval, instants in calendar.boundaries.items()
        },
        refused=calendar.refused,
        groups={group: [] for group in request.selection.groups},
    )


def _zero(metric: Metric, money_scale: int) -> Decimal | int | None:
    if metric.is_score:
        return None
    return Decimal(0).quantize(Decimal(1).scaleb(-money_scale)) if metric.is_money else 0


async def read_calendars(
    database: Database, request: DashboardRequest, scopes: Sequence[DashboardScope]
) -> dict[UUID | None, Calendar]:
    """Return the calendar of each scope: without a statement, unless the filter's span is open."""
    extents = {}
    if request.selection.series and None in request.filter.span:
        extents = await _read_extents(database, request, scopes)
    make = cache(partial(_make_calendar, request))  # agents of one zone share their boundaries
    return {scope.agent_id: make(scope.time_zone, extents.get(scope.agent_id)) for scope in scopes}


def _make_calendar(request: DashboardRequest, time_zone: str, extent: tuple[datetime, datetime] | None) -> Calendar:
    found, refused = {}, {}
    for interval in request.selection.series:
        try:
            found[interval] = _find_boundaries(request, interval, time_zone, extent)
        except BadUserInput as reason:
            refused[interval] = reason
    return Calendar(found, refused)


def _without_refused(request: DashboardRequest, calendars: Calendars) -> DashboardRequest:
    """Return the request without the series that no scope can have."""
    wanted = request.selection.series
    kept = {each: wanted[each] for each in wanted if any(each in one.boundaries for one in calendars.values())}
    return replace(request, selection=replace(request.selection, series=kept))


def _find_boundaries(
    request: DashboardRequest, interval: Interval, time_zone: str, extent: tuple[datetime, datetime] | None
) -> list[datetime]:
    """An open start is the start of the first session's interval. An open end is now, or the end of the last session's
    interval if that session is later or the start is open too.
    """
    start, end = request.filter.span
    if extent:
        first, last = extent
        if end is None and (start is None or last >= request.now):
            end = ceiling_to(last, interval, time_zone)
        start = start or floor_to(first, interval, time_zone)
    return boundaries(start, end or request.now, interval, time_zone) if start else []


async def _read_extents(
    database: Database, request: DashboardRequest, scopes: Sequence[DashboardScope]
) -> dict[UUID | None, tuple[datetime, datetime]]:
    parameters = Parameters(request.viewer.account.id)
    started = replace(request, selection=DashboardSelection(series={Interval.DAY: frozenset()}))
    rows = await database.fetch(
        "select b.subject, min(b.started_at) as first, max(b.started_at) as last"
        f" from ({_rows_sql(started, request.effective_filter(), scopes, parameters)}) b group by b.subject",
        *parameters,
    )
    return {row["subject"]: (row["first"], row["last"]) for row in rows}
