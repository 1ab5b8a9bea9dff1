"""The types of the demo's content: scenarios and businesses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import cast

from session_graph.zones import zone_of

Record = dict[str, object]
"""An input of the GraphQL API, ready to be written as JSON."""

Value = str | int
Opening = Mapping[str, Sequence[Sequence[str]]]
"""Working hours in the form of an agent's `workingHours`."""

Service = Mapping[int, tuple[str, ...]]
"""The local times that can be booked, such as "19:30", by weekday (Monday is 0)."""

CHANNELS = ("VOICE", "SMS", "CHAT")


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """A kind of conversation: its script, and what the session's record says about it.

    Texts have slots in braces: those of `slots`, and those that `slots.py` fills for every session.
    """

    topic: str
    """The session type."""
    share: int
    """How often it occurs, relative to the other scenarios of its business."""
    script: str
    summary: tuple[str, ...]
    expected: str
    actual: str
    verdict: str | None = "YES_A"
    """The automatic assessment; None if there was nothing to judge."""
    lead: bool = False
    refused: bool = False
    unavailable: bool = False
    todo: float = 0.0
    """The probability that someone must follow up."""
    channels: tuple[str, ...] = CHANNELS
    hours: tuple[int, int] = (0, 24)
    """Local hours in which it occurs, the second one excluded."""
    while_open: bool = False
    """Only in working hours."""
    pace: float = 1.0
    """How long it takes, as a factor of the usual time."""
    anonymous: bool = False
    """No caller ID, and the user gives no way to be reached."""
    newcomer: bool = False
    """Only from someone new to the business."""
    regular: bool = False
    """Only from someone in the outside system."""
    returning: bool = False
    """About a visit that was booked before."""
    service: str = ""
    """The service of the business that is booked."""
    ahead: tuple[int, int] = (0, 13)
    """Days from the conversation to the visit, first and last."""
    books: str = ""
    """How the booking ends: as `asked`, at the `other` time, `moved` to another day, or `cancelled`."""
    units: tuple[int, int] | None = None
    """Smallest and largest number of units."""
    lead_value: str | None = None
    other_contact: str | None = None
    tags: tuple[str, ...] = ()
    slots: Mapping[str, tuple[Value | tuple[Value, ...], ...]] = field(default_factory=dict)
    """Choices for its own slots; a key of several names chooses for all of them together."""
    language: str = "en"


@dataclass(frozen=True, kw_only=True, eq=False)
class Business:
    """An agent and the traits of its business's conversations."""

    agent: Record
    name: str
    sessions: int
    """How many conversations it has in the five weeks."""
    hourly: tuple[float, ...]
    """How busy each of the 24 local hours is."""
    daily: tuple[float, ...]
    """How busy each weekday is, Monday first."""
    channels: Mapping[str, float]
    greetings: Mapping[str, tuple[str, ...]]
    """First words in a call or a chat, and the start of the first answer to a text message, by channel."""
    staff: tuple[str, ...]
    services: Mapping[str, Service]
    scenarios: tuple[Scenario, ...]
    phone_stems: tuple[str, ...]
    integration: str
    connectors: tuple[str, ...]
    external_id: str
    """A template: {number} stands for five digits."""
    reference: str
    """The letters that booking references begin with."""
    testers: tuple[tuple[str, str, str], ...]
    """First name, phone and e-mail address of people who try out the agent."""
    campaigns: tuple[Mapping[str, str], ...]

    @property
    def idn(self) -> str:
        return str(self.agent["idn"])

    @property
    def opening(self) -> Opening:
        """The working hours; empty if it is always open."""
        return cast(Opening, self.agent.get("workingHours", {}))

    @property
    def zone(self) -> tzinfo:
        return zone_of(str(self.agent["timeZone"]))
