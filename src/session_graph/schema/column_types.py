"""The GraphQL type of each kind of column."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Optional, TypeVar

import strawberry

from session_graph.engine.row_types import declare
from session_graph.schema.scalars import StringMap
from session_graph.sessions.columns import COLUMNS, Kind
from session_graph.sessions.enums import Assessment, CallDirection, Channel, SessionLength

T = TypeVar("T")

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
    Kind.DIRECTION: CallDirection,
    Kind.ASSESSMENT: Assessment,
    Kind.TEXTS: list[str],
    Kind.MAP: StringMap,
}


def declare_columns(cls: type[T]) -> type[T]:
    """Add all columns but the id and PARTs to a class as backed fields, before it becomes a Strawberry type."""
    for column in COLUMNS.values():
        if column.kind not in (Kind.PART, Kind.ID):
            kind = KINDS[column.kind]
            declare(cls, column.name, Optional[kind] if column.optional else kind, column.description)  # noqa: UP045
    return cls
