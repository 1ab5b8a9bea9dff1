"""The fields of the type Agent, made from the attributes of `AgentDefinition`."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Optional, TypeVar, get_args, get_type_hints

import strawberry

from session_graph.engine.row_types import declare
from session_graph.parsing import plain
from session_graph.schema.context import Info
from session_graph.schema.input_types import translate
from session_graph.sessions.agents import AgentDefinition
from session_graph.sessions.input_model import Amount, Ratio

T = TypeVar("T")


def declare_attributes(cls: type[T]) -> type[T]:
    """Add a field for each attribute to a class with a `model`, before it becomes a Strawberry type."""
    hints = get_type_hints(AgentDefinition, include_extras=True)
    for name, field in AgentDefinition.model_fields.items():
        hint, text = hints[name], field.description or ""
        if hint == Ratio:
            setattr(cls, name, strawberry.field(_ratio(name), description=text))
        elif Amount in get_args(hint):
            setattr(cls, name, strawberry.field(_money(name), description=text))
        else:
            type_, is_nullable = translate(hint)
            declare(cls, name, Optional[type_] if is_nullable else type_, text)  # noqa: UP045
    return cls


def _ratio(name: str) -> Callable[..., Decimal]:
    def resolve(self: Any) -> Decimal:
        return plain(getattr(self.model, name))

    return resolve


def _money(name: str) -> Callable[..., Decimal | None]:
    def resolve(self: Any, info: Info) -> Decimal | None:
        """Return the amount with the decimals of the account's currency, or with more if it has more."""
        amount: Decimal | None = getattr(self.model, name)
        if amount is None:
            return None
        cents = Decimal(1).scaleb(-info.context.viewer.account.money_scale)
        return max(plain(amount), amount.quantize(cents), key=lambda number: -int(number.as_tuple().exponent))

    return resolve
