"""The account, the viewer, and the options of filter panels."""

from typing import Any

import strawberry
from pydantic.alias_generators import to_snake

from session_graph.access.viewer import AccountFacts, Role
from session_graph.access.viewer import Viewer as Caller
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
from session_graph.sessions.permissions import LIMITED_FIELDS


def _option(description: str) -> Any:
    return strawberry.field(default_factory=list, description=description)


@strawberry.type(description="The options of filter panels: the values that occur in the sessions that you may see.")
class FilterOptions:
    session_types: list[str] = _option("The session types.")
    integrations: list[str] = _option("The integrations.")
    connectors: list[str] = _option("The connectors.")
    tags: list[str] = _option("The tags.")
    utm_keys: list[str] = _option("The names of UTM parameters.")


@strawberry.type(description="A business that owns agents. No account can see any data of another.")
class Account(RowBacked, Node):
    facts: strawberry.Private[AccountFacts]
    name: str = backed("The name.")
    currency: str = backed("The currency of all amounts (ISO 4217).")
    time_zone: str = backed("The time zone of the dashboard's days (IANA).")
    country: str | None = backed("The country of the agents that have none of their own (ISO 3166-1 alpha-2).")

    backed_by = "facts"
    by_item = False

    @strawberry.field(description="The addresses and domains that exports may be sent to. For a BUILDER or an ADMIN.")
    async def export_recipients(self) -> list[str]:
        return await list_recipients(self.facts.id)

    @strawberry.field(description="The options of filter panels.")
    async def filter_options(self, info: Info) -> FilterOptions:
        names = sorted(selected(info).names("FilterOptions") & OPTIONS.keys())
        options = await read_options(info.context.database, info.context.viewer, names) if names else {}
        return FilterOptions(**{to_snake(name): values for name, values in options.items()})


@strawberry.type(description="The caller.")
class Viewer(RowBacked):
    caller: strawberry.Private[Caller]
    role: Role = backed("The role of the key or token.")
    name: str = backed("The key's name or the token's subject.")
    email: str | None = backed("The verified e-mail address, if there is one.")

    backed_by = "caller"
    by_item = False

    @strawberry.field(description="The account that the key or token belongs to.")
    def account(self) -> Account:
        return Account(facts=self.caller.account)

    @strawberry.field(description="The session columns that the role may read.", graphql_type=list[SessionColumn])
    def visible_columns(self) -> list[Any]:
        return [SessionColumn(column.name) for column in visible_columns(self.caller.role)]

    @strawberry.field(description="The fields of SessionPatch that the role may set.")
    def editable_fields(self) -> list[str]:
        return [field for field, roles in WRITERS.items() if self.caller.role in roles]

    @strawberry.field(description="The metrics of a dashboard that the role may read, as their fields are named.")
    def readable_figures(self) -> list[str]:
        return [metric.field for metric in METRICS.values() if self.caller.role in metric.roles]

    @strawberry.field(description="The fields of Account that the role may read, of those that not every role may.")
    def readable_account_fields(self) -> list[str]:
        return [field for field, roles in LIMITED_FIELDS["Account"].items() if self.caller.role in roles]
