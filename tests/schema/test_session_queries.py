"""Sessions, by example: their columns, history and scalars, and the lookup by external id."""

from typing import Any

import pytest

from session_graph.access.accounts import change_account
from session_graph.store.database import Database
from session_graph.store.models import Account, Agent
from support.api import Caller
from support.records import SUNDAY, at, record

pytestmark = pytest.mark.anyio


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
    attributes = {
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
            {"speaker": "SYSTEM", "text": "-"},
        ],
    }
    (session,) = await record(database, account, attributes)

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
            {"position": 3, "speaker": "SYSTEM", "text": "-", "at": None},
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
    assert await look_up("A", " a", "") == [("A", 0, []), (" a", *of_a[1:]), ("", 0, [])]
    assert await look_up("x" * 501, "a\0", "a\x0b") == [("x" * 501, 0, []), ("a\0", *of_a[1:]), ("a\x0b", *of_a[1:])]
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
