"""One conversation: its business, customer and subject, and the wordings chosen for it."""

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
    """The local time, without a zone."""
    choices: dict[str, Value]
    """The values chosen for the scenario's own slots."""
    visit: Visit | None
    units: int | None
    turns: list[tuple[str, str]]
    """Speaker and wording of each turn, with open slots."""

    def mentions(self, *slots: str) -> bool:
        return any(slots_of(wording) & set(slots) for _, wording in self.turns)

    @property
    def has_name(self) -> bool:
        return self.customer.known or self.mentions("name", "first")


def hold_talk(
    business: Business, scenario: Scenario, channel: str, customer: Customer, now: datetime, rng: Random
) -> Talk:
    """Choose the wordings and the details of a conversation; those of the booking if it is about one."""
    choices = _choose(scenario, rng)
    units = rng.randint(*scenario.units) if scenario.units else None
    booked_at = customer.visit_at if scenario.returning else None
    if booked_at:
        choices = {name: customer.booked.get(name, value) for name, value in choices.items()}
        units = customer.units
    service = business.services.get(scenario.service)
    visit = plan_visit(service, now, scenario.ahead, rng, booked_at) if service else None
    turns = _join(channel, _greet(business, channel, list(perform(scenario.script, channel, rng)), rng))
    return Talk(business, scenario, channel, customer, now, choices, visit, units, turns)


def _choose(scenario: Scenario, rng: Random) -> dict[str, Value]:
    chosen: dict[str, Value] = {}
    for names, choices in scenario.slots.items():
        choice = rng.choice(choices)
        chosen.update(zip(names.split(), choice if isinstance(choice, tuple) else (choice,), strict=True))
    return chosen


def _greet(business: Business, channel: str, turns: list[tuple[str, str]], rng: Random) -> list[tuple[str, str]]:
    """Add the agent's greeting: as the first turn of a call or a chat, before the first answer to a text message."""
    greeting = rng.choice(business.greetings[channel])
    if channel != "SMS":
        return [("AGENT", greeting), *turns]
    first = next(n for n, (speaker, _) in enumerate(turns) if speaker == "AGENT")
    return [*turns[:first], ("AGENT", greeting + turns[first][1]), *turns[first + 1 :]]


def _join(channel: str, turns: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Join what a speaker says in a row into one turn; only people who write send several messages."""
    joined: list[tuple[str, str]] = []
    for speaker, wording in turns:
        together = speaker == "AGENT" or (speaker == "USER" and channel == "VOICE")
        if together and joined and joined[-1][0] == speaker:
            joined[-1] = (speaker, f"{joined[-1][1]} {wording}")
        else:
            joined.append((speaker, wording))
    return joined
