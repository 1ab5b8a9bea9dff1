"""The root of subscriptions. Each has begun when its resolver returns: it misses no event from then on."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import strawberry

from session_graph.engine.context import ResumableEvent
from session_graph.engine.fields import reader, selected, subscription
from session_graph.errors import BadUserInput, InvalidInput, Problem
from session_graph.exports.progress import follow_export
from session_graph.exports.requests import find_export
from session_graph.parsing import gather_problems
from session_graph.schema.arguments import FilterArgument, Request, argument, read_filter, read_id
from session_graph.schema.context import Context, Info
from session_graph.schema.enums import describe
from session_graph.schema.exports import SessionExport
from session_graph.schema.selections import session_columns
from session_graph.schema.sessions import Session, load_parts
from session_graph.sessions.cursors import read_event_cursor, write_event_cursor
from session_graph.sessions.event_log import EventKind, LogPosition, check_position, current_position
from session_graph.sessions.feed import Change, Following, follow_sessions
from session_graph.sessions.list_request import max_size
from session_graph.store.database import Row

describe(
    EventKind,
    "The kind of a session event.",
    "SessionEventKind",
    RECORDED="The session was recorded.",
    CHANGED="The session was edited.",
    LEFT="The session was edited and does not match the filter now, whether it did before or not.",
)


@dataclass(frozen=True, slots=True)
class EventArguments:
    """The filter of a subscription, valid but not parsed, and the position of the log to start after."""

    filter: Mapping[str, Any]
    after: LogPosition | None


SinceArgument = Annotated[str | None, argument("The cursor of an event; start with all events after it.")]


@reader()
def read_events(request: Request, filter: FilterArgument = None, after: SinceArgument = None) -> EventArguments:
    position, problems = None, list[Problem]()
    with gather_problems(problems):
        read_filter(request, filter)
    after = request.context.last_event_id or after
    if after is not None:
        with gather_problems(problems):
            position = read_event_cursor(after, request.context.viewer.account.id, "after")
    if problems:
        raise InvalidInput(problems)
    return EventArguments(filter or {}, position)


@strawberry.type(description="A change of a session; of several changes at about the same time, the last.")
class SessionEvent(ResumableEvent):
    kind: EventKind = strawberry.field(description="The kind of the event.")
    session_id: strawberry.ID = strawberry.field(description="The session's UUID.")
    session: Session | None = strawberry.field(description="The session as it is now; null after LEFT.")
    cursor: str = strawberry.field(description="The position in the event log, for after.")


@strawberry.type(description="The live updates.")
class Subscription:
    @subscription(
        "Sessions that are recorded, change, or no longer match the filter. With after, starts with all events since"
        " that cursor.",
        reads=read_events,
    )
    async def session_events(self, info: Info, events: EventArguments) -> AsyncGenerator[SessionEvent, None]:
        context = info.context
        columns = session_columns(selected(info).below(("SessionEvent", "session")))
        following = Following(context.viewer, events.filter, columns, max_size(columns))
        if events.after is None:
            return _session_events(context, following, await current_position(context.database))
        await check_position(context.database, events.after, context.hub.kept)
        return _session_events(context, following, events.after)

    @subscription("An export as it is now, and after every change, until it ends.", reads=read_id)
    async def export_progress(self, info: Info, export_id: UUID) -> AsyncGenerator[SessionExport, None]:
        context = info.context
        if await find_export(context.database, context.viewer, export_id) is None:
            raise BadUserInput("is not the id of an export that you may see", ["id"])
        return _progress_events(
            context, follow_export(context.database, context.hub.listener, context.viewer, export_id)
        )


async def _session_events(
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


async def _progress_events(context: Context, rows: AsyncGenerator[Row, None]) -> AsyncGenerator[SessionExport, None]:
    async with aclosing(rows):
        async for row in rows:
            context.renew()
            yield SessionExport(row=row)
