"""Delivering a written report: one message to each recipient, each recorded, so that a retry sends only what is
missing.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from session_graph.exports.files import read_file
from session_graph.exports.links import LinkSigner
from session_graph.exports.mail import NotDelivered, Postman
from session_graph.exports.messages import Report, compose
from session_graph.exports.requesting import DeliveryStatus
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account

GIVE_UP_AFTER = timedelta(days=1)
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)

_DUE = """
select d.recipient, d.attempts from export_delivery d
where d.account_id = $1 and d.export_id = $2 and d.status = 'WAITING' and d.run_at <= now()
order by d.recipient
"""
_NOTE = """
update export_delivery d set status = $4, error = $5, at = $6, attempts = d.attempts + 1, run_at = $7
where d.account_id = $1 and d.export_id = $2 and d.recipient = $3
"""
_STATE = """
select count(*) filter (where d.status = 'WAITING') as waiting,
       count(*) filter (where d.status = 'ACCEPTED') as accepted,
       min(d.run_at) filter (where d.status = 'WAITING') - now() as pause, max(d.error) as error
from export_delivery d
where d.account_id = $1 and d.export_id = $2
"""


class Deliverer:
    """Sends what is due of an export."""

    def __init__(self, database: Database, settings: Settings, postman: Postman) -> None:
        self._database = database
        self._settings = settings
        self._postman = postman
        self._signer = LinkSigner(database, settings)

    async def send_due(self, export: Row) -> None:
        """One message to each recipient who waits and whose time has come."""
        due = await self._database.fetch(_DUE, export["account_id"], export["id"])
        csv = await self._read_attachment(export) if due else None
        account = await Account.get(id=export["account_id"])
        for row in due:
            recipient = row["recipient"]
            link = await self._signer.make_link(export["account_id"], export["id"], recipient)
            message = compose(Report(export, account.name, link, csv), recipient, self._settings)
            try:
                await self._postman.deliver(message, recipient)
            except NotDelivered as refusal:
                await self._note_refusal(export, recipient, row["attempts"], refusal)
            else:
                await self._note(export, recipient, DeliveryStatus.ACCEPTED, None, datetime.now(UTC))

    async def state(self, export: Row) -> Row:
        """How many wait and how many have it, when the next is due, and what went wrong."""
        row = await self._database.fetchrow(_STATE, export["account_id"], export["id"])
        assert row is not None
        return row

    async def _read_attachment(self, export: Row) -> bytes | None:
        if export["bytes"] > self._settings.link_above_bytes:
            return None
        place: tuple[UUID, UUID, int] = (export["account_id"], export["id"], export["file_attempt"])
        return b"".join([piece async for piece in read_file(self._database, *place)])

    async def _note_refusal(self, export: Row, recipient: str, attempts: int, refusal: NotDelivered) -> None:
        now = datetime.now(UTC)
        if refusal.is_final:
            await self._note(export, recipient, DeliveryStatus.REFUSED, str(refusal), now)
            return
        pause = min(FIRST_PAUSE * 2 ** min(attempts, 20), LONGEST_PAUSE)
        late = now + pause > export["finished_at"] + GIVE_UP_AFTER
        status = DeliveryStatus.GIVEN_UP if late else DeliveryStatus.WAITING
        await self._note(export, recipient, status, str(refusal), now + pause)

    async def _note(
        self, export: Row, recipient: str, status: DeliveryStatus, error: str | None, run_at: datetime
    ) -> None:
        now = datetime.now(UTC)
        place = (export["account_id"], export["id"], recipient)
        await self._database.execute(_NOTE, *place, status.value, error, now, run_at)
