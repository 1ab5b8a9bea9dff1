"""Fields of Query, by example: the viewer, nodes, exports and filter options."""

import httpx
import pytest
from graphql import GraphQLEnumType

from conftest import MakeCaller
from session_graph.access.accounts import change_account
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account, Agent
from support.api import Caller
from support.records import UNKNOWN, record
from support.schema import SCHEMA

pytestmark = pytest.mark.anyio


async def test_a_viewer_is_told_who_it_is(ask: Caller, account: Account) -> None:
    await change_account(account, name="Sunrise Bistro", currency="EUR", time_zone="Europe/Berlin")

    answer = await ask("{ viewer { role name email account { id name currency timeZone } visibleColumns } }")

    viewer = answer.data["viewer"]
    columns = SCHEMA.type_map["SessionColumn"]
    assert isinstance(columns, GraphQLEnumType)
    assert viewer["account"] == {
        "id": str(account.id),
        "name": "Sunrise Bistro",
        "currency": "EUR",
        "timeZone": "Europe/Berlin",
    }
    assert (viewer["role"], viewer["name"], viewer["email"]) == ("ADMIN", "Petra", "petra@example.com")
    assert viewer["visibleColumns"][:5] == ["IS_ARCHIVED", "SESSION_TYPE", "IS_LEAD", "IS_OPPORTUNITY", "ASR"]
    assert viewer["visibleColumns"] == list(columns.values)


async def test_a_viewer_without_an_address_has_none(caller: MakeCaller) -> None:
    ask = await caller(Role.RECORDER)

    answer = await ask("{ viewer { role email visibleColumns } }")

    assert answer.data["viewer"] == {"role": "RECORDER", "email": None, "visibleColumns": ["ID", "VERSION"]}


ASK_FOR_REPORT = "mutation { requestSessionExport(input: {filter: {isLead: true}}) { export { id } } }"


async def test_a_node_is_a_session_an_agent_a_report_or_the_account(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    (session,) = await record(database, account, {})
    report = (await ask(ASK_FOR_REPORT)).data["requestSessionExport"]["export"]["id"]
    query = """query($id: ID!) { node(id: $id) {
        __typename id ... on Session { channel agent { idn } } ... on Agent { idn } ... on Account { name }
        ... on SessionExport { requestedBy }
    } }"""
    ids = (session, agent.id, report, account.id, UNKNOWN)

    nodes = [(await ask(query, id=str(id_))).data["node"] for id_ in ids]

    assert nodes == [
        {"__typename": "Session", "id": str(session), "channel": "VOICE", "agent": {"idn": "bistro"}},
        {"__typename": "Agent", "id": str(agent.id), "idn": "bistro"},
        {"__typename": "SessionExport", "id": report, "requestedBy": "Petra"},
        {"__typename": "Account", "id": str(account.id), "name": account.name},
        None,
    ]


async def test_reports_are_listed_and_looked_up(ask: Caller, agent: Agent) -> None:
    old, new = [(await ask(ASK_FOR_REPORT)).data["requestSessionExport"]["export"]["id"] for _ in range(2)]

    first = (await ask("{ exports(first: 1) { nodes { id } pageInfo { endCursor hasNextPage } } }")).data["exports"]
    answer = await ask(
        """query($after: String, $id: ID!, $unknown: ID!) {
            exports(after: $after) { edges { node { id timeZone } } pageInfo { hasNextPage hasPreviousPage } }
            export(id: $id) { status deliveries { recipient status } columns } none: export(id: $unknown) { id }
        }""",
        after=first["pageInfo"]["endCursor"],
        id=old,
        unknown=UNKNOWN,
    )

    assert (first["nodes"], first["pageInfo"]["hasNextPage"]) == ([{"id": new}], True)
    assert answer.data["exports"] == {
        "edges": [{"node": {"id": old, "timeZone": "America/New_York"}}],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
    }
    assert answer.data["export"]["status"] == "QUEUED"
    assert answer.data["export"]["deliveries"] == [{"recipient": "petra@example.com", "status": "WAITING"}]
    assert answer.data["export"]["columns"][:3] == ["STARTED_AT", "SESSION_TYPE", "IS_LEAD"]
    assert answer.data["none"] is None


async def test_an_id_may_be_written_in_capitals(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    (session,) = await record(database, account, {})

    answer = await ask(f'{{ session(id: "{str(session).upper()}") {{ id }} }}')

    assert answer.data["session"] == {"id": str(session)}


async def test_filter_options_are_the_values_that_occur(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    await record(
        database,
        account,
        {"sessionType": "order", "integration": "crm", "tags": ["vip", "Zoo"], "utms": {"utm_source": "ads"}},
        {"sessionType": "order", "connector": "b", "tags": ["vip"], "utms": {"utm_source": "x", "gclid": "1"}},
        {"sessionType": "Order", "connector": "a", "tags": ["évening"]},
    )

    answer = await ask("{ viewer { account { filterOptions { sessionTypes integrations connectors tags utmKeys } } } }")

    assert answer.data["viewer"]["account"]["filterOptions"] == {
        "sessionTypes": ["Order", "order"],
        "integrations": ["crm"],
        "connectors": ["a", "b"],
        "tags": ["Zoo", "vip", "évening"],
        "utmKeys": ["gclid", "utm_source"],
    }


async def test_filter_options_of_an_empty_account_are_empty(ask: Caller) -> None:
    answer = await ask("{ viewer { account { filterOptions { tags utmKeys } } } }")

    assert answer.data["viewer"]["account"]["filterOptions"] == {"tags": [], "utmKeys": []}


async def test_a_caller_of_another_role_reads_the_same_figures(
    caller: MakeCaller, database: Database, account: Account, agent: Agent
) -> None:
    await record(database, account, {"integration": "crm"})
    query = "{ sessions { nodes { id } } dashboard { totalSessionCount } }"

    answers = [(await (await caller(role))(query)).data for role in (Role.BUILDER, Role.PORTAL, Role.PARTNER)]

    assert answers == [answers[0]] * 3
    assert answers[0]["dashboard"] == {"totalSessionCount": 1}


async def test_a_query_is_served_by_get(client: httpx.AsyncClient, ask: Caller) -> None:
    answer = await client.get(
        "/graphql",
        params={"query": "query($n: Int) { sessions(first: $n) { totalCount } }", "variables": '{"n": 5}'},
        headers={"Authorization": f"Bearer {ask.key}"},
    )

    assert answer.json() == {"data": {"sessions": {"totalCount": 0}}}
