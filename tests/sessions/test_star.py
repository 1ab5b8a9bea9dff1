"""The metrics of the real conversations, as the specification states them."""

from decimal import Decimal

import httpx
import pytest

from session_graph.access.viewer import Role
from session_graph.store.models import Account
from support.api import make_caller

pytestmark = pytest.mark.anyio

METRICS = """
    totalSessionCount totalLeadCount totalLeadValue totalOpportunityCount totalOpportunityValue
    totalAdditionalDealCount totalAsr opportunitySuccessScore conversationSuccessScore leadSuccessScore
"""


async def test_the_whole_account_has_the_stated_figures(client: httpx.AsyncClient, star: Account) -> None:
    ask = await make_caller(client, star, Role.ADMIN)

    answer = await ask(f"{{ dashboard {{ {METRICS} }} sessions {{ totalCount }} }}")

    found = answer.data["dashboard"]
    assert answer.data["sessions"]["totalCount"] == 4143
    assert found["totalSessionCount"] == 4010
    assert (found["totalLeadCount"], found["totalLeadValue"]) == (1859, "1207219.50")
    assert (found["totalOpportunityCount"], found["totalOpportunityValue"]) == (833, "600317.50")
    assert (found["totalAdditionalDealCount"], found["totalAsr"]) == ("471.9975", "246083.84")
    scores = [found[f"{name}SuccessScore"][:7] for name in ("opportunity", "conversation", "lead")]
    assert scores == ["0.96878", "0.91741", "0.85529"]


async def test_the_clinic_line_has_the_stated_figures(client: httpx.AsyncClient, star: Account) -> None:
    ask = await make_caller(client, star, Role.ADMIN)

    answer = await ask(f'{{ agent(by: {{idn: "clinic-line"}}) {{ dashboard {{ {METRICS} }} }} }}')

    found = list(answer.data["agent"]["dashboard"].values())[:7]
    assert [Decimal(value) for value in found] == [
        Decimal(value) for value in ("308", "182", "32760.00", "130", "23400.00", "63.20", "11376.00")
    ]


async def test_924_began_in_working_hours(client: httpx.AsyncClient, star: Account) -> None:
    ask = await make_caller(client, star, Role.ADMIN)

    answer = await ask("{ sessions(filter: {workingHours: true}) { totalCount } }")

    assert answer.data["sessions"]["totalCount"] == 924
