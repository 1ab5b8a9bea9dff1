"""Days, spans and empty results of dashboards. test_agreement tests that they agree with the list."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from session_graph.access.accounts import change_account
from session_graph.access.viewer import Role
from session_graph.sessions.agents import create_agent, parse_agent
from session_graph.sessions.dashboard import DashboardResult, DashboardScope, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection, Group
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.importing import import_sessions
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.recording import Status
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import make_agent, record
from support.statements import Statements
from support.viewers import make_viewer
from support.walks import NOW

pytestmark = pytest.mark.anyio

EVERY = frozenset(METRICS)
COUNT = frozenset({"total_session_count"})


async def record_at(database: Database, account: Account, *moments: datetime, **attributes: Any) -> None:
    await record(database, account, *({"startedAt": at, "endedAt": at, **attributes} for at in moments))


async def read(
    database: Database,
    account: Account,
    raw: dict[str, Any],
    wanted: DashboardSelection,
    zone: str = "UTC",
    now: datetime = NOW,
) -> DashboardResult:
    request = DashboardRequest(make_viewer(account), parse_filter(raw, now), wanted, now)
    return (await read_dashboards(database, request, [DashboardScope(None, zone)]))[None]


async def read_days(
    database: Database, account: Account, raw: dict[str, Any], zone: str = "UTC"
) -> list[tuple[str, int]]:
    """Return each day's local start and its number of sessions."""
    found = await read(database, account, raw, DashboardSelection(series={Interval.DAY: COUNT}), zone)
    return [
        (point.start.astimezone(ZoneInfo(zone)).strftime("%d %H:%M"), point.metrics["total_session_count"])
        for point in found.series[Interval.DAY]
    ]


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def hours_from(start: datetime, count: int) -> Sequence[datetime]:
    return [start.astimezone(ZoneInfo("UTC")) + timedelta(hours=n) for n in range(count)]


@pytest.mark.parametrize(
    ("zone", "before", "after", "hours"),
    [
        ("America/New_York", "2026-03-07", "2026-03-10", [24, 23, 24]),
        ("America/New_York", "2026-10-31", "2026-11-03", [24, 25, 24]),
        ("Europe/Berlin", "2026-03-28", "2026-03-31", [24, 23, 24]),
        ("Europe/Berlin", "2026-10-24", "2026-10-27", [24, 25, 24]),
        ("Africa/Cairo", "2026-04-23", "2026-04-26", [24, 23, 24]),
        ("America/Havana", "2025-11-01", "2025-11-04", [24, 25, 24]),
    ],
)
async def test_the_days_on_which_clocks_change_have_the_sessions_of_23_and_25_hours(
    database: Database, account: Account, zone: str, before: str, after: str, hours: list[int]
) -> None:
    await make_agent(account)
    start, end = local(before, zone), local(after, zone)
    await record_at(database, account, *hours_from(start - timedelta(hours=1), sum(hours) + 3))

    days = await read_days(database, account, {"from": start, "to": end}, zone)
    totals = (await read(database, account, {"from": start, "to": end}, DashboardSelection(EVERY))).totals

    assert [count for _, count in days] == hours
    assert totals["total_session_count"] == sum(hours)


async def test_an_instant_belongs_to_the_day_that_it_has_in_the_zone_that_is_asked_for(
    database: Database, account: Account
) -> None:
    await make_agent(account)
    await record_at(database, account, local("2026-11-18T23:30", "America/New_York"))
    span = {"from": local("2026-11-18", "UTC"), "to": local("2026-11-20", "UTC")}

    assert await read_days(database, account, span) == [("18 00:00", 0), ("19 00:00", 1)]
    assert await read_days(database, account, span, "America/New_York") == [
        *(("17 19:00", 0), ("18 00:00", 1), ("19 00:00", 0))
    ]


async def test_a_span_has_its_beginning_and_not_its_end(database: Database, account: Account) -> None:
    await make_agent(account)
    await record_at(database, account, NOW, NOW + timedelta(days=1))
    span = {"from": NOW, "to": NOW + timedelta(days=1)}

    assert (await read(database, account, span, DashboardSelection(COUNT))).totals["total_session_count"] == 1


async def test_without_a_span_a_series_goes_from_the_first_sessions_day_to_the_last(
    database: Database, account: Account
) -> None:
    await make_agent(account)
    await record_at(database, account, NOW - timedelta(days=3), NOW)

    assert await read_days(database, account, {}) == [
        ("18 00:00", 1),
        ("19 00:00", 0),
        ("20 00:00", 0),
        ("21 00:00", 1),
    ]


async def test_a_span_without_an_end_goes_on_to_now_and_to_what_is_later(database: Database, account: Account) -> None:
    await make_agent(account)
    await record_at(database, account, NOW - timedelta(days=2))
    span = {"from": NOW - timedelta(days=3)}

    assert await read_days(database, account, span) == [
        ("18 12:00", 0),
        ("19 00:00", 1),
        ("20 00:00", 0),
        ("21 00:00", 0),
    ]
    await record_at(database, account, NOW + timedelta(days=1))
    assert (await read_days(database, account, span))[-1] == ("22 00:00", 1)


async def test_without_sessions_counts_are_0_and_scores_are_null(database: Database, account: Account) -> None:
    wanted = DashboardSelection(EVERY, EVERY, {Interval.DAY: EVERY}, dict.fromkeys(Group, EVERY))

    found = await read(database, account, {"period": "LAST_7_DAYS"}, wanted)

    assert found.previous == found.totals
    assert {str(value) for name, value in found.totals.items() if METRICS[name].is_money} == {"0.00"}
    assert {value for name, value in found.totals.items() if METRICS[name].is_score} == {None}
    assert {value for name, value in found.totals.items() if METRICS[name].is_count} == {0}
    assert len(found.series[Interval.DAY]) == 8
    assert all(point.metrics == found.totals for point in found.series[Interval.DAY])
    assert set(map(len, found.groups.values())) == {0}


@pytest.mark.parametrize("raw", [{}, {"to": NOW}, {"anyOf": [{"from": NOW}]}])
async def test_without_a_start_there_is_no_previous_span(
    database: Database, account: Account, raw: dict[str, Any]
) -> None:
    assert (await read(database, account, raw, DashboardSelection(EVERY, previous=EVERY))).previous is None


async def test_without_sessions_and_without_a_span_a_series_is_empty(database: Database, account: Account) -> None:
    assert await read_days(database, account, {}) == []


async def test_more_than_a_thousand_intervals_are_refused_and_the_rest_is_answered(
    database: Database, account: Account
) -> None:
    wanted = DashboardSelection(COUNT, series={Interval.HOUR: COUNT, Interval.DAY: COUNT}, groups={Group.AGENT: COUNT})
    await make_agent(account)
    await record_at(database, account, NOW - timedelta(hours=2))

    whole = await read(database, account, {"from": NOW - timedelta(hours=1000), "to": NOW}, wanted)
    partly = await read(database, account, {"from": NOW - timedelta(hours=1001), "to": NOW}, wanted)

    assert (len(whole.series[Interval.HOUR]), whole.refused) == (1000, {})
    assert list(partly.series) == [Interval.DAY]
    assert {interval: reason.message for interval, reason in partly.refused.items()} == {
        Interval.HOUR: "HOUR would have 1,001 intervals, at most 1,000; DAY, WEEK or MONTH would do."
    }
    assert sum(point.metrics["total_session_count"] for point in partly.series[Interval.DAY]) == 1
    assert partly.totals == partly.groups[Group.AGENT][0].metrics == {"total_session_count": 1}


async def test_a_series_that_is_refused_alone_costs_no_statement(
    database: Database, account: Account, statements: Statements
) -> None:
    await statements.restart()

    found = await read(
        database,
        account,
        {"from": NOW - timedelta(hours=1001), "to": NOW},
        DashboardSelection(series={Interval.HOUR: COUNT}),
    )

    assert await statements.so_far() == []
    assert list(found.refused) == [Interval.HOUR]


async def test_a_series_is_refused_to_the_agent_whose_sessions_span_too_much_and_not_to_others(
    database: Database, account: Account
) -> None:
    long, short = await make_agent(account), await make_agent(account, idn="clinic", timeZone="America/Panama")
    await record_at(database, account, NOW - timedelta(days=1001), NOW)
    await record_at(database, account, NOW - timedelta(days=1), agent="clinic")
    request = DashboardRequest(
        make_viewer(account), parse_filter({}, NOW), DashboardSelection(COUNT, series={Interval.DAY: COUNT}), NOW
    )
    scopes = [DashboardScope(agent.id, agent.time_zone) for agent in (long, short)]

    found = await read_dashboards(database, request, scopes)

    assert list(found[long.id].refused) == [Interval.DAY]
    assert found[long.id].totals == {"total_session_count": 2}
    assert [point.metrics for point in found[short.id].series[Interval.DAY]] == [{"total_session_count": 1}]


async def test_slices_of_one_size_are_in_the_order_of_their_keys_and_the_keyless_is_last(
    database: Database, account: Account
) -> None:
    await make_agent(account)
    types = [None, "b", None, "a", "c", "c", "c", "a", "b"]
    await record(database, account, *({"sessionType": type_} for type_ in types))

    found = await read(database, account, {}, DashboardSelection(groups={Group.SESSION_TYPE: COUNT}))

    slices = [(one.key, one.metrics["total_session_count"]) for one in found.groups[Group.SESSION_TYPE]]
    assert slices == [("c", 3), ("a", 2), ("b", 2), (None, 2)]


async def test_money_of_nothing_has_the_decimals_of_the_currency(database: Database, account: Account) -> None:
    account = await change_account(account, currency="KWD")

    totals = (await read(database, account, {}, DashboardSelection(EVERY))).totals

    assert (str(totals["total_asr"]), str(totals["total_lead_value"])) == ("0.000", "0.000")


async def test_large_sums_are_exact(database: Database, account: Account) -> None:
    await make_agent(account, conversionRatio="1", recognition="1")
    await record(database, account, *[{"leadValue": "999999999999999.99"}] * 11, {"leadValue": "0.01"})

    totals = (await read(database, account, {}, DashboardSelection(EVERY))).totals

    assert totals["total_asr"] == totals["total_lead_value"] == Decimal("10999999999999999.90")


async def test_all_that_is_selected_is_one_statement(
    database: Database, account: Account, statements: Statements
) -> None:
    wanted = DashboardSelection(EVERY, EVERY, dict.fromkeys(Interval, EVERY), dict.fromkeys(Group, EVERY))
    request = DashboardRequest(make_viewer(account), parse_filter({"period": "LAST_7_DAYS"}, NOW), wanted, NOW)
    await statements.restart()

    await read_dashboards(database, request, [DashboardScope(None, "UTC")])

    assert len(await statements.so_far()) == 1


async def test_an_agents_days_are_in_its_own_zone_and_the_accounts_in_its(
    database: Database, account: Account, caller: Any
) -> None:
    account = await change_account(account, time_zone="Asia/Kathmandu")
    await make_agent(account)
    await record_at(database, account, local("2026-11-18T00:10", "Asia/Kathmandu"))
    ask = await caller(Role.BUILDER)

    data = (
        await ask("""{
          dashboard { timeZone series { from } }
          agent(by: {idn: "bistro"}) { dashboard { timeZone series { from } } }
          there: dashboard(timeZone: "Europe/Berlin") { timeZone series { from } }
        }""")
    ).data

    found = [data["dashboard"], data["agent"]["dashboard"], data["there"]]
    assert [one["timeZone"] for one in found] == ["Asia/Kathmandu", "America/New_York", "Europe/Berlin"]
    assert [one["series"][0]["from"] for one in found] == [
        *("2026-11-17T18:15:00Z", "2026-11-17T05:00:00Z", "2026-11-16T23:00:00Z")
    ]


@pytest.fixture
async def over_clock_changes(database: Database, account: Account, shared: Path) -> Account:
    """Return an account with the sessions of the case file."""
    path = shared / "cases" / "a10-previous-over-clock-change.jsonl"
    if not path.exists():
        pytest.skip(f"needs the file {path.name} in the folder {path.parent}")
    agents = orjson.loads((path.parent / "agents-a.json").read_bytes())
    await create_agent(account.id, parse_agent(next(agent for agent in agents if agent["idn"] == "ny")))
    tally = await import_sessions(database, account.id, path, lambda number, problem: None, lambda read: None)
    assert tally.counts == {Status.RECORDED: 6}
    return account


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [("2026-03-02", "2026-03-09", 2), ("2026-10-26", "2026-11-02", 1), ("2026-03-01", "2026-04-01", 1)],
)
async def test_the_previous_span_over_a_change_of_the_clock_counts_whole_days_and_months(
    database: Database, over_clock_changes: Account, start: str, end: str, count: int
) -> None:
    zone = "America/New_York"
    span = {"from": local(start, zone), "to": local(end, zone)}

    found = await read(database, over_clock_changes, span, DashboardSelection(COUNT, previous=COUNT), zone)

    assert found.previous == {"total_session_count": count}


async def test_agents_of_different_zones_have_their_own_previous_spans_in_one_statement(
    database: Database, account: Account, statements: Statements
) -> None:
    there = await make_agent(account)
    here = await make_agent(account, idn="clinic", timeZone="America/Panama")
    start, end = datetime.fromisoformat("2026-03-02T05:00Z"), datetime.fromisoformat("2026-03-09T04:00Z")
    for agent in ("bistro", "clinic"):
        await record_at(database, account, start - timedelta(days=7), start - timedelta(days=7), agent=agent)
        await record_at(database, account, start - timedelta(hours=1), agent=agent)
    selection = DashboardSelection(COUNT, previous=COUNT)
    request = DashboardRequest(make_viewer(account), parse_filter({"from": start, "to": end}, NOW), selection, NOW)
    scopes = [DashboardScope(there.id, there.time_zone), DashboardScope(here.id, here.time_zone)]
    await statements.restart()

    found = await read_dashboards(database, request, scopes)

    assert len(await statements.so_far()) == 1
    assert found[there.id].previous == {"total_session_count": 3}
    assert found[here.id].previous == {"total_session_count": 1}


@pytest.mark.parametrize(
    "filter_", ["{}", '{to: "2026-03-09T04:00:00Z"}', '{from: "2026-03-02T05:00:00Z", to: "2026-03-09T04:00:00Z"}']
)
async def test_the_answer_has_the_previous_span_exactly_where_it_has_previous(
    account: Account, caller: Any, filter_: str
) -> None:
    ask = await caller(Role.BUILDER)
    of = f'dashboard(timeZone: "America/New_York", filter: {filter_})'

    whole = (await ask(f"{{ {of} {{ previous {{ totalSessionCount }} previousFrom previousTo }} }}")).data["dashboard"]
    alone = (await ask(f"{{ {of} {{ previousFrom previousTo }} }}")).data["dashboard"]

    assert {value is None for value in whole.values()} == {"from" not in filter_}
    assert alone == {name: whole[name] for name in ("previousFrom", "previousTo")}


async def test_the_answer_says_where_the_previous_span_begins_and_ends(account: Account, caller: Any) -> None:
    ask = await caller(Role.BUILDER)
    span = '{from: "2026-03-02T05:00:00Z", to: "2026-03-09T04:00:00Z"}'

    found = (
        await ask(f'{{ dashboard(timeZone: "America/New_York", filter: {span}) {{ previousFrom previousTo }} }}')
    ).data["dashboard"]

    assert found == {"previousFrom": "2026-02-23T05:00:00Z", "previousTo": "2026-03-02T05:00:00Z"}
