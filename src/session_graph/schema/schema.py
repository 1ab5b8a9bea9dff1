"""The schema as a whole, and its printed form."""

from graphql import lexicographic_sort_schema, print_schema
from strawberry import Schema
from strawberry.schema.config import StrawberryConfig

from session_graph.engine.coerced_variables import CoercedExecutor
from session_graph.engine.cost_directives import add_costs, declare_directives
from session_graph.engine.documents import PreparedDocument
from session_graph.engine.fields import declare_bulk, skip_conversion
from session_graph.engine.internals import graphql_schema, mark_one_of
from session_graph.schema.accounts import Account
from session_graph.schema.costs import COSTS
from session_graph.schema.exports import SessionExport
from session_graph.schema.inlets import InletDelivery
from session_graph.schema.mutation import Mutation
from session_graph.schema.query import Query
from session_graph.schema.saved_views import SavedView
from session_graph.schema.scalars import SCALARS
from session_graph.schema.sessions import Agent, Session
from session_graph.schema.subscription import Subscription
from session_graph.sessions.json_lines import MOST_VALUES

MAX_RECORDED_VALUES = 200_000
"""The maximum number of values in a batch of records: 500 with a hundred turns each."""


def build_schema() -> Schema:
    """Return the schema. Errors suggest similar names: whoever has a key may read the whole schema."""
    config = StrawberryConfig(scalar_map=SCALARS)
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Session, Agent, Account, SessionExport, SavedView, InletDelivery],
        extensions=[PreparedDocument],
        config=config,
        execution_context_class=CoercedExecutor,
    )
    core = graphql_schema(schema)
    skip_conversion(core)
    declare_directives(core)
    declare_bulk(core, "RecordSessionsInput", MAX_RECORDED_VALUES)
    declare_bulk(core, "RecordSessionInput", MOST_VALUES)
    return schema


def print_sdl(schema: Schema) -> str:
    """Return the schema in GraphQL's schema definition language, in alphabetical order, with the costs of its parts."""
    printed = lexicographic_sort_schema(graphql_schema(schema))
    mark_one_of(printed)
    return add_costs(print_schema(printed), COSTS) + "\n"
