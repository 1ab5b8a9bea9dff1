"""A dashboard tells a role nothing about single sessions that the role may not read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_graph.access.viewer import Role
from session_graph.sessions.dashboard import DashboardResult, DashboardScope, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection, Group
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import EVERYTHING
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.small_groups import COUNT, NAME_SESSIONS, SMALLEST, Guard
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import make_agent, record
from support.viewers import make_viewer
from support.walks import NOW

pytestmark = pytest.mark.anyio

GUARDED = {
    *("total_lead_count", "total_lead_value", "total_opportunity_count", "total_opportunity_value"),
    *("total_additional_deal_count", "opportunity_success_score", "lead_success_score"),
}
"""The metrics that rest on columns which a PORTAL may not read, by docs/access.md."""
EVERY = frozenset(METRICS)
ALL = DashboardSelection(EVERY, EVERY, {Interval.DAY: EVERY}, {Group.CHANNEL: EVERY})
START = NOW - timedelta(days=5)


async def read(
    database: Database,
    account: Account,
    raw: Mapping[str, Any],
    role: Role = Role.PORTAL,
    selection: DashboardSelection = ALL,
) -> DashboardResult:
    request = DashboardRequest(make_viewer(account, role), parse_filter(dict(raw), NOW), selection, NOW)
    return (await read_dashboards(database, request, [DashboardScope(None, "UTC")]))[None]


async def record_days(database: Database, account: Account, *channels_of_days: str) -> list[Any]:
    """Record sessions on days from START: a letter for each session's channel."""
    await make_agent(account)
    channels = {"v": "VOICE", "s": "SMS", "c": "CHAT"}
    return await record(
        database,
        account,
        *(
            {"startedAt": at, "endedAt": at + timedelta(minutes=2), "channel": channels[letter]}
            for day, letters in enumerate(channels_of_days)
            for index, letter in enumerate(letters)
            if (at := START + timedelta(days=day, minutes=index))
        ),
    )


def hidden(metrics: Mapping[str, Any] | None) -> bool:
    """Return whether the guarded metrics are null; they are all or none of them, and the others never are."""
    assert metrics is not None
    assert metrics[COUNT] is not None
    assert metrics["total_asr"] is not None
    nulls = {
        name for name in ("total_lead_count", "total_lead_value", "total_opportunity_count") if metrics[name] is None
    }
    assert nulls in (set(), {"total_lead_count", "total_lead_value", "total_opportunity_count"})
    if nulls:
        assert all(metrics[name] is None for name in GUARDED)
    return bool(nulls)


def test_the_guarded_metrics_are_those_that_rest_on_columns_a_portal_may_not_read() -> None:
    assert {name for name, metric in METRICS.items() if metric.guarded_roles} == GUARDED
    assert {role for metric in METRICS.values() for role in metric.guarded_roles} == {Role.PORTAL}


@pytest.mark.parametrize(("sessions", "expected"), [(0, False), (1, True), (4, True), (5, False)])
async def test_a_dashboard_of_one_to_four_sessions_hides_them(
    database: Database, account: Account, sessions: int, expected: bool
) -> None:
    await record_days(database, account, "v" * sessions)

    assert hidden((await read(database, account, {})).totals) is expected


@pytest.mark.parametrize("role", [Role.BUILDER, Role.ADMIN])
async def test_whoever_reads_the_columns_reads_the_figures_of_one_session(
    database: Database, account: Account, role: Role
) -> None:
    await record_days(database, account, "v")

    found = await read(database, account, {}, role)

    assert found.totals["total_lead_count"] == 1
    assert found.groups[Group.CHANNEL][0].metrics["total_lead_count"] == 1


async def test_a_span_of_one_session_hides_its_figures(database: Database, account: Account) -> None:
    await record_days(database, account, "vvvvvv")
    second = {"from": START, "to": START + timedelta(seconds=1)}

    found = await read(database, account, second)

    assert (found.totals[COUNT], hidden(found.totals)) == (1, True)


async def test_the_previous_span_of_few_sessions_hides_theirs(database: Database, account: Account) -> None:
    await record_days(database, account, "v", "vvvvv")
    start = START + timedelta(hours=12)
    span = {"from": start, "to": start + timedelta(days=1)}

    found = await read(database, account, span)

    assert (hidden(found.totals), hidden(found.previous)) == (False, True)


async def test_small_intervals_and_slices_are_hidden_and_empty_ones_are_not(
    database: Database, account: Account
) -> None:
    await record_days(database, account, "vvvvv", "vvv", "", "sss", "vvvvvv")

    found = await read(database, account, {})

    assert not hidden(found.totals)
    assert [(p.metrics[COUNT], hidden(p.metrics)) for p in found.series[Interval.DAY]][:5] == [
        *((5, False), (3, True), (0, False), (3, True), (6, False)),
    ]


async def test_a_hidden_interval_cannot_be_reckoned_from_the_others_and_the_whole(
    database: Database, account: Account
) -> None:
    await record_days(database, account, "vvvvvss", "v", "vvvvv")

    found = await read(database, account, {})

    assert [(p.metrics[COUNT], hidden(p.metrics)) for p in found.series[Interval.DAY]][:3] == [
        *((7, False), (1, True), (5, True)),
    ]
    assert [(s.key, s.metrics[COUNT], hidden(s.metrics)) for s in found.groups[Group.CHANNEL]] == [
        *(("VOICE", 11, True), ("SMS", 2, True)),
    ]


@pytest.mark.parametrize("wrap", ["plain", "not", "anyOf", "not not"])
@pytest.mark.parametrize("kind", sorted(NAME_SESSIONS))
async def test_a_filter_that_names_sessions_hides_the_figures_at_any_depth(
    database: Database, account: Account, kind: str, wrap: str
) -> None:
    ids = await record_days(database, account, "v" * 12)
    value = [str(id_) for id_ in ids[:6]] if kind == "ids" else "nobody" if kind in ("search", "contact") else ["none"]
    named: dict[str, Any] = {kind: value}
    raw = {
        "plain": named,
        "not": {"not": named},
        "anyOf": {"anyOf": [named, {"isTodo": False}]},
        "not not": {"not": {"anyOf": [{"not": named}]}},
    }[wrap]

    found = await read(database, account, raw)

    assert hidden(found.totals) is bool(found.totals[COUNT])
    assert (await read(database, account, raw, Role.BUILDER)).totals["total_lead_count"] is not None


async def test_the_number_of_sessions_is_read_though_it_is_not_selected(database: Database, account: Account) -> None:
    await record_days(database, account, "vvv")
    leads = frozenset({"total_lead_count"})

    found = await read(database, account, {}, selection=DashboardSelection(leads, None, {Interval.DAY: leads}))

    assert found.totals["total_lead_count"] is None
    assert {point.metrics["total_lead_count"] for point in found.series[Interval.DAY]} <= {None, 0}


@dataclass(frozen=True)
class Slice:
    metrics: Mapping[str, Any]


@given(st.lists(st.integers(0, 12), max_size=8))
def test_what_is_null_in_parts_is_together_of_five_sessions_or_more_or_everything(counts: Sequence[int]) -> None:
    guard = Guard.of(Role.PORTAL, EVERYTHING, ["total_lead_count"])

    parts = guard.parts([Slice({COUNT: count, "total_lead_count": count}) for count in counts])

    shown = [part.metrics[COUNT] for part in parts if part.metrics["total_lead_count"] is not None]
    rest = sum(counts) - sum(shown)
    assert rest == 0 or rest >= SMALLEST or not sum(shown)
    assert all(count == 0 or count >= SMALLEST for count in shown)
    assert [part.metrics[COUNT] for part in parts] == list(counts)
