"""Dashboards, by example: metrics, series, groups and the previous period."""

from typing import Any

import pytest

from session_graph.store.database import Database
from session_graph.store.models import Account, Agent
from support.api import Caller
from support.records import at, record

pytestmark = pytest.mark.anyio


METRICS = """
    totalSessionCount totalLeadCount totalLeadValue totalOpportunityCount totalOpportunityValue
    totalAdditionalDealCount totalAsr opportunitySuccessScore conversationSuccessScore leadSuccessScore
"""


async def test_a_dashboard_of_nothing_is_zero_and_scores_are_null(ask: Caller) -> None:
    answer = await ask(f"{{ dashboard {{ {METRICS} series {{ from }} groups(by: CHANNEL) {{ key }} }} }}")

    assert answer.data["dashboard"] == {
        "totalSessionCount": 0,
        "totalLeadCount": 0,
        "totalLeadValue": "0.00",
        "totalOpportunityCount": 0,
        "totalOpportunityValue": "0.00",
        "totalAdditionalDealCount": "0",
        "totalAsr": "0.00",
        "opportunitySuccessScore": None,
        "conversationSuccessScore": None,
        "leadSuccessScore": None,
        "series": [],
        "groups": [],
    }


@pytest.fixture
async def fortnight(database: Database, account: Account, agent: Agent) -> None:
    """Sessions from Tuesday to Friday: two parties of four at noon in New York, a caller at night, a chat, a test."""
    await record(
        database,
        account,
        {**at(10, "17:00"), "sessionType": "order", "conversationQuality": 4},
        {**at(10, "17:30"), "sessionType": "order", "autoAssessment": "NO", "conversationQuality": 5},
        {**at(12, "03:00"), "phone": None},
        {**at(13, "17:00"), "channel": "CHAT", "sessionType": "menu", "intentToBuy": False, "autoAssessment": None},
        {**at(13, "18:00"), "isTest": True},
    )


async def test_a_dashboard_has_the_figures_of_its_sessions(ask: Caller, fortnight: None) -> None:
    answer = await ask(f"{{ dashboard {{ {METRICS} currency timeZone }} }}")

    assert answer.data["dashboard"] == {
        "totalSessionCount": 4,
        "totalLeadCount": 3,
        "totalLeadValue": "780.00",
        "totalOpportunityCount": 2,
        "totalOpportunityValue": "520.00",
        "totalAdditionalDealCount": "0.27",
        "totalAsr": "70.20",
        "opportunitySuccessScore": "0.5",
        "conversationSuccessScore": "0.9",
        "leadSuccessScore": "0.66666666666666666667",
        "currency": "USD",
        "timeZone": "UTC",
    }


async def test_a_series_has_every_interval_of_its_span(ask: Caller, fortnight: None) -> None:
    query = """query($zone: String, $filter: SessionFilter, $interval: Interval! = DAY) {
        dashboard(timeZone: $zone, filter: $filter) {
            timeZone series(interval: $interval) { from to totals { totalSessionCount totalAsr } }
        }
    }"""

    async def read(**variables: Any) -> list[tuple[str, str, int, str]]:
        points = (await ask(query, **variables)).data["dashboard"]["series"]
        return [(p["from"], p["to"], p["totals"]["totalSessionCount"], p["totals"]["totalAsr"]) for p in points]

    days = [f"2026-11-{day}T00:00:00Z" for day in range(10, 15)]
    utc = await read()
    assert utc == list(zip(days, days[1:], [2, 0, 1, 1], ["70.20", "0.00", "0.00", "0.00"], strict=False))

    local = await read(zone="America/New_York")
    assert [(start, count) for start, _, count, _ in local] == [
        (f"2026-11-{day}T05:00:00Z", count) for day, count in ((10, 2), (11, 1), (12, 0), (13, 1))
    ]

    span = {"from": "2026-11-08T12:00:00Z", "to": "2026-11-17T06:00:00Z"}
    weeks = await read(filter=span, interval="WEEK")
    assert [(start, end, count) for start, end, count, _ in weeks] == [
        ("2026-11-08T12:00:00Z", "2026-11-09T00:00:00Z", 0),
        ("2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z", 4),
        ("2026-11-16T00:00:00Z", "2026-11-17T06:00:00Z", 0),
    ]

    months = await read(interval="MONTH")
    assert months == [("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", 4, "70.20")]
    hours = await read(filter={"from": "2026-11-10T16:45:00Z", "to": "2026-11-10T19:00:00Z"}, interval="HOUR")
    assert [count for *_, count, _ in hours] == [0, 2, 0]


async def test_an_agents_days_are_of_its_own_zone(ask: Caller, fortnight: None) -> None:
    answer = await ask(
        """{ agents {
            dashboard { timeZone series { from } } utc: dashboard(timeZone: "UTC") { timeZone series { from } }
        } }"""
    )

    (agent,) = answer.data["agents"]
    assert (agent["dashboard"]["timeZone"], agent["utc"]["timeZone"]) == ("America/New_York", "UTC")
    assert agent["dashboard"]["series"][0]["from"] == "2026-11-10T05:00:00Z"
    assert agent["utc"]["series"][0]["from"] == "2026-11-10T00:00:00Z"


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("CHANNEL", [("VOICE", 3), ("CHAT", 1)]),
        ("SESSION_TYPE", [("order", 2), ("menu", 1), (None, 1)]),
        ("WORKING_HOURS", [("true", 3), ("false", 1)]),
        ("AGENT", [("bistro", 4)]),
        ("INTEGRATION", [(None, 4)]),
        ("ASSESSMENT", [("YES_A", 2), ("NO", 1), (None, 1)]),
        ("SESSION_LENGTH", [("REGULAR", 4)]),
    ],
)
async def test_groups_come_largest_first_and_empty_last(
    ask: Caller, fortnight: None, by: str, groups: list[tuple[str | None, int]]
) -> None:
    answer = await ask(
        "query($by: DashboardGroup!) { dashboard { groups(by: $by) { key totals { totalSessionCount } } } }", by=by
    )

    found = [(group["key"], group["totals"]["totalSessionCount"]) for group in answer.data["dashboard"]["groups"]]
    assert found == groups


@pytest.mark.parametrize(
    ("selection", "figure"),
    [
        ("groups(by: CHANNEL) { key totals { totalAsr } }", {"groups": "70.20"}),
        ("series(interval: MONTH) { totals { totalAsr } }", {"series": "70.20"}),
        ("previous { totalAsr }", {"previous": "0.00"}),
    ],
)
async def test_a_part_of_a_dashboard_is_served_alone(
    ask: Caller, fortnight: None, selection: str, figure: dict[str, str]
) -> None:
    filter_ = '{from: "2026-11-01T00:00:00Z", to: "2026-11-30T00:00:00Z"}'

    found = (await ask(f"{{ dashboard(filter: {filter_}) {{ {selection} }} }}")).data["dashboard"]

    ((name, value),) = figure.items()
    first = found[name] if name == "previous" else found[name][0]["totals"]
    assert first["totalAsr"] == value


@pytest.mark.parametrize(
    "selection",
    [
        "series { from to }",
        "series { __typename }",
        "series { totals { __typename } }",
        "series { from } groups(by: CHANNEL) { key }",
        "groups(by: AGENT) { __typename }",
        "previous { __typename }",
        "__typename",
        "totalAsr series { from } previous { totalSessionCount } a: groups(by: CHANNEL) { key }",
    ],
)
async def test_a_dashboard_is_served_with_any_selection(ask: Caller, fortnight: None, selection: str) -> None:
    for filter_ in ("{}", "{period: LAST_7_DAYS}", '{from: "2026-11-01T00:00:00Z"}'):
        dashboard = f"dashboard(filter: {filter_}) {{ {selection} }}"
        answer = await ask(f"{{ {dashboard} agents {{ {dashboard} }} }}")
        assert answer.data["agents"]


async def test_the_span_before_is_as_long_and_ends_where_the_filter_begins(ask: Caller, fortnight: None) -> None:
    query = "query($f: SessionFilter) { dashboard(filter: $f) { totalSessionCount previous { totalSessionCount } } }"

    async def read(**filter_: Any) -> tuple[int, int | None]:
        found = (await ask(query, f=filter_)).data["dashboard"]
        return found["totalSessionCount"], found["previous"] and found["previous"]["totalSessionCount"]

    assert await read(**{"from": "2026-11-12T00:00:00Z", "to": "2026-11-14T00:00:00Z"}) == (2, 2)
    assert await read(**{"from": "2026-11-12T03:00:00Z", "to": "2026-11-12T03:00:01Z"}) == (1, 0)
    assert await read(**{"from": "2026-11-11T00:00:00Z", "to": "2026-11-12T00:00:00Z"}) == (0, 2)
    assert await read(to="2026-11-12T00:00:00Z") == (2, None)
    assert await read() == (4, None)


async def test_tests_and_archived_sessions_count_when_asked_for(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    await record(database, account, {}, {"isTest": True}, {"tags": ["old"]}, {"tags": ["old"], "isTest": True})
    await ask(
        'mutation { updateSessions(input: {target: {filter: {tags: ["old"]}}, patch: {isArchived: true}})'
        " { changedCount } }"
    )

    async def count(arguments: str) -> tuple[int, str]:
        call = f"dashboard({arguments})" if arguments else "dashboard"
        found = (await ask(f"{{ {call} {{ totalSessionCount totalAsr }} }}")).data["dashboard"]
        return found["totalSessionCount"], found["totalAsr"]

    assert await count("") == (1, "70.20")
    assert await count("includeTest: true") == (2, "70.20")
    assert await count("includeArchived: true") == (2, "140.40")
    assert await count("includeTest: true, includeArchived: true") == (4, "140.40")
    assert await count("filter: {isTest: true}") == (1, "0.00")
    assert await count("filter: {isTest: true, isArchived: true}") == (1, "0.00")
    assert await count("filter: {isTest: false}, includeTest: true") == (1, "70.20")
    assert await count("filter: {anyOf: [{isTest: true}]}") == (0, "0.00")


async def test_one_field_under_several_aliases_has_several_arguments(ask: Caller, fortnight: None) -> None:
    answer = await ask(
        """{ dashboard {
            byDay: series { totals { totalSessionCount } } byWeek: series(interval: WEEK) { totals { totalAsr } }
            channels: groups(by: CHANNEL) { key } types: groups(by: SESSION_TYPE) { key totals { totalLeadCount } }
            again: groups(by: CHANNEL) { totals { totalAsr } }
        } }"""
    )

    found = answer.data["dashboard"]
    assert [point["totals"] for point in found["byDay"]] == [{"totalSessionCount": count} for count in (2, 0, 1, 1)]
    assert found["byWeek"] == [{"totals": {"totalAsr": "70.20"}}]
    assert found["channels"] == [{"key": "VOICE"}, {"key": "CHAT"}]
    assert found["types"][0] == {"key": "order", "totals": {"totalLeadCount": 2}}
    assert found["again"] == [{"totals": {"totalAsr": "70.20"}}, {"totals": {"totalAsr": "0.00"}}]
