"""The types of the dashboard, and the request to `sessions.dashboard` that fills them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry

from session_graph.engine.fields import leave_to_executor
from session_graph.engine.row_types import RowBacked, declare
from session_graph.parsing import at_path
from session_graph.schema.arguments import DashboardArguments, argument
from session_graph.schema.context import Info
from session_graph.sessions.dashboard import DashboardResult, DashboardScope, Metrics, read_calendars, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, Group
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS, Metric
from session_graph.sessions.small_groups import NAME_SESSIONS, SMALLEST
from session_graph.zones import check_time_zone


def _declare_metrics(cls: type) -> type:
    for metric in METRICS.values():
        declare(cls, metric.name, _type(metric), _describe(metric))
    return cls


def _type(metric: Metric) -> Any:
    if metric.is_score or metric.guarded_roles:
        return Optional[int] if metric.is_count else Optional[Decimal]  # noqa: UP045
    return int if metric.is_count else Decimal


def _describe(metric: Metric) -> str:
    roles = " or ".join(f"a {role}" for role in sorted(metric.guarded_roles))
    if not roles:
        return metric.description
    naming = ", ".join(sorted(NAME_SESSIONS))
    few = f"it is null of one to {SMALLEST - 1} sessions, and always if the filter has one of: {naming}"
    return f"{metric.description} For {roles} {few}."


@strawberry.type(description="The metrics of a set of sessions. A score is null if no session counts in it.")
@_declare_metrics
class DashboardTotals(RowBacked):
    metrics: strawberry.Private[Metrics]

    backed_by = "metrics"


@strawberry.type(description="An interval of a series.")
class DashboardPoint:
    start: datetime = strawberry.field(name="from", description="The start of the interval.")
    end: datetime = strawberry.field(name="to", description="The end of the interval, exclusive.")
    totals: DashboardTotals = strawberry.field(description="The metrics of the sessions that began in the interval.")


@strawberry.type(description="The sessions that share a value.")
class DashboardSlice:
    key: str | None = strawberry.field(description="The value; null for sessions without one.")
    totals: DashboardTotals = strawberry.field(description="The metrics of these sessions.")


@strawberry.type(
    description="The metrics of the sessions that match a filter; without test and archived ones by default."
)
@_declare_metrics
class Dashboard(RowBacked):
    result: strawberry.Private[DashboardResult]
    currency: str = strawberry.field(description="The account's currency (ISO 4217).")
    time_zone: str = strawberry.field(description="The time zone of the days (IANA).")

    backed_by = "result.totals"

    @strawberry.field(
        description="All intervals of the filter's span, with the empty ones; at most 1,000, more are an error of this"
        " field alone. Weeks begin on Monday; the first and last are clipped to the span. Without a span, from the"
        " first session's interval to the last's."
    )
    def series(
        self, interval: Annotated[Interval, argument("The length of an interval.")] = Interval.DAY
    ) -> list[DashboardPoint] | None:
        if interval in self.result.refused:
            raise self.result.refused[interval]
        points = self.result.series[interval]
        return [DashboardPoint(start=p.start, end=p.end, totals=DashboardTotals(metrics=p.metrics)) for p in points]

    @strawberry.field(description="The sessions grouped by a column, largest group first.")
    def groups(self, by: Annotated[Group, argument("The column to group by.")]) -> list[DashboardSlice] | None:
        return [
            DashboardSlice(key=each.key, totals=DashboardTotals(metrics=each.metrics))
            for each in self.result.groups[by]
        ]

    @strawberry.field(
        description="The span just before: as many months if the span is whole months in timeZone, as many days if it"
        " is whole days, else as long; null if the filter's span has no start."
    )
    def previous(self) -> DashboardTotals | None:
        return DashboardTotals(metrics=self.result.previous) if self.result.previous is not None else None

    @strawberry.field(description="Where the previous span begins; null if there is none.")
    def previous_from(self) -> datetime | None:
        return self.result.previous_span and self.result.previous_span[0]

    @strawberry.field(description="Where the previous span ends, excluded; null if there is none.")
    def previous_to(self) -> datetime | None:
        return self.result.previous_span and self.result.previous_span[1]


async def load_dashboards(
    info: Info, arguments: DashboardArguments, scopes: Sequence[tuple[UUID | None, str]]
) -> list[Dashboard]:
    """Load the dashboard of each agent, or of the account (None), each with its own time zone; in one statement."""
    context = info.context
    if arguments.time_zone is not None:
        with at_path("timeZone"):
            check_time_zone(arguments.time_zone)
    wanted = [DashboardScope(agent_id, arguments.time_zone or time_zone) for agent_id, time_zone in scopes]
    request = DashboardRequest(
        context.viewer,
        arguments.filter,
        arguments.selection,
        context.now,
        include_test=arguments.include_test,
        include_archived=arguments.include_archived,
    )
    calendars = await read_calendars(context.database, request, wanted)
    if reasons := [reason for calendar in calendars.values() for reason in calendar.refused.values()]:
        leave_to_executor(info, reasons[0])
    found = await read_dashboards(context.database, request, wanted, calendars)
    currency = context.viewer.account.currency
    return [Dashboard(result=found[scope.agent_id], currency=currency, time_zone=scope.time_zone) for scope in wanted]
