"""The transcription in `support.access_matrix` has every field of the schema that access depends on."""

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType

from support.access_matrix import (
    FILTERS,
    GROUPS,
    LIMITED,
    METRICS,
    MUTATIONS,
    ORDERS,
    PATCH,
    ROLES,
    SESSION,
    UNLIMITED,
    code_of,
)
from support.schema import SCHEMA


def test_this_transcription_is_of_the_whole_schema() -> None:
    for name, limited in LIMITED.items():
        found = SCHEMA.type_map[name]
        assert isinstance(found, GraphQLObjectType)
        assert set(found.fields) == limited | UNLIMITED[name]
    assert fields_of("DashboardTotals") == METRICS
    assert fields_of("SessionFilter") == FILTERS.keys() | {"anyOf", "not"}
    assert fields_of("SessionPatch") == PATCH.keys()
    assert fields_of("Mutation") == MUTATIONS.keys()
    assert values_of("SessionColumn") == {code_of(field) for field in SESSION}
    assert values_of("SessionOrderField") == ORDERS.keys()
    assert values_of("DashboardGroup") == GROUPS.keys()
    assert values_of("Role") == set(ROLES)


def fields_of(name: str) -> set[str]:
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLObjectType | GraphQLInputObjectType)
    return set(found.fields)


def values_of(name: str) -> set[str]:
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLEnumType)
    return set(found.values)
