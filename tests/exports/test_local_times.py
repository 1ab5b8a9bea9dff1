"""Local times: SQL, cells, figures and names say the same of every zone, by the database of the package `tzdata`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest

from session_graph.access.viewer import Role
from session_graph.exports.local_times import join_offsets, local_time_sql, utc_offset_sql
from session_graph.exports.message import describe_filter, file_name
from session_graph.exports.worker import Worker
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.importing import import_sessions
from session_graph.sessions.parameters import Parameters
from session_graph.store.database import Database
from session_graph.store.models import Account
from session_graph.zones import NAMES, find_offsets
from support.api import Caller, make_caller
from support.records import make_agent, record
from support.reports import ask_for_report, download, finished, parse_csv

pytestmark = pytest.mark.anyio

START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def moments_of(name: str) -> list[datetime]:
    """Return the seconds around each change of the zone's clock, and moments between the changes."""
    changes = [offset.start for offset in find_offsets(name, START, END)[1:]]
    around = [moment + n * SECOND for moment in changes for n in (-1, 0, 1)]
    return sorted([*around, *(START + timedelta(days=n) for n in range(0, (END - START).days, 97))])


async def written(database: Database, names: list[str], moments: list[tuple[str, datetime]]) -> list[tuple[str, str]]:
    """Return local time and offset of each moment in its zone, as the cells of an export have them."""
    values = Parameters(UUID(int=0))
    join = join_offsets("a.zone", names, START, END, values)
    zones, instants = (values.bind([each[place] for each in moments]) for place in (0, 1))
    rows = await database.fetch(
        f"select {local_time_sql('a.at')} as at, {utc_offset_sql('a.at')} as utc_offset"
        f" from unnest({zones}::text[], {instants}::timestamptz[]) with ordinality a (zone, at, place){join}"
        " where $1::uuid is not null order by a.place",
        *values,
    )
    return [(row["at"], row["utc_offset"]) for row in rows]


def expected(name: str, moment: datetime) -> tuple[str, str]:
    local = moment.astimezone(ZoneInfo(name))
    return f"{local:%Y-%m-%d %H:%M:%S}", local.isoformat()[len("2026-11-21T14:03:05") :]


async def test_the_local_times_of_every_zone_are_those_of_the_package(database: Database) -> None:
    """Each zone around each change of its clock from 2000 to 2037, whatever PostgreSQL's own zones say."""
    for name in sorted(NAMES):
        moments = [(name, moment) for moment in moments_of(name)]
        found = await written(database, [name], moments)
        assert found == [expected(*each) for each in moments], name


async def test_the_instants_of_different_zones_are_each_written_in_their_own(database: Database) -> None:
    names = ["America/Vancouver", "Europe/Chisinau", "Australia/Lord_Howe", "UTC"]
    moments = [(name, moment) for moment in moments_of("America/New_York") for name in names]

    assert await written(database, names, moments) == [expected(*each) for each in moments]


@pytest.mark.parametrize(
    ("name", "moment", "local", "utc_offset"),
    [
        ("America/Vancouver", "2026-12-15T12:00Z", "2026-12-15 05:00:00", "-07:00"),
        ("America/Edmonton", "2026-12-15T12:00Z", "2026-12-15 06:00:00", "-06:00"),
        ("America/Winnipeg", "2026-12-15T12:00Z", "2026-12-15 07:00:00", "-05:00"),
        ("America/Havana", "2026-12-15T12:00Z", "2026-12-15 08:00:00", "-04:00"),
        ("Africa/Casablanca", "2026-12-15T12:00Z", "2026-12-15 12:00:00", "+00:00"),
        ("America/Ojinaga", "2026-03-08T08:30Z", "2026-03-08 03:30:00", "-05:00"),
        ("Europe/Chisinau", "2026-03-29T00:30Z", "2026-03-29 02:30:00", "+02:00"),
    ],
)
async def test_a_zone_that_changed_its_rules_lately_is_written_by_the_new_ones(
    database: Database, name: str, moment: str, local: str, utc_offset: str
) -> None:
    assert await written(database, [name], [(name, datetime.fromisoformat(moment))]) == [(local, utc_offset)]


async def import_case(database: Database, account: Account, shared: Path, name: str, agents: str) -> None:
    folder = shared / "cases"
    if not (folder / name).exists():
        pytest.skip(f"needs the file {name} in the folder {folder}")
    definitions = [parse_agent(agent) for agent in orjson.loads((folder / agents).read_bytes())]
    await create_missing_agents(account.id, definitions)
    await import_sessions(database, account.id, folder / name, lambda number, problem: None, lambda read: None)


async def export_rows(client: httpx.AsyncClient, ask: Caller, **fields: Any) -> list[dict[str, str]]:
    order = {"field": "STARTED_AT", "direction": "ASC"}
    export_id = await ask_for_report(ask, orderBy=order, recipients=["ana@example.com"], **fields)
    assert (await finished(ask, export_id))["status"] == "DONE"
    return parse_csv((await download(client, ask, export_id)).content)


async def test_a_vancouver_winter_is_one_thing_in_rows_figures_and_reports(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, shared: Path
) -> None:
    """The clocks of Vancouver no longer go back: 16:30Z is 09:30 there, in working hours, recognised at 30 %."""
    await import_case(database, account, shared, "a1-two-time-zone-data.jsonl", "agents-a.json")
    ask = await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})
    columns = ["CONTACT", "STARTED_AT", "UTC_OFFSET", "WORKING_HOURS", "RECOGNITION"]

    cells = [tuple(row.values()) for row in await export_rows(client, ask, columns=columns, filter={"agents": ["van"]})]
    data = (
        await ask("""{
          sessions(orderBy: {field: STARTED_AT, direction: ASC}, filter: {agents: ["van"]}) {
            nodes { contact startedAt utcOffset workingHours recognition }
          }
          agent(by: {idn: "van"}) {
            dashboard(filter: {from: "2026-11-24T07:00:00Z", to: "2026-11-28T07:00:00Z"}) {
              series { from totals { totalSessionCount } } previousFrom
            }
          }
          timeZones(names: ["America/Vancouver"]) { offsets { from seconds abbreviation } }
        }""")
    ).data

    assert cells == [
        ("Midnight Vancouver", "2026-11-25 00:30:00", "-07:00", "false", "100%"),
        ("Closing Vancouver", "2026-11-26 17:30:00", "-07:00", "false", "100%"),
        ("Vera Vancouver", "2026-11-27 09:30:00", "-07:00", "true", "30%"),
    ]
    rows = data["sessions"]["nodes"]
    assert [(row["utcOffset"], row["workingHours"], float(row["recognition"])) for row in rows] == [
        *(("-07:00", False, 1.0), ("-07:00", False, 1.0), ("-07:00", True, 0.3))
    ]
    dashboard = data["agent"]["dashboard"]
    assert [(point["from"], point["totals"]["totalSessionCount"]) for point in dashboard["series"]] == [
        *(("2026-11-24T07:00:00Z", 0), ("2026-11-25T07:00:00Z", 1), ("2026-11-26T07:00:00Z", 1)),
        ("2026-11-27T07:00:00Z", 1),
    ]
    assert dashboard["previousFrom"] == "2026-11-20T07:00:00Z"
    winter = [offset for offset in data["timeZones"][0]["offsets"] if offset["from"] <= "2026-11-27"][-1]
    assert winter["seconds"] == -7 * 3600


async def test_the_two_hours_of_a_repeated_hour_can_be_told_apart(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker, shared: Path
) -> None:
    await import_case(database, account, shared, "b2-twice-half-past-one.jsonl", "agents-a.json")
    ask = await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})

    found = await export_rows(client, ask, columns=["STARTED_AT", "UTC_OFFSET", "CONTACT"])
    elsewhere = await export_rows(client, ask, columns=["STARTED_AT", "UTC_OFFSET"], timeZone="UTC")

    assert [tuple(row.values()) for row in found] == [
        ("2026-11-01 01:30:00", "-04:00", "first 1:30"),
        ("2026-11-01 01:30:00", "-05:00", "second 1:30"),
    ]
    assert list(found[0]) == ["Date/Time", "UTC Offset", "Contact"]
    assert [tuple(row.values()) for row in elsewhere] == [
        *(("2026-11-01 05:30:00", "+00:00"), ("2026-11-01 06:30:00", "+00:00"))
    ]


async def test_a_report_keeps_to_the_zone_in_its_name_though_an_agent_moves(
    client: httpx.AsyncClient, account: Account, database: Database, worker: Worker
) -> None:
    """The zone is chosen when the report is asked for, and an agent that moves before it is written changes nothing."""
    await make_agent(account, timeZone="Asia/Tokyo")
    await record(database, account, {"startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:01:00Z"})
    ask = await make_caller(client, account, Role.ADMIN, {"email": "ana@example.com"})
    export_id = await ask_for_report(ask, columns=["STARTED_AT"])
    row = await database.fetchrow("select e.time_zone from session_export e where e.id = $1", export_id)

    assert row
    assert row["time_zone"] == (await finished(ask, export_id))["timeZone"] == "Asia/Tokyo"


def export_of(label: str) -> Any:
    moment = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
    return {"as_of": moment, "time_zone_label": label, "filter_now": moment}


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("America/New_York", "sessions-2026-11-20-America-New_York.csv"),
        ("Asia/Tokyo", "sessions-2026-11-21-Asia-Tokyo.csv"),
        ("local", "sessions-2026-11-20-local.csv"),
    ],
)
def test_the_day_in_a_files_name_is_that_of_the_zone_in_it_and_else_of_the_account(label: str, name: str) -> None:
    assert file_name(export_of(label), "America/Vancouver") == name


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({}, "all sessions"),
        ({"isLead": True, "channels": ["VOICE", "SMS"]}, "channels: VOICE or SMS, isLead: true"),
        (
            {"to": "2026-11-02T05:00:00Z", "isLead": True, "from": "2026-11-01T04:00:00Z"},
            "from: 2026-11-01 00:00:00 -04:00, to: 2026-11-02 00:00:00 -05:00, isLead: true",
        ),
        (
            {"updatedTo": "2026-11-02T05:00:00Z", "updatedFrom": "2026-11-01T04:00:00Z"},
            "updatedFrom: 2026-11-01 00:00:00 -04:00, updatedTo: 2026-11-02 00:00:00 -05:00",
        ),
        (
            {"period": "LAST_24_HOURS"},
            "period: LAST_24_HOURS (from 2026-11-19 21:30:00 -05:00 to 2026-11-20 21:30:00 -05:00)",
        ),
        ({"not": {"anyOf": [{"asr": {"from": "1.5"}}, {}]}}, "not: (anyOf: (asr: (from: 1.5)) or (all sessions))"),
        ({"tags": []}, "tags: none of anything"),
        ({"from": "0001-01-01T00:00:00Z"}, "from: 0001-01-01 00:00:00 +00:00"),
    ],
)
def test_a_message_tells_the_filter_in_the_zone_of_the_report(stored: dict[str, Any], words: str) -> None:
    assert describe_filter(stored, export_of("America/New_York"), "America/New_York") == words
