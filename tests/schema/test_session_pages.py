"""Pages of sessions, by example: cursors, orders, counts, and pages within an agent."""

from typing import Any

import pytest

from session_graph.store.database import Database
from session_graph.store.models import Account, Agent
from support.api import Caller
from support.records import at, make_agent, record

pytestmark = pytest.mark.anyio


@pytest.fixture
async def week(database: Database, account: Account, agent: Agent) -> list[str]:
    """Return the ids of seven sessions, one a day, the newest first."""
    await make_agent(account, idn="clinic")
    ids = await record(
        database,
        account,
        *(
            {"agent": "clinic" if day % 2 else "bistro", "contactName": f"Guest {day}", **at(day)}
            for day in range(1, 8)
        ),
    )
    return [str(id_) for id_ in reversed(ids)]


PAGE = """query($first: Int, $after: String, $last: Int, $before: String, $orderBy: SessionOrder) {
    sessions(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
        edges { cursor node { id } } nodes { id } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}"""


async def read_page(ask: Caller, **page: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(PAGE, **page)).data["sessions"]
    return found


def ids_of(page: dict[str, Any]) -> list[str]:
    return [node["id"] for node in page["nodes"]]


async def test_a_page_has_its_sessions_their_cursors_and_its_place(ask: Caller, week: list[str]) -> None:
    page = await read_page(ask, first=3)

    assert ids_of(page) == [edge["node"]["id"] for edge in page["edges"]] == week[:3]
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": page["edges"][0]["cursor"],
        "endCursor": page["edges"][2]["cursor"],
    }
    assert len({edge["cursor"] for edge in page["edges"]}) == 3
    assert page["totalCount"] == 7


async def test_pages_go_on_behind_a_cursor_and_back_from_one(ask: Caller, week: list[str]) -> None:
    one = await read_page(ask, first=3)
    two = await read_page(ask, first=3, after=one["pageInfo"]["endCursor"])
    three = await read_page(ask, first=3, after=two["pageInfo"]["endCursor"])
    back = await read_page(ask, last=2, before=three["pageInfo"]["startCursor"])
    end = await read_page(ask, last=2)

    assert [ids_of(page) for page in (one, two, three)] == [week[:3], week[3:6], week[6:]]
    assert (ids_of(back), ids_of(end)) == (week[4:6], week[5:])
    directions = [
        (page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]) for page in (one, two, three, back, end)
    ]
    assert directions == [(False, True), (True, True), (True, False), (True, True), (True, False)]


async def test_a_page_beyond_the_end_is_empty(ask: Caller, week: list[str]) -> None:
    last = (await read_page(ask, last=1))["pageInfo"]["endCursor"]

    page = await read_page(ask, first=3, after=last)

    assert (page["edges"], page["nodes"], page["totalCount"]) == ([], [], 7)
    assert page["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None}


async def test_a_list_has_fifty_sessions_by_default(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    await record(database, account, *({} for _ in range(51)))

    answer = await ask("{ sessions { nodes { id } } all: sessions(first: 200) { nodes { id } } }")

    assert (len(answer.data["sessions"]["nodes"]), len(answer.data["all"]["nodes"])) == (50, 51)


async def test_an_order_has_a_direction(ask: Caller, week: list[str]) -> None:
    for direction, expected in (("ASC", week[::-1]), ("DESC", week)):
        page = await read_page(ask, orderBy={"field": "CONTACT", "direction": direction})
        assert ids_of(page) == expected
    assert ids_of(await read_page(ask, orderBy={"field": "ENDED_AT"})) == week


async def test_agents_have_pages_of_their_own(ask: Caller, week: list[str]) -> None:
    query = """query($after: String) { agents { idn sessions(first: 2, after: $after) {
        totalCount nodes { id } pageInfo { endCursor hasNextPage hasPreviousPage }
    } } }"""

    bistro, clinic = (await ask(query)).data["agents"]
    after = (await ask(query, after=clinic["sessions"]["pageInfo"]["endCursor"])).data["agents"]

    assert (ids_of(bistro["sessions"]), ids_of(clinic["sessions"])) == (week[1:5:2], week[0:4:2])
    assert (bistro["sessions"]["totalCount"], clinic["sessions"]["totalCount"]) == (3, 4)
    assert [ids_of(agent["sessions"]) for agent in after] == [week[3:6:2], week[4:7:2]]
    assert [agent["sessions"]["pageInfo"]["hasPreviousPage"] for agent in after] == [True, True]
    assert [agent["sessions"]["pageInfo"]["hasNextPage"] for agent in after] == [False, False]


async def test_a_filter_and_its_count_agree(ask: Caller, week: list[str]) -> None:
    answer = await ask(
        '{ sessions(filter: {agents: ["clinic"], to: "2026-11-05T12:00:00Z"}) { totalCount nodes { id } } }'
    )

    assert answer.data["sessions"] == {"totalCount": 2, "nodes": [{"id": week[4]}, {"id": week[6]}]}


async def test_places_that_share_a_fragment_keep_their_own_selections(ask: Caller, week: list[str]) -> None:
    answer = await ask(
        """
        query($id: ID!) {
            newest: sessions(first: 1) { nodes { ...Shared summary } }
            oldest: sessions(last: 1) { ...Page }
            one: session(id: $id) { ...Shared agent { name } }
            again: sessions(first: 1) { ...Page nodes { contact } totalCount }
            agents { ...Own }
            clinic: agent(by: {idn: "clinic"}) { ...Own sessions(first: 1) { nodes { channel } totalCount } }
        }
        fragment Shared on Session { id agent { idn } }
        fragment Page on SessionConnection { nodes { ...Shared } }
        fragment Own on Agent { idn sessions(first: 1) { nodes { id } } }
        """,
        id=week[3],
    )

    clinic = {"agent": {"idn": "clinic"}}
    assert answer.data == {
        "newest": {"nodes": [{"id": week[0], **clinic, "summary": None}]},
        "oldest": {"nodes": [{"id": week[6], **clinic}]},
        "one": {"id": week[3], "agent": {"idn": "bistro", "name": "The bistro"}},
        "again": {"nodes": [{"id": week[0], **clinic, "contact": "Guest 7"}], "totalCount": 7},
        "agents": [
            {"idn": "bistro", "sessions": {"nodes": [{"id": week[1]}]}},
            {"idn": "clinic", "sessions": {"nodes": [{"id": week[0]}]}},
        ],
        "clinic": {"idn": "clinic", "sessions": {"nodes": [{"id": week[0], "channel": "VOICE"}], "totalCount": 4}},
    }
