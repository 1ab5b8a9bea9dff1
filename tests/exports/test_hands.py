"""The hands of a worker outlive their jobs: neither a lost lease nor a database that stops ruins one."""

import asyncio
import logging
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from session_graph.exports import worker as worker_module
from session_graph.exports.csv_file import write_file
from session_graph.exports.delivery import COULD_NOT_SEND
from session_graph.exports.jobs import MOST_ATTEMPTS, Jobs
from session_graph.exports.requests import ExportStatus
from session_graph.exports.worker import WRITERS
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from support.api import Caller
from support.reports import ask_for_report, comes_true, finished, make_retries_due, read_row, show_report, working

pytestmark = pytest.mark.anyio

MARK: ContextVar[str] = ContextVar("mark", default="")
Faults = list[BaseException | None]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Return what the next attempts at writing end with, after they have written their file; None is no fault."""
    planned: Faults = []

    async def fail_as_planned(*arguments: Any) -> Any:
        file = await write_file(*arguments)
        if planned and (fault := planned.pop(0)):
            raise fault
        return file

    monkeypatch.setattr(worker_module, "write_file", fail_as_planned)
    return planned


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let each job hang in a transaction until its lease is lost, as long as the event is not set."""
    free = asyncio.Event()

    async def write_in_transaction(database: Database, *arguments: Any) -> Any:
        if not free.is_set():
            async with database.transaction() as connection:
                await connection.execute("select pg_sleep(60)")
        return await write_file(database, *arguments)

    monkeypatch.setattr(worker_module, "write_file", write_in_transaction)
    return free


async def rewind(database: Database, export_id: str) -> None:
    """Let the next attempt come at once."""
    await database.execute("update session_export set run_at = now() where id = $1", UUID(export_id))


async def is_claimed(database: Database, export_id: str, claims: int) -> bool:
    return bool((await read_row(database, export_id))["claims"] >= claims)


async def test_lost_leases_ruin_no_hand(
    owner: Caller, database: Database, database_url: str, outbox: Settings, hung: asyncio.Event
) -> None:
    """Every hand loses more leases than there are hands, each time in a transaction."""
    async with working(database, database_url, outbox):
        exports = [await ask_for_report(owner) for _ in range(WRITERS)]
        for claims in range(1, 12, 2):
            for export_id in exports:
                await comes_true(partial(is_claimed, database, export_id, claims))
            await database.execute(
                "update session_export set claims = claims + 1, status = 'QUEUED', lease_until = null, run_at = now(),"
                " attempts = 0 where status = 'RUNNING'"
            )
        hung.set()
        done = [await finished(owner, export_id) for export_id in exports]

    assert [export["status"] for export in done] == ["DONE"] * WRITERS


async def test_a_job_leaves_nothing_in_the_context_of_its_hand(
    owner: Caller, database: Database, database_url: str, outbox: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def write_and_leave_a_mark(*arguments: Any) -> Any:
        seen.append(MARK.get())
        MARK.set("left behind")
        return await write_file(*arguments)

    monkeypatch.setattr(worker_module, "write_file", write_and_leave_a_mark)
    async with working(database, database_url, outbox):
        for _ in range(2 * WRITERS):
            await finished(owner, await ask_for_report(owner))

    assert seen == [""] * 2 * WRITERS


@pytest.mark.parametrize(
    "fault", [ConnectionResetError(), asyncpg.ConnectionDoesNotExistError(), asyncpg.CrashShutdownError()]
)
async def test_attempts_that_end_with_the_database_are_refunded(
    owner: Caller, database: Database, database_url: str, outbox: Settings, faults: Faults, fault: Exception
) -> None:
    faults += [fault] * (2 * MOST_ATTEMPTS)
    async with working(database, database_url, outbox):
        export_id = await ask_for_report(owner)

        async def look() -> bool:
            await rewind(database, export_id)
            await make_retries_due(database)
            return (await show_report(owner, export_id))["status"] in ("DONE", "FAILED")

        await comes_true(look)

    row = await read_row(database, export_id)
    assert (row["status"], row["attempts"], faults) == ("DONE", 1, [])


async def test_refunds_end_an_hour_after_the_request(owner: Caller, database: Database) -> None:
    export_id = await ask_for_report(owner)
    jobs = Jobs(database)
    job = await jobs.claim_to_write(3)
    assert job
    await database.execute(
        "update session_export set requested_at = now() - interval '1 hour' where id = $1", job["id"]
    )

    await jobs.refund_attempt(job)

    assert (await read_row(database, export_id))["attempts"] == 1


async def test_a_refund_counts_whoever_has_the_job_now(owner: Caller, database: Database) -> None:
    export_id = await ask_for_report(owner)
    jobs = Jobs(database)
    first = await jobs.claim_to_write(3)
    assert first
    await database.execute("update session_export set lease_until = now() where id = $1", first["id"])
    assert await jobs.claim_to_write(3)

    for _ in range(3):
        await jobs.refund_attempt(first)

    assert (await read_row(database, export_id))["attempts"] == 0


async def test_an_export_that_fails_by_itself_is_not_refunded(
    owner: Caller, database: Database, database_url: str, outbox: Settings, faults: Faults
) -> None:
    faults += [LookupError()] * MOST_ATTEMPTS
    async with working(database, database_url, outbox):
        export_id = await ask_for_report(owner)

        async def look() -> bool:
            await rewind(database, export_id)
            await make_retries_due(database)
            return (await show_report(owner, export_id))["status"] in ("DONE", "FAILED")

        await comes_true(look)

    assert (await read_row(database, export_id))["status"] == "FAILED"


class Unreachable(Jobs):
    """Jobs that cannot be handed back."""

    async def release(
        self, job: Row, delay: timedelta, *, refund_attempt: bool = False, error: str | None = None
    ) -> None:
        raise asyncpg.PostgresSyntaxError

    async def finish(self, job: Row, status: str, error: str | None = None) -> None:
        raise asyncpg.PostgresSyntaxError


async def test_a_job_that_cannot_be_handed_back_is_logged(
    owner: Caller,
    database: Database,
    database_url: str,
    outbox: Settings,
    faults: Faults,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults.append(LookupError())
    monkeypatch.setattr(worker_module, "Jobs", Unreachable)
    async with working(database, database_url, outbox):
        export_id = await ask_for_report(owner)
        message = f"export {export_id} could not be handed back: its lease expires"
        await comes_true(lambda: _has_logged(caplog, message))


async def _has_logged(caplog: pytest.LogCaptureFixture, message: str) -> bool:
    return message in [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


async def test_a_failure_before_any_message_is_put_off_and_counted(
    owner: Caller, database: Database, database_url: str, outbox: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LookupError

    export_id = await ask_for_report(owner)
    monkeypatch.setattr("session_graph.exports.delivery.find_unlisted", fail)
    async with working(database, database_url, outbox):
        waiting = await comes_true(lambda: _has_error(owner, export_id))
        (delivery,) = await database.fetch("select * from export_delivery where export_id = $1", UUID(export_id))
        await database.execute("update session_export set finished_at = now() - interval '1 day'")
        await make_retries_due(database)
        export = await finished(owner, export_id)

    assert (waiting["status"], waiting["error"], delivery["attempts"]) == ("SENDING", COULD_NOT_SEND, 1)
    assert (export["status"], export["deliveries"][0]["status"]) == ("FAILED", "GIVEN_UP")


async def _has_error(ask: Caller, export_id: str) -> dict[str, Any] | None:
    export = await show_report(ask, export_id)
    return export if export["error"] else None


async def test_a_worker_that_is_stopped_gives_its_jobs_back_without_an_attempt(
    owner: Caller, database: Database, database_url: str, outbox: Settings, hung: asyncio.Event
) -> None:
    async with working(database, database_url, outbox):
        export_id = await ask_for_report(owner)
        await comes_true(lambda: is_claimed(database, export_id, 1))

    row = await read_row(database, export_id)
    assert (row["status"], row["attempts"], row["lease_until"]) == (ExportStatus.QUEUED, 0, None)
