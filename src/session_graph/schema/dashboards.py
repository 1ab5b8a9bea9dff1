"""The dashboard's types, and how what is selected of them becomes one request to `sessions.dashboard`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry
from graphql import FieldNode

from session_graph.access.accounts import check_time_zone
from session_graph.engine.row_types import RowBacked, declare
from session_graph.engine.selection import Selection
from session_graph.errors import BadUserInput
from session_graph.schema.arguments import DashboardArguments
from session_graph.schema.context import Info, nodes_of
from session_graph.schema.inputs import SessionFilter
from session_graph.sessions.dashboard import (
    DashboardRequest,
    DashboardResult,
    DashboardScope,
    DashboardSelection,
    Group,
    Metrics,
    Point,
    Slice,
    read_dashboards,
)
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS, Metric

_METRIC_OF_FIELD = {metric.field: name for name, metric in METRICS.items()}


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
        description="The span of equal length just before; null where the filter's span has no beginning."
    )
    def previous(self) -> DashboardTotals | None:
        return DashboardTotals(metrics=self.result.previous) if self.result.previous is not None else None


FilterArgument = Annotated[Optional[SessionFilter], strawberry.argument(description="Which sessions.")]  # noqa: UP045
ZoneArgument = Annotated[
    str | None, strawberry.argument(description="The zone of its days (IANA), instead of its own.")
]
TestArgument = Annotated[bool | None, strawberry.argument(description="Count test sessions in.")]
ArchivedArgument = Annotated[bool | None, strawberry.argument(description="Count archived sessions in.")]


async def load_dashboards(info: Info, scopes: Sequence[tuple[UUID | None, str]]) -> list[Dashboard]:
    """A dashboard of each agent, or of the account, with its own time zone; in one statement."""
    context = info.context
    arguments: DashboardArguments = context.arguments(info)
    chosen = await _check_zone(arguments.time_zone)
    wanted = [DashboardScope(agent_id, chosen or time_zone) for agent_id, time_zone in scopes]
    request = DashboardRequest(
        context.viewer,
        arguments.filter,
        _wanted(context.selection, nodes_of(info)),
        context.now,
        include_test=arguments.include_test,
        include_archived=arguments.include_archived,
    )
    found = await read_dashboards(context.database, request, wanted)
    currency = context.viewer.account.currency
    return [Dashboard(result=found[scope.agent_id], currency=currency, time_zone=scope.time_zone) for scope in wanted]


async def _check_zone(name: str | None) -> str | None:
    try:
        return None if name is None else await check_time_zone(name)
    except ValueError as error:
        raise BadUserInput(str(error), ["timeZone"]) from None


def _wanted(selection: Selection, nodes: Sequence[FieldNode]) -> DashboardSelection:
    series: dict[Interval, frozenset[str]] = {}
    groups: dict[Group, frozenset[str]] = {}
    previous = None
    for field in selection.fields(nodes, "Dashboard"):
        match field.name.value:
            case "series":
                interval = Interval(selection.arguments("Dashboard", field)["interval"])
                series[interval] = series.get(interval, frozenset()) | _below(selection, field, "DashboardPoint")
            case "groups":
                group = Group(selection.arguments("Dashboard", field)["by"])
                groups[group] = groups.get(group, frozenset()) | _below(selection, field, "DashboardSlice")
            case "previous":
                previous = (previous or frozenset()) | _metrics(selection, [field], "DashboardTotals")
    return DashboardSelection(_metrics(selection, nodes, "Dashboard"), previous, series, groups)


def _below(selection: Selection, field: FieldNode, type_name: str) -> frozenset[str]:
    return _metrics(selection, selection.below([field], (type_name, "totals")), "DashboardTotals")


def _metrics(selection: Selection, nodes: Sequence[FieldNode], type_name: str) -> frozenset[str]:
    names = selection.names(nodes, type_name)
    return frozenset(_METRIC_OF_FIELD[name] for name in names if name in _METRIC_OF_FIELD)
