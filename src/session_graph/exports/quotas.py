"""How often exports may be queued in a day: of an account, by a key or the subject of tokens, and one of them again.

A retry writes and sends like a request, so it counts like one. The caller holds the lock of the account
(`lock_account`) until its commit, so that each sees the runs of the others. All times are the database's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.errors import LimitReached, Problem
from session_graph.settings import Settings
from session_graph.store.database import Connection

DAY = timedelta(days=1)

_LOCK_ACCOUNT = "select from account a where a.id = $1 for no key update"
_RUN = "select r.at, r.at + $2::interval as until, clock_timestamp() as now from export_run r"
_SINCE = "r.account_id = $1 and r.at > now() - $2::interval"
_RECORD = (
    "insert into export_run (account_id, export_id, identity, at, is_retry) values ($1, $2, $3, clock_timestamp(), $4)"
)


@dataclass(frozen=True, slots=True)
class _Quota:
    """At most `most` runs, of those that meet the condition, in a day. `message` says which limit it is."""

    condition: str
    values: tuple[object, ...]
    most: int
    message: str


async def lock_account(connection: Connection, account_id: UUID) -> None:
    """Make the requests and retries of an account wait for each other until the commit."""
    await connection.execute(_LOCK_ACCOUNT, account_id)


async def count_run(
    connection: Connection, viewer: Viewer, settings: Settings, export_id: UUID, *, is_retry: bool
) -> None:
    """Count that the viewer has the export queued.

    Raises LimitReached, which says which limit it is and when it ends, if that is one too many.
    """
    for quota in _quotas(viewer, settings, export_id if is_retry else None):
        await _check(connection, viewer.account.id, quota)
    await connection.execute(_RECORD, viewer.account.id, export_id, viewer.identity, is_retry)


def _quotas(viewer: Viewer, settings: Settings, retried_id: UUID | None) -> Iterator[_Quota]:
    who = "This key" if viewer.key_id else "The subject of this token"
    if retried_id:
        most = settings.export_retries_per_day
        yield _Quota("r.export_id = $4 and r.is_retry", (retried_id,), most, f"This export was retried {most:,} times")
    most = settings.exports_per_key_per_day
    yield _Quota("r.identity = $4", (viewer.identity,), most, f"{who} has requested {most:,} exports")
    most = settings.exports_per_day
    yield _Quota("true", (), most, f"The account has requested {most:,} exports")


async def _check(connection: Connection, account_id: UUID, quota: _Quota) -> None:
    """Raise LimitReached if the runs of the last day have reached the quota."""
    oldest = await connection.fetchrow(
        f"{_RUN} where {_SINCE} and {quota.condition} order by r.at desc offset $3 limit 1",
        *(account_id, DAY, quota.most - 1, *quota.values),
    )
    if oldest is None:
        return
    until: datetime = oldest["until"]
    message = f"{quota.message} in 24 hours, retries included; the next is possible at {until:%Y-%m-%d %H:%M:%S} UTC"
    raise LimitReached([Problem((), message, retry_after=ceil((until - oldest["now"]).total_seconds()))])
