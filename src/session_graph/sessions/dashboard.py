"""The metrics of the sessions that a filter leaves: totals, by interval, by group, and those of the span before.

All that was asked for is one statement over one reading of the rows, for one dashboard or for those of many agents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.sessions.filters import Filter, where
from session_graph.sessions.intervals import Interval, boundaries, ceiling_to, floor_to
from session_graph.sessions.metrics import METRICS, Metric
from session_graph.store.database import Database, Row
from session_graph.store.sql import Parameters

Metrics = Mapping[str, Any]
"""Parameters by the names of METRICS."""


class Group(StrEnum):
    """By what sessions are grouped."""

    CHANNEL = "CHANNEL"
    SESSION_TYPE = "SESSION_TYPE"
    WORKING_HOURS = "WORKING_HOURS"
    AGENT = "AGENT"
    INTEGRATION = "INTEGRATION"
    ASSESSMENT = "ASSESSMENT"
    SESSION_LENGTH = "SESSION_LENGTH"

    @property
    def column(self) -> str:
        """The session column that the group reads."""
        return self.value.lower()

    @property
    def stored(self) -> str:
        return "agent_id" if self is Group.AGENT else self.column


@dataclass(frozen=True, slots=True)
class DashboardSelection:
    """What to compute; each of the sets names metrics."""

    totals: frozenset[str] = frozenset()
    previous: frozenset[str] | None = None
    series: Mapping[Interval, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[Group, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DashboardRequest:
    """Whose sessions, which of them, and what of them. `now` ends an open span; test and archived ones are left out."""

    viewer: Viewer
    filter: Filter
    wanted: DashboardSelection
    now: datetime
    include_test: bool = False
    include_archived: bool = False

    def narrowed(self) -> Filter:
        """The filter, with test and archived sessions left out where nothing asks for them."""
        defaults = {}
        if not self.include_test and "isTest" not in self.filter.conditions:
            defaults["isTest"] = False
        if not self.include_archived and "isArchived" not in self.filter.conditions:
            defaults["isArchived"] = False
        return Filter({**self.filter.conditions, **defaults})

    def span(self) -> tuple[datetime, datetime] | None:
        """What the filter's own range is; it ends now where it has only a beginning."""
        start, end = self.filter.span
        return None if start is None else (start, max(start, end or self.now))


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
    """The answer for one dashboard."""

    totals: Metrics
    previous: Metrics | None
    series: dict[Interval, list[Point]]
    groups: dict[Group, list[Slice]]


@dataclass(frozen=True, slots=True)
class DashboardScope:
    """One dashboard: the account's where `agent_id` is None; and the zone of its days."""

    agent_id: UUID | None
    time_zone: str


Calendar = Mapping[Interval, Sequence[datetime]]
"""The boundaries of each interval that was asked for; empty where there is nothing to span."""


async def read_dashboards(
    database: Database, request: DashboardRequest, scopes: Sequence[DashboardScope]
) -> dict[UUID | None, DashboardResult]:
    """An answer for each scope: the account alone, or any number of agents."""
    calendars = await _read_calendars(database, request, scopes)
    values = Parameters(request.viewer.account.id)
    answers = {key: _empty(request, calendar) for key, calendar in calendars.items()}
    if sql := dashboard_sql(request, scopes, calendars, values):
        blocks = _blocks(request.wanted)
        for row in await database.fetch(sql, *values):
            _place(row, answers[row["subject"]], blocks)
    for answer in answers.values():
        for slices in answer.groups.values():
            slices.sort(key=lambda slice_: (-slice_.metrics["total_session_count"], slice_.key is None, slice_.key))
    return answers


def dashboard_sql(
    request: DashboardRequest,
    scopes: Sequence[DashboardScope],
    calendars: Mapping[UUID | None, Calendar],
    values: Parameters,
) -> str:
    """One statement that goes through the rows once, and once through those of the span before.

    Each row of the answer has the scope, the metrics, and in `block` what they are of: a bit for each of `_blocks`,
    of which the one that it is grouped by is 0. All are 1 for totals, and it is null for the span before. Empty where
    nothing was asked for.
    """
    metrics, blocks = _figures_sql(request, values), _blocks(request.wanted)
    branches = []
    if request.wanted.totals or blocks:
        rows = _rows_sql(request, request.narrowed(), scopes, values, _buckets(request, scopes, calendars, values))
        subject = ["b.subject"] if _agents(scopes) else []
        sets = [", ".join([*subject, f"b.{column}"]) for column in blocks]
        if request.wanted.totals:
            sets.append(", ".join(subject))
        block = f"grouping({', '.join(f'b.{column}' for column in blocks)})" if blocks else "0"
        keys = "".join(f", {_key_sql(column)}" for column in blocks)
        branches.append(
            f"select {'b.subject' if subject else 'null::uuid'} as subject, {block} as block{keys}{metrics}"
            f" from ({rows}) b group by grouping sets (({'), ('.join(sets)}))"
        )
    if (span := request.span()) and request.wanted.previous:
        before = request.narrowed().with_span(_same_before(*span), span[0])
        keys = "".join(f", null as {column}" for column in blocks)
        rows = _rows_sql(request, before, scopes, values)
        branches.append(f"select b.subject, null as block{keys}{metrics} from ({rows}) b group by 1")
    return " union all ".join(branches)


def _blocks(wanted: DashboardSelection) -> dict[str, Interval | Group]:
    """What is asked for beside totals, by the column of `b` that it is grouped by."""
    return {interval.lower(): interval for interval in wanted.series} | {group.stored: group for group in wanted.groups}


def _key_sql(column: str) -> str:
    if column == Group.AGENT.stored:
        return f"(select a.idn from agent a where a.account_id = $1 and a.id = b.{column}) as {column}"
    return f"b.{column}::text as {column}"


def _same_before(start: datetime, end: datetime) -> datetime:
    """Where the span of equal length just before begins; the calendar begins with the year 1."""
    try:
        return start - (end - start)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _rows_sql(
    request: DashboardRequest,
    filter_: Filter,
    scopes: Sequence[DashboardScope],
    values: Parameters,
    buckets: Sequence[str] = (),
) -> str:
    agents = _agents(scopes)
    condition = where(request.viewer, filter_, values)
    if agents:
        condition += f" and {values.equals_any('s.agent_id', agents)}"
    subject = "s.agent_id" if agents else "null::uuid"
    columns = (f"s.{column}" for column in sorted(_columns(request.wanted)))
    return f"select {', '.join([f'{subject} as subject', *columns, *buckets])} from session s where {condition}"


def _agents(scopes: Sequence[DashboardScope]) -> list[UUID]:
    return [scope.agent_id for scope in scopes if scope.agent_id]


def _columns(wanted: DashboardSelection) -> set[str]:
    columns = {need for name in _metrics(wanted) for need in METRICS[name].needs}
    return columns | {group.stored for group in wanted.groups} | ({"started_at"} if wanted.series else set())


def _metrics(wanted: DashboardSelection) -> list[str]:
    names = set(wanted.totals).union(wanted.previous or (), *wanted.series.values(), *wanted.groups.values())
    return [name for name in METRICS if name in names or (name == "total_session_count" and wanted.groups)]


def _figures_sql(request: DashboardRequest, values: Parameters) -> str:
    names = _metrics(request.wanted)
    scale = (
        f"{values.bind(request.viewer.account.money_scale)}::integer" if any(METRICS[n].is_money for n in names) else ""
    )
    return "".join(f", {METRICS[name].sql.format(money_scale=scale)} as {name}" for name in names)


def _buckets(
    request: DashboardRequest,
    scopes: Sequence[DashboardScope],
    calendars: Mapping[UUID | None, Calendar],
    values: Parameters,
) -> list[str]:
    """The number of each row's interval, from 1, for each series. Agents of one zone share their boundaries under a
    filter with a span."""
    buckets = []
    for interval in request.wanted.series:
        shared: dict[tuple[datetime, ...], list[UUID | None]] = {}
        for scope in scopes:
            shared.setdefault(tuple(calendars[scope.agent_id][interval]), []).append(scope.agent_id)
        numbers = {
            tuple(keys): f"width_bucket(s.started_at, {values.bind(list(marks))}::timestamptz[])"
            for marks, keys in shared.items()
            if marks
        }
        buckets.append(f"{_choose(numbers, len(shared), values)} as {interval.lower()}")
    return buckets


def _choose(numbers: Mapping[tuple[UUID | None, ...], str], cases: int, values: Parameters) -> str:
    if not numbers:
        return "null::integer"
    if cases == 1:
        return next(iter(numbers.values()))
    whens = (f"when {values.equals_any('s.agent_id', keys)} then {number}" for keys, number in numbers.items())
    return f"case {' '.join(whens)} end"


def _place(row: Row, answer: DashboardResult, blocks: Mapping[str, Interval | Group]) -> None:
    metrics = {name: row[name] for name in METRICS if name in row}
    if row["block"] is None:
        answer.previous = metrics
        return
    grouped_by = [column for bit, column in enumerate(reversed(list(blocks))) if not row["block"] >> bit & 1]
    if not grouped_by:
        answer.totals = metrics
        return
    block, key = blocks[grouped_by[0]], row[grouped_by[0]]
    if isinstance(block, Group):
        answer.groups[block].append(Slice(key, metrics))
    else:
        point = int(key) - 1
        answer.series[block][point] = replace(answer.series[block][point], metrics=metrics)


def _empty(request: DashboardRequest, calendar: Calendar) -> DashboardResult:
    metrics = {name: _nothing(METRICS[name], request.viewer.account.money_scale) for name in _metrics(request.wanted)}
    return DashboardResult(
        totals=metrics,
        previous=metrics if request.span() else None,
        series={interval: [Point(*ends, metrics) for ends in pairwise(marks)] for interval, marks in calendar.items()},
        groups={group: [] for group in request.wanted.groups},
    )


def _nothing(metric: Metric, money_scale: int) -> Decimal | int | None:
    if metric.is_score:
        return None
    return Decimal(0).quantize(Decimal(1).scaleb(-money_scale)) if metric.is_money else 0


async def _read_calendars(
    database: Database, request: DashboardRequest, scopes: Sequence[DashboardScope]
) -> dict[UUID | None, Calendar]:
    start, end = request.filter.span
    extents = {}
    if request.wanted.series and (start is None or end is None):
        extents = await _read_extents(database, request, scopes)
    return {
        scope.agent_id: {
            interval: _marks(start, end, extents.get(scope.agent_id), interval, scope.time_zone, request.now)
            for interval in request.wanted.series
        }
        for scope in scopes
    }


def _marks(
    start: datetime | None,
    end: datetime | None,
    extent: tuple[datetime, datetime] | None,
    interval: Interval,
    time_zone: str,
    now: datetime,
) -> list[datetime]:
    """An open start is the interval of the first session; an open end is now, or the interval of a later session."""
    if extent:
        first, last = extent
        end = end or (ceiling_to(last, interval, time_zone) if start is None or last >= now else now)
        start = start or floor_to(first, interval, time_zone)
    return boundaries(start, end or now, interval, time_zone) if start else []


async def _read_extents(
    database: Database, request: DashboardRequest, scopes: Sequence[DashboardScope]
) -> dict[UUID | None, tuple[datetime, datetime]]:
    values = Parameters(request.viewer.account.id)
    started = replace(request, wanted=DashboardSelection(series={Interval.DAY: frozenset()}))
    rows = await database.fetch(
        "select b.subject, min(b.started_at) as first, max(b.started_at) as last"
        f" from ({_rows_sql(started, request.narrowed(), scopes, values)}) b group by b.subject",
        *values,
    )
    return {row["subject"]: (row["first"], row["last"]) for row in rows}
