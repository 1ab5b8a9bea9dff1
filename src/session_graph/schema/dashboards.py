"""The dashboard's types, and how what is selected of them becomes one request to `sessions.dashboard`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry
from graphql import FieldNode

from session_graph.access.accounts import check_time_zone
from session_graph.engine.row_types import LookedUp, declare
from session_graph.engine.selection import Selection
from session_graph.errors import BadUserInput
from session_graph.schema.arguments import DashboardArguments
from session_graph.schema.context import Info, nodes_of
from session_graph.schema.inputs import SessionFilter
from session_graph.sessions.dashboard import (
    DashboardRequest,
    Figured,
    Figures,
    Group,
    Point,
    Slice,
    Subject,
    Wanted,
    read_dashboards,
)
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import FIGURES, Figure

_FIGURE_OF_FIELD = {figure.field: name for name, figure in FIGURES.items()}


def _declare_figures(cls: type) -> type:
    for figure in FIGURES.values():
        declare(cls, figure.name, _type(figure), figure.description)
    return cls


def _type(figure: Figure) -> Any:
    if figure.is_count:
        return int
    return Optional[Decimal] if figure.is_score else Decimal  # noqa: UP045


@strawberry.type(description="The figures of a set of sessions. Scores are null where nothing qualifies.")
@_declare_figures
class DashboardTotals(LookedUp):
    figures: strawberry.Private[Figures]

    looked_up_in = "figures"


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
        return DashboardTotals(figures=self.point.figures)


@strawberry.type(description="The sessions that share a value.")
class DashboardSlice:
    slice: strawberry.Private[Slice]

    @strawberry.field(description="The value; null for the sessions that have none.")
    def key(self) -> str | None:
        return self.slice.key

    @strawberry.field(description="Their figures.")
    def totals(self) -> DashboardTotals:
        return DashboardTotals(figures=self.slice.figures)


@strawberry.type(
    description="The figures of the sessions that a filter leaves."
    " Test and archived sessions are left out unless asked for."
)
@_declare_figures
class Dashboard(LookedUp):
    figured: strawberry.Private[Figured]
    currency: str = strawberry.field(description="The account's currency (ISO 4217).")
    time_zone: str = strawberry.field(description="The zone of its days (IANA).")

    looked_up_in = "figured.totals"

    @strawberry.field(
        description="Every interval of the span, the empty ones too; at most 1,000. Weeks begin on Monday; the first"
        " and last are clipped to the span. Without a span: from the first session's interval to the last's."
    )
    def series(
        self, interval: Annotated[Interval, strawberry.argument(description="The step.")] = Interval.DAY
    ) -> list[DashboardPoint]:
        return [DashboardPoint(point=point) for point in self.figured.series[interval]]

    @strawberry.field(description="Largest first; the key is null for sessions that have none.")
    def groups(self, by: Annotated[Group, strawberry.argument(description="By what.")]) -> list[DashboardSlice]:
        return [DashboardSlice(slice=slice_) for slice_ in self.figured.groups[by]]

    @strawberry.field(
        description="The span of equal length just before; null where the filter's span has no beginning."
    )
    def previous(self) -> DashboardTotals | None:
        return DashboardTotals(figures=self.figured.previous) if self.figured.previous is not None else None


FilterArgument = Annotated[Optional[SessionFilter], strawberry.argument(description="Which sessions.")]  # noqa: UP045
ZoneArgument = Annotated[
    str | None, strawberry.argument(description="The zone of its days (IANA), instead of its own.")
]
TestArgument = Annotated[bool | None, strawberry.argument(description="Count test sessions in.")]
ArchivedArgument = Annotated[bool | None, strawberry.argument(description="Count archived sessions in.")]


async def load_dashboards(info: Info, subjects: Sequence[tuple[UUID | None, str]]) -> list[Dashboard]:
    """A dashboard of each agent, or of the account, with its own time zone; in one statement."""
    context = info.context
    arguments: DashboardArguments = context.arguments(info)
    chosen = await _check_zone(arguments.time_zone)
    wanted = [Subject(agent_id, chosen or time_zone) for agent_id, time_zone in subjects]
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
    return [
        Dashboard(figured=found[subject.agent_id], currency=currency, time_zone=subject.time_zone) for subject in wanted
    ]


async def _check_zone(name: str | None) -> str | None:
    try:
        return None if name is None else await check_time_zone(name)
    except ValueError as error:
        raise BadUserInput(str(error), ["timeZone"]) from None


def _wanted(selection: Selection, nodes: Sequence[FieldNode]) -> Wanted:
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
                previous = (previous or frozenset()) | _figures(selection, [field], "DashboardTotals")
    return Wanted(_figures(selection, nodes, "Dashboard"), previous, series, groups)


def _below(selection: Selection, field: FieldNode, type_name: str) -> frozenset[str]:
    return _figures(selection, selection.below([field], (type_name, "totals")), "DashboardTotals")


def _figures(selection: Selection, nodes: Sequence[FieldNode], type_name: str) -> frozenset[str]:
    names = selection.names(nodes, type_name)
    return frozenset(_FIGURE_OF_FIELD[name] for name in names if name in _FIGURE_OF_FIELD)
