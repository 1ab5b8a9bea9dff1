"""The orders of a list of sessions.

`id` breaks ties, nulls come last in both directions, and texts are compared by their folded form in code-point order
(domain.md, "Filters").
"""

from dataclasses import dataclass
from enum import StrEnum

from session_graph.sessions.enums import Direction


class SqlType(StrEnum):
    """The PostgreSQL type of an order's values."""

    INSTANT = "timestamptz"
    INTEGER = "integer"
    DECIMAL = "numeric"
    TEXT = "text"


def _rank(column: str) -> str:
    return f"array_position(array['YES_A', 'YES_B', 'NO'], {column})"


@dataclass(frozen=True, slots=True)
class OrderField:
    """`column` is the session column that the order reads; `sql` is an expression over `session s`.

    `is_shared` if many sessions may have the same value: an ASR of 0, the moment of a bulk edit.
    """

    name: str
    column: str
    sql: str
    type: SqlType
    description: str
    nullable: bool = False
    is_shared: bool = True


# fmt: off
ORDER_FIELDS: dict[str, OrderField] = {
    row.name: row
    for row in (
        OrderField("STARTED_AT", "started_at", "s.started_at", SqlType.INSTANT, "When the session began.", is_shared=False),
        OrderField("ENDED_AT", "ended_at", "s.ended_at", SqlType.INSTANT, "When the session ended.", is_shared=False),
        OrderField("UPDATED_AT", "updated_at", "s.updated_at", SqlType.INSTANT, "When the session was recorded or last changed."),
        OrderField("DURATION", "duration_seconds", "s.duration_seconds", SqlType.INTEGER, "The duration in whole seconds."),
        OrderField("CONTACT", "contact", "s.contact_folded", SqlType.TEXT, "The contact's name; sessions without one come last.", nullable=True),
        OrderField("SESSION_TYPE", "session_type", "s.session_type_folded", SqlType.TEXT, "The intent category.", nullable=True),
        OrderField("LEAD_VALUE", "lead_value", "s.lead_value", SqlType.DECIMAL, "The lead value."),
        OrderField("ASR", "asr", "s.asr", SqlType.DECIMAL, "The additional secured revenue."),
        OrderField("CONVERSATION_QUALITY", "conversation_quality", "s.conversation_quality", SqlType.INTEGER, "The stars; unrated sessions come last.", nullable=True),
        OrderField("AUTO_ASSESSMENT", "auto_assessment", _rank("s.auto_assessment"), SqlType.INTEGER, "The automatic assessment: Yes-A, Yes-B, No.", nullable=True),
        OrderField("HUMAN_ASSESSMENT", "human_assessment", _rank("s.human_assessment"), SqlType.INTEGER, "The human assessment: Yes-A, Yes-B, No.", nullable=True),
        OrderField("EXTERNAL_ID", "external_id", "s.external_id_folded", SqlType.TEXT, "The External ID.", nullable=True),
    )
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Order:
    field: OrderField = ORDER_FIELDS["STARTED_AT"]
    direction: Direction = Direction.DESC


NEWEST_FIRST = Order()
