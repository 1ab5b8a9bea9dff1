"""The base of all input models: GraphQL names, checked texts, exact numbers.

All problems of an input are reported at once, each with its path and a sentence of this project.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from session_graph.errors import InvalidInput, Problem
from session_graph.parsing import check_text, normalise_text, parse_decimal, parse_id, parse_instant

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _normalised(value: object) -> object:
    return normalise_text(value) if isinstance(value, str) else value


def normalised_or_none(value: object) -> object:
    """Return the text in NFC and without surrounding white space; None if nothing is left."""
    return (normalise_text(value) or None) if isinstance(value, str) else value


def _parse_recordable(value: object) -> datetime:
    moment = parse_instant(value)
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"must be in the years {EARLIEST.year} to {LATEST.year - 1}")
    return moment


Printable = AfterValidator(check_text)
Normalised = BeforeValidator(_normalised)
Text = Annotated[str, Field(strict=True, max_length=10_000), Normalised, Printable]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=200), Normalised, Printable]
OptionalText = Annotated[Text | None, BeforeValidator(normalised_or_none)]
OptionalName = Annotated[Name | None, BeforeValidator(normalised_or_none)]
Instant = Annotated[datetime, BeforeValidator(_parse_recordable)]
ParsedInstant = Annotated[datetime, Field(strict=True, ge=EARLIEST, lt=LATEST)]
"""An instant of a value that has been parsed where it could be; many are checked without calling Python."""
Amount = Annotated[Decimal, BeforeValidator(parse_decimal), Field(ge=0)]
Ratio = Annotated[Decimal, BeforeValidator(parse_decimal), Field(ge=0, le=1)]
Id = Annotated[UUID, BeforeValidator(parse_id)]


class InputModel(BaseModel):
    """A model with GraphQL names that refuses unknown fields and is immutable."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_alias=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )


NULLABLE = "nullable"
"""Metadata of a field that is optional in GraphQL, although its type has no null and no default."""
DEFAULTED = "defaulted"
"""Metadata of a field whose default stands in the schema, and which cannot be null."""

AnyInputModel = TypeVar("AnyInputModel", bound=InputModel)


def problem(field: str, message: str) -> PydanticCustomError:
    """Return the problem that a check of the whole model found, for the path of this field."""
    return PydanticCustomError(f"field:{field}", "{sentence}", {"sentence": message})


def parse_input(shape: type[AnyInputModel], raw: object) -> AnyInputModel:
    """Raises InvalidInput with every problem, each with its path by GraphQL name."""
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        raise InvalidInput([_translate(e) for e in error.errors(include_url=False)]) from None


_SENTENCES = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a text",
    "string_unicode": "must be a text that can be written in UTF-8",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
}


_BOUNDS = frozenset({"greater_than_equal", "less_than"})


def _translate(details: ErrorDetails) -> Problem:
    kind = details["type"]
    path = tuple(part for part in details["loc"] if part != "[key]")
    if kind.startswith("field:"):
        return Problem((*path, kind.removeprefix("field:")), details["msg"])
    if details["input"] is None:
        return Problem(path, "must not be null")
    if kind == "datetime_type" or (kind in _BOUNDS and isinstance(details["input"], datetime)):
        return Problem(path, _describe_instant(details["input"]) or details["msg"])
    return Problem(path, _SENTENCES.get(kind) or _describe(kind, details.get("ctx", {}), details["msg"]))


def _describe_instant(value: object) -> str | None:
    """Return why the value is no `ParsedInstant`; None if it is one."""
    try:
        _parse_recordable(value)
    except ValueError as error:
        return str(error)
    return None


def _describe(kind: str, context: Mapping[str, Any], message: str) -> str:
    match kind:
        case "value_error":
            return str(context["error"])
        case "enum":
            return f"must be one of {str(context['expected']).replace(chr(39), '').replace(' or ', ', ')}"
        case "string_too_long":
            return f"must have at most {context['max_length']:,} characters"
        case "too_long":  # pydantic calls a text a value if a validator runs before this check
            unit = "characters" if context["field_type"] == "Value" else "entries"
            return f"must have at most {context['max_length']:,} {unit}"
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
    return message
