"""Sessions, their agents, and lists of sessions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import strawberry

from session_graph.engine.batching import batched, rows_of, same_row
from session_graph.engine.row_types import RowBacked, backed
from session_graph.pacing import in_slices
from session_graph.parsing import parse_instant
from session_graph.schema.agent_attributes import declare_attributes
from session_graph.schema.arguments import DashboardArguments, read_dashboard, read_list
from session_graph.schema.column_types import declare_columns
from session_graph.schema.context import Context, Info
from session_graph.schema.dashboards import Dashboard, load_dashboards
from session_graph.schema.nodes import Node, PageInfo
from session_graph.sessions.agents import find_agents
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.editing import ChangeKind, read_history
from session_graph.sessions.enums import Speaker
from session_graph.sessions.list_request import ListRequest
from session_graph.sessions.reading import (
    AGENT,
    Key,
    ListPage,
    Parent,
    SessionList,
    count_sessions,
    read_list_pages,
    read_transcripts,
)
from session_graph.store import models
from session_graph.store.database import Row
from session_graph.zones import find_offset, write_offset


@strawberry.type(description="One utterance in a session's transcript.")
class Turn:
    position: int = strawberry.field(description="The position in the transcript, from 1.")
    speaker: Speaker = strawberry.field(description="The speaker.")
    text: str = strawberry.field(description="The text.")
    at: datetime | None = strawberry.field(description="The time, if it is known.")
    name: str | None = strawberry.field(default=None, description="The speaker's name, if it is known.")


@strawberry.type(description="A change of one field by a person or an amendment.")
class SessionChange:
    at: datetime = strawberry.field(description="The time of the change.")
    by: str = strawberry.field(
        description="The name of the key, or `token` and the subject of the token. Older entries lack the word."
    )
    field: str = strawberry.field(description="The field of the session.")
    before: str | None = strawberry.field(
        description="The value before the change; tags and maps as JSON, a transcript as its length."
    )
    after: str | None = strawberry.field(description="The value after the change.")
    kind: ChangeKind = strawberry.field(description="How the field came to change.")


@strawberry.type(
    description="The factors of the ASR: lead value × opportunity × conversion rate × success × recognition."
)
class AsrFactors(RowBacked):
    row: strawberry.Private[Row]
    lead_value: Decimal = backed("The lead value.")
    conversion_rate: Decimal = backed("The agent's conversion ratio at close.")
    recognition: Decimal = backed("The share that is credited to the agent, 0 to 1.")
    is_test: bool = backed("Whether the session is a test, which makes the ASR 0.")

    backed_by = "row"
    preformatted = True

    @strawberry.field(description="Whether the session is an opportunity.")
    def opportunity(self) -> bool:
        return bool(self.row["is_opportunity"])

    @strawberry.field(description="Whether the assessment that counts is Yes-A or Yes-B.")
    def success(self) -> bool:
        return bool(self.row["asr_factors"])


@strawberry.type(description="An interaction (a call, an SMS conversation, a chat) between a user and an agent.")
@declare_columns
class Session(RowBacked, Node):
    row: strawberry.Private[Row]

    backed_by = "row"
    preformatted = True

    @batched(COLUMNS["agent"].description)
    async def agent(sessions: Sequence["Session"], info: Info) -> list["Agent"]:
        models = await _load_part(info.context, "agent", [session.row for session in sessions])
        agents = {id(model): Agent(model=model) for model in models}
        return [agents[id(model)] for model in models]

    @batched(COLUMNS["utc_offset"].description)
    async def utc_offset(sessions: Sequence["Session"], info: Info) -> list[str]:
        rows = [session.row for session in sessions]
        agents = await _load_part(info.context, "agent", rows)
        starts = await in_slices(lambda part: [parse_instant(row["started_at"]) for row in part], rows)
        pairs = [*zip(agents, starts, strict=True)]
        return await in_slices(lambda part: (_offset(agent, start) for agent, start in part), pairs)

    asr_factors = same_row(AsrFactors, COLUMNS["asr_factors"].description)

    @batched(COLUMNS["transcript"].description)
    async def transcript(sessions: Sequence["Session"], info: Info) -> list[list[Turn]]:
        transcripts = await _load_part(info.context, "transcript", [session.row for session in sessions])
        return await in_slices(lambda part: map(_turns, part), transcripts)

    @batched(COLUMNS["history"].description)
    async def history(sessions: Sequence["Session"], info: Info) -> list[list[SessionChange]]:
        histories = await _load_part(info.context, "history", [session.row for session in sessions])
        return await in_slices(lambda part: [[_change(row) for row in history] for history in part], histories)


@strawberry.type(description="A session and its position in the list.")
class SessionEdge(RowBacked):
    row: strawberry.Private[Row]
    cursor: str = backed("The position in the list, for after and before.")
    node = same_row(Session, "The session.")

    backed_by = "row"


@dataclass(frozen=True, slots=True, eq=False)
class ListSource:
    """A list that a field selects, and its keys: one for each object that has the field."""

    sessions: SessionList
    keys: Sequence[Key]


@strawberry.type(description="A page of a list of sessions.")
class SessionConnection:
    source: strawberry.Private[ListSource]
    key: strawberry.Private[Key]
    rows: strawberry.Private[Sequence[Row]]
    page_info: PageInfo = strawberry.field(description="The position of the page in the list.")

    edges = rows_of(SessionEdge, "rows", description="The sessions with their cursors.")
    nodes = rows_of(Session, "rows", description="The sessions.")

    @batched("The number of sessions in the whole list; counted only if it is selected.")
    async def total_count(connections: Sequence["SessionConnection"], info: Info) -> list[int]:
        database = info.context.database
        return await of_lists(connections, lambda source: count_sessions(database, source.sessions, source.keys))


@strawberry.type(description="An AI employee of the account.")
@declare_attributes
class Agent(RowBacked, Node):
    model: strawberry.Private[models.Agent]
    backed_by = "model"
    by_item = False

    @batched("The sessions of the agent.", reads=read_list)
    async def sessions(agents: Sequence["Agent"], info: Info, request: ListRequest) -> list[SessionConnection]:
        return await load_sessions(info, request, AGENT, [agent.model.id for agent in agents])

    @batched("The dashboard of the agent; its days are in the agent's time zone.", reads=read_dashboard)
    async def dashboard(agents: Sequence["Agent"], info: Info, arguments: DashboardArguments) -> list[Dashboard]:
        return await load_dashboards(info, arguments, [(agent.model.id, agent.model.time_zone) for agent in agents])


async def load_sessions(
    info: Info, request: ListRequest, parent: Parent | None = None, keys: Sequence[Key] = (None,)
) -> list[SessionConnection]:
    """Load a page of the account's sessions, or of each parent's, in one statement."""
    source = ListSource(SessionList(info.context.viewer, request.filter, request.order, parent), keys)
    pages = await read_list_pages(info.context.database, source.sessions, request, keys)
    return [_connect(source, key, pages[key]) for key in keys]


def _connect(source: ListSource, key: Key, page: ListPage) -> SessionConnection:
    flags: Any = {"has_next_page": page.has_next, "has_previous_page": page.has_previous}
    page_info = PageInfo(**flags, start_cursor=page.start_cursor, end_cursor=page.end_cursor)
    return SessionConnection(source=source, key=key, rows=page.rows, page_info=page_info)


async def of_lists(entries: Sequence[Any], read: Callable[[Any], Awaitable[Mapping[Key, Any]]]) -> list[Any]:
    """Return the result of `read` for the `key` of each entry. It is called once for each `source`."""
    found = {source: await read(source) for source in {entry.source: None for entry in entries}}
    return [found[entry.source][entry.key] for entry in entries]


async def load_parts(context: Context, columns: frozenset[str], rows: Sequence[Row]) -> None:
    """Load the selected parts of these sessions and those that they need, in one statement for each part."""
    for part in _LOADS.keys() & columns.union(*(COLUMNS[name].needs for name in columns)):
        await _load_part(context, part, rows)


async def _load_part(context: Context, part: str, rows: Sequence[Row]) -> list[Any]:
    """Return the data of a part of each session, loaded by the id in the column of the part."""
    ids = [row[part] for row in rows]
    found = await context.load_all(part, partial(_LOADS[part], context), ids)
    return [found[id_] for id_ in ids]


async def _load_agents(context: Context, ids: Sequence[UUID]) -> list[models.Agent]:
    found = await find_agents(context.viewer.account.id, ids)
    return [found[id_] for id_ in ids]


async def _load_transcripts(context: Context, ids: Sequence[UUID]) -> list[list[dict[str, Any]]]:
    found = await read_transcripts(context.database, context.viewer, ids)
    return await in_slices(lambda part: [orjson.loads(found[id_]) if id_ in found else [] for id_ in part], ids)


async def _load_history(context: Context, ids: Sequence[UUID]) -> list[list[Row]]:
    found = await read_history(context.database, context.viewer, ids)
    return [found[id_] for id_ in ids]


_LOADS: dict[str, Any] = {"agent": _load_agents, "transcript": _load_transcripts, "history": _load_history}


def _offset(agent: models.Agent, start: datetime) -> str:
    return write_offset(find_offset(agent.time_zone, start).utc_offset)


def _turns(turns: Sequence[dict[str, Any]]) -> list[Turn]:
    return [Turn(position=place, **turn) for place, turn in enumerate(turns, start=1)]


def _change(row: Row) -> SessionChange:
    return SessionChange(
        at=row["changed_at"],
        by=row["changed_by"],
        field=row["field"],
        before=row["before"],
        after=row["after"],
        kind=ChangeKind(row["kind"]),
    )
