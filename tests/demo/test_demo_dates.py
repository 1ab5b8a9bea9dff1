"""How people say days and times, and when they can come."""

from datetime import date, datetime
from random import Random

import pytest

from session_graph.demo.dates import is_open, plan_visit, say_day, say_hours, say_time

TODAY = date(2026, 11, 20)
local = datetime.fromisoformat
DINNER = {4: ("18:00", "19:00"), 5: ("18:00", "19:00", "20:00")}


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (local("2026-11-20 12:00"), "today"),
        (local("2026-11-20 19:00"), "tonight"),
        (local("2026-11-21 19:00"), "tomorrow"),
        (local("2026-11-22 19:00"), "Sunday"),
        (local("2026-12-01 19:00"), "Tuesday the 1st"),
        (local("2026-12-12 19:00"), "Saturday the 12th of December"),
    ],
)
def test_days_are_said_as_people_do(at: datetime, text: str) -> None:
    assert say_day(at, TODAY) == text


def test_times_are_written_as_the_language_does() -> None:
    at = local("2026-11-20 19:30")

    assert [say_time(at, language) for language in ("en", "es", "fr")] == ["7:30 pm", "19:30", "19 h 30"]
    assert say_time(local("2026-11-20 12:00")) == "noon"
    assert say_hours([["07:30", "15:00"], ["17:00", "01:00"]]) == "from 7:30 am to 3 pm and from 5 pm to 1 am"


@pytest.mark.parametrize("seed", range(10))
def test_a_visit_lies_ahead_and_its_alternatives_can_be_booked(seed: int) -> None:
    now = local("2026-11-20 17:00")

    visit = plan_visit(DINNER, now, (0, 6), Random(seed))

    assert visit.at > now
    assert visit.other.date() == visit.at.date()
    assert visit.other != visit.at
    assert visit.moved.date() > visit.at.date()
    assert f"{visit.moved:%H:%M}" in DINNER[visit.moved.weekday()]


def test_a_visit_waits_for_the_next_day_with_time_left() -> None:
    visit = plan_visit(DINNER, local("2026-11-21 22:00"), (0, 1), Random(1))

    assert visit.at.date() == date(2026, 11, 27)


def test_a_span_past_midnight_is_open_until_it_closes() -> None:
    opening = {"FRI": [["17:00", "01:00"]]}

    assert is_open(opening, local("2026-11-21 00:59"))
    assert not is_open(opening, local("2026-11-21 01:00"))
    assert not is_open(opening, local("2026-11-20 00:30"))


def test_without_working_hours_it_is_always_open() -> None:
    assert is_open({}, local("2026-11-20 03:00"))
