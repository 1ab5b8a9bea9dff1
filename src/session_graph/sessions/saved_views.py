"""Saved views: a filter, an order and columns under a name, for the page and other frontends.

A view belongs to the key or token that saved it. A shared one is also for everybody else of the account whose key has
no limit to agents or integrations. A view is shown only to a role that may read what its filter and order name, and
without the columns that the role may not read: what a viewer sees of it follows the viewer's rights of today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.viewer import Role, Viewer
from session_graph.errors import AlreadyThere, LimitReached, NotFound
from session_graph.sessions.columns import ALL, COLUMNS
from session_graph.sessions.filters import columns_named
from session_graph.sessions.ordering import ORDER_FIELDS, Order
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.stored_filter import dump_filter
from session_graph.store.database import Connection, Database, Row
from session_graph.store.ids import new_id

MOST_VIEWS = 100
"""How many views one key or token may have."""
MOST_SHARED = 1000
"""How many shared views an account may have."""
MOST_FILTER_BYTES = 16 * 1024
"""Of a filter as it is stored: all views that a viewer sees fit into one response."""

_LOCK_ACCOUNT = "select from account a where a.id = $1 for no key update"
"""Serializes an account's saves, so that each sees the others' names and their number."""
_OWN = "select v.id, v.name from saved_view v where v.account_id = $1 and v.identity = $2"
_COUNT_SHARED = """
select count(*) as number from saved_view v where v.account_id = $1 and v.is_shared and v.id is distinct from $2
"""
_SAVE = """
insert into saved_view (
    account_id, id, identity, owner, name, is_shared, stored_filter, order_field, direction, columns, updated_at
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now())
on conflict (account_id, id) do update
set owner = $4, name = $5, is_shared = $6, stored_filter = $7, order_field = $8, direction = $9, columns = $10,
    updated_at = now()
returning *
"""
_DELETE = """
delete from saved_view v
where v.account_id = $1 and v.id = $2 and (v.identity = $3 or $4 and v.is_shared)
returning v.id
"""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view as its viewer may see it. `filter` is JSON text by GraphQL names, as SessionFilter takes it again.

    `columns` are names of COLUMNS. `is_own` if the viewer saved it.
    """

    id: UUID
    name: str
    owner: str
    is_own: bool
    is_shared: bool
    filter: str
    order_field: str
    direction: str
    columns: Sequence[str]


@dataclass(frozen=True, slots=True)
class ViewDefinition:
    """What is saved. `filter` is checked but not parsed, so that a period goes on counting back from each use."""

    name: str
    is_shared: bool
    filter: Mapping[str, Any]
    order: Order
    columns: Sequence[str]


async def list_views(database: Database, viewer: Viewer) -> list[SavedView]:
    """Return the views that the viewer may see: the own ones first, then the shared ones, each by name."""
    values = Parameters(viewer.account.id)
    condition = _scope(viewer, values)
    own_first = f"v.identity <> {values.bind(viewer.identity)}"
    sql = f"select v.* from saved_view v where {condition} order by {own_first}, lower(v.name), v.id"
    return _show_all(viewer, await database.fetch(sql, *values))


async def find_views(database: Database, viewer: Viewer, ids: Sequence[UUID]) -> dict[UUID, SavedView]:
    """Return the views with these ids that the viewer may see, by id; one statement."""
    values = Parameters(viewer.account.id)
    condition = f"{_scope(viewer, values)} and {values.equals_any('v.id', ids)}"
    rows = await database.fetch(f"select v.* from saved_view v where {condition}", *values)
    return {view.id: view for view in _show_all(viewer, rows)}


async def save_view(database: Database, viewer: Viewer, definition: ViewDefinition, view_id: UUID | None) -> SavedView:
    """Save a new view, or with an id replace one of the viewer's own.

    Raises NotFound for an id that is not of one of these, AlreadyThere for a name that another of these has, and
    LimitReached beyond MOST_VIEWS, MOST_SHARED and MOST_FILTER_BYTES.
    """
    account_id, order = viewer.account.id, definition.order
    stored_filter = dump_filter(definition.filter)
    if len(stored_filter.encode()) > MOST_FILTER_BYTES:
        raise LimitReached.at(f"must have at most {MOST_FILTER_BYTES:,} bytes to be saved", ["filter"])
    async with database.transaction() as connection:
        await connection.execute(_LOCK_ACCOUNT, account_id)
        await _check_room(connection, viewer, definition, view_id)
        row = await connection.fetchrow(
            _SAVE,
            account_id,
            view_id or new_id(),
            viewer.identity,
            viewer.author,
            definition.name,
            definition.is_shared,
            stored_filter,
            order.field.name,
            order.direction.value,
            list(definition.columns),
        )
    assert row is not None
    (saved,) = _show_all(viewer, [row])
    return saved


async def _check_room(connection: Connection, viewer: Viewer, definition: ViewDefinition, view_id: UUID | None) -> None:
    account_id = viewer.account.id
    names = {row["id"]: row["name"] for row in await connection.fetch(_OWN, account_id, viewer.identity)}
    if view_id is not None and view_id not in names:
        raise NotFound.at("is not the id of a view that you have saved", ["id"])
    if any(name == definition.name for id_, name in names.items() if id_ != view_id):
        raise AlreadyThere.at("is the name of another view of yours", ["name"])
    if view_id is None and len(names) >= MOST_VIEWS:
        raise LimitReached.at(f"You have {MOST_VIEWS} views, the most there may be: delete one.", [])
    if not definition.is_shared:
        return
    shared = await connection.fetchrow(_COUNT_SHARED, account_id, view_id)
    assert shared is not None
    if shared["number"] >= MOST_SHARED:
        raise LimitReached.at(f"cannot be true: the account has {MOST_SHARED:,} shared views", ["isShared"])


async def delete_view(database: Database, viewer: Viewer, view_id: UUID) -> bool:
    """Delete one of the viewer's own views, for an ADMIN also a shared one of others. Return whether there was one."""
    is_admin = viewer.role is Role.ADMIN and not _is_limited(viewer)
    return await database.fetchrow(_DELETE, viewer.account.id, view_id, viewer.identity, is_admin) is not None


def _scope(viewer: Viewer, values: Parameters) -> str:
    own = f"v.identity = {values.bind(viewer.identity)}"
    visible = own if _is_limited(viewer) else f"({own} or v.is_shared)"
    return f"v.account_id = {values.account} and {visible}"


def _is_limited(viewer: Viewer) -> bool:
    return bool(viewer.agents or viewer.integrations)


def _show_all(viewer: Viewer, rows: Sequence[Row]) -> list[SavedView]:
    return [view for row in rows if (view := _show(viewer, row))]


def _show(viewer: Viewer, row: Row) -> SavedView | None:
    """Return the view with the columns that the viewer may read; None if the viewer may not use it."""
    order_field = ORDER_FIELDS[row["order_field"]]
    if viewer.role not in ALL:
        return None
    needed = {*columns_named(orjson.loads(row["stored_filter"])), order_field.column}
    columns = [name for name in row["columns"] if viewer.role in COLUMNS[name].roles]
    if not columns or not all(viewer.role in COLUMNS[name].roles for name in needed):
        return None
    return SavedView(
        row["id"],
        row["name"],
        row["owner"],
        row["identity"] == viewer.identity,
        row["is_shared"],
        row["stored_filter"],
        order_field.name,
        row["direction"],
        columns,
    )
