"""The decisions made when a session closes, as truth tables (domain.md, "How the numbers are made")."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from session_graph.sessions.closing import (
    AgentTerms,
    Facts,
    WorkingHours,
    categorise_length,
    close,
    is_opportunity,
    looks_like_test,
    potential_value,
    recognised_share,
    within_working_hours,
)
from session_graph.sessions.enums import Redirection, SessionLength

NEW_YORK = "America/New_York"
NINE_TO_FIVE: WorkingHours = {"MON": [("09:00", "17:00")]}
MONDAY = datetime(2026, 11, 16, 15, tzinfo=UTC)
"""Ten o'clock in New York."""

TERMS = AgentTerms(
    time_zone=NEW_YORK,
    country="US",
    working_hours=NINE_TO_FIVE,
    redirection=Redirection.AGENT_FIRST,
    conversion_ratio=Decimal("0.9"),
    recognition=Decimal("0.3"),
    average_lead_value=None,
    unit_value=Decimal(65),
    test_contacts=frozenset(),
    short_under_seconds=60,
    long_from_seconds=300,
)
FACTS = Facts(
    started_at=MONDAY,
    ended_at=MONDAY + timedelta(seconds=120),
    intent_to_buy=True,
    refused=False,
    unavailable=False,
    is_test=False,
    phone="+14155550134",
    email=None,
    integration="crm",
    connector=None,
    units=Decimal(4),
    lead_value=None,
)


def facts(**changes: Any) -> Facts:
    return replace(FACTS, **changes)


def local(text: str, zone_offset: str = "-05:00") -> datetime:
    return datetime.fromisoformat(f"{text}{zone_offset}")


def open_at(text: str, hours: Mapping[str, Any], zone: str = "UTC") -> bool:
    return within_working_hours(datetime.fromisoformat(text), hours, zone)


@pytest.mark.parametrize("told", list(product([False, True], repeat=4)))
def test_an_opportunity_is_a_reachable_lead_without_refusal_or_lack_of_availability(
    told: tuple[bool, bool, bool, bool],
) -> None:
    lead, refused, unavailable, reachable = told

    found = is_opportunity(lead, refused=refused, unavailable=unavailable, reachable=reachable)

    assert found is (told == (True, False, False, True))


@pytest.mark.parametrize(
    ("phone", "email", "expected"),
    [("+14155550134", None, True), (None, "ana@example.com", True), ("+1", "a@b.c", True), (None, None, False)],
)
def test_only_a_phone_or_an_e_mail_makes_somebody_reachable(
    phone: str | None, email: str | None, expected: bool
) -> None:
    decisions = close(replace(FACTS, phone=phone, email=email), TERMS)

    assert decisions.is_opportunity is expected
    assert decisions.is_lead is True


@pytest.mark.parametrize(
    ("explicit", "units", "unit_value", "average", "expected"),
    [
        ("12.34", "4", "65", "90", "12.34"),
        ("0", "4", "65", "90", "0"),
        ("12.34", None, None, None, "12.34"),
        (None, "4", "65", "90", "260"),
        (None, "4", "65", None, "260"),
        (None, "2.5", "0.01", "90", "0.025"),
        (None, "0", "65", "90", "0"),
        (None, "3.0000000001", "33333333333333.3333333333", None, "100000000003333.33333333323333333333"),
        (None, "4", "0", "90", "0"),
        (None, None, "65", "90", "90"),
        (None, "4", None, "90", "90"),
        (None, None, None, "90", "90"),
        (None, None, None, "0", "0"),
        (None, None, "65", None, "0"),
        (None, "4", None, None, "0"),
        (None, None, None, None, "0"),
    ],
)
def test_the_value_is_the_records_own_or_of_its_units_or_the_average(
    explicit: str | None, units: str | None, unit_value: str | None, average: str | None, expected: str
) -> None:
    told = replace(FACTS, lead_value=number(explicit), units=number(units))
    terms = replace(TERMS, unit_value=number(unit_value), average_lead_value=number(average))

    assert potential_value(told, terms) == Decimal(expected)


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize("fact", ["refused", "unavailable"])
def test_the_value_does_not_depend_on_how_the_call_ended(fact: str) -> None:
    assert close(facts(**{fact: True}), TERMS).potential_value == 260


def test_a_session_that_is_not_a_lead_keeps_the_value_that_it_would_have_as_a_lead() -> None:
    decisions = close(replace(FACTS, intent_to_buy=False), TERMS)

    assert (decisions.is_lead, decisions.is_opportunity, decisions.potential_value) == (False, False, Decimal(260))


@pytest.mark.parametrize(
    ("in_hours", "redirection", "expected"),
    [
        (False, Redirection.AGENT_FIRST, "1"),
        (False, Redirection.OVERFLOW, "1"),
        (True, Redirection.OVERFLOW, "1"),
        (True, Redirection.AGENT_FIRST, "0.3"),
    ],
)
def test_the_agent_is_recognised_in_part_only_where_it_answers_first_in_working_hours(
    in_hours: bool, redirection: Redirection, expected: str
) -> None:
    assert recognised_share(in_hours, replace(TERMS, redirection=redirection)) == Decimal(expected)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, SessionLength.SHORT),
        (59.999999, SessionLength.SHORT),
        (60, SessionLength.REGULAR),
        (299.999999, SessionLength.REGULAR),
        (300, SessionLength.LONG),
        (86_400, SessionLength.LONG),
    ],
)
def test_short_is_under_a_minute_and_long_from_five(seconds: float, expected: SessionLength) -> None:
    assert categorise_length(timedelta(seconds=seconds), TERMS) is expected


@pytest.mark.parametrize(
    ("short_under", "long_from", "seconds", "expected"),
    [
        (10, 20, 9, SessionLength.SHORT),
        (10, 20, 10, SessionLength.REGULAR),
        (10, 20, 20, SessionLength.LONG),
        (10, 10, 9, SessionLength.SHORT),
        (10, 10, 10, SessionLength.LONG),
        (0, 20, 0, SessionLength.REGULAR),
        (0, 0, 0, SessionLength.LONG),
    ],
)
def test_both_thresholds_are_the_agents_own(
    short_under: int, long_from: int, seconds: int, expected: SessionLength
) -> None:
    terms = replace(TERMS, short_under_seconds=short_under, long_from_seconds=long_from)

    assert categorise_length(timedelta(seconds=seconds), terms) is expected


@pytest.mark.parametrize("field", ["integration", "connector"])
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("sandbox", True),
        ("sandbox/", True),
        ("sandbox/web", True),
        ("sandboxes", False),
        ("sandbox-web", False),
        ("my/sandbox", False),
        ("crm", False),
        (None, False),
    ],
)
def test_a_session_through_the_sandbox_is_a_test(field: str, source: str | None, expected: bool) -> None:
    assert looks_like_test(facts(**{"integration": None, field: source}), TERMS) is expected


@pytest.mark.parametrize(
    ("phone", "email", "expected"),
    [
        ("+14155550134", None, True),
        ("+14155550134;ext=22", None, True),
        ("4155550134", None, True),
        ("+444155550134", None, True),
        (None, "qa@example.com", True),
        ("+14155550999", "qa@example.com", True),
        ("+14155550135", "qa@example.org", False),
        (None, None, False),
    ],
)
def test_a_session_from_a_test_contact_is_a_test(phone: str | None, email: str | None, expected: bool) -> None:
    terms = replace(TERMS, test_contacts=frozenset({"+14155550134", "qa@example.com"}))

    assert close(replace(FACTS, phone=phone, email=email), terms).is_test is expected


def test_a_record_may_say_that_it_is_a_test() -> None:
    assert close(replace(FACTS, is_test=True), TERMS).is_test
    assert not close(FACTS, TERMS).is_test


def test_a_test_is_a_lead_and_an_opportunity_like_any_other() -> None:
    decisions = close(replace(FACTS, is_test=True), TERMS)

    assert (decisions.is_lead, decisions.is_opportunity, decisions.potential_value) == (True, True, Decimal(260))


def test_a_session_keeps_the_attributes_in_force_when_it_closes() -> None:
    decisions = close(FACTS, TERMS)

    assert (decisions.conversion_rate, decisions.recognition) == (Decimal("0.9"), Decimal("0.3"))
    assert (decisions.working_hours, decisions.session_length) == (True, SessionLength.REGULAR)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("08:59:59.999999", False), ("09:00:00", True), ("16:59:59.999999", True), ("17:00:00", False)],
)
def test_a_span_has_its_beginning_and_not_its_end(clock: str, expected: bool) -> None:
    assert within_working_hours(local(f"2026-11-16T{clock}"), NINE_TO_FIVE, NEW_YORK) is expected


def test_the_beginning_of_the_session_counts_and_not_its_end() -> None:
    at_closing_time = replace(FACTS, started_at=local("2026-11-16T16:59:00"), ended_at=local("2026-11-16T17:30:00"))
    at_opening_time = replace(FACTS, started_at=local("2026-11-16T08:59:00"), ended_at=local("2026-11-16T09:30:00"))

    assert close(at_closing_time, TERMS).working_hours
    assert not close(at_opening_time, TERMS).working_hours


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("08:30", True), ("12:00", False), ("12:59", False), ("13:00", True), ("17:00", False), ("19:00", True)],
)
def test_a_day_may_have_several_spans(clock: str, expected: bool) -> None:
    hours = {"MON": [("08:30", "12:00"), ("13:00", "17:00"), ("19:00", "20:00")]}

    assert open_at(f"2026-11-16T{clock}Z", hours) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T17:59:59Z", False),
        ("2026-11-20T18:00:00Z", True),
        ("2026-11-20T23:59:59Z", True),
        ("2026-11-21T00:00:00Z", True),
        ("2026-11-21T01:59:59Z", True),
        ("2026-11-21T02:00:00Z", False),
        ("2026-11-21T18:00:00Z", False),
        ("2026-11-20T01:00:00Z", False),
    ],
)
def test_a_span_may_run_past_midnight_into_a_day_that_is_closed(moment: str, expected: bool) -> None:
    assert open_at(moment, {"FRI": [("18:00", "02:00")]}) is expected


def test_a_span_of_sunday_runs_into_monday() -> None:
    hours = {"SUN": [("22:00", "01:00")]}

    assert open_at("2026-11-16T00:59:00Z", hours)
    assert not open_at("2026-11-16T01:00:00Z", hours)
    assert not open_at("2026-11-15T00:59:00Z", hours)


@pytest.mark.parametrize("end", ["24:00", "00:00"])
def test_a_span_may_end_at_midnight(end: str) -> None:
    hours = {"MON": [("22:00", end)]}

    assert open_at("2026-11-16T23:59:59.999999Z", hours)
    assert not open_at("2026-11-17T00:00:00Z", hours)


def test_a_whole_day_is_from_midnight_to_24_00() -> None:
    hours = {"MON": [("00:00", "24:00")]}

    assert [open_at(f"2026-11-{day}Z", hours) for day in ("15T23:59", "16T00:00", "16T23:59", "17T00:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_no_working_hours_are_always_open() -> None:
    assert open_at("2026-11-15T03:00:00Z", {})


def test_days_without_spans_are_closed() -> None:
    hours: WorkingHours = {"MON": [], "TUE": [("09:00", "17:00")]}

    assert not open_at("2026-11-16T10:00:00Z", hours)
    assert not open_at("2026-11-18T10:00:00Z", hours)
    assert open_at("2026-11-17T10:00:00Z", hours)


@pytest.mark.parametrize(
    ("zone", "expected"), [("Pacific/Auckland", True), ("UTC", False), ("America/Los_Angeles", False)]
)
def test_the_day_is_the_agents_own(zone: str, expected: bool) -> None:
    """Sunday noon in UTC is past one on Monday in Auckland."""
    assert open_at("2026-11-15T12:00:00Z", {"MON": [("01:00", "02:00")]}, zone) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-08T06:59:59Z", True),
        ("2026-03-08T07:00:00Z", False),
        ("2026-03-08T12:59:59Z", False),
        ("2026-03-08T13:00:00Z", True),
    ],
)
def test_spans_follow_the_clock_when_it_goes_forward(moment: str, expected: bool) -> None:
    """In New York two o'clock is three on 8 March: the night span ends at once, nine o'clock comes an hour sooner."""
    hours = {"SUN": [("01:00", "03:00"), ("09:00", "17:00")]}

    assert open_at(moment, hours, NEW_YORK) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-01T04:59:59Z", False),
        ("2026-11-01T05:00:00Z", True),
        ("2026-11-01T06:00:00Z", True),
        ("2026-11-01T06:59:59Z", True),
        ("2026-11-01T07:00:00Z", False),
    ],
)
def test_an_hour_that_the_clock_shows_twice_is_open_twice(moment: str, expected: bool) -> None:
    assert open_at(moment, {"SUN": [("01:00", "02:00")]}, NEW_YORK) is expected
