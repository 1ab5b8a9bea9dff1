"""Deliveries as an ADMIN sees them: pages of them, newest first, and their payloads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from session_graph.ingestion.deliveries import QUEUE, Outcome
from session_graph.sessions.parameters import Parameters
from session_graph.store.database import Database, Row

MAX_PAYLOAD = 100_000
"""How many bytes of a payload are shown: a page of the largest ones is bounded too."""

_COLUMNS = """
d.account_id, d.id, s.name as source, d.received_at, d.outcome, d.attempts, d.finished_at, d.session_ids, d.problems,
d.warnings, length(d.payload) as payload_bytes
"""
_FROM = "from inlet_delivery d join source s on s.account_id = d.account_id and s.id = d.source_id"
_PAYLOADS = """
select d.id, substring(d.payload from 1 for $3) as payload
from inlet_delivery d where d.account_id = $1 and d.id = any($2)
"""
_RETRY = f"""
with due as (
    update inlet_delivery d set outcome = 'WAITING', run_at = now(), attempts = 0
    where d.account_id = $1 and d.id = $2 and d.outcome = 'FAILED'
    returning d.id
)
select due.id, pg_notify('{QUEUE}', '') from due
"""


@dataclass(frozen=True, slots=True)
class DeliveryListRequest:
    """A page of the deliveries of these sources and outcomes; None for all. `after` is the last one of the page before.

    A position is `received_at` and id.
    """

    size: int
    after: tuple[datetime, UUID] | None = None
    sources: Sequence[str] | None = None
    outcomes: Sequence[Outcome] | None = None


async def list_deliveries(database: Database, account_id: UUID, request: DeliveryListRequest) -> list[Row]:
    """Return the deliveries, newest first: up to `size`, and one more if there are more."""
    values = Parameters(account_id)
    conditions = [f"d.account_id = {values.account}"]
    if request.sources is not None:
        conditions.append(f"s.name = any({values.bind(list(request.sources))})")
    if request.outcomes is not None:
        conditions.append(f"d.outcome = any({values.bind([outcome.value for outcome in request.outcomes])})")
    if request.after:
        received_at, id_ = request.after
        conditions.append(f"(d.received_at, d.id) < ({values.bind(received_at)}, {values.bind(id_)}::uuid)")
    order = f"order by d.received_at desc, d.id desc limit {values.bind(request.size + 1)}"
    return await database.fetch(f"select {_COLUMNS} {_FROM} where {' and '.join(conditions)} {order}", *values)


async def find_deliveries(database: Database, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Return the account's deliveries with these ids, by id; one statement."""
    sql = f"select {_COLUMNS} {_FROM} where d.account_id = $1 and d.id = any($2)"
    return {row["id"]: row for row in await database.fetch(sql, account_id, list(ids))}


async def read_payloads(database: Database, account_id: UUID, ids: Sequence[UUID]) -> list[str | None]:
    """Return the first MAX_PAYLOAD bytes of each payload as text, in one statement; bytes that are no text become
    U+FFFD."""
    rows = await database.fetch(_PAYLOADS, account_id, list(ids), MAX_PAYLOAD)
    found = {row["id"]: bytes(row["payload"]).decode("utf-8", "replace") for row in rows}
    return [found.get(id_) for id_ in ids]


async def retry_delivery(database: Database, account_id: UUID, delivery_id: UUID) -> None:
    """Let a delivery that failed be due again; any other stays as it is."""
    await database.fetchrow(_RETRY, account_id, delivery_id)
