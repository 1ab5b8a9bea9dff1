"""How many statements a request costs, and which columns they read: whatever the number of rows."""

import re
from typing import Any
from uuid import uuid4

import pytest

from conftest import MakeCaller
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.records import make_agent, record
from support.statements import Statements

pytestmark = pytest.mark.anyio

ZONES = ("America/New_York", "Europe/Berlin")
TURNS = [{"speaker": "USER", "text": "Hello?"}, {"speaker": "AGENT", "text": "Hello!"}]


@pytest.fixture
async def ask(caller: MakeCaller) -> Caller:
    return await caller(Role.ADMIN)


async def fill(ask: Caller, database: Database, account: Account, rows: int, agents: int = 1) -> None:
    """So many sessions of so many agents, each with a transcript and a change."""
    for index in range(agents):
        await make_agent(account, idn=f"a{index}", timeZone=ZONES[index % 2])
    await record(
        database,
        account,
        *(
            {"agent": f"a{i % agents}", "externalId": f"e{i}", "integration": "crm", "transcript": TURNS}
            for i in range(rows)
        ),
    )
    edit = 'mutation { updateSessions(input: {target: {filter: {hasExternalId: true}}, patch: {comment: "Seen."}})'
    assert (await ask(f"{edit} {{ changedCount }} }}")).data["updateSessions"] == {"changedCount": rows}


async def run(ask: Caller, statements: Statements, query: str, **variables: Any) -> list[str]:
    """The statements of the request, without those about who asks."""
    await statements.restart()
    answer = await ask(query, **variables)
    assert answer.data
    return [statement for statement in statements if "api_key" not in statement]


PAGE = """{ sessions(first: 50) {
    nodes { id asr agent { idn name } transcript { text } history { field } } totalCount pageInfo { hasNextPage }
} }"""
EDGES = """{ sessions(first: 50) {
    edges { cursor node { summary agent { idn } transcript { text } history { field } } } pageInfo { hasPreviousPage }
} }"""
AGENTS = """{ agents {
    idn sessions(first: 10) { totalCount nodes { id transcript { text } agent { name } } }
    dashboard { totalSessionCount series { totals { totalAsr } } groups(by: CHANNEL) { key } }
} }"""
DASHBOARD = """{ dashboard(filter: {from: "2026-11-01T00:00:00Z", to: "2026-12-01T00:00:00Z"}) {
    totalSessionCount totalAsr leadSuccessScore previous { totalAsr }
    series { totals { totalAsr } } week: series(interval: WEEK) { from } channels: groups(by: CHANNEL) { key }
    groups(by: AGENT) { key totals { totalLeadValue } }
} }"""
EVERYTHING = """{
    viewer { name account { filterOptions { sessionTypes integrations connectors tags utmKeys } } }
    sessions { totalCount } open: sessions(filter: {isTodo: true}) { nodes { id } } dashboard { totalAsr }
}"""


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("{ viewer { name role visibleColumns account { name currency } } }", 0),
        ("{ sessions { __typename } }", 1),
        ("{ sessions { nodes { id } } }", 1),
        ("{ sessions { nodes { id } edges { cursor node { asr } } pageInfo { hasNextPage endCursor } } }", 1),
        ("{ sessions { totalCount nodes { id } } }", 2),
        ("{ sessions { nodes { agent { idn } } } }", 2),
        ("{ sessions(first: 50) { nodes { transcript { text } } } }", 2),
        ("{ sessions { nodes { history { field } } } }", 2),
        (PAGE, 5),
        (EDGES, 4),
        ("{ agents { idn workingHours } }", 1),
        ("{ agents { sessions { nodes { id } } } }", 2),
        ("{ agents { sessions { totalCount } dashboard { totalAsr } } }", 4),
        ("{ dashboard { totalAsr } }", 1),
        ("{ dashboard { totalAsr series { from } groups(by: AGENT) { key } } }", 2),
        (DASHBOARD, 1),
        (EVERYTHING, 5),
        ('{ agent(by: {idn: "a0"}) { idn sessions { nodes { asr } } } }', 2),
    ],
)
async def test_a_request_costs_the_same_for_one_row_and_for_a_hundred(
    ask: Caller, database: Database, account: Account, statements: Statements, query: str, count: int
) -> None:
    await fill(ask, database, account, rows=1)
    one = await run(ask, statements, query)

    await record(database, account, *({"agent": "a0", "transcript": TURNS} for _ in range(99)))
    hundred = await run(ask, statements, query)

    assert len(one) == len(hundred) == count
    assert sorted(one) == sorted(hundred)


NODES = """query ($ids: [ID!]!) { nodes(ids: $ids) {
    __typename id
    ... on Session { asr agent { idn } transcript { text } }
    ... on Agent { idn sessions(first: 1) { nodes { id } } }
    ... on Account { name }
} }"""


async def test_nodes_cost_a_statement_for_each_type(
    ask: Caller, caller: MakeCaller, database: Database, account: Account, statements: Statements
) -> None:
    await fill(ask, database, account, rows=40, agents=2)
    listed = (await ask("{ sessions(first: 40) { nodes { id } } agents { id } viewer { account { id } } }")).data
    sessions = [node["id"] for node in listed["sessions"]["nodes"]]
    agents, unknown = [agent["id"] for agent in listed["agents"]], str(uuid4())
    ids = [agents[1], *sessions, unknown, account_id := str(account.id), agents[0], sessions[0]]

    ran = await run(ask, statements, NODES, ids=ids)
    nodes = (await ask(NODES, ids=ids)).data["nodes"]
    hidden = (await (await caller(Role.BUILDER, agents=["a0"]))(NODES, ids=agents)).data["nodes"]

    # Sessions, agents, exports, views, deliveries; agents and transcripts of the sessions; sessions of the agents.
    assert len(ran) == 8
    assert [node and node["id"] for node in nodes] == [id_ if id_ != unknown else None for id_ in ids]
    assert nodes[-3] == {"__typename": "Account", "id": account_id, "name": account.name}
    assert [node["transcript"] for node in nodes[1:3]] == [[{"text": turn["text"]} for turn in TURNS]] * 2
    assert [node and node["idn"] for node in hidden] == ["a0", None]


async def test_an_agent_in_a_filter_is_looked_up_once(
    ask: Caller, caller: MakeCaller, database: Database, account: Account, statements: Statements
) -> None:
    await fill(ask, database, account, rows=2, agents=2)
    limited = await caller(Role.BUILDER, agents=["a0"])
    query = '{ sessions(filter: {agents: ["a0"]}) { nodes { id } } dashboard(filter: {agents: ["a0"]}) { totalAsr } }'

    costs = [len(await run(by, statements, query)) for by in (ask, ask, limited)]
    await statements.restart()
    refused = await limited(query.replace("a0", "a1"))

    assert costs == [3, 2, 2]
    assert [error["extensions"]["path"] for error in refused.errors] == [["filter", "agents", "0"]] * 2
    assert not [statement for statement in statements if "api_key" not in statement and "select" in statement]


@pytest.mark.parametrize("agents", [1, 5])
async def test_agents_cost_the_same_for_one_and_for_five(
    ask: Caller, database: Database, account: Account, statements: Statements, agents: int
) -> None:
    await fill(ask, database, account, rows=20, agents=agents)

    ran = await run(ask, statements, AGENTS)

    assert len(ran) == 7
    assert sum("cross join lateral" in statement for statement in ran) == 1
    assert sum("from transcript" in statement for statement in ran) == 1


@pytest.mark.parametrize("count", [1, 50])
async def test_external_ids_cost_the_same_for_one_and_for_fifty(
    ask: Caller, database: Database, account: Account, statements: Statements, count: int
) -> None:
    await fill(ask, database, account, rows=100)
    query = """query($e: [String!]!) { sessionsByExternalId(externalIds: $e) {
        totalCount sessions { id agent { idn } transcript { text } } more: sessions(first: 1) { asr }
    } }"""

    ran = await run(ask, statements, query, e=[f"e{i}" for i in range(count)])

    assert len(ran) == 5
    assert sum("cross join lateral" in statement for statement in ran) == 2


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("{ session(id: @) { asr } }", 1),
        ("{ session(id: @) { asr agent { idn } transcript { text } history { by } } }", 4),
        ("{ node(id: @) { ... on Session { asr } } }", 1),
        ('{ sessionBySource(source: "retell", sourceId: "call_1") { id asr } }', 1),
        ("{ a: session(id: @) { agent { idn } } b: session(id: @) { agent { idn } } }", 3),
        ("mutation { updateSession(input: {sessionId: @, patch: {isTodo: true}}) { session { id } } }", 5),
        ("mutation { updateSession(input: {sessionId: @, patch: {isTodo: false}}) { session { id } } }", 2),
        ("mutation { overrideAssessment(input: {sessionId: @, humanAssessment: NO}) { session { asr } } }", 5),
    ],
)
async def test_a_session_costs_a_statement_and_one_for_each_part(
    ask: Caller, database: Database, account: Account, statements: Statements, query: str, count: int
) -> None:
    await make_agent(account)
    (session,) = await record(database, account, {"source": "retell", "sourceId": "call_1", "transcript": TURNS})

    ran = await run(ask, statements, query.replace("@", f'"{session}"'))

    assert len(ran) == count


async def test_a_refusal_costs_no_statement(ask: Caller, statements: Statements) -> None:
    await statements.restart()

    answer = await ask("{ sessions(first: 0) { totalCount } dashboard { totalAsr } }")

    assert answer.code == "BAD_USER_INPUT"
    assert [statement for statement in statements if "api_key" not in statement] == []


def columns_of(statement: str) -> set[str]:
    """The columns of `session s` that a page's statement selects."""
    (selected,) = re.findall(r"select (.*?) from session s", statement, flags=re.DOTALL)
    return set(re.findall(r"\bs\.(\w+)", selected))


@pytest.mark.parametrize(
    ("selection", "columns"),
    [
        ("id", set()),
        ("asr", {"asr"}),
        ("a: asr b: asr", {"asr"}),
        ("summary comment", {"summary", "comment"}),
        ("contact", {"contact_name"}),
        ("contactInformation", {"phone", "email", "other_contact"}),
        ("agent { idn }", {"agent_id"}),
        ("transcript { text }", set()),
        ("history { field }", set()),
        (
            "asrFactors { opportunity }",
            {"is_success", "lead_value", "is_opportunity", "conversion_rate", "recognition", "is_test"},
        ),
        ("... on Session { utms } ...f", {"utms", "tags"}),
        ("summary @skip(if: true) isDone @include(if: true)", {"is_done"}),
        ("__typename", set()),
    ],
)
async def test_only_the_chosen_columns_are_read(
    ask: Caller, database: Database, account: Account, statements: Statements, selection: str, columns: set[str]
) -> None:
    await make_agent(account)
    await record(database, account, {})
    fragment = "fragment f on Session { tags }" if "...f" in selection else ""
    for way in ("sessions { nodes { @ } }", "sessions { edges { node { @ } } }", "agents { sessions { nodes { @ } } }"):
        ran = await run(ask, statements, f"{{ {way.replace('@', selection)} }} {fragment}")

        (page,) = [statement for statement in ran if "from session s" in statement]
        assert columns_of(page) == columns | {"id"}
        assert "select *" not in page
        assert "s.*" not in page


async def test_places_of_one_request_read_their_own_columns(
    ask: Caller, database: Database, account: Account, statements: Statements
) -> None:
    await make_agent(account)
    await record(database, account, {})

    ran = await run(ask, statements, "{ a: sessions { nodes { asr } } b: sessions(first: 1) { nodes { tags } } }")

    assert sorted(map(sorted, map(columns_of, ran))) == [["asr", "id"], ["id", "tags"]]


@pytest.mark.parametrize(
    "selection", ["edges { cursor }", "pageInfo { startCursor }", "pageInfo { ... { end: endCursor } }"]
)
async def test_what_cursors_are_made_of_is_read_only_where_one_is_asked_for(
    ask: Caller, database: Database, account: Account, statements: Statements, selection: str
) -> None:
    await make_agent(account)
    await record(database, account, {})

    (ran,) = await run(ask, statements, f"{{ sessions(orderBy: {{field: ASR}}) {{ {selection} }} }}")

    assert columns_of(ran) == {"id", "asr"}


@pytest.mark.parametrize(
    ("selection", "columns"),
    [
        ("totalSessionCount", set()),
        ("totalAsr", {"asr"}),
        ("totalLeadCount totalLeadValue", {"is_lead", "lead_value"}),
        ("groups(by: CHANNEL) { key }", {"channel"}),
        ("groups(by: AGENT) { totals { conversationSuccessScore } }", {"agent_id", "conversation_quality"}),
        ("series { totals { leadSuccessScore } }", {"started_at", "is_lead", "is_success", "assessment"}),
    ],
)
async def test_a_dashboard_reads_only_what_its_figures_need(
    ask: Caller, statements: Statements, selection: str, columns: set[str]
) -> None:
    span = '{from: "2026-11-01T00:00:00Z", to: "2026-12-01T00:00:00Z"}'

    (ran,) = await run(ask, statements, f"{{ dashboard(filter: {span}) {{ {selection} }} }}")

    assert columns_of(ran) == columns


async def test_filter_options_read_only_the_lists_that_are_asked_for(ask: Caller, statements: Statements) -> None:
    (ran,) = await run(ask, statements, "{ viewer { account { filterOptions { tags utmKeys } } } }")

    assert "s.tags" in ran
    assert "s.utms" in ran
    assert "s.session_type" not in ran


async def test_every_statement_is_of_one_account(
    ask: Caller, database: Database, account: Account, statements: Statements
) -> None:
    await fill(ask, database, account, rows=3)

    for query in (PAGE, EDGES, AGENTS, DASHBOARD, EVERYTHING):
        for statement in await run(ask, statements, query):
            assert re.search(r"account_id\"? ?= ?\$1", statement), statement
