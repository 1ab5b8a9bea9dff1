"""What a scenario and a business are: the shapes that the content is written in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from zoneinfo import ZoneInfo

Record = dict[str, object]
"""An input of the GraphQL interface, ready to be written as JSON."""

Value = str | int
Opening = Mapping[str, Sequence[Sequence[str]]]
"""Working hours as an agent has them."""

Service = Mapping[int, tuple[str, ...]]
"""What can be booked: by weekday (Monday is 0), the local times, such as "19:30"."""

CHANNELS = ("VOICE", "SMS", "CHAT")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """A kind of conversation: its script, and what the session's record says of it.

    Texts have slots in braces: those of `slots`, and those that `slots.py` knows of every session.
    """

    topic: str
    "The session type."
    share: int
    "How often it occurs, beside the other scenarios of its business."
    script: str
    summary: tuple[str, ...]
    expected: str
    actual: str
    verdict: str | None = "YES_A"
    "The automatic assessment; None where the machine had nothing to judge."
    lead: bool = False
    refused: bool = False
    unavailable: bool = False
    todo: float = 0.0
    "How likely someone must follow up."
    channels: tuple[str, ...] = CHANNELS
    hours: tuple[int, int] = (0, 24)
    "Local hours in which it occurs; the second one is excluded."
    while_open: bool = False
    "Only in working hours."
    pace: float = 1.0
    "How much longer than usual it takes to say."
    anonymous: bool = False
    "No caller ID, and the user gives no way to be reached."
    newcomer: bool = False
    "Only from someone whom the business does not know."
    regular: bool = False
    "Only from someone whom the outside system knows."
    returning: bool = False
    "About a visit that was booked before."
    service: str = ""
    "Which service of the business it is about."
    ahead: tuple[int, int] = (0, 13)
    "Days from the conversation to the visit, first and last."
    books: str = ""
    "What stands at the end: the visit as `asked`, at the `other` time, `moved` to another day, or `cancelled`."
    units: tuple[int, int] | None = None
    "Smallest and largest number of units."
    lead_value: str | None = None
    other_contact: str | None = None
    tags: tuple[str, ...] = ()
    slots: Mapping[str, tuple[Value | tuple[Value, ...], ...]] = field(default_factory=dict)
    "Choices for slots of its own; a key of several names chooses for all of them together."
    language: str = "en"


@dataclass(frozen=True, kw_only=True, eq=False)
class Business:
    """An agent, and how the conversations of its business look."""

    agent: Record
    name: str
    sessions: int
    "How many conversations it has in the weeks that are shown."
    hourly: tuple[float, ...]
    "How busy each of the 24 local hours is."
    daily: tuple[float, ...]
    "How busy each weekday is, Monday first."
    channels: Mapping[str, float]
    greetings: Mapping[str, tuple[str, ...]]
    "What the agent says first on a call and in a chat; and what stands before its first answer to a text message."
    staff: tuple[str, ...]
    services: Mapping[str, Service]
    scenarios: tuple[Scenario, ...]
    phone_stems: tuple[str, ...]
    integration: str
    connectors: tuple[str, ...]
    external_id: str
    "With {number} for a number of five digits."
    reference: str
    "The letters that booking references begin with."
    testers: tuple[tuple[str, str, str], ...]
    "First name, phone and e-mail of those who try the agent out."
    campaigns: tuple[Mapping[str, str], ...]

    @property
    def idn(self) -> str:
        return str(self.agent["idn"])

    @property
    def opening(self) -> Opening:
        """Empty for one that is always open."""
        return cast(Opening, self.agent.get("workingHours", {}))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(str(self.agent["timeZone"]))
