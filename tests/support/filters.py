"""Filters to try: each condition alone, and any that is well formed. The account that they tell apart is `varied`."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import assume
from hypothesis import strategies as st

from support import oracle, varied
from support.oracle import Raw, Row
from support.varied import distinct
from support.walks import NOW

FLAGS = (
    *("isLead", "isOpportunity", "isTest", "isTodo", "isDone", "isArchived", "isReviewed", "workingHours"),
    "hasExternalId",
)
ASSESSMENTS = ("YES_A", "YES_B", "NO")
OPTIONS: dict[str, Sequence[str]] = {
    **dict.fromkeys(("autoAssessments", "humanAssessments", "assessments"), ASSESSMENTS),
    "channels": ("VOICE", "SMS", "CHAT"),
    "sessionLengths": ("SHORT", "REGULAR", "LONG"),
    "sessionTypes": ("booking", "Übernahme", "übernahme", "100%_off", "nothing of the kind"),
    "agents": (*varied.AGENTS, "nobody"),
    "integrations": ("crm", "pos", "sandbox/web", "elsewhere"),
    "connectors": ("main", "sandbox", "elsewhere"),
    "externalIds": ("A-1", "a-1", "Ä-1", "b\\%_", "unknown"),
    "tags": ("vip", "VIP", "late", "très bien", "unknown"),
    "reviewedBy": ("admin's key", "builder's key", "nobody"),
    "sources": ("retell", "Retell", "twilio"),
    "sourceIds": (varied.A_CALL, "call"),
    "directions": ("INBOUND", "OUTBOUND"),
    "endReasons": ("user_hangup", "100%_off", "call"),
    "languages": ("en-us", "de", "ZH-hans-cn", "en"),
}
PAIRS = (
    {"key": "utm_source", "value": "google"},
    {"key": "utm_source", "value": "Google"},
    {"key": "utm_medium", "value": "cpc"},
    {"key": "utm_medium", "value": "google"},
)
ENTRIES = (
    {"key": "crm", "value": "7"},
    {"key": "crm"},
    {"key": "Ünal?", "value": "x"},
    {"key": "CRM", "value": "x"},
    {"key": "c"},
)
SEARCHES = (
    *(
        "maria",
        "ÜNAL",
        "user",
        "o'",
        "0% b",
        "a_b\\",
        "strasse",
        "zoë 4155",
        "nobody at all",
        "orsted luk",
        "Jean-Luc",
        "o'brien j",
    ),
    *(
        "4155",
        "(415) 555-0134",
        "5550134",
        "5555",
        "44 20 7946",
        "415-555",
        "1005 50",
        "020 7946",
        "112",
        "+1-415-555-0134",
    ),
)
CONTACTS = ("+1 (415) 555-0134", "tel:+4420 7946-0018", " ANA@example.com", "nobody@example.com", "+1 415 555 9999")
MOMENTS = tuple(NOW + timedelta(hours=hours) for hours in (-2000, -720, -481.5, -168, -24, 0, 1, 48))
UPDATES = tuple(range(7))
"""Stand for the instants at which batches were recorded, sessions edited and reviewed; `resolved` knows them."""
BY_NUMBER = ("updatedFrom", "updatedTo", "reviewedFrom", "reviewedTo")
UNKNOWN = -1
"""Stands for an id that no session has; other numbers for the sessions in the order of their ids."""
RANGES: dict[str, Sequence[Any]] = {
    "leadValue": tuple(Decimal(text) for text in ("0", "0.01", "10.02", "130", "260.00", "1200.5")),
    "asr": tuple(Decimal(text) for text in ("0", "0.01", "78", "180.50", "1200")),
    "conversationQuality": (1, 2, 3, 4, 5),
}
PERIODS = tuple(oracle.PERIODS)


def _cases() -> list[Raw]:
    """Each condition alone, with values that some sessions have, that none has, and with none at all."""
    flags = [{name: wanted} for name in FLAGS for wanted in (True, False)]
    options = [
        {name: list(chosen)}
        for name, known in OPTIONS.items()
        for chosen in ((), (known[0],), (known[1], known[0]), (known[-1],), tuple(known))
    ]
    utms = [{"utms": list(pairs)} for pairs in ((), PAIRS[:1], PAIRS[1:3], PAIRS[3:])]
    entries = [{"metadata": list(chosen)} for chosen in ((), ENTRIES[:1], ENTRIES[1:3], ENTRIES[3:])]
    moments = [{name: moment} for name in ("from", "to") for moment in MOMENTS]
    updates = [{name: number} for name in BY_NUMBER for number in UPDATES]
    ids = [{"ids": list(numbers)} for numbers in ((), (0,), (3, 0), (*range(5), UNKNOWN))]
    ranges = [
        {name: bounds}
        for name, known in RANGES.items()
        for bounds in ({}, {"from": known[1]}, {"to": known[2]}, {"from": known[2], "to": known[2]})
    ]
    inner: list[Raw] = [{"isLead": True}, {"conversationQuality": {"from": 4}}, {"sessionTypes": ["booking"]}]
    nested: list[Raw] = [
        {"not": {}},
        *({"not": one} for one in inner),
        {"anyOf": []},
        {"anyOf": [{}]},
        {"anyOf": inner},
    ]
    periods = [{"period": period} for period in PERIODS]
    searches = [{"search": text} for text in SEARCHES] + [{"contact": text} for text in CONTACTS]
    return [{}, *flags, *options, *utms, *entries, *moments, *updates, *ids, *ranges, *periods, *nested, *searches]


CASES = _cases()


def resolved(raw: Raw, rows: Sequence[Row]) -> dict[str, Any]:
    """The filter with instants and ids in place of the numbers that stand for them, at every depth."""
    found = dict(raw)
    for name, value in raw.items():
        match name:
            case "updatedFrom" | "updatedTo":
                found[name] = _step(rows, "updated_at", value)
            case "reviewedFrom" | "reviewedTo":
                found[name] = _step(rows, "reviewed_at", value)
            case "ids":
                ids = [str(row["id"]) for row in sorted(rows, key=lambda row: row["id"])]
                found[name] = [str(UUID(int=1)) if number == UNKNOWN else ids[number] for number in value]
            case "not":
                found[name] = resolved(value, rows)
            case "anyOf":
                found[name] = [resolved(inner, rows) for inner in value]
    return found


def _step(rows: Sequence[Row], column: str, number: int) -> Any:
    known = distinct(rows, column)
    return known[round(number * (len(known) - 1) / max(UPDATES))]


VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(FLAGS, st.booleans()),
    **{name: st.lists(st.sampled_from(known), max_size=3) for name, known in OPTIONS.items()},
    "utms": st.lists(st.sampled_from(PAIRS), max_size=2),
    "metadata": st.lists(st.sampled_from(ENTRIES), max_size=2),
    "search": st.sampled_from(SEARCHES),
    "contact": st.sampled_from(CONTACTS),
    "period": st.sampled_from(PERIODS),
    **dict.fromkeys(("from", "to"), st.sampled_from(MOMENTS)),
    **dict.fromkeys(BY_NUMBER, st.sampled_from(UPDATES)),
    "ids": st.lists(st.sampled_from((0, 1, 2, 50, 100, UNKNOWN)), max_size=3),
    **{
        name: st.lists(st.sampled_from(known), max_size=2).map(
            lambda ends: dict(zip(("to", "from"), sorted(ends)[::-1], strict=False))
        )
        for name, known in RANGES.items()
    },
}


@st.composite
def filters(draw: st.DrawFn, depth: int = 3) -> Raw:
    """Any filter that is well formed: a few conditions, nested up to `depth`."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=3))
    raw = {name: draw(VALUES[name]) for name in names}
    if "period" in raw:
        raw = {name: value for name, value in raw.items() if name not in ("from", "to")}
    for start, end in (("from", "to"), ("updatedFrom", "updatedTo"), ("reviewedFrom", "reviewedTo")):
        if start in raw and end in raw:
            raw[start], raw[end] = sorted((raw[start], raw[end]))
    if depth and draw(st.booleans()):
        raw["not"] = draw(filters(depth - 1))
    if depth and draw(st.booleans()):
        raw["anyOf"] = draw(st.lists(filters(depth - 1), max_size=3))
    assume(sum(1 for _ in parse_names(raw)) <= 50)
    return raw


def parse_names(raw: Raw) -> list[str]:
    inner = [*raw.get("anyOf", []), *([raw["not"]] if "not" in raw else [])]
    return [*raw, *(name for one in inner for name in parse_names(one))]
