"""The vocabularies as GraphQL enums, each value described."""

from enum import Enum
from typing import Any, TypeVar

import strawberry

from session_graph.access.viewer import Role
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.dashboard import Group
from session_graph.sessions.enums import (
    Assessment,
    Channel,
    Direction,
    Period,
    Redirection,
    SessionLength,
    Speaker,
)
from session_graph.sessions.intervals import Interval
from session_graph.sessions.ordering import ORDER_FIELDS

AnyEnum = TypeVar("AnyEnum", bound=Enum)


def describe(enum: type[AnyEnum], description: str, name: str | None = None, **values: str) -> type[AnyEnum]:
    strawberry.enum(enum, name=name, description=description)
    definition: Any = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]
    return enum


describe(
    Channel,
    "Through what the user and the agent spoke.",
    VOICE="A call.",
    SMS="Text messages.",
    CHAT="A chat on a page.",
)
describe(
    SessionLength,
    "A category of duration, by the agent's thresholds.",
    SHORT="Under the agent's first threshold, a minute by default.",
    REGULAR="Between the two.",
    LONG="From the agent's second threshold, five minutes by default.",
)
describe(
    Assessment,
    "Whether the agent did its job.",
    YES_A="The script was carried out.",
    YES_B="Saved by a fallback.",
    NO="Failed.",
)
describe(Speaker, "Who said it.", USER="The user.", AGENT="The agent.", SYSTEM="The system.")
describe(
    Period,
    "A range that counts back from now.",
    LAST_24_HOURS="The last 24 hours.",
    LAST_7_DAYS="The last 7 times 24 hours.",
    LAST_30_DAYS="The last 30 times 24 hours.",
)
describe(
    Redirection,
    "Who answers first in working hours.",
    AGENT_FIRST="The agent; it is credited with its recognition.",
    OVERFLOW="People; calls that overflow to the agent are credited in full.",
)
describe(
    Role,
    "What a key or token is for.",
    BUILDER="An analyst in the Builder.",
    PORTAL="The business's own staff.",
    PARTNER="A CRM integration, limited to its integrations.",
    RECORDER="The runtime that holds the conversations.",
    ADMIN="An owner.",
)
describe(
    Direction, "Which end comes first; empty values come last in both.", ASC="Smallest first.", DESC="Largest first."
)
describe(
    Interval,
    "The step of a series, in local time.",
    HOUR="An hour.",
    DAY="A day from midnight; 23 or 25 hours long where the clock changes.",
    WEEK="A week from Monday.",
    MONTH="A month from its first.",
)
describe(
    Group,
    "By what sessions are grouped.",
    "DashboardGroup",
    CHANNEL="Channel.",
    SESSION_TYPE="Session type.",
    WORKING_HOURS='"true" in working hours, "false" outside.',
    AGENT="The agent's idn.",
    INTEGRATION="Integration.",
    ASSESSMENT="The assessment that counts.",
    SESSION_LENGTH="Category of duration.",
)

SessionColumn = Enum("SessionColumn", {column.code: name for name, column in COLUMNS.items()})  # type: ignore[misc]
describe(
    SessionColumn,
    "Every column of a session that can be shown, exported or withheld.",
    **{column.code: column.description for column in COLUMNS.values()},
)

SessionOrderField = Enum("SessionOrderField", {name: name for name in ORDER_FIELDS})  # type: ignore[misc]
describe(
    SessionOrderField,
    "What a list of sessions can be ordered by.",
    **{name: field.description for name, field in ORDER_FIELDS.items()},
)
