"""The values for the slots of a script: caller, visit, money, and the scenario's own choices."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import cast

from session_graph.demo.dates import DAYS, Visit, say_date, say_day, say_daypart, say_hours, say_time
from session_graph.demo.people import say_phone
from session_graph.demo.scenario import Business, Value
from session_graph.demo.talk import Talk

Slots = dict[str, Value]

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NAMELESS = {"VOICE": "A caller", "SMS": "A texter", "CHAT": "A website visitor"}


def fill_slots(talk: Talk, rng: Random) -> Slots:
    """Return a value for every slot of the talk's texts; NAME_start has a text as the beginning of a sentence."""
    slots = _about_caller(talk, rng) | {
        "business": talk.business.name,
        "staff": rng.choice(talk.business.staff),
        "daypart": say_daypart(talk.now.hour),
        "code": f"{talk.business.reference}{rng.randrange(1000, 10000)}",
    }
    if talk.units is not None:
        slots |= _about_units(talk.business, talk.units)
    if talk.visit is not None:
        slots |= _about_visit(talk, talk.visit)
    slots |= talk.choices
    if "rate" in talk.choices and talk.units is not None:
        slots["total"] = cast(int, talk.choices["rate"]) * talk.units
    starts = {f"{name}_start": text[:1].upper() + text[1:] for name, text in slots.items() if isinstance(text, str)}
    return slots | starts


def _about_caller(talk: Talk, rng: Random) -> Slots:
    customer = talk.customer
    phone = say_phone(customer.phone)
    return {
        "who": customer.person.name if talk.has_name else _NAMELESS[talk.channel],
        "name": customer.person.name,
        "first": customer.person.first,
        "email": customer.email,
        "contact": customer.email if rng.random() < 0.45 else phone,
    }


def _about_units(business: Business, units: int) -> Slots:
    return {
        "units": units,
        "party": _in_words(units),
        "party2": _in_words(units + 2),
        "stay": f"{_in_words(units)} night{'s' * (units != 1)}",
        "value": int(units * Decimal(str(business.agent["unitValue"]))),
    }


def _in_words(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def _about_visit(talk: Talk, visit: Visit) -> Slots:
    today, language = talk.now.date(), talk.scenario.language
    leaves = visit.at.replace(hour=11, minute=0) + timedelta(days=talk.units or 1)
    return {
        "day": say_day(visit.at, today, language),
        "weekday": say_day(visit.at.replace(hour=12), today, language),
        "date": say_date(visit.at),
        "time": say_time(visit.at, language),
        "time2": say_time(visit.other, language),
        "day2": say_day(visit.moved, today, language),
        "date2": say_date(visit.moved),
        "checkout": say_day(leaves, today, language),
        "hours": say_hours(talk.business.opening.get(DAYS[visit.at.weekday()], ())),
    }
