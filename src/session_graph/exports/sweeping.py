"""The end of exports: files expire, their chunks are deleted, and later the records of exports too.

Every process sweeps, whether it serves, works or both. A statement takes a bounded batch and skips locked rows, so
processes may sweep at the same time.
"""

from datetime import timedelta

from session_graph.exports.quotas import DAY
from session_graph.settings import Settings
from session_graph.store.background import run_forever
from session_graph.store.database import Database

SWEEP_SECONDS = 600.0
BATCH = 500

_EXPIRE = """
with next as (
    select e.account_id, e.id
    from session_export e
    where e.status in ('DONE', 'FAILED') and e.expires_at < now()
    limit $1
    for update skip locked
)
update session_export e set status = 'EXPIRED'
from next
where e.account_id = next.account_id and e.id = next.id
"""
_DELETE_FILE = """
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
_DELETE_RECORDS = """
with ended as (
    select e.account_id, e.id
    from session_export e
    where e.status in ('DONE', 'FAILED', 'CANCELLED', 'EXPIRED') and not e.has_chunks
        and coalesce(e.finished_at, e.requested_at) < now() - $2::interval
    limit $1
    for update skip locked
), deliveries as (
    delete from export_delivery d using ended where d.account_id = ended.account_id and d.export_id = ended.id
), downloads as (
    delete from export_download l using ended where l.account_id = ended.account_id and l.export_id = ended.id
)
delete from session_export e using ended where e.account_id = ended.account_id and e.id = ended.id
"""
_DELETE_RUNS = """
delete from export_run r
where r.ctid = any (array(
    select n.ctid from export_run n where n.at < now() - $2::interval limit $1 for update skip locked
))
"""


class Sweeper:
    """Sweeps the exports of all accounts; `run` it in every process until it is cancelled."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._kept = timedelta(days=settings.export_record_days)

    async def run(self) -> None:
        await run_forever(self.sweep, SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Expire files, then delete what has expired, the records that have reached their end, and uncounted runs."""
        await self._repeat(_EXPIRE, BATCH, BATCH)
        await self._repeat(_DELETE_FILE, 1)
        await self._repeat(_DELETE_RECORDS, BATCH, BATCH, self._kept)
        await self._repeat(_DELETE_RUNS, BATCH, BATCH, DAY)

    async def _repeat(self, sql: str, batch: int, *values: object) -> None:
        """Run the statement until it changes fewer rows than a batch."""
        while int((await self._database.execute(sql, *values)).rpartition(" ")[2]) >= batch:
            pass
