"""Visits: their possible times, and how people say days and times. All times are local, without a zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from session_graph.demo.scenario import Opening, Service

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

_NOTICE = timedelta(minutes=90)

_WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    "fr": ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
}
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_SOON = {"en": ("today", "tomorrow"), "es": ("hoy", "mañana"), "fr": ("aujourd'hui", "demain")}


@dataclass(frozen=True)
class Visit:
    """A requested time and two alternatives to offer."""

    at: datetime
    other: datetime
    """The nearest other time of the same day."""
    moved: datetime
    """The time of `other`, on a later day."""


def plan_visit(
    service: Service, now: datetime, ahead: tuple[int, int], rng: Random, at: datetime | None = None
) -> Visit:
    """Return a visit `ahead` days from now, later if no time is left there, or the booking `at`, with alternatives."""
    if at is None:
        days = _open_days(service, now, *ahead) or _open_days(service, now, ahead[1] + 1, ahead[1] + 9)[:1]
        at = rng.choice(rng.choice(days))
    requested = at
    times = {*_times_on(service, at.date()), at} - {at}
    other = min(times, key=lambda t: (abs(t - requested), t))
    later = [other + timedelta(days=n) for n in range(1, 11)]
    return Visit(at, other, rng.choice([moment for moment in later if moment in _times_on(service, moment.date())]))


def _open_days(service: Service, now: datetime, first: int, last: int) -> Sequence[list[datetime]]:
    days = (now.date() + timedelta(days=n) for n in range(first, last + 1))
    bookable = ([t for t in _times_on(service, day) if t >= now + _NOTICE] for day in days)
    return [times for times in bookable if times]


def _times_on(service: Service, day: date) -> list[datetime]:
    return [datetime.combine(day, time.fromisoformat(text)) for text in service.get(day.weekday(), ())]


def is_open(opening: Opening, now: datetime) -> bool:
    """Return whether a span of today, or one of yesterday that runs past midnight, has the time; True without spans."""
    if not opening:
        return True
    for day in (now.date(), now.date() - timedelta(days=1)):
        for span in opening.get(DAYS[day.weekday()], ()):
            opens, closes = (datetime.combine(day, time.fromisoformat(text)) for text in span)
            if opens <= now < (closes if opens < closes else closes + timedelta(days=1)):
                return True
    return False


def say_time(moment: datetime | time, language: str = "en") -> str:
    """Return 7:30 pm, 19:30 or 19 h 30."""
    if language == "es":
        return f"{moment:%H:%M}"
    if language == "fr":
        return f"{moment.hour} h {moment:%M}" if moment.minute else f"{moment.hour} h"
    if moment.minute == 0 and moment.hour in (0, 12):
        return "noon" if moment.hour else "midnight"
    minutes = f":{moment:%M}" if moment.minute else ""
    return f"{moment.hour % 12 or 12}{minutes} {'am' if moment.hour < 12 else 'pm'}"


def say_day(moment: datetime, today: date, language: str = "en") -> str:
    """Return tonight, tomorrow, Friday or Friday the 28th."""
    days = (moment.date() - today).days
    if days < 2:
        return "tonight" if language == "en" and not days and moment.hour >= 17 else _SOON[language][days]
    weekday = _WEEKDAYS[language][moment.weekday()]
    if language == "es":
        return f"el {weekday}" if days < 7 else f"el {weekday} {moment.day}"
    if language == "fr":
        return weekday if days < 7 else f"{weekday} {moment.day}"
    if days < 7:
        return weekday
    return f"{weekday} the {_ordinal(moment.day)}" + (f" of {_MONTHS[moment.month - 1]}" if days > 20 else "")


def say_date(moment: date) -> str:
    """Return Friday, November 28."""
    return f"{_WEEKDAYS['en'][moment.weekday()]}, {_MONTHS[moment.month - 1]} {moment.day}"


def say_daypart(hour: int) -> str:
    return "morning" if 4 <= hour < 12 else "afternoon" if hour < 17 and hour >= 12 else "evening"


def say_hours(spans: Sequence[Sequence[str]]) -> str:
    """Return from 7:30 am to 3 pm and from 5 pm to 1 am."""
    times = [[say_time(time.fromisoformat(text)) for text in span] for span in spans]
    return " and ".join(f"from {opens} to {closes}" for opens, closes in times)


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
