"""Every field of Query, by example."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from conftest import MakeCaller
from session_graph.access.accounts import change_account
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account, Agent
from support.api import Caller
from support.records import BISTRO, SUNDAY, make_agent, record

pytestmark = pytest.mark.anyio

UNKNOWN = str(uuid4())


@pytest.fixture
async def agent(account: Account) -> Agent:
    return await make_agent(account)


@pytest.fixture
async def ask(caller: MakeCaller) -> Caller:
    return await caller(Role.ADMIN, name="Petra", email="petra@example.com")


def at(day: int, clock: str = "12:00") -> dict[str, str]:
    """Two minutes in November 2026, from a clock time in UTC."""
    start = datetime.fromisoformat(f"2026-11-{day:02}T{clock}Z")
    return {"startedAt": start.isoformat(), "endedAt": (start + timedelta(minutes=2)).isoformat()}


async def test_a_viewer_is_told_who_it_is(ask: Caller, account: Account) -> None:
    await change_account(account, name="Sunrise Bistro", currency="EUR", time_zone="Europe/Berlin")

    answer = await ask("{ viewer { role name email account { id name currency timeZone } visibleColumns } }")

    viewer = answer.data["viewer"]
    assert viewer["account"] == {
        "id": str(account.id),
        "name": "Sunrise Bistro",
        "currency": "EUR",
        "timeZone": "Europe/Berlin",
    }
    assert (viewer["role"], viewer["name"], viewer["email"]) == ("ADMIN", "Petra", "petra@example.com")
    assert viewer["visibleColumns"][:5] == ["IS_ARCHIVED", "SESSION_TYPE", "IS_LEAD", "IS_OPPORTUNITY", "ASR"]
    assert viewer["visibleColumns"][24:28] == ["ID", "UTMS", "STARTED_AT", "ENDED_AT"]
    assert len(viewer["visibleColumns"]) == 43


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


async def test_agents_come_by_idn(ask: Caller, account: Account) -> None:
    for idn in ("b-2", "B-1", "a", "b-10"):
        await make_agent(account, idn=idn)

    assert (await ask("{ agents { idn } }")).data["agents"] == [{"idn": idn} for idn in ("B-1", "a", "b-10", "b-2")]


async def test_an_agent_is_found_by_id_and_by_idn(ask: Caller, agent: Agent) -> None:
    answer = await ask(
        """query($id: ID!, $unknown: ID!) {
            byId: agent(by: {id: $id}) { idn } byIdn: agent(by: {idn: "bistro"}) { id }
            noId: agent(by: {id: $unknown}) { idn } noIdn: agent(by: {idn: "Bistro"}) { idn }
        }""",
        id=str(agent.id),
        unknown=UNKNOWN,
    )

    assert answer.data == {"byId": {"idn": "bistro"}, "byIdn": {"id": str(agent.id)}, "noId": None, "noIdn": None}


AGENT = """{ agent(by: {idn: "bistro"}) {
    idn name industry timeZone workingHours redirection conversionRatio recognition averageLeadValue unitName unitValue
    testContacts shortUnderSeconds longFromSeconds
} }"""


async def test_an_agent_has_all_that_is_said_of_it(ask: Caller, account: Account) -> None:
    await make_agent(
        account,
        industry="restaurant",
        redirection="OVERFLOW",
        averageLeadValue=100,
        testContacts=["QA@example.com", "+1 (415) 555-0100"],
        shortUnderSeconds=30,
        longFromSeconds=600,
    )

    assert (await ask(AGENT)).data["agent"] == {
        "idn": "bistro",
        "name": "The bistro",
        "industry": "restaurant",
        "timeZone": "America/New_York",
        "workingHours": BISTRO["workingHours"],
        "redirection": "OVERFLOW",
        "conversionRatio": "0.9",
        "recognition": "0.3",
        "averageLeadValue": "100.00",
        "unitName": "guests",
        "unitValue": "65.00",
        "testContacts": ["+14155550100", "qa@example.com"],
        "shortUnderSeconds": 30,
        "longFromSeconds": 600,
    }


async def test_an_agent_of_which_little_is_said_has_defaults(ask: Caller, account: Account) -> None:
    left_out = dict.fromkeys(("unitName", "unitValue"))
    await make_agent(account, **left_out, workingHours={}, conversionRatio=1, recognition="1.000")

    agent = (await ask(AGENT)).data["agent"]

    assert {name: agent[name] for name in ("industry", "averageLeadValue", *left_out)} == {
        "industry": None,
        "averageLeadValue": None,
        **left_out,
    }
    assert (agent["workingHours"], agent["redirection"], agent["testContacts"]) == ({}, "AGENT_FIRST", [])
    assert (agent["conversionRatio"], agent["recognition"]) == ("1", "1")
    assert (agent["shortUnderSeconds"], agent["longFromSeconds"]) == (60, 300)


@pytest.mark.parametrize(
    ("currency", "stored", "written"),
    [
        ("USD", "65", "65.00"),
        ("USD", "65.5", "65.50"),
        ("USD", "0.125", "0.125"),
        ("USD", "0", "0.00"),
        ("JPY", "6500", "6500"),
        ("JPY", "0.5", "0.5"),
        ("KWD", "1.5", "1.500"),
        ("USD", "999999999999999.9999999999", "999999999999999.9999999999"),
    ],
)
async def test_money_of_an_agent_has_the_decimals_of_the_currency_or_its_own(
    ask: Caller, account: Account, currency: str, stored: str, written: str
) -> None:
    await change_account(account, currency=currency)
    await make_agent(account, unitValue=stored, averageLeadValue=stored)

    agent = (await ask("{ agents { unitValue averageLeadValue } }")).data["agents"][0]

    assert agent == {"unitValue": written, "averageLeadValue": written}


@pytest.mark.parametrize(("currency", "asr"), [("USD", "70.20"), ("JPY", "70"), ("KWD", "70.200")])
async def test_money_of_a_session_has_the_decimals_of_the_currency(
    ask: Caller, database: Database, account: Account, agent: Agent, currency: str, asr: str
) -> None:
    await change_account(account, currency=currency)
    await record(database, account, {})

    answer = await ask("{ sessions { nodes { asr asrFactors { recognition } } } dashboard { totalAsr currency } }")

    assert answer.data["sessions"]["nodes"] == [{"asr": asr, "asrFactors": {"recognition": "0.3"}}]
    assert answer.data["dashboard"] == {"totalAsr": asr, "currency": currency}


ALL_COLUMNS = """
    isArchived sessionType isLead isOpportunity asr isTest isTodo contact contactInformation summary leadValue
    conversionRate recognition sessionLength autoAssessment humanAssessment conversationQuality workingHours comment
    units integration externalId actualResult expectedResult id utms
    startedAt endedAt durationSeconds channel connector agent { idn } contactName phone email isDone tags version
    assessment asrFactors { leadValue opportunity conversionRate success recognition isTest }
    transcript { position speaker text at } history { field }
"""


async def test_a_session_has_all_columns(ask: Caller, database: Database, account: Account, agent: Agent) -> None:
    said = {
        "sessionType": "reservation",
        "integration": "crm",
        "connector": "crm/main",
        "externalId": "c-1",
        "contactName": "Ana Ünal",
        "email": "ANA@example.com",
        "otherContact": "room 12",
        "summary": "A table for four.",
        "isTodo": True,
        "conversationQuality": 5,
        "actualResult": "Booked.",
        "expectedResult": "Book.",
        "utms": {"utm_source": "ads", "utm_campaign": "fall"},
        "tags": ["vip", "evening"],
        "transcript": [
            {"speaker": "USER", "text": "Hi", "at": "2026-11-16T16:00:01+01:00"},
            {"speaker": "AGENT", "text": "Hello!\nA table?", "at": "2026-11-16T15:00:02.5Z"},
            {"speaker": "SYSTEM", "text": ""},
        ],
    }
    (session,) = await record(database, account, said)

    found = (await ask(f'{{ session(id: "{session}") {{ {ALL_COLUMNS} }} }}')).data["session"]

    assert found == {
        "isArchived": False,
        "sessionType": "reservation",
        "isLead": True,
        "isOpportunity": True,
        "asr": "70.20",
        "isTest": False,
        "isTodo": True,
        "contact": "Ana Ünal",
        "contactInformation": "+14155550134, ana@example.com, room 12",
        "summary": "A table for four.",
        "leadValue": "260.00",
        "conversionRate": "0.9",
        "recognition": "0.3",
        "sessionLength": "REGULAR",
        "autoAssessment": "YES_A",
        "humanAssessment": None,
        "conversationQuality": 5,
        "workingHours": True,
        "comment": None,
        "units": "4",
        "integration": "crm",
        "externalId": "c-1",
        "actualResult": "Booked.",
        "expectedResult": "Book.",
        "id": str(session),
        "utms": {"utm_source": "ads", "utm_campaign": "fall"},
        "startedAt": "2026-11-16T15:00:00Z",
        "endedAt": "2026-11-16T15:02:00Z",
        "durationSeconds": 120,
        "channel": "VOICE",
        "connector": "crm/main",
        "agent": {"idn": "bistro"},
        "contactName": "Ana Ünal",
        "phone": "+14155550134",
        "email": "ana@example.com",
        "isDone": False,
        "tags": ["evening", "vip"],
        "version": 1,
        "assessment": "YES_A",
        "asrFactors": {
            "leadValue": "260.00",
            "opportunity": True,
            "conversionRate": "0.9",
            "success": True,
            "recognition": "0.3",
            "isTest": False,
        },
        "transcript": [
            {"position": 1, "speaker": "USER", "text": "Hi", "at": "2026-11-16T15:00:01Z"},
            {"position": 2, "speaker": "AGENT", "text": "Hello!\nA table?", "at": "2026-11-16T15:00:02.500000Z"},
            {"position": 3, "speaker": "SYSTEM", "text": "", "at": None},
        ],
        "history": [],
    }


async def test_a_session_of_which_little_is_said_is_mostly_empty(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    empty = dict.fromkeys(("units", "phone", "autoAssessment"))
    (session,) = await record(database, account, {**SUNDAY, **empty, "channel": "CHAT", "intentToBuy": False})

    found = (await ask(f'{{ session(id: "{session}") {{ {ALL_COLUMNS} updatedAt }} }}')).data["session"]

    assert {name for name, value in found.items() if value is None} == {
        *("sessionType", "contactInformation", "summary", "autoAssessment", "humanAssessment", "conversationQuality"),
        *("comment", "units", "integration", "externalId", "actualResult", "expectedResult", "connector"),
        *("contactName", "phone", "email", "assessment"),
    }
    assert (found["contact"], found["utms"], found["tags"], found["transcript"]) == ("User", {}, [], [])
    assert (found["leadValue"], found["asr"], found["recognition"]) == ("0.00", "0.00", "1")
    assert found["updatedAt"].endswith("Z")


async def test_history_has_the_newest_first(ask: Caller, database: Database, account: Account, agent: Agent) -> None:
    (session,) = await record(database, account, {})
    edit = "mutation($i: UpdateSessionInput!) { updateSession(input: $i) { errors { code } } }"
    for patch in ({"comment": "Call back."}, {"humanAssessment": "NO", "addTags": ["vip"]}, {"comment": None}):
        await ask(edit, i={"sessionId": str(session), "patch": patch})

    found = await ask(f'{{ session(id: "{session}") {{ version history {{ field before after by at }} }} }}')

    history = found.data["session"]["history"]
    assert found.data["session"]["version"] == 4
    assert [(change["field"], change["before"], change["after"]) for change in history] == [
        ("comment", "Call back.", None),
        ("humanAssessment", None, "NO"),
        ("tags", "[]", '["vip"]'),
        ("comment", None, "Call back."),
    ]
    assert {change["by"] for change in history} == {"Petra"}
    assert [change["at"] for change in history] == sorted((change["at"] for change in history), reverse=True)


@pytest.fixture
async def week(database: Database, account: Account, agent: Agent) -> list[str]:
    """Ids of seven sessions, one a day, the newest first."""
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


async def test_external_ids_are_answered_where_they_stand(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    calls = [{"externalId": "a", "integration": "crm", **at(day)} for day in (1, 2, 3)]
    ids = [str(id_) for id_ in await record(database, account, *calls, {"externalId": "b", "integration": "desk"})]
    query = """query($externalIds: [String!]!, $integration: String, $first: Int) {
        sessionsByExternalId(externalIds: $externalIds, integration: $integration) {
            externalId totalCount sessions(first: $first) { id agent { idn } }
        }
    }"""

    async def look_up(*external_ids: str, **arguments: Any) -> list[tuple[str, int, list[str]]]:
        found = (await ask(query, externalIds=external_ids, **arguments)).data["sessionsByExternalId"]
        return [(e["externalId"], e["totalCount"], [s["id"] for s in e["sessions"]]) for e in found]

    of_a = ("a", 3, [ids[2], ids[1], ids[0]])
    assert await look_up("b", "nobody", "a", "b") == [("b", 1, [ids[3]]), ("nobody", 0, []), of_a, ("b", 1, [ids[3]])]
    assert await look_up("a", "b", integration="desk") == [("a", 0, []), ("b", 1, [ids[3]])]
    assert await look_up("a", first=1) == [("a", 3, [ids[2]])]
    assert await look_up("A", " a", "") == [("A", 0, []), (" a", 0, []), ("", 0, [])]
    assert await look_up() == []


async def test_an_external_id_has_twenty_sessions_by_default(
    ask: Caller, database: Database, account: Account, agent: Agent
) -> None:
    await record(database, account, *({"externalId": "a"} for _ in range(101)))

    answer = await ask("""{ sessionsByExternalId(externalIds: ["a"]) {
        totalCount sessions { id } all: sessions(first: 100) { id transcript @skip(if: true) { text } }
    } }""")

    (found,) = answer.data["sessionsByExternalId"]
    assert (found["totalCount"], len(found["sessions"]), len(found["all"])) == (101, 20, 100)


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
    """Tuesday to Friday: two parties of four at noon in New York, a caller at night, a chat; and a test."""
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


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-11-16T15:00:00Z", "2026-11-16T15:00:00Z"),
        ("2026-11-16T16:00:00+01:00", "2026-11-16T15:00:00Z"),
        ("2026-11-16t10:00:00.5-05:00", "2026-11-16T15:00:00.500000Z"),
        ("2026-11-16 15:00:00.000001z", "2026-11-16T15:00:00.000001Z"),
        ("2026-11-16T15:00:00.123456789Z", "2026-11-16T15:00:00.123456Z"),
    ],
)
async def test_instants_are_told_in_utc(
    ask: Caller, database: Database, account: Account, agent: Agent, sent: str, written: str
) -> None:
    (session,) = await record(database, account, {"startedAt": sent, "endedAt": "2026-11-16T15:00:02Z"})

    answer = await ask(
        """query($id: ID!, $at: DateTime!) {
            session(id: $id) { startedAt } sessions(filter: {from: $at}) { totalCount }
        }""",
        id=str(session),
        at=sent,
    )

    assert answer.data == {"session": {"startedAt": written}, "sessions": {"totalCount": 1}}


@pytest.mark.parametrize(
    ("sent", "written"),
    [("4.50", "4.5"), (4, "4"), ("1000000", "1000000"), ("0.0000000001", "0.0000000001"), ("0", "0")],
)
async def test_decimals_are_told_exactly(
    ask: Caller, database: Database, account: Account, agent: Agent, sent: Any, written: str
) -> None:
    await record(database, account, {"units": sent, "leadValue": "1"})

    assert (await ask("{ sessions { nodes { units } } }")).data["sessions"]["nodes"] == [{"units": written}]


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
