"""The schema as a whole, and its printed form."""

from graphql import GraphQLInputObjectType, lexicographic_sort_schema, print_schema
from strawberry import Schema
from strawberry.schema.config import StrawberryConfig

from session_graph.engine.documents import PreparedDocument
from session_graph.engine.fields import skip_conversion
from session_graph.engine.internals import DEFINITION, graphql_schema
from session_graph.schema.accounts import Account
from session_graph.schema.exports import SessionExport
from session_graph.schema.mutation import Mutation
from session_graph.schema.query import Query
from session_graph.schema.scalars import SCALARS
from session_graph.schema.sessions import Agent, Session
from session_graph.schema.subscription import Subscription


def build_schema() -> Schema:
    """Return the schema, without suggestions in errors: these would name fields to viewers who may not see them."""
    config = StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True)
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Session, Agent, Account, SessionExport],
        extensions=[PreparedDocument],
        config=config,
    )
    skip_conversion(graphql_schema(schema))
    return schema


def print_sdl(schema: Schema) -> str:
    """Return the schema in GraphQL's schema definition language, with types and fields in alphabetical order."""
    printed = lexicographic_sort_schema(graphql_schema(schema))
    for type_ in printed.type_map.values():
        if isinstance(type_, GraphQLInputObjectType):  # Strawberry checks it, but does not set the mark
            type_.is_one_of = type_.extensions[DEFINITION].is_one_of
    return print_schema(printed) + "\n"
