"""The columns of a session, each declared once.

The GraphQL type, the selection, the columns of filters and orders, an export's headers, visibility and documentation
all come from this table. Sources: domain.md, "The columns of a session"; access.md for which role may read which column.
"""

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from pydantic.alias_generators import to_camel

from session_graph.access.viewer import Role


class Kind(Enum):
    """The kind of a column's values, in GraphQL and in an export."""

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
    DIRECTION = auto()
    ASSESSMENT = auto()
    TEXTS = auto()
    MAP = auto()
    PART = auto()
    """An object, resolved from the plain columns that it `needs`."""


ALL = frozenset({Role.BUILDER, Role.ADMIN, Role.PORTAL, Role.PARTNER})
RECORDED = ALL | {Role.RECORDER}
NOT_PARTNER = ALL - {Role.PARTNER}
NOT_PORTAL = ALL - {Role.PORTAL}
ANALYST = frozenset({Role.BUILDER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` is an expression over `session s`; `header` is that of an export, None if exports cannot have the column."""

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
        """The member of the GraphQL enum SessionColumn."""
        return self.name.upper()

    @property
    def preformatted_sql(self) -> str:
        """The SQL of the value as GraphQL writes it: ids, decimals and instants as text."""
        return _PREFORMATTED.get(self.kind, "{sql}").format(sql=self.sql)

    @property
    def field(self) -> str:
        """The GraphQL field."""
        return to_camel(self.name)


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
"""SQL that writes values exactly as GraphQL does, in a tenth of the time that Python takes to build and write a value.
Whole seconds use the type's own output, ISO 8601 on our connections, which takes half the time of `to_char`."""


def _contact_information() -> str:
    return "nullif(concat_ws(', ', s.phone, s.email, s.other_contact), '')"


# fmt: off
_ROWS = (
    # The Builder's 26 columns, in its order.
    Column("is_archived", Kind.FLAG, "s.is_archived", NOT_PARTNER | NOT_PORTAL, "Is Archived", "Archived sessions are left out of active reporting."),
    Column("session_type", Kind.TEXT, "s.session_type", ALL, "Session Type", "The intent category.", optional=True),
    Column("is_lead", Kind.FLAG, "s.is_lead", NOT_PORTAL, "Is Lead", "The user expressed an intent to buy."),
    Column("is_opportunity", Kind.FLAG, "s.is_opportunity", NOT_PORTAL, "Is Opportunity", "A lead that did not fail: not refused, available, and reachable by phone or e-mail; or set so by a person."),
    Column("asr", Kind.MONEY, "s.asr", NOT_PARTNER, "ASR", "Additional secured revenue: lead value × opportunity × conversion rate × success × recognition; 0 for a test."),
    Column("is_test", Kind.FLAG, "s.is_test", ALL, "Is Test", "Decided when the session closes, can be toggled; test sessions never count in ASR."),
    Column("is_todo", Kind.FLAG, "s.is_todo", ALL, "Is Todo", "Someone must follow up."),
    Column("contact", Kind.TEXT, "coalesce(s.contact_name, 'User')", ALL, "Contact", 'The user\'s name, else the word "User".'),
    Column("contact_information", Kind.TEXT, _contact_information(), NOT_PORTAL, "Contact Information", "The phone number, e-mail address and other details that were collected, joined by commas.", optional=True),
    Column("summary", Kind.TEXT, "s.summary", ALL, "Summary", "What happened, written by the AI.", optional=True),
    Column("lead_value", Kind.MONEY, "s.lead_value", NOT_PORTAL, "Lead Value", "What the lead would pay if it converted; 0 unless it is a lead."),
    Column("conversion_rate", Kind.RATIO, "s.conversion_rate", ANALYST, "Conversation Rate", "The agent's conversion ratio when the session closed, 0 to 1."),
    Column("recognition", Kind.RATIO, "s.recognition", ANALYST, "ASR Recognition", "The share that is credited to the agent, 0 to 1."),
    Column("session_length", Kind.LENGTH, "s.session_length", NOT_PORTAL, "Session Length", "The category of the session's duration, by the agent's thresholds when it closed."),
    Column("auto_assessment", Kind.ASSESSMENT, "s.auto_assessment", NOT_PORTAL, "Auto Assessment", "The machine's assessment of whether the agent did its job.", optional=True),
    Column("human_assessment", Kind.ASSESSMENT, "s.human_assessment", NOT_PORTAL, "Human Assessment", "A person's assessment, which wins over the machine's.", optional=True),
    Column("conversation_quality", Kind.STARS, "s.conversation_quality", NOT_PARTNER, "Conversation Quality", "A person's rating, 1 to 5 stars.", optional=True),
    Column("working_hours", Kind.FLAG, "s.working_hours", NOT_PORTAL, "Working Hours", "The session began in the agent's working hours."),
    Column("comment", Kind.TEXT, "s.comment", NOT_PARTNER, "Comment", "A person's comment.", optional=True),
    Column("units", Kind.NUMBER, "s.units", NOT_PORTAL, "Units", "Industry units, such as guests or square feet.", optional=True),
    Column("integration", Kind.TEXT, "s.integration", NOT_PORTAL, "Integration", "The outside system that the session came through.", optional=True),
    Column("external_id", Kind.TEXT, "s.external_id", NOT_PORTAL, "External ID", "The outside system's own identifier, such as a CRM record's; several sessions may share one.", optional=True),
    Column("actual_result", Kind.TEXT, "s.actual_result", NOT_PORTAL, "Actual Result", "What happened, as the AI judged it.", optional=True),
    Column("expected_result", Kind.TEXT, "s.expected_result", NOT_PORTAL, "Expected Result", "What should have happened.", optional=True),
    Column("id", Kind.ID, "s.id", RECORDED, "Session Id", "The session's UUID."),
    Column("utms", Kind.MAP, "s.utms", NOT_PORTAL, "UTMs", "The UTM parameters of the source URL."),
    # Columns that the Builder does not show.
    Column("started_at", Kind.INSTANT, "s.started_at", ALL, "Date/Time", "When the session began."),
    Column("ended_at", Kind.INSTANT, "s.ended_at", ALL, "Ended At", "When the session ended."),
    Column("duration_seconds", Kind.INTEGER, "s.duration_seconds", ALL, "Duration Seconds", "The duration in whole seconds."),
    Column("channel", Kind.CHANNEL, "s.channel", ALL, "Channel", "The medium: a call, text messages or a chat."),
    Column("connector", Kind.TEXT, "s.connector", NOT_PORTAL, "Connector", "The named connection to the integration.", optional=True),
    Column("agent", Kind.PART, "s.agent_id", ALL, "Agent IDN", "The agent that held the session."),
    Column("contact_name", Kind.TEXT, "s.contact_name", NOT_PORTAL, "Contact Name", "The user's name, if it was collected.", optional=True),
    Column("phone", Kind.TEXT, "s.phone", NOT_PORTAL, "Phone", "The user's phone number, if it was collected.", optional=True),
    Column("email", Kind.TEXT, "s.email", NOT_PORTAL, "E-mail", "The user's e-mail address, if it was collected.", optional=True),
    Column("source", Kind.TEXT, "s.source", NOT_PORTAL, "Source", "The system that held the session.", optional=True),
    Column("source_id", Kind.TEXT, "s.source_id", NOT_PORTAL, "Source ID", "The source's own identifier of the session, unique in the account.", optional=True),
    Column("direction", Kind.DIRECTION, "s.direction", NOT_PORTAL, "Direction", "Whether the user or the agent's side began it.", optional=True),
    Column("end_reason", Kind.TEXT, "s.end_reason", NOT_PORTAL, "End Reason", "Why it ended, as the source says it.", optional=True),
    Column("language", Kind.TEXT, "s.language", NOT_PORTAL, "Language", "The language that was spoken (BCP 47).", optional=True),
    Column("recording_url", Kind.TEXT, "s.recording_url", NOT_PORTAL, "Recording URL", "Where the recording is.", optional=True),
    Column("agent_contact", Kind.TEXT, "s.agent_contact", NOT_PORTAL, "Agent Contact", "The agent's own number or address that was reached.", optional=True),
    Column("metadata", Kind.MAP, "s.metadata", NOT_PORTAL, "Metadata", "What else the source knows of it, by name."),
    Column("is_done", Kind.FLAG, "s.is_done", ALL, "Is Done", "Nothing is left to do."),
    Column("tags", Kind.TEXTS, "s.tags", NOT_PARTNER, "Tags", "Free labels, in alphabetical order."),
    Column("version", Kind.INTEGER, "s.version", RECORDED, "Version", "The session's version, from 1; each change adds 1."),
    Column("updated_at", Kind.INSTANT, "s.updated_at", ALL, "Updated At", "When the session was recorded or last changed."),
    Column("assessment", Kind.ASSESSMENT, "s.assessment", NOT_PORTAL, "Assessment", "The assessment that counts: the human one if there is one, else the automatic one.", optional=True),
    Column("utc_offset", Kind.PART, "s.agent_id", ALL, "UTC Offset", "The offset from UTC at the start, in the agent's time zone: -05:00. It tells the two hours apart that a clock repeats.", needs=("agent", "started_at")),
    Column("asr_factors", Kind.PART, "s.is_success", ANALYST, None, "The factors of the ASR.", needs=("lead_value", "is_opportunity", "conversion_rate", "recognition", "is_test")),
    Column("transcript", Kind.PART, "s.id", ALL, None, "What was said, in order. A page with transcripts has at most 50 sessions."),
    Column("history", Kind.PART, "s.id", ANALYST, None, "The changes by people and by amendments, newest first; derived values are not repeated here."),
)
# fmt: on

COLUMNS: dict[str, Column] = {column.name: column for column in _ROWS}


def visible_columns(role: Role) -> list[Column]:
    """Return the columns that the role may read, in the table's order."""
    return [column for column in _ROWS if role in column.roles]


@lru_cache(maxsize=1024)
def select_list(names: frozenset[str]) -> str:
    """Return the select list of the columns, of what they need and of `id`, with values as GraphQL writes them."""
    selected = {"id", *names, *(need for name in names for need in COLUMNS[name].needs)}
    return ", ".join(f"{column.preformatted_sql} as {column.name}" for column in _ROWS if column.name in selected)
