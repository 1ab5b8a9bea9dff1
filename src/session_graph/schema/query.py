"""The root of queries."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import strawberry

from session_graph.engine.batching import batched
from session_graph.engine.fields import field, selected
from session_graph.exports.requests import find_export, list_exports
from session_graph.schema.accounts import Account, Viewer
from session_graph.schema.arguments import (
    DashboardArguments,
    ExternalArguments,
    read_dashboard,
    read_external,
    read_id,
    read_list,
    read_lookup,
    read_size_of_each,
    read_source,
)
from session_graph.schema.context import Info
from session_graph.schema.dashboards import Dashboard, load_dashboards
from session_graph.schema.exports import ExportListArguments, SessionExport, SessionExportConnection, read_export_list
from session_graph.schema.nodes import Node
from session_graph.schema.selections import session_columns
from session_graph.schema.sessions import Agent, ListSource, Session, SessionConnection, load_sessions, of_lists
from session_graph.sessions.agents import find_agent, list_agents
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
)


@strawberry.type(description="The sessions of an External ID.")
class ExternalSessions:
    external_id: str = strawberry.field(description="The External ID, as requested.")
    source: strawberry.Private[ListSource]

    @property
    def key(self) -> str:
        return self.external_id

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


@strawberry.type(description="The fields that read data.")
class Query:
    @strawberry.field(description="The caller, with role and account.")
    def viewer(self, info: Info) -> Viewer:
        return Viewer(caller=info.context.viewer)

    @field("The session, agent, export or account with this id; null if there is none that you may see.", reads=read_id)
    async def node(self, info: Info, node_id: UUID) -> Node | None:
        context = info.context
        if row := await read_session(context.database, context.viewer, node_id, session_columns(selected(info))):
            return Session(row=row)
        if agent := await find_agent(context.viewer, id=node_id):
            return Agent(model=agent)
        if export := await find_export(context.database, context.viewer, node_id):
            return SessionExport(row=export)
        return Account(facts=context.viewer.account) if node_id == context.viewer.account.id else None

    @strawberry.field(description="The agents that you may see, ordered by idn.")
    async def agents(self, info: Info) -> list[Agent]:
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
    async def sessions(self, info: Info, request: ListRequest) -> SessionConnection:
        (connection,) = await load_sessions(info, request)
        return connection

    @field(
        "One entry for each External ID, in the requested order; an unknown one has no sessions.", reads=read_external
    )
    async def sessions_by_external_id(self, info: Info, arguments: ExternalArguments) -> list[ExternalSessions]:
        sessions = SessionList(info.context.viewer, arguments.filter, parent=EXTERNAL_ID)
        source = ListSource(sessions, list(dict.fromkeys(arguments.external_ids)))
        return [ExternalSessions(external_id=text, source=source) for text in arguments.external_ids]

    @field("The exports that you requested, newest first; for an ADMIN, all of the account.", reads=read_export_list)
    async def exports(self, info: Info, page: ExportListArguments) -> SessionExportConnection:
        context = info.context
        rows = await list_exports(context.database, context.viewer, page.size, page.after)
        return SessionExportConnection.of(rows, page)

    @field("An export; null if there is none that you may see.", reads=read_id)
    async def export(self, info: Info, export_id: UUID) -> SessionExport | None:
        row = await find_export(info.context.database, info.context.viewer, export_id)
        return SessionExport(row=row) if row else None

    @field("The dashboard of the account; its days are in the account's time zone.", reads=read_dashboard)
    async def dashboard(self, info: Info, arguments: DashboardArguments) -> Dashboard:
        (dashboard,) = await load_dashboards(info, arguments, [(None, info.context.viewer.account.time_zone)])
        return dashboard
