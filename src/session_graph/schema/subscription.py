"""The roots of following. Each has begun when its resolver returns: what happens from then on is told."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import strawberry

from session_graph.engine.fields import reader, selected, subscription
from session_graph.errors import BadUserInput
from session_graph.exports.progress import follow_export
from session_graph.exports.requests import find_export
from session_graph.parsing import at_path, parse_id
from session_graph.schema.arguments import FilterArgument, Request, argument
from session_graph.schema.context import Context, Info
from session_graph.schema.enums import describe
from session_graph.schema.exports import SessionExport
from session_graph.schema.selections import session_columns
from session_graph.schema.sessions import Session, load_parts
from session_graph.sessions.cursors import read_event_cursor, write_event_cursor
from session_graph.sessions.event_log import (
    EventKind,
    LogPosition,
    check_position,
    current_position,
)
from session_graph.sessions.feed import Change, Following, follow_sessions
from session_graph.sessions.filters import parse_filter
from session_graph.sessions.list_request import max_size
from session_graph.store.database import Row

describe(
    EventKind,
    "What happened to a session.",
    "SessionEventKind",
    RECORDED="It is new.",
    CHANGED="Somebody edited it.",
    LEFT="Somebody edited it, and the filter does not leave it now, whether it did before or not.",
)


@dataclass(frozen=True, slots=True)
class EventArguments:
    """Which events: the filter as it was sent, once it is known to be valid, and the position to go on from."""

    filter: Mapping[str, Any]
    after: LogPosition | None


SinceArgument = Annotated[
    str | None, argument("First everything since this cursor of an event, with nothing left out.")
]
ExportIdArgument = Annotated[strawberry.ID, argument("The report's UUID.")]


@reader()
def read_events(request: Request, filter: FilterArgument = None, after: SinceArgument = None) -> EventArguments:
    parse_filter(filter, request.context.now)
    account_id = request.context.viewer.account.id
    return EventArguments(filter or {}, None if after is None else read_event_cursor(after, account_id, "after"))


@reader()
def read_export_id(request: Request, id: ExportIdArgument) -> UUID:
    with at_path("id"):
        return parse_id(id)


@strawberry.type(description="Something happened to a session; of several things at about the same time, the last.")
class SessionEvent:
    kind: EventKind = strawberry.field(description="What happened.")
    session_id: strawberry.ID = strawberry.field(description="The session's UUID.")
    session: Session | None = strawberry.field(description="As it is now; null where it has left the filter.")
    cursor: str = strawberry.field(description="Where the event is in the log; for after.")


@strawberry.type(description="Everything that can be followed.")
class Subscription:
    @subscription(
        "Sessions that are recorded, changed, or no longer match. With after, first everything since that cursor,"
        " nothing left out.",
        reads=read_events,
    )
    async def session_events(self, info: Info, events: EventArguments) -> AsyncGenerator[SessionEvent, None]:
        context = info.context
        columns = session_columns(selected(info).below(("SessionEvent", "session")))
        following = Following(context.viewer, events.filter, columns, max_size(columns))
        if events.after is None:
            return _tell_events(context, following, await current_position(context.database))
        await check_position(context.database, events.after, context.hub.kept)
        return _tell_events(context, following, events.after)

    @subscription("A report as it is now, and at every change, until it comes to its end.", reads=read_export_id)
    async def export_progress(self, info: Info, export_id: UUID) -> AsyncGenerator[SessionExport, None]:
        context = info.context
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
