"""The customers of a business: what they have booked, and which one calls next."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from session_graph.demo.people import Person, list_phones, meet
from session_graph.demo.scenario import Business, Scenario, Value

_MOST_CALLS = 4
_PAUSE = timedelta(hours=5)


@dataclass(eq=False)
class Customer:
    person: Person
    phone: str
    email: str
    external_id: str | None = None
    known: bool = False
    """Whether the outside system has a record of them, with name and contact."""
    calls: int = 0
    last_call: datetime | None = None
    topics: set[str] = field(default_factory=set)
    """Topics of earlier calls: nobody asks for the same thing twice, but people book again."""
    visit_at: datetime | None = None
    """The local time of the current booking."""
    units: int | None = None
    booked: dict[str, Value] = field(default_factory=dict)
    """The choices of the booking, so that a later conversation mentions the same doctor or room."""


class CustomerBook:
    """The customers of one business."""

    def __init__(self, business: Business, rng: Random) -> None:
        self._business = business
        self._rng = rng
        self._phones = list_phones(business.phone_stems)
        rng.shuffle(self._phones)
        self._numbers = rng.sample(range(10_000, 100_000), len(self._phones))
        self._mailboxes: dict[str, int] = {}
        self._known: list[Customer] = []

    def next_caller(self, scenario: Scenario, channel: str, now: datetime) -> Customer:
        """Return someone who has called before if the scenario needs a booking, or by chance; otherwise someone new."""
        known = scenario.returning or scenario.regular
        calling = [customer for customer in self._known if _may_call(customer, scenario, now)]
        if scenario.returning:
            calling = [customer for customer in calling if _can_be_about(scenario, customer, now)]
        elif scenario.newcomer or scenario.language != "en" or self._rng.random() > (0.4 if known else 0.12):
            calling = []
        caller = self._rng.choice(calling) if calling else self._welcome(scenario, channel, known)
        caller.calls += 1
        caller.last_call = now
        caller.topics.add(scenario.topic)
        return caller

    def tester(self) -> Customer:
        """Return someone from the business who tries out the agent."""
        first, phone, email = self._rng.choice(self._business.testers)
        return Customer(Person(first, f"{first} Test", email.partition("@")[0]), phone, email)

    def remember(self, customer: Customer) -> None:
        """Record the customer in the outside system, so that they may call again."""
        if not customer.known:
            customer.known = True
            self._known.append(customer)

    def _welcome(self, scenario: Scenario, channel: str, known: bool) -> Customer:
        person = meet(self._rng, scenario.language, in_writing=channel != "VOICE")
        count = self._mailboxes[person.mailbox] = self._mailboxes.get(person.mailbox, 0) + 1
        mailbox = person.mailbox if count == 1 else f"{person.mailbox}{count}"
        external_id = self._business.external_id.format(number=self._numbers.pop())
        customer = Customer(
            person,
            self._phones.pop(),
            f"{mailbox}@example.com",
            external_id if known or self._rng.random() < 0.6 else None,
        )
        if known:
            self.remember(customer)
        return customer


def _may_call(customer: Customer, scenario: Scenario, now: datetime) -> bool:
    rested = customer.last_call is None or customer.last_call + _PAUSE < now
    settled = scenario.topic in customer.topics and (scenario.returning or not scenario.books)
    return rested and not settled and customer.calls < _MOST_CALLS


def _can_be_about(scenario: Scenario, customer: Customer, now: datetime) -> bool:
    last_day = now.date() + timedelta(days=scenario.ahead[1])
    if customer.visit_at is None or not now.date() < customer.visit_at.date() <= last_day:
        return False
    smallest, largest = scenario.units or (0, 99)
    return customer.units is None or smallest <= customer.units <= largest
