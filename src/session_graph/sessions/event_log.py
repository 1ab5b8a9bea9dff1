"""The event log of sessions, an outbox: events are written in the transaction that records or changes the sessions.

Events are in the order of their transactions' numbers, and are read only once no older transaction is running. After
that no event can appear before them, so a reader that continues after a position has seen everything before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from session_graph.errors import BadUserInput
from session_graph.store.database import Connection, Database

CHANNEL = "session_graph_sessions"
"""Notifies that an account has new events; the payload is its id."""

MAX_BIGINT = 2**63 - 1
GRACE = timedelta(hours=1)
"""Events are kept this much longer than cursors are accepted: a transaction may be older than its number."""
SWEEP_SECONDS = 600.0
SWEEP_BATCH = 5_000

_WRITE = "insert into session_event (account_id, session_id, kind) select $1, s.id, $3 from unnest($2::uuid[]) s (id)"
_NOTIFY = "select pg_notify($1, $2)"
_CURRENT = "select pg_snapshot_xmin(pg_current_snapshot()) as xid, now() as at"
_IS_EXPIRED = "select $1 < now() - $2::interval or $3::xid8 >= pg_snapshot_xmax(pg_current_snapshot())"
_READ = """
select e.xid, e.seq, e.at, e.session_id, e.kind, e.xid < pg_snapshot_xmin(n.snapshot) as is_settled
from session_event e cross join pg_current_snapshot() n (snapshot)
where e.account_id = $1 and (e.xid, e.seq) > ($2::xid8, $3::bigint) and e.xid < pg_snapshot_xmax(n.snapshot)
order by e.xid, e.seq
limit $4
"""
_SWEEP = """
delete from session_event e
where e.ctid = any(array(
    select o.ctid from session_event o where o.at < now() - $1::interval order by o.at limit $2 for update skip locked
))
"""
"""Deletes by ctid, because by key the server reads the whole log for each batch."""


class EventKind(StrEnum):
    """The kind of an event of a session.

    LEFT is never in the log. It is a change after which the session is outside a subscriber's filter, whether it was
    inside before or not.
    """

    RECORDED = "RECORDED"
    CHANGED = "CHANGED"
    LEFT = "LEFT"


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The position after the event of this number in an account's log. `at` is when the event's transaction began."""

    xid: int
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    position: LogPosition
    session_id: UUID
    kind: EventKind


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in log order.

    `has_unsettled` if there are more that wait for an older transaction to end; `is_full` if more can be read at once.
    """

    events: Sequence[Event]
    has_unsettled: bool
    is_full: bool


async def write_events(connection: Connection, account_id: UUID, kind: EventKind, session_ids: Sequence[UUID]) -> None:
    """Log what the connection's transaction does to these sessions; listeners are notified when it commits.

    PostgreSQL delivers equal notifications of one transaction once.
    """
    if session_ids:
        await connection.execute(_WRITE, account_id, session_ids, kind)
        await connection.execute(_NOTIFY, CHANNEL, str(account_id))


async def current_position(database: Database) -> LogPosition:
    """Return a position that all transactions that commit from now on come after."""
    row = await database.fetchrow(_CURRENT)
    assert row is not None
    return LogPosition(row["xid"] - 1, MAX_BIGINT, row["at"])


async def check_position(database: Database, position: LogPosition, retention: timedelta) -> None:
    """Raises BadUserInput if events after the position may be deleted already, or it is of another database's log."""
    row = await database.fetchrow(_IS_EXPIRED, position.at, retention, position.xid)
    if row is None or row[0]:
        raise BadUserInput("is older than the events that are kept; read the list again", ["after"])


async def read_events(database: Database, account_id: UUID, after: LogPosition, limit: int) -> Batch:
    """Return at most `limit` events after the position."""
    rows = await database.fetch(_READ, account_id, after.xid, after.seq, limit)
    settled = [row for row in rows if row["is_settled"]]  # all of these come first, as they are in order
    events = [
        Event(LogPosition(row["xid"], row["seq"], row["at"]), row["session_id"], EventKind(row["kind"]))
        for row in settled
    ]
    return Batch(events, has_unsettled=len(settled) < len(rows), is_full=len(settled) == limit)


async def sweep_events(database: Database, retention: timedelta) -> int:
    """Delete older events, SWEEP_BATCH in each statement, and return how many. Processes may sweep at the same time."""
    count = 0
    while True:
        done = int((await database.execute(_SWEEP, retention + GRACE, SWEEP_BATCH)).removeprefix("DELETE "))
        count += done
        if done < SWEEP_BATCH:
            return count
