"""The roots of reading."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

import strawberry

from session_graph.engine.batching import READ_AHEAD, batched
from session_graph.exports.requests import find_export, list_exports
from session_graph.schema.accounts import Account, Viewer
from session_graph.schema.arguments import ExportListArguments, ExternalArguments
from session_graph.schema.context import Info, nodes_of
from session_graph.schema.dashboards import (
    ArchivedArgument,
    Dashboard,
    FilterArgument,
    TestArgument,
    ZoneArgument,
    load_dashboards,
)
from session_graph.schema.exports import ExportPage, SessionExport, SessionExportConnection
from session_graph.schema.inputs import AgentLookup
from session_graph.schema.sessions import (
    AfterArgument,
    Agent,
    BeforeArgument,
    FirstArgument,
    LastArgument,
    Node,
    OrderArgument,
    Session,
    SessionConnection,
    load_sessions,
    of_lists,
    session_columns,
)
from session_graph.sessions.agents import find_agent, list_agents
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import EXTERNAL_ID, Key, SessionList, count_sessions, read_pages, read_session

IdArgument = Annotated[strawberry.ID, strawberry.argument(description="A UUID.")]
ExternalIdsArgument = Annotated[
    list[str], strawberry.argument(description="At most 100; each is answered where it stands.")
]
IntegrationArgument = Annotated[str | None, strawberry.argument(description="Only sessions of this integration.")]
FirstOfEachArgument = Annotated[int | None, strawberry.argument(description="At most so many, 1 to 100.")]
LookupArgument = Annotated[AgentLookup, strawberry.argument(description="By id or by idn.")]


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """The lists of all External IDs that a field asked for."""

    sessions: SessionList
    external_ids: Sequence[Key]


@strawberry.type(description="The sessions of an External ID.")
class ExternalSessions:
    external_id: str = strawberry.field(description="The External ID as it was asked for.")
    source: strawberry.Private[_Source]

    @property
    def key(self) -> str:
        return self.external_id

    @batched(description="How many there are. Counted only when asked for.")
    async def total_count(entries: Sequence["ExternalSessions"], info: Info) -> list[int]:
        database = info.context.database
        return await of_lists(entries, lambda source: count_sessions(database, source.sessions, source.external_ids))

    @batched(description="Newest first, at most 100.")
    async def sessions(
        entries: Sequence["ExternalSessions"], info: Info, first: FirstOfEachArgument = 20
    ) -> list[list[Session]]:
        context = info.context
        columns = session_columns(context.selection, nodes_of(info))
        request = PageRequest(context.arguments(info))
        pages = await of_lists(
            entries,
            lambda source: read_pages(context.database, source.sessions, columns, request, source.external_ids),
        )
        return [[Session(row=row) for row in page.rows] for page in pages]


@strawberry.type(description="Everything that can be read.")
class Query:
    @strawberry.field(description="Who asks, and for which account.")
    def viewer(self, info: Info) -> Viewer:
        return Viewer(asker=info.context.viewer)

    @strawberry.field(
        description="The session, agent, report or account of this id; null where there is none that you may see.",
        metadata=READ_AHEAD,
    )
    async def node(self, info: Info, id: IdArgument) -> Node | None:
        context, key = info.context, info.context.arguments(info)
        columns = session_columns(context.selection, nodes_of(info))
        if row := await read_session(context.database, context.viewer, key, columns):
            return cast(Node, Session(row=row))
        if agent := await find_agent(context.viewer, id=key):
            return Agent(model=agent)
        if export := await find_export(context.database, context.viewer, key):
            return SessionExport(row=export)
        return Account(facts=context.viewer.account) if key == context.viewer.account.id else None

    @strawberry.field(description="The agents that you may see, by idn.")
    async def agents(self, info: Info) -> list[Agent]:
        return [Agent(model=agent) for agent in await list_agents(info.context.viewer)]

    @strawberry.field(
        description="An agent; null where there is none that you may see.",
        metadata=READ_AHEAD,
    )
    async def agent(self, info: Info, by: LookupArgument) -> Agent | None:
        found = await find_agent(info.context.viewer, **info.context.arguments(info))
        return Agent(model=found) if found else None

    @strawberry.field(
        description="A session; null where there is none that you may see.",
        metadata=READ_AHEAD,
    )
    async def session(self, info: Info, id: IdArgument) -> Session | None:
        context = info.context
        columns = session_columns(context.selection, nodes_of(info))
        row = await read_session(context.database, context.viewer, context.arguments(info), columns)
        return Session(row=row) if row else None

    @strawberry.field(
        description="The sessions that you may see: a page of those that the filter leaves.",
        metadata=READ_AHEAD,
    )
    async def sessions(
        self,
        info: Info,
        filter: FilterArgument = None,
        order_by: OrderArgument = None,
        first: FirstArgument = None,
        after: AfterArgument = None,
        last: LastArgument = None,
        before: BeforeArgument = None,
    ) -> SessionConnection:
        (connection,) = await load_sessions(info)
        return connection

    @strawberry.field(
        description="One entry for each External ID asked for, in the order asked; an unknown one has no sessions.",
        metadata=READ_AHEAD,
    )
    async def sessions_by_external_id(
        self, info: Info, external_ids: ExternalIdsArgument, integration: IntegrationArgument = None
    ) -> list[ExternalSessions]:
        arguments: ExternalArguments = info.context.arguments(info)
        sessions = SessionList(info.context.viewer, arguments.filter, parent=EXTERNAL_ID)
        source = _Source(sessions, list(dict.fromkeys(arguments.external_ids)))
        return [ExternalSessions(external_id=text, source=source) for text in arguments.external_ids]

    @strawberry.field(
        description="The reports that you asked for, newest first; for an ADMIN the account's.",
        metadata=READ_AHEAD,
    )
    async def exports(
        self, info: Info, first: FirstArgument = None, after: AfterArgument = None
    ) -> SessionExportConnection:
        context = info.context
        arguments: ExportListArguments = context.arguments(info)
        rows = await list_exports(context.database, context.viewer, arguments.size, arguments.after)
        page = ExportPage(rows[: arguments.size], len(rows) > arguments.size, arguments.after is not None)
        return SessionExportConnection(page=page)

    @strawberry.field(
        description="A report; null where there is none that you may see.",
        metadata=READ_AHEAD,
    )
    async def export(self, info: Info, id: IdArgument) -> SessionExport | None:
        context = info.context
        row = await find_export(context.database, context.viewer, context.arguments(info))
        return SessionExport(row=row) if row else None

    @strawberry.field(
        description="The account's figures; days are in its zone.",
        metadata=READ_AHEAD,
    )
    async def dashboard(
        self,
        info: Info,
        filter: FilterArgument = None,
        time_zone: ZoneArgument = None,
        include_test: TestArgument = False,
        include_archived: ArchivedArgument = False,
    ) -> Dashboard:
        (dashboard,) = await load_dashboards(info, [(None, info.context.viewer.account.time_zone)])
        return dashboard
