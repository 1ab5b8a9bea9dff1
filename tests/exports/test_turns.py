"""Accounts share the workers: claims go round by account, and what a halted process holds keeps nobody waiting."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from pydantic import SecretStr

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.exports import delivery, worker
from session_graph.exports.jobs import Jobs
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.ids import new_id
from support.api import Caller, make_caller
from support.records import make_agent, record
from support.reports import ask_for_report, comes_true, finished, make_retries_due, read_row, show_report, working
from support.smtp import Mailbox, MailServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def callers(client: httpx.AsyncClient, database: Database) -> Sequence[Caller]:
    """Return an ADMIN of each of three accounts."""
    made = []
    for name in ("busy", "quiet", "third"):
        account = await find_or_create_account(f"{name}-{new_id().hex}")
        await make_agent(account)
        await record(database, account, {})
        made.append(await make_caller(client, account, Role.ADMIN, {"email": f"{name}@example.com"}))
    return made


@pytest.fixture
async def locked(database: Database) -> AsyncIterator[asyncio.Queue[str]]:
    """Return a queue: of an export that is put into it, the row is locked until the test ends."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def hold() -> None:
        async with database.transaction() as connection:
            while True:
                export_id = await queue.get()
                await connection.execute("select from session_export where id::text = $1 for update", export_id)
                queue.task_done()

    holder = asyncio.create_task(hold())
    yield queue
    holder.cancel()
    await asyncio.wait([holder])


async def offer_to_senders(database: Database) -> None:
    await database.execute(
        "update session_export set status = 'SENDING', lease_until = null, run_at = now() where status = 'QUEUED'"
    )


def accounts_of(jobs: Sequence[Row | None]) -> list[object]:
    return [job and job["account_id"] for job in jobs]


async def test_claims_to_write_go_round_by_account(callers: Sequence[Caller], database: Database) -> None:
    jobs = Jobs(database)
    busy, quiet, third = callers
    for _ in range(4):
        await ask_for_report(busy)
    claimed = [await jobs.claim_to_write(10)]
    for _ in range(2):
        await ask_for_report(quiet)
        await ask_for_report(third)

    claimed += [await jobs.claim_to_write(10) for _ in range(8)]

    first, second, last = (job and job["account_id"] for job in claimed[:3])
    assert len({first, second, last}) == 3
    assert accounts_of(claimed) == [first, second, last, first, second, last, first, first, None]


async def test_claims_to_send_go_round_by_account_and_leave_out_busy_ones(
    callers: Sequence[Caller], database: Database
) -> None:
    jobs = Jobs(database)
    for _ in range(3):
        await ask_for_report(callers[0])
    await ask_for_report(callers[1])
    await offer_to_senders(database)

    claimed = [await jobs.claim_to_send() for _ in range(3)]
    assert claimed[0]
    rest = await jobs.claim_to_send([claimed[0]["account_id"]])

    first, second = accounts_of(claimed[:2])
    assert accounts_of(claimed) == [first, second, first]
    assert rest is None
    assert await jobs.claim_to_send() is not None


async def test_another_account_waits_for_one_export_of_a_hundred(
    callers: Sequence[Caller], database: Database, database_url: str, outbox: Settings
) -> None:
    busy, quiet = callers[:2]
    waiting = await asyncio.gather(*(ask_for_report(busy) for _ in range(100)))
    async with working(database, database_url, outbox):
        await comes_true(lambda: _some_are_done(busy, waiting[:10]))
        await finished(quiet, await ask_for_report(quiet))
        left = await database.fetch("select from session_export where status = 'QUEUED' and claims = 0")

    assert left


async def _some_are_done(ask: Caller, exports: Sequence[str]) -> bool:
    return any([(await show_report(ask, export_id))["status"] == "DONE" for export_id in exports])


async def test_claims_at_the_same_time_keep_to_the_limit_of_the_account(
    callers: Sequence[Caller], database: Database
) -> None:
    await asyncio.gather(*(ask_for_report(callers[0]) for _ in range(12)))
    jobs = Jobs(database)

    claimed = await asyncio.gather(*(jobs.claim_to_write(3) for _ in range(12)))

    assert sorted(job["place"] for job in claimed if job) == [1, 2, 3]


async def test_an_export_that_is_taken_over_keeps_its_place(callers: Sequence[Caller], database: Database) -> None:
    jobs = Jobs(database)
    for _ in range(4):
        await ask_for_report(callers[0])
    running = [await jobs.claim_to_write(3) for _ in range(3)]
    assert running[1]
    await database.execute("update session_export set lease_until = now() where id = $1", running[1]["id"])

    taken_over = await jobs.claim_to_write(3)

    assert taken_over
    assert (taken_over["id"], taken_over["place"]) == (running[1]["id"], running[1]["place"])
    assert await jobs.claim_to_write(3) is None


async def test_a_row_that_a_halted_process_has_locked_keeps_nobody_waiting(
    callers: Sequence[Caller], database: Database, locked: asyncio.Queue[str]
) -> None:
    halted, other = await ask_for_report(callers[0]), await ask_for_report(callers[0])
    expired = await ask_for_report(callers[1])
    await database.execute(
        "update session_export set status = 'RUNNING', attempts = 9, lease_until = now() where id::text = $1", expired
    )
    for export_id in (halted, expired):
        await locked.put(export_id)
    await locked.join()

    async with asyncio.timeout(5):
        written = await Jobs(database).claim_to_write(3)
        await offer_to_senders_except(database, halted, expired)
        sent = await Jobs(database).claim_to_send()

    assert written
    assert sent
    assert str(written["id"]) == str(sent["id"]) == other


async def offer_to_senders_except(database: Database, *export_ids: str) -> None:
    await database.execute(
        "update session_export set status = 'SENDING', lease_until = null"
        " where status in ('QUEUED', 'RUNNING') and id::text <> all ($1)",
        list(export_ids),
    )


async def test_a_slow_mail_server_of_one_account_leaves_senders_to_others(
    callers: Sequence[Caller], database: Database, database_url: str, settings: Settings
) -> None:
    busy, quiet = callers[:2]
    slow = Mailbox()
    slow.slow_recipients = {"busy@example.com"}
    with MailServer(slow) as server:
        mailing = settings.model_copy(update={"smtp_url": SecretStr(server.url())})
        async with working(database, database_url, mailing):
            waiting = [await ask_for_report(busy) for _ in range(6)]
            await comes_true(lambda: _are_sending(database, worker.SENDERS_OF_ACCOUNT))
            await finished(quiet, await ask_for_report(quiet))
            sending = await _leased(database)
            slow.released.set()
            for export_id in waiting:
                await make_retries_due(database)
                await finished(busy, export_id)

    assert len(sending) == worker.SENDERS_OF_ACCOUNT
    assert [len(slow.to(f"{name}@example.com")) for name in ("busy", "quiet")] == [6, 1]


async def _leased(database: Database) -> list[Row]:
    return await database.fetch("select from session_export where status = 'SENDING' and lease_until is not null")


async def _are_sending(database: Database, number: int) -> bool:
    return len(await _leased(database)) == number


async def test_an_export_with_slow_recipients_lets_others_in_between(
    monkeypatch: pytest.MonkeyPatch,
    callers: Sequence[Caller],
    database: Database,
    database_url: str,
    outbox: Settings,
) -> None:
    monkeypatch.setattr(delivery, "TURN_SECONDS", 0)
    ask = callers[0]
    account_id = (await read_row(database, await ask_for_report(ask)))["account_id"]
    await database.execute("insert into export_recipient values ($1, 'example.org')", account_id)
    async with working(database, database_url, outbox):
        export_id = await ask_for_report(ask, recipients=[f"r{n}@example.org" for n in range(3)])
        export = await finished(ask, export_id)

    assert [d["status"] for d in export["deliveries"]] == ["ACCEPTED"] * 3
    assert (await read_row(database, export_id))["claims"] == 4
