"""Plans answer what the ordinary executor answers, byte for byte, and the ordinary executor answers the rest."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role, Viewer
from session_graph.engine.analysis import Analyzer
from session_graph.engine.executor import OperationExecutor, Plan
from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import Limits
from session_graph.engine.operation import Operation, Response
from session_graph.engine.plans import Plans
from session_graph.exports.links import LinkSigner
from session_graph.http.access_log import LOGGER, AccessLog
from session_graph.http.graphql_view import GraphQLView
from session_graph.schema.authorization import NAMED_BY, ROLES
from session_graph.schema.context import Context
from session_graph.schema.costs import COSTS
from session_graph.schema.schema import build_schema
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.statements import Statements
from support.varied import make_varied
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SCHEMA = build_schema()._schema
UNKNOWN_ID = "018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"


@dataclass
class Both:
    """Asks with plans and without; `planned` counts what a plan answered."""

    planning: httpx.AsyncClient
    ordinary: httpx.AsyncClient
    session_id: str
    planned: int = 0
    viewer: Viewer | None = None

    async def ask(self, query: str, **variables: Any) -> tuple[httpx.Response, httpx.Response]:
        body = {"query": query, "variables": variables}
        return await self.planning.post("/", json=body), await self.ordinary.post("/", json=body)


@pytest.fixture(scope="session")
async def varied_for_plans(database: Database) -> Account:
    account = await find_or_create_account(f"plans-{uuid4().hex[:12]}")
    await make_varied(database, account)
    return account


@pytest.fixture(scope="session")
async def both(database: Database, settings: Settings, varied_for_plans: Account) -> AsyncIterator[Both]:
    schema = build_schema()
    plans = Plans(schema._schema, settings.max_answer_bytes)
    signer = LinkSigner(database, settings)
    row = await database.fetchrow(
        "select s.id from session s where s.account_id = $1 order by s.id limit 1", varied_for_plans.id
    )
    assert row is not None

    async def admit(authorization: str | None, address: str) -> Viewer:
        assert found.viewer is not None
        return found.viewer

    async def plan(operation: Operation) -> Response | None:
        answer = await plans.execute(operation)
        found.planned += answer is not None
        return answer

    def make_context(viewer: Viewer, last_event_id: str | None = None) -> Context:
        return Context(viewer, database, NOW, settings, signer)

    def client(plan: Plan | None) -> httpx.AsyncClient:
        analyze = Analyzer(graphql_schema(schema), NAMED_BY, ROLES, COSTS, settings.max_cost).analyze
        view = GraphQLView(OperationExecutor(schema, Limits.of(settings), analyze, plan), admit, make_context, settings)
        app = Starlette(routes=[Route("/", view)], middleware=[Middleware(AccessLog)])
        transport = httpx.ASGITransport(app)
        return httpx.AsyncClient(transport=transport, base_url="http://test")

    async with client(plan) as planning, client(None) as ordinary:
        found = Both(planning, ordinary, str(row["id"]), viewer=make_viewer(varied_for_plans))
        yield found


ARGUMENTS = {
    "Query.sessions": ["", "(first: 3)", "(last: 2, filter: {isLead: true})", "(first: 2, orderBy: {field: CONTACT})"],
    "Agent.sessions": ["", "(first: 2)", "(filter: {channels: [VOICE, CHAT]}, first: 2, orderBy: {field: ASR})"],
    "Query.dashboard": [
        "",
        '(filter: {from: "2026-11-01T00:00:00Z", to: "2026-11-08T00:00:00Z"})',
        "(includeTest: true)",
        '(filter: {from: "2020-01-01T00:00:00Z"})',
    ],
    "Agent.dashboard": ["", '(timeZone: "Europe/Berlin", filter: {period: LAST_7_DAYS})'],
    "Dashboard.series": ["", "(interval: WEEK)", "(interval: MONTH)"],
    "Dashboard.groups": ["(by: AGENT)", "(by: CHANNEL)", "(by: ASSESSMENT)"],
    "Query.node": [f'(id: "{UNKNOWN_ID}")', "(id: $session)"],
    "Query.session": [f'(id: "{UNKNOWN_ID}")', "(id: $session)"],
    "Query.nodes": [f'(ids: ["{UNKNOWN_ID}"])', f'(ids: [$session, "{UNKNOWN_ID}", $session])', "(ids: [])"],
    "Query.export": [f'(id: "{UNKNOWN_ID}")'],
    "Query.agent": ['(by: {idn: "bistro"})', '(by: {idn: "nobody"})'],
    "Query.sessionsByExternalId": [
        '(externalIds: ["A-1", "nothing", "A-1"])',
        '(externalIds: ["A-1"], integration: "crm")',
    ],
    "ExternalSessions.sessions": ["", "(first: 1)"],
}
DIRECTIVES = ["", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @skip(if: false)"]


@st.composite
def selections(draw: st.DrawFn, type_name: str, depth: int) -> str:
    """A selection set of the type, with aliases, fragments and conditions."""
    type_ = SCHEMA.type_map[type_name]
    if isinstance(type_, GraphQLInterfaceType):
        inner = draw(st.sampled_from(SCHEMA.get_possible_types(type_)))
        return f"{{ __typename id ... on {inner.name} {draw(selections(inner.name, depth))} }}"
    assert isinstance(type_, GraphQLObjectType)
    fields = {n: get_named_type(f.type) for n, f in type_.fields.items() if not n.startswith("__")}
    usable = [n for n, t in fields.items() if depth > 0 or not isinstance(t, GraphQLObjectType | GraphQLInterfaceType)]
    parts = ["__typename"] if draw(st.booleans()) or not usable else []
    for index, name in enumerate(draw(st.lists(st.sampled_from(usable), min_size=1, max_size=6)) if usable else []):
        arguments = draw(st.sampled_from(ARGUMENTS.get(f"{type_name}.{name}", [""])))
        below = fields[name]
        nested = ""
        if isinstance(below, GraphQLObjectType | GraphQLInterfaceType):
            nested = " " + draw(selections(below.name, depth - 1))
        field = f"f{index}: {name}{arguments}{draw(st.sampled_from(DIRECTIVES))}{nested}"
        parts.append(f"... on {type_name} {{ {field} }}" if draw(st.integers(0, 5)) == 0 else field)
    return f"{{ {' '.join(parts)} }}"


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=selections("Query", 5),
    yes=st.booleans(),
    role=st.sampled_from([Role.ADMIN, Role.ADMIN, Role.BUILDER, Role.PORTAL, Role.PARTNER, Role.RECORDER]),
)
async def test_both_ways_give_the_same_bytes(
    both: Both, varied_for_plans: Account, body: str, yes: bool, role: Role
) -> None:
    both.viewer = make_viewer(varied_for_plans, role)
    used = [declared for declared in ("$session: ID!", "$yes: Boolean!") if declared.partition(":")[0] in body]
    query = f"query {'(' + ', '.join(used) + ')' if used else ''} {body}"

    planned, ordinary = await both.ask(query, session=both.session_id, yes=yes)

    assert (planned.status_code, planned.content) == (ordinary.status_code, ordinary.content)


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { name role account { currency filterOptions { tags } } visibleColumns } }",
        "{ agents { idn workingHours sessions(first: 1) { totalCount nodes { asr agent { idn } } } } }",
        "{ sessions(first: 5) { edges { cursor node { id utms tags transcript { text at } history { by } } } } }",
        '{ sessionsByExternalId(externalIds: ["A-1"]) { totalCount sessions { id } } }',
        "{ dashboard { totalAsr series { from totals { totalSessionCount } } groups(by: CHANNEL) { key } } }",
        "{ exports { nodes { id } pageInfo { hasNextPage } } }",
        f'{{ nodes(ids: ["{UNKNOWN_ID}"]) {{ id ... on Session {{ asr agent {{ idn }} }} }} }}',
    ],
)
async def test_every_kind_of_query_is_planned(both: Both, varied_for_plans: Account, query: str) -> None:
    both.viewer, before = make_viewer(varied_for_plans), both.planned

    planned, ordinary = await both.ask(query)

    assert both.planned == before + 1
    assert planned.content == ordinary.content


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "Session") { name } viewer { name } }',
        'mutation { updateAgent(input: {idn: "nobody"}) { errors { code } } }',
        '{ dashboard(timeZone: "Nowhere/At_All") { totalAsr } agents { idn } }',
        '{ agents { idn dashboard(timeZone: "Nowhere/At_All") { totalAsr } } viewer { role } }',
        '{ dashboard(filter: {from: "2020-01-01T00:00:00Z"}) { totalAsr series { from } byWeek: series(interval: WEEK)'
        " { from totals { totalAsr } } } }",
        '{ agents { idn dashboard(filter: {from: "2020-01-01T00:00:00Z"}) { totalAsr series { from } } } }',
    ],
)
async def test_the_ordinary_executor_answers_the_rest(both: Both, varied_for_plans: Account, query: str) -> None:
    both.viewer, before = make_viewer(varied_for_plans), both.planned

    planned, ordinary = await both.ask(query)

    assert both.planned == before
    assert (planned.status_code, planned.content) == (ordinary.status_code, ordinary.content)


DEEP = "agents { sessions { nodes { " * 6 + "id" + " } } }" * 6

DENIALS: list[tuple[Role, str, str]] = [
    (Role.PORTAL, "{ sessions { nodes { id isLead } } }", "FORBIDDEN_FIELD"),
    (Role.PORTAL, "{ sessions(filter: {not: {isLead: true}}) { totalCount } }", "FORBIDDEN_FIELD"),
    (Role.PARTNER, "{ sessions(orderBy: {field: ASR}) { nodes { id } } }", "FORBIDDEN_FIELD"),
    (Role.PORTAL, "{ dashboard { groups(by: ASSESSMENT) { key } } }", "FORBIDDEN_FIELD"),
    (Role.PARTNER, "{ agents { idn industry } }", "FORBIDDEN_FIELD"),
    (Role.RECORDER, "{ sessions { edges { node { summary } } } }", "FORBIDDEN_FIELD"),
    (
        Role.BUILDER,
        'mutation { createAgent(input: {idn: "a", name: "a", timeZone: "UTC"}) { __typename } }',
        "FORBIDDEN",
    ),
    (Role.BUILDER, "{ sessions(first: 201) { totalCount } }", "BAD_USER_INPUT"),
    (Role.BUILDER, "{ sessions(first: 51) { nodes { transcript { text } } } }", "BAD_USER_INPUT"),
    (Role.BUILDER, '{ sessions(after: "x") { totalCount } }', "CURSOR_INVALID"),
    (Role.BUILDER, '{ sessions(filter: {search: "%"}) { totalCount } }', "BAD_USER_INPUT"),
    (Role.BUILDER, '{ session(id: "x") { id } }', "BAD_USER_INPUT"),
    (Role.BUILDER, "query($first: Int!) { sessions(first: $first) { totalCount } }", "BAD_USER_INPUT"),
    (Role.BUILDER, "{ sessions { nodes { nothing } } }", "BAD_USER_INPUT"),
    (Role.BUILDER, f"{{ {DEEP} }}", "TOO_LARGE"),
]


@pytest.mark.parametrize(("role", "query", "code"), DENIALS)
async def test_what_is_denied_is_denied_both_ways_and_each_time(
    both: Both,
    varied_for_plans: Account,
    statements: Statements,
    caplog: pytest.LogCaptureFixture,
    role: Role,
    query: str,
    code: str,
) -> None:
    both.viewer = make_viewer(varied_for_plans, role)
    caplog.set_level(logging.INFO, LOGGER.name)
    await statements.restart()

    answers = [answer for _ in range(2) for answer in await both.ask(query)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    (error,) = answers[0].json()["errors"]
    assert error["extensions"]["code"] == code
    assert "data" not in answers[0].json()
    assert [record.__dict__["codes"] for record in caplog.records] == [[code]] * 4
    assert len(statements) == 0


async def test_a_body_that_one_may_ask_stays_denied_to_another(both: Both, varied_for_plans: Account) -> None:
    query = "{ sessions(first: 1) { nodes { isLead } } }"

    for role, code in ((Role.BUILDER, None), (Role.PORTAL, "FORBIDDEN_FIELD"), (Role.BUILDER, None)):
        both.viewer = make_viewer(varied_for_plans, role)
        for answer in await both.ask(query):
            errors = answer.json().get("errors", [])
            assert [error["extensions"]["code"] for error in errors] == ([code] if code else [])


async def test_a_body_that_two_accounts_send_answers_each_with_its_own(both: Both, varied_for_plans: Account) -> None:
    empty = await find_or_create_account(f"plans-{uuid4().hex[:12]}")
    query = "{ sessions(first: 1) { totalCount nodes { id } } viewer { account { name } } }"

    for account in (varied_for_plans, empty, varied_for_plans):
        both.viewer = make_viewer(account)
        for answer in await both.ask(query):
            data = answer.json()["data"]
            assert data["viewer"]["account"]["name"] == account.name
            assert (data["sessions"]["totalCount"] == 0) is (account is empty)


async def test_what_takes_too_long_is_told_so_both_ways(
    both: Both, varied_for_plans: Account, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.viewer = make_viewer(varied_for_plans)

    async def fetch(sql: str, *values: object) -> list[Row]:
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr(database, "fetch", fetch)
    planned, ordinary = await both.ask("{ viewer { role } sessions { nodes { id } } }")

    assert planned.content == ordinary.content
    assert planned.json()["errors"][0]["extensions"]["code"] == "TIMEOUT"
    assert planned.json()["data"] == {"viewer": {"role": "ADMIN"}, "sessions": None}


async def test_a_plan_asks_the_database_no_more_than_the_executor(
    both: Both, varied_for_plans: Account, statements: Statements
) -> None:
    both.viewer = make_viewer(varied_for_plans)
    query = "{ sessions(first: 50) { totalCount nodes { agent { idn } transcript { text } history { by } } } }"

    await both.planning.post("/", json={"query": query})
    planned = len(statements)
    await both.ordinary.post("/", json={"query": query})

    assert planned == len(statements) - planned == 5


@pytest.mark.parametrize(
    ("selection", "count"), [("series { from }", 0), ("series { from } totalAsr", 1), ("series { from } previousTo", 0)]
)
async def test_a_series_that_is_refused_costs_no_statement_and_the_rest_is_read_once(
    both: Both, varied_for_plans: Account, statements: Statements, selection: str, count: int
) -> None:
    both.viewer = make_viewer(varied_for_plans)
    span = '{from: "2020-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z"}'
    await statements.restart()

    planned, ordinary = await both.ask(f"{{ dashboard(filter: {span}) {{ {selection} }} }}")

    assert planned.content == ordinary.content
    assert [error["path"] for error in planned.json()["errors"]] == [["dashboard", "series"]]
    assert len(await statements.so_far()) == 2 * count
