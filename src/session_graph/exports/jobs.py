"""The queue of exports: a worker claims a job under a lease, extends it by heartbeats, and loses it when they stop.

Each claim has a number, `claims`, which is the fencing token: every statement about a job names it, so a worker that
has lost its lease changes nothing and notices at its next statement. An attempt is counted when a job is claimed, so a
job that kills its workers ends too. Followers are notified in the transaction of the change. All times are the
database's.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from session_graph.exports.csv_file import File, Progress
from session_graph.store.database import Connection, Database, Row
from session_graph.store.locks import AdvisoryLock, take_lock

PROGRESS = "session_graph_progress"
"""The channel that is notified of each change to an export; the payload is the export's id."""
LEASE = timedelta(seconds=6)
MOST_ATTEMPTS = 5
DIED_TOO_OFTEN = "The export could not be written: the server stopped too often while writing it."

_FAIL_EXHAUSTED = """
update session_export e set status = 'FAILED', error = $2, lease_until = null, finished_at = now()
where e.status = 'RUNNING' and e.lease_until < now() and e.attempts >= $1
returning e.id
"""
_CLAIM_TO_WRITE = """
with next as (
    select e.account_id, e.id
    from session_export e
    where e.status in ('QUEUED', 'RUNNING') and e.run_at <= now() and (e.lease_until is null or e.lease_until < now())
        and (
            e.status = 'RUNNING'
            or $2 > (
                select count(*) from session_export r
                where r.account_id = e.account_id and r.status = 'RUNNING'
            )
        )
    order by e.run_at, e.requested_at, e.id
    limit 1
    for update skip locked
)
update session_export e
set status = 'RUNNING', lease_until = now() + $1, attempts = e.attempts + 1, claims = e.claims + 1, has_chunks = true,
    row_count = null, rows_written = 0, bytes = null
from next
where e.account_id = next.account_id and e.id = next.id
returning e.*
"""
_CLAIM_TO_SEND = """
with next as (
    select e.account_id, e.id
    from session_export e
    where e.status = 'SENDING' and e.run_at <= now() and (e.lease_until is null or e.lease_until < now())
    order by e.run_at, e.requested_at, e.id
    limit 1
    for update skip locked
)
update session_export e set lease_until = now() + $1, claims = e.claims + 1
from next
where e.account_id = next.account_id and e.id = next.id
returning e.*
"""
_CLAIMED = "where e.account_id = $1 and e.id = $2 and e.claims = $3 and e.status in ('RUNNING', 'SENDING')"
_HEARTBEAT = (
    f"update session_export e set lease_until = now() + $4, row_count = $5, rows_written = $6, bytes = $7 {_CLAIMED}"
)
_EXTEND_LEASE = f"update session_export e set lease_until = now() + $4 {_CLAIMED}"
_FINISH_WRITING = f"""
update session_export e
set status = 'SENDING', run_at = now(), lease_until = null, as_of = $4, row_count = $5, rows_written = $5, bytes = $6,
    sha256 = $7, file_claim = e.claims, finished_at = now(), expires_at = now() + $8, error = null
{_CLAIMED}
"""
_RELEASE = f"""
update session_export e
set status = case when e.status = 'RUNNING' then 'QUEUED' else e.status end, run_at = now() + $4,
    attempts = case when e.status = 'RUNNING' then e.attempts - $5 else e.attempts end, error = $6, lease_until = null
{_CLAIMED}
"""
_FINISH = f"""
update session_export e
set status = $4, error = $5, lease_until = null, finished_at = coalesce(e.finished_at, now())
{_CLAIMED}
"""
_EXPIRE = """
update session_export e set status = 'EXPIRED'
where e.status in ('DONE', 'FAILED') and e.expires_at < now()
"""
_SWEEP = """
with next as (
    select e.account_id, e.id
    from session_export e
    where e.has_chunks and (e.status in ('EXPIRED', 'CANCELLED') or e.status = 'FAILED' and e.file_claim is null)
    limit 1
    for update skip locked
), swept as (
    delete from export_chunk c using next where c.account_id = next.account_id and c.export_id = next.id
)
update session_export e set has_chunks = false
from next
where e.account_id = next.account_id and e.id = next.id
"""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Claims jobs and changes them. A job is the row of its export as of its claim."""

    database: Database

    async def claim_to_write(self, most_of_account: int) -> Row | None:
        """Claim the next export to write, or return None; an account has at most `most_of_account` RUNNING."""
        async with self.database.transaction() as connection:
            await take_lock(connection, AdvisoryLock.EXPORT_CLAIM)
            for failed in await connection.fetch(_FAIL_EXHAUSTED, MOST_ATTEMPTS, DIED_TOO_OFTEN):
                await notify_progress(connection, failed["id"])
            job = await connection.fetchrow(_CLAIM_TO_WRITE, LEASE, most_of_account)
            if job:
                await notify_progress(connection, job["id"])
            return job

    async def claim_to_send(self) -> Row | None:
        """Claim the next export to send, or return None."""
        return await self.database.fetchrow(_CLAIM_TO_SEND, LEASE)

    async def heartbeat(self, job: Row, progress: Progress | None) -> bool:
        """Extend the lease and store the progress of writing, if any. Return False if the lease is lost."""
        if progress is None:
            tag = await self.database.execute(_EXTEND_LEASE, job["account_id"], job["id"], job["claims"], LEASE)
            return tag == "UPDATE 1"
        return await self._change(_HEARTBEAT, job, LEASE, progress.row_count, progress.rows_written, progress.bytes)

    async def finish_writing(self, job: Row, file: File, keep_for: timedelta) -> bool:
        """Offer the job to senders and expire it after `keep_for`. Return False if the lease is lost."""
        return await self._change(_FINISH_WRITING, job, file.as_of, file.row_count, file.bytes, file.sha256, keep_for)

    async def release(
        self, job: Row, delay: timedelta, *, refund_attempt: bool = False, error: str | None = None
    ) -> None:
        """Offer the job again after the delay; `refund_attempt` if the job did not cause this attempt to end."""
        await self._change(_RELEASE, job, delay, int(refund_attempt), error)

    async def finish(self, job: Row, status: str, error: str | None = None) -> None:
        await self._change(_FINISH, job, status, error)

    async def sweep(self) -> None:
        """Expire exports, then delete the files that can no longer be opened, one in each statement."""
        await self.database.execute(_EXPIRE)
        while await self.database.execute(_SWEEP) != "UPDATE 0":
            pass

    async def _change(self, sql: str, job: Row, *values: object) -> bool:
        tag = await execute_and_notify(self.database, sql, job["account_id"], job["id"], job["claims"], *values)
        return tag == "UPDATE 1"


async def execute_and_notify(database: Database, sql: str, account_id: UUID, export_id: UUID, *values: object) -> str:
    """Run one statement about an export and, if it changed a row, notify the followers in the same transaction.

    Return PostgreSQL's command tag, such as `UPDATE 1`.
    """
    async with database.transaction() as connection:
        tag = await connection.execute(sql, account_id, export_id, *values)
        if not tag.endswith(" 0"):
            await notify_progress(connection, export_id)
        return tag


async def notify_progress(connection: Connection, export_id: UUID) -> None:
    await connection.execute("select pg_notify($1, $2)", PROGRESS, str(export_id))
