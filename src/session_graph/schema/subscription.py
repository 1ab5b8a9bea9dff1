"""The roots of following. Each has begun when its resolver returns: what happens from then on is told."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from session_graph.errors import BadUserInput
from session_graph.exports.progress import follow_export
from session_graph.exports.requests import find_export
from session_graph.schema.arguments import MAX_WITH_TRANSCRIPTS
from session_graph.schema.context import Context, Info, nodes_of
from session_graph.schema.dashboards import FilterArgument
from session_graph.schema.enums import describe
from session_graph.schema.exports import SessionExport
from session_graph.schema.sessions import Session, load_parts, session_columns
from session_graph.sessions.cursors import write_event_cursor
from session_graph.sessions.event_log import (
    EventKind,
    LogPosition,
    check_position,
    current_position,
)
from session_graph.sessions.feed import Change, Following, follow_sessions
from session_graph.sessions.pagination import MAX_SIZE
from session_graph.store.database import Row

describe(
    EventKind,
    "What happened to a session.",
    "SessionEventKind",
    RECORDED="It is new.",
    CHANGED="Somebody edited it.",
    LEFT="Somebody edited it, and the filter does not leave it now, whether it did before or not.",
)

SinceArgument = Annotated[
    str | None,
    strawberry.argument(description="First everything since this cursor of an event, with nothing left out."),
]
ReportArgument = Annotated[strawberry.ID, strawberry.argument(description="The report's UUID.")]


@dataclass(frozen=True, slots=True)
class EventArguments:
    """The arguments of `sessionEvents`; the filter as it was sent, once it is known to be well formed."""

    filter: Mapping[str, Any]
    after: LogPosition | None


@strawberry.type(description="Something happened to a session; of several things at about the same time, the last.")
class SessionEvent:
    kind: EventKind = strawberry.field(description="What happened.")
    session_id: strawberry.ID = strawberry.field(description="The session's UUID.")
    session: Session | None = strawberry.field(description="As it is now; null where it has left the filter.")
    cursor: str = strawberry.field(description="Where the event is in the log; for after.")


@strawberry.type(description="Everything that can be followed.")
class Subscription:
    @strawberry.subscription(
        description="Sessions that are recorded, changed, or no longer match. With after, first everything since that"
        " cursor, nothing left out."
    )
    async def session_events(
        self, info: Info, filter: FilterArgument = None, after: SinceArgument = None
    ) -> AsyncGenerator[SessionEvent, None]:
        context = info.context
        arguments: EventArguments = context.arguments(info)
        columns = session_columns(
            context.selection, context.selection.below(nodes_of(info), ("SessionEvent", "session"))
        )
        most = MAX_WITH_TRANSCRIPTS if "transcript" in columns else MAX_SIZE
        following = Following(context.viewer, arguments.filter, columns, most)
        if arguments.after is None:
            return _tell_events(context, following, await current_position(context.database))
        await check_position(context.database, arguments.after, context.hub.kept)
        return _tell_events(context, following, arguments.after)

    @strawberry.subscription(description="A report as it is now, and at every change, until it comes to its end.")
    async def export_progress(self, info: Info, id: ReportArgument) -> AsyncGenerator[SessionExport, None]:
        context = info.context
        export_id = context.arguments(info)
        if await find_export(context.database, context.viewer, export_id) is None:
            raise BadUserInput("is not the id of a report that you may see", ["id"])
        return _tell_progress(context, follow_export(context.database, context.hub.listener, context.viewer, export_id))


async def _tell_events(
    context: Context, following: Following, position: LogPosition
) -> AsyncGenerator[SessionEvent, None]:
    async def prepare(changes: Sequence[Change]) -> None:
        context.renew()
        await load_parts(context, following.columns, [change.session for change in changes if change.session])

    source = follow_sessions(context.hub.feeds, following, position, prepare)
    async with aclosing(source):
        async for changes in source:
            for change in changes:
                yield SessionEvent(
                    kind=change.kind,
                    session_id=strawberry.ID(str(change.session_id)),
                    session=Session(row=change.session) if change.session else None,
                    cursor=write_event_cursor(change.position, following.viewer.account.id),
                )


async def _tell_progress(context: Context, reports: AsyncGenerator[Row, None]) -> AsyncGenerator[SessionExport, None]:
    async with aclosing(reports):
        async for row in reports:
            context.renew()
            yield SessionExport(row=row)
