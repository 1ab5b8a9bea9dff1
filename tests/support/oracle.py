"""Which sessions a filter leaves and what they come to, said a second time: plain Python over plain rows.

Written from domain.md, `SessionFilter` of interface.graphql and access.md, and on purpose not from the code.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from session_graph.access.viewer import Role, Viewer

Row = Mapping[str, Any]
Raw = Mapping[str, Any]
PERIODS = {"LAST_24_HOURS": 24, "LAST_7_DAYS": 7 * 24, "LAST_30_DAYS": 30 * 24}


TRUNKS = {"1": "1", "44": "0"}
"""The country codes that occur, and what is dialled before a number at home."""
FIRST_LEVEL = {"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "’": "'", "–": "-", "‐": "-"}
"""Characters that the Unicode collation holds equal at its first level, of those that occur."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """Who asks, and when."""

    viewer: Viewer
    now: datetime

    def select(self, rows: Iterable[Row], raw: Raw) -> list[Row]:
        """The rows that the viewer sees and the filter leaves, newest first."""
        left = [row for row in rows if self.sees(row) and self.holds(row, raw)]
        return sorted(left, key=lambda row: (row["started_at"], row["id"]), reverse=True)

    def sees(self, row: Row) -> bool:
        match self.viewer.role:
            case Role.RECORDER:
                return False
            case Role.PARTNER:
                return row["integration"] in self.viewer.integrations
        return not self.viewer.agents or row["agent"] in self.viewer.agents

    def holds(self, row: Row, raw: Raw) -> bool:
        """All conditions hold."""
        return all(self._condition(row, name, value) for name, value in raw.items())

    def _condition(self, row: Row, name: str, value: Any) -> bool:
        match name:
            case "not":
                return not self.holds(row, value)
            case "anyOf":
                return any(self.holds(row, inner) for inner in value)
            case "search":
                return self._is_found(row, value)
            case "period":
                return bool(self.now - timedelta(hours=PERIODS[value]) <= row["started_at"] < self.now)
        return _CHECKS[name](row, value)

    def _is_found(self, row: Row, text: str) -> bool:
        has_letters = any(unicodedata.category(character).startswith("L") for character in text)
        texts = [row["contact_name"]] if has_letters else []
        if self.viewer.role is Role.PORTAL:
            texts += [row["summary"], row["comment"]]
        by_words = any(all(word in _folded(each) for word in _folded(text).split()) for each in texts if each)
        has_number = _ends_with_digits if self.viewer.role is Role.PORTAL else _has_digits
        return by_words or (not has_letters and has_number(row["phone"] or "", _digits(text)))


def _has_digits(phone: str, digits: str) -> bool:
    """Four digits or more are a part of the number as it is dialled from abroad or at home; fewer are the whole."""
    number = phone.split(";")[0]
    if len(digits) < 4:
        return number == digits
    return any(digits in form for form in _forms(number))


def _ends_with_digits(phone: str, digits: str) -> bool:
    """Seven digits or more are the end of the number as it is dialled; fewer are nothing."""
    return len(digits) >= 7 and any(form.endswith(digits) for form in _forms(phone.split(";")[0]))


def _forms(number: str) -> list[str]:
    return [_digits(number)] + [f"{trunk}{_digits(number).removeprefix(code)}" for code, trunk in TRUNKS.items()]


def _folded(text: str | None) -> str:
    """Nothing is a part of the newline that stands for no text."""
    if text is None:
        return "\n"
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in plain if unicodedata.category(character) not in ("Mn", "Cf"))
    for letter, same in FIRST_LEVEL.items():
        bare = bare.replace(letter, same)
    return " ".join(bare.split())


def _digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def _is_contact(row: Row, text: str) -> bool:
    if "@" in text:
        return bool(row["email"] == text.strip().lower())
    return (row["phone"] or "").split(";")[0] == f"+{_digits(text)}"


def _flag(column: str) -> Callable[[Row, bool], bool]:
    return lambda row, wanted: row[column] is wanted


def _present(column: str) -> Callable[[Row, bool], bool]:
    return lambda row, wanted: (row[column] is not None) is wanted


def _among(column: str) -> Callable[[Row, list[str]], bool]:
    return lambda row, options: row[column] is not None and row[column] in options


def _within(column: str) -> Callable[[Row, Mapping[str, Any]], bool]:
    def check(row: Row, bounds: Mapping[str, Any]) -> bool:
        value = row[column]
        return value is not None and bounds.get("from", value) <= value <= bounds.get("to", value)

    return check


_CHECKS: dict[str, Callable[[Row, Any], bool]] = {
    **{f"is{name.capitalize()}": _flag(f"is_{name}") for name in ("lead", "opportunity", "test", "todo", "done")},
    "isArchived": _flag("is_archived"),
    "isReviewed": _present("human_assessment"),
    "workingHours": _flag("working_hours"),
    "autoAssessments": _among("auto_assessment"),
    "humanAssessments": _among("human_assessment"),
    "assessments": lambda row, options: (row["human_assessment"] or row["auto_assessment"]) in options,
    "channels": _among("channel"),
    "sessionLengths": _among("session_length"),
    "sessionTypes": _among("session_type"),
    "agents": _among("agent"),
    "integrations": _among("integration"),
    "connectors": _among("connector"),
    "externalIds": _among("external_id"),
    "hasExternalId": _present("external_id"),
    "tags": lambda row, options: any(tag in options for tag in row["tags"]),
    "utms": lambda row, pairs: any(row["utms"].get(pair["key"]) == pair["value"] for pair in pairs),
    "sources": _among("source"),
    "sourceIds": _among("source_id"),
    "directions": _among("direction"),
    "endReasons": _among("end_reason"),
    "languages": lambda row, tags: (row["language"] or "").lower() in [tag.lower() for tag in tags],
    "metadata": lambda row, entries: any(
        entry["key"] in row["metadata"]
        and entry.get("value", row["metadata"][entry["key"]]) == row["metadata"][entry["key"]]
        for entry in entries
    ),
    "contact": lambda row, text: _is_contact(row, text),
    "from": lambda row, moment: row["started_at"] >= moment,
    "to": lambda row, moment: row["started_at"] < moment,
    "updatedFrom": lambda row, moment: row["updated_at"] >= moment,
    "updatedTo": lambda row, moment: row["updated_at"] < moment,
    "ids": lambda row, ids: str(row["id"]) in ids,
    "reviewedBy": _among("reviewed_by"),
    "reviewedFrom": lambda row, moment: row["reviewed_at"] is not None and row["reviewed_at"] >= moment,
    "reviewedTo": lambda row, moment: row["reviewed_at"] is not None and row["reviewed_at"] < moment,
    "leadValue": _within("lead_value"),
    "asr": _within("asr"),
    "conversationQuality": _within("conversation_quality"),
}


def previous_span(start: datetime, end: datetime, zone: str) -> tuple[datetime, datetime]:
    """The span before [start, end) by domain.md: whole months, else whole days, else as long."""
    dates = [moment.astimezone(ZoneInfo(zone)).date() for moment in (start, end)]
    if [first_instant(day, zone) for day in dates] != [start, end]:
        return start - (end - start), start
    if all(day.day == 1 for day in dates):
        first = dates[0]
        while dates[0] < dates[1]:
            dates[1] = (dates[1] - timedelta(days=1)).replace(day=1)
            first = (first - timedelta(days=1)).replace(day=1)
    else:
        count = sum(first_instant(dates[0] + timedelta(n), zone) is not None for n in range((dates[1] - dates[0]).days))
        first = dates[0]
        while count:
            first -= timedelta(days=1)
            count -= first_instant(first, zone) is not None
    begins = first_instant(first, zone)
    assert begins
    return begins, start


@cache
def first_instant(day: date, zone: str) -> datetime | None:
    """The first minute that has this date in the zone; None if the zone skipped the date."""
    before = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    quarters = (before + n * timedelta(minutes=15) for n in range(4 * 54))
    found = next((quarter for quarter in quarters if quarter.astimezone(ZoneInfo(zone)).date() == day), None)
    minutes = (found - n * timedelta(minutes=1) for n in range(15) if found)
    return min((minute for minute in minutes if minute.astimezone(ZoneInfo(zone)).date() == day), default=None)


def lead_value(row: Row) -> Decimal:
    return _rounded(row["potential_value"] if row["is_lead"] else Decimal(0), row)


def asr(row: Row) -> Decimal:
    if row["is_test"] or not row["is_opportunity"] or not succeeded(row):
        return _rounded(Decimal(0), row)
    return _rounded(lead_value(row) * row["conversion_rate"] * row["recognition"], row)


def additional_deals(row: Row) -> Decimal:
    return row["conversion_rate"] * row["recognition"] if row["is_opportunity"] and succeeded(row) else Decimal(0)


def succeeded(row: Row) -> bool:
    return (row["human_assessment"] or row["auto_assessment"]) in ("YES_A", "YES_B")


def _rounded(amount: Decimal, row: Row) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-row["money_scale"]), ROUND_HALF_UP)


def metrics(rows: Iterable[Row]) -> dict[str, Decimal | int | None]:
    """The dashboard's values over these rows, by the names of METRICS; a score is None where nothing qualifies."""
    rows = list(rows)
    leads, opportunities = ([row for row in rows if row[f"is_{name}"]] for name in ("lead", "opportunity"))
    rated = [row["conversation_quality"] for row in rows if row["conversation_quality"] is not None]
    return {
        "total_session_count": len(rows),
        "total_lead_count": len(leads),
        "total_lead_value": sum((row["lead_value"] for row in rows), Decimal(0)),
        "total_opportunity_count": len(opportunities),
        "total_opportunity_value": sum((row["lead_value"] for row in opportunities), Decimal(0)),
        "total_additional_deal_count": sum((row["additional_deals"] for row in rows), Decimal(0)),
        "total_asr": sum((row["asr"] for row in rows), Decimal(0)),
        "opportunity_success_score": _success_score(opportunities),
        "conversation_success_score": _mean([Decimal(stars) / 5 for stars in rated]),
        "lead_success_score": _success_score(leads),
    }


def _success_score(rows: Iterable[Row]) -> Decimal | None:
    return _mean([Decimal(succeeded(row)) for row in rows if row["human_assessment"] or row["auto_assessment"]])


def _mean(values: list[Decimal]) -> Decimal | None:
    return sum(values, Decimal(0)) / len(values) if values else None
