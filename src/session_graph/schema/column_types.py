"""The GraphQL type of each kind of column."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Optional

import strawberry

from session_graph.engine.row_types import declare
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


def declare_columns(cls: type, columns: Iterable[Column]) -> None:
    """Give a class the columns as backed fields, before it becomes a GraphQL type."""
    for column in columns:
        kind = KINDS[column.kind]
        declare(cls, column.name, Optional[kind] if column.optional else kind, column.description)  # noqa: UP045
