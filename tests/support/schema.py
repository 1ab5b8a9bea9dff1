"""The schema that is served, and its literals as JSON."""

from typing import Any

from graphql import parse_value, value_from_ast_untyped

from session_graph.schema.schema import build_schema

SCHEMA = build_schema()._schema


def as_json(literal: str) -> Any:
    return value_from_ast_untyped(parse_value(literal))
