"""Agents and the account through GraphQL: what is refused, what is normalised, and what closed sessions keep."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR, make_agent, record

pytestmark = pytest.mark.anyio

AGENT = """
  idn name industry timeZone workingHours redirection conversionRatio recognition averageLeadValue unitName unitValue
  testContacts shortUnderSeconds longFromSeconds
"""
CREATE = f"""
mutation ($input: CreateAgentInput!) {{
  createAgent(input: $input) {{ agent {{ {AGENT} }} errors {{ code message path }} }}
}}
"""
CHANGE = f"""
mutation ($input: UpdateAgentInput!) {{
  updateAgent(input: $input) {{ agent {{ {AGENT} }} errors {{ code message path }} }}
}}
"""
CHANGE_ACCOUNT = """
mutation ($input: UpdateAccountInput!) {
  updateAccount(input: $input) { account { name currency timeZone } errors { code message path } }
}
"""
RECORD = "mutation ($input: RecordSessionInput!) { recordSession(input: $input) { session { id } errors { code } } }"
DECIDED = """
query ($id: ID!) {
  session(id: $id) {
    asr leadValue conversionRate recognition workingHours sessionLength isTest version updatedAt agent { name }
  }
}
"""
DASHBOARD = "{ dashboard { totalAsr totalLeadValue currency timeZone } }"


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that has nothing to do with the application's."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def ask(caller: MakeCaller) -> Caller:
    return await caller(Role.ADMIN)


async def create(ask: Caller, **given: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await ask(CREATE, input={**BISTRO, **given})).data["createAgent"]
    return payload


async def change(ask: Caller, **given: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await ask(CHANGE, input={"idn": "bistro", **given})).data["updateAgent"]
    return payload


async def change_account(ask: Caller, **given: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await ask(CHANGE_ACCOUNT, input=given)).data["updateAccount"]
    return payload


async def agents_of(elsewhere: asyncpg.Connection, account: Account) -> list[asyncpg.Record]:
    return await elsewhere.fetch("select * from agent where account_id = $1 order by idn", account.id)


async def test_an_agent_is_made_as_it_is_described(ask: Caller) -> None:
    given = {"industry": "Restaurant", "redirection": "OVERFLOW", "averageLeadValue": "40", "shortUnderSeconds": 30}

    payload = await create(ask, **given)

    assert payload["errors"] == []
    assert payload["agent"] == {
        **BISTRO,
        **given,
        "averageLeadValue": "40.00",
        "testContacts": [],
        "longFromSeconds": 300,
    }


async def test_what_is_left_out_or_null_has_its_default(ask: Caller) -> None:
    answer = await ask(
        CREATE, input={"idn": "desk", "name": " Desk ", "timeZone": "UTC", "workingHours": None, "recognition": None}
    )

    assert answer.data["createAgent"]["agent"] == {
        "idn": "desk",
        "name": "Desk",
        "industry": None,
        "timeZone": "UTC",
        "workingHours": {},
        "redirection": "AGENT_FIRST",
        "conversionRatio": "1",
        "recognition": "1",
        "averageLeadValue": None,
        "unitName": None,
        "unitValue": None,
        "testContacts": [],
        "shortUnderSeconds": 60,
        "longFromSeconds": 300,
    }


async def test_test_contacts_are_kept_in_their_normal_form(ask: Caller, account: Account, database: Database) -> None:
    contacts = ["+1 (415) 555-0134", "+14155550134", " QA@Example.com "]

    payload = await create(ask, testContacts=contacts)

    assert payload["agent"]["testContacts"] == ["+14155550134", "qa@example.com"]
    (session_id,) = await record(database, account, {"phone": "+1 415.555.0134"})
    assert (await ask(DECIDED, id=str(session_id))).data["session"]["isTest"] is True


@pytest.mark.parametrize(
    "hours",
    [
        {},
        {"MON": []},
        {"MON": [["09:00", "12:00"], ["13:00", "17:00"]]},
        {"MON": [["13:00", "17:00"], ["09:00", "13:00"]]},
        {"FRI": [["18:00", "02:00"]], "SAT": [["02:00", "24:00"]]},
        {"SUN": [["22:00", "06:00"]], "MON": [["06:00", "07:00"]]},
        {"WED": [["00:00", "24:00"]]},
    ],
    ids=str,
)
async def test_working_hours_may_be_several_spans_and_run_past_midnight(ask: Caller, hours: dict[str, Any]) -> None:
    payload = await create(ask, workingHours=hours)

    assert (payload["errors"], payload["agent"]["workingHours"]) == ([], hours)


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"name": " "}, "name", "empty"),
    ({"name": "x" * 201}, "name", "at most 200"),
    ({"name": "a\0b"}, "name", "control characters"),
    ({"timeZone": "Mars/Olympus"}, "timeZone", "IANA"),
    ({"timeZone": "america/new_york"}, "timeZone", "IANA"),
    ({"timeZone": "CET"}, "timeZone", "IANA"),
    ({"timeZone": "../UTC"}, "timeZone", "IANA"),
    ({"conversionRatio": "1.01"}, "conversionRatio", "at most 1"),
    ({"conversionRatio": "-0.1"}, "conversionRatio", "at least 0"),
    ({"recognition": "30"}, "recognition", "at most 1"),
    ({"averageLeadValue": "-1"}, "averageLeadValue", "at least 0"),
    ({"unitValue": "-0.01"}, "unitValue", "at least 0"),
    ({"shortUnderSeconds": -1}, "shortUnderSeconds", "at least 0"),
    ({"longFromSeconds": 86_401}, "longFromSeconds", "at most 86400"),
    ({"shortUnderSeconds": 100, "longFromSeconds": 99}, "longFromSeconds", "shortUnderSeconds"),
    ({"workingHours": {"Monday": []}}, "workingHours", "Monday"),
    ({"workingHours": {"MON": [["9:00", "17:00"]]}}, "workingHours", 'MON: ["9:00", "17:00"]'),
    ({"workingHours": {"MON": [["09:00", "24:01"]]}}, "workingHours", 'MON: ["09:00", "24:01"]'),
    ({"workingHours": {"MON": [["24:00", "02:00"]]}}, "workingHours", 'MON: ["24:00", "02:00"]'),
    ({"workingHours": {"MON": [["09:00", "09:00"]]}}, "workingHours", 'MON: ["09:00", "09:00"]'),
    ({"workingHours": {"MON": [["09:00"]]}}, "workingHours.MON.0.1", "required"),
    ({"workingHours": {"MON": [["09:00", "12:00", "13:00"]]}}, "workingHours.MON.0", "at most 2"),
    ({"workingHours": {"MON": "09:00-17:00"}}, "workingHours.MON", "list"),
    ({"workingHours": {"MON": [["09:00", 17]]}}, "workingHours.MON.0.1", "text"),
    ({"workingHours": {"MON": [["09:00", "12:00"], ["11:59", "17:00"]]}}, "workingHours", "MON overlap"),
    (
        {"workingHours": {"FRI": [["18:00", "02:01"]], "SAT": [["02:00", "06:00"]]}},
        "workingHours",
        "FRI and SAT overlap",
    ),
    (
        {"workingHours": {"SUN": [["22:00", "06:00"]], "MON": [["05:00", "07:00"]]}},
        "workingHours",
        "SUN and MON overlap",
    ),
    ({"testContacts": [" "]}, "testContacts.0", "empty"),
]


@pytest.mark.parametrize(("bad", "path", "keyword"), BAD, ids=[f"{path} {keyword}" for _, path, keyword in BAD])
async def test_bad_attributes_are_refused_when_an_agent_is_made_and_when_it_is_changed(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, bad: dict[str, Any], path: str, keyword: str
) -> None:
    await make_agent(account)
    before = await agents_of(elsewhere, account)

    made = await create(ask, **{"idn": "other", **bad})
    changed = await change(ask, **bad)

    assert [(e["code"], e["path"]) for e in made["errors"]] == [("INVALID", ["input", *path.split(".")])]
    assert keyword in made["errors"][0]["message"]
    assert made == changed
    assert made["agent"] is None
    assert await agents_of(elsewhere, account) == before


@pytest.mark.parametrize("idn", ["", " ", "-desk", "front desk", "tür", "x" * 101, "desk\n"])
async def test_an_idn_is_short_and_plain(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, idn: str
) -> None:
    payload = await create(ask, idn=idn)

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("INVALID", ["input", "idn"])]
    assert "1 to 100" in payload["errors"][0]["message"]
    assert await agents_of(elsewhere, account) == []


async def test_everything_that_is_wrong_is_said_at_once(ask: Caller) -> None:
    payload = await create(ask, conversionRatio="2", name="", testContacts=["", "ok@example.com"])

    assert [e["path"] for e in payload["errors"]] == [
        ["input", "name"],
        ["input", "conversionRatio"],
        ["input", "testContacts", "0"],
    ]


async def test_an_idn_is_taken_once_in_an_account(
    ask: Caller, caller: MakeCaller, account: Account, elsewhere: asyncpg.Connection
) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")

    payloads = await asyncio.gather(*(create(ask) for _ in range(5)))
    theirs = await create(await caller(Role.ADMIN, of=other))

    refusals = [payload["errors"] for payload in payloads if payload["errors"]]
    assert len(refusals) == 4
    assert {(e["code"], *e["path"]) for errors in refusals for e in errors} == {("DUPLICATE", "input", "idn")}
    assert theirs["errors"] == []
    assert len(await agents_of(elsewhere, account)) == 1


async def test_a_change_sets_what_is_there_and_leaves_the_rest(ask: Caller, account: Account) -> None:
    await make_agent(account, averageLeadValue="40", industry="Restaurant")

    payload = await change(ask, name="Bistro 2", averageLeadValue=None, industry=None, recognition="0.50")

    assert payload["errors"] == []
    expected = {"name": "Bistro 2", "averageLeadValue": None, "industry": None, "recognition": "0.5"}
    assert {name: payload["agent"][name] for name in (*BISTRO, *expected)} == {**BISTRO, **expected}


@pytest.mark.parametrize(
    "field",
    [
        *("name", "timeZone", "workingHours", "redirection", "conversionRatio", "recognition", "testContacts"),
        *("shortUnderSeconds", "longFromSeconds"),
    ],
)
async def test_null_is_refused_where_an_agent_must_have_something(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, field: str
) -> None:
    await make_agent(account)
    before = await agents_of(elsewhere, account)

    payload = await change(ask, **{field: None})

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("INVALID", ["input", field])]
    assert "null" in payload["errors"][0]["message"]
    assert await agents_of(elsewhere, account) == before


async def test_there_is_no_agent_of_another_account_to_change(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection
) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_agent(other)

    payload = await change(ask, name="Mine now")

    assert payload["agent"] is None
    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("NOT_FOUND", ["input", "idn"])]
    assert (await agents_of(elsewhere, other))[0]["name"] == BISTRO["name"]


async def test_a_changed_attribute_leaves_closed_sessions_as_they_are(
    ask: Caller, account: Account, database: Database
) -> None:
    await make_agent(account)
    (closed,) = await record(database, account, {})
    before = (await ask(DECIDED, id=str(closed))).data["session"]
    figures = (await ask(DASHBOARD)).data

    changed = {
        "unitValue": "100",
        "averageLeadValue": "1",
        "conversionRatio": "0.5",
        "recognition": "1",
        "redirection": "OVERFLOW",
        "workingHours": {"SUN": [["09:00", "17:00"]]},
        "timeZone": "Asia/Tokyo",
        "testContacts": ["+14155550134"],
        "shortUnderSeconds": 200,
        "longFromSeconds": 201,
    }
    assert (await change(ask, **changed))["errors"] == []

    assert (await ask(DECIDED, id=str(closed))).data["session"] == before
    assert (await ask(DASHBOARD)).data == figures
    (later,) = await record(database, account, {"phone": "+14155550199"})
    after = (await ask(DECIDED, id=str(later))).data["session"]
    assert (before["asr"], before["recognition"], before["sessionLength"]) == ("70.20", "0.3", "REGULAR")
    assert (after["asr"], after["recognition"], after["sessionLength"]) == ("200.00", "1", "SHORT")


async def test_the_account_is_changed_as_it_is_said(ask: Caller) -> None:
    payload = await change_account(ask, name=" Sunrise ", currency="JPY", timeZone="Asia/Tokyo")

    assert payload == {"account": {"name": "Sunrise", "currency": "JPY", "timeZone": "Asia/Tokyo"}, "errors": []}
    assert (await ask(DASHBOARD)).data["dashboard"] == {
        "totalAsr": "0",
        "totalLeadValue": "0",
        "currency": "JPY",
        "timeZone": "Asia/Tokyo",
    }


@pytest.mark.parametrize(
    ("currency", "asr"), [("JPY", "70"), ("USD", "70.20"), ("KWD", "70.200")], ids=["no decimals", "two", "three"]
)
async def test_a_currency_has_its_number_of_decimals(
    ask: Caller, account: Account, database: Database, currency: str, asr: str
) -> None:
    await change_account(ask, currency=currency)
    await make_agent(account)

    (session_id,) = await record(database, account, {})

    assert (await ask(DECIDED, id=str(session_id))).data["session"]["asr"] == asr
    assert (await ask(DASHBOARD)).data["dashboard"]["totalAsr"] == asr


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"currency": "EURO"}, ["currency"]),
        ({"currency": "usd"}, ["currency"]),
        ({"currency": "XXX"}, ["currency"]),
        ({"timeZone": "Nowhere/Land"}, ["timeZone"]),
        ({"name": " "}, ["name"]),
        ({"name": "two\nlines"}, ["name"]),
        ({"name": None}, ["name"]),
        ({"currency": None, "timeZone": None}, ["currency", "timeZone"]),
        ({"name": "", "currency": "?", "timeZone": "?"}, ["name", "currency", "timeZone"]),
        ({"name": "Good", "currency": "?"}, ["currency"]),
    ],
    ids=str,
)
async def test_a_bad_account_is_refused_as_a_whole(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, given: dict[str, Any], fields: list[str]
) -> None:
    before = await elsewhere.fetchrow("select * from account where id = $1", account.id)

    payload = await change_account(ask, **given)

    assert payload["account"] is None
    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("INVALID", ["input", field]) for field in fields]
    assert await elsewhere.fetchrow("select * from account where id = $1", account.id) == before


async def test_the_first_session_settles_the_currency(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    await make_agent(account)
    assert (await change_account(ask, currency="EUR"))["errors"] == []
    await record(database, account, {})

    refused = await change_account(ask, currency="USD", name="New name")
    same = await change_account(ask, currency="EUR", name="New name")

    assert [(e["code"], e["path"]) for e in refused["errors"]] == [("INVALID", ["input", "currency"])]
    assert (same["errors"], same["account"]["name"]) == ([], "New name")


async def test_a_currency_that_changes_while_a_session_is_recorded_goes_one_way_or_the_other(
    caller: MakeCaller, elsewhere: asyncpg.Connection
) -> None:
    for _ in range(10):
        account = await find_or_create_account(f"a{uuid4().hex[:12]}")
        await make_agent(account)
        ask = await caller(Role.ADMIN, of=account)

        changed, recorded = await asyncio.gather(
            change_account(ask, currency="JPY"), ask(RECORD, input={**PARTY_OF_FOUR, **MONDAY_IN_HOURS})
        )

        assert recorded.data["recordSession"]["errors"] == []
        scales = await elsewhere.fetchrow(
            "select a.money_scale as account, s.money_scale as session from account a"
            " join session s on s.account_id = a.id where a.id = $1",
            account.id,
        )
        assert scales is not None
        assert scales["account"] == scales["session"] == (2 if changed["errors"] else 0)


@pytest.mark.parametrize("role", [Role.BUILDER, Role.PORTAL, Role.PARTNER, Role.RECORDER])
async def test_only_an_admin_changes_agents_and_the_account(
    caller: MakeCaller, account: Account, elsewhere: asyncpg.Connection, role: Role
) -> None:
    await make_agent(account)
    ask = await caller(role)
    before = await agents_of(elsewhere, account)

    answers = [
        await ask("mutation ($i: CreateAgentInput!) { createAgent(input: $i) { errors { code } } }", i=BISTRO),
        await ask('mutation { updateAgent(input: {idn: "bistro", name: "Mine"}) { errors { code } } }'),
        await ask('mutation { updateAccount(input: {name: "Mine"}) { errors { code } } }'),
    ]

    assert [answer.code for answer in answers] == ["FORBIDDEN"] * 3
    assert await agents_of(elsewhere, account) == before
    assert await elsewhere.fetchval("select name from account where id = $1", account.id) == account.name
