"""An account in which everything occurs: recorded, reviewed and read through the real paths, the same in every run."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.viewer import Role
from session_graph.sessions.editing import edit_session
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import make_agent, record
from support.viewers import make_viewer
from support.walks import NOW

COUNT = 150
REVIEWERS = (Role.ADMIN, Role.BUILDER)
AGENTS = ("bistro", "clinic", "desk")
TYPES = (None, None, "booking", "Bestellung", "Übernahme", "übernahme", "100%_off", "Zimmer")
INTEGRATIONS = (None, "crm", "crm", "pos", "sandbox/web", "web")
CONNECTORS = (None, "main", "backup", "sandbox")
EXTERNAL_IDS = (None, None, "A-1", "a-1", "Ä-1", "B-2", "b\\%_")
NAMES = (
    None,
    None,
    "María José",
    "MARIA",
    "Ünal",
    "User",
    "100% Bob",
    "A_b\\c",
    "Zoë 4155",
    "O'Neil",
    "Straße",
    "Łukasz Ørsted",
    "Jean‑Luc O’Brien",
)
PHONES = (None, "+1 (415) 555-0134", "415-555-0199", "+44 20 7946 0958", "555-0134 ext. 7", "+14155550134", "112")
EMAILS = (None, None, "ana@example.com", "QA@example.com")
SUMMARIES = (None, "Asked for María", "called from 4155 550134", "a 100% refund", "nothing")
COMMENTS = ("Ring Ünal back", "see 415-555", "A_b\\c", "fine")
TAGS = ("vip", "VIP", "late", "très bien")
UTMS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"utm_source": "google"},
    {"utm_source": "google", "utm_medium": "cpc"},
    {"utm_source": "Google"},
)
VERDICTS = (None, "YES_A", "YES_A", "YES_B", "NO")
SECONDS = (0, 59, 60, 299, 300, 4000)
STARS = (None, None, 1, 3, 4, 5)
VALUES = (None, None, None, "0", "0.005", "10.015", "260", "1200.50")
UNITS = (None, None, 0, 2, "0.333", 12)
EDGES = tuple(timedelta(days=days) for days in (-30, -7, -1, 0))
"""Where the preset periods begin and end, before now."""

SOURCES = (None, "retell", "Retell", "vapi")
A_CALL = "call 4"
DIRECTIONS = (None, "INBOUND", "INBOUND", "OUTBOUND")
END_REASONS = (None, "user_hangup", "call_transfer", "100%_off")
LANGUAGES = (None, "en-US", "de", "zh-Hans-CN")
METADATA: tuple[dict[str, str], ...] = ({}, {}, {"crm": "7"}, {"crm": "8", "Ünal?": "x"}, {"CRM": "7"})

Row = Mapping[str, Any]


async def make_varied(database: Database, account: Account) -> None:
    """Three agents in three zones, some 150 sessions in six batches, and what people then changed."""
    random, anatomy = Random("an account in which everything occurs"), Random("how its sessions went")
    await make_agent(account, testContacts=["qa@example.com"])
    await make_agent(
        account,
        idn="clinic",
        name="Clinic",
        timeZone="Asia/Kathmandu",
        redirection="OVERFLOW",
        averageLeadValue="180.5",
    )
    await make_agent(
        account,
        idn="desk",
        name="Desk",
        timeZone="Australia/Lord_Howe",
        workingHours={},
        unitValue=None,
        recognition="1",
    )
    ids: list[UUID] = []
    for batch in range(6):
        numbers = range(batch * COUNT // 6, (batch + 1) * COUNT // 6)
        ids += await record(database, account, *(_one(random, batch) | _anatomy(anatomy, n) for n in numbers))
    for number, id_ in enumerate(random.sample(ids, 80)):
        patch, reviewer = _change(random), make_viewer(account, REVIEWERS[number % len(REVIEWERS)])
        edit = await edit_session(database, reviewer, id_, patch, None, frozenset())
        assert edit.refusal is None


async def read_plain(database: Database, account: Account) -> list[Row]:
    """Every session of the account as it stands in the table, its agent's idn, and by whom and when it was reviewed."""
    rows = await database.fetch(
        "select s.*, a.idn as agent from session s join agent a on a.account_id = s.account_id and a.id = s.agent_id"
        " where s.account_id = $1",
        account.id,
    )
    changes = await database.fetch(
        "select h.* from session_change h where h.account_id = $1 and h.field = 'humanAssessment' order by h.version",
        account.id,
    )
    last = {change["session_id"]: change for change in changes}
    return [{**row, **_maps(row), **_review(row, last.get(row["id"]))} for row in rows]


def _maps(row: Any) -> dict[str, Any]:
    return {name: orjson.loads(row[name]) for name in ("utms", "metadata")}


def _review(row: Any, change: Any | None) -> dict[str, Any]:
    is_reviewed = row["human_assessment"] is not None and change is not None
    return {
        "reviewed_by": change["changed_by"] if change and is_reviewed else None,
        "reviewed_at": change["changed_at"] if change and is_reviewed else None,
    }


def _one(random: Random, batch: int) -> dict[str, Any]:
    pick = random.choice
    started = _start(random)
    return {
        "id": str(UUID(int=random.getrandbits(128))),
        "agent": pick(AGENTS),
        "channel": pick(("VOICE", "SMS", "CHAT")),
        "startedAt": started,
        "endedAt": started + timedelta(seconds=pick(SECONDS)),
        "sessionType": pick(TYPES),
        "integration": pick(INTEGRATIONS),
        "connector": pick(CONNECTORS),
        "externalId": pick(EXTERNAL_IDS),
        "contactName": pick(NAMES),
        "phone": pick(PHONES),
        "email": pick(EMAILS),
        "otherContact": pick((None, None, "room 12")),
        "summary": pick(SUMMARIES),
        "isTodo": _chance(random, 0.3),
        "intentToBuy": _chance(random, 0.6),
        "refused": _chance(random, 0.15),
        "unavailable": _chance(random, 0.15),
        "isTest": _chance(random, 0.1),
        "units": pick(UNITS),
        "leadValue": pick(VALUES),
        "autoAssessment": pick(VERDICTS),
        "conversationQuality": pick(STARS),
        "utms": pick(UTMS),
        "tags": random.sample(TAGS, pick((0, 0, 1, 2))),
        "actualResult": f"batch {batch}",
        "expectedResult": pick((None, "booked")),
    }


def _anatomy(random: Random, number: int) -> dict[str, Any]:
    pick = random.choice
    source = pick(SOURCES)
    return {
        "source": source,
        "sourceId": source and pick((None, f"call {number}")),
        "direction": pick(DIRECTIONS),
        "endReason": pick(END_REASONS),
        "language": pick(LANGUAGES),
        "metadata": pick(METADATA),
    }


def _start(random: Random) -> datetime:
    """Over six weeks, with the day that New York's clock went back; some at one instant, some at the very edges."""
    kind = random.random()
    if kind < 0.1:
        return NOW + random.choice(EDGES)
    if kind < 0.3:
        return NOW - timedelta(days=random.choice((3, 20)), hours=1, minutes=30)
    return NOW - timedelta(seconds=random.randrange(-86_400, 45 * 86_400), microseconds=random.choice((0, 1, 999_999)))


def _chance(random: Random, share: float) -> bool:
    return random.random() < share


def _change(random: Random) -> dict[str, Any]:
    pick = random.choice
    patch = {
        "isArchived": pick((True, True, False)),
        "isTodo": pick((True, False)),
        "isDone": pick((True, False)),
        "isTest": pick((True, False)),
        "isLead": pick((True, False)),
        "isOpportunity": True,
        "humanAssessment": pick(VERDICTS),
        "conversationQuality": pick(STARS),
        "comment": pick((None, *COMMENTS)),
        "externalId": pick(EXTERNAL_IDS),
        "addTags": [pick(TAGS)],
        "removeTags": [pick(TAGS)],
    }
    chosen = set(random.sample(sorted(patch), pick((1, 1, 2, 3))))
    for one, other in (("isOpportunity", "isLead"), ("addTags", "removeTags")):
        if one in chosen:
            chosen.discard(other)
    return {name: patch[name] for name in sorted(chosen)}


def distinct(rows: Sequence[Row], column: str) -> list[Any]:
    """The values that occur, in order."""
    return sorted({row[column] for row in rows if row[column] is not None})
