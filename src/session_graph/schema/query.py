"""The root of queries."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry

from session_graph.access.viewer import Role
from session_graph.engine.batching import batched
from session_graph.engine.fields import field, selected
from session_graph.exports.requests import find_export, find_exports, list_exports
from session_graph.ingestion.delivery_list import DeliveryListRequest, find_deliveries, list_deliveries
from session_graph.parsing import clean_text
from session_graph.schema.accounts import Account, Viewer
from session_graph.schema.arguments import (
    DashboardArguments,
    ExternalArguments,
    read_dashboard,
    read_external,
    read_id,
    read_ids,
    read_list,
    read_lookup,
    read_size_of_each,
    read_source,
)
from session_graph.schema.context import Context, Info
from session_graph.schema.dashboards import Dashboard, load_dashboards
from session_graph.schema.events import EventArguments, SessionEventPage, load_event_page, read_event_list
from session_graph.schema.exports import ExportListArguments, SessionExport, SessionExportConnection, read_export_list
from session_graph.schema.inlets import InletDelivery, InletDeliveryConnection, read_delivery_list
from session_graph.schema.nodes import Node
from session_graph.schema.saved_views import SavedView
from session_graph.schema.selections import session_columns
from session_graph.schema.sessions import Agent, ListSource, Session, SessionConnection, load_sessions, of_lists
from session_graph.schema.time_zones import TimeZone, find_own_zones, read_zone_names
from session_graph.sessions.agents import find_agent, find_visible_agents, list_agents
from session_graph.sessions.identity import SourceKey
from session_graph.sessions.list_request import ListRequest
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import (
    EXTERNAL_ID,
    SessionList,
    count_sessions,
    read_by_source,
    read_pages,
    read_session,
    read_sessions,
)
from session_graph.sessions.saved_views import find_views, list_views
from session_graph.zones import NAMES


@strawberry.type(description="The sessions of an External ID.")
class ExternalSessions:
    external_id: str = strawberry.field(description="The External ID, as requested.")
    source: strawberry.Private[ListSource]
    key: strawberry.Private[str]

    @batched("The number of sessions; counted only if it is selected.")
    async def total_count(entries: Sequence["ExternalSessions"], info: Info) -> list[int]:
        database = info.context.database
        return await of_lists(entries, lambda source: count_sessions(database, source.sessions, source.keys))

    @batched("The sessions, newest first, at most 100.", reads=read_size_of_each)
    async def sessions(entries: Sequence["ExternalSessions"], info: Info, size: int) -> list[list[Session]]:
        database, columns, request = info.context.database, session_columns(selected(info)), PageRequest(size)
        pages = await of_lists(
            entries, lambda source: read_pages(database, source.sessions, columns, request, source.keys)
        )
        return [[Session(row=row) for row in page.rows] for page in pages]


async def load_nodes(context: Context, ids: Sequence[UUID], columns: frozenset[str]) -> dict[UUID, Node]:
    """Return the objects with these ids that the viewer may see, in one statement for each type."""
    database, viewer = context.database, context.viewer
    found: dict[UUID, Node] = {viewer.account.id: Account(facts=viewer.account)}
    if missing := [id_ for id_ in dict.fromkeys(ids) if id_ not in found]:
        sessions = await read_sessions(database, viewer, missing, columns)
        found |= {id_: Session(row=row) for id_, row in sessions.items()}
    if missing := [id_ for id_ in missing if id_ not in found]:
        agents = await find_visible_agents(viewer, missing)
        found |= {id_: Agent(model=agent) for id_, agent in agents.items()}
    if missing := [id_ for id_ in missing if id_ not in found]:
        exports = await find_exports(database, viewer, missing)
        found |= {id_: SessionExport(row=row) for id_, row in exports.items()}
    if missing := [id_ for id_ in missing if id_ not in found]:
        views = await find_views(database, viewer, missing)
        found |= {id_: SavedView.of(view) for id_, view in views.items()}
    if viewer.role is Role.ADMIN and (missing := [id_ for id_ in missing if id_ not in found]):
        deliveries = await find_deliveries(database, viewer.account.id, missing)
        found |= {id_: InletDelivery(row=row) for id_, row in deliveries.items()}
    return found


@strawberry.type(description="The fields that read data.")
class Query:
    """Every field but `nodes` is nullable: one that fails leaves the others' data (GraphQL specification, 6.4.4)."""

    @strawberry.field(description="The caller, with role and account.")
    def viewer(self, info: Info) -> Viewer | None:
        return Viewer(caller=info.context.viewer)

    @field("The object with this id, of any type; null if there is none that you may see.", reads=read_id)
    async def node(self, info: Info, node_id: UUID) -> Node | None:
        found = await load_nodes(info.context, [node_id], session_columns(selected(info)))
        return found.get(node_id)

    @field(
        "The objects with these ids, in the requested order; null for each id of which there is none that you may see.",
        reads=read_ids,
    )
    async def nodes(self, info: Info, ids: list[UUID]) -> list[Node | None]:
        found = await load_nodes(info.context, ids, session_columns(selected(info)))
        return [found.get(id_) for id_ in ids]

    @strawberry.field(description="The agents that you may see, ordered by idn.")
    async def agents(self, info: Info) -> list[Agent] | None:
        return [Agent(model=agent) for agent in await list_agents(info.context.viewer)]

    @field("An agent; null if there is none that you may see.", reads=read_lookup)
    async def agent(self, info: Info, lookup: dict[str, Any]) -> Agent | None:
        found = await find_agent(info.context.viewer, **lookup)
        return Agent(model=found) if found else None

    @field("A session; null if there is none that you may see.", reads=read_id)
    async def session(self, info: Info, session_id: UUID) -> Session | None:
        context = info.context
        row = await read_session(context.database, context.viewer, session_id, session_columns(selected(info)))
        return Session(row=row) if row else None

    @field("The session that the source calls so; null if there is none that you may see.", reads=read_source)
    async def session_by_source(self, info: Info, key: SourceKey) -> Session | None:
        context = info.context
        row = await read_by_source(context.database, context.viewer, key, session_columns(selected(info)))
        return Session(row=row) if row else None

    @field("A page of the sessions that you may see and that match the filter.", reads=read_list)
    async def sessions(self, info: Info, request: ListRequest) -> SessionConnection | None:
        (connection,) = await load_sessions(info, request)
        return connection

    @field(
        "One entry for each External ID, in the requested order; an unknown one has no sessions.", reads=read_external
    )
    async def sessions_by_external_id(self, info: Info, arguments: ExternalArguments) -> list[ExternalSessions] | None:
        sessions = SessionList(info.context.viewer, arguments.filter, parent=EXTERNAL_ID)
        keys = [clean_text(text) for text in arguments.external_ids]
        source = ListSource(sessions, list(dict.fromkeys(keys)))
        return [
            ExternalSessions(external_id=text, source=source, key=key)
            for text, key in zip(arguments.external_ids, keys, strict=True)
        ]

    @field(
        "What happened to the sessions that match the filter, in the order of commits. Without after, begins with every"
        " session there is.",
        reads=read_event_list,
    )
    async def session_events(self, info: Info, events: EventArguments) -> SessionEventPage | None:
        return await load_event_page(info.context, events)

    @field("The exports that you requested, newest first; for an ADMIN, all of the account.", reads=read_export_list)
    async def exports(self, info: Info, page: ExportListArguments) -> SessionExportConnection | None:
        context = info.context
        rows = await list_exports(context.database, context.viewer, page.size, page.after)
        return SessionExportConnection.of(rows, page)

    @field("An export; null if there is none that you may see.", reads=read_id)
    async def export(self, info: Info, export_id: UUID) -> SessionExport | None:
        row = await find_export(info.context.database, info.context.viewer, export_id)
        return SessionExport(row=row) if row else None

    @strawberry.field(description="The saved views that you may see: your own first, then the shared ones; by name.")
    async def saved_views(self, info: Info) -> list[SavedView] | None:
        return [SavedView.of(view) for view in await list_views(info.context.database, info.context.viewer)]

    @field(
        "What the inlets of the account were delivered, newest first, as long as it is kept.", reads=read_delivery_list
    )
    async def inlet_deliveries(self, info: Info, request: DeliveryListRequest) -> InletDeliveryConnection | None:
        rows = await list_deliveries(info.context.database, info.context.viewer.account.id, request)
        return InletDeliveryConnection.of(rows, request)

    @field("The dashboard of the account; its days are in the account's time zone.", reads=read_dashboard)
    async def dashboard(self, info: Info, arguments: DashboardArguments) -> Dashboard | None:
        (dashboard,) = await load_dashboards(info, arguments, [(None, info.context.viewer.account.time_zone)])
        return dashboard

    @field(
        "Time zones with their offsets, for clients that show local times: those of your account and of the agents that"
        " you may see, or those named.",
        reads=read_zone_names,
    )
    async def time_zones(self, info: Info, names: list[str] | None) -> list[TimeZone] | None:
        chosen = await find_own_zones(info.context) if names is None else names
        return [TimeZone(name=name) for name in chosen]

    @strawberry.field(description="The names of all time zones that can be chosen (IANA), ordered.")
    def time_zone_names(self) -> list[str] | None:
        return sorted(NAMES)
