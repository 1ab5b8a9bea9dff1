"""The roots of reading."""

from collections.abc import Hashable, Sequence
from typing import Annotated, Any, cast

import strawberry
from strawberry.dataloader import DataLoader

from session_graph.exports.requesting import find_export, list_exports
from session_graph.graph.accounts import Account, Viewer
from session_graph.graph.arguments import ExportListArguments, ExternalArguments
from session_graph.graph.context import Info, nodes_of, place_of
from session_graph.graph.dashboards import (
    ArchivedArgument,
    Dashboard,
    FilterArgument,
    TestArgument,
    ZoneArgument,
    load_dashboard,
)
from session_graph.graph.exports import ExportPage, SessionExport, SessionExportConnection
from session_graph.graph.inputs import AgentLookup
from session_graph.graph.types import (
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
    session_columns,
)
from session_graph.sessions.agents import find_agent, list_agents
from session_graph.sessions.pages import PageRequest
from session_graph.sessions.reading import EXTERNAL_ID, Key, SessionList, count_sessions, read_pages, read_session

IdArgument = Annotated[strawberry.ID, strawberry.argument(description="A UUID.")]
ExternalIdsArgument = Annotated[
    list[str], strawberry.argument(description="At most 100; each is answered where it stands.")
]
IntegrationArgument = Annotated[str | None, strawberry.argument(description="Only sessions of this integration.")]
FirstOfEachArgument = Annotated[int | None, strawberry.argument(description="At most so many, 1 to 100.")]
LookupArgument = Annotated[AgentLookup, strawberry.argument(description="By id or by idn.")]


@strawberry.type(description="The sessions of an External ID.")
class ExternalSessions:
    external_id: str = strawberry.field(description="The External ID as it was asked for.")
    list_: strawberry.Private[SessionList]
    counts: strawberry.Private[DataLoader[Key, int]]
    place: strawberry.Private[Hashable]

    @strawberry.field(description="How many there are. Counted only when asked for.")
    async def total_count(self) -> int:
        return await self.counts.load(self.external_id)

    @strawberry.field(description="Newest first, at most 100.")
    async def sessions(self, info: Info, first: FirstOfEachArgument = 20) -> list[Session]:
        context, nodes = info.context, nodes_of(info)
        columns = session_columns(context.selection, nodes)
        size: int = context.arguments(info)

        async def load(keys: Sequence[Key]) -> list[Any]:
            found = await read_pages(context.database, self.list_, columns, PageRequest(size), keys)
            return [found[key] for key in keys]

        page = await context.loader(("external", self.place, place_of(info)), load).load(self.external_id)
        return [Session(row=row) for row in page.rows]


@strawberry.type(description="Everything that can be read.")
class Query:
    @strawberry.field(description="Who asks, and for which account.")
    def viewer(self, info: Info) -> Viewer:
        return Viewer(asker=info.context.viewer)

    @strawberry.field(
        description="The session, agent, report or account of this id; null where there is none that you may see."
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

    @strawberry.field(description="An agent; null where there is none that you may see.")
    async def agent(self, info: Info, by: LookupArgument) -> Agent | None:
        found = await find_agent(info.context.viewer, **info.context.arguments(info))
        return Agent(model=found) if found else None

    @strawberry.field(description="A session; null where there is none that you may see.")
    async def session(self, info: Info, id: IdArgument) -> Session | None:
        context = info.context
        columns = session_columns(context.selection, nodes_of(info))
        row = await read_session(context.database, context.viewer, context.arguments(info), columns)
        return Session(row=row) if row else None

    @strawberry.field(description="The sessions that you may see: a page of those that the filter leaves.")
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
        return await load_sessions(info)

    @strawberry.field(
        description="One entry for each External ID asked for, in the order asked; an unknown one has no sessions."
    )
    async def sessions_by_external_id(
        self, info: Info, external_ids: ExternalIdsArgument, integration: IntegrationArgument = None
    ) -> list[ExternalSessions]:
        context = info.context
        arguments: ExternalArguments = context.arguments(info)
        sessions = SessionList(context.viewer, arguments.filter, parent=EXTERNAL_ID)

        async def count(keys: Sequence[Key]) -> list[int]:
            found = await count_sessions(context.database, sessions, keys)
            return [found[key] for key in keys]

        counts = context.loader(("external counts", place_of(info)), count)
        place = place_of(info)
        return [
            ExternalSessions(external_id=text, list_=sessions, counts=counts, place=place)
            for text in arguments.external_ids
        ]

    @strawberry.field(description="The reports that you asked for, newest first; for an ADMIN the account's.")
    async def exports(
        self, info: Info, first: FirstArgument = None, after: AfterArgument = None
    ) -> SessionExportConnection:
        context = info.context
        arguments: ExportListArguments = context.arguments(info)
        rows = await list_exports(context.database, context.viewer, arguments.size, arguments.after)
        page = ExportPage(rows[: arguments.size], len(rows) > arguments.size, arguments.after is not None)
        return SessionExportConnection(page=page)

    @strawberry.field(description="A report; null where there is none that you may see.")
    async def export(self, info: Info, id: IdArgument) -> SessionExport | None:
        context = info.context
        row = await find_export(context.database, context.viewer, context.arguments(info))
        return SessionExport(row=row) if row else None

    @strawberry.field(description="The account's figures; days are in its zone.")
    async def dashboard(
        self,
        info: Info,
        filter: FilterArgument = None,
        time_zone: ZoneArgument = None,
        include_test: TestArgument = False,
        include_archived: ArchivedArgument = False,
    ) -> Dashboard:
        return await load_dashboard(info, None, info.context.viewer.account.time_zone)
