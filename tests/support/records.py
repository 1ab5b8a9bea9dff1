"""Sessions and agents to test with, in the shapes that callers send."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from session_graph.sessions.agents import create_agent, parse_agent
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Outcome, record_sessions
from session_graph.store.database import Database
from session_graph.store.models import Account, Agent

UNKNOWN = str(uuid4())
"""An id that nothing has."""

MONDAY_IN_HOURS = {"startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:02:00Z"}
"""Ten o'clock on a Monday in New York."""
SUNDAY = {"startedAt": "2026-11-15T15:00:00Z", "endedAt": "2026-11-15T15:02:00Z"}

BISTRO: dict[str, Any] = {
    "idn": "bistro",
    "name": "The bistro",
    "timeZone": "America/New_York",
    "workingHours": {day: [["09:00", "17:00"]] for day in ("MON", "TUE", "WED", "THU", "FRI")} | {"SAT": [], "SUN": []},
    "unitName": "guests",
    "unitValue": "65.00",
    "conversionRatio": "0.9",
    "recognition": "0.3",
}
PARTY_OF_FOUR: dict[str, Any] = {
    "agent": "bistro",
    "channel": "VOICE",
    "intentToBuy": True,
    "units": 4,
    "phone": "+14155550134",
    "autoAssessment": "YES_A",
}


async def make_agent(account: Account, **attributes: Any) -> Agent:
    """Create the bistro, with these attributes in place of its own."""
    return await create_agent(account.id, parse_agent({**BISTRO, **attributes}))


async def record(database: Database, account: Account, *records: Mapping[str, Any]) -> list[UUID]:
    """Record sessions; each is a party of four on a Monday but for its own attributes. Return their ids."""
    whole = [parse_record({**PARTY_OF_FOUR, **MONDAY_IN_HOURS, **record}) for record in records]
    outcomes: list[Outcome] = await record_sessions(database, account.id, whole)
    assert not [outcome.problem for outcome in outcomes if outcome.problem]
    return [outcome.id for outcome in outcomes if outcome.id]


TABLES = (
    *("session", "session_change", "transcript", "fact_times", "agent", "agent_terms", "session_export"),
    *("export_delivery", "export_recipient", "saved_view"),
)
"""The tables of an account, but for its keys, its events and the pieces of its exports."""


async def state_of(database: Database, account: Account) -> list[Any]:
    """Return every row of the account but its API keys, to compare before and after."""
    columns = [f"array(select t::text from {table} t where t.account_id = $1 order by 1)" for table in TABLES]
    row = await database.fetchrow(f"select a::text, {', '.join(columns)} from account a where a.id = $1", account.id)
    assert row
    return list(row)


def at(day: int, clock: str = "12:00") -> dict[str, str]:
    """Return start and end of a session of two minutes on a day of November 2026; the clock is UTC."""
    start = datetime.fromisoformat(f"2026-11-{day:02}T{clock}Z")
    return {"startedAt": start.isoformat(), "endedAt": (start + timedelta(minutes=2)).isoformat()}
