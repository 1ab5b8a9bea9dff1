"""The queue of exports: a worker claims a job under a lease, extends it by heartbeats, and loses it when they stop.

Each claim has a number, `claims`, which is the fencing token: every statement about a job names it, so a worker that
has lost its lease changes nothing and notices at its next statement. An attempt is counted when a job is claimed, so a
job that kills its workers ends too. All times are the database's.

Every step is one statement, which also notifies the followers: a worker that is halted between two steps holds no lock.
A unique index over an account's places, instead of a lock, bounds how many of its exports run.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg

from session_graph.exports.csv_file import File, Progress
from session_graph.store.database import Database, Row

PROGRESS = "session_graph_progress"
"""The channel that is notified of each change to an export; the payload is the export's id."""
LEASE = timedelta(seconds=6)
MOST_ATTEMPTS = 5
REFUNDED_FOR = timedelta(hours=1)
DIED_TOO_OFTEN = "The export could not be written: the server stopped too often while writing it."

_TELL = f"returning pg_notify('{PROGRESS}', e.id::text)"
_FAIL_EXHAUSTED = f"""
with next as (
    select e.account_id, e.id
    from session_export e
    where e.status = 'RUNNING' and e.lease_until < now() and e.attempts >= $1
    for update skip locked
)
update session_export e set status = 'FAILED', error = $2, lease_until = null, finished_at = now()
from next
where e.account_id = next.account_id and e.id = next.id
{_TELL}
"""
_FREE = "e.run_at <= now() and (e.lease_until is null or e.lease_until < now())"
_WRITABLE = f"(e.status = 'QUEUED' or e.status = 'RUNNING' and e.attempts < $3) and {_FREE}"
_CLAIM_TO_WRITE = f"""
with accounts as materialized (
    select w.account_id, t.at, (
        select min(n) from generate_series(1, $2::integer) n
        where not exists (
            select from session_export r where r.account_id = w.account_id and r.status = 'RUNNING' and r.place = n
        )
    ) as place
    from (select distinct e.account_id from session_export e where {_WRITABLE}) w
    left join export_turn t on t.account_id = w.account_id and t.task = 'WRITE'
), next as (
    select e.account_id, e.id, case e.status when 'RUNNING' then e.place else a.place end as place
    from session_export e join accounts a on a.account_id = e.account_id
    where {_WRITABLE} and (e.status = 'RUNNING' or a.place is not null)
    order by a.at nulls first, e.run_at, e.requested_at, e.id
    limit 1
    for update of e skip locked
), turn as (
    insert into export_turn (account_id, task, at) select next.account_id, 'WRITE', clock_timestamp() from next
    on conflict (account_id, task) do update set at = excluded.at
)
update session_export e
set status = 'RUNNING', lease_until = now() + $1, attempts = e.attempts + 1, claims = e.claims + 1, place = next.place,
    has_chunks = true, row_count = null, rows_written = 0, bytes = null
from next
where e.account_id = next.account_id and e.id = next.id
returning e.*, pg_notify('{PROGRESS}', e.id::text)
"""
_CLAIM_TO_SEND = f"""
with next as (
    select e.account_id, e.id
    from session_export e left join export_turn t on t.account_id = e.account_id and t.task = 'SEND'
    where e.status = 'SENDING' and {_FREE} and e.account_id <> all ($2::uuid[])
    order by t.at nulls first, e.run_at, e.requested_at, e.id
    limit 1
    for update of e skip locked
), turn as (
    insert into export_turn (account_id, task, at) select next.account_id, 'SEND', clock_timestamp() from next
    on conflict (account_id, task) do update set at = excluded.at
)
update session_export e set lease_until = now() + $1, claims = e.claims + 1
from next
where e.account_id = next.account_id and e.id = next.id
returning e.*
"""
_CLAIMED = "where e.account_id = $1 and e.id = $2 and e.claims = $3 and e.status in ('RUNNING', 'SENDING')"
_LEASED = f"{_CLAIMED} and e.lease_until is not null"
_HEARTBEAT = f"""
update session_export e set lease_until = now() + $4, row_count = $5, rows_written = $6, bytes = $7
{_LEASED}
{_TELL}
"""
_EXTEND_LEASE = f"update session_export e set lease_until = now() + $4 {_LEASED} returning e.id"
_FINISH_WRITING = f"""
update session_export e
set status = 'SENDING', run_at = now(), lease_until = null, as_of = $4, row_count = $5, rows_written = $5, bytes = $6,
    sha256 = $7, chunk_count = $8, file_claim = e.claims, finished_at = now(), expires_at = now() + $9, error = null
{_CLAIMED}
{_TELL}
"""
_RELEASE = f"""
update session_export e
set status = case when e.status = 'RUNNING' then 'QUEUED' else e.status end, run_at = now() + $4,
    attempts = case when e.status = 'RUNNING' then e.attempts - $5 else e.attempts end, error = $6, lease_until = null
{_CLAIMED}
{_TELL}
"""
_REFUND = """
update session_export e set attempts = e.attempts - 1
where e.account_id = $1 and e.id = $2 and e.status in ('QUEUED', 'RUNNING') and e.attempts > 0
    and e.requested_at > now() - $3::interval
"""
_FINISH = f"""
update session_export e
set status = $4, error = $5, lease_until = null, finished_at = coalesce(e.finished_at, now())
{_CLAIMED}
{_TELL}
"""
_FAIL_WITHOUT_FILE = f"""
update session_export e set status = 'FAILED', error = $4, lease_until = null, file_claim = null
{_CLAIMED}
{_TELL}
"""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Claims jobs and changes them. A job is the row of its export as of its claim."""

    database: Database

    async def claim_to_write(self, most_of_account: int) -> Row | None:
        """Claim the next export to write, or return None; an account has at most `most_of_account` RUNNING."""
        await self.database.fetch(_FAIL_EXHAUSTED, MOST_ATTEMPTS, DIED_TOO_OFTEN)
        while True:
            with suppress(asyncpg.UniqueViolationError):  # another worker has just taken the place
                return await self.database.fetchrow(_CLAIM_TO_WRITE, LEASE, most_of_account, MOST_ATTEMPTS)

    async def claim_to_send(self, busy: Iterable[UUID] = ()) -> Row | None:
        """Claim the next export to send of an account that is not `busy`, or return None."""
        return await self.database.fetchrow(_CLAIM_TO_SEND, LEASE, list(busy))

    async def heartbeat(self, job: Row, progress: Progress | None) -> bool:
        """Extend the lease and store the progress of writing, if any. Return False if the lease is lost."""
        if progress is None:
            return await self._change(_EXTEND_LEASE, job, LEASE)
        return await self._change(_HEARTBEAT, job, LEASE, progress.row_count, progress.rows_written, progress.bytes)

    async def finish_writing(self, job: Row, file: File, keep_for: timedelta) -> bool:
        """Offer the job to senders and expire it after `keep_for`. Return False if the lease is lost."""
        values = file.as_of, file.row_count, file.bytes, file.sha256, file.chunk_count, keep_for
        return await self._change(_FINISH_WRITING, job, *values)

    async def release(
        self, job: Row, delay: timedelta, *, refund_attempt: bool = False, error: str | None = None
    ) -> None:
        """Offer the job again after the delay; `refund_attempt` if the job did not cause this attempt to end."""
        await self._change(_RELEASE, job, delay, int(refund_attempt), error)

    async def refund_attempt(self, job: Row) -> None:
        """Uncount the attempt of a claim that ended with the database or with the lease; call it once for a claim.

        It holds whoever has the job now. REFUNDED_FOR bounds how long a job that itself ends the database is repeated.
        """
        await self.database.execute(_REFUND, job["account_id"], job["id"], REFUNDED_FOR)

    async def finish(self, job: Row, status: str, error: str | None = None) -> None:
        await self._change(_FINISH, job, status, error)

    async def fail_without_file(self, job: Row, error: str) -> None:
        """End the job as FAILED and drop its file, which cannot be read."""
        await self._change(_FAIL_WITHOUT_FILE, job, error)

    async def _change(self, sql: str, job: Row, *values: object) -> bool:
        row = await self.database.fetchrow(sql, job["account_id"], job["id"], job["claims"], *values)
        return row is not None
