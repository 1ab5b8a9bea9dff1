"""The event log of sessions, an outbox: events are written in the transaction that records or changes the sessions.

Events are in the order of their transactions' numbers, and are read only once no older transaction is running. After
that no event can appear before them, so a reader that continues after a position has seen everything before it.
The newest event of each session stays for good, so a position never expires.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from session_graph.sessions.event_history import (
    IDENTITY,
    IS_CURRENT,
    MAX_BIGINT,
    NEWEST,
    LogPosition,
    check_position,
    newest_event,
    register_history,
)
from session_graph.settings import Settings
from session_graph.store.background import run_forever
from session_graph.store.database import Connection, Database, Row

CHANNEL = "session_graph_sessions"
"""Notifies that an account has new events; the payload is its id."""

COMPACTION_SECONDS = 600.0
COMPACTION_BATCH = 1_000
_ATTEMPTS = 5

_WRITE = f"""
insert into session_event (account_id, history, session_id, kind)
select $1, h.number, s.id, $3
from unnest($2::uuid[]) s (id) cross join ({NEWEST}) h
where h.identity = {IDENTITY}
"""
_NOTIFY = "select pg_notify($1, $2)"
_NOW = f"""
select n.xmin, n.xmax, n.is_standby, h.number, h.id, {IS_CURRENT} as is_current
from (
    select pg_snapshot_xmin(s.snapshot), pg_snapshot_xmax(s.snapshot), pg_is_in_recovery()
    from pg_current_snapshot() s (snapshot)
) n (xmin, xmax, is_standby)
left join ({NEWEST}) h on true
"""
_CURRENT = f"select h.*, {newest_event('h.xmin')} as newest from ({_NOW}) h"
_READ = f"""
with now as materialized ({_NOW})
select n.*, a.number as after_number, a.settled as after_settled, f.id as first_id,
    e.history, e.history_id, e.xid, e.seq, e.session_id, e.kind,
    e.history < n.number or e.xid < n.xmin as is_settled
from now n
left join event_history f on f.number = 1
left join event_history a on a.id = $2 and a.number = $3
left join lateral (
    select e.history, h.id as history_id, e.xid, e.seq, e.session_id, e.kind
    from session_event e join event_history h on h.number = e.history
    where e.account_id = $1 and (e.history, e.xid, e.seq) > ($3, $4::xid8, $5::bigint)
        and (e.history < n.number or e.xid < n.xmax)
    order by e.history, e.xid, e.seq
    limit $6
) e on true
order by e.history, e.xid, e.seq
"""

_PROGRESS = "select c.history, c.xid, c.seq from event_compaction c for update skip locked"
_ALONG_THE_INDEX = (
    "set local enable_seqscan = off",
    "set local enable_hashjoin = off",
    "set local enable_mergejoin = off",
)
_COMPACT = f"""
with now as materialized ({_NOW}),
batch as materialized (
    select e.* from now n cross join lateral (
        select e.account_id, e.session_id, e.history, e.xid, e.seq, e.at
        from session_event e
        where (e.history::integer, e.xid, e.seq) > ($1::integer, $2::xid8, $3::bigint)
            and (e.history < n.number or e.xid < n.xmin)
        order by e.history::integer, e.xid, e.seq
        limit $5
    ) e
),
aged as materialized (
    select b.*, bool_and(b.at < now() - $4::interval) over (order by b.history, b.xid, b.seq) as is_old from batch b
),
newest as materialized (
    select distinct on (o.account_id, o.session_id) o.*
    from aged o where o.is_old
    order by o.account_id, o.session_id, o.history desc, o.xid desc, o.seq desc
),
gone as (
    delete from session_event e using newest n
    where e.account_id = n.account_id and e.session_id = n.session_id
        and (e.history, e.xid, e.seq) < (n.history, n.xid, n.seq)
    returning 1
)
select o.history, o.xid, o.seq, (select count(*) from gone) as gone,
    (select count(*) from aged a where a.is_old) as seen
from aged o where o.is_old order by o.history desc, o.xid desc, o.seq desc limit 1
"""
_ADVANCE = "update event_compaction set history = $1, xid = $2::xid8, seq = $3"


class EventKind(StrEnum):
    """The kind of an event of a session.

    RECORDED and CHANGED are in the log. LEFT is a change after which the session is outside a reader's filter, whether
    it was inside before or not. CHECKPOINT is of no session: it says where a subscription stands.
    """

    RECORDED = "RECORDED"
    CHANGED = "CHANGED"
    LEFT = "LEFT"
    CHECKPOINT = "CHECKPOINT"


@dataclass(frozen=True, slots=True)
class Event:
    position: LogPosition
    session_id: UUID
    kind: EventKind


@dataclass(frozen=True, slots=True)
class Batch:
    """Settled events in log order, and the position after them.

    `has_unsettled` if there are more that wait for an older transaction to end; `has_more` if more can be read at once.
    """

    events: Sequence[Event]
    end: LogPosition
    has_unsettled: bool
    has_more: bool


async def write_events(connection: Connection, account_id: UUID, kind: EventKind, session_ids: Sequence[UUID]) -> None:
    """Log what the connection's transaction does to these sessions; listeners are notified when it commits.

    The first transaction on another server begins a history. PostgreSQL delivers equal notifications of one
    transaction once.
    """
    if session_ids:
        await _write(connection, account_id, kind, session_ids)
        await connection.execute(_NOTIFY, CHANNEL, str(account_id))


async def current_position(database: Database) -> LogPosition:
    """Return a position that all transactions that commit from now on come after.

    It is the position after the newest settled event of all accounts.
    """
    (row,) = await _fetch_current(database, _CURRENT)
    return LogPosition(row["number"], row["id"], row["newest"] or 0, MAX_BIGINT)


async def read_events(database: Database, account_id: UUID, after: LogPosition | None, limit: int) -> Batch:
    """Return at most `limit` events after the position, or from the beginning. One statement.

    Raises PositionLost if events before the position may be lost, and ReplicaBehind if a standby does not have them.
    """
    start = (after.history, after.number, after.xid, after.seq) if after else (None, 0, 0, 0)
    rows = await _fetch_current(database, _READ, account_id, *start, limit + 1)
    if after:
        check_position(after, rows[0])
    settled = [row for row in rows if row["is_settled"] and row["seq"] is not None]  # these come first
    events = [
        Event(
            LogPosition(row["history"], row["history_id"], row["xid"], row["seq"]),
            row["session_id"],
            EventKind(row["kind"]),
        )
        for row in settled[:limit]
    ]
    end = events[-1].position if events else after or LogPosition(1, rows[0]["first_id"], 0, 0)
    has_unsettled = rows[-1]["seq"] is not None and not rows[-1]["is_settled"]
    return Batch(events, end, has_unsettled, has_more=len(settled) > limit)


class EventCompactor:
    """Compacts the event log of all accounts; `run` it in every process until it is cancelled."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._retention = timedelta(hours=settings.event_hours)

    async def run(self) -> None:
        await run_forever(self.compact, COMPACTION_SECONDS)

    async def compact(self) -> None:
        await compact_events(self._database, self._retention)


async def compact_events(database: Database, retention: timedelta) -> int:
    """Delete the events that are followed by another event of their session which is older than the retention.

    Examines each event once, in log order, COMPACTION_BATCH in each transaction. Several processes may do it at the
    same time: one works, the others return. Return how many events were deleted.
    """
    count = 0
    while True:
        seen, gone = await _compact_batch(database, retention)
        count += gone
        if seen < COMPACTION_BATCH:
            return count


async def _compact_batch(database: Database, retention: timedelta) -> tuple[int, int]:
    """Return how many events were examined, and how many were deleted."""
    async with database.transaction() as connection:
        progress = await connection.fetchrow(_PROGRESS)
        if progress is None:
            return 0, 0
        for setting in _ALONG_THE_INDEX:
            await connection.execute(setting)
        row = await connection.fetchrow(_COMPACT, *progress.values(), retention, COMPACTION_BATCH)
        if row is None:
            return 0, 0
        await connection.execute(_ADVANCE, row["history"], row["xid"], row["seq"])
        return row["seen"], row["gone"]


async def _write(connection: Connection, account_id: UUID, kind: EventKind, session_ids: Sequence[UUID]) -> None:
    for _ in range(_ATTEMPTS):
        if await connection.execute(_WRITE, account_id, session_ids, kind) != "INSERT 0 0":
            return
        await register_history(connection)
    raise RuntimeError("no history of the event log is current")


async def _fetch_current(database: Database, sql: str, *parameters: object) -> list[Row]:
    """Return the rows of a statement that reads `_NOW`, once the current history has begun."""
    for _ in range(_ATTEMPTS):
        rows = await database.fetch(sql, *parameters)
        if rows[0]["is_current"]:
            return rows
        await register_history(database)
    raise RuntimeError("no history of the event log is current")
