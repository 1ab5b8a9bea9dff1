"""The input types of filters, orders and lookups."""

from datetime import datetime
from decimal import Decimal
from types import new_class
from typing import Annotated, Any, Optional

import strawberry
from strawberry import UNSET

from session_graph.schema.enums import SessionOrderField
from session_graph.sessions.enums import Assessment, CallDirection, Channel, Direction, Period, SessionLength
from session_graph.sessions.filters import CONDITIONS, ValueKind


@strawberry.input(description="A range of decimals, inclusive; leave out a bound for an open end.")
class DecimalRange:
    low: Decimal | None = strawberry.field(name="from", default=UNSET, description="The smallest value.")
    high: Decimal | None = strawberry.field(name="to", default=UNSET, description="The largest value.")


@strawberry.input(description="A range of whole numbers, inclusive; leave out a bound for an open end.")
class IntRange:
    low: int | None = strawberry.field(name="from", default=UNSET, description="The smallest value.")
    high: int | None = strawberry.field(name="to", default=UNSET, description="The largest value.")


@strawberry.input(description="A UTM parameter and its exact value.")
class UtmFilter:
    key: str = strawberry.field(description="The name of the parameter, such as utm_source.")
    value: str = strawberry.field(description="The value, such as google.")


@strawberry.input(description="An entry of a session's metadata.")
class MetadataFilter:
    key: str = strawberry.field(description="The name of the entry.")
    value: str | None = strawberry.field(default=UNSET, description="The exact value; leave it out for any value.")


_TYPES: dict[ValueKind, Any] = {
    ValueKind.FLAG: bool,
    ValueKind.SEARCH: str,
    ValueKind.CONTACT: str,
    ValueKind.IDS: list[strawberry.ID],
    ValueKind.TEXTS: list[str],
    ValueKind.CHANNELS: list[Channel],
    ValueKind.LENGTHS: list[SessionLength],
    ValueKind.DIRECTIONS: list[CallDirection],
    ValueKind.ASSESSMENTS: list[Assessment],
    ValueKind.LANGUAGES: list[str],
    ValueKind.UTMS: list[UtmFilter],
    ValueKind.METADATA: list[MetadataFilter],
    ValueKind.PERIOD: Period,
    ValueKind.INSTANT: datetime,
    ValueKind.DECIMALS: DecimalRange,
    ValueKind.INTEGERS: IntRange,
    ValueKind.FILTERS: list[Annotated["SessionFilter", strawberry.lazy("session_graph.schema.inputs")]],
    ValueKind.FILTER: Annotated["SessionFilter", strawberry.lazy("session_graph.schema.inputs")],
}


def _filter_body(namespace: dict[str, Any]) -> None:
    namespace["__module__"] = __name__
    namespace["__annotations__"] = {f"{name}_": Optional[_TYPES[row.kind]] for name, row in CONDITIONS.items()}  # noqa: UP045
    for name, row in CONDITIONS.items():
        namespace[f"{name}_"] = strawberry.field(name=name, default=UNSET, description=row.description)


SessionFilter: Any = strawberry.input(
    new_class("SessionFilter", exec_body=_filter_body),
    description="Conditions that must all hold. A field left out sets no condition, an explicit null is an error, an"
    " empty list matches nothing, and {} matches everything. At most 3 levels of anyOf and not, 50 conditions in all.",
)


@strawberry.input(name="SessionOrder", description="An order; sessions with equal values are ordered by id.")
class _SessionOrder:
    field: SessionOrderField = strawberry.field(description="The field to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="The sort direction.")


SessionOrder: Any = _SessionOrder  # not the type of the values: readers get mappings


@strawberry.input(name="AgentLookup", one_of=True, description="An agent, named by id or by idn.")
class _AgentLookup:
    id: strawberry.Maybe[strawberry.ID] = strawberry.field(description="The agent's UUID.")
    idn: strawberry.Maybe[str] = strawberry.field(description="The agent's short identifier, unique in the account.")


AgentLookup: Any = _AgentLookup
