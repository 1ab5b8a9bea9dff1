"""The agreement test: for every filter and viewer, list, totalCount and dashboard agree to the row with an oracle.

The oracle is plain Python over plain rows. One difference is intended: a dashboard leaves out test and archived
sessions unless the top level of its filter names them or its arguments include them (domain.md, "Dashboard values").
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_graph.access.viewer import Role, Viewer
from session_graph.parsing import parse_instant
from session_graph.sessions.dashboard import DashboardResult, DashboardScope, Metrics, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection, Group
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import CONDITIONS
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import AGENT, EXTERNAL_ID, SessionList, count_sessions, read_pages, read_session
from session_graph.store.database import Database
from session_graph.store.models import Account
from support import oracle
from support.api import make_caller
from support.filters import CASES, VALUES, filters, resolved
from support.oracle import Oracle, Raw, Row
from support.viewers import VIEWERS, make_viewer, viewer_of
from support.walks import NOW, id_of, walk

pytestmark = pytest.mark.anyio

ALL_FIGURES = frozenset(METRICS)
TOTALS = DashboardSelection(ALL_FIGURES)
COUNT_ALONE = DashboardSelection(frozenset({"total_session_count"}))
anybody = st.sampled_from(sorted(VIEWERS))
thorough = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
brief = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def ids(rows: Sequence[Any]) -> list[UUID]:
    return [id_of(row) for row in rows]


async def read_figures(
    database: Database,
    viewer: Viewer,
    raw: Raw,
    wanted: DashboardSelection = TOTALS,
    zone: str = "UTC",
    **include: bool,
) -> DashboardResult:
    """Return the account's dashboard."""
    request = DashboardRequest(viewer, parse_filter(raw, NOW), wanted, NOW, **include)
    return (await read_dashboards(database, request, [DashboardScope(None, zone)]))[None]


def assert_same(found: Metrics, rows: Sequence[Row], viewer: Viewer) -> None:
    """Compare counts and money exactly, scores to the 15 decimal places that a division has.

    What is guarded from the viewer may be null of some sessions; `test_small_groups` tests of which.
    """
    for name, expected in oracle.metrics(rows).items():
        if name in found:
            value, metric = found[name], METRICS[name]
            if value is None and rows and viewer.role in metric.guarded_roles:
                continue
            exact = expected is None or value is None or not metric.is_score
            assert value == expected if exact else abs(value - expected) < Decimal("1e-15"), name


def test_there_are_cases_and_values_for_every_condition() -> None:
    assert {name for raw in CASES for name in raw} == set(CONDITIONS)
    assert {*VALUES, "anyOf", "not"} == set(CONDITIONS)


async def test_the_account_has_sessions_for_both_outcomes_of_every_condition(
    varied: Account, plain_rows: list[Row]
) -> None:
    judge = Oracle(make_viewer(varied), NOW)

    told = [raw for raw in CASES if 0 < len(judge.select(plain_rows, resolved(raw, plain_rows))) < len(plain_rows)]

    assert {name for raw in told for name in raw} == set(CONDITIONS)


async def test_every_row_has_the_values_that_follow_from_its_inputs(plain_rows: list[Row]) -> None:
    for row in plain_rows:
        assert row["lead_value"] == oracle.lead_value(row)
        assert row["asr"] == oracle.asr(row)
        assert row["additional_deals"] == oracle.additional_deals(row)
        assert row["is_success"] == oracle.succeeded(row)
        assert row["assessment"] == (row["human_assessment"] or row["auto_assessment"])


@pytest.mark.parametrize("who", VIEWERS)
async def test_each_condition_alone_is_the_same_in_list_count_and_dashboard(
    database: Database, varied: Account, plain_rows: list[Row], who: str
) -> None:
    viewer = viewer_of(varied, who)
    for raw in (resolved(case, plain_rows) for case in CASES):
        sessions = SessionList(viewer, parse_filter(raw, NOW))

        listed = await walk(database, sessions, 200)
        counted = (await count_sessions(database, sessions))[None]
        totals = (
            await read_figures(database, viewer, raw, COUNT_ALONE, include_test=True, include_archived=True)
        ).totals

        assert ids(listed) == ids(Oracle(viewer, NOW).select(plain_rows, raw)), raw
        assert counted == totals["total_session_count"] == len(listed), raw


@thorough
@given(raw=filters(), who=anybody, size=st.integers(1, 60))
async def test_any_filter_is_the_same_in_list_count_and_dashboard(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw, who: str, size: int
) -> None:
    viewer, raw = viewer_of(varied, who), resolved(raw, plain_rows)
    sessions = SessionList(viewer, parse_filter(raw, NOW))
    expected = Oracle(viewer, NOW).select(plain_rows, raw)

    assert ids(await walk(database, sessions, size)) == ids(expected)
    assert (await count_sessions(database, sessions))[None] == len(expected)
    assert_same(
        (await read_figures(database, viewer, raw, include_test=True, include_archived=True)).totals, expected, viewer
    )


@brief
@given(raw=filters(depth=2), who=anybody)
async def test_not_is_the_exact_complement(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw, who: str
) -> None:
    viewer, raw = viewer_of(varied, who), resolved(raw, plain_rows)

    inside, outside, everything = [
        ids(await walk(database, SessionList(viewer, parse_filter(one, NOW)), 200)) for one in (raw, {"not": raw}, {})
    ]

    assert not set(inside) & set(outside)
    assert {*inside, *outside} == set(everything)


@brief
@given(raw=filters(depth=2), who=anybody)
async def test_a_dashboard_is_the_list_without_tests_and_archived_ones(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw, who: str
) -> None:
    viewer, raw = viewer_of(varied, who), resolved(raw, plain_rows)

    listed = await walk(database, SessionList(viewer, parse_filter(live(raw), NOW)), 200, columns=SHOWN)
    found = (await read_figures(database, viewer, raw)).totals

    assert ids(listed) == ids(Oracle(viewer, NOW).select(plain_rows, live(raw)))
    assert found["total_session_count"] == len(listed)
    assert_same(found, shown(listed, plain_rows), viewer)


def live(raw: Raw) -> Raw:
    """Return the filter with `isTest: false, isArchived: false` added unless its top level names them."""
    return {"isTest": False, "isArchived": False, **raw}


SHOWN = frozenset(("lead_value", "asr", "conversation_quality", "is_lead", "is_opportunity", "started_at"))


def shown(listed: Sequence[Any], plain_rows: Sequence[Row]) -> list[Row]:
    """Return the listed rows, with values that a list does not have taken from the table."""
    known = {row["id"]: row for row in plain_rows}
    return [{**known[id_of(row)], **row, **_values(row)} for row in listed]


def _values(row: Any) -> dict[str, Any]:
    """Return the values that a list has as text, parsed."""
    decimals = {name: Decimal(row[name]) for name in ("lead_value", "asr")}
    return {**decimals, "id": id_of(row), "started_at": parse_instant(row["started_at"])}


@pytest.mark.parametrize(("test", "archived"), list(product((False, True), repeat=2)))
async def test_a_dashboard_includes_what_its_arguments_include(
    database: Database, varied: Account, plain_rows: list[Row], test: bool, archived: bool
) -> None:
    viewer = make_viewer(varied)
    hidden = {**({} if test else {"isTest": False}), **({} if archived else {"isArchived": False})}

    found = await read_figures(database, viewer, {}, include_test=test, include_archived=archived)

    assert_same(found.totals, Oracle(viewer, NOW).select(plain_rows, hidden), viewer)


@pytest.mark.parametrize("raw", [{"not": {"isTest": False}}, {"anyOf": [{"isArchived": True}]}])
async def test_only_the_top_level_of_a_filter_decides_about_test_and_archived_sessions(
    database: Database, varied: Account, raw: Raw
) -> None:
    assert (await read_figures(database, make_viewer(varied), raw)).totals["total_session_count"] == 0


async def test_under_is_test_the_metrics_are_those_of_the_test_sessions_and_their_asr_is_0(
    database: Database, varied: Account, plain_rows: list[Row]
) -> None:
    viewer = make_viewer(varied)
    expected = Oracle(viewer, NOW).select(plain_rows, {"isTest": True, "isArchived": False})

    found = (await read_figures(database, viewer, {"isTest": True})).totals

    assert found["total_lead_value"] > 0
    assert found["total_asr"] == 0
    assert_same(found, expected, viewer)


@brief
@given(
    raw=filters(depth=1),
    who=anybody,
    interval=st.sampled_from(Interval),
    zone=st.sampled_from(("UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")),
)
async def test_a_series_is_its_rows_interval_by_interval(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw, who: str, interval: Interval, zone: str
) -> None:
    viewer, raw = viewer_of(varied, who), resolved(raw, plain_rows)
    expected = Oracle(viewer, NOW).select(plain_rows, live(raw))
    wanted = DashboardSelection(ALL_FIGURES, series={interval: ALL_FIGURES})

    found = await read_figures(database, viewer, raw, wanted, zone)

    assert_same(found.totals, expected, viewer)
    if refusal := found.refused.get(interval):
        assert "at most 1,000" in refusal.message
        return
    points = found.series[interval]
    for point in points:
        assert_same(point.metrics, [row for row in expected if point.start <= row["started_at"] < point.end], viewer)
    assert sum(point.metrics["total_session_count"] for point in points) == len(expected)
    assert [point.end for point in points[:-1]] == [point.start for point in points[1:]]


@brief
@given(raw=filters(depth=1), who=anybody, group=st.sampled_from(Group))
async def test_groups_are_their_rows_largest_first(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw, who: str, group: Group
) -> None:
    viewer, raw = viewer_of(varied, who), resolved(raw, plain_rows)
    rows: dict[str | None, list[Row]] = {}
    for row in Oracle(viewer, NOW).select(plain_rows, live(raw)):
        rows.setdefault(key_of(row, group), []).append(row)

    slices = (await read_figures(database, viewer, raw, DashboardSelection(groups={group: ALL_FIGURES}))).groups[group]

    assert {one.key for one in slices} == set(rows)
    assert len(slices) == len(rows)
    for one in slices:
        assert_same(one.metrics, rows[one.key], viewer)
    sizes = [one.metrics["total_session_count"] for one in slices]
    assert sizes == sorted(sizes, reverse=True)


def key_of(row: Row, group: Group) -> str | None:
    value = row[group.value.lower()]
    return value if value is None or isinstance(value, str) else str(value).lower()


@brief
@given(raw=filters(depth=1), who=anybody, zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]))
async def test_previous_is_the_same_filter_over_the_previous_span(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw, who: str, zone: str
) -> None:
    viewer, raw = viewer_of(varied, who), resolved(raw, plain_rows)
    found = await read_figures(database, viewer, raw, DashboardSelection(ALL_FIGURES, previous=ALL_FIGURES), zone)

    span = span_of(raw)

    if span is None:
        assert (found.previous, found.previous_span) == (None, None)
        return
    assert found.previous is not None
    rest = {name: value for name, value in live(raw).items() if name not in ("period", "from", "to")}
    start, end = oracle.previous_span(*span, zone)
    assert found.previous_span == (start, end)
    before = {**rest, "from": start, "to": end}
    assert_same(found.previous, Oracle(viewer, NOW).select(plain_rows, before), viewer)


def span_of(raw: Raw) -> tuple[datetime, datetime] | None:
    if "period" in raw:
        return NOW - timedelta(hours=oracle.PERIODS[raw["period"]]), NOW
    return (raw["from"], max(raw["from"], raw.get("to", NOW))) if "from" in raw else None


@pytest.mark.parametrize("raw", [{}, {"period": "LAST_7_DAYS"}, {"isLead": True}, {"agents": ["desk"]}])
async def test_the_dashboards_and_lists_of_agents_are_those_of_the_filter_by_agent(
    database: Database, varied: Account, plain_rows: list[Row], raw: Raw
) -> None:
    viewer, filter_ = make_viewer(varied), parse_filter(raw, NOW)
    idns = {row["agent_id"]: row["agent"] for row in plain_rows}
    request = DashboardRequest(
        viewer, filter_, DashboardSelection(ALL_FIGURES, series={Interval.DAY: ALL_FIGURES}), NOW
    )
    sessions = SessionList(viewer, filter_, parent=AGENT)

    found = await read_dashboards(database, request, [DashboardScope(agent, "Asia/Kathmandu") for agent in idns])
    counted = await count_sessions(database, sessions, list(idns))

    for agent, idn in idns.items():
        own = [row for row in plain_rows if row["agent"] == idn]
        listed = Oracle(viewer, NOW).select(own, raw)
        assert_same(found[agent].totals, Oracle(viewer, NOW).select(own, live(raw)), viewer)
        assert counted[agent] == len(listed)
        assert ids(await walk_one(database, sessions, agent)) == ids(listed)


async def walk_one(database: Database, sessions: SessionList, key: UUID | str) -> Sequence[Any]:
    """Return the first page of one parent's list."""
    return (await read_pages(database, sessions, frozenset(), PageRequest(200), [key]))[key].rows


@pytest.mark.parametrize("who", VIEWERS)
async def test_the_sessions_of_external_ids_are_those_that_the_viewer_may_see(
    database: Database, varied: Account, plain_rows: list[Row], who: str
) -> None:
    viewer = viewer_of(varied, who)
    keys = ("A-1", "a-1", "b\\%_", "unknown")
    sessions = SessionList(viewer, parent=EXTERNAL_ID)

    counted = await count_sessions(database, sessions, keys)

    for key in keys:
        expected = Oracle(viewer, NOW).select(plain_rows, {"externalIds": [key]})
        assert ids(await walk_one(database, sessions, key)) == ids(expected)
        assert counted[key] == len(expected)


@pytest.mark.parametrize("raw", [{}, {"not": {}}, {"not": {"isLead": True}}, {"anyOf": [{}]}, {"isTest": True}])
async def test_a_recorder_sees_nothing(database: Database, varied: Account, plain_rows: list[Row], raw: Raw) -> None:
    viewer = make_viewer(varied, Role.RECORDER)
    sessions = SessionList(viewer, parse_filter(raw, NOW))

    assert await walk(database, sessions) == []
    assert (await count_sessions(database, sessions))[None] == 0
    assert_same((await read_figures(database, viewer, raw, include_test=True)).totals, [], viewer)
    assert await read_session(database, viewer, plain_rows[0]["id"], frozenset()) is None


@pytest.mark.parametrize("who", VIEWERS)
async def test_a_viewer_can_read_a_single_session_if_its_list_has_it(
    database: Database, varied: Account, plain_rows: list[Row], who: str
) -> None:
    viewer = viewer_of(varied, who)

    for row in plain_rows[:40]:
        found = await read_session(database, viewer, row["id"], frozenset())
        assert (found is not None) is Oracle(viewer, NOW).sees(row)


async def test_another_account_sees_none_of_it(database: Database, varied: Account, account: Account) -> None:
    stranger = make_viewer(account)

    assert await walk(database, SessionList(stranger)) == []
    assert_same((await read_figures(database, stranger, {}, include_test=True)).totals, [], stranger)


async def test_what_a_caller_sends_means_the_same(
    client: httpx.AsyncClient, varied: Account, plain_rows: list[Row]
) -> None:
    ask = await make_caller(client, varied, Role.ADMIN)
    judge = Oracle(make_viewer(varied), NOW)
    cases = [raw for raw in CASES if "period" not in raw]

    for raw in (resolved(case, plain_rows) for case in cases):
        answer = await ask(QUERY, filter=in_json(raw))
        if "nobody" in raw.get("agents", ()):
            assert {error["extensions"]["code"] for error in answer.errors} == {"BAD_USER_INPUT"}
            continue

        expected = [str(id_) for id_ in ids(judge.select(plain_rows, raw))]
        assert [node["id"] for node in answer.data["sessions"]["nodes"]] == expected, raw
        assert answer.data["sessions"]["totalCount"] == len(expected), raw
        assert answer.data["dashboard"]["totalSessionCount"] == len(expected), raw


QUERY = """
query ($filter: SessionFilter) {
  sessions(filter: $filter, first: 200) { nodes { id } totalCount }
  dashboard(filter: $filter, includeTest: true, includeArchived: true) { totalSessionCount }
}
"""


def in_json(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case Mapping():
            return {name: in_json(inner) for name, inner in value.items()}
        case list():
            return [in_json(inner) for inner in value]
    return value
