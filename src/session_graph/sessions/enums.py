"""The enums of sessions; each member's value is its name in GraphQL, in JSON and in the database."""

from enum import StrEnum


class Channel(StrEnum):
    """The medium of a session."""

    VOICE = "VOICE"
    SMS = "SMS"
    CHAT = "CHAT"


class CallDirection(StrEnum):
    """Whether the user or the agent's side began it."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class WhenKnown(StrEnum):
    """What a record of a session that is recorded already does."""

    CONFLICT = "CONFLICT"
    AMEND = "AMEND"


class SessionLength(StrEnum):
    """The category of a session's duration, by the agent's two thresholds."""

    SHORT = "SHORT"
    REGULAR = "REGULAR"
    LONG = "LONG"


class Assessment(StrEnum):
    """Whether the agent did its job; declared in the order in which lists sort the members."""

    YES_A = "YES_A"
    YES_B = "YES_B"
    NO = "NO"


class Speaker(StrEnum):
    """The speaker of a turn."""

    USER = "USER"
    AGENT = "AGENT"
    HUMAN = "HUMAN"
    TOOL = "TOOL"
    SYSTEM = "SYSTEM"


class Redirection(StrEnum):
    """Whether the agent or people answer first in working hours."""

    AGENT_FIRST = "AGENT_FIRST"
    OVERFLOW = "OVERFLOW"


class Period(StrEnum):
    """A span that ends now."""

    LAST_24_HOURS = "LAST_24_HOURS"
    LAST_7_DAYS = "LAST_7_DAYS"
    LAST_30_DAYS = "LAST_30_DAYS"


class Direction(StrEnum):
    """The direction of an order; nulls come last in both."""

    ASC = "ASC"
    DESC = "DESC"
