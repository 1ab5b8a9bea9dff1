"""GraphQL input types made from pydantic models, so that an input is declared once.

Texts, ids, instants and decimals become scalars of the schema, a nested InputModel or TypedDict its own input type. A
field with a default may be left out or be null, except a flag, which has its default in the schema. The model receives
values as graphql-core coerces them, by GraphQL name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Optional, Required, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import strawberry
from pydantic.fields import FieldInfo
from strawberry import UNSET
from typing_extensions import is_typeddict

from session_graph.schema.scalars import StringMap, WorkingHours
from session_graph.sessions.input_model import DEFAULTED, NULLABLE, InputModel

M = TypeVar("M", bound=InputModel)

_MADE: dict[type[Any], Any] = {}


@dataclass(frozen=True, slots=True)
class GraphQLType:
    """Metadata of a model's field: its type in the schema, if it does not follow from the Python type."""

    type: Any


def graphql_input(name: str, description: str, *, one_of: bool = False) -> Callable[[type[M]], type[M]]:
    """Decorate a model: make its input type, and return the model."""

    def make(model: type[M]) -> type[M]:
        input_type(model, name, description, one_of=one_of)
        return model

    return make


def input_type(
    model: type[Any],
    name: str,
    description: str,
    *,
    one_of: bool = False,
    required: tuple[str, ...] | None = None,
) -> Any:
    """Make the input type of a model or a TypedDict.

    `required` names the only required fields, for the input of an update.
    """
    hints = get_type_hints(model, include_extras=True)
    namespace: dict[str, Any] = {"__module__": __name__, "__annotations__": {}}
    for field_name, field in _fields_of(model, hints).items():
        type_, is_nullable = translate(hints[field_name])
        text = field.description or ""
        if one_of:
            type_, made = strawberry.Maybe[type_], strawberry.field(description=text)  # type: ignore[misc, valid-type]
        elif (field_name in required) if required is not None else field.is_required() and not is_nullable:
            made = strawberry.field(description=text)
        elif _shows_default(type_, field) and not is_nullable and required is None:
            made = strawberry.field(default=field.default, description=text)
        else:
            type_ = Optional[type_]  # noqa: UP045
            made = strawberry.field(default=UNSET, description=text if required else _with_default(text, field))
        namespace["__annotations__"][field_name], namespace[field_name] = type_, made
    made_type: Any = strawberry.input(type(name, (), namespace), name=name, description=description, one_of=one_of)
    _MADE.setdefault(model, made_type)
    return made_type


def _fields_of(model: type[Any], hints: Mapping[str, Any]) -> Mapping[str, FieldInfo]:
    """Return the fields of a model, or of a TypedDict, whose descriptions are in its annotations."""
    if not is_typeddict(model):
        fields: Mapping[str, FieldInfo] = model.model_fields
        return fields
    return {name: FieldInfo.from_annotation(_unwrap(hint)) for name, hint in hints.items()}


def _unwrap(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Required else hint


def _shows_default(type_: Any, field: FieldInfo) -> bool:
    return type_ is bool or DEFAULTED in field.metadata


def _with_default(text: str, field: FieldInfo) -> str:
    if field.is_required() or not field.default or field.default is True:
        return text
    return f"{text.removesuffix('.')}; {field.default} by default."


def translate(hint: Any) -> tuple[Any, bool]:
    """Return the type in the schema, non-null, and whether null is allowed."""
    hint = _unwrap(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        base, *metadata = arguments
        type_, is_nullable = next(
            ((each.type, False) for each in metadata if isinstance(each, GraphQLType)), translate(base)
        )
        return type_, is_nullable or NULLABLE in metadata
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each is not NoneType)
        return translate(inner)[0], True
    if origin is list:
        return list[translate(arguments[0])[0]], False  # type: ignore[misc]
    if origin is dict:
        return (WorkingHours if get_origin(arguments[1]) is list else StringMap), False
    if hint is UUID:
        return strawberry.ID, False
    return _MADE.get(hint, hint), False
