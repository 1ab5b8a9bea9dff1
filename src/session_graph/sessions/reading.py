"""Reads of sessions: pages of lists, counts, single sessions and transcripts.

A page is one statement, whatever its size. The lists of several parents (the sessions of each agent, of each External
ID) are one statement too: a lateral page for each key (design.md, "What each part promises").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.sessions.columns import select_list
from session_graph.sessions.cursors import cursor_sql, cursor_start
from session_graph.sessions.filters import EVERYTHING, GENERIC_PLAN_SAFE, GENERIC_PLAN_SAFE_BY_START, Filter, where
from session_graph.sessions.identity import SourceKey
from session_graph.sessions.list_request import ListRequest
from session_graph.sessions.ordering import NEWEST_FIRST, Order
from session_graph.sessions.pagination import ORDER_ID, ORDER_VALUE, Page, PageRequest, limit_sql, page_sql
from session_graph.sessions.parameters import Parameters
from session_graph.store.database import Database, Executor, Row

Key = UUID | str | None
"""The parent of a list: an agent's id or an External ID; None for a list without a parent."""

CURSOR = "cursor"
"""The column of a row that has its cursor."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The column of `session s` whose value the sessions of one list share, and its PostgreSQL type."""

    column: str
    type: str


AGENT = Parent("agent_id", "uuid")
EXTERNAL_ID = Parent("external_id", "text")


@dataclass(frozen=True, slots=True)
class SessionList:
    """A list of sessions that a viewer may see, filtered and ordered; with a `parent`, one list for each key."""

    viewer: Viewer
    filter: Filter = EVERYTHING
    order: Order = NEWEST_FIRST
    parent: Parent | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page with its place in the list. What was not asked for is None."""

    rows: Sequence[Row]
    has_next: bool | None
    has_previous: bool | None
    start_cursor: str | None
    end_cursor: str | None


async def read_list_pages(
    database: Database, sessions: SessionList, request: ListRequest, keys: Sequence[Key] = (None,)
) -> dict[Key, ListPage]:
    """Return the requested page of each key's list: one statement, and one more if the opposite side is asked."""
    account_id, page = sessions.viewer.account.id, request.page
    prefix = cursor_start(request.order, account_id, request.now) if request.selection.has_cursors else None
    pages = await read_pages(database, sessions, request.selection.columns, page, keys, prefix)
    opposite = await has_opposite_page(database, sessions, page, keys) if request.asks_opposite else {}
    return {key: _place(read, opposite.get(key), backwards=page.backwards) for key, read in pages.items()}


async def read_pages(
    database: Database,
    sessions: SessionList,
    columns: frozenset[str],
    request: PageRequest,
    keys: Sequence[Key] = (None,),
    cursors: str | None = None,
) -> dict[Key, Page]:
    """Return the page of each key's list, read in one statement. Rows have their values as GraphQL writes them.

    With `cursors`, the prefix that `cursor_start` returns, each row has its cursor in the column CURSOR.
    """
    parameters = Parameters(sessions.viewer.account.id)
    page = _page_sql(sessions, columns, request, parameters, cursors)
    rows = await database.fetch(_for_each_key(sessions.parent, page, keys, parameters), *parameters)
    if sessions.parent is None:
        return dict.fromkeys(keys, request.cut(rows))
    found: dict[Key, list[Row]] = {key: [] for key in keys}
    for row in rows:
        found[row["parent"]].append(row)
    return {key: request.cut(rows) for key, rows in found.items()}


async def count_sessions(database: Database, sessions: SessionList, keys: Sequence[Key] = (None,)) -> dict[Key, int]:
    """Return how many sessions each key's list has, counted in one statement."""
    parameters = Parameters(sessions.viewer.account.id)
    condition = where(sessions.viewer, sessions.filter, parameters)
    if sessions.parent is None:
        row = await database.fetchrow(f"select count(*) from session s where {condition}", *parameters)
        return dict.fromkeys(keys, row[0] if row else 0)
    column = f"s.{sessions.parent.column}"
    rows = await database.fetch(
        f"select {column} as parent, count(*) from session s"
        f" where {condition} and {parameters.equals_any(column, keys)} group by {column}",
        *parameters,
    )
    return dict.fromkeys(keys, 0) | {row["parent"]: row["count"] for row in rows}


async def has_opposite_page(
    database: Database, sessions: SessionList, request: PageRequest, keys: Sequence[Key] = (None,)
) -> dict[Key, bool]:
    """Return for each key whether its list has a session at the cursor or on the other side of it; one statement."""
    if request.cursor is None:
        return dict.fromkeys(keys, False)
    parameters = Parameters(sessions.viewer.account.id)
    page = _page_sql(sessions, frozenset(), request.opposite_direction(), parameters, None)
    rows = await database.fetch(_for_each_key(sessions.parent, page, keys, parameters), *parameters)
    found = {row["parent"] if sessions.parent else None for row in rows}
    return {key: key in found for key in keys}


async def read_session(executor: Executor, viewer: Viewer, session_id: UUID, columns: frozenset[str]) -> Row | None:
    """Return the session, or None if the viewer may see none with this id."""
    parameters = Parameters(viewer.account.id)
    condition = f"{where(viewer, EVERYTHING, parameters)} and s.id = {parameters.bind(session_id)}"
    return await executor.fetchrow(f"select {select_list(columns)} from session s where {condition}", *parameters)


async def read_sessions(
    database: Database, viewer: Viewer, ids: Sequence[UUID], columns: frozenset[str]
) -> dict[UUID, Row]:
    """Return the sessions with these ids that the viewer may see, by id; one statement."""
    parameters = Parameters(viewer.account.id)
    condition = f"{where(viewer, EVERYTHING, parameters)} and {parameters.equals_any('s.id', ids)}"
    select = f"select s.id as key, {select_list(columns)}"
    rows = await database.fetch(f"{select} from session s where {condition}", *parameters)
    return {row["key"]: row for row in rows}


async def read_by_source(executor: Executor, viewer: Viewer, key: SourceKey, columns: frozenset[str]) -> Row | None:
    """Return the session that a source calls so, or None if the viewer may see none."""
    parameters = Parameters(viewer.account.id)
    condition = where(viewer, EVERYTHING, parameters)
    condition += f" and s.source = {parameters.bind(key[0])} and s.source_id = {parameters.bind(key[1])}"
    return await executor.fetchrow(f"select {select_list(columns)} from session s where {condition}", *parameters)


async def read_recorded(executor: Executor, account_id: UUID, session_id: UUID, columns: frozenset[str]) -> Row | None:
    """Return a session for the RECORDER that just recorded it, outside of any viewer's scope."""
    return await executor.fetchrow(
        f"select {select_list(columns)} from session s where s.account_id = $1 and s.id = $2", account_id, session_id
    )


async def read_transcripts(database: Database, viewer: Viewer, session_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return each session's turns as JSON text, in one statement. Only for ids that were read in the viewer's scope."""
    rows = await database.fetch(
        "select t.session_id, t.turns from transcript t where t.account_id = $1 and t.session_id = any($2)",
        viewer.account.id,
        list(session_ids),
    )
    return {row["session_id"]: row["turns"] for row in rows}


def _place(page: Page, has_opposite: bool | None, *, backwards: bool) -> ListPage:
    has_next, has_previous = (has_opposite, page.has_more) if backwards else (page.has_more, has_opposite)
    cursors = (page.rows[0].get(CURSOR), page.rows[-1].get(CURSOR)) if page.rows else (None, None)
    return ListPage(page.rows, has_next, has_previous, *cursors)


def _for_each_key(parent: Parent | None, page: str, keys: Sequence[Key], parameters: Parameters) -> str:
    if parent is None:
        return page
    parents = f"unnest({parameters.bind(list(keys))}::{parent.type}[]) k (parent)"
    return f"select k.parent, p.* from {parents} cross join lateral ({page}) p"


def _page_sql(
    sessions: SessionList, columns: frozenset[str], request: PageRequest, parameters: Parameters, cursors: str | None
) -> str:
    condition = where(sessions.viewer, sessions.filter, parameters)
    if sessions.parent:
        condition += f" and s.{sessions.parent.column} = k.parent"
    select = f"select {select_list(columns)}"
    if cursors is not None:
        select += f", {cursor_sql(sessions.order, parameters.bind(cursors))} as {CURSOR}"
    if sessions.order.field.nullable:
        select += f", {sessions.order.field.sql} as {ORDER_VALUE}, s.id as {ORDER_ID}"
    select += " from session s"
    limit = limit_sql(request, parameters, use_generic_plan=can_use_generic_plan(sessions))
    return page_sql(select, condition, sessions.order, request, parameters, limit)


def can_use_generic_plan(sessions: SessionList) -> bool:
    """Return whether one generic plan is the best for all values.

    It is if an index has the rows in order, and all other conditions are constants of the text or unknown to the
    planner in any case.
    """
    safe = GENERIC_PLAN_SAFE_BY_START if sessions.order.field.column == "started_at" else GENERIC_PLAN_SAFE
    return len(sessions.viewer.integrations) <= 1 and safe.issuperset(sessions.filter.names())
