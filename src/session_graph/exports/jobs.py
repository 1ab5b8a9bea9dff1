"""Jobs under a lease: claimed by one worker at a time, kept by its heartbeat, taken over when that stops.

A worker that lost its lease finds out with its next heartbeat and writes nothing any more: every statement names the
worker. Attempts are counted when a job is claimed, so that one that kills its workers comes to an end.
"""

from datetime import timedelta
from uuid import UUID

from session_graph.exports.files import File, Progress
from session_graph.store.database import Database, Row

LEASE = timedelta(seconds=6)
MOST_ATTEMPTS = 5
DIED_TOO_OFTEN = "The report could not be written: the server stopped too often while writing it."

_CLAIM_LOCK = 7_270_202
_BURY = """
update session_export e
set status = 'FAILED', error = $2, worker = null, lease_until = null, finished_at = now(), expires_at = now()
where e.status = 'RUNNING' and e.lease_until < now() and e.attempts >= $1
"""
_CLAIM = """
with next as (
    select e.account_id, e.id
    from session_export e
    where e.status in ('QUEUED', 'RUNNING', 'SENDING') and e.run_at <= now()
        and (e.lease_until is null or e.lease_until < now())
        and (
            e.status <> 'QUEUED'
            or $3 > (
                select count(*) from session_export r
                where r.account_id = e.account_id and r.status = 'RUNNING'
            )
        )
    order by e.run_at, e.requested_at, e.id
    limit 1
    for update skip locked
)
update session_export e
set worker = $1, lease_until = now() + $2,
    attempts = case when e.status = 'SENDING' then e.attempts else e.attempts + 1 end,
    status = case when e.status = 'SENDING' then 'SENDING' else 'RUNNING' end
from next
where e.account_id = next.account_id and e.id = next.id
returning e.*
"""
_OURS = "where e.account_id = $1 and e.id = $2 and e.worker = $3 and e.status in ('RUNNING', 'SENDING')"
_BEAT = f"update session_export e set lease_until = now() + $4, row_count = $5, rows_written = $6, bytes = $7 {_OURS}"
_KEEP = f"update session_export e set lease_until = now() + $4 {_OURS}"
_WRITTEN = f"""
update session_export e
set status = 'SENDING', as_of = $4, row_count = $5, rows_written = $5, bytes = $6, sha256 = $7,
    file_attempt = e.attempts, finished_at = now(), expires_at = now() + $8, error = null
{_OURS}
returning e.*
"""
_RELEASE = f"""
update session_export e
set status = $4, run_at = now() + $5, attempts = e.attempts - $6, error = $7, worker = null, lease_until = null
{_OURS}
"""
_FINISH = f"""
update session_export e
set status = $4, error = $5, worker = null, lease_until = null, finished_at = coalesce(e.finished_at, now()),
    expires_at = coalesce(e.expires_at, now())
{_OURS}
"""
_EXPIRE = """
update session_export e set status = 'EXPIRED'
where e.status in ('DONE', 'FAILED') and e.expires_at < now() and e.file_attempt is not null
"""
_SWEEP = """
delete from export_chunk c using session_export e
where e.account_id = c.account_id and e.id = c.export_id
    and (e.status in ('EXPIRED', 'CANCELLED') or e.status = 'FAILED' and e.file_attempt is null)
"""


class Jobs:
    """The queue of one worker."""

    def __init__(self, database: Database, worker: UUID) -> None:
        self._database = database
        self._worker = worker

    async def claim(self, running_for_an_account: int) -> Row | None:
        """The next job that is due, ours from now on; None where there is none. A QUEUED one becomes RUNNING."""
        async with self._database.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock($1)", _CLAIM_LOCK)
            await connection.execute(_BURY, MOST_ATTEMPTS, DIED_TOO_OFTEN)
            return await connection.fetchrow(_CLAIM, self._worker, LEASE, running_for_an_account)

    async def keep(self, job: Row, progress: Progress | None) -> bool:
        """A heartbeat, with the progress of writing; False where the job is not ours any more."""
        if progress is None:
            return await self._change(_KEEP, job, LEASE)
        return await self._change(_BEAT, job, LEASE, progress.row_count, progress.rows_written, progress.bytes)

    async def finish_writing(self, job: Row, file: File, kept: timedelta) -> Row | None:
        """The job, to be sent now; None where it is not ours any more."""
        values = (file.as_of, file.row_count, file.bytes, file.sha256, kept)
        return await self._database.fetchrow(_WRITTEN, job["account_id"], job["id"], self._worker, *values)

    async def hand_back(
        self, job: Row, status: str, delay: timedelta, *, uncount: bool = False, error: str | None = None
    ) -> None:
        """Let it be claimed again after the delay; `uncount` where this attempt was no fault of the job."""
        await self._change(_RELEASE, job, status, delay, int(uncount), error)

    async def finish(self, job: Row, status: str, error: str | None = None) -> None:
        await self._change(_FINISH, job, status, error)

    async def sweep(self) -> None:
        """End what has expired, and drop the files that nobody can open any more."""
        await self._database.execute(_EXPIRE)
        await self._database.execute(_SWEEP)

    async def _change(self, sql: str, job: Row, *values: object) -> bool:
        done = await self._database.execute(sql, job["account_id"], job["id"], self._worker, *values)
        return done == "UPDATE 1"
