"""Workers as processes: killed, stopped or paused; the export is delivered in every case."""

import asyncio
import hashlib
import os
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from session_graph.access.accounts import facts_of, find_or_create_account
from session_graph.access.viewer import Role, Viewer
from session_graph.exports.jobs import LEASE
from session_graph.exports.requests import ExportRequest, request_export
from session_graph.sessions.ordering import NEWEST_FIRST
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from support.processes import Server
from support.records import make_agent, record
from support.reports import cancel_everything, comes_true, parse_csv, read_csv, read_row
from support.smtp import HOLD, OK, Mailbox, MailServer

pytestmark = pytest.mark.anyio

SESSIONS = 5_000
RECIPIENTS = ["ana@example.com", "bo@example.com", "cy@example.com"]
COPIES = """
insert into session (account_id, id, {columns})
select s.account_id, md5(n::text)::uuid, {columns} from session s cross join generate_series(2, $2::integer) n
where s.account_id = $1
"""


@dataclass(slots=True)
class Office:
    """An account with many sessions, a mail server, and the workers."""

    database: Database
    settings: Settings
    viewer: Viewer
    mailbox: Mailbox
    url: str
    smtp_url: str
    home: Path
    workers: list[Server] = field(default_factory=list)

    async def ask(self) -> UUID:
        request = ExportRequest({}, datetime.now(UTC), NEWEST_FIRST, None, RECIPIENTS, None, True, None)
        return await request_export(self.database, self.viewer, self.settings, request)

    def start_worker(self) -> Server:
        worker = Server(self.home / f"w{len(self.workers)}", "worker", database_url=self.url, smtp_url=self.smtp_url)
        self.workers.append(worker)
        return worker

    async def reaches(self, export_id: UUID, *statuses: str) -> Row:
        async def look() -> Row | None:
            row = await read_row(self.database, export_id)
            return row if row["status"] in statuses else None

        found: Row = await comes_true(look)
        return found

    async def check_file(self, export_id: UUID) -> str:
        row, data = await read_row(self.database, export_id), await read_csv(self.database, export_id)
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert len(parse_csv(data)) == row["row_count"] == SESSIONS
        return str(row["sha256"])

    async def delivery_statuses(self, export_id: UUID) -> list[str]:
        """Return the status of each delivery, in the order of the recipients."""
        sql = "select d.status from export_delivery d where d.export_id = $1 order by d.recipient"
        return [row["status"] for row in await self.database.fetch(sql, export_id)]

    def assert_sent_once(self, *exports: UUID) -> None:
        """Assert that every recipient has each export under one Message-ID."""
        for recipient in RECIPIENTS:
            ids = [str(message["Message-ID"]) for message in self.mailbox.to(recipient)]
            assert {id_[1:33] for id_ in ids} == {export_id.hex for export_id in exports}
            assert len(set(ids)) == len(exports)


@pytest.fixture
async def office(database: Database, database_url: str, settings: Settings, tmp_path: Path) -> AsyncIterator[Office]:
    await cancel_everything(database)
    account = await find_or_create_account(f"w{uuid4().hex[:12]}")
    await make_agent(account)
    await record(database, account, {"summary": 'a table, "outside"\non the terrace', "units": "2.5"})
    await database.execute("insert into export_recipient values ($1, 'example.com')", account.id)
    columns = await database.fetch(
        "select column_name from information_schema.columns where table_name = 'session'"
        " and is_generated = 'NEVER' and column_name not in ('account_id', 'id')"
    )
    names = ", ".join(row[0] for row in columns)
    await database.execute(COPIES.format(columns=names), account.id, SESSIONS)
    mailbox = Mailbox()
    with MailServer(mailbox) as server:
        viewer = Viewer(facts_of(account), Role.ADMIN, "owner", "ana@example.com")
        made = Office(database, settings, viewer, mailbox, database_url, server.url(), tmp_path)
        yield made
        for worker in made.workers:
            worker.__exit__()


async def test_an_export_of_a_killed_worker_is_taken_over_and_its_file_is_the_same(office: Office) -> None:
    """Kills come at three random moments of writing or sending."""
    office.start_worker()
    calm = await office.ask()
    await office.reaches(calm, "DONE")
    expected = await office.check_file(calm)
    office.mailbox.seconds = 0.05
    chance = random.Random(7)
    exports = []
    for _ in range(3):
        exports.append(await office.ask())
        await office.reaches(exports[-1], "RUNNING", "SENDING", "DONE")
        await asyncio.sleep(chance.random() * 0.3)
        office.workers[-1].kill()
        office.start_worker()

    for export_id in exports:
        await office.reaches(export_id, "DONE")
        assert await office.check_file(export_id) == expected
    office.assert_sent_once(calm, *exports)


async def test_a_worker_killed_before_a_message_is_answered_leaves_out_no_recipient(
    office: Office,
) -> None:
    """The server accepts the second of three messages but does not answer; it comes again with the same Message-ID."""
    office.mailbox.data_answers = [OK, HOLD]
    worker = office.start_worker()
    export_id = await office.ask()
    await comes_true(lambda: _holds_second(office))
    before, written = await office.check_file(export_id), await read_csv(office.database, export_id)
    assert await office.delivery_statuses(export_id) == ["ACCEPTED", "WAITING", "WAITING"]
    worker.kill()
    office.start_worker()
    await office.reaches(export_id, "DONE")

    assert await office.delivery_statuses(export_id) == ["ACCEPTED"] * 3
    assert [len(office.mailbox.to(recipient)) for recipient in RECIPIENTS] == [1, 2, 1]
    office.assert_sent_once(export_id)
    assert len(office.mailbox.message_ids()) == len(RECIPIENTS)
    assert await office.check_file(export_id) == before
    attached = [part for _, message in office.mailbox.taken for part in message.iter_attachments()]
    assert [part.get_payload(decode=True) == written for part in attached] == [True] * 4


async def _holds_second(office: Office) -> bool:
    return bool(office.mailbox.to(RECIPIENTS[1]))


async def _some_mail(office: Office) -> bool:
    return bool(office.mailbox.taken)


async def test_a_stopped_worker_releases_its_job_at_once_and_counts_no_attempt(office: Office) -> None:
    worker = office.start_worker()
    export_id = await office.ask()
    await office.reaches(export_id, "RUNNING", "SENDING")

    assert worker.stop(signal.SIGTERM) == 0

    row = await read_row(office.database, export_id)
    assert row["lease_until"] is None
    assert row["attempts"] == (0 if row["status"] == "QUEUED" else 1)
    office.start_worker()
    assert (await office.reaches(export_id, "DONE"))["attempts"] == 1
    office.assert_sent_once(export_id)
    assert sorted(office.mailbox.message_ids().values()) == [1, 1, 1]


async def test_a_paused_worker_is_replaced_within_ten_seconds_and_changes_nothing_when_it_resumes(
    office: Office,
) -> None:
    """The first worker is halted while the mail server holds its message; the second one is idle until then."""
    office.mailbox.data_answers = [HOLD]
    paused = office.start_worker()
    export_id = await office.ask()
    await comes_true(lambda: _some_mail(office))
    office.start_worker().wait_until_it_prints("Writing and sending exports")
    os.kill(paused.pid, signal.SIGSTOP)
    stopped_at = (await office.database.fetch("select now()"))[0][0]
    row = await comes_true(lambda: _claimed_again(office, export_id))
    assert row["lease_until"] - LEASE - stopped_at < timedelta(seconds=10)
    await office.reaches(export_id, "DONE")
    os.kill(paused.pid, signal.SIGCONT)
    await comes_true(lambda: _has_noticed(paused))

    assert (await read_row(office.database, export_id))["status"] == "DONE"
    office.assert_sent_once(export_id)
    assert sum(office.mailbox.message_ids().values()) == len(RECIPIENTS) + 1


async def _claimed_again(office: Office, export_id: UUID) -> Row | None:
    row = await read_row(office.database, export_id)
    return row if row["claims"] == 3 and row["lease_until"] else None


async def _has_noticed(worker: Server) -> bool:
    return "lost the lease of export" in worker.errors


async def test_workers_paused_at_any_moment_keep_no_export_from_another_worker(office: Office) -> None:
    """A paused worker must hold no lock, whatever it was about to do: every export ends while it stands still."""
    chance = random.Random(11)
    paused, healthy = office.start_worker(), office.start_worker()
    for worker in (paused, healthy):
        worker.wait_until_it_prints("Writing and sending exports")
    for _ in range(3):
        exports = [await office.ask() for _ in range(4)]
        await asyncio.sleep(chance.random() * 0.3)
        os.kill(paused.pid, signal.SIGSTOP)
        for export_id in exports:
            await office.reaches(export_id, "DONE")
        os.kill(paused.pid, signal.SIGCONT)

    assert healthy.stop() == 0
    await office.reaches(await office.ask(), "DONE")
