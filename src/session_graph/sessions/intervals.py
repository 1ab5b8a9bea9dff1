"""Hours, days, weeks and months of a local calendar, as instants.

A day begins at the zone's midnight or, if the clock skips midnight, at the first instant after the gap; so days have
23, 24 or 25 hours. Weeks begin on Monday. Hours are an hour long, unless a zone shifts its clock by less than that.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from session_graph.errors import BadUserInput
from session_graph.zones import zone_of

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
        for boundary in _boundaries_after(start, interval, zone_of(time_zone)):
            if boundary >= end:
                break
            instants.append(boundary)
            if len(instants) > MAX_INTERVALS:
                raise BadUserInput(_explain_too_many(start, end, interval, zone_of(time_zone)))
    except OverflowError:
        raise BadUserInput("The span is too close to an end of the calendar, the years 1 and 9999.") from None
    return [*instants, end] if start < end else []


def _explain_too_many(start: datetime, end: datetime, interval: Interval, zone: tzinfo) -> str:
    numbers = {each: _count(start, end, each, zone) for each in Interval}
    number = max(numbers[interval], MAX_INTERVALS + 1)
    fitting = [each.value for each in Interval if numbers[each] <= MAX_INTERVALS]
    choice = f"{', '.join(fitting[:-1])} or {fitting[-1]}" if len(fitting) > 1 else "".join(fitting)
    advice = f"{choice} would do" if fitting else "choose a shorter span"
    return f"{interval} would have {number:,} intervals, at most {MAX_INTERVALS:,}; {advice}."


def _count(start: datetime, end: datetime, interval: Interval, zone: tzinfo) -> int:
    """Return the number of intervals that cover [start, end), if the zone skips no date and shortens no hour."""
    first, last = start.astimezone(zone), (end - datetime.resolution).astimezone(zone)
    match interval:
        case Interval.HOUR:
            return (end - (start - _since_hour(first)) - datetime.resolution) // timedelta(hours=1) + 1
        case Interval.MONTH:
            return 12 * (last.year - first.year) + last.month - first.month + 1
    length = timedelta(weeks=1) if interval is Interval.WEEK else timedelta(days=1)
    return (_first_day(last, interval) - _first_day(first, interval)) // length + 1


def floor_to(moment: datetime, interval: Interval, time_zone: str) -> datetime:
    """Return the start of the moment's interval; of an hour that the clock repeats, that of its own occurrence."""
    zone = zone_of(time_zone)
    local = moment.astimezone(zone)
    start = moment - _since_hour(local) if interval is Interval.HOUR else _midnight(_first_day(local, interval), zone)
    while (end := _next_boundary(start, interval, zone)) <= moment:
        start = end
    return start


def ceiling_to(moment: datetime, interval: Interval, time_zone: str) -> datetime:
    """Return the end of the interval that the moment is in."""
    return next(_boundaries_after(moment, interval, zone_of(time_zone)))


def previous_start(start: datetime, end: datetime, time_zone: str) -> datetime:
    """Return the start of the span just before [start, end): as many local months if it is whole months, as many local
    days if both ends are local midnights, else as long (domain.md, "The previous span").

    A span of equal length is cut where the calendar begins, in the year 1.
    """
    with suppress(OverflowError, ValueError):
        if _begin_both(start, end, Interval.MONTH, time_zone):
            return _months_before(start, end, zone_of(time_zone))
        if _begin_both(start, end, Interval.DAY, time_zone):
            return _days_before(start, end, time_zone)
    return start - min(end - start, start - datetime.min.replace(tzinfo=UTC))


def _begin_both(start: datetime, end: datetime, interval: Interval, time_zone: str) -> bool:
    return all(floor_to(moment, interval, time_zone) == moment for moment in (start, end))


def _months_before(start: datetime, end: datetime, zone: tzinfo) -> datetime:
    first, last = _first_day(start.astimezone(zone), Interval.MONTH), end.astimezone(zone)
    months = 12 * (last.year - first.year) + last.month - first.month
    year, month = divmod(12 * first.year + first.month - 1 - months, 12)
    return _midnight(first.replace(year=year, month=month + 1), zone)


def _days_before(start: datetime, end: datetime, time_zone: str) -> datetime:
    """Count days by their hours, not by their dates: a zone that crosses the date line skips or repeats a date."""
    day = timedelta(days=1)
    return floor_to(start - round((end - start) / day) * day + day / 2, Interval.DAY, time_zone)


def _boundaries_after(moment: datetime, interval: Interval, zone: tzinfo) -> Iterator[datetime]:
    boundary = moment
    while True:
        boundary = _next_boundary(boundary, interval, zone)
        yield boundary


def _next_boundary(moment: datetime, interval: Interval, zone: tzinfo) -> datetime:
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


def _midnight(day: datetime, zone: tzinfo) -> datetime:
    return day.replace(tzinfo=zone).astimezone(UTC)
