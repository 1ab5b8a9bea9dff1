"""The figures of the sessions that a filter leaves: totals, by interval, by group, and those of the span before.

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
from session_graph.sessions.metrics import FIGURES, Figure
from session_graph.store.database import Database, Row
from session_graph.store.sql import Values

Figures = Mapping[str, Any]
"""Values by the names of FIGURES."""


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
class Wanted:
    """What to compute; each of the sets names figures."""

    totals: frozenset[str] = frozenset()
    previous: frozenset[str] | None = None
    series: Mapping[Interval, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[Group, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DashboardRequest:
    """Whose sessions, which of them, and what of them. `now` ends an open span; test and archived ones are left out."""

    viewer: Viewer
    filter: Filter
    wanted: Wanted
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
    figures: Figures


@dataclass(frozen=True, slots=True)
class Slice:
    key: str | None
    figures: Figures


@dataclass(slots=True)
class Figured:
    """The answer for one dashboard."""

    totals: Figures
    previous: Figures | None
    series: dict[Interval, list[Point]]
    groups: dict[Group, list[Slice]]


@dataclass(frozen=True, slots=True)
class Subject:
    """One dashboard: the account's where `agent_id` is None; and the zone of its days."""

    agent_id: UUID | None
    time_zone: str


Calendar = Mapping[Interval, Sequence[datetime]]
"""The boundaries of each interval that was asked for; empty where there is nothing to span."""


async def read_dashboards(
    database: Database, request: DashboardRequest, subjects: Sequence[Subject]
) -> dict[UUID | None, Figured]:
    """An answer for each subject: the account alone, or any number of agents."""
    calendars = await _read_calendars(database, request, subjects)
    values = Values(request.viewer.account.id)
    answers = {key: _empty(request, calendar) for key, calendar in calendars.items()}
    if sql := dashboard_sql(request, subjects, calendars, values):
        blocks = _blocks(request.wanted)
        for row in await database.fetch(sql, *values):
            _place(row, answers[row["subject"]], blocks)
    for answer in answers.values():
        for slices in answer.groups.values():
            slices.sort(key=lambda slice_: (-slice_.figures["total_session_count"], slice_.key is None, slice_.key))
    return answers


def dashboard_sql(
    request: DashboardRequest, subjects: Sequence[Subject], calendars: Mapping[UUID | None, Calendar], values: Values
) -> str:
    """One statement that goes through the rows once, and once through those of the span before.

    Each row of the answer has the subject, the figures, and in `block` what they are of: a bit for each of `_blocks`,
    of which the one that it is grouped by is 0. All are 1 for totals, and it is null for the span before. Empty where
    nothing was asked for.
    """
    figures, blocks = _figures_sql(request, values), _blocks(request.wanted)
    branches = []
    if request.wanted.totals or blocks:
        rows = _rows_sql(request, request.narrowed(), subjects, values, _buckets(request, subjects, calendars, values))
        subject = ["b.subject"] if _agents(subjects) else []
        sets = [", ".join([*subject, f"b.{column}"]) for column in blocks]
        if request.wanted.totals:
            sets.append(", ".join(subject))
        block = f"grouping({', '.join(f'b.{column}' for column in blocks)})" if blocks else "0"
        keys = "".join(f", {_key_sql(column)}" for column in blocks)
        branches.append(
            f"select {'b.subject' if subject else 'null::uuid'} as subject, {block} as block{keys}{figures}"
            f" from ({rows}) b group by grouping sets (({'), ('.join(sets)}))"
        )
    if (span := request.span()) and request.wanted.previous:
        before = request.narrowed().with_span(_same_before(*span), span[0])
        keys = "".join(f", null as {column}" for column in blocks)
        rows = _rows_sql(request, before, subjects, values)
        branches.append(f"select b.subject, null as block{keys}{figures} from ({rows}) b group by 1")
    return " union all ".join(branches)


def _blocks(wanted: Wanted) -> dict[str, Interval | Group]:
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
    subjects: Sequence[Subject],
    values: Values,
    buckets: Sequence[str] = (),
) -> str:
    agents = _agents(subjects)
    condition = where(request.viewer, filter_, values)
    if agents:
        condition += f" and {values.equals_any('s.agent_id', agents)}"
    subject = "s.agent_id" if agents else "null::uuid"
    columns = (f"s.{column}" for column in sorted(_columns(request.wanted)))
    return f"select {', '.join([f'{subject} as subject', *columns, *buckets])} from session s where {condition}"


def _agents(subjects: Sequence[Subject]) -> list[UUID]:
    return [subject.agent_id for subject in subjects if subject.agent_id]


def _columns(wanted: Wanted) -> set[str]:
    columns = {need for name in _figures(wanted) for need in FIGURES[name].needs}
    return columns | {group.stored for group in wanted.groups} | ({"started_at"} if wanted.series else set())


def _figures(wanted: Wanted) -> list[str]:
    names = set(wanted.totals).union(wanted.previous or (), *wanted.series.values(), *wanted.groups.values())
    return [name for name in FIGURES if name in names or (name == "total_session_count" and wanted.groups)]


def _figures_sql(request: DashboardRequest, values: Values) -> str:
    names = _figures(request.wanted)
    scale = (
        f"{values.bind(request.viewer.account.money_scale)}::integer" if any(FIGURES[n].is_money for n in names) else ""
    )
    return "".join(f", {FIGURES[name].sql.format(money_scale=scale)} as {name}" for name in names)


def _buckets(
    request: DashboardRequest,
    subjects: Sequence[Subject],
    calendars: Mapping[UUID | None, Calendar],
    values: Values,
) -> list[str]:
    """The number of each row's interval, from 1, for each series. Agents of one zone share their boundaries under a
    filter with a span."""
    buckets = []
    for interval in request.wanted.series:
        shared: dict[tuple[datetime, ...], list[UUID | None]] = {}
        for subject in subjects:
            shared.setdefault(tuple(calendars[subject.agent_id][interval]), []).append(subject.agent_id)
        numbers = {
            tuple(keys): f"width_bucket(s.started_at, {values.bind(list(marks))}::timestamptz[])"
            for marks, keys in shared.items()
            if marks
        }
        buckets.append(f"{_choose(numbers, len(shared), values)} as {interval.lower()}")
    return buckets


def _choose(numbers: Mapping[tuple[UUID | None, ...], str], cases: int, values: Values) -> str:
    if not numbers:
        return "null::integer"
    if cases == 1:
        return next(iter(numbers.values()))
    whens = (f"when {values.equals_any('s.agent_id', keys)} then {number}" for keys, number in numbers.items())
    return f"case {' '.join(whens)} end"


def _place(row: Row, answer: Figured, blocks: Mapping[str, Interval | Group]) -> None:
    figures = {name: row[name] for name in FIGURES if name in row}
    if row["block"] is None:
        answer.previous = figures
        return
    grouped_by = [column for bit, column in enumerate(reversed(list(blocks))) if not row["block"] >> bit & 1]
    if not grouped_by:
        answer.totals = figures
        return
    block, key = blocks[grouped_by[0]], row[grouped_by[0]]
    if isinstance(block, Group):
        answer.groups[block].append(Slice(key, figures))
    else:
        point = int(key) - 1
        answer.series[block][point] = replace(answer.series[block][point], figures=figures)


def _empty(request: DashboardRequest, calendar: Calendar) -> Figured:
    figures = {name: _nothing(FIGURES[name], request.viewer.account.money_scale) for name in _figures(request.wanted)}
    return Figured(
        totals=figures,
        previous=figures if request.span() else None,
        series={interval: [Point(*ends, figures) for ends in pairwise(marks)] for interval, marks in calendar.items()},
        groups={group: [] for group in request.wanted.groups},
    )


def _nothing(figure: Figure, money_scale: int) -> Decimal | int | None:
    if figure.is_score:
        return None
    return Decimal(0).quantize(Decimal(1).scaleb(-money_scale)) if figure.is_money else 0


async def _read_calendars(
    database: Database, request: DashboardRequest, subjects: Sequence[Subject]
) -> dict[UUID | None, Calendar]:
    start, end = request.filter.span
    extents = {}
    if request.wanted.series and (start is None or end is None):
        extents = await _read_extents(database, request, subjects)
    return {
        subject.agent_id: {
            interval: _marks(start, end, extents.get(subject.agent_id), interval, subject.time_zone, request.now)
            for interval in request.wanted.series
        }
        for subject in subjects
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
    database: Database, request: DashboardRequest, subjects: Sequence[Subject]
) -> dict[UUID | None, tuple[datetime, datetime]]:
    values = Values(request.viewer.account.id)
    started = replace(request, wanted=Wanted(series={Interval.DAY: frozenset()}))
    rows = await database.fetch(
        "select b.subject, min(b.started_at) as first, max(b.started_at) as last"
        f" from ({_rows_sql(started, request.narrowed(), subjects, values)}) b group by b.subject",
        *values,
    )
    return {row["subject"]: (row["first"], row["last"]) for row in rows}
