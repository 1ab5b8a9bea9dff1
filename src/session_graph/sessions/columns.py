"""The columns of a session, each declared once.

GraphQL's type, the selection, what filters and orders read, the report's headers, visibility and documentation all come
from this table. Source: domain.md, "The columns of a session"; access.md for who may see what.
"""

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from session_graph.access.viewer import Role


class Kind(Enum):
    """What a column's values are, in GraphQL and in a report."""

    ID = auto()
    TEXT = auto()
    FLAG = auto()
    INTEGER = auto()
    STARS = auto()
    NUMBER = auto()
    MONEY = auto()
    RATIO = auto()
    INSTANT = auto()
    CHANNEL = auto()
    LENGTH = auto()
    ASSESSMENT = auto()
    TEXTS = auto()
    MAP = auto()
    PART = auto()
    """An object of its own, resolved from the plain columns that it `needs`."""


ALL = frozenset({Role.BUILDER, Role.ADMIN, Role.PORTAL, Role.PARTNER})
RECORDED = ALL | {Role.RECORDER}
NOT_PARTNER = ALL - {Role.PARTNER}
NOT_PORTAL = ALL - {Role.PORTAL}
ANALYST = frozenset({Role.BUILDER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` is an expression over `session s`; `header` is the column's in a report, None where a report cannot have it."""

    name: str
    kind: Kind
    sql: str
    roles: frozenset[Role]
    header: str | None
    description: str
    optional: bool = False
    needs: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """The column's value of the enum SessionColumn."""
        return self.name.upper()

    @property
    def preformatted_sql(self) -> str:
        """The value as GraphQL writes it: ids, decimals and instants as text."""
        return _PREFORMATTED.get(self.kind, "{sql}").format(sql=self.sql)

    @property
    def field(self) -> str:
        """The column's field in GraphQL."""
        first, *rest = self.name.split("_")
        return first + "".join(word.capitalize() for word in rest)


_PREFORMATTED = {
    Kind.ID: "{sql}::text",
    Kind.NUMBER: "{sql}::text",
    Kind.MONEY: "{sql}::text",
    Kind.RATIO: "{sql}::text",
    Kind.INSTANT: (
        "case when {sql} = {sql}::timestamptz(0) then replace(({sql} at time zone 'UTC')::text, ' ', 'T') || 'Z'"
        """ else to_char({sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end"""
    ),
}
"""How the database writes values just as GraphQL does. It takes a tenth of the time that Python takes to make a value
and write it again. Whole seconds are written by the type itself, in ISO 8601 on our connections: half of what `to_char`
takes."""


def _contact_information() -> str:
    return "nullif(concat_ws(', ', s.phone, s.email, s.other_contact), '')"


# fmt: off
_ROWS = (
    # The 26 of the Builder, in its order.
    Column("is_archived", Kind.FLAG, "s.is_archived", NOT_PARTNER | NOT_PORTAL, "Is Archived", "Archived sessions are left out of active reporting."),
    Column("session_type", Kind.TEXT, "s.session_type", ALL, "Session Type", "The intent category.", optional=True),
    Column("is_lead", Kind.FLAG, "s.is_lead", NOT_PORTAL, "Is Lead", "The user expressed an intent to buy."),
    Column("is_opportunity", Kind.FLAG, "s.is_opportunity", NOT_PORTAL, "Is Opportunity", "A lead that did not fail: not refused, available, and reachable by phone or e-mail; or set so by a person."),
    Column("asr", Kind.MONEY, "s.asr", NOT_PARTNER, "ASR", "Additional secured revenue: lead value × opportunity × conversion rate × success × recognition; 0 for a test."),
    Column("is_test", Kind.FLAG, "s.is_test", ALL, "Is Test", "Decided when the session closes, can be toggled; test sessions never count in ASR."),
    Column("is_todo", Kind.FLAG, "s.is_todo", ALL, "Is Todo", "Someone must follow up."),
    Column("contact", Kind.TEXT, "coalesce(s.contact_name, 'User')", ALL, "Contact", 'The user\'s name, else the word "User".'),
    Column("contact_information", Kind.TEXT, _contact_information(), NOT_PORTAL, "Contact Information", "Phone, e-mail and other details that were collected, joined by commas.", optional=True),
    Column("summary", Kind.TEXT, "s.summary", ALL, "Summary", "What happened, written by the AI.", optional=True),
    Column("lead_value", Kind.MONEY, "s.lead_value", NOT_PORTAL, "Lead Value", "What the lead would pay if it converted; 0 unless it is a lead."),
    Column("conversion_rate", Kind.RATIO, "s.conversion_rate", ANALYST, "Conversation Rate", "The agent's conversion ratio when the session closed, 0 to 1."),
    Column("recognition", Kind.RATIO, "s.recognition", ANALYST, "ASR Recognition", "The share that is credited to the agent, 0 to 1."),
    Column("session_length", Kind.LENGTH, "s.session_length", NOT_PORTAL, "Session Length", "The category of its duration, by the agent's thresholds when it closed."),
    Column("auto_assessment", Kind.ASSESSMENT, "s.auto_assessment", NOT_PORTAL, "Auto Assessment", "The machine's verdict.", optional=True),
    Column("human_assessment", Kind.ASSESSMENT, "s.human_assessment", NOT_PORTAL, "Human Assessment", "A person's verdict; wins over the machine's.", optional=True),
    Column("conversation_quality", Kind.STARS, "s.conversation_quality", NOT_PARTNER, "Conversation Quality", "A person's rating, 1 to 5 stars.", optional=True),
    Column("working_hours", Kind.FLAG, "s.working_hours", NOT_PORTAL, "Working Hours", "It began in the agent's working hours."),
    Column("comment", Kind.TEXT, "s.comment", NOT_PARTNER, "Comment", "A person's comment.", optional=True),
    Column("units", Kind.NUMBER, "s.units", NOT_PORTAL, "Units", "Industry units, such as guests or square feet.", optional=True),
    Column("integration", Kind.TEXT, "s.integration", NOT_PORTAL, "Integration", "The outside system it came through.", optional=True),
    Column("external_id", Kind.TEXT, "s.external_id", NOT_PORTAL, "External ID", "The outside system's own identifier, such as a CRM record's; several sessions may share one.", optional=True),
    Column("actual_result", Kind.TEXT, "s.actual_result", NOT_PORTAL, "Actual Result", "What happened, as the AI judged it.", optional=True),
    Column("expected_result", Kind.TEXT, "s.expected_result", NOT_PORTAL, "Expected Result", "What should have happened.", optional=True),
    Column("id", Kind.ID, "s.id", RECORDED, "Session Id", "The session's UUID."),
    Column("utms", Kind.MAP, "s.utms", NOT_PORTAL, "UTMs", "UTM parameters of the source's address."),
    # Beside them.
    Column("started_at", Kind.INSTANT, "s.started_at", ALL, "Date/Time", "When it began."),
    Column("ended_at", Kind.INSTANT, "s.ended_at", ALL, "Ended At", "When it ended."),
    Column("duration_seconds", Kind.INTEGER, "s.duration_seconds", ALL, "Duration Seconds", "Whole seconds from begin to end."),
    Column("channel", Kind.CHANNEL, "s.channel", ALL, "Channel", "Through what it was held."),
    Column("connector", Kind.TEXT, "s.connector", NOT_PORTAL, "Connector", "The named connection to the integration.", optional=True),
    Column("agent", Kind.PART, "s.agent_id", ALL, "Agent IDN", "The agent that held it."),
    Column("contact_name", Kind.TEXT, "s.contact_name", NOT_PORTAL, "Contact Name", "The user's name, where it was collected.", optional=True),
    Column("phone", Kind.TEXT, "s.phone", NOT_PORTAL, "Phone", "The user's phone number, where it was collected.", optional=True),
    Column("email", Kind.TEXT, "s.email", NOT_PORTAL, "E-mail", "The user's e-mail address, where it was collected.", optional=True),
    Column("is_done", Kind.FLAG, "s.is_done", ALL, "Is Done", "Nothing is left to do."),
    Column("tags", Kind.TEXTS, "s.tags", NOT_PARTNER, "Tags", "Free labels, in alphabetical order."),
    Column("version", Kind.INTEGER, "s.version", RECORDED, "Version", "Counts its changes, from 1."),
    Column("updated_at", Kind.INSTANT, "s.updated_at", ALL, "Updated At", "When it was recorded or last changed."),
    Column("assessment", Kind.ASSESSMENT, "s.assessment", NOT_PORTAL, "Assessment", "The assessment that counts: the human one where set.", optional=True),
    Column("asr_factors", Kind.PART, "s.is_success", ANALYST, None, "What the ASR is the product of.", needs=("lead_value", "is_opportunity", "conversion_rate", "recognition", "is_test")),
    Column("transcript", Kind.PART, "s.id", ALL, None, "What was said, in order. A page that asks for transcripts holds at most 50 sessions."),
    Column("history", Kind.PART, "s.id", ANALYST, None, "What people set, newest first; derived figures are not repeated here."),
)
# fmt: on

COLUMNS: dict[str, Column] = {column.name: column for column in _ROWS}


def visible_columns(role: Role) -> list[Column]:
    """What the role may read, in the table's order."""
    return [column for column in _ROWS if role in column.roles]


@lru_cache(maxsize=1024)
def select_list(names: frozenset[str]) -> str:
    """The chosen columns and what they need, written as GraphQL has them, as a select list; `id` is always among them."""
    wanted = {"id", *names, *(need for name in names for need in COLUMNS[name].needs)}
    return ", ".join(f"{column.preformatted_sql} as {column.name}" for column in _ROWS if column.name in wanted)
