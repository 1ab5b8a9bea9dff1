"""Changes of an export by those who may see it: it is cancelled, retried, or the link of one recipient is revoked."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.viewer import Role, Viewer
from session_graph.errors import InvalidInput, NotFound
from session_graph.exports.jobs import PROGRESS
from session_graph.exports.quotas import count_run, lock_account
from session_graph.exports.requester_rights import dump_retrier
from session_graph.exports.requests import QUEUE, ExportStatus, find_export
from session_graph.exports.scope import columns_read, scope_exports
from session_graph.sessions.parameters import Parameters
from session_graph.settings import Settings
from session_graph.store.database import Connection, Database, Row

RETRIED = frozenset({ExportStatus.FAILED, ExportStatus.CANCELLED, ExportStatus.EXPIRED})
REVOKED = "The link of this recipient was revoked."

_CANCEL = f"""
with cancelled as (
    update session_export e set status = 'CANCELLED', lease_until = null, finished_at = now(), expires_at = null
    where e.account_id = $1 and e.id = $2
        and (e.status in ('QUEUED', 'RUNNING', 'SENDING', 'DONE') or e.status = 'FAILED' and e.file_claim is not null)
    returning e.account_id, e.id
), links as (
    update export_delivery d set link_expires_at = least(d.link_expires_at, now())
    from cancelled c
    where d.account_id = c.account_id and d.export_id = c.id and d.status = 'ACCEPTED'
)
select pg_notify('{QUEUE}', ''), pg_notify('{PROGRESS}', c.id::text) from cancelled c
"""
_TO_SEND = """
select d.recipient from export_delivery d
where d.account_id = $1 and d.export_id = $2 and d.status <> 'ACCEPTED' and d.link_expires_at is null
"""
_RETRY = f"""
with queued as (
    update session_export e
    set status = 'QUEUED', attempts = 0, run_at = now(), error = null, finished_at = null, expires_at = null,
        as_of = null, row_count = null, rows_written = 0, bytes = null, sha256 = null, file_claim = null,
        requester = $4, reads = $5
    where e.account_id = $1 and e.id = $2
    returning e.account_id, e.id
), sent as (
    update export_delivery d set link_expires_at = least(d.link_expires_at, $3)
    from queued q
    where d.account_id = q.account_id and d.export_id = q.id and d.status = 'ACCEPTED'
), unsent as (
    update export_delivery d set status = 'WAITING', attempts = 0, run_at = now(), error = null
    from queued q
    where d.account_id = q.account_id and d.export_id = q.id and d.status <> 'ACCEPTED' and d.link_expires_at is null
)
select pg_notify('{QUEUE}', ''), pg_notify('{PROGRESS}', q.id::text) from queued q
"""
_REVOKE = f"""
with revoked as (
    update export_delivery d
    set link_expires_at = least(d.link_expires_at, now()),
        status = case d.status when 'WAITING' then 'REFUSED' else d.status end,
        error = case d.status when 'WAITING' then $4 else d.error end
    where d.account_id = $1 and d.export_id = $2 and d.recipient = $3
    returning d.export_id
)
select pg_notify('{PROGRESS}', r.export_id::text) from revoked r
"""


async def cancel_export(database: Database, viewer: Viewer, export_id: UUID) -> bool:
    """Cancel an export, or withdraw one that is done: its file and all its links end at once.

    Return False if the viewer has no export of this id.
    """
    if await find_export(database, viewer, export_id) is None:
        return False
    await database.fetchrow(_CANCEL, viewer.account.id, export_id)
    return True


async def retry_export(database: Database, viewer: Viewer, settings: Settings, export_id: UUID) -> bool:
    """Queue an export again if it failed, was cancelled or expired, with the rights that the viewer has now.

    Recipients that accepted it get no second message, and their links end when they would have ended; those whose link
    was revoked get none at all. Return False if the viewer has no export of this id. Raises LimitReached, and
    InvalidInput if it has formulas as they are and would be sent to others than who answers for it.
    """
    async with database.transaction() as connection:
        await lock_account(connection, viewer.account.id)
        export = await _find_to_change(connection, viewer, export_id)
        if export is None:
            return False
        if export["status"] not in RETRIED:
            return True
        text = dump_retrier(viewer, export)
        requester = orjson.loads(text)
        if not export["escape_formulas"]:
            await _check_recipients(connection, export, requester)
        await count_run(connection, viewer, settings, export_id, is_retry=True)
        stored_filter = orjson.loads(export["stored_filter"])
        reads = columns_read(Role(requester["role"]), stored_filter, export["order_field"], export["columns"])
        await connection.fetchrow(_RETRY, viewer.account.id, export_id, export["expires_at"], text, reads)
    return True


async def revoke_link(database: Database, viewer: Viewer, export_id: UUID, recipient: str) -> bool:
    """End the link in the mail to one recipient; a message that waits is not sent.

    Return False if the viewer has no export of this id. Raises NotFound if it has no such recipient.
    """
    if await find_export(database, viewer, export_id) is None:
        return False
    address = recipient.strip().lower()
    if await database.fetchrow(_REVOKE, viewer.account.id, export_id, address, REVOKED) is None:
        raise NotFound.at("is not a recipient of this export", ["recipient"])
    return True


async def _find_to_change(connection: Connection, viewer: Viewer, export_id: UUID) -> Row | None:
    values = Parameters(viewer.account.id)
    condition = f"{scope_exports(viewer, values)} and e.id = {values.bind(export_id)}"
    return await connection.fetchrow(
        f"select e.* from session_export e where {condition} for no key update of e", *values
    )


async def _check_recipients(connection: Connection, export: Row, requester: Mapping[str, Any]) -> None:
    """Raise InvalidInput unless what is to be sent goes to the requester's own address alone."""
    rows = await connection.fetch(_TO_SEND, export["account_id"], export["id"])
    if {row["recipient"] for row in rows} - {(requester["email"] or "").lower()}:
        raise InvalidInput.at("has formulas as they are, and would be sent to others than its requester", ["id"])
