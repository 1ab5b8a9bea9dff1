"""The graph's centre: sessions, the agents that held them, and lists of sessions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Protocol
from uuid import UUID

import orjson
import strawberry
from graphql import FieldNode
from strawberry.dataloader import DataLoader

from session_graph.engine.batching import batched, rows_of, same_row
from session_graph.engine.row_types import RowBacked, backed, declare_columns
from session_graph.engine.selection import Selection
from session_graph.parsing import plain
from session_graph.schema.arguments import ListArguments
from session_graph.schema.context import Context, Info, nodes_of
from session_graph.schema.dashboards import (
    ArchivedArgument,
    Dashboard,
    FilterArgument,
    TestArgument,
    ZoneArgument,
    load_dashboards,
)
from session_graph.schema.inputs import SessionOrder
from session_graph.schema.scalars import WorkingHours
from session_graph.sessions.agents import find_agents
from session_graph.sessions.columns import COLUMNS, Kind
from session_graph.sessions.cursors import cursor_start
from session_graph.sessions.editing import read_history
from session_graph.sessions.enums import Redirection, Speaker
from session_graph.sessions.pagination import Page
from session_graph.sessions.reading import (
    AGENT,
    CURSOR,
    Key,
    Parent,
    SessionList,
    count_sessions,
    has_opposite_page,
    read_pages,
    read_transcripts,
)
from session_graph.store import models
from session_graph.store.database import Row

COLUMN_OF_FIELD = {column.field: name for name, column in COLUMNS.items()}

FirstArgument = Annotated[int | None, strawberry.argument(description="The first so many, 1 to 200; 50 by default.")]
AfterArgument = Annotated[str | None, strawberry.argument(description="With first: go on behind this cursor.")]
LastArgument = Annotated[int | None, strawberry.argument(description="Instead of first: the last so many, 1 to 200.")]
BeforeArgument = Annotated[str | None, strawberry.argument(description="With last: go back from this cursor.")]
OrderArgument = Annotated[
    SessionOrder | None, strawberry.argument(description="In which order; by default the newest first.")
]


@strawberry.interface(description="What has an id of its own.")
class Node:
    id: strawberry.ID = backed("A UUID, unique across kinds.")


@strawberry.type(description="One utterance in a session's transcript.")
class Turn:
    position: int = strawberry.field(description="Counts from 1.")
    speaker: Speaker = strawberry.field(description="Who said it.")
    text: str = strawberry.field(description="What was said.")
    at: datetime | None = strawberry.field(description="When, where it is known.")


@strawberry.type(description="One thing that a person set.")
class SessionChange:
    at: datetime = strawberry.field(description="When.")
    by: str = strawberry.field(description="The name of the key or the subject of the token.")
    field: str = strawberry.field(description="Which field of the session.")
    before: str | None = strawberry.field(description="What it was; tags as a JSON list.")
    after: str | None = strawberry.field(description="What it is since.")


@strawberry.type(
    description="What the ASR is the product of: lead value × opportunity × conversion rate × success × recognition."
)
class AsrFactors(RowBacked):
    row: strawberry.Private[Row]
    lead_value: Decimal = backed("The lead value.")
    conversion_rate: Decimal = backed("The agent's conversion ratio at close.")
    recognition: Decimal = backed("The share that is credited to the agent.")
    is_test: bool = backed("A test's ASR is 0.")

    backed_by = "row"
    preformatted = True

    @strawberry.field(description="Whether it is an opportunity.")
    def opportunity(self) -> bool:
        return bool(self.row["is_opportunity"])

    @strawberry.field(description="Whether the assessment that counts is Yes-A or Yes-B.")
    def success(self) -> bool:
        return bool(self.row["asr_factors"])


class _Session(RowBacked, Node):
    row: strawberry.Private[Row]

    backed_by = "row"
    preformatted = True

    @batched(description=COLUMNS["agent"].description)
    async def agent(sessions: Sequence["_Session"], info: Info) -> list["Agent"]:
        agents = await _load_part(info.context, "agent", [session.row for session in sessions])
        return [Agent(model=agent) for agent in agents]

    asr_factors = same_row(AsrFactors, COLUMNS["asr_factors"].description)

    @batched(description=COLUMNS["transcript"].description)
    async def transcript(sessions: Sequence["_Session"], info: Info) -> list[list[Turn]]:
        transcripts = await _load_part(info.context, "transcript", [session.row for session in sessions])
        return [[Turn(position=place, **turn) for place, turn in enumerate(turns, start=1)] for turns in transcripts]

    @batched(description=COLUMNS["history"].description)
    async def history(sessions: Sequence["_Session"], info: Info) -> list[list[SessionChange]]:
        histories = await _load_part(info.context, "history", [session.row for session in sessions])
        return [[_change(row) for row in history] for history in histories]


declare_columns(_Session, (column for column in COLUMNS.values() if column.kind not in (Kind.PART, Kind.ID)))
Session: Any = strawberry.type(
    _Session,
    name="Session",
    description="One interaction (a call, an SMS conversation, a chat) between a user and an agent.",
)


class Paged(Protocol):
    """A page that can say where it lies."""

    async def goes_on(self, *, backwards: bool) -> bool: ...

    def start_cursor(self) -> str | None: ...

    def end_cursor(self) -> str | None: ...


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    paged: strawberry.Private[Paged]

    @strawberry.field(description="Whether the list goes on behind the page.")
    async def has_next_page(self) -> bool:
        return await self.paged.goes_on(backwards=False)

    @strawberry.field(description="Whether the list goes on before the page.")
    async def has_previous_page(self) -> bool:
        return await self.paged.goes_on(backwards=True)

    @strawberry.field(description="The cursor of the page's first entry; null where it is empty.")
    def start_cursor(self) -> str | None:
        return self.paged.start_cursor()

    @strawberry.field(description="The cursor of the page's last entry; null where it is empty.")
    def end_cursor(self) -> str | None:
        return self.paged.end_cursor()


@strawberry.type(description="A session and its place in the list.")
class SessionEdge(RowBacked):
    row: strawberry.Private[Row]
    cursor: str = backed("Where the session is in the list; for after and before.")
    node = same_row(Session, "The session.")

    backed_by = "row"


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A list that a field asked for, with a page of each of its keys."""

    context: Context
    sessions: SessionList
    arguments: ListArguments
    keys: Sequence[Key]

    def behind(self) -> DataLoader[Key, bool]:
        """Of each key, whether its list has sessions on the other side of the page."""
        return self.context.loader(("behind", id(self)), self._load_behind)

    async def _load_behind(self, keys: Sequence[Key]) -> list[bool]:
        found = await has_opposite_page(self.context.database, self.sessions, self.arguments.page, keys)
        return [found[key] for key in keys]


@strawberry.type(description="A page of a list of sessions.")
class SessionConnection:
    source: strawberry.Private[_Source]
    key: strawberry.Private[Key]
    page: strawberry.Private[Page]

    @rows_of(SessionEdge, description="The sessions with their cursors.")
    def edges(self) -> Sequence[Row]:
        return self.page.rows

    @rows_of(Session, description="The sessions.")
    def nodes(self) -> Sequence[Row]:
        return self.page.rows

    @strawberry.field(description="Where the page lies in the list.")
    def page_info(self) -> PageInfo:
        return PageInfo(paged=_SessionPage(self))

    @batched(description="How many sessions the whole list has. Counted only when asked for.")
    async def total_count(connections: Sequence["SessionConnection"], info: Info) -> list[int]:
        database = info.context.database
        return await of_lists(connections, lambda source: count_sessions(database, source.sessions, source.keys))


@dataclass(frozen=True, slots=True)
class _SessionPage:
    """A page of sessions, as PageInfo asks for it."""

    connection: SessionConnection

    async def goes_on(self, *, backwards: bool) -> bool:
        source = self.connection.source
        if backwards is source.arguments.page.backwards:
            return self.connection.page.has_more
        return await source.behind().load(self.connection.key)

    def start_cursor(self) -> str | None:
        return self._cursor(0)

    def end_cursor(self) -> str | None:
        return self._cursor(-1)

    def _cursor(self, index: int) -> str | None:
        rows = self.connection.page.rows
        return rows[index][CURSOR] if rows else None


@strawberry.type(description="An AI employee of the account.")
class Agent(RowBacked, Node):
    model: strawberry.Private[models.Agent]
    idn: str = backed("Its short identifier, unique in the account.")
    name: str = backed("Its name.")
    industry: str | None = backed("Its industry.")
    time_zone: str = backed("Its time zone (IANA).")
    working_hours: WorkingHours = backed("When it is open; without any day it always is.")
    redirection: Redirection = backed("Who answers first in working hours.")
    unit_name: str | None = backed("What its units are, such as guests.")
    test_contacts: list[str] = backed("Phones and e-mails whose sessions are tests.")
    short_under_seconds: int = backed("A shorter session is SHORT.")
    long_from_seconds: int = backed("A session of this length or more is LONG.")

    backed_by = "model"
    by_item = False

    @strawberry.field(description="The share of leads that convert, 0 to 1.")
    def conversion_ratio(self) -> Decimal:
        return plain(self.model.conversion_ratio)

    @strawberry.field(description="The share of calls that used to be missed, 0 to 1; credited to it in working hours.")
    def recognition(self) -> Decimal:
        return plain(self.model.recognition)

    @strawberry.field(description="What a lead is worth where units do not tell.")
    def average_lead_value(self, info: Info) -> Decimal | None:
        return _money(self.model.average_lead_value, info)

    @strawberry.field(description="What a unit is worth.")
    def unit_value(self, info: Info) -> Decimal | None:
        return _money(self.model.unit_value, info)

    @batched(description="Its sessions.")
    async def sessions(
        agents: Sequence["Agent"],
        info: Info,
        filter: FilterArgument = None,
        order_by: OrderArgument = None,
        first: FirstArgument = None,
        after: AfterArgument = None,
        last: LastArgument = None,
        before: BeforeArgument = None,
    ) -> list[SessionConnection]:
        return await load_sessions(info, AGENT, [agent.model.id for agent in agents])

    @batched(description="Its dashboard; days are in its zone.")
    async def dashboard(
        agents: Sequence["Agent"],
        info: Info,
        filter: FilterArgument = None,
        time_zone: ZoneArgument = None,
        include_test: TestArgument = False,
        include_archived: ArchivedArgument = False,
    ) -> list[Dashboard]:
        return await load_dashboards(info, [(agent.model.id, agent.model.time_zone) for agent in agents])


def _money(amount: Decimal | None, info: Info) -> Decimal | None:
    """With the currency's decimals, or with more where it has more."""
    if amount is None:
        return None
    cents = Decimal(1).scaleb(-info.context.viewer.account.money_scale)
    return max(plain(amount), amount.quantize(cents), key=lambda number: -int(number.as_tuple().exponent))


async def load_sessions(
    info: Info, parent: Parent | None = None, keys: Sequence[Key] = (None,)
) -> list[SessionConnection]:
    """A page of the account's sessions, or of each parent's; in one statement."""
    context = info.context
    read: ListArguments = context.arguments(info)
    columns = selected_columns(context.selection, nodes_of(info))
    sessions = SessionList(context.viewer, read.filter, read.order, parent)
    wants_cursors = _selects_cursors(context.selection, nodes_of(info))
    cursors = cursor_start(read.order, context.viewer.account.id, read.now) if wants_cursors else None
    source = _Source(context, sessions, read, keys)
    pages = await read_pages(context.database, sessions, columns, read.page, keys, cursors)
    return [SessionConnection(source=source, key=key, page=pages[key]) for key in keys]


async def of_lists(entries: Sequence[Any], read: Callable[[Any], Awaitable[Mapping[Key, Any]]]) -> list[Any]:
    """What `read` finds for the `key` of each entry, having read once for each `source` that the entries are of."""
    sources = {id(entry.source): entry.source for entry in entries}
    found = {place: await read(source) for place, source in sources.items()}
    return [found[id(entry.source)][entry.key] for entry in entries]


def selected_columns(selection: Selection, nodes: Sequence[FieldNode]) -> frozenset[str]:
    """The session columns that are selected below a field that returns a SessionConnection."""
    return selection.once("columns of sessions", nodes, lambda: _selected_columns(selection, nodes))


def _selected_columns(selection: Selection, nodes: Sequence[FieldNode]) -> frozenset[str]:
    sessions = [
        *selection.below(nodes, ("SessionConnection", "nodes")),
        *selection.below(nodes, ("SessionConnection", "edges"), ("SessionEdge", "node")),
    ]
    return session_columns(selection, sessions)


def _selects_cursors(selection: Selection, nodes: Sequence[FieldNode]) -> bool:
    """Whether a cursor is selected below a field that returns a SessionConnection."""
    return selection.once("cursors", nodes, lambda: bool(_cursors(selection, nodes)))


def _cursors(selection: Selection, nodes: Sequence[FieldNode]) -> list[FieldNode]:
    return [
        *selection.below(nodes, ("SessionConnection", "edges"), ("SessionEdge", "cursor")),
        *selection.below(nodes, ("SessionConnection", "pageInfo"), ("PageInfo", "startCursor")),
        *selection.below(nodes, ("SessionConnection", "pageInfo"), ("PageInfo", "endCursor")),
    ]


def session_columns(selection: Selection, nodes: Sequence[FieldNode]) -> frozenset[str]:
    """The session columns that are selected below fields that return sessions."""
    names = selection.names(nodes, "Session")
    return frozenset(COLUMN_OF_FIELD[name] for name in names if name in COLUMN_OF_FIELD)


async def load_parts(context: Context, columns: frozenset[str], rows: Sequence[Row]) -> None:
    """Load what was asked for beside these sessions, so that none is resolved by a statement of its own."""
    for part in _LOADS.keys() & columns:
        await _load_part(context, part, rows)


async def _load_part(context: Context, part: str, rows: Sequence[Row]) -> list[Any]:
    """What the part of each session is made of. The session's row has the id that it is loaded by."""
    ids = [row[part] for row in rows]
    found = await context.load_all(part, partial(_LOADS[part], context), ids)
    return [found[id_] for id_ in ids]


async def _load_agents(context: Context, ids: Sequence[UUID]) -> list[models.Agent]:
    found = await find_agents(context.viewer.account.id, ids)
    return [found[id_] for id_ in ids]


async def _load_transcripts(context: Context, ids: Sequence[UUID]) -> list[list[dict[str, Any]]]:
    found = await read_transcripts(context.database, context.viewer, ids)
    return [orjson.loads(found[id_]) if id_ in found else [] for id_ in ids]


async def _load_history(context: Context, ids: Sequence[UUID]) -> list[list[Row]]:
    found = await read_history(context.database, context.viewer, ids)
    return [found[id_] for id_ in ids]


_LOADS: dict[str, Any] = {"agent": _load_agents, "transcript": _load_transcripts, "history": _load_history}


def _change(row: Row) -> SessionChange:
    return SessionChange(
        at=row["changed_at"], by=row["changed_by"], field=row["field"], before=row["before"], after=row["after"]
    )
