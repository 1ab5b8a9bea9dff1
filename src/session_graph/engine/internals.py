"""The private names of Strawberry and graphql-core that this project relies on: review them at every upgrade."""

from typing import Any, cast

from graphql import FieldNode, GraphQLField, GraphQLInputObjectType, GraphQLNamedType, GraphQLSchema
from strawberry import Info, Schema
from strawberry.types.field import StrawberryField

DEFINITION = "strawberry-definition"
"""The extension in which a graphql-core type or field has Strawberry's definition."""


def graphql_schema(schema: Schema) -> GraphQLSchema:
    """Return the graphql-core schema that Strawberry executes."""
    return schema._schema


def mark_one_of(schema: GraphQLSchema) -> None:
    """Mark the input types that Strawberry made @oneOf, so that graphql-core checks, prints and introspects them so."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInputObjectType) and DEFINITION in type_.extensions:
            type_.is_one_of = type_.extensions[DEFINITION].is_one_of


def nodes_of(info: Info[Any, Any]) -> list[FieldNode]:
    """Return the nodes of the field that is being resolved: several if the document selects it more than once."""
    return info._raw_info.field_nodes


def parent_type_of(info: Info[Any, Any]) -> str:
    """Return the name of the type whose field is being resolved."""
    return info._raw_info.parent_type.name


def path_of(info: Info[Any, Any]) -> tuple[str, ...]:
    """Return the response keys that lead to the field, without the indexes of lists."""
    return tuple(key for key in info._raw_info.path.as_list() if isinstance(key, str))


def field_definition(field: GraphQLField) -> StrawberryField | None:
    """Return Strawberry's definition of the field; None for a field that graphql-core adds, such as `__schema`."""
    definition = field.extensions.get(DEFINITION)
    return definition if isinstance(definition, StrawberryField) else None


def origin_of(type_: GraphQLNamedType) -> type:
    """Return the class that Strawberry made the type from; `object` if there is none."""
    definition = type_.extensions.get(DEFINITION)
    return definition.origin if definition else object


def fields_of(cls: Any) -> list[StrawberryField]:
    """Return the fields of a Strawberry type."""
    return list(cls.__strawberry_definition__.fields)


def type_name_of(value: object) -> str:
    """Return the GraphQL name of an object's Strawberry type."""
    return cast(str, value.__strawberry_definition__.name)  # type: ignore[attr-defined]
