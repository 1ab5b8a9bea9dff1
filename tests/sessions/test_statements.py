"""The most important statements, laid out for reviewers as the files of tests/golden.

`SESSION_GRAPH_REWRITE_GOLDEN=1 pytest tests/sessions/test_statements.py` rewrites them; then read the difference.
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.sessions.cursors import Cursor
from session_graph.sessions.dashboard import DashboardScope, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection, Group
from session_graph.sessions.enums import Direction
from session_graph.sessions.event_history import LogPosition
from session_graph.sessions.event_log import Event, EventKind, read_events
from session_graph.sessions.feed import Following, read_changes
from session_graph.sessions.filter_options import read_options
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import Filter
from session_graph.sessions.intervals import Interval
from session_graph.sessions.ordering import ORDER_FIELDS, Order
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import (
    AGENT,
    EXTERNAL_ID,
    SessionList,
    count_sessions,
    has_opposite_page,
    read_pages,
    read_session,
)
from session_graph.store.database import Database
from support.walks import NOW, cursors_of

pytestmark = pytest.mark.anyio

GOLDEN = Path(__file__).parents[1] / "golden"
REWRITE = bool(os.environ.get("SESSION_GRAPH_REWRITE_GOLDEN"))
WIDTH = 110

COLUMNS = frozenset(("started_at", "session_type", "asr", "contact"))
METRICS = frozenset(("total_session_count", "total_lead_value", "total_asr", "lead_success_score"))
ID, AGENTS = UUID(int=7), [UUID(int=11), UUID(int=12)]
LIVE_WEEK: Mapping[str, Any] = {"period": "LAST_7_DAYS", "isTest": False, "agents": ["bistro"]}
UNRATED: Mapping[str, Any] = {
    "not": {"conversationQuality": {"from": 1}},
    "anyOf": [{"isLead": True}, {"tags": ["vip"]}],
}
BY_CONTACT = Order(ORDER_FIELDS["CONTACT"], Direction.ASC)


class CapturingDatabase(Database):
    """A database that returns nothing and keeps the statement; checks that each value has a placeholder."""

    def __init__(self) -> None:
        self.sql = ""

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        assert {f"${n}" for n in range(1, len(values) + 1)} == set(re.findall(r"\$\d+", sql))
        self.sql = sql
        return []

    async def fetchrow(self, sql: str, *values: object) -> Any:
        await self.fetch(sql, *values)


def viewer(role: Role = Role.BUILDER, **limits: Any) -> Viewer:
    return Viewer(AccountFacts(UUID(int=1), "a", "a", "USD", 2, "UTC"), role, "key", **limits)


def filtered(raw: Mapping[str, Any]) -> Filter:
    return parse_filter(raw, NOW)


def page_after(value: Any) -> PageRequest:
    return PageRequest(50, cursor=Cursor(value, ID, NOW))


def assert_golden(name: str, database: CapturingDatabase) -> None:
    path, found = GOLDEN / f"{name}.sql", lay_out(database.sql)
    if REWRITE:
        path.write_text(found, "utf-8")
    assert found == path.read_text("utf-8")


_CLAUSES = {"select", "from", "where", "and", "or", "order", "group", "limit", "union", "join", "cross", "with"}
_TOKENS = re.compile(r"\(select \$\d+::\w+\)|'[^']*'|\(\s*select\b|\(|\)|[^\s()']+(?:'[^']*'[^\s()']*)?|\s+")


def lay_out(sql: str) -> str:
    """Put each clause and named column on a line and indent inner statements; change only white space."""
    lines, opened, indent, before = [""], [True], 0, ["", ""]
    for token in _TOKENS.findall(sql):
        word = token.strip()
        if not word:
            lines[-1] += " " if lines[-1].strip() else ""
            continue
        if word.startswith("(") and word.endswith("select"):
            indent += 1
            opened.append(True)
            lines[-1] += "("
            lines.append("    " * indent + "select")
        elif word == ")":
            if opened.pop():
                indent -= 1
                lines.append("    " * indent)
            lines[-1] += ")"
        else:
            starts_clause = opened[-1] and word in _CLAUSES and before[1] != "cross"
            starts_column = opened[-1] and before[0] == "as" and before[1].endswith(",")
            if starts_clause or starts_column or len(lines[-1]) + len(word) > WIDTH:
                lines.append("    " * (indent if starts_clause else indent + 1))
            lines[-1] += word
            if word == "(":
                opened.append(False)
        before = [before[1], word]
    laid_out = "\n".join(line.rstrip() for line in lines if line.strip()) + "\n"
    assert re.sub(r"\s", "", laid_out) == re.sub(r"\s", "", sql)
    return laid_out


async def test_the_first_page_of_a_list() -> None:
    database = CapturingDatabase()

    await read_pages(database, SessionList(viewer(), filtered(LIVE_WEEK)), COLUMNS, PageRequest(50))

    assert_golden("list_page", database)


async def test_the_page_after_it() -> None:
    database = CapturingDatabase()

    sessions = SessionList(viewer(), filtered(LIVE_WEEK))
    await read_pages(database, sessions, COLUMNS, page_after(NOW), cursors=cursors_of(sessions))

    assert_golden("list_page_behind", database)


async def test_a_page_after_a_cursor_in_a_nullable_order() -> None:
    database = CapturingDatabase()

    sessions = SessionList(viewer(), filtered({"isLead": True}), BY_CONTACT)
    await read_pages(database, sessions, COLUMNS, page_after("ana"), cursors=cursors_of(sessions))

    assert_golden("list_page_by_contact_behind_a_name", database)


async def test_a_page_among_the_nulls() -> None:
    database = CapturingDatabase()

    await read_pages(database, SessionList(viewer(), filtered({}), BY_CONTACT), COLUMNS, page_after(None))

    assert_golden("list_page_by_contact_behind_the_nameless", database)


async def test_the_opposite_direction_of_a_cursor() -> None:
    database = CapturingDatabase()

    await has_opposite_page(database, SessionList(viewer(), filtered({}), BY_CONTACT), page_after("ana"))

    assert_golden("list_behind", database)


async def test_a_page_for_each_agent() -> None:
    database = CapturingDatabase()

    await read_pages(database, SessionList(viewer(), filtered({}), parent=AGENT), COLUMNS, PageRequest(5), AGENTS)

    assert_golden("list_page_of_each_agent", database)


async def test_a_page_for_each_external_id_of_a_partner() -> None:
    database, partner = CapturingDatabase(), viewer(Role.PARTNER, integrations=("crm", "pos"))

    await read_pages(database, SessionList(partner, parent=EXTERNAL_ID), COLUMNS, PageRequest(20), ["A-1", "B-2"])

    assert_golden("list_page_of_each_external_id", database)


async def test_a_count() -> None:
    database = CapturingDatabase()

    await count_sessions(database, SessionList(viewer(), filtered(UNRATED)))

    assert_golden("count", database)


async def test_one_session_for_a_viewer_limited_to_agents() -> None:
    database, portal = CapturingDatabase(), viewer(Role.PORTAL, agents=("bistro", "clinic"))

    await read_session(database, portal, ID, COLUMNS)

    assert_golden("session", database)


async def test_a_search_of_a_portal() -> None:
    database = CapturingDatabase()

    await read_pages(
        database, SessionList(viewer(Role.PORTAL), filtered({"search": "4155550134"})), COLUMNS, PageRequest(50)
    )

    assert_golden("search", database)


async def test_a_dashboard_with_series_groups_and_the_previous_span() -> None:
    database = CapturingDatabase()
    wanted = DashboardSelection(
        METRICS, METRICS, {Interval.DAY: METRICS}, {Group.AGENT: METRICS, Group.SESSION_TYPE: METRICS}
    )
    request = DashboardRequest(viewer(), filtered({"from": NOW - timedelta(days=3), "to": NOW}), wanted, NOW)

    await read_dashboards(database, request, [DashboardScope(None, "America/New_York")])

    assert_golden("dashboard", database)


async def test_the_dashboards_of_agents() -> None:
    database = CapturingDatabase()
    request = DashboardRequest(viewer(), filtered({"period": "LAST_30_DAYS"}), DashboardSelection(METRICS), NOW)

    await read_dashboards(database, request, [DashboardScope(agent, "UTC") for agent in AGENTS])

    assert_golden("dashboards_of_agents", database)


async def test_the_options_of_filter_panels() -> None:
    database = CapturingDatabase()

    await read_options(database, viewer(), ["sessionTypes", "tags"])

    assert_golden("filter_options", database)


async def test_events_after_a_position() -> None:
    database = CapturingDatabase()

    with pytest.raises(IndexError):
        await read_events(database, ID, LogPosition(1, "0" * 16, 700, 3), 200)

    assert_golden("events", database)


async def test_the_changes_that_events_mean() -> None:
    """The list's condition decides what matches; its scope decides which sessions a subscriber hears of at all."""
    database = CapturingDatabase()
    partner = viewer(Role.PARTNER, integrations=("crm", "pos"))
    following = Following(partner, {"isTest": False, "period": "LAST_7_DAYS"}, COLUMNS, 200)

    await read_changes(database, following, [Event(LogPosition(1, "0" * 16, 700, 4), ID, EventKind.CHANGED)], NOW)

    assert_golden("changes", database)


def test_every_file_is_one_of_these_statements() -> None:
    names = set(re.findall(r'assert_golden\("(\w+)"', Path(__file__).read_text("utf-8")))

    assert {path.stem for path in GOLDEN.glob("*.sql")} == names
