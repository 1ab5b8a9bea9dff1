"""The dashboard's types, and how what is selected of them becomes one request to `sessions.dashboard`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry

from session_graph.access.accounts import check_time_zone
from session_graph.engine.row_types import RowBacked, declare
from session_graph.parsing import at_path
from session_graph.schema.arguments import DashboardArguments
from session_graph.schema.context import Info
from session_graph.sessions.dashboard import (
    DashboardRequest,
    DashboardResult,
    DashboardScope,
    Group,
    Metrics,
    Point,
    Slice,
    read_dashboards,
)
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS, Metric


def _declare_metrics(cls: type) -> type:
    for metric in METRICS.values():
        declare(cls, metric.name, _type(metric), metric.description)
    return cls


def _type(metric: Metric) -> Any:
    if metric.is_count:
        return int
    return Optional[Decimal] if metric.is_score else Decimal  # noqa: UP045


@strawberry.type(description="The figures of a set of sessions. Scores are null where nothing qualifies.")
@_declare_metrics
class DashboardTotals(RowBacked):
    metrics: strawberry.Private[Metrics]

    backed_by = "metrics"


@strawberry.type(description="An interval of a series.")
class DashboardPoint:
    point: strawberry.Private[Point]

    @strawberry.field(name="from", description="Where it begins.")
    def start(self) -> datetime:
        return self.point.start

    @strawberry.field(name="to", description="Where it ends; excluded.")
    def end(self) -> datetime:
        return self.point.end

    @strawberry.field(description="The figures of the sessions that began in it.")
    def totals(self) -> DashboardTotals:
        return DashboardTotals(metrics=self.point.metrics)


@strawberry.type(description="The sessions that share a value.")
class DashboardSlice:
    slice: strawberry.Private[Slice]

    @strawberry.field(description="The value; null for the sessions that have none.")
    def key(self) -> str | None:
        return self.slice.key

    @strawberry.field(description="Their figures.")
    def totals(self) -> DashboardTotals:
        return DashboardTotals(metrics=self.slice.metrics)


@strawberry.type(
    description="The figures of the sessions that a filter leaves."
    " Test and archived sessions are left out unless asked for."
)
@_declare_metrics
class Dashboard(RowBacked):
    result: strawberry.Private[DashboardResult]
    currency: str = strawberry.field(description="The account's currency (ISO 4217).")
    time_zone: str = strawberry.field(description="The zone of its days (IANA).")

    backed_by = "result.totals"

    @strawberry.field(
        description="Every interval of the span, the empty ones too; at most 1,000. Weeks begin on Monday; the first"
        " and last are clipped to the span. Without a span: from the first session's interval to the last's."
    )
    def series(
        self, interval: Annotated[Interval, strawberry.argument(description="The step.")] = Interval.DAY
    ) -> list[DashboardPoint]:
        return [DashboardPoint(point=point) for point in self.result.series[interval]]

    @strawberry.field(description="Largest first; the key is null for sessions that have none.")
    def groups(self, by: Annotated[Group, strawberry.argument(description="By what.")]) -> list[DashboardSlice]:
        return [DashboardSlice(slice=slice_) for slice_ in self.result.groups[by]]

    @strawberry.field(
        description="The span just before: as many months if the span is whole months in timeZone, as many days if it"
        " is whole days, else as long; null where the filter's span has no beginning."
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
    chosen = await _check_zone(arguments.time_zone)
    wanted = [DashboardScope(agent_id, chosen or time_zone) for agent_id, time_zone in scopes]
    request = DashboardRequest(
        context.viewer,
        arguments.filter,
        arguments.selection,
        context.now,
        include_test=arguments.include_test,
        include_archived=arguments.include_archived,
    )
    found = await read_dashboards(context.database, request, wanted)
    currency = context.viewer.account.currency
    return [Dashboard(result=found[scope.agent_id], currency=currency, time_zone=scope.time_zone) for scope in wanted]


async def _check_zone(name: str | None) -> str | None:
    with at_path("timeZone"):
        return None if name is None else await check_time_zone(name)
