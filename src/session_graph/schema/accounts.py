"""The account, who asks for it, and what its filter panels can offer."""

from typing import Any

import strawberry

from session_graph.access.viewer import AccountFacts, Role
from session_graph.access.viewer import Viewer as Asker
from session_graph.engine.fields import selected
from session_graph.engine.row_types import RowBacked, backed
from session_graph.exports.recipients import list_recipients
from session_graph.schema.context import Info
from session_graph.schema.enums import SessionColumn
from session_graph.schema.nodes import Node
from session_graph.sessions.columns import visible_columns
from session_graph.sessions.filter_options import OPTIONS, read_options
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.patch import WRITERS


@strawberry.type(description="What filter panels can offer: the values that occur among the sessions that you may see.")
class FilterOptions:
    lists: strawberry.Private[dict[str, list[str]]]

    @strawberry.field(description="Session types.")
    def session_types(self) -> list[str]:
        return self.lists["sessionTypes"]

    @strawberry.field(description="Integrations.")
    def integrations(self) -> list[str]:
        return self.lists["integrations"]

    @strawberry.field(description="Connectors.")
    def connectors(self) -> list[str]:
        return self.lists["connectors"]

    @strawberry.field(description="Tags.")
    def tags(self) -> list[str]:
        return self.lists["tags"]

    @strawberry.field(description="The names of UTM parameters.")
    def utm_keys(self) -> list[str]:
        return self.lists["utmKeys"]


@strawberry.type(description="The business that owns agents. Nothing of one account is ever visible to another.")
class Account(RowBacked, Node):
    facts: strawberry.Private[AccountFacts]
    name: str = backed("Its name.")
    currency: str = backed("The currency of its money (ISO 4217).")
    time_zone: str = backed("The zone of its dashboard's days (IANA).")

    backed_by = "facts"
    by_item = False

    @strawberry.field(description="Addresses and domains that reports may go to.")
    async def export_recipients(self) -> list[str]:
        return await list_recipients(self.facts.id)

    @strawberry.field(description="What filter panels can offer.")
    async def filter_options(self, info: Info) -> FilterOptions:
        wanted = selected(info).names("FilterOptions") & OPTIONS.keys()
        if not wanted:
            return FilterOptions(lists={})
        return FilterOptions(lists=await read_options(info.context.database, info.context.viewer, sorted(wanted)))


@strawberry.type(description="Who asks.")
class Viewer(RowBacked):
    asker: strawberry.Private[Asker]
    role: Role = backed("What the key or token is for.")
    name: str = backed("The key's name or the token's subject.")
    email: str | None = backed("The verified e-mail address, where there is one.")

    backed_by = "asker"
    by_item = False

    @strawberry.field(description="The account that the key or token is of.")
    def account(self) -> Account:
        return Account(facts=self.asker.account)

    @strawberry.field(description="The session columns that the role may read.", graphql_type=list[SessionColumn])
    def visible_columns(self) -> list[Any]:
        return [SessionColumn(column.name) for column in visible_columns(self.asker.role)]

    @strawberry.field(description="The fields of SessionPatch that the role may set.")
    def editable_fields(self) -> list[str]:
        return [field for field, roles in WRITERS.items() if self.asker.role in roles]

    @strawberry.field(description="The metrics of a dashboard that the role may read, as their fields are named.")
    def readable_figures(self) -> list[str]:
        return [metric.field for metric in METRICS.values() if self.asker.role in metric.roles]
