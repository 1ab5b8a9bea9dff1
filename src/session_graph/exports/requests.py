"""Requests for exports: their checks, the row that is the job, and who may see, cancel and retry it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.viewer import Role, Viewer
from session_graph.errors import AlreadyThere, InvalidInput, LimitReached, Problem
from session_graph.exports.csv_columns import DEFAULT_COLUMNS
from session_graph.exports.jobs import PROGRESS
from session_graph.exports.recipients import find_unlisted
from session_graph.parsing import at_path, check_email, check_text
from session_graph.sessions.agents import list_agents
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.ordering import Order
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.stored_filter import dump_filter
from session_graph.settings import Settings
from session_graph.store.database import Connection, Database, Row
from session_graph.store.ids import new_id
from session_graph.zones import check_time_zone

QUEUE = "session_graph_exports"
"""The channel on which workers are woken."""
LOCAL = "local"
"""The time zone label of an export whose agents have different zones: each session is in its agent's."""
MOST_KEY_CHARACTERS = 200
DAY = timedelta(days=1)


class ExportStatus(StrEnum):
    """The state of an export."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SENDING = "SENDING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class DeliveryStatus(StrEnum):
    """The state of the message to one recipient."""

    WAITING = "WAITING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A request as the caller sent it, `filter` unparsed; the filter's period counts back from `now`."""

    filter: Mapping[str, Any]
    now: datetime
    order: Order
    columns: Sequence[str] | None
    recipients: Sequence[str] | None
    time_zone: str | None
    escape_formulas: bool
    idempotency_key: str | None


_INSERT = """
insert into session_export (
    account_id, id, requested_at, requested_by, identity, requester, stored_filter, filter_now, order_field, direction,
    columns, time_zone, time_zone_label, escape_formulas, idempotency_key, content_hash, status, run_at
)
values ($1, $2, $7, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'QUEUED', now())
"""
_LOCK_ACCOUNT = "select from account a where a.id = $1 for no key update"
"""Serializes an account's requests, so that each sees the others in the quota and by their idempotency keys."""
_COUNT_RECENT = """
select count(*) from session_export e where e.account_id = $1 and e.requested_at > now() - $2::interval
"""
_INSERT_DELIVERIES = """
insert into export_delivery (account_id, export_id, recipient, status, run_at)
select $1, $2, r.recipient, 'WAITING', now() from unnest($3::text[]) r (recipient)
"""
_FIND_BY_KEY = """
select e.id, e.content_hash from session_export e
where e.account_id = $1 and e.identity = $2 and e.idempotency_key = $3
"""
_CANCEL = f"""
update session_export e set status = 'CANCELLED', lease_until = null, finished_at = now(), expires_at = null
where e.account_id = $1 and e.id = $2 and e.status in ('QUEUED', 'RUNNING', 'SENDING')
returning pg_notify('{QUEUE}', ''), pg_notify('{PROGRESS}', e.id::text)
"""
_RETRY = f"""
with queued as (
    update session_export e
    set status = 'QUEUED', attempts = 0, run_at = now(), error = null, finished_at = null, expires_at = null,
        as_of = null, row_count = null, rows_written = 0, bytes = null, sha256 = null, file_claim = null
    where e.account_id = $1 and e.id = $2 and e.status in ('FAILED', 'CANCELLED', 'EXPIRED')
    returning e.account_id, e.id
), deliveries as (
    update export_delivery d set status = 'WAITING', attempts = 0, run_at = now(), error = null
    from queued q
    where d.account_id = q.account_id and d.export_id = q.id and d.status <> 'ACCEPTED'
)
select pg_notify('{QUEUE}', ''), pg_notify('{PROGRESS}', q.id::text) from queued q
"""


async def request_export(database: Database, viewer: Viewer, settings: Settings, request: ExportRequest) -> UUID:
    """Queue an export and return its id. A repeated idempotency key returns the first export's id.

    Raises InvalidInput, LimitReached, or AlreadyThere if the key was used for a different export.
    """
    columns = _choose_columns(viewer, request.columns)
    recipients = await _choose_recipients(viewer, settings, request.recipients)
    zone, label = await _choose_zone(viewer, request.time_zone)
    key = _check_key(request.idempotency_key)
    filter_ = dump_filter(request.filter)
    order = (request.order.field.name, request.order.direction.value)
    content = orjson.dumps([filter_, order, columns, recipients, request.time_zone, request.escape_formulas])
    content_hash = hashlib.sha256(content).digest()
    async with database.transaction() as connection:
        await connection.execute(_LOCK_ACCOUNT, viewer.account.id)
        if key is not None and (earlier := await _find_earlier(connection, viewer, key, content_hash)):
            return earlier
        await _check_quota(connection, viewer, settings)
        export_id = new_id()
        await connection.execute(
            _INSERT,
            viewer.account.id,
            export_id,
            viewer.author,
            viewer.identity,
            _dump_requester(viewer),
            filter_,
            request.now,
            *order,
            columns,
            zone,
            label,
            request.escape_formulas,
            key,
            content_hash,
        )
        await connection.execute(_INSERT_DELIVERIES, viewer.account.id, export_id, recipients)
        await connection.execute("select pg_notify($1, '')", QUEUE)
        return export_id


async def cancel_export(database: Database, viewer: Viewer, export_id: UUID) -> bool:
    """Cancel an export unless it has ended. Return False if the viewer has no export of this id."""
    return await _change(database, viewer, export_id, _CANCEL)


async def retry_export(database: Database, viewer: Viewer, export_id: UUID) -> bool:
    """Queue an export again if it failed, was cancelled or expired; recipients that accepted it get no second message.

    Return False if the viewer has no export of this id.
    """
    return await _change(database, viewer, export_id, _RETRY)


async def find_export(database: Database, viewer: Viewer, export_id: UUID) -> Row | None:
    """Return the export, or None if the viewer has no export of this id."""
    return (await find_exports(database, viewer, [export_id])).get(export_id)


async def find_exports(database: Database, viewer: Viewer, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Return the exports with these ids that the viewer may see, by id; one statement."""
    values = Parameters(viewer.account.id)
    condition = f"{scope_exports(viewer, values)} and {values.equals_any('e.id', ids)}"
    rows = await database.fetch(f"select e.* from session_export e where {condition}", *values)
    return {row["id"]: row for row in rows}


async def list_exports(database: Database, viewer: Viewer, size: int, after: tuple[datetime, UUID] | None) -> list[Row]:
    """Return the exports that the viewer may see, newest first: up to `size`, and one more if there are more."""
    values = Parameters(viewer.account.id)
    condition = scope_exports(viewer, values)
    if after:
        condition += f" and (e.requested_at, e.id) < ({values.bind(after[0])}, {values.bind(after[1])}::uuid)"
    order = f"order by e.requested_at desc, e.id desc limit {values.bind(size + 1)}"
    return await database.fetch(f"select e.* from session_export e where {condition} {order}", *values)


async def list_deliveries(database: Database, account_id: UUID, export_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """Return the deliveries of each export, ordered by recipient, with one statement."""
    rows = await database.fetch(
        "select d.* from export_delivery d where d.account_id = $1 and d.export_id = any($2) order by d.recipient",
        account_id,
        list(export_ids),
    )
    found: dict[UUID, list[Row]] = {export_id: [] for export_id in export_ids}
    for row in rows:
        found[row["export_id"]].append(row)
    return found


def scope_exports(viewer: Viewer, values: Parameters) -> str:
    """Return a condition over `session_export e`: the viewer's own exports, or for an ADMIN the account's."""
    condition = f"e.account_id = {values.account}"
    if viewer.role is Role.ADMIN:
        return condition
    return f"{condition} and e.identity = {values.bind(viewer.identity)}"


def _dump_requester(viewer: Viewer) -> str:
    limits = {"integrations": viewer.integrations, "agents": viewer.agents}
    key_id = str(viewer.key_id) if viewer.key_id else None
    identity = {"name": viewer.name, "role": viewer.role.value, "email": viewer.email, "key_id": key_id}
    return orjson.dumps(identity | limits).decode()


def _choose_columns(viewer: Viewer, names: Sequence[str] | None) -> list[str]:
    if names is None:
        return [name for name in DEFAULT_COLUMNS if viewer.role in COLUMNS[name].roles]
    problems = [
        Problem(("columns", index), "cannot be exported")
        for index, name in enumerate(names)
        if COLUMNS[name].header is None
    ]
    if not names:
        problems.append(Problem(("columns",), "must not be empty"))
    if len(set(names)) != len(names):
        problems.append(Problem(("columns",), "must not name a column twice"))
    if problems:
        raise InvalidInput(problems)
    return list(names)


async def _choose_recipients(viewer: Viewer, settings: Settings, texts: Sequence[str] | None) -> list[str]:
    """Return the addresses, by default the viewer's own; any other must be on the account's list."""
    if texts is None:
        if viewer.email is None:
            raise InvalidInput.at("must be given: your key or token has no e-mail address", ["recipients"])
        return [viewer.email.lower()]
    if not texts:
        raise InvalidInput.at("must not be empty", ["recipients"])
    if len(texts) > settings.export_recipients:
        raise LimitReached.at(f"must have at most {settings.export_recipients} entries", ["recipients"])
    addresses = [_check_address(text, index) for index, text in enumerate(texts)]
    unlisted = await find_unlisted(viewer, addresses)
    problems = [
        Problem(("recipients", index), "is not on the account's list of recipients")
        for index, address in enumerate(addresses)
        if address in unlisted
    ]
    if problems:
        raise InvalidInput(problems)
    return list(dict.fromkeys(addresses))


def _check_address(text: str, index: int) -> str:
    with at_path("recipients", index, error=InvalidInput.at):
        return check_email(text.strip()).lower()


async def _choose_zone(viewer: Viewer, time_zone: str | None) -> tuple[str | None, str]:
    """Return the zone to write instants in and its label; None and LOCAL if each session's are in its agent's.

    The zone that all agents have is fixed here, so that the file keeps to its label if an agent changes meanwhile.
    """
    if time_zone is not None:
        with at_path("timeZone", error=InvalidInput.at):
            return check_time_zone(time_zone), time_zone
    zones = {agent.time_zone for agent in await list_agents(viewer)}
    if len(zones) != 1:
        return None, LOCAL
    (zone,) = zones
    return zone, zone


async def _check_quota(connection: Connection, viewer: Viewer, settings: Settings) -> None:
    row = await connection.fetchrow(_COUNT_RECENT, viewer.account.id, DAY)
    if row and row[0] >= settings.exports_per_day:
        raise LimitReached.at(f"The account has requested {settings.exports_per_day:,} exports in 24 hours.", [])


def _check_key(key: str | None) -> str | None:
    if key is None:
        return None
    if not 1 <= len(key) <= MOST_KEY_CHARACTERS:
        raise InvalidInput.at(f"must have 1 to {MOST_KEY_CHARACTERS} characters", ["idempotencyKey"])
    with at_path("idempotencyKey", error=InvalidInput.at):
        return check_text(key)


async def _find_earlier(connection: Connection, viewer: Viewer, key: str, content_hash: bytes) -> UUID | None:
    earlier = await connection.fetchrow(_FIND_BY_KEY, viewer.account.id, viewer.identity, key)
    if earlier is None:
        return None
    if bytes(earlier["content_hash"]) != content_hash:
        raise AlreadyThere.at("was used for a different export", ["idempotencyKey"])
    export_id: UUID = earlier["id"]
    return export_id


async def _change(database: Database, viewer: Viewer, export_id: UUID, sql: str) -> bool:
    if await find_export(database, viewer, export_id) is None:
        return False
    await database.fetchrow(sql, viewer.account.id, export_id)
    return True
