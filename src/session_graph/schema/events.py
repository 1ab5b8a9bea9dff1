"""The events of sessions: their types, their arguments, and the page that a query reads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import strawberry

from session_graph.engine.context import ResumableEvent
from session_graph.engine.fields import FieldRequest, reader
from session_graph.engine.selection import FieldSelection
from session_graph.errors import HistoryLost, InvalidInput, Problem
from session_graph.parsing import gather_problems
from session_graph.schema.arguments import FilterArgument, argument, read_filter
from session_graph.schema.context import Context
from session_graph.schema.enums import describe
from session_graph.schema.selections import session_columns
from session_graph.schema.sessions import Session
from session_graph.sessions.cursors import read_event_cursor, write_event_cursor
from session_graph.sessions.event_history import LogPosition, PositionLost
from session_graph.sessions.event_log import EventKind
from session_graph.sessions.feed import Change, Following, read_change_page
from session_graph.sessions.list_request import check_list_size, max_size

DEFAULT_SIZE = 100

describe(
    EventKind,
    "The kind of a session event.",
    "SessionEventKind",
    RECORDED="The session was recorded.",
    CHANGED="The session was edited or amended.",
    LEFT="The session was edited and does not match the filter now, whether it did before or not.",
    CHECKPOINT="Nothing happened to a session: a subscription says where it stands. Not in queries.",
)


@dataclass(frozen=True, slots=True)
class EventArguments:
    """A filter, valid but not parsed, the position to start after, and the columns of each session."""

    filter: Mapping[str, Any]
    after: LogPosition | None
    columns: frozenset[str]
    size: int

    def following(self, context: Context) -> Following:
        return Following(context.viewer, self.filter, self.columns, max_size(self.columns))


SinceArgument = Annotated[
    str | None, argument("The cursor of an event, checkpoint or page; start with all events after it.")
]
SizeArgument = Annotated[
    int | None, argument("The maximum number of events, 1 to 200; at most 50 if transcript is selected.")
]


@strawberry.type(description="A change of a session; of several changes at about the same time, the last.")
class SessionEvent(ResumableEvent):
    kind: EventKind = strawberry.field(description="The kind of the event.")
    session_id: strawberry.ID | None = strawberry.field(description="The session's UUID; null for a CHECKPOINT.")
    session: Session | None = strawberry.field(
        description="The session as it is now; null after LEFT, and for a CHECKPOINT."
    )
    cursor: str = strawberry.field(
        description="The position in the event log, for after. It never expires. The cursors of an account sort as"
        " texts in the order of the log."
    )


@strawberry.type(description="A page of the event log.")
class SessionEventPage:
    events: list[SessionEvent] = strawberry.field(description="The events, oldest first; there may be none.")
    end_cursor: str = strawberry.field(
        description="The position to go on from, also if the page is empty: the after of the next page."
    )
    has_next_page: bool = strawberry.field(
        description="Whether more can be read at once. A page may be short and have more after it, as it reads a"
        " bounded part of the log."
    )


def select_page(page: FieldSelection) -> frozenset[str]:
    """Return the columns that a field of type SessionEventPage selects."""
    return session_columns(page.below(("SessionEventPage", "events"), ("SessionEvent", "session")))


def select_event(event: FieldSelection) -> frozenset[str]:
    """Return the columns that a field of type SessionEvent selects."""
    return session_columns(event.below(("SessionEvent", "session")))


@reader(selects=select_event)
def read_subscription(
    request: FieldRequest[Context, frozenset[str]], filter: FilterArgument = None, after: SinceArgument = None
) -> EventArguments:
    return _read(request, filter, request.context.last_event_id or after, [], max_size(request.selected))


@reader(selects=select_page)
def read_event_list(
    request: FieldRequest[Context, frozenset[str]],
    after: SinceArgument = None,
    first: SizeArgument = DEFAULT_SIZE,
    filter: FilterArgument = None,
) -> EventArguments:
    problems = list[Problem]()
    size = min(DEFAULT_SIZE, max_size(request.selected))
    if first is not None:
        with gather_problems(problems):
            size = check_list_size("first", first, request.selected)
    return _read(request, filter, after, problems, size)


def _read(
    request: FieldRequest[Context, frozenset[str]],
    filter_: Mapping[str, Any] | None,
    after: str | None,
    problems: list[Problem],
    size: int,
) -> EventArguments:
    position = None
    with gather_problems(problems):
        read_filter(request, filter_)
    if after is not None:
        with gather_problems(problems):
            position = read_event_cursor(after, request.context.viewer.account.id, "after")
    if problems:
        raise InvalidInput(problems)
    return EventArguments(filter_ or {}, position, request.selected, size)


async def load_event_page(context: Context, events: EventArguments) -> SessionEventPage:
    """Read a page of the log. Raises HistoryLost, and ReplicaBehind on a standby."""
    account_id = context.viewer.account.id
    with telling_of_loss(account_id):
        page = await read_change_page(
            context.database, events.following(context), events.after, events.size, context.now
        )
    return SessionEventPage(
        events=[make_event(change, account_id) for change in page.changes],
        end_cursor=write_event_cursor(page.end, account_id),
        has_next_page=page.has_more,
    )


def make_event(change: Change, account_id: UUID) -> SessionEvent:
    return SessionEvent(
        kind=change.kind,
        session_id=strawberry.ID(str(change.session_id)) if change.session_id else None,
        session=Session(row=change.session) if change.session else None,
        cursor=write_event_cursor(change.position, account_id),
    )


@contextmanager
def telling_of_loss(account_id: UUID) -> Iterator[None]:
    """Turn PositionLost into HistoryLost, with the cursor to read on from."""
    try:
        yield
    except PositionLost as lost:
        raise HistoryLost(write_event_cursor(lost.safe, account_id) if lost.safe else None) from None
