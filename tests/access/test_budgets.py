"""A key or token subject has a budget of cost of its own, which refills."""

import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from session_graph.access.budgets import Budgets, OutOfBudget
from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.settings import load_settings

pytestmark = pytest.mark.anyio

ACCOUNT = AccountFacts(UUID(int=1), "one", "One", "EUR", 2, "Europe/Berlin")
OTHER_ACCOUNT = replace(ACCOUNT, id=UUID(int=2), idn="other")
KEY = Viewer(ACCOUNT, Role.ADMIN, "Petra's key", key_id=UUID(int=3))
TOKEN = Viewer(ACCOUNT, Role.PORTAL, "petra")


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def is_refused(budgets: Budgets, viewer: Viewer, amount: int) -> bool:
    try:
        budgets.charge(viewer, amount)
    except OutOfBudget:
        return True
    return False


def test_what_does_not_fit_is_refused_with_the_time_until_it_fits() -> None:
    clock = Clock()
    budgets = Budgets(100, 10, clock=clock)
    budgets.charge(KEY, 70)

    with pytest.raises(OutOfBudget) as refused:
        budgets.charge(KEY, 55)

    extensions = {"code": "RATE_LIMITED", "retryAfter": 3, "cost": 55, "remaining": 30, "capacity": 100}
    assert refused.value.extensions == extensions
    assert refused.value.status == 429
    clock.now += 2.4
    assert is_refused(budgets, KEY, 55)
    clock.now += 0.1
    budgets.charge(KEY, 55)


def test_a_refused_operation_is_not_charged() -> None:
    budgets = Budgets(100, 10, clock=Clock())
    budgets.charge(KEY, 50)

    assert is_refused(budgets, KEY, 60)
    assert budgets.bucket(KEY).tokens == 50


def test_an_operation_dearer_than_the_capacity_needs_a_full_budget_and_leaves_it_owing() -> None:
    clock = Clock()
    budgets = Budgets(100, 10, clock=clock)

    budgets.charge(KEY, 250)

    with pytest.raises(OutOfBudget) as refused:
        budgets.charge(KEY, 1)
    assert refused.value.extensions["remaining"] == 0
    assert refused.value.retry_after == 16
    clock.now += 15.2
    budgets.charge(KEY, 1)
    assert is_refused(budgets, KEY, 250)
    clock.now += 10
    budgets.charge(KEY, 250)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        pytest.param(replace(KEY, name="renamed"), True, id="the same key, renamed"),
        pytest.param(replace(KEY, key_id=UUID(int=4)), False, id="another key of the same name"),
        pytest.param(TOKEN, False, id="a token"),
    ],
)
def test_a_key_is_known_by_its_id(other: Viewer, is_same: bool) -> None:
    budgets = Budgets(100, 10, clock=Clock())
    budgets.charge(KEY, 100)

    assert is_refused(budgets, other, 100) == is_same


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        pytest.param(replace(TOKEN, email="petra@example.com", role=Role.BUILDER), True, id="a new token"),
        pytest.param(replace(TOKEN, name="paul"), False, id="another subject"),
        pytest.param(replace(TOKEN, account=OTHER_ACCOUNT), False, id="the same subject of another account"),
        pytest.param(replace(TOKEN, key_id=UUID(int=5)), False, id="a key that has the subject's name"),
    ],
)
def test_a_token_is_known_by_its_account_and_subject(other: Viewer, is_same: bool) -> None:
    budgets = Budgets(100, 10, clock=Clock())
    budgets.charge(TOKEN, 100)

    assert is_refused(budgets, other, 100) == is_same


def test_full_budgets_are_forgotten_and_their_number_is_bounded() -> None:
    clock = Clock()
    budgets = Budgets(100, 10, most=20, clock=clock)
    for number in range(50):
        budgets.charge(replace(KEY, key_id=UUID(int=number + 1)), 100)

    assert len(budgets) == 20
    clock.now += 10
    budgets.charge(KEY, 1)
    assert len(budgets) == 1


def test_what_is_refunded_can_be_spent() -> None:
    budgets = Budgets(100, 10, clock=Clock())
    budgets.charge(KEY, 100)
    budgets.refund(KEY, 100)

    budgets.charge(KEY, 100)


async def test_an_event_waits_until_it_fits() -> None:
    budgets = Budgets(100, 1000)
    budgets.charge(KEY, 100)
    loop = asyncio.get_running_loop()
    began = loop.time()

    await budgets.charge_when_possible(KEY, 50)

    assert loop.time() - began >= 0.04


async def test_live_updates_leave_half_of_the_budget_for_requests() -> None:
    budgets = Budgets(100, 0.01)

    async with asyncio.TaskGroup() as tasks:
        events = [tasks.create_task(budgets.charge_when_possible(KEY, 10)) for _ in range(20)]
        await asyncio.sleep(0.01)
        done = [event.done() for event in events]
        left = int(budgets.bucket(KEY).tokens)
        budgets.charge(KEY, 50)
        for event in events:
            event.cancel()

    assert (sum(done), left) == (5, 50)


def test_the_default_budget_lasts_for_any_person_and_one_operation_of_the_highest_cost() -> None:
    settings = load_settings()

    assert settings.budget_capacity >= 10 * settings.max_cost
    assert settings.budget_per_second >= 5_200 + 7_200 + 850, "a dashboard, all filter panels and a page each second"
