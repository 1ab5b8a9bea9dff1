"""Requests for exports: their checks, the row that is the job, and reading what was requested."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.viewer import Viewer
from session_graph.errors import AlreadyThere, InvalidInput, LimitReached, Problem
from session_graph.exports.csv_columns import DEFAULT_COLUMNS
from session_graph.exports.quotas import count_run, lock_account
from session_graph.exports.recipients import find_unlisted
from session_graph.exports.requester_rights import dump_requester
from session_graph.exports.scope import columns_read, own_exports, scope_exports
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
    columns, time_zone, time_zone_label, escape_formulas, idempotency_key, content_hash, reads, status, run_at
)
values ($1, $2, $7, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'QUEUED', now())
"""
_INSERT_DELIVERIES = """
insert into export_delivery (account_id, export_id, recipient, status, run_at)
select $1, $2, r.recipient, 'WAITING', now() from unnest($3::text[]) r (recipient)
"""


async def request_export(database: Database, viewer: Viewer, settings: Settings, request: ExportRequest) -> UUID:
    """Queue an export and return its id. A repeated idempotency key returns the first export's id.

    Raises InvalidInput, LimitReached, or AlreadyThere if the key was used for a different export.
    """
    columns = _choose_columns(viewer, request.columns)
    recipients = await _choose_recipients(viewer, settings, request.recipients)
    check_escaping(viewer, recipients, request.escape_formulas)
    zone, label = await _choose_zone(viewer, request.time_zone)
    key = _check_key(request.idempotency_key)
    filter_ = dump_filter(request.filter)
    order = (request.order.field.name, request.order.direction.value)
    content = orjson.dumps([filter_, order, columns, recipients, request.time_zone, request.escape_formulas])
    content_hash = hashlib.sha256(content).digest()
    async with database.transaction() as connection:
        await lock_account(connection, viewer.account.id)
        if key is not None and (earlier := await _find_earlier(connection, viewer, key, content_hash)):
            return earlier
        export_id = new_id()
        await count_run(connection, viewer, settings, export_id, is_retry=False)
        await connection.execute(
            _INSERT,
            viewer.account.id,
            export_id,
            viewer.author,
            viewer.identity,
            dump_requester(viewer),
            filter_,
            request.now,
            *order,
            columns,
            zone,
            label,
            request.escape_formulas,
            key,
            content_hash,
            columns_read(viewer.role, request.filter, order[0], columns),
        )
        await connection.execute(_INSERT_DELIVERIES, viewer.account.id, export_id, recipients)
        await connection.execute("select pg_notify($1, '')", QUEUE)
        return export_id


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


def check_escaping(viewer: Viewer, recipients: Sequence[str], escape_formulas: bool) -> None:
    """Raise InvalidInput if formulas are to be sent to anybody but the viewer, whose own address is verified."""
    own = [viewer.email.lower()] if viewer.email else []
    if not escape_formulas and list(recipients) != own:
        raise InvalidInput.at("can be false only if your own address is the only recipient", ["escapeFormulas"])


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


def _check_key(key: str | None) -> str | None:
    if key is None:
        return None
    if not 1 <= len(key) <= MOST_KEY_CHARACTERS:
        raise InvalidInput.at(f"must have 1 to {MOST_KEY_CHARACTERS} characters", ["idempotencyKey"])
    with at_path("idempotencyKey", error=InvalidInput.at):
        return check_text(key)


async def _find_earlier(connection: Connection, viewer: Viewer, key: str, content_hash: bytes) -> UUID | None:
    """Return the viewer's export of this key; one that its rights do not cover now does not count.

    So a subject whose rights have changed may have several: then that of this content.
    """
    values = Parameters(viewer.account.id)
    condition = f"{own_exports(viewer, values)} and e.idempotency_key = {values.bind(key)}"
    order = f"order by e.content_hash = {values.bind(content_hash)} desc, e.requested_at desc limit 1"
    earlier = await connection.fetchrow(
        f"select e.id, e.content_hash from session_export e where {condition} {order}", *values
    )
    if earlier is None:
        return None
    if bytes(earlier["content_hash"]) != content_hash:
        raise AlreadyThere.at("was used for a different export", ["idempotencyKey"])
    export_id: UUID = earlier["id"]
    return export_id
