"""The worked figures of domain.md, by name: recorded, read and edited on PostgreSQL."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from session_graph.access.accounts import change_account
from session_graph.sessions.agents import change_agent
from session_graph.sessions.dashboard import DashboardScope, Metrics, read_dashboards
from session_graph.sessions.dashboard_request import DashboardRequest, DashboardSelection
from session_graph.sessions.editing import edit_session
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import EVERYTHING
from session_graph.sessions.metrics import METRICS
from session_graph.sessions.reading import read_session
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.records import SUNDAY, make_agent, record
from support.viewers import make_viewer
from support.walks import NOW

pytestmark = pytest.mark.anyio

COLUMNS = frozenset(
    ("lead_value", "asr", "recognition", "conversion_rate", "is_lead", "is_opportunity", "is_test", "assessment")
)


async def record_one(database: Database, account: Account, **attributes: Any) -> UUID:
    (id_,) = await record(database, account, attributes)
    return id_


async def read(database: Database, account: Account, id_: UUID) -> Row:
    found = await read_session(database, make_viewer(account), id_, COLUMNS)
    assert found is not None
    return found


async def edit(database: Database, account: Account, id_: UUID, **patch: Any) -> Row:
    """Return the session after the edit."""
    edited = await edit_session(database, make_viewer(account), id_, patch, None, COLUMNS)
    assert edited.refusal is None
    assert edited.session is not None
    return edited.session


async def figures(database: Database, account: Account) -> Metrics:
    request = DashboardRequest(make_viewer(account), EVERYTHING, DashboardSelection(frozenset(METRICS)), NOW)
    found = await read_dashboards(database, request, [DashboardScope(None, "UTC")])
    return found[None].totals


def money(row: Row) -> tuple[str, str]:
    """Return lead value and ASR, with all decimals."""
    return str(row["lead_value"]), str(row["asr"])


async def test_a_party_of_four_out_of_hours_has_an_asr_of_234_00(database: Database, account: Account) -> None:
    await make_agent(account)

    found = await read(database, account, await record_one(database, account, **SUNDAY))

    assert money(found) == ("260.00", "234.00")
    assert (found["recognition"], found["conversion_rate"]) == ("1", "0.9")


async def test_the_same_in_working_hours_has_an_asr_of_70_20(database: Database, account: Account) -> None:
    await make_agent(account)

    found = await read(database, account, await record_one(database, account))

    assert money(found) == ("260.00", "70.20")
    assert found["recognition"] == "0.3"


async def test_the_same_where_calls_overflow_to_the_agent_is_credited_in_full(
    database: Database, account: Account
) -> None:
    await make_agent(account, redirection="OVERFLOW")

    found = await read(database, account, await record_one(database, account))

    assert money(found) == ("260.00", "234.00")


async def test_a_human_no_makes_it_0_00_and_clearing_it_brings_70_20_back(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = await record_one(database, account)

    overridden = await edit(database, account, id_, humanAssessment="NO")
    cleared = await edit(database, account, id_, humanAssessment=None)

    assert (money(overridden), overridden["assessment"]) == (("260.00", "0.00"), "NO")
    assert (money(cleared), cleared["assessment"]) == (("260.00", "70.20"), "YES_A")


async def test_a_human_yes_makes_an_asr_of_what_the_machine_failed(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = await record_one(database, account, autoAssessment="NO")

    assert money(await read(database, account, id_)) == ("260.00", "0.00")
    assert money(await edit(database, account, id_, humanAssessment="YES_B")) == ("260.00", "70.20")


async def test_fifteen_fives_three_fours_and_two_threes_are_a_css_of_0_93(database: Database, account: Account) -> None:
    await make_agent(account)
    stars = [5] * 15 + [4] * 3 + [3] * 2 + [None] * 8

    await record(database, account, *({"conversationQuality": rating} for rating in stars))
    await record(database, account, {"conversationQuality": 1, "isTest": True})

    assert (await figures(database, account))["conversation_success_score"] == Decimal("0.93")


async def test_the_seven_calls_have_an_lss_of_50_percent(database: Database, account: Account) -> None:
    await make_agent(account)
    calls = [
        *(("YES_A", None, False), ("YES_A", None, True), ("NO", None, False), ("YES_B", None, True)),
        *(("YES_A", "NO", True), ("NO", None, True), ("NO", None, False)),
    ]

    for auto, human, lead in calls:
        id_ = await record_one(database, account, autoAssessment=auto, intentToBuy=lead)
        await edit(database, account, id_, humanAssessment=human)

    found = await figures(database, account)
    assert found["total_lead_count"] == 4
    assert found["lead_success_score"] == Decimal("0.5")


async def test_twenty_five_of_a_hundred_missed_calls_are_a_recognition_of_25_percent(
    database: Database, account: Account
) -> None:
    await make_agent(account, recognition=str(Decimal(25) / Decimal(100)))

    found = await read(database, account, await record_one(database, account))

    assert found["recognition"] == "0.25"
    assert money(found) == ("260.00", "58.50")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("10.005", "10.01"), ("10.015", "10.02"), ("10.025", "10.03"), ("0.005", "0.01"), ("0.0049999999", "0.00")),
        *(("2.675", "2.68"), ("1.0049999999", "1.00"), ("999999999999.995", "1000000000000.00")),
    ],
)
async def test_lead_values_are_rounded_half_up_to_cents(
    database: Database, account: Account, value: str, expected: str
) -> None:
    await make_agent(account)

    found = await read(database, account, await record_one(database, account, leadValue=value))

    assert str(found["lead_value"]) == expected


@pytest.mark.parametrize(
    ("value", "conversion", "expected"),
    [
        *(("0.05", "0.5", "0.03"), ("0.15", "0.5", "0.08"), ("0.25", "0.5", "0.13"), ("1.01", "0.5", "0.51")),
        *(("70.10", "0.05", "3.51"), ("0.01", "0.4999999999", "0.00"), ("33.33", "0.3333333333", "11.11")),
    ],
)
async def test_asr_is_rounded_half_up_to_cents(
    database: Database, account: Account, value: str, conversion: str, expected: str
) -> None:
    await make_agent(account, conversionRatio=conversion)

    found = await read(database, account, await record_one(database, account, leadValue=value, **SUNDAY))

    assert str(found["asr"]) == expected


async def test_the_lead_value_is_rounded_before_the_asr_is_made_of_it(database: Database, account: Account) -> None:
    """1.005 × 0.5 is 0.5025, but with the lead value rounded to 1.01 it is 0.505."""
    await make_agent(account, conversionRatio="0.5")

    found = await read(database, account, await record_one(database, account, leadValue="1.005", **SUNDAY))

    assert money(found) == ("1.01", "0.51")


@pytest.mark.parametrize(
    ("currency", "value", "expected"),
    [
        *(("JPY", "1234.5", ("1235", "1112")), ("JPY", "1234.49", ("1234", "1111")), ("JPY", "5", ("5", "5"))),
        *(("KWD", "10.0005", ("10.001", "9.001")), ("KWD", "10.0004", ("10.000", "9.000"))),
        *(("USD", "10.005", ("10.01", "9.01")), ("EUR", "65", ("65.00", "58.50"))),
    ],
)
async def test_money_has_the_decimals_of_the_accounts_currency(
    database: Database, account: Account, currency: str, value: str, expected: tuple[str, str]
) -> None:
    account = await change_account(account, currency=currency)
    await make_agent(account)

    id_ = await record_one(database, account, leadValue=value, **SUNDAY)

    assert money(await read(database, account, id_)) == expected
    totals = await figures(database, account)
    assert (str(totals["total_lead_value"]), str(totals["total_asr"])) == expected


async def test_an_explicit_lead_value_wins(database: Database, account: Account) -> None:
    await make_agent(account, averageLeadValue="90")

    explicit = await record_one(database, account, leadValue="100", units=4)
    of_units = await record_one(database, account, units=4)
    average = await record_one(database, account, units=None)

    values = [str((await read(database, account, id_))["lead_value"]) for id_ in (explicit, of_units, average)]
    assert values == ["100.00", "260.00", "90.00"]


async def test_without_any_assessment_there_is_no_success(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = await record_one(database, account, autoAssessment=None)

    assert money(await read(database, account, id_)) == ("260.00", "0.00")

    totals = await figures(database, account)
    assert (totals["total_opportunity_count"], totals["total_additional_deal_count"]) == (1, 0)
    assert (totals["opportunity_success_score"], totals["lead_success_score"]) == (None, None)


async def test_what_is_not_a_lead_is_worth_0(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = await record_one(database, account, intentToBuy=False, leadValue="500")

    assert money(await read(database, account, id_)) == ("0.00", "0.00")


async def test_a_person_may_end_a_lead_and_make_it_one_again(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = await record_one(database, account)

    ended = await edit(database, account, id_, isLead=False)
    again = await edit(database, account, id_, isLead=True)

    assert (ended["is_opportunity"], money(ended)) == (False, ("0.00", "0.00"))
    assert (again["is_opportunity"], money(again)) == (True, ("260.00", "70.20"))


@pytest.mark.parametrize("fact", [{"refused": True}, {"unavailable": True}, {"phone": None}])
async def test_a_lead_that_failed_has_a_value_and_no_asr(
    database: Database, account: Account, fact: Mapping[str, Any]
) -> None:
    await make_agent(account)
    id_ = await record_one(database, account, intentToBuy=False, **fact)

    lead = await edit(database, account, id_, isLead=True)
    opportunity = await edit(database, account, id_, isOpportunity=True)

    assert (lead["is_opportunity"], money(lead)) == (False, ("260.00", "0.00"))
    assert (opportunity["is_opportunity"], money(opportunity)) == (True, ("260.00", "70.20"))


async def test_setting_an_opportunity_makes_it_a_lead(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = await record_one(database, account, intentToBuy=False)

    found = await edit(database, account, id_, isOpportunity=True)

    assert (found["is_lead"], money(found)) == (True, ("260.00", "70.20"))


async def test_a_test_has_a_lead_value_and_no_asr(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = await record_one(database, account, isTest=True)

    assert money(await read(database, account, id_)) == ("260.00", "0.00")
    assert money(await edit(database, account, id_, isTest=False)) == ("260.00", "70.20")


async def test_changing_an_agent_later_does_not_rewrite_history(database: Database, account: Account) -> None:
    await make_agent(account)
    before = await record_one(database, account)

    await change_agent(account.id, "bistro", {"unitValue": "100", "recognition": "0.5", "conversionRatio": "1"})
    after = await record_one(database, account)

    assert money(await read(database, account, before)) == ("260.00", "70.20")
    assert money(await read(database, account, after)) == ("400.00", "200.00")
    assert money(await edit(database, account, before, isLead=False, comment="no")) == ("0.00", "0.00")
    assert money(await edit(database, account, before, isLead=True)) == ("260.00", "70.20")


async def test_additional_deals_are_summed_unrounded(database: Database, account: Account) -> None:
    await make_agent(account, recognition="0.3333333333", conversionRatio="0.9999999999")

    await record(database, account, {}, {}, {})

    deals = (await figures(database, account))["total_additional_deal_count"]
    assert deals == 3 * Decimal("0.3333333333") * Decimal("0.9999999999")


async def test_totals_are_sums_of_what_the_rows_show(database: Database, account: Account) -> None:
    """Three values of 0.005 show as 0.01 each, so their sum is 0.03."""
    await make_agent(account)

    await record(database, account, *[{"leadValue": "0.005", **SUNDAY}] * 3)

    totals = await figures(database, account)
    assert (str(totals["total_lead_value"]), str(totals["total_asr"])) == ("0.03", "0.03")


async def previous_in_new_york(database: Database, account: Account, start: str, end: str) -> tuple[str, str]:
    """Return the local times between which the previous span lies."""
    zone = ZoneInfo("America/New_York")
    span = {name: datetime.fromisoformat(text).replace(tzinfo=zone) for name, text in (("from", start), ("to", end))}
    request = DashboardRequest(make_viewer(account), parse_filter(span, NOW), DashboardSelection(), NOW)
    found = (await read_dashboards(database, request, [DashboardScope(None, str(zone))]))[None].previous_span
    assert found
    first, last = (f"{moment.astimezone(zone):%a %d %b %Y %H:%M}" for moment in found)
    return first, last


async def test_before_the_week_from_2_to_9_march_2026_in_new_york_is_23_february_to_2_march(
    database: Database, account: Account
) -> None:
    found = await previous_in_new_york(database, account, "2026-03-02", "2026-03-09")

    assert found == ("Mon 23 Feb 2026 00:00", "Mon 02 Mar 2026 00:00")


async def test_before_march_2026_in_new_york_is_february_2026(database: Database, account: Account) -> None:
    found = await previous_in_new_york(database, account, "2026-03-01", "2026-04-01")

    assert found == ("Sun 01 Feb 2026 00:00", "Sun 01 Mar 2026 00:00")
