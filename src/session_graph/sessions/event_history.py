"""The histories of the event log: positions are compared only with events of the same server's past.

Transaction numbers mean something only on the server that assigned them. Each event therefore names its history: a row
of `event_history`, which begins when the first event is written on another server, after a promotion, or after the
tables were restored. Events are in the order (history, xid, seq). Older histories are complete.

`settled` is the mark of a history: a copy of the database that has the mark has every event of that history with a
lower transaction number. A reader beyond the mark of a history that has ended may have seen what the copy has lost.
The events that the copy has beyond the mark become the first ones of its own history, so that whoever reads them there
is not beyond the mark again.
"""

from dataclasses import dataclass

from session_graph.errors import TryLater
from session_graph.store.database import Connection, Database, Row

MAX_BIGINT = 2**63 - 1
MARK_SECONDS = 1.0

IDENTITY = """
(select c.system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || d.oid || '/'
     || 'event_history'::regclass::oid
 from pg_control_system() c join pg_database d on d.datname = current_database())
"""
"""The cluster, its timeline, the database, and the table: `pg_restore --clean` changes only the last. Not on a standby.

The timeline comes from the name of a WAL file, as pg_control_checkpoint still has the old one after a promotion.
"""
NEWEST = "select h.number, h.id, h.identity, h.settled from event_history h order by h.number desc limit 1"
IS_CURRENT = f"case when pg_is_in_recovery() then true else h.identity = {IDENTITY} end"


def newest_event(xmin: str) -> str:
    """Return the SQL of the number of the transaction of the newest settled event of all accounts in history `h`."""
    return (
        "(select e.xid from session_event e where e.history::integer = h.number"
        f" and e.xid < {xmin} order by e.xid desc limit 1)"
    )


_REGISTER = f"""
with begun as (
    insert into event_history (number, identity, settled)
    select coalesce(h.number, 0) + 1, i.identity, pg_snapshot_xmin(pg_current_snapshot())
    from (select {IDENTITY}) i (identity) left join ({NEWEST}) h on true
    where h.identity is distinct from i.identity
    on conflict (number) do nothing
    returning number
)
update session_event e set history = b.number, xid = pg_current_xact_id()
from begun b join event_history h on h.number = b.number - 1
where e.history::integer = h.number and e.xid >= h.settled
"""
_STATE = f"""
select h.number, pg_is_in_recovery() as is_standby, {IS_CURRENT} as is_current,
    {newest_event("pg_snapshot_xmin(pg_current_snapshot())")} >= h.settled as has_newer
from (select) one left join ({NEWEST}) h on true
"""
_MARK = """
update event_history h set settled = pg_snapshot_xmin(pg_current_snapshot())
where h.number = $1 and h.settled < pg_snapshot_xmin(pg_current_snapshot())
"""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The position after the event with these numbers. `history` is the id of the history with this number."""

    number: int
    history: str
    xid: int
    seq: int


class PositionLost(Exception):
    """Events before the position may have been lost with an earlier server. Nothing up to `safe` has been lost.

    `safe` is None if nothing is known of the position's history.
    """

    def __init__(self, safe: LogPosition | None) -> None:
        super().__init__("the position is not of this server's history")
        self.safe = safe


class ReplicaBehind(TryLater):
    """This replica of the database has not reached the cursor yet; try again."""

    code = "UNAVAILABLE"
    status = 503


async def register_history(connection: Connection | Database) -> None:
    """Begin a new history if the newest one is of another server. Not on a standby.

    If another transaction does the same, wait for its end.
    """
    await connection.execute(_REGISTER)


async def mark_settled(database: Database) -> None:
    """Move the mark of the current history past its events, or begin the history. On a standby, do nothing."""
    row = await database.fetchrow(_STATE)
    assert row is not None
    if row["is_standby"]:
        return
    if not row["is_current"]:
        await register_history(database)
    elif row["has_newer"]:
        await database.execute(_MARK, row["number"])


def check_position(after: LogPosition, row: Row) -> None:
    """Raise PositionLost if events before the position may be lost, ReplicaBehind if a standby does not have them yet.

    `row` has the current history (`number`), the position's (`after_number`, `after_settled`), and `xmax`.
    """
    number, settled = row["after_number"], row["after_settled"]
    if number == row["number"]:
        is_known, is_ahead = True, after.xid >= row["xmax"]
    else:
        is_known, is_ahead = number is not None, number is not None and after.xid >= settled
    if is_known and not is_ahead:
        return
    if row["is_standby"] and (number is None or number == row["number"]):
        raise ReplicaBehind(retry_after=1)
    raise PositionLost(LogPosition(number, after.history, settled - 1, MAX_BIGINT) if is_known else None)
