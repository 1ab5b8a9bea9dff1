"""The graph's centre: sessions, the agents that held them, and lists of sessions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import strawberry
from strawberry.dataloader import DataLoader

from session_graph.engine.batching import batched, rows_of, same_row
from session_graph.engine.fields import selected
from session_graph.engine.row_types import RowBacked, backed
from session_graph.schema.agent_attributes import declare_attributes
from session_graph.schema.arguments import DashboardArguments, ListArguments, read_dashboard, read_list
from session_graph.schema.column_types import declare_columns
from session_graph.schema.context import Context, Info
from session_graph.schema.dashboards import Dashboard, load_dashboards
from session_graph.schema.nodes import Node, PageInfo
from session_graph.schema.selected_columns import list_columns, selects_cursors
from session_graph.sessions.agents import find_agents
from session_graph.sessions.columns import COLUMNS, Kind
from session_graph.sessions.cursors import cursor_start
from session_graph.sessions.editing import read_history
from session_graph.sessions.enums import Speaker
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

    @batched(COLUMNS["agent"].description)
    async def agent(sessions: Sequence["_Session"], info: Info) -> list["Agent"]:
        agents = await _load_part(info.context, "agent", [session.row for session in sessions])
        return [Agent(model=agent) for agent in agents]

    asr_factors = same_row(AsrFactors, COLUMNS["asr_factors"].description)

    @batched(COLUMNS["transcript"].description)
    async def transcript(sessions: Sequence["_Session"], info: Info) -> list[list[Turn]]:
        transcripts = await _load_part(info.context, "transcript", [session.row for session in sessions])
        return [[Turn(position=place, **turn) for place, turn in enumerate(turns, start=1)] for turns in transcripts]

    @batched(COLUMNS["history"].description)
    async def history(sessions: Sequence["_Session"], info: Info) -> list[list[SessionChange]]:
        histories = await _load_part(info.context, "history", [session.row for session in sessions])
        return [[_change(row) for row in history] for history in histories]


declare_columns(_Session, (column for column in COLUMNS.values() if column.kind not in (Kind.PART, Kind.ID)))
Session: Any = strawberry.type(
    _Session,
    name="Session",
    description="One interaction (a call, an SMS conversation, a chat) between a user and an agent.",
)


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

    def has_opposite_page(self) -> DataLoader[Key, bool]:
        """Load for each key whether its list has sessions on the other side of the page."""
        return self.context.loader(("opposite page", self), self._load_opposite)

    async def _load_opposite(self, keys: Sequence[Key]) -> list[bool]:
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

    @batched("How many sessions the whole list has. Counted only when asked for.")
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
        return await source.has_opposite_page().load(self.connection.key)

    def start_cursor(self) -> str | None:
        return self._cursor(0)

    def end_cursor(self) -> str | None:
        return self._cursor(-1)

    def _cursor(self, index: int) -> str | None:
        rows = self.connection.page.rows
        return rows[index][CURSOR] if rows else None


@strawberry.type(description="An AI employee of the account.")
@declare_attributes
class Agent(RowBacked, Node):
    model: strawberry.Private[models.Agent]
    backed_by = "model"
    by_item = False

    @batched("Its sessions.", reads=read_list)
    async def sessions(agents: Sequence["Agent"], info: Info, page: ListArguments) -> list[SessionConnection]:
        return await load_sessions(info, page, AGENT, [agent.model.id for agent in agents])

    @batched("Its dashboard; days are in its zone.", reads=read_dashboard)
    async def dashboard(agents: Sequence["Agent"], info: Info, arguments: DashboardArguments) -> list[Dashboard]:
        return await load_dashboards(info, arguments, [(agent.model.id, agent.model.time_zone) for agent in agents])


async def load_sessions(
    info: Info, arguments: ListArguments, parent: Parent | None = None, keys: Sequence[Key] = (None,)
) -> list[SessionConnection]:
    """Load a page of the account's sessions, or of each parent's, in one statement."""
    context, selection = info.context, selected(info)
    sessions = SessionList(context.viewer, arguments.filter, arguments.order, parent)
    cursors = None
    if selects_cursors(selection):
        cursors = cursor_start(arguments.order, context.viewer.account.id, arguments.now)
    source = _Source(context, sessions, arguments, keys)
    pages = await read_pages(context.database, sessions, list_columns(selection), arguments.page, keys, cursors)
    return [SessionConnection(source=source, key=key, page=pages[key]) for key in keys]


async def of_lists(entries: Sequence[Any], read: Callable[[Any], Awaitable[Mapping[Key, Any]]]) -> list[Any]:
    """Return what `read` finds for the `key` of each entry; it is called once for each `source` of the entries."""
    found = {source: await read(source) for source in {entry.source: None for entry in entries}}
    return [found[entry.source][entry.key] for entry in entries]


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
