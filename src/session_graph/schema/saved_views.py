"""The type of saved views."""

from typing import Any

import orjson
import strawberry

from session_graph.schema.enums import SessionColumn
from session_graph.schema.nodes import Node
from session_graph.schema.scalars import JSON
from session_graph.sessions import saved_views


@strawberry.type(
    description="A filter, an order and columns under a name. You see your own views, and those that others have shared"
    " unless your key or token is limited to agents or integrations; and only those whose filter and order your role"
    " may use."
)
class SavedView(Node):
    name: str = strawberry.field(description="The name, unique among the views of its owner.")
    owner: str = strawberry.field(
        description="Who saved it: the name of the key, or `token` and the subject of the token."
    )
    is_own: bool = strawberry.field(description="Whether you saved it.")
    is_shared: bool = strawberry.field(description="Whether others of the account may see it.")
    filter: JSON = strawberry.field(description="The filter, as a variable of type SessionFilter takes it.")
    order_by: JSON = strawberry.field(description="The order, as a variable of type SessionOrder takes it.")
    columns: list[Any] = strawberry.field(
        description="Those of the columns, in order, that you may read.", graphql_type=list[SessionColumn]
    )

    @classmethod
    def of(cls, view: saved_views.SavedView) -> "SavedView":
        made = cls(
            name=view.name,
            owner=view.owner,
            is_own=view.is_own,
            is_shared=view.is_shared,
            filter=JSON(view.filter),
            order_by=JSON(orjson.dumps({"field": view.order_field, "direction": view.direction}).decode()),
            columns=[SessionColumn(name) for name in view.columns],
        )
        made.id = strawberry.ID(str(view.id))
        return made
