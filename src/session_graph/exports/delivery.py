"""Delivery of a written export: one message and one row for each recipient, so that a retry sends only what is missing.

At-least-once: the row is claimed before the message is made and sent, which counts the attempt and schedules the next
one with exponential backoff. A worker that has lost the job cannot claim. A failure that concerns no recipient puts off
all messages of the export; one to make a message is final for its recipient. All times are the database's.
"""

import asyncio
import logging
import traceback
from collections.abc import Coroutine
from datetime import timedelta
from email.message import Message
from pathlib import Path
from time import monotonic

from session_graph.access.viewer import Viewer
from session_graph.exports.csv_file import read_file
from session_graph.exports.jobs import PROGRESS
from session_graph.exports.links import LinkSigner
from session_graph.exports.mail import Consequence, MailTransport, NotDelivered
from session_graph.exports.message import MailContent, compose
from session_graph.exports.recipients import find_unlisted
from session_graph.parsing import check_email
from session_graph.settings import Settings
from session_graph.store.background import STORE_FAILED
from session_graph.store.database import Database, Row
from session_graph.store.models import Account

LOGGER = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(days=1)
PAUSES = timedelta(seconds=5), timedelta(minutes=15)
"""The pause after the first attempt, which doubles with each, and the longest."""
TURN_SECONDS = 30
"""An export that has been sent for this long leaves its sender to other accounts before its next message."""
GRACE_SECONDS = 8
"""How long a message in transit may take when its worker is stopped."""

UNLISTED = "The address is no longer on the account's list of recipients."
STOPPED = "The server stopped too often while sending it."
COULD_NOT_SEND = "The file is written, but sending it failed because of an error in the server. It will be sent again."
CANNOT_COMPOSE = "The message could not be made because of an error in the server; the file can be downloaded."
NO_MAILBOX = "No mail can be sent to this address, which was accepted by an earlier version."

_TELL = f"returning pg_notify('{PROGRESS}', d.export_id::text)"
_GIVE_UP = f"""
update export_delivery d set status = 'GIVEN_UP', at = now(), error = coalesce(d.error, $3)
from session_export e
where d.account_id = $1 and d.export_id = $2 and d.status = 'WAITING' and d.attempts > 0
    and e.account_id = d.account_id and e.id = d.export_id and e.finished_at + $4 < now()
{_TELL}
"""
_DUE = """
select d.recipient from export_delivery d
where d.account_id = $1 and d.export_id = $2 and d.status = 'WAITING' and d.run_at <= now()
order by d.recipient
"""
_CLAIM = f"""
update export_delivery d
set attempts = d.attempts + 1, at = now(),
    run_at = now() + least($5::interval * power(2, least(d.attempts, 20)), $6::interval)
from session_export e
where d.account_id = $1 and d.export_id = $2 and d.recipient = $4 and d.status = 'WAITING' and d.run_at <= now()
    and e.account_id = d.account_id and e.id = d.export_id and e.claims = $3 and e.status = 'SENDING'
{_TELL}
"""
_ACCEPT = f"""
update export_delivery d
set status = 'ACCEPTED', error = null, at = now(),
    link_expires_at = case
        when e.file_claim = $4 and e.status <> 'CANCELLED' then d.link_expires_at
        else least(d.link_expires_at, now())
    end
from session_export e
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3
    and e.account_id = d.account_id and e.id = d.export_id
{_TELL}
"""
"""If the report was cancelled while the message was sent, its link ends as those of the messages before."""
_REFUSE = f"""
update export_delivery d set status = 'REFUSED', error = $4, at = now()
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3 and d.status = 'WAITING'
{_TELL}
"""
_POSTPONE = f"""
update export_delivery d
set error = $4, at = now(), run_at = now() + least($5::interval * power(2, least(d.attempts - 1, 20)), $6::interval)
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3 and d.status = 'WAITING'
{_TELL}
"""
_PUT_OFF = f"""
update export_delivery d
set error = $3, at = now(), attempts = d.attempts + 1,
    run_at = now() + least($4::interval * power(2, least(d.attempts, 20)), $5::interval)
where d.account_id = $1 and d.export_id = $2 and d.status = 'WAITING' and d.run_at <= now()
{_TELL}
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

    async def give_up(self, job: Row) -> None:
        """Give up the messages that have been tried for GIVE_UP_AFTER."""
        await self._change(_GIVE_UP, job, STOPPED, GIVE_UP_AFTER)

    async def send_due(self, job: Row, requester: Viewer) -> None:
        """Send a message to each waiting recipient whose time has come and who may still receive it.

        Stop at a failure that concerns no recipient, and after TURN_SECONDS. Raises DamagedFile.
        """
        due = [row["recipient"] for row in await self._database.fetch(_DUE, job["account_id"], job["id"])]
        unlisted = await find_unlisted(requester, due)
        for recipient in unlisted:
            await self._change(_REFUSE, job, recipient, UNLISTED)
        if allowed := [recipient for recipient in due if recipient not in unlisted]:
            account = await Account.get(id=job["account_id"])
            csv = await self._read_attachment(job)
            end = monotonic() + TURN_SECONDS
            for recipient in allowed:
                if not await _let_finish(self._send(job, account, csv, recipient)) or monotonic() > end:
                    break

    async def put_off(self, job: Row, reason: str) -> None:
        """Send the messages that are due later, each after its own pause, and count the attempt."""
        await self._change(_PUT_OFF, job, reason, *PAUSES)

    async def read_state(self, job: Row) -> Row:
        """Return how many recipients are `waiting` and `accepted`, the `pause` until one is due, and an `error`."""
        row = await self._database.fetchrow(_STATE, job["account_id"], job["id"])
        assert row is not None
        return row

    async def _send(self, job: Row, account: Account, csv: bytes | None, recipient: str) -> bool:
        """Send the message. Return False if the other recipients need not be tried now."""
        if not await self._change(_CLAIM, job, job["claims"], recipient, *PAUSES):
            return True
        try:
            await self._deliver(job, account, csv, recipient)
        except NotDelivered as failure:
            return await self._record_failure(job, recipient, failure)
        except STORE_FAILED:
            raise
        except Exception as error:
            LOGGER.error("export %s: a message could not be sent: %s", job["id"], _name_place(error))
            await self._change(_POSTPONE, job, recipient, COULD_NOT_SEND, *PAUSES)
        else:
            await self._change(_ACCEPT, job, recipient, job["file_claim"])
        return True

    async def _deliver(self, job: Row, account: Account, csv: bytes | None, recipient: str) -> None:
        """Hand the message to the transport, without its attachment if it is too large with it."""
        message = await self._compose(job, account, csv, recipient)
        try:
            await self._transport.deliver(message, recipient)
        except NotDelivered as failure:
            if csv is None or failure.consequence is not Consequence.WITHOUT_FILE:
                raise
            LOGGER.warning("export %s: sent without its attachment: %s", job["id"], failure.kind)
            await self._deliver(job, account, None, recipient)

    async def _compose(self, job: Row, account: Account, csv: bytes | None, recipient: str) -> Message:
        """Return the message. What is wrong with its values is final: a retry would read the same ones."""
        try:
            check_email(recipient)
        except ValueError:
            raise NotDelivered(NO_MAILBOX, Consequence.REFUSED, "no mailbox") from None
        link = await self._signer.make_link(job["account_id"], job["id"], recipient)
        content = MailContent(job, account.name, account.time_zone, link, csv)
        try:
            return await asyncio.to_thread(compose, content, recipient, self._settings)
        except Exception as error:
            LOGGER.error("export %s: a message could not be made: %s", job["id"], _name_place(error))
            raise NotDelivered(CANNOT_COMPOSE, Consequence.REFUSED, "not made") from error

    async def _record_failure(self, job: Row, recipient: str, failure: NotDelivered) -> bool:
        """Record why the message was not delivered. Return False if that concerns no recipient."""
        if failure.consequence is Consequence.REFUSED:
            LOGGER.info("export %s: a message was refused: %s", job["id"], failure.kind)
            await self._change(_REFUSE, job, recipient, str(failure))
            return True
        await self._change(_POSTPONE, job, recipient, str(failure), *PAUSES)
        if failure.consequence is not Consequence.PUT_OFF:
            LOGGER.info("export %s: a message is put off: %s", job["id"], failure.kind)
            return True
        if self._settings.mail:
            LOGGER.warning("export %s: no message can be sent now: %s", job["id"], failure.kind)
        await self.put_off(job, str(failure))
        return False

    async def _change(self, sql: str, job: Row, *values: object) -> bool:
        return bool(await self._database.fetch(sql, job["account_id"], job["id"], *values))

    async def _read_attachment(self, job: Row) -> bytes | None:
        """Return the CSV, or None if it is too large to attach; read it in either case, which checks it."""
        is_attached = job["bytes"] <= self._settings.link_above_bytes
        csv = bytearray()
        async for piece in read_file(self._database, job):
            if is_attached:
                csv += piece
        return bytes(csv) if is_attached else None


def _name_place(error: Exception) -> str:
    """Return the error's class and where it was raised, for one line of the log; its text may have contacts."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"


async def _let_finish(sending: Coroutine[None, None, bool]) -> bool:
    """Let a message in transit finish for GRACE_SECONDS after a cancellation, so that its acceptance is recorded."""
    task = asyncio.create_task(sending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=GRACE_SECONDS)
        task.cancel()
        raise
