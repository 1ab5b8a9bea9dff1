"""Hours, days, weeks and months of a local calendar, as instants.

A day begins at the zone's midnight or, if the clock skips midnight, at the first instant after the gap; so days have
23, 24 or 25 hours. Weeks begin on Monday. Hours are an hour long, unless a zone shifts its clock by less than that.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from session_graph.errors import BadUserInput

MAX_INTERVALS = 1000


class Interval(StrEnum):
    """The interval of a series."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


def boundaries(start: datetime, end: datetime, interval: Interval, time_zone: str) -> list[datetime]:
    """Return the starts of the intervals that cover [start, end), and `end`; the first is clipped to `start`.

    Raises BadUserInput if there are more than MAX_INTERVALS, or if they reach beyond the calendar.
    """
    instants = [start]
    try:
        for boundary in _boundaries_after(start, interval, ZoneInfo(time_zone)):
            if boundary >= end:
                break
            instants.append(boundary)
            if len(instants) > MAX_INTERVALS:
                article = "an" if interval is Interval.HOUR else "a"
                raise BadUserInput(
                    f"The span has more than {MAX_INTERVALS:,} intervals of {article} {interval.lower()}."
                )
    except OverflowError:
        raise BadUserInput("The span is too close to an end of the calendar, the years 1 and 9999.") from None
    return [*instants, end] if start < end else []


def floor_to(moment: datetime, interval: Interval, time_zone: str) -> datetime:
    """Return the start of the moment's interval; of an hour that the clock repeats, that of its own occurrence."""
    zone = ZoneInfo(time_zone)
    local = moment.astimezone(zone)
    start = moment - _since_hour(local) if interval is Interval.HOUR else _midnight(_first_day(local, interval), zone)
    while (end := _next_boundary(start, interval, zone)) <= moment:
        start = end
    return start


def ceiling_to(moment: datetime, interval: Interval, time_zone: str) -> datetime:
    """Return the end of the interval that the moment is in."""
    return next(_boundaries_after(moment, interval, ZoneInfo(time_zone)))


def _boundaries_after(moment: datetime, interval: Interval, zone: ZoneInfo) -> Iterator[datetime]:
    boundary = moment
    while True:
        boundary = _next_boundary(boundary, interval, zone)
        yield boundary


def _next_boundary(moment: datetime, interval: Interval, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if interval is Interval.HOUR:
        return moment + timedelta(hours=1) - _since_hour(local)
    day = _first_day(local, interval)
    while (boundary := _midnight(day, zone)) <= moment:
        day = _next_start(day, interval)
    return boundary


def _since_hour(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _first_day(local: datetime, interval: Interval) -> datetime:
    day = datetime.combine(local.date(), time())
    match interval:
        case Interval.WEEK:
            return day - timedelta(days=day.weekday())
        case Interval.MONTH:
            return day.replace(day=1)
    return day


def _next_start(day: datetime, interval: Interval) -> datetime:
    match interval:
        case Interval.WEEK:
            return day + timedelta(weeks=1)
        case Interval.MONTH:
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=1)


def _midnight(day: datetime, zone: ZoneInfo) -> datetime:
    return day.replace(tzinfo=zone).astimezone(UTC)
