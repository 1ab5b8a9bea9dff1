"""The decisions made once, when a session closes: pure functions of its record and its agent.

The database derives the lead value, the ASR and so on from these decisions. Source of each rule: domain.md, "How the
numbers are made".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from session_graph.parsing import EXACT
from session_graph.sessions.contacts import is_one_of
from session_graph.sessions.enums import Redirection, SessionLength
from session_graph.zones import zone_of

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MIDNIGHT = "24:00"
SANDBOX = "sandbox"

Spans = Sequence[tuple[str, str]]
WorkingHours = Mapping[str, Spans]
"""The spans of each weekday, such as `("09:00", "17:00")`; an empty mapping means always open."""


@dataclass(frozen=True, slots=True)
class AgentTerms:
    """The agent's attributes in force when a session closes.

    `country` is where a number without a country code is dialled. `test_contacts` are kept forms without extensions.
    """

    time_zone: str
    country: str | None
    working_hours: WorkingHours
    redirection: Redirection
    conversion_ratio: Decimal
    recognition: Decimal
    average_lead_value: Decimal | None
    unit_value: Decimal | None
    test_contacts: frozenset[str]
    short_under_seconds: int
    long_from_seconds: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a record that decisions depend on."""

    started_at: datetime
    ended_at: datetime
    intent_to_buy: bool
    refused: bool
    unavailable: bool
    is_test: bool
    phone: str | None
    email: str | None
    integration: str | None
    connector: str | None
    units: Decimal | None
    lead_value: Decimal | None


@dataclass(frozen=True, slots=True)
class Decisions:
    """`potential_value` is the lead value that the session would have as a lead, unrounded."""

    potential_value: Decimal
    conversion_rate: Decimal
    recognition: Decimal
    working_hours: bool
    session_length: SessionLength
    is_lead: bool
    is_opportunity: bool
    is_test: bool


def close(facts: Facts, agent: AgentTerms) -> Decisions:
    in_hours = within_working_hours(facts.started_at, agent.working_hours, agent.time_zone)
    return Decisions(
        potential_value=potential_value(facts, agent),
        conversion_rate=agent.conversion_ratio,
        recognition=recognised_share(in_hours, agent),
        working_hours=in_hours,
        session_length=categorise_length(facts.ended_at - facts.started_at, agent),
        is_lead=facts.intent_to_buy,
        is_opportunity=is_opportunity(
            facts.intent_to_buy,
            refused=facts.refused,
            unavailable=facts.unavailable,
            reachable=bool(facts.phone or facts.email),
        ),
        is_test=facts.is_test or looks_like_test(facts, agent),
    )


def potential_value(facts: Facts, agent: AgentTerms) -> Decimal:
    """Return the explicit lead value; else units × value per unit if there are both; else the average; else 0."""
    if facts.lead_value is not None:
        return facts.lead_value
    if facts.units is not None and agent.unit_value is not None:
        return EXACT.multiply(facts.units, agent.unit_value)
    return agent.average_lead_value or Decimal(0)


def is_opportunity(is_lead: bool, *, refused: bool, unavailable: bool, reachable: bool) -> bool:
    """Return whether it is a lead and did not fail: refused, no availability, or no phone or e-mail collected."""
    return is_lead and not refused and not unavailable and reachable


def recognised_share(in_working_hours: bool, agent: AgentTerms) -> Decimal:
    """Return 1 outside working hours or if calls overflow to the agent; else the agent's recognition, 0 to 1."""
    if not in_working_hours or agent.redirection is Redirection.OVERFLOW:
        return Decimal(1)
    return agent.recognition


def categorise_length(duration: timedelta, agent: AgentTerms) -> SessionLength:
    """Return SHORT under the agent's first threshold, LONG from its second, else REGULAR."""
    if duration < timedelta(seconds=agent.short_under_seconds):
        return SessionLength.SHORT
    return SessionLength.LONG if duration >= timedelta(seconds=agent.long_from_seconds) else SessionLength.REGULAR


def looks_like_test(facts: Facts, agent: AgentTerms) -> bool:
    """Return whether it came through the sandbox or from one of the agent's test contacts."""
    if any(source and _is_sandbox(source) for source in (facts.integration, facts.connector)):
        return True
    contacts = (facts.phone, facts.email) if agent.test_contacts else ()
    return any(contact is not None and is_one_of(contact, agent.test_contacts) for contact in contacts)


@lru_cache(maxsize=256)
def _is_sandbox(source: str) -> bool:
    return f"{source.casefold()}/".startswith(f"{SANDBOX}/")


def within_working_hours(moment: datetime, hours: WorkingHours, time_zone: str) -> bool:
    """Return whether the instant is in a half-open span of its local day, or of the day before past midnight."""
    if not hours:
        return True
    local = moment.astimezone(zone_of(time_zone))
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    clock = local.time()
    return any(_covers(span, clock) for span in hours.get(today, ())) or any(
        runs_past_midnight(span) and clock < _clock(span[1]) for span in hours.get(yesterday, ())
    )


def runs_past_midnight(span: tuple[str, str]) -> bool:
    return span[1] != MIDNIGHT and _clock(span[1]) < _clock(span[0])


def _covers(span: tuple[str, str], clock: time) -> bool:
    start, end = span
    return clock >= _clock(start) and (end == MIDNIGHT or runs_past_midnight(span) or clock < _clock(end))


@lru_cache(maxsize=1440)
def _clock(text: str) -> time:
    return time(int(text[:2]), int(text[3:]))
