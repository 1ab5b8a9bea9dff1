"""Delivering a written report: one message to each recipient, each recorded, so that a retry sends only what is
missing.

A message is taken before it is sent: that counts the attempt and puts the next one off, whatever becomes of this one,
and it is refused to whoever lost the job. All times are the database's.
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
"""How long a message that is under way may take when its worker is told to stop."""

UNLISTED = "The address is not on the account's list of recipients any more."
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
_TAKE = """
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
_PUT_OFF = """
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
    """Sends what is due of an export."""

    def __init__(self, database: Database, settings: Settings, transport: MailTransport) -> None:
        self._database = database
        self._settings = settings
        self._transport = transport
        self._signer = LinkSigner(database, settings)

    async def send_due(self, job: Row, requester: Viewer) -> None:
        """One message to each recipient who waits, whose time has come and who may still have it."""
        place = (job["account_id"], job["id"])
        await execute_and_notify(self._database, _GIVE_UP, *place, STOPPED, GIVE_UP_AFTER)
        due = [row["recipient"] for row in await self._database.fetch(_DUE, *place)]
        unlisted = await find_unlisted(requester, due)
        for recipient in unlisted:
            await execute_and_notify(self._database, _REFUSE, *place, recipient, UNLISTED)
        if wanted := [recipient for recipient in due if recipient not in unlisted]:
            account = await Account.get(id=job["account_id"])
            csv = await self._read_attachment(job)
            for recipient in wanted:
                await _let_finish(self._send(job, account, csv, recipient))

    async def state(self, job: Row) -> Row:
        """How many wait and how many have it, how long until the next is due, and what went wrong."""
        row = await self._database.fetchrow(_STATE, job["account_id"], job["id"])
        assert row is not None
        return row

    async def _send(self, job: Row, account: Account, csv: bytes | None, recipient: str) -> None:
        place = (job["account_id"], job["id"])
        link = await self._signer.make_link(*place, recipient)
        message = await asyncio.to_thread(compose, MailContent(job, account.name, link, csv), recipient, self._settings)
        taken = await execute_and_notify(
            self._database, _TAKE, *place, job["claims"], recipient, FIRST_PAUSE, LONGEST_PAUSE
        )
        if taken != "UPDATE 1":
            return
        try:
            await self._transport.deliver(message, recipient)
        except NotDelivered as refusal:
            if refusal.is_final:
                await execute_and_notify(self._database, _REFUSE, *place, recipient, str(refusal))
            else:
                await execute_and_notify(
                    self._database, _PUT_OFF, *place, recipient, str(refusal), FIRST_PAUSE, LONGEST_PAUSE
                )
        else:
            await execute_and_notify(self._database, _ACCEPT, *place, recipient)

    async def _read_attachment(self, job: Row) -> bytes | None:
        if job["bytes"] > self._settings.link_above_bytes:
            return None
        return b"".join([piece async for piece in read_file(self._database, job)])


async def _let_finish(sending: Coroutine[None, None, None]) -> None:
    """Where we are told to stop, what is under way goes on for a while: an accepted message is to be recorded."""
    task = asyncio.create_task(sending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=GRACE_SECONDS)
        task.cancel()
        raise
