"""Local hours, days, weeks and months as instants, mostly on days when clocks change."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from session_graph.errors import BadUserInput
from session_graph.sessions.intervals import MAX_INTERVALS, Interval, boundaries, ceiling_to, floor_to, previous_start
from session_graph.zones import NAMES
from support import oracle

ZONES = (
    *("UTC", "America/New_York", "Europe/Berlin", "Africa/Cairo", "America/Havana", "America/Sao_Paulo"),
    *("Asia/Kathmandu", "Asia/Kolkata", "Australia/Eucla", "America/St_Johns", "Australia/Lord_Howe"),
    *("Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Marquesas", "Asia/Tehran", "Asia/Beirut"),
)
STEPS = {
    Interval.HOUR: timedelta(hours=1),
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(weeks=1),
    Interval.MONTH: timedelta(days=31),
}


FIRST, LAST = datetime.fromisoformat("1972-02-01"), datetime.fromisoformat("2040-01-01")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def hours_between(instants: list[datetime]) -> list[float]:
    return [(end - start) / timedelta(hours=1) for start, end in pairwise(instants)]


def clocks(instants: list[datetime], zone: str) -> list[str]:
    return [instant.astimezone(ZoneInfo(zone)).strftime("%d %H:%M") for instant in instants]


@pytest.mark.parametrize(
    ("zone", "start", "end", "lengths"),
    [
        ("America/New_York", "2026-03-07T00:00-05:00", "2026-03-10T00:00-04:00", [24, 23, 24]),
        ("America/New_York", "2026-10-31T00:00-04:00", "2026-11-03T00:00-05:00", [24, 25, 24]),
        ("Europe/Berlin", "2026-03-28T00:00+01:00", "2026-03-31T00:00+02:00", [24, 23, 24]),
        ("Europe/Berlin", "2026-10-24T00:00+02:00", "2026-10-27T00:00+01:00", [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-10-03T00:00+10:30", "2026-10-06T00:00+11:00", [24, 23.5, 24]),
        ("Australia/Lord_Howe", "2026-04-04T00:00+11:00", "2026-04-07T00:00+10:30", [24, 24.5, 24]),
        ("Asia/Kathmandu", "2026-03-07T00:00+05:45", "2026-03-09T00:00+05:45", [24, 24]),
    ],
)
def test_days_have_the_hours_that_their_clock_shows(zone: str, start: str, end: str, lengths: list[float]) -> None:
    assert hours_between(boundaries(at(start), at(end), Interval.DAY, zone)) == lengths


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00Z", 23),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00Z", 23),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00Z", 23),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00Z", 23),
        ("America/Havana", "2025-11-02", "2025-11-02T04:00Z", 25),
    ],
)
def test_a_day_without_midnight_begins_when_its_clock_does(zone: str, day: str, begins: str, hours: float) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))

    start, end = floor_to(noon, Interval.DAY, zone), ceiling_to(noon, Interval.DAY, zone)

    assert start == at(begins)
    assert start.astimezone(ZoneInfo(zone)).date().isoformat() == day
    assert (end - start) / timedelta(hours=1) == hours


def test_a_day_that_a_zone_skipped_is_no_interval() -> None:
    """Samoa went from 29 to 31 December 2011."""
    instants = boundaries(at("2011-12-28T10:00Z"), at("2012-01-01T10:00Z"), Interval.DAY, "Pacific/Apia")

    assert clocks(instants, "Pacific/Apia") == ["28 00:00", "29 00:00", "31 00:00", "01 00:00", "02 00:00"]


@pytest.mark.parametrize(
    ("zone", "start", "end", "expected"),
    [
        ("America/New_York", "2026-03-08T05:30Z", "2026-03-08T08:30Z", ["00:30", "01:00", "03:00", "04:00", "04:30"]),
        ("America/New_York", "2026-11-01T04:30Z", "2026-11-01T07:00Z", ["00:30", "01:00", "01:00", "02:00"]),
        ("Asia/Kathmandu", "2026-03-08T00:00Z", "2026-03-08T02:00Z", ["05:45", "06:00", "07:00", "07:45"]),
        ("Asia/Kolkata", "2026-03-08T00:00Z", "2026-03-08T02:00Z", ["05:30", "06:00", "07:00", "07:30"]),
        ("Australia/Lord_Howe", "2026-10-03T14:30Z", "2026-10-03T17:00Z", ["01:00", "02:30", "03:00", "04:00"]),
        ("Australia/Lord_Howe", "2026-04-04T14:00Z", "2026-04-04T16:30Z", ["01:00", "01:30", "02:00", "03:00"]),
    ],
)
def test_hours_begin_on_the_local_hour(zone: str, start: str, end: str, expected: list[str]) -> None:
    instants = boundaries(at(start), at(end), Interval.HOUR, zone)

    assert [clock[3:] for clock in clocks(instants, zone)] == expected


def test_weeks_begin_on_monday_and_the_first_and_last_are_clipped() -> None:
    instants = boundaries(at("2026-11-18T12:00Z"), at("2026-12-02T06:00Z"), Interval.WEEK, "UTC")

    assert clocks(instants, "UTC") == ["18 12:00", "23 00:00", "30 00:00", "02 06:00"]


def test_months_begin_on_the_first_also_across_the_year() -> None:
    instants = boundaries(at("2026-11-30T23:59Z"), at("2027-03-01T00:00Z"), Interval.MONTH, "UTC")

    assert [instant.date().isoformat() for instant in instants] == [
        *("2026-11-30", "2026-12-01", "2027-01-01", "2027-02-01", "2027-03-01")
    ]


@pytest.mark.parametrize("interval", Interval)
def test_a_span_of_whole_intervals_has_no_empty_one_at_its_ends(interval: Interval) -> None:
    start = floor_to(at("2026-11-18T12:34Z"), interval, "UTC")
    end = ceiling_to(at("2026-11-18T12:34Z"), interval, "UTC")

    assert boundaries(start, end, interval, "UTC") == [start, end]


@pytest.mark.parametrize("length", [0, -1])
def test_a_span_without_length_has_no_intervals(length: int) -> None:
    start = at("2026-11-18T12:00Z")

    assert boundaries(start, start + timedelta(hours=length), Interval.DAY, "UTC") == []


def test_a_thousand_intervals_are_the_most() -> None:
    start = at("2026-01-01T00:00Z")

    assert len(boundaries(start, start + timedelta(hours=MAX_INTERVALS), Interval.HOUR, "UTC")) == MAX_INTERVALS + 1
    with pytest.raises(BadUserInput, match=r"^HOUR would have 1,001 intervals, at most 1,000; "):
        boundaries(start, start + timedelta(hours=MAX_INTERVALS, microseconds=1), Interval.HOUR, "UTC")


@pytest.mark.parametrize(
    ("interval", "start", "end", "message"),
    [
        ("HOUR", "2025-01-01T00:00Z", "2026-01-01T00:00Z", "HOUR would have 8,760 .*; DAY, WEEK or MONTH would do"),
        ("DAY", "1970-01-21T03:12Z", "1989-01-01T00:00Z", "DAY would have 6,920 .*; WEEK or MONTH would do"),
        ("DAY", "1970-01-21T03:12Z", "2026-11-28T00:00Z", "DAY would have 20,765 .*; MONTH would do"),
        ("MONTH", "1900-01-01T00:00Z", "2026-01-01T00:00Z", "MONTH would have 1,512 .*; choose a shorter span"),
        ("HOUR", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "HOUR would have 87,649,392 .*; choose a shorter"),
    ],
)
def test_a_span_with_too_many_intervals_is_refused_at_once_and_told_which_interval_would_do(
    interval: str, start: str, end: str, message: str
) -> None:
    with pytest.raises(BadUserInput, match=f"^{message}"):
        boundaries(at(start), at(end), Interval(interval), "UTC")


@pytest.mark.parametrize("interval", [Interval.DAY, Interval.WEEK, Interval.MONTH])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_the_interval_that_would_do_does(interval: Interval, zone: str) -> None:
    start = end = floor_to(at("2000-01-01T00:00Z"), interval, zone)
    for _ in range(MAX_INTERVALS):
        end = ceiling_to(end, interval, zone)

    assert len(boundaries(start, end, interval, zone)) == MAX_INTERVALS + 1
    with pytest.raises(BadUserInput, match=rf"at most 1,000; .*\b{interval}\b.* would do"):
        boundaries(start, end, Interval.HOUR, zone)
    with pytest.raises(BadUserInput, match=f"^{interval} would have 1,001 "):
        boundaries(start, end + timedelta(microseconds=1), interval, zone)


@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_a_span_at_an_end_of_the_calendar_is_refused_with_a_sentence(interval: Interval, zone: str) -> None:
    last = datetime.max.replace(tzinfo=UTC)

    with pytest.raises(BadUserInput, match="end of the calendar"):
        boundaries(last - timedelta(hours=2), last, interval, zone)


@pytest.mark.parametrize(
    ("zone", "interval", "moment", "begins", "ends"),
    [
        ("America/New_York", Interval.HOUR, "2026-11-01T05:30Z", "2026-11-01T05:00Z", "2026-11-01T06:00Z"),
        ("America/New_York", Interval.HOUR, "2026-11-01T06:30Z", "2026-11-01T06:00Z", "2026-11-01T07:00Z"),
        ("Australia/Lord_Howe", Interval.HOUR, "2026-04-04T15:15Z", "2026-04-04T15:00Z", "2026-04-04T15:30Z"),
        ("Asia/Kathmandu", Interval.HOUR, "2026-11-01T06:30Z", "2026-11-01T06:15Z", "2026-11-01T07:15Z"),
        ("America/Havana", Interval.DAY, "2025-11-02T05:30Z", "2025-11-02T04:00Z", "2025-11-03T05:00Z"),
        ("America/St_Johns", Interval.DAY, "2006-10-29T02:45Z", "2006-10-29T02:30Z", "2006-10-30T03:30Z"),
        ("America/New_York", Interval.WEEK, "2026-11-01T06:30Z", "2026-10-26T04:00Z", "2026-11-02T05:00Z"),
        ("America/New_York", Interval.MONTH, "2026-11-01T06:30Z", "2026-11-01T04:00Z", "2026-12-01T05:00Z"),
    ],
)
def test_the_interval_of_a_moment_whose_clock_time_occurs_twice(
    zone: str, interval: Interval, moment: str, begins: str, ends: str
) -> None:
    assert floor_to(at(moment), interval, zone) == at(begins)
    assert ceiling_to(at(moment), interval, zone) == at(ends)


@cache
def changes(zone: str) -> list[datetime]:
    """Return the instants, to the minute, at which the zone's clock changes, from 2000 to 2030."""
    days = [datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(30 * 365)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    found = []
    for (day, before), (_, after) in pairwise(zip(days, offsets, strict=True)):
        if before != after:
            minutes = (day + timedelta(minutes=n) for n in range(24 * 60 + 1))
            found.append(next(m for m in minutes if m.astimezone(ZoneInfo(zone)).utcoffset() != before))
    return found


@st.composite
def spans(draw: st.DrawFn) -> tuple[datetime, datetime, Interval, str]:
    """Draw up to forty intervals, in zones of every kind, many of them around a change of the clock."""
    interval, zone = draw(st.sampled_from(Interval)), draw(st.sampled_from(ZONES))
    near_a_change = draw(st.booleans())
    if near_a_change and changes(zone):
        start = draw(st.sampled_from(changes(zone))) + draw(st.integers(-200, 200)) * timedelta(minutes=1)
    else:
        start = draw(st.datetimes(FIRST, LAST, timezones=st.just(UTC)))
    return start, start + draw(st.floats(0.001, 40)) * STEPS[interval], interval, zone


def is_beginning(instant: datetime, interval: Interval, zone: str) -> bool:
    """Return whether the clock shows the interval's start, or would if it had not just been changed."""
    local = instant.astimezone(ZoneInfo(zone))
    before = (instant - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    if interval is Interval.HOUR:
        return local.minute == 0 or before.minute == 59
    if local.date() == before.date():
        return False
    return {Interval.WEEK: _week_of, Interval.MONTH: _month_of}.get(interval, datetime.date)(local) != {
        Interval.WEEK: _week_of,
        Interval.MONTH: _month_of,
    }.get(interval, datetime.date)(before)


def _week_of(local: datetime) -> tuple[int, int]:
    return local.isocalendar()[:2]


def _month_of(local: datetime) -> tuple[int, int]:
    return local.year, local.month


@settings(deadline=None)
@given(spans())
def test_boundaries_rise_from_start_to_end_and_each_inner_one_starts_a_local_interval(
    span: tuple[datetime, datetime, Interval, str],
) -> None:
    start, end, interval, zone = span
    assume(start < end)

    instants = boundaries(*span)

    assert (instants[0], instants[-1]) == (start, end)
    assert all(earlier < later for earlier, later in pairwise(instants))
    assert all(is_beginning(instant, interval, zone) for instant in instants[1:-1])


@settings(deadline=None)
@given(spans())
def test_no_interval_is_longer_than_its_step_and_two_hours(span: tuple[datetime, datetime, Interval, str]) -> None:
    start, end, interval, _ = span
    assume(start < end)

    slack = timedelta(0) if interval is Interval.HOUR else timedelta(hours=2)

    assert all(later - earlier <= STEPS[interval] + slack for earlier, later in pairwise(boundaries(*span)))


@settings(deadline=None)
@given(spans())
def test_the_interval_around_a_moment_is_one_interval(span: tuple[datetime, datetime, Interval, str]) -> None:
    moment, _, interval, zone = span

    start, end = floor_to(moment, interval, zone), ceiling_to(moment, interval, zone)

    assert start <= moment < end
    assert boundaries(start, end, interval, zone) == [start, end]


@settings(deadline=None)
@given(spans())
def test_a_part_of_a_span_has_the_same_boundaries(span: tuple[datetime, datetime, Interval, str]) -> None:
    start, end, interval, zone = span
    instants = boundaries(*span)
    assume(len(instants) > 3)

    assert boundaries(instants[1], end, interval, zone) == instants[1:]
    assert boundaries(start, instants[-2], interval, zone) == instants[:-1]


@pytest.mark.parametrize(
    ("zone", "start", "end", "before"),
    [
        ("America/New_York", "2026-03-02T05:00Z", "2026-03-09T04:00Z", "2026-02-23T05:00Z"),
        ("America/New_York", "2026-10-26T04:00Z", "2026-11-02T05:00Z", "2026-10-19T04:00Z"),
        ("America/New_York", "2026-03-01T05:00Z", "2026-04-01T04:00Z", "2026-02-01T05:00Z"),
        ("America/New_York", "2026-01-01T05:00Z", "2026-04-01T04:00Z", "2025-10-01T04:00Z"),
        ("America/New_York", "2026-03-02T05:00Z", "2026-03-09T05:00Z", "2026-02-23T05:00Z"),
        ("America/Sao_Paulo", "2017-10-15T03:00Z", "2017-10-16T02:00Z", "2017-10-14T03:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00Z", "2011-12-31T10:00Z", "2011-12-29T10:00Z"),
        ("Asia/Kathmandu", "2026-02-28T18:15Z", "2026-03-31T18:15Z", "2026-01-31T18:15Z"),
        ("UTC", "2026-03-01T00:00Z", "2026-03-01T00:00Z", "2026-03-01T00:00Z"),
        ("UTC", "0001-01-02T00:00Z", "0002-01-02T00:00Z", "0001-01-01T00:00Z"),
        ("UTC", "0001-02-01T00:00Z", "0002-01-01T00:00Z", "0001-01-01T00:00Z"),
        ("UTC", "9999-12-31T00:00Z", "9999-12-31T12:00Z", "9999-12-30T12:00Z"),
    ],
)
def test_the_previous_span_is_as_many_months_or_days_or_as_long(zone: str, start: str, end: str, before: str) -> None:
    assert previous_start(at(start), at(end), zone) == at(before)


ALL_ZONES = tuple(sorted(NAMES))


@st.composite
def spans_of_days(draw: st.DrawFn) -> tuple[datetime, datetime, str]:
    """Draw whole local days or months of any zone, often with a change of the clock among them or just before."""
    interval, zone = draw(st.sampled_from([Interval.DAY, Interval.MONTH])), draw(st.sampled_from(ALL_ZONES))
    around = draw(
        st.sampled_from(changes(zone)) if changes(zone) else st.datetimes(FIRST, LAST, timezones=st.just(UTC))
    )
    start = floor_to(around + draw(st.integers(-40, 40)) * timedelta(days=1), interval, zone)
    end = floor_to(start + draw(st.integers(0, 70)) * timedelta(days=1), interval, zone)
    return start, max(start, end), zone


@settings(deadline=None, max_examples=300)
@given(spans_of_days())
def test_the_previous_span_of_whole_days_and_months_is_the_oracles_in_every_zone(
    span: tuple[datetime, datetime, str],
) -> None:
    start, end, zone = span

    assert (previous_start(*span), start) == oracle.previous_span(start, end, zone)


@settings(deadline=None)
@given(spans(), st.booleans())
def test_the_previous_span_is_the_one_that_the_oracle_counts_date_by_date(
    span: tuple[datetime, datetime, Interval, str], is_whole: bool
) -> None:
    start, end, interval, zone = span
    if is_whole:
        start, end = floor_to(start, interval, zone), floor_to(end, interval, zone)

    assert (previous_start(start, end, zone), start) == oracle.previous_span(start, end, zone)
