"""Asking for a report: what may be asked, the row that is the job, and who may see, cancel and repeat it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.accounts import check_email, check_time_zone
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import AlreadyThere, InvalidInput, LimitReached, Problem
from session_graph.exports.csv_columns import DEFAULT_COLUMNS
from session_graph.exports.jobs import notify_progress
from session_graph.exports.recipients import find_unlisted
from session_graph.exports.stored_filter import dump_filter
from session_graph.parsing import at_path, check_text
from session_graph.sessions.agents import list_agents
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.ordering import Order
from session_graph.settings import Settings
from session_graph.store.database import Connection, Database, Row
from session_graph.store.ids import new_id
from session_graph.store.sql import Parameters

QUEUE = "session_graph_exports"
"""The channel that wakes the workers."""
LOCAL = "local"
"""The label of a report whose sessions are each in their own agent's zone, where these differ."""
MOST_KEY_CHARACTERS = 200
DAY = timedelta(days=1)


class ExportStatus(StrEnum):
    """Where a report stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SENDING = "SENDING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class DeliveryStatus(StrEnum):
    """Where the message to a recipient stands."""

    WAITING = "WAITING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What was asked for. `filter` is as the caller sent it; its period counts back from `now`."""

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
_ONE_AT_A_TIME = "select from account a where a.id = $1 for no key update"
"""Those who ask for an account's reports at once count and find one another's."""
_COUNT = """
select count(*) from session_export e where e.account_id = $1 and e.requested_at > now() - $2::interval
"""
_DELIVERIES = """
insert into export_delivery (account_id, export_id, recipient, status, run_at)
select $1, $2, r.recipient, 'WAITING', now() from unnest($3::text[]) r (recipient)
"""
_EARLIER = """
select e.id, e.content_hash from session_export e
where e.account_id = $1 and e.identity = $2 and e.idempotency_key = $3
"""
_CANCEL = """
update session_export e set status = 'CANCELLED', lease_until = null, finished_at = now(), expires_at = null
where e.account_id = $1 and e.id = $2 and e.status in ('QUEUED', 'RUNNING', 'SENDING')
"""
_RETRY = """
update session_export e
set status = 'QUEUED', attempts = 0, run_at = now(), error = null, finished_at = null, expires_at = null,
    as_of = null, row_count = null, rows_written = 0, bytes = null, sha256 = null, file_claim = null
where e.account_id = $1 and e.id = $2 and e.status in ('FAILED', 'CANCELLED', 'EXPIRED')
"""
_WAIT_AGAIN = """
update export_delivery d set status = 'WAITING', attempts = 0, run_at = now(), error = null
where d.account_id = $1 and d.export_id = $2 and d.status <> 'ACCEPTED'
"""


async def request_export(database: Database, viewer: Viewer, settings: Settings, request: ExportRequest) -> UUID:
    """Queue a report; its id. The same idempotency key again gives the same report.

    Raises InvalidInput, LimitReached, or AlreadyThere where the key was used for another report.
    """
    columns = _choose_columns(viewer, request.columns)
    recipients = await _choose_recipients(viewer, settings, request.recipients)
    zone, label = await _choose_zone(viewer, request.time_zone)
    key = _check_key(request.idempotency_key)
    filter_ = dump_filter(request.filter)
    order = (request.order.field.name, request.order.direction.value)
    content = orjson.dumps([filter_, order, columns, recipients, zone, request.escape_formulas])
    content_hash = hashlib.sha256(content).digest()
    async with database.transaction() as connection:
        await connection.execute(_ONE_AT_A_TIME, viewer.account.id)
        if key is not None and (earlier := await _find_earlier(connection, viewer, key, content_hash)):
            return earlier
        await _check_quota(connection, viewer, settings)
        export_id = new_id()
        await connection.execute(
            _INSERT,
            viewer.account.id,
            export_id,
            viewer.name,
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
        await connection.execute(_DELIVERIES, viewer.account.id, export_id, recipients)
        await connection.execute("select pg_notify($1, '')", QUEUE)
        return export_id


async def cancel_export(database: Database, viewer: Viewer, export_id: UUID) -> bool:
    """End a report that is not done yet; False where the viewer has none of this id. A done one stays as it is."""
    return await _change(database, viewer, export_id, _CANCEL)


async def retry_export(database: Database, viewer: Viewer, export_id: UUID) -> bool:
    """Queue a report again that failed, was cancelled or has expired; False where the viewer has none of this id.

    Only those who have not got it are sent it.
    """
    return await _change(database, viewer, export_id, _RETRY, _WAIT_AGAIN)


async def find_export(database: Database, viewer: Viewer, export_id: UUID) -> Row | None:
    """The report, or None where the viewer has none of this id."""
    values = Parameters(viewer.account.id)
    condition = f"{scope_exports(viewer, values)} and e.id = {values.bind(export_id)}"
    return await database.fetchrow(f"select e.* from session_export e where {condition}", *values)


async def list_exports(database: Database, viewer: Viewer, size: int, after: tuple[datetime, UUID] | None) -> list[Row]:
    """The reports that the viewer may see, newest first, one more than `size` where there are more."""
    values = Parameters(viewer.account.id)
    condition = scope_exports(viewer, values)
    if after:
        condition += f" and (e.requested_at, e.id) < ({values.bind(after[0])}, {values.bind(after[1])}::uuid)"
    order = f"order by e.requested_at desc, e.id desc limit {values.bind(size + 1)}"
    return await database.fetch(f"select e.* from session_export e where {condition} {order}", *values)


async def list_deliveries(database: Database, account_id: UUID, export_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """What became of each report's messages, by recipient, in one statement."""
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
    """A condition over `session_export e`: everybody's own reports, and for an ADMIN the account's."""
    condition = f"e.account_id = {values.account}"
    if viewer.role is Role.ADMIN:
        return condition
    return f"{condition} and e.identity = {values.bind(viewer.identity)}"


def _dump_requester(viewer: Viewer) -> str:
    limits = {"integrations": viewer.integrations, "agents": viewer.agents}
    key_id = str(viewer.key_id) if viewer.key_id else None
    who = {"name": viewer.name, "role": viewer.role.value, "email": viewer.email, "key_id": key_id}
    return orjson.dumps({**who, **limits}).decode()


def _choose_columns(viewer: Viewer, asked: Sequence[str] | None) -> list[str]:
    if asked is None:
        return [name for name in DEFAULT_COLUMNS if viewer.role in COLUMNS[name].roles]
    problems = [
        Problem(("columns", index), "cannot stand in a report")
        for index, name in enumerate(asked)
        if COLUMNS[name].header is None
    ]
    if not asked:
        problems.append(Problem(("columns",), "must not be empty"))
    if len(set(asked)) != len(asked):
        problems.append(Problem(("columns",), "must not name a column twice"))
    if problems:
        raise InvalidInput(problems)
    return list(asked)


async def _choose_recipients(viewer: Viewer, settings: Settings, asked: Sequence[str] | None) -> list[str]:
    """The caller's own address by default; others must be on the account's list."""
    if asked is None:
        if viewer.email is None:
            raise InvalidInput.at("must be given: your key or token has no e-mail address", ["recipients"])
        return [viewer.email.lower()]
    if not asked:
        raise InvalidInput.at("must not be empty", ["recipients"])
    if len(asked) > settings.export_recipients:
        raise LimitReached.at(f"must have at most {settings.export_recipients} entries", ["recipients"])
    addresses = [_check_address(text, index) for index, text in enumerate(asked)]
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


async def _choose_zone(viewer: Viewer, asked: str | None) -> tuple[str | None, str]:
    """The zone to write instants in, None for each session's agent's; and what to call it."""
    if asked is not None:
        with at_path("timeZone", error=InvalidInput.at):
            return await check_time_zone(asked), asked
    zones = {agent.time_zone for agent in await list_agents(viewer)}
    return None, zones.pop() if len(zones) == 1 else LOCAL


async def _check_quota(connection: Connection, viewer: Viewer, settings: Settings) -> None:
    row = await connection.fetchrow(_COUNT, viewer.account.id, DAY)
    if row and row[0] >= settings.exports_per_day:
        raise LimitReached.at(f"The account has asked for {settings.exports_per_day:,} reports in 24 hours.", [])


def _check_key(key: str | None) -> str | None:
    if key is None:
        return None
    if not 1 <= len(key) <= MOST_KEY_CHARACTERS:
        raise InvalidInput.at(f"must have 1 to {MOST_KEY_CHARACTERS} characters", ["idempotencyKey"])
    with at_path("idempotencyKey", error=InvalidInput.at):
        return check_text(key)


async def _find_earlier(connection: Connection, viewer: Viewer, key: str, content_hash: bytes) -> UUID | None:
    earlier = await connection.fetchrow(_EARLIER, viewer.account.id, viewer.identity, key)
    if earlier is None:
        return None
    if bytes(earlier["content_hash"]) != content_hash:
        raise AlreadyThere.at("was used for another report", ["idempotencyKey"])
    export_id: UUID = earlier["id"]
    return export_id


async def _change(database: Database, viewer: Viewer, export_id: UUID, *statements: str) -> bool:
    if await find_export(database, viewer, export_id) is None:
        return False
    async with database.transaction() as connection:
        for statement in statements:
            if await connection.execute(statement, viewer.account.id, export_id) == "UPDATE 0":
                break
        await connection.execute("select pg_notify($1, '')", QUEUE)
        await notify_progress(connection, export_id)
    return True
