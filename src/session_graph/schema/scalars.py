"""The scalars of the schema: how their values are written and read."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NewType

import orjson
import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from session_graph.parsing import format_instant, parse_decimal, parse_instant

BigInt = NewType("BigInt", int)
JSON = NewType("JSON", object)
StringMap = NewType("StringMap", dict[str, str])
WorkingHours = NewType("WorkingHours", dict[str, list[list[str]]])

MAX_BIG_INT = 2**53 - 1
"""Beyond it, a JSON number may lose digits in clients that read numbers as binary64 (RFC 8259, section 6)."""


def _read(parse: Any) -> Any:
    def parse_value(value: object) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            raise GraphQLError(str(error)) from None

    return parse_value


def _read_literal(parse: Any) -> Any:
    def parse_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        try:
            return parse(value_from_ast_untyped(node, variables))
        except ValueError as error:
            raise GraphQLError(str(error), node) from None

    return parse_literal


def write_decimal(number: Decimal | int | str) -> str:
    """Return the decimal as text; text comes from the database, already formatted."""
    return number if isinstance(number, str) else format(Decimal(number), "f")


def write_instant(moment: datetime | str) -> str:
    """Return RFC 3339 text; text comes from the database or a transcript, already formatted."""
    return moment if isinstance(moment, str) else format_instant(moment)


def _read_integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_BIG_INT:
        raise ValueError("must be a whole number of at most 2^53 - 1")
    return value


def _read_map(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError("must be an object whose values are texts")
    return value


def _read_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError('must be an object such as {"MON": [["09:00", "17:00"]]}')
    return value


def _read_any(value: object) -> object:
    return value


def _write_json(value: object) -> object:
    """Return the value; text is JSON from the database, and goes into the response unchanged."""
    return orjson.Fragment(value) if isinstance(value, str) else value


def _scalar(
    name: str, description: str, serialize: Any, parse: Any, specified_by: str | None = None
) -> ScalarDefinition:
    definition: ScalarDefinition = strawberry.scalar(
        name=name,
        description=description,
        serialize=serialize,
        parse_value=_read(parse),
        parse_literal=_read_literal(parse),
        specified_by_url=specified_by,
    )
    return definition


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: _scalar(
        "Decimal",
        'An exact decimal number as a string: "70.20". Input is a string or a whole number below 10^15, never a float.',
        write_decimal,
        parse_decimal,
        "https://www.w3.org/TR/xmlschema11-2/#decimal",
    ),
    BigInt: _scalar(
        "BigInt",
        "A whole number up to 2^53 - 1, as a JSON number: more than an Int can be.",
        int,
        _read_integer,
        "https://www.rfc-editor.org/rfc/rfc8259#section-6",
    ),
    datetime: _scalar(
        "DateTime",
        "An RFC 3339 date and time. Input must have an offset; output is in UTC.",
        write_instant,
        parse_instant,
        "https://www.rfc-editor.org/rfc/rfc3339",
    ),
    StringMap: _scalar(
        "StringMap",
        "An object with string values.",
        _write_json,
        _read_map,
        "https://www.rfc-editor.org/rfc/rfc8259#section-4",
    ),
    JSON: _scalar(
        "JSON",
        "A JSON value.",
        _write_json,
        _read_any,
        "https://www.rfc-editor.org/rfc/rfc8259",
    ),
    WorkingHours: _scalar(
        "WorkingHours",
        'Half-open spans of the local day for each weekday: {"MON": [["09:00", "17:00"]], "SUN": []}. A span may run'
        ' past midnight (["18:00", "02:00"]) and may end at "24:00". Without any weekday, all hours are working hours.',
        _write_json,
        _read_object,
    ),
}
