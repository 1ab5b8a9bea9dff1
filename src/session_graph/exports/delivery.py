"""Delivery of a written export: one message and one row for each recipient, so that a retry sends only what is missing.

At-least-once: the row is claimed before the message is sent, which counts the attempt and schedules the next one with
exponential backoff. A worker that has lost the job cannot claim. All times are the database's.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta

from session_graph.access.viewer import Viewer
from session_graph.exports.csv_file import read_file
from session_graph.exports.jobs import execute_and_notify
from session_graph.exports.links import LinkSigner
from session_graph.exports.mail import MailTransport, NotDelivered
from session_graph.exports.message import MailContent, compose
from session_graph.exports.recipients import find_unlisted
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account

GIVE_UP_AFTER = timedelta(days=1)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
GRACE_SECONDS = 8
"""How long a message in transit may take when its worker is stopped."""

UNLISTED = "The address is no longer on the account's list of recipients."
STOPPED = "The server stopped too often while sending it."

_GIVE_UP = """
update export_delivery d set status = 'GIVEN_UP', at = now(), error = coalesce(d.error, $3)
from session_export e
where d.account_id = $1 and d.export_id = $2 and d.status = 'WAITING' and d.attempts > 0
    and e.account_id = d.account_id and e.id = d.export_id and e.finished_at + $4 < now()
"""
_DUE = """
select d.recipient from export_delivery d
where d.account_id = $1 and d.export_id = $2 and d.status = 'WAITING' and d.run_at <= now()
order by d.recipient
"""
_CLAIM = """
update export_delivery d
set attempts = d.attempts + 1, at = now(),
    run_at = now() + least($5::interval * power(2, least(d.attempts, 20)), $6::interval)
from session_export e
where d.account_id = $1 and d.export_id = $2 and d.recipient = $4 and d.status = 'WAITING' and d.run_at <= now()
    and e.account_id = d.account_id and e.id = d.export_id and e.claims = $3 and e.status = 'SENDING'
"""
_ACCEPT = """
update export_delivery d set status = 'ACCEPTED', error = null, at = now()
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3
"""
_REFUSE = """
update export_delivery d set status = 'REFUSED', error = $4, at = now()
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3 and d.status = 'WAITING'
"""
_POSTPONE = """
update export_delivery d
set error = $4, at = now(), run_at = now() + least($5::interval * power(2, least(d.attempts - 1, 20)), $6::interval)
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3 and d.status = 'WAITING'
"""
_STATE = """
select count(*) filter (where d.status = 'WAITING') as waiting,
       count(*) filter (where d.status = 'ACCEPTED') as accepted,
       greatest(min(d.run_at) filter (where d.status = 'WAITING') - now(), '0') as pause,
       coalesce(max(d.error) filter (where d.status = 'WAITING'), max(d.error)) as error
from export_delivery d
where d.account_id = $1 and d.export_id = $2
"""


class Deliverer:
    """Sends the messages of an export that are due."""

    def __init__(self, database: Database, settings: Settings, transport: MailTransport) -> None:
        self._database = database
        self._settings = settings
        self._transport = transport
        self._signer = LinkSigner(database, settings)

    async def send_due(self, job: Row, requester: Viewer) -> None:
        """Send a message to each waiting recipient whose time has come and who may still receive it."""
        await self._change(_GIVE_UP, job, STOPPED, GIVE_UP_AFTER)
        due = [row["recipient"] for row in await self._database.fetch(_DUE, job["account_id"], job["id"])]
        unlisted = await find_unlisted(requester, due)
        for recipient in unlisted:
            await self._change(_REFUSE, job, recipient, UNLISTED)
        if allowed := [recipient for recipient in due if recipient not in unlisted]:
            account = await Account.get(id=job["account_id"])
            csv = await self._read_attachment(job)
            for recipient in allowed:
                await _let_finish(self._send(job, account, csv, recipient))

    async def read_state(self, job: Row) -> Row:
        """Return how many recipients are `waiting` and `accepted`, the `pause` until one is due, and an `error`."""
        row = await self._database.fetchrow(_STATE, job["account_id"], job["id"])
        assert row is not None
        return row

    async def _send(self, job: Row, account: Account, csv: bytes | None, recipient: str) -> None:
        link = await self._signer.make_link(job["account_id"], job["id"], recipient)
        content = MailContent(job, account.name, account.time_zone, link, csv)
        message = await asyncio.to_thread(compose, content, recipient, self._settings)
        if not await self._change(_CLAIM, job, job["claims"], recipient, FIRST_PAUSE, LONGEST_PAUSE):
            return
        try:
            await self._transport.deliver(message, recipient)
        except NotDelivered as refusal:
            if refusal.is_final:
                await self._change(_REFUSE, job, recipient, str(refusal))
            else:
                await self._change(_POSTPONE, job, recipient, str(refusal), FIRST_PAUSE, LONGEST_PAUSE)
        else:
            await self._change(_ACCEPT, job, recipient)

    async def _change(self, sql: str, job: Row, *values: object) -> bool:
        tag = await execute_and_notify(self._database, sql, job["account_id"], job["id"], *values)
        return tag != "UPDATE 0"

    async def _read_attachment(self, job: Row) -> bytes | None:
        if job["bytes"] > self._settings.link_above_bytes:
            return None
        return b"".join([piece async for piece in read_file(self._database, job)])


async def _let_finish(sending: Coroutine[None, None, None]) -> None:
    """Let a message in transit finish for GRACE_SECONDS after a cancellation, so that its acceptance is recorded."""
    task = asyncio.create_task(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=GRACE_SECONDS)
        task.cancel()
        raise
