"""The enums of the schema, with a description of each value."""

from enum import Enum
from typing import Any

import strawberry

from session_graph.access.viewer import Role
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.dashboard_request import Group
from session_graph.sessions.editing import ChangeKind
from session_graph.sessions.enums import (
    Assessment,
    CallDirection,
    Channel,
    Direction,
    Period,
    Redirection,
    SessionLength,
    Speaker,
    WhenKnown,
)
from session_graph.sessions.intervals import Interval
from session_graph.sessions.ordering import ORDER_FIELDS


def describe(enum: type[Enum], description: str, name: str | None = None, **values: str) -> None:
    """Make an enum of the schema, with a description of each value by its name."""
    strawberry.enum(enum, name=name, description=description)
    definition: Any = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]


describe(
    Channel,
    "The medium in which the user and the agent spoke.",
    VOICE="A call.",
    SMS="Text messages.",
    CHAT="A chat on a web page.",
)
describe(
    CallDirection,
    "The direction of a session.",
    INBOUND="The user began it.",
    OUTBOUND="The agent's side began it.",
)
describe(
    SessionLength,
    "A category of duration, by the agent's thresholds.",
    SHORT="Under the agent's first threshold, a minute by default.",
    REGULAR="Between the two thresholds.",
    LONG="From the agent's second threshold, five minutes by default.",
)
describe(
    Assessment,
    "Whether the agent did its job.",
    YES_A="Yes: the agent carried out the script.",
    YES_B="Yes: a fallback saved the session.",
    NO="No: the agent failed.",
)
describe(
    WhenKnown,
    "What a record of a session that is recorded already does.",
    CONFLICT="The same content is a duplicate, other content an error.",
    AMEND="Its fields replace what was reported, null clears, and fields left out stay; so does what people have set.",
)
describe(
    ChangeKind,
    "How a field came to change.",
    "SessionChangeKind",
    SET="A person set it.",
    FOLLOWED="It followed from what a person set.",
    AMENDED="A later report of the session changed it.",
)
describe(
    Speaker,
    "The speaker of a turn.",
    USER="The user.",
    AGENT="The agent.",
    HUMAN="A colleague who took over.",
    TOOL="A tool that the agent used.",
    SYSTEM="The system.",
)
describe(
    Period,
    "A span that ends now.",
    LAST_24_HOURS="The last 24 hours.",
    LAST_7_DAYS="The last 7 times 24 hours.",
    LAST_30_DAYS="The last 30 times 24 hours.",
)
describe(
    Redirection,
    "The first to answer in working hours.",
    AGENT_FIRST="The agent answers first; the share in recognition is credited to it.",
    OVERFLOW="People answer first; calls that overflow to the agent are credited to it in full.",
)
describe(
    Role,
    "The role of a key or token.",
    BUILDER="An analyst in the Builder.",
    PORTAL="The business's own staff.",
    PARTNER="A CRM integration, limited to its integrations.",
    RECORDER="The runtime that conducts the conversations.",
    ADMIN="An owner of the account.",
)
describe(Direction, "A sort direction; empty values come last in both.", ASC="Smallest first.", DESC="Largest first.")
describe(
    Interval,
    "The length of the intervals of a series, in local time.",
    HOUR="An hour.",
    DAY="A day from midnight; 23 or 25 hours long if the clocks change.",
    WEEK="A week from Monday.",
    MONTH="A calendar month.",
)
describe(
    Group,
    "A column that sessions can be grouped by.",
    "DashboardGroup",
    CHANNEL="The channel.",
    SESSION_TYPE="The session type.",
    WORKING_HOURS='"true" in working hours, "false" outside.',
    AGENT="The agent's idn.",
    INTEGRATION="The integration.",
    ASSESSMENT="The assessment that counts.",
    SESSION_LENGTH="The category of duration.",
)

SessionColumn = Enum("SessionColumn", {column.code: name for name, column in COLUMNS.items()})  # type: ignore[misc]
describe(
    SessionColumn,
    "A column of a session, for display, export and access rules.",
    **{column.code: column.description for column in COLUMNS.values()},
)

SessionOrderField = Enum("SessionOrderField", {name: name for name in ORDER_FIELDS})  # type: ignore[misc]
describe(
    SessionOrderField,
    "A field that a list of sessions can be ordered by.",
    **{name: field.description for name, field in ORDER_FIELDS.items()},
)
