"""The desk of a business: it spreads the scenarios over the weeks and keeps the customer book."""

from datetime import datetime
from random import Random

from session_graph.demo.customers import CustomerBook
from session_graph.demo.dates import is_open
from session_graph.demo.origin import mark_as_trial, trace_origin
from session_graph.demo.record import write_record
from session_graph.demo.scenario import Business, Record, Scenario
from session_graph.demo.talk import Talk, hold_talk

_TRIAL_SHARE = 0.06


class Desk:
    def __init__(self, business: Business, rng: Random) -> None:
        self._business = business
        self._rng = rng
        self._customers = CustomerBook(business, rng)
        shares = sum(scenario.share for scenario in business.scenarios)
        self._left = {s: round(business.sessions * s.share / shares) for s in business.scenarios}

    def serve(self, start: datetime, longest: int) -> Record:
        """Return the next conversation's record without its id; it begins at `start`, for at most `longest` seconds."""
        business, rng = self._business, self._rng
        now = start.astimezone(business.zone).replace(tzinfo=None)
        scenario = self._next_scenario(now)
        (channel,) = rng.choices(scenario.channels, [business.channels[channel] for channel in scenario.channels])
        trial = rng.random() < _TRIAL_SHARE
        in_person = trial and channel != "CHAT" and not scenario.anonymous and rng.random() < 0.5
        customer = self._customers.tester() if in_person else self._customers.next_caller(scenario, channel, now)
        talk = hold_talk(business, scenario, channel, customer, now, rng)
        origin = trace_origin(business, channel, customer.known, rng)
        if trial and not in_person:
            origin |= mark_as_trial(business, rng)
        record = write_record(talk, origin, start, longest, rng)
        if not trial:
            self._update_customer(talk, record)
        return record

    def _next_scenario(self, now: datetime) -> Scenario:
        """Deal a scenario like a card: each occurs as often as its share says, at an hour when it can."""
        closed = not is_open(self._business.opening, now)
        fitting = [s for s in self._left if s.hours[0] <= now.hour < s.hours[1] and not (s.while_open and closed)]
        left = [self._left[s] for s in fitting]
        (scenario,) = self._rng.choices(fitting, left if any(left) else [s.share for s in fitting])
        self._left[scenario] = max(0, self._left[scenario] - 1)
        return scenario

    def _update_customer(self, talk: Talk, record: Record) -> None:
        """Update the business's customer with the visit and the choices of this conversation."""
        customer, books = talk.customer, talk.scenario.books
        if talk.visit and books:
            times = {"asked": talk.visit.at, "other": talk.visit.other, "moved": talk.visit.moved, "cancelled": None}
            customer.visit_at = times[books]
            customer.units = talk.units
            customer.booked |= talk.choices
        if "externalId" in record:
            self._customers.remember(customer)
