"""One conversation as it takes place: who speaks with which business, about what, and in which words."""

from dataclasses import dataclass
from datetime import datetime
from random import Random

from session_graph.demo.customers import Customer
from session_graph.demo.dates import Visit, plan_visit
from session_graph.demo.scenario import Business, Scenario, Value
from session_graph.demo.script import perform, slots_of


@dataclass(frozen=True)
class Talk:
    business: Business
    scenario: Scenario
    channel: str
    customer: Customer
    now: datetime
    "The local time, without a zone."
    own: dict[str, Value]
    "What was chosen for the scenario's own slots."
    visit: Visit | None
    units: int | None
    said: list[tuple[str, str]]
    "Speakers and wordings, slots still open."

    def mentions(self, *slots: str) -> bool:
        return any(slots_of(wording) & set(slots) for _, wording in self.said)

    @property
    def has_name(self) -> bool:
        return self.customer.known or self.mentions("name", "first")


def hold_talk(
    business: Business, scenario: Scenario, channel: str, customer: Customer, now: datetime, rng: Random
) -> Talk:
    """Cast the scenario: choose wordings and particulars, those of the customer's booking where it is about one."""
    own = _choose_own(scenario, rng)
    units = rng.randint(*scenario.units) if scenario.units else None
    standing = customer.visit_at if scenario.returning else None
    if standing:
        own = {name: customer.booked.get(name, value) for name, value in own.items()}
        units = customer.units
    service = business.services.get(scenario.service)
    visit = plan_visit(service, now, scenario.ahead, rng, standing) if service else None
    said = _join(channel, _greet(business, channel, list(perform(scenario.script, channel, rng)), rng))
    return Talk(business, scenario, channel, customer, now, own, visit, units, said)


def _choose_own(scenario: Scenario, rng: Random) -> dict[str, Value]:
    own: dict[str, Value] = {}
    for names, choices in scenario.slots.items():
        choice = rng.choice(choices)
        own.update(zip(names.split(), choice if isinstance(choice, tuple) else (choice,), strict=True))
    return own


def _greet(business: Business, channel: str, said: list[tuple[str, str]], rng: Random) -> list[tuple[str, str]]:
    """Calls and chats begin with the agent's greeting; in a text message it stands before the first answer."""
    greeting = rng.choice(business.greetings[channel])
    if channel != "SMS":
        return [("AGENT", greeting), *said]
    first = next(n for n, (speaker, _) in enumerate(said) if speaker == "AGENT")
    return [*said[:first], ("AGENT", greeting + said[first][1]), *said[first + 1 :]]


def _join(channel: str, said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What one says in a row is one turn; only in writing do people send several messages."""
    joined: list[tuple[str, str]] = []
    for speaker, wording in said:
        together = speaker == "AGENT" or (speaker == "USER" and channel == "VOICE")
        if together and joined and joined[-1][0] == speaker:
            joined[-1] = (speaker, f"{joined[-1][1]} {wording}")
        else:
            joined.append((speaker, wording))
    return joined
