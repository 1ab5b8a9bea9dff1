"""Agents, by example: how they are found, and their fields."""

import pytest

from session_graph.access.accounts import change_account
from session_graph.store.models import Account, Agent
from support.api import Caller
from support.records import BISTRO, UNKNOWN, make_agent

pytestmark = pytest.mark.anyio


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
