"""The closed vocabularies of a session; each member's value is its name in GraphQL, in JSON and in the database."""

from enum import StrEnum


class Channel(StrEnum):
    """Through what the user and the agent spoke."""

    VOICE = "VOICE"
    SMS = "SMS"
    CHAT = "CHAT"


class SessionLength(StrEnum):
    """A category of duration, by the agent's two thresholds."""

    SHORT = "SHORT"
    REGULAR = "REGULAR"
    LONG = "LONG"


class Assessment(StrEnum):
    """Whether the agent did its job. Declared in the order in which lists sort them."""

    YES_A = "YES_A"
    YES_B = "YES_B"
    NO = "NO"


class Speaker(StrEnum):
    """Who said it."""

    USER = "USER"
    AGENT = "AGENT"
    SYSTEM = "SYSTEM"


class Redirection(StrEnum):
    """Who answers first in working hours."""

    AGENT_FIRST = "AGENT_FIRST"
    OVERFLOW = "OVERFLOW"


class Period(StrEnum):
    """A range that counts back from now."""

    LAST_24_HOURS = "LAST_24_HOURS"
    LAST_7_DAYS = "LAST_7_DAYS"
    LAST_30_DAYS = "LAST_30_DAYS"


class Direction(StrEnum):
    """Which end of an order comes first; empty values come last in both."""

    ASC = "ASC"
    DESC = "DESC"
