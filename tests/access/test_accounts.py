import asyncio
from contextvars import Context
from datetime import UTC, datetime
from uuid import UUID

import pytest

from session_graph.access.accounts import (
    change_account,
    facts_of,
    find_facts,
    find_or_create_account,
)
from session_graph.access.currencies import money_scale_of
from session_graph.errors import InvalidInput, PathSegment
from session_graph.store.database import Connection, Database
from session_graph.store.ids import new_id
from session_graph.store.models import Account, Agent, Session

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

SCALE_FOR_RECORDING = "select a.money_scale from account a where a.id = $1 for key share"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def new_idn() -> str:
    return f"a-{new_id().hex}"


def paths(refusal: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[PathSegment, ...]]:
    return [problem.path for problem in refusal.value.problems]


async def record_session(account: Account) -> UUID:
    agent = await Agent.create(account_id=account.id, idn=new_idn(), name="Ana", time_zone="UTC")
    session = await Session.create(
        account_id=account.id,
        agent_id=agent.id,
        channel="CHAT",
        started_at=NOON,
        ended_at=NOON,
        session_length="SHORT",
    )
    return session.id


async def someone_waits_for(holder: Connection, database: Database) -> None:
    """Wait until another connection waits for a lock of this one."""
    pid = await holder.fetchval("select pg_backend_pid()")
    async with asyncio.timeout(10):
        while not await database.fetch("select from pg_stat_activity a where $1 = any(pg_blocking_pids(a.pid))", pid):
            await database.fetch("select pg_sleep(0.01)")


async def test_an_account_is_created_on_first_use_in_dollars_and_utc() -> None:
    idn = new_idn()

    account = await find_or_create_account(idn)

    assert (account.idn, account.name, account.currency, account.money_scale, account.time_zone) == (
        (idn, idn, "USD", 2, "UTC")
    )
    assert (await find_or_create_account(idn)).id == account.id


@pytest.mark.parametrize("idn", ["", "-a", ".a", "A", "a b", "a\n", "ä", "a" * 64, "a/b"])
async def test_a_malformed_idn_creates_no_account(idn: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await find_or_create_account(idn)

    assert paths(refusal) == [("account",)]
    assert not await Account.filter(idn=idn).exists()


@pytest.mark.parametrize("idn", ["a", "9", "a.b_c-d", "a" * 63])
async def test_the_shortest_and_longest_idns_are_accepted(idn: str) -> None:
    assert (await find_or_create_account(idn)).idn == idn


async def test_concurrent_calls_return_the_same_account() -> None:
    idn = new_idn()

    accounts = await asyncio.gather(*(find_or_create_account(idn) for _ in range(20)))

    assert len({account.id for account in accounts}) == 1
    assert await Account.filter(idn=idn).count() == 1


async def test_an_account_that_another_process_is_creating_is_waited_for(database: Database) -> None:
    idn, made = new_idn(), new_id()
    async with database.transaction() as other_process:
        await other_process.execute("insert into account (id, idn, name) values ($1, $2, $2)", made, idn)
        waiting = asyncio.create_task(find_or_create_account(idn), context=Context())
        await someone_waits_for(other_process, database)

    assert (await waiting).id == made


async def test_facts_are_those_of_the_account(account: Account) -> None:
    assert await find_facts(account.idn) == facts_of(account)
    assert await find_facts(new_idn()) is None


async def test_everything_about_an_account_can_change_at_once(account: Account) -> None:
    changed = await change_account(account, name="  Café Ünal ", currency="KWD", time_zone="Asia/Kuwait")

    kept = await Account.get(id=account.id)
    assert facts_of(changed) == facts_of(kept)
    assert (kept.name, kept.currency, kept.money_scale, kept.time_zone) == ("Café Ünal", "KWD", 3, "Asia/Kuwait")


async def test_attributes_that_are_not_named_do_not_change(account: Account) -> None:
    await change_account(account, time_zone="Europe/Istanbul")
    await change_account(account)

    kept = await Account.get(id=account.id)
    assert (kept.name, kept.currency, kept.time_zone) == (account.name, "USD", "Europe/Istanbul")


async def test_all_problems_are_reported_at_once_and_nothing_is_written(account: Account) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await change_account(account, name=" ", currency="XXX", time_zone="Mars/Olympus")

    assert paths(refusal) == [("name",), ("currency",), ("timeZone",)]
    assert facts_of(await Account.get(id=account.id)) == facts_of(account)


async def test_one_problem_prevents_all_changes(account: Account) -> None:
    with pytest.raises(InvalidInput):
        await change_account(account, name="A better name", currency="EURO")

    assert facts_of(await Account.get(id=account.id)) == facts_of(account)


async def test_the_currency_cannot_change_once_there_are_sessions(account: Account) -> None:
    await record_session(account)

    with pytest.raises(InvalidInput) as refusal:
        await change_account(account, name="A better name", currency="EUR")

    assert paths(refusal) == [("currency",)]
    assert facts_of(await Account.get(id=account.id)) == facts_of(account)


async def test_the_same_currency_is_accepted_once_there_are_sessions(account: Account) -> None:
    await record_session(account)

    assert (await change_account(account, name="Better", currency="USD")).name == "Better"


async def test_sessions_of_another_account_do_not_fix_the_currency(account: Account) -> None:
    await record_session(await find_or_create_account(new_idn()))

    assert (await change_account(account, currency="JPY")).money_scale == 0


async def test_a_session_that_is_being_recorded_fixes_the_currency(database: Database, account: Account) -> None:
    async with database.transaction() as recording:
        await recording.fetchval(SCALE_FOR_RECORDING, account.id)
        changing = asyncio.create_task(change_account(account, currency="EUR"), context=Context())
        await someone_waits_for(recording, database)
        await record_session(account)

    with pytest.raises(InvalidInput):
        await changing
    assert (await Account.get(id=account.id)).currency == "USD"


async def test_a_change_of_the_name_does_not_wait_for_recordings(database: Database, account: Account) -> None:
    async with database.transaction() as recording:
        await recording.fetchval(SCALE_FOR_RECORDING, account.id)

        async with asyncio.timeout(5):
            await asyncio.create_task(change_account(account, name="Better"), context=Context())

    assert (await Account.get(id=account.id)).name == "Better"


async def test_recording_waits_for_a_change_of_the_currency(database: Database, account: Account) -> None:
    async def scale_for_recording() -> object:
        async with database.transaction() as recording:
            return await recording.fetchval(SCALE_FOR_RECORDING, account.id)

    async with database.transaction() as change:
        await change_account(account, currency="JPY")
        recording = asyncio.create_task(scale_for_recording(), context=Context())
        await someone_waits_for(change, database)

    assert await recording == 0


@pytest.mark.parametrize(
    ("currency", "scale"), [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("XOF", 0), ("CHF", 2), ("XCG", 2)]
)
def test_a_currency_has_its_official_number_of_decimals(currency: str, scale: int) -> None:
    assert money_scale_of(currency) == scale


@pytest.mark.parametrize(
    "code", ["", "usd", "US", "ZZZ", "XXX", "XTS", "XAU", "XDR", "CHE", "CLF", "UYW", "XAD", "DEM"]
)
def test_codes_that_nobody_pays_with_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        money_scale_of(code)
