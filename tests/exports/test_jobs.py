"""The export's row as a job: claimed once, fenced, counted, limited, cancelled, retried, and swept."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.exports.csv_file import LostLease, Progress, write_file
from session_graph.exports.jobs import DIED_TOO_OFTEN, MOST_ATTEMPTS, Jobs
from session_graph.exports.requester_rights import find_requester
from session_graph.exports.requests import ExportStatus
from session_graph.exports.sweeping import Sweeper
from session_graph.exports.worker import NO_LONGER_ALLOWED, Worker
from session_graph.http.app import create_app
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.records import record
from support.reports import (
    CANCEL,
    REQUEST,
    RETRY,
    ask_for_report,
    download,
    finished,
    parse_csv,
    problems_of,
    read_csv,
    read_row,
    show_report,
    working,
)

pytestmark = pytest.mark.anyio


def folder_of(outbox: Settings) -> list[Path]:
    """Return the messages in the outbox."""
    assert outbox.outbox
    return list(outbox.outbox.glob("*.eml"))


async def claim(jobs: Jobs) -> Row:
    job = await jobs.claim_to_write(3)
    assert job is not None
    return job


async def write(database: Database, url: str, job: Row) -> Any:
    viewer = await find_requester(job)
    assert viewer is not None
    return await write_file(database, url, job, viewer, Progress())


async def expire_lease(database: Database, job: Row) -> None:
    await database.execute("update session_export set lease_until = now() - interval '1 s' where id = $1", job["id"])


async def test_an_export_is_written_and_sent(owner: Caller, worker: Worker, outbox: Settings) -> None:
    export = await finished(owner, await ask_for_report(owner))

    assert (export["status"], export["progress"], export["rowsWritten"], export["error"]) == ("DONE", 1.0, 1, None)
    assert [(d["recipient"], d["status"]) for d in export["deliveries"]] == [("ana@example.com", "ACCEPTED")]
    assert len(folder_of(outbox)) == 1


async def test_a_worker_that_lost_its_lease_changes_nothing(
    owner: Caller, database: Database, database_url: str
) -> None:
    export_id = await ask_for_report(owner)
    jobs = Jobs(database)
    paused = await claim(jobs)
    file = await write(database, database_url, paused)
    await expire_lease(database, paused)

    present = await claim(jobs)

    assert (paused["claims"], present["claims"], present["attempts"]) == (1, 2, 2)
    assert not await jobs.heartbeat(paused, Progress(7, 7, 7))
    assert not await jobs.finish_writing(paused, file, timedelta(1))
    await jobs.finish(paused, ExportStatus.FAILED, "no")
    await jobs.release(paused, timedelta(0), refund_attempt=True)
    with pytest.raises(LostLease):
        await write(database, database_url, paused)
    assert await jobs.finish_writing(present, await write(database, database_url, present), timedelta(1))
    row = await read_row(database, export_id)
    assert (row["status"], row["attempts"], row["file_claim"], row["error"]) == ("SENDING", 2, 2, None)
    assert len(parse_csv(await read_csv(database, export_id))) == 1


async def test_a_heartbeat_that_comes_late_takes_no_job_back(
    owner: Caller, database: Database, database_url: str
) -> None:
    jobs = Jobs(database)
    export_id = await ask_for_report(owner)
    job = await claim(jobs)
    assert await jobs.finish_writing(job, await write(database, database_url, job), timedelta(1))

    assert not await jobs.heartbeat(job, Progress(1, 1, 1))
    assert not await jobs.heartbeat(job, None)

    assert (await read_row(database, export_id))["lease_until"] is None


async def test_a_job_that_kills_its_workers_fails_in_the_end(owner: Caller, database: Database) -> None:
    export_id = await ask_for_report(owner)
    jobs = Jobs(database)
    for _ in range(MOST_ATTEMPTS):
        await expire_lease(database, await claim(jobs))

    assert await jobs.claim_to_write(3) is None

    export = await show_report(owner, export_id)
    assert (export["status"], export["error"]) == ("FAILED", DIED_TOO_OFTEN)


async def test_a_released_job_is_not_counted_and_is_written_again(
    owner: Caller, database: Database, database_url: str
) -> None:
    export_id = await ask_for_report(owner)
    jobs = Jobs(database)
    first = await claim(jobs)
    await write(database, database_url, first)
    await jobs.release(first, timedelta(0), refund_attempt=True)

    second = await claim(jobs)
    assert await jobs.finish_writing(second, await write(database, database_url, second), timedelta(1))
    await jobs.release(second, timedelta(0), refund_attempt=True)

    row = await read_row(database, export_id)
    assert (second["attempts"], row["attempts"], row["status"]) == (1, 1, "SENDING")
    chunks = await database.fetch("select claim from export_chunk where export_id = $1", row["id"])
    assert [chunk["claim"] for chunk in chunks] == [2]


async def test_an_account_has_at_most_three_exports_running(owner: Caller, database: Database) -> None:
    for _ in range(4):
        await ask_for_report(owner)
    jobs = Jobs(database)

    running = [await jobs.claim_to_write(3) for _ in range(4)]

    assert [job is not None for job in running] == [True, True, True, False]
    assert running[0]
    await jobs.finish(running[0], ExportStatus.FAILED, "no")
    assert await jobs.claim_to_write(3) is not None


async def test_a_cancelled_export_is_neither_written_nor_sent(
    client: httpx.AsyncClient, owner: Caller, database: Database, database_url: str, outbox: Settings
) -> None:
    queued, running, sending = [await ask_for_report(owner) for _ in range(3)]
    jobs = Jobs(database)
    first, second, third = [await claim(jobs) for _ in range(3)]
    await jobs.release(first, timedelta(0))
    assert await jobs.finish_writing(third, await write(database, database_url, third), timedelta(1))

    for export_id in (queued, running, sending):
        payload = (await owner(CANCEL, id=export_id)).data["cancelSessionExport"]
        assert payload["export"]["status"] == "CANCELLED"

    assert not await jobs.heartbeat(second, None)
    with pytest.raises(LostLease):
        await write(database, database_url, second)
    await Sweeper(database, outbox).sweep()
    assert await _swept(database, sending)
    assert folder_of(outbox) == []
    assert (await download(client, owner, sending)).status_code == 404


async def test_a_file_may_be_larger_than_an_int(owner: Caller, database: Database) -> None:
    export_id = await ask_for_report(owner)
    await database.execute("update session_export set bytes = 3000000000 where id = $1", export_id)

    answer = await owner("query ($id: ID!) { export(id: $id) { bytes } exports { nodes { bytes } } }", id=export_id)

    assert answer.data["export"] == {"bytes": 3_000_000_000}
    assert {"bytes": 3_000_000_000} in answer.data["exports"]["nodes"]


async def _swept(database: Database, export_id: str) -> bool:
    return not (await read_row(database, export_id))["has_chunks"]


async def test_a_retried_export_is_written_and_sent(
    client: httpx.AsyncClient, owner: Caller, database: Database, database_url: str, outbox: Settings
) -> None:
    export_id = await ask_for_report(owner)
    jobs = Jobs(database)
    job = await claim(jobs)
    assert await jobs.finish_writing(job, await write(database, database_url, job), timedelta(1))
    await owner(CANCEL, id=export_id)

    payload = (await owner(RETRY, id=export_id)).data["retrySessionExport"]["export"]

    assert (payload["status"], payload["rowCount"], payload["sha256"], payload["progress"]) == (
        "QUEUED",
        None,
        None,
        0.0,
    )
    async with working(database, database_url, outbox):
        assert (await finished(owner, export_id))["status"] == "DONE"
    assert len(parse_csv((await download(client, owner, export_id)).content)) == 1


async def test_the_same_idempotency_key_gives_the_same_export(owner: Caller) -> None:
    answers = await asyncio.gather(*(ask_for_report(owner, idempotencyKey="k") for _ in range(8)))

    assert len(set(answers)) == 1
    assert await problems_of(owner, idempotencyKey="k", timeZone="UTC") == [("DUPLICATE", ["input", "idempotencyKey"])]


async def test_the_quota_holds_for_concurrent_requests_and_a_repeated_one_is_free(
    client: httpx.AsyncClient, database: Database, settings: Settings, owner: Caller
) -> None:
    app = create_app(settings.model_copy(update={"exports_per_day": 3}), database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as limited:
        ask = Caller(limited, owner.key)

        answers = await asyncio.gather(*(ask(REQUEST, input={"idempotencyKey": f"k{n}"}) for n in range(8)))
        payloads = [answer.data["requestSessionExport"] for answer in answers]
        kept = [number for number, payload in enumerate(payloads) if payload["export"]]
        again = await ask_for_report(ask, idempotencyKey=f"k{kept[0]}")

    assert len(kept) == 3
    assert {error["code"] for payload in payloads for error in payload["errors"]} == {"LIMIT"}
    assert again == payloads[kept[0]]["export"]["id"]


async def test_exports_of_a_revoked_key_are_neither_written_nor_opened(
    client: httpx.AsyncClient, account: Account, owner: Caller, database: Database, database_url: str, outbox: Settings
) -> None:
    asker = await make_caller(client, account, Role.BUILDER, {"email": "bo@example.com"})
    written, queued = await ask_for_report(asker), await ask_for_report(asker)
    jobs = Jobs(database)
    job = await claim(jobs)
    assert await jobs.finish_writing(job, await write(database, database_url, job), timedelta(1))
    link = (await show_report(owner, written))["downloadUrl"]
    assert (await client.get(link)).status_code == 200

    await database.execute(
        "update api_key set revoked_at = now() where role = 'BUILDER' and account_id = $1", account.id
    )

    assert (await client.get(link)).status_code == 404
    async with working(database, database_url, outbox):
        for export_id in (written, queued):
            export = await finished(owner, export_id)
            assert (export["status"], export["error"]) == ("FAILED", NO_LONGER_ALLOWED)
    assert (await download(client, owner, written)).status_code == 404
    assert folder_of(outbox) == []


async def test_a_recipient_who_left_the_list_is_sent_nothing(
    owner: Caller, account: Account, database: Database, database_url: str, outbox: Settings
) -> None:
    await database.execute("insert into export_recipient values ($1, 'example.org')", account.id)
    export_id = await ask_for_report(owner, recipients=["bo@example.org", "Ana@Example.com"])
    await database.execute("delete from export_recipient where account_id = $1", account.id)

    async with working(database, database_url, outbox):
        export = await finished(owner, export_id)

    assert [(d["recipient"], d["status"]) for d in export["deliveries"]] == [
        ("ana@example.com", "ACCEPTED"),
        ("bo@example.org", "REFUSED"),
    ]


async def test_a_period_counts_back_from_the_request(
    client: httpx.AsyncClient, owner: Caller, account: Account, database: Database, database_url: str, outbox: Settings
) -> None:
    now = (await database.fetch("select now()"))[0][0]
    await record(database, account, {"startedAt": now - timedelta(hours=23), "endedAt": now})
    export_id = await ask_for_report(owner, filter={"period": "LAST_24_HOURS"})
    await database.execute(
        "update session_export set filter_now = filter_now + interval '2 hours' where id = $1", UUID(export_id)
    )
    other = await ask_for_report(owner, filter={"period": "LAST_24_HOURS"})

    async with working(database, database_url, outbox):
        counts = [(await finished(owner, id_))["rowCount"] for id_ in (export_id, other)]

    assert counts == [0, 1]


async def test_an_expired_export_has_no_file(
    client: httpx.AsyncClient, owner: Caller, worker: Worker, database: Database, settings: Settings
) -> None:
    export_id = await ask_for_report(owner)
    link = (await finished(owner, export_id))["downloadUrl"]
    row = await read_row(database, export_id)
    await database.execute("update session_export set expires_at = now() where id = $1", row["id"])

    assert (await client.get(link)).status_code == 404
    await Sweeper(database, settings).sweep()

    export = await show_report(owner, export_id)
    assert (export["status"], export["downloadUrl"]) == ("EXPIRED", None)
    assert await database.fetch("select from export_chunk where export_id = $1", row["id"]) == []


async def test_two_workers_lose_none_of_many_exports_and_send_none_twice(
    owner: Caller, account: Account, database: Database, database_url: str, outbox: Settings
) -> None:
    asked = await asyncio.gather(*(ask_for_report(owner) for _ in range(200)))

    async with working(database, database_url, outbox), working(database, database_url, outbox):
        statuses = Counter([(await finished(owner, export_id))["status"] for export_id in asked])

    assert statuses == {"DONE": 200}
    assert len(folder_of(outbox)) == 200
    attempts = await database.fetch("select attempts from export_delivery where account_id = $1", account.id)
    assert Counter(row["attempts"] for row in attempts) == {1: 200}


async def test_an_export_of_somebody_else_is_not_found(
    client: httpx.AsyncClient, owner: Caller, worker: Worker, database: Database, account: Account
) -> None:
    export_id = await ask_for_report(owner)
    await finished(owner, export_id)
    elsewhere = await find_or_create_account(f"b{account.idn}")
    colleague = await make_caller(client, account, Role.BUILDER)
    stranger = await make_caller(client, elsewhere, Role.ADMIN)

    for other in (colleague, stranger):
        assert await show_report(other, export_id) is None
        assert (await download(client, other, export_id)).status_code == 404
        for change in (CANCEL, RETRY):
            ((_, payload),) = (await other(change, id=export_id)).data.items()
            assert [error["code"] for error in payload["errors"]] == ["NOT_FOUND"]
    assert (await show_report(owner, export_id))["status"] == "DONE"


async def test_writing_does_not_depend_on_how_the_database_reads_strings(
    owner: Caller, database: Database, database_url: str
) -> None:
    await ask_for_report(owner)
    separator = "&" if "?" in database_url else "?"

    file = await write(
        database, f"{database_url}{separator}standard_conforming_strings=off", await claim(Jobs(database))
    )

    assert file.row_count == 1
