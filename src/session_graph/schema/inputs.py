"""Input types, made from the tables of `sessions`."""

from datetime import datetime
from decimal import Decimal
from types import new_class
from typing import Annotated, Any, Optional

import strawberry
from strawberry import UNSET

from session_graph.schema.enums import SessionOrderField
from session_graph.sessions.enums import Assessment, Channel, Direction, Period, SessionLength
from session_graph.sessions.filters import CONDITIONS, ValueKind


@strawberry.input(description="A range of decimals, ends included; leave one out for an open end.")
class DecimalRange:
    low: Decimal | None = strawberry.field(name="from", default=UNSET, description="The least.")
    high: Decimal | None = strawberry.field(name="to", default=UNSET, description="The greatest.")


@strawberry.input(description="A range of whole numbers, ends included; leave one out for an open end.")
class IntRange:
    low: int | None = strawberry.field(name="from", default=UNSET, description="The least.")
    high: int | None = strawberry.field(name="to", default=UNSET, description="The greatest.")


@strawberry.input(description="A UTM parameter and its value, both exactly.")
class UtmFilter:
    key: str = strawberry.field(description="Such as utm_source.")
    value: str = strawberry.field(description="Such as google.")


_TYPES: dict[ValueKind, Any] = {
    ValueKind.FLAG: bool,
    ValueKind.SEARCH: str,
    ValueKind.TEXTS: list[str],
    ValueKind.CHANNELS: list[Channel],
    ValueKind.LENGTHS: list[SessionLength],
    ValueKind.ASSESSMENTS: list[Assessment],
    ValueKind.UTMS: list[UtmFilter],
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
    description="All of these must hold. A field left out asks nothing; an explicit null is an error, never"
    " 'no condition'; an empty list matches nothing. {} is everything. At most 3 levels of anyOf and not, 50 conditions"
    " in all.",
)


@strawberry.input(name="SessionOrder", description="An order; ties are broken by id.")
class _SessionOrder:
    field: SessionOrderField = strawberry.field(description="By what.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end comes first.")


SessionOrder: Any = _SessionOrder


@strawberry.input(name="AgentLookup", one_of=True, description="How an agent is looked up.")
class _AgentLookup:
    id: strawberry.Maybe[strawberry.ID] = strawberry.field(description="Its UUID.")
    idn: strawberry.Maybe[str] = strawberry.field(description="Its short identifier in the account.")


AgentLookup: Any = _AgentLookup
