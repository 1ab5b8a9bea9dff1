"""The promise of the indexes: a page reads its rows and no others, anywhere in the list.

Tested with EXPLAIN over 20,000 sessions of two accounts (design.md, "What each part promises").
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.sessions.cursors import cursor_sql
from session_graph.sessions.dashboard import DashboardScope, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection
from session_graph.sessions.enums import Direction
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.intervals import Interval
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.ordering import ORDER_FIELDS, Order
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import AGENT, EXTERNAL_ID, SessionList, read_pages
from session_graph.store.migration import migrate
from support.databases import Attached, connected, empty_database
from support.walks import NOW, cursor_of, cursors_of, walk_pages

pytestmark = pytest.mark.anyio

SIZE = 50
COLUMNS = frozenset(("started_at", "session_type", "asr", "contact", "summary"))
INDEXED = ("STARTED_AT", "UPDATED_AT", "ASR", "LEAD_VALUE")

_FILL = """
insert into session (
    account_id, id, agent_id, channel, started_at, ended_at, session_type, integration, external_id, contact_name,
    phone, phone_search, summary, refused, unavailable, auto_assessment, utms, content_hash, potential_value,
    conversion_rate, recognition, money_scale, working_hours, session_length, is_lead, is_opportunity, is_test, is_todo,
    is_archived, human_assessment, conversation_quality, tags, contact_folded, recorded_at, updated_at
)
select $1, md5(n::text)::uuid, ($2::uuid[])[1 + n % 10], 'VOICE', $3::timestamptz - n * interval '7 minutes',
       $3::timestamptz - n * interval '5 minutes', 'type ' || h % 12, (array['crm', 'crm', 'pos', 'web'])[1 + h % 4],
       'contact ' || h % 2000, 'Somebody', '+1415' || n, '1415' || n, 'Asked for a table', false, false,
       (array['YES_A', 'YES_A', 'YES_A', 'YES_B', 'NO', null])[1 + h / 7 % 6], '{}', '', h % 300, 0.9, 0.3, 2,
       h % 4 = 0, 'REGULAR', h % 3 > 0, h % 3 = 1, h % 20 = 0, h % 11 = 0, h % 25 = 0,
       case when h % 30 = 0 then 'NO' end, nullif(h / 11 % 6, 0), '{}', 'somebody',
       $3, $3::timestamptz - h * interval '1 minute'
from (select n, abs(hashint4(n)) % 100000 as h from generate_series(0, $4 - 1) n) g
"""


class Plan:
    """An executed plan, as described by EXPLAIN."""

    def __init__(self, described: str) -> None:
        self._root = orjson.loads(described)[0]["Plan"]

    def nodes(self, node: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        node = node or self._root
        yield node
        for inner in node.get("Plans", []):
            yield from self.nodes(inner)

    @property
    def sorts(self) -> bool:
        return any("Sort" in node["Node Type"] for node in self.nodes())

    @property
    def rows_read(self) -> float:
        """Return how many rows of `session` were read, with those that a filter removed."""
        counted: float = sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
            * node["Actual Loops"]
            for node in self.nodes()
            if node.get("Relation Name") == "session"
        )
        return counted

    @property
    def blocks(self) -> int:
        """Return how many blocks of tables and indexes were read."""
        return int(self._root["Shared Hit Blocks"] + self._root["Shared Read Blocks"])

    @property
    def scans(self) -> set[str]:
        """Describe how `session` is read."""
        return {node["Node Type"] for node in self.nodes() if node.get("Relation Name") == "session"}

    def __repr__(self) -> str:
        return "\n".join(_describe(node) for node in self.nodes() if "session" in str(node) or "Sort" in str(node))


def _describe(node: dict[str, Any]) -> str:
    kept = ("Node Type", "Index Name", "Index Cond", "Filter", "Actual Rows", "Actual Loops", "Rows Removed by Filter")
    return ", ".join(f"{name}: {node[name]}" for name in kept if name in node)


class Explainer(Attached):
    """A database of one connection that keeps the plans of each statement.

    Two of each: the custom plan for the statement's values, and the generic plan, which the server may use once a
    prepared statement has run a few times.
    """

    plans: tuple[Plan, Plan] | None = None

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        known = await self.connection.fetchval(f"explain (analyze, buffers, format json) {sql}", *values)
        self.plans = Plan(known), await self._explain_generic(sql, values)
        return await super().fetch(sql, *values)

    async def _explain_generic(self, sql: str, values: Sequence[object]) -> Plan:
        call = f"explained({', '.join(map(_literal, values))})"
        async with self.connection.transaction():
            await self.connection.execute("set local plan_cache_mode = force_generic_plan")
            await self.connection.execute(f"prepare explained as {sql}")
            described = await self.connection.fetchval(f"explain (analyze, buffers, format json) execute {call}")
            await self.connection.execute("deallocate explained")
        return Plan(described)


def _literal(value: object) -> str:
    text = f"{{{','.join(map(str, value))}}}" if isinstance(value, list) else str(value)
    return "'{}'".format(text.replace("'", "''"))


ACCOUNTS = (UUID(int=1), UUID(int=2))
EVERY = frozenset(METRICS)
AGENTS = [UUID(int=100 + n) for n in range(10)]


@pytest.fixture(scope="module")
async def explainer(server_url: str, anyio_backend: str) -> AsyncIterator[Explainer]:
    async with empty_database(server_url) as url:
        await migrate(url)
        async with connected(url) as connection:
            await _fill(connection)
            yield Explainer(connection)


async def _fill(connection: asyncpg.Connection) -> None:
    for account in ACCOUNTS:
        await connection.execute("insert into account (id, idn, name) values ($1, $2, $2)", account, f"a{account.int}")
        await connection.executemany(
            "insert into agent (account_id, id, idn, name, time_zone) values ($1, $2, $3, $3, 'UTC')",
            [(account, agent, f"agent-{agent.int}") for agent in AGENTS],
        )
        await connection.execute(_FILL, account, AGENTS, NOW, 10_000)
    await connection.execute(
        "update session s set contact_folded = 'quillfeather' where s.account_id = $1 and s.phone = '+14154711'",
        ACCOUNTS[0],
    )
    await connection.execute("vacuum (analyze) session")
    await connection.execute("analyze agent")


def viewer(role: Role = Role.BUILDER, **limits: Any) -> Viewer:
    return Viewer(AccountFacts(ACCOUNTS[0], "a1", "a1", "USD", 2, "UTC"), role, "key", **limits)


async def read_page(explainer: Explainer, sessions: SessionList, request: PageRequest) -> tuple[Plan, Plan]:
    assert (await read_pages(explainer, sessions, COLUMNS, request))[None].rows
    assert explainer.plans
    return explainer.plans


def assert_reads_just(rows: int, plans: tuple[Plan, Plan]) -> None:
    for plan in plans:
        assert not plan.sorts, plan
        assert plan.rows_read <= rows, plan


ORDERS = [Order(ORDER_FIELDS[name], direction) for name in INDEXED for direction in Direction]
WHOSE = [{}, {"agents": ["agent-103"]}]


@pytest.mark.parametrize("backwards", [False, True], ids=["first page", "last page"])
@pytest.mark.parametrize("raw", WHOSE, ids=["of the account", "of an agent"])
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.field.name} {order.direction}")
async def test_a_page_at_either_end_of_the_four_usual_orders_reads_its_rows_and_no_others(
    explainer: Explainer, order: Order, raw: dict[str, Any], backwards: bool
) -> None:
    sessions = SessionList(viewer(), parse_filter(raw, NOW), order)

    plans = await read_page(explainer, sessions, PageRequest(SIZE, backwards))

    assert_reads_just(SIZE + 1, plans)


@pytest.mark.parametrize("backwards", [False, True], ids=["after", "before"])
@pytest.mark.parametrize("raw", WHOSE, ids=["of the account", "of an agent"])
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.field.name} {order.direction}")
async def test_a_page_far_down_costs_what_the_first_costs(
    explainer: Explainer, order: Order, raw: dict[str, Any], backwards: bool
) -> None:
    sessions = SessionList(viewer(), parse_filter(raw, NOW), order)
    middle = await explainer.connection.fetchrow(
        f"select {cursor_sql(order, '$3')} as cursor from session s where s.account_id = $1 and s.agent_id = $2"
        f" order by {order.field.sql} {order.direction}, s.id {order.direction} offset 700 limit 1",
        ACCOUNTS[0],
        AGENTS[3],
        cursors_of(sessions),
    )
    assert middle

    plans = await read_page(explainer, sessions, PageRequest(SIZE, backwards, cursor_of(middle, sessions)))

    assert_reads_just(SIZE + 1, plans)


@pytest.mark.parametrize("order", ORDERS[4:], ids=lambda order: f"{order.field.name} {order.direction}")
async def test_every_page_among_hundreds_of_equal_values_reads_its_rows_and_no_others(
    explainer: Explainer, order: Order
) -> None:
    sessions = SessionList(viewer(), parse_filter({"agents": ["agent-103"]}, NOW), order)

    pages = 0
    async for _ in walk_pages(explainer, sessions, SIZE, columns=COLUMNS):
        assert explainer.plans
        assert_reads_just(SIZE + 1, explainer.plans)
        pages += 1

    assert pages == 20


SPANS: list[tuple[str, dict[str, Any]]] = [
    *(("STARTED_AT", raw) for raw in ({}, {"period": "LAST_30_DAYS"}, {"to": NOW}, {"from": NOW - timedelta(days=40)})),
    ("STARTED_AT", {"from": NOW - timedelta(days=40), "to": NOW, "isLead": True}),
    ("STARTED_AT", {"period": "LAST_30_DAYS", "isTest": False}),
    ("UPDATED_AT", {"updatedFrom": NOW - timedelta(days=60), "updatedTo": NOW}),
]


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize(("field", "raw"), SPANS, ids=str)
async def test_a_page_far_down_a_span_touches_as_many_blocks_as_the_first(
    explainer: Explainer, field: str, raw: dict[str, Any], direction: Direction
) -> None:
    """Index entries that are skipped on the way to a page show in no row count, but in the number of blocks."""
    sessions = SessionList(viewer(), parse_filter(raw, NOW), Order(ORDER_FIELDS[field], direction))
    request = PageRequest(4000)
    rows = (await read_pages(explainer, sessions, COLUMNS, request, cursors=cursors_of(sessions)))[None].rows

    first = await read_page(explainer, sessions, PageRequest(SIZE))
    later = await read_page(explainer, sessions, PageRequest(SIZE, cursor=cursor_of(rows[-1], sessions)))

    assert len(rows) == 4000
    for before, after in zip(first, later, strict=True):
        assert after.blocks <= before.blocks + 12, after


FILTERS: list[dict[str, Any]] = [
    *({name: True} for name in ("isLead", "isOpportunity", "isTest", "isTodo", "isArchived", "isReviewed")),
    {"isTest": False},
    *({name: [verdict]} for name in ("autoAssessments", "assessments") for verdict in ("YES_A", "YES_B", "NO")),
    {"sessionTypes": ["type 3"]},
    *({"integrations": [name]} for name in ("crm", "web")),
    {"externalIds": ["contact 7"]},
    {"period": "LAST_30_DAYS"},
    {"period": "LAST_7_DAYS", "isTest": False},
]


@pytest.mark.parametrize("raw", FILTERS, ids=str)
async def test_a_page_of_the_common_filters_reads_its_rows_and_no_others(
    explainer: Explainer, raw: dict[str, Any]
) -> None:
    plans = await read_page(explainer, SessionList(viewer(), parse_filter(raw, NOW)), PageRequest(SIZE))

    assert_reads_just(SIZE + 1, plans)


@pytest.mark.parametrize(("text", "found"), [("(415) 000-9876", 0), ("5 98 76", 1), ("Quillfe", 1)], ids=str)
async def test_a_search_among_many_reads_only_what_it_finds_if_the_server_offers_trigrams(
    explainer: Explainer, text: str, found: int
) -> None:
    if not await explainer.connection.fetchval("select exists (select from pg_extension where extname = 'pg_trgm')"):
        pytest.skip("needs a server that offers pg_trgm")
    sessions = SessionList(viewer(), parse_filter({"search": text}, NOW))

    pages = await read_pages(explainer, sessions, COLUMNS, PageRequest(SIZE))

    assert len(pages[None].rows) == found
    assert explainer.plans
    known, _ = explainer.plans
    assert known.scans == {"Bitmap Heap Scan"}, known
    assert known.rows_read <= 3, known


@pytest.mark.parametrize("integration", ["crm", "web"])
async def test_a_page_of_a_partner_reads_its_rows_and_no_others(explainer: Explainer, integration: str) -> None:
    partner = viewer(Role.PARTNER, integrations=(integration,))

    assert_reads_just(SIZE + 1, await read_page(explainer, SessionList(partner), PageRequest(SIZE)))


async def test_a_page_of_a_viewer_limited_to_an_agent_reads_its_rows_and_no_others(explainer: Explainer) -> None:
    portal = viewer(Role.PORTAL, agents=("agent-103",))

    assert_reads_just(SIZE + 1, await read_page(explainer, SessionList(portal), PageRequest(SIZE)))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.field.name} {order.direction}")
async def test_the_pages_of_ten_agents_read_their_rows_and_no_others(explainer: Explainer, order: Order) -> None:
    sessions = SessionList(viewer(), order=order, parent=AGENT)

    pages = await read_pages(explainer, sessions, COLUMNS, PageRequest(SIZE), AGENTS)

    assert [len(pages[agent].rows) for agent in AGENTS] == [SIZE] * len(AGENTS)
    assert explainer.plans
    assert_reads_just(len(AGENTS) * (SIZE + 1), explainer.plans)


async def test_the_sessions_of_external_ids_are_looked_up_each_by_the_index(explainer: Explainer) -> None:
    keys = [f"contact {number}" for number in range(20)]

    pages = await read_pages(explainer, SessionList(viewer(), parent=EXTERNAL_ID), COLUMNS, PageRequest(SIZE), keys)

    assert explainer.plans
    rounding = len(keys) // 2  # before version 18 a node that runs repeatedly tells whole rows for each time
    assert_reads_just(sum(len(pages[key].rows) for key in keys) + rounding, explainer.plans)


@pytest.mark.parametrize(
    "wanted",
    [DashboardSelection(EVERY), DashboardSelection(EVERY, series={Interval.DAY: EVERY})],
    ids=["totals", "series"],
)
@pytest.mark.parametrize(
    ("raw", "agent"),
    [
        ({"period": "LAST_30_DAYS"}, AGENTS[3]),
        ({"period": "LAST_30_DAYS", "agents": ["agent-103"]}, None),
        ({"period": "LAST_7_DAYS"}, None),
    ],
    ids=["an agent's own", "the account's, of an agent", "the account's"],
)
async def test_a_dashboard_reads_the_index_alone(
    explainer: Explainer, raw: dict[str, Any], agent: UUID | None, wanted: DashboardSelection
) -> None:
    request = DashboardRequest(viewer(), parse_filter(raw, NOW), wanted, NOW)

    found = await read_dashboards(explainer, request, [DashboardScope(agent, "UTC")])

    assert found[agent].totals["total_asr"] > 0
    assert explainer.plans
    for plan in explainer.plans:
        assert plan.scans == {"Index Only Scan"}, plan
        assert plan.rows_read < 1700, plan


SAFE: list[tuple[dict[str, Any], Order]] = [
    ({}, Order()),
    ({"agents": ["agent-103"], "period": "LAST_30_DAYS", "isTodo": True}, Order()),
    ({}, Order(ORDER_FIELDS["ASR"])),
    ({"not": {"isTest": True}}, Order(ORDER_FIELDS["CONTACT"])),
]


@pytest.mark.parametrize(("raw", "order"), SAFE, ids=str)
async def test_a_generic_plan_is_used_if_it_is_the_best_for_all_values(
    explainer: Explainer, raw: dict[str, Any], order: Order
) -> None:
    sessions = SessionList(viewer(), parse_filter(raw, NOW), order)
    request = PageRequest(37)  # no other statement has this limit

    for _ in range(10):
        await read_pages(Attached(explainer.connection), sessions, COLUMNS, request)

    used = await explainer.connection.fetchrow(
        "select generic_plans, custom_plans from pg_prepared_statements where statement like '%limit 38'"
        " order by prepare_time desc limit 1"
    )
    assert used
    assert (used["generic_plans"], used["custom_plans"]) == (5, 5)


UNSAFE: list[tuple[dict[str, Any], Order]] = [
    ({"search": "quill"}, Order()),
    ({"channels": ["SMS"]}, Order()),
    ({"period": "LAST_30_DAYS"}, Order(ORDER_FIELDS["ASR"])),
    ({"anyOf": [{"isTodo": True}, {"asr": {"from": 1}}]}, Order()),
]


@pytest.mark.parametrize(("raw", "order"), UNSAFE, ids=str)
async def test_a_limit_is_bound_if_the_best_plan_depends_on_values(
    explainer: Explainer, raw: dict[str, Any], order: Order
) -> None:
    sessions = SessionList(viewer(), parse_filter(raw, NOW), order)
    asked: list[str] = []

    with explainer.connection.query_logger(lambda query: asked.append(query.query)):
        await read_pages(Attached(explainer.connection), sessions, COLUMNS, PageRequest(SIZE))
        await asyncio.sleep(0)

    (statement,) = asked
    assert re.search(r"limit \$\d+$", statement)
