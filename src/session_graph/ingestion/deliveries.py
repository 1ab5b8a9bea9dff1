"""The queue of deliveries: what an inlet was delivered waits until a worker has recorded it, or knows why it cannot.

A worker claims some deliveries of one source under a lease: `run_at` is then when they are due again. `claims` is the
fencing token, as for exports. Claims go round by account. Every step is one statement, so a worker that is halted holds
no lock. All times are the database's.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import orjson

from session_graph.errors import Problem
from session_graph.ingestion.sources import Source
from session_graph.sessions.warnings import RecordWarning
from session_graph.settings import Settings
from session_graph.store.background import run_forever
from session_graph.store.database import Database, Row
from session_graph.store.ids import new_id

QUEUE = "session_graph_inlet"
"""The channel that is notified when a delivery is due."""
LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 12
"""With pauses that double, about an hour and a half."""
LONGEST_PAUSE = timedelta(hours=1)
BATCH = 50
BATCH_BYTES = 8 * 1024 * 1024
"""Deliveries are added to a batch until they have so many bytes."""
SWEEP_SECONDS = 600.0
SWEPT = 500
MOST_PROBLEMS = 100
GIVEN_UP = "was given up after {attempts} attempts"

_STORE = f"""
with stored as (
    insert into inlet_delivery as d (account_id, id, source_id, digest, payload)
    values ($1, $2, $3, $4, $5)
    on conflict (account_id, source_id, digest)
    do update set outcome = 'WAITING', run_at = now(), attempts = 0 where d.outcome = 'FAILED'
    returning d.id
)
select stored.id, pg_notify('{QUEUE}', '') from stored
"""
_GIVE_UP = """
with next as (
    select d.account_id, d.id
    from inlet_delivery d
    where d.outcome = 'WAITING' and d.run_at <= now() and d.attempts >= $1
    limit $3
    for update skip locked
)
update inlet_delivery d set outcome = 'FAILED', finished_at = now(), problems = $2
from next
where d.account_id = next.account_id and d.id = next.id
"""
_DUE = "d.outcome = 'WAITING' and d.run_at <= now() and d.attempts < $3"
_CLAIM = f"""
with first as materialized (
    select d.account_id, d.source_id, d.id, d.attempts
    from inlet_delivery d left join inlet_turn t on t.account_id = d.account_id
    where {_DUE}
    order by t.at nulls first, d.run_at, d.id
    limit 1
), next as (
    select d.account_id, d.id, d.run_at, octet_length(d.payload) as size
    from inlet_delivery d join first f on f.account_id = d.account_id and f.source_id = d.source_id
    where {_DUE} and (d.id = f.id or f.attempts = 0 and d.attempts = 0)
    order by d.run_at, d.id
    limit $2
    for update of d skip locked
), fitting as (
    select n.account_id, n.id, sum(n.size) over (order by n.run_at, n.id) - n.size as bytes_before from next n
), turn as (
    insert into inlet_turn (account_id, at) select f.account_id, clock_timestamp() from first f
    on conflict (account_id) do update set at = excluded.at
)
update inlet_delivery d set run_at = now() + $1, attempts = d.attempts + 1, claims = d.claims + 1
from fitting f
where d.account_id = f.account_id and d.id = f.id and f.bytes_before < $4
returning d.account_id, d.id, d.source_id, d.payload, d.received_at, d.attempts, d.claims
"""
_CLAIMED = "d.account_id = $1 and d.id = k.id and d.claims = k.claims and d.outcome = 'WAITING'"
_FINISH = f"""
update inlet_delivery d
set outcome = k.outcome, problems = k.problems, warnings = k.warnings, finished_at = now(),
    session_ids = array(select jsonb_array_elements_text(k.session_ids)::uuid)
from unnest($2::uuid[], $3::integer[], $4::text[], $5::jsonb[], $6::jsonb[], $7::jsonb[])
    k (id, claims, outcome, problems, warnings, session_ids)
where {_CLAIMED}
"""
_RELEASE = f"""
update inlet_delivery d
set run_at = now() + least(k.pause, $5), attempts = d.attempts - $6
from unnest($2::uuid[], $3::integer[], $4::interval[]) k (id, claims, pause)
where {_CLAIMED}
"""
_RETRY = f"""
with due as (
    update inlet_delivery d set outcome = 'WAITING', run_at = now(), attempts = 0
    where d.account_id = $1 and d.source_id = $2 and d.outcome = 'FAILED' and ($3::uuid is null or d.id = $3)
    returning d.id
)
select count(*) as number, pg_notify('{QUEUE}', '') from due
"""
_COUNTS = """
select d.outcome, count(*) as number from inlet_delivery d where d.account_id = $1 and d.source_id = $2 group by 1
"""
_FAILED = """
select d.id, d.received_at, d.problems
from inlet_delivery d
where d.account_id = $1 and d.source_id = $2 and d.outcome = 'FAILED'
order by d.received_at desc, d.id desc
limit $3
"""
_PAYLOAD = "select d.payload from inlet_delivery d where d.account_id = $1 and d.source_id = $2 and d.id = $3"
_SWEEP = """
with old as (
    select d.account_id, d.id
    from inlet_delivery d
    where d.received_at < now() - $2::interval
    limit $1
    for update skip locked
)
delete from inlet_delivery d using old where d.account_id = old.account_id and d.id = old.id
"""


class Outcome(StrEnum):
    """What became of a delivery."""

    WAITING = "WAITING"
    RECORDED = "RECORDED"
    IGNORED = "IGNORED"
    FAILED = "FAILED"


@dataclass(slots=True)
class Ending:
    """How a claimed delivery ended."""

    delivery: Row
    outcome: Outcome = Outcome.RECORDED
    problems: list[Problem] = field(default_factory=list)
    warnings: list[RecordWarning] = field(default_factory=list)
    session_ids: list[UUID] = field(default_factory=list)


async def store_delivery(database: Database, source: Source, payload: bytes) -> bool:
    """Store the payload for a worker; return False if the inlet has it already. One that failed is due again."""
    digest = hashlib.sha256(payload).digest()
    return await database.fetchrow(_STORE, source.account_id, new_id(), source.id, digest, payload) is not None


async def claim(database: Database) -> list[Row]:
    """Claim the next deliveries, all of one source; one alone if it has failed to end before.

    A batch is not larger than BATCH_BYTES, but for its last delivery.
    """
    problem = _dump_problems([Problem((), GIVEN_UP.format(attempts=MOST_ATTEMPTS))])
    await database.execute(_GIVE_UP, MOST_ATTEMPTS, problem, SWEPT)
    return await database.fetch(_CLAIM, LEASE, BATCH, MOST_ATTEMPTS, BATCH_BYTES)


async def finish(database: Database, endings: Sequence[Ending]) -> None:
    """Store how claimed deliveries of one account ended; those of which the lease is lost stay as they are."""
    rows = [each.delivery for each in endings]
    await database.execute(
        _FINISH,
        rows[0]["account_id"],
        [row["id"] for row in rows],
        [row["claims"] for row in rows],
        [each.outcome.value for each in endings],
        [_dump_problems(each.problems) for each in endings],
        [_dump_warnings(each.warnings) for each in endings],
        [orjson.dumps([str(id_) for id_ in each.session_ids]).decode() for each in endings],
    )


async def release(database: Database, rows: Sequence[Row], *, refund_attempt: bool = False) -> None:
    """Let claimed deliveries of one account be due again: at once if the attempt is refunded, else after a pause.

    The pause doubles with each attempt.
    """
    pauses = [timedelta(0) if refund_attempt else timedelta(seconds=2 ** row["attempts"]) for row in rows]
    ids, claims = [row["id"] for row in rows], [row["claims"] for row in rows]
    await database.execute(_RELEASE, rows[0]["account_id"], ids, claims, pauses, LONGEST_PAUSE, int(refund_attempt))


async def retry_failed(database: Database, source: Source, id_: UUID | None = None) -> int:
    """Let the source's failed deliveries, or one of them, be due again. Return their number."""
    row = await database.fetchrow(_RETRY, source.account_id, source.id, id_)
    assert row is not None
    number: int = row["number"]
    return number


async def count_outcomes(database: Database, source: Source) -> dict[Outcome, int]:
    """Return how many of the deliveries that are kept have each outcome."""
    rows = await database.fetch(_COUNTS, source.account_id, source.id)
    return {Outcome(row["outcome"]): row["number"] for row in rows}


async def list_failed(database: Database, source: Source, limit: int) -> list[Row]:
    """Return id, time and problems of the newest failed deliveries."""
    return await database.fetch(_FAILED, source.account_id, source.id, limit)


async def find_payload(database: Database, source: Source, id_: UUID) -> bytes | None:
    row = await database.fetchrow(_PAYLOAD, source.account_id, source.id, id_)
    return bytes(row["payload"]) if row else None


class DeliverySweeper:
    """Deletes old deliveries of all accounts; `run` it in every process until it is cancelled."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._kept = timedelta(days=settings.inlet_days)

    async def run(self) -> None:
        await run_forever(self.sweep, SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Delete what is older than the setting, a batch at a time."""
        while int((await self._database.execute(_SWEEP, SWEPT, self._kept)).rpartition(" ")[2]) >= SWEPT:
            pass


def _dump_problems(problems: Sequence[Problem]) -> str:
    shown = [{"path": [str(part) for part in each.path], "message": str(each)} for each in problems[:MOST_PROBLEMS]]
    return orjson.dumps(shown).decode()


def _dump_warnings(warnings: Sequence[RecordWarning]) -> str:
    shown = [
        {"path": [str(part) for part in each.path], "code": each.code, "message": str(Problem(each.path, each.message))}
        for each in warnings[:MOST_PROBLEMS]
    ]
    return orjson.dumps(shown).decode()
