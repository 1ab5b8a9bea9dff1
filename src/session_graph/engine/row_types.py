"""GraphQL types whose plain fields are read from a row, a model or a mapping when they are asked for.

The fields come from a table of `sessions`, so that none is declared twice.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar, Optional
from uuid import UUID

import strawberry

from session_graph.schema.scalars import StringMap
from session_graph.sessions.columns import Column, Kind
from session_graph.sessions.enums import Assessment, Channel, SessionLength

KINDS: dict[Kind, Any] = {
    Kind.ID: strawberry.ID,
    Kind.TEXT: str,
    Kind.FLAG: bool,
    Kind.INTEGER: int,
    Kind.STARS: int,
    Kind.NUMBER: Decimal,
    Kind.MONEY: Decimal,
    Kind.RATIO: Decimal,
    Kind.INSTANT: datetime,
    Kind.CHANNEL: Channel,
    Kind.LENGTH: SessionLength,
    Kind.ASSESSMENT: Assessment,
    Kind.TEXTS: list[str],
    Kind.MAP: StringMap,
}


def backed(description: str) -> Any:
    """A field of a `RowBacked` type."""
    field = strawberry.field(description=description)
    field.init = False
    return field


def declare(cls: type, name: str, annotation: Any, description: str) -> None:
    """Give a class, before it becomes a GraphQL type, a field that is looked up."""
    cls.__annotations__[name] = annotation
    setattr(cls, name, backed(description))


def declare_columns(cls: type, columns: Iterable[Column]) -> None:
    for column in columns:
        kind = KINDS[column.kind]
        declare(cls, column.name, Optional[kind] if column.optional else kind, column.description)  # noqa: UP045


class RowBacked:
    """Answers the looked-up fields from what `backed_by` leads to: by item or, for a model, by attribute.

    Ids become text, as GraphQL has them. `preformatted` are items that the database wrote just as GraphQL does.
    """

    backed_by: ClassVar[str]
    by_item: ClassVar[bool] = True
    preformatted: ClassVar[bool] = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        source = attrgetter(self.backed_by)(self)
        value = source[name] if self.by_item else getattr(source, name)
        return str(value) if isinstance(value, UUID) else value
