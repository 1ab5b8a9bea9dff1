"""Walking a list from page to page, by the cursors that a caller is given."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from session_graph.sessions.cursors import Cursor, cursor_start, read_cursor
from session_graph.sessions.pagination import Page, PageRequest
from session_graph.sessions.reading import CURSOR, SessionList, read_pages
from session_graph.store.database import Database, Row

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def id_of(row: Any) -> UUID:
    """The id of a row of the table, or of a list, which has it as text."""
    return UUID(str(row["id"]))


def cursors_of(sessions: SessionList) -> str:
    """What the cursors of the list begin with."""
    return cursor_start(sessions.order, sessions.viewer.account.id, NOW)


def cursor_of(row: Row, sessions: SessionList) -> Cursor:
    """The row's place, through the text that a caller holds."""
    return read_cursor(row[CURSOR], sessions.order, sessions.viewer.account.id, "after")


async def walk_pages(
    database: Database,
    sessions: SessionList,
    size: int,
    *,
    backwards: bool = False,
    columns: frozenset[str] = frozenset(),
) -> AsyncIterator[tuple[PageRequest, Page]]:
    """Every page with what was asked for, from the first one on; from the last one back where `backwards`."""
    request = PageRequest(size, backwards)
    while True:
        page = (await read_pages(database, sessions, columns, request, cursors=cursors_of(sessions)))[None]
        yield request, page
        if not page.has_more:
            return
        request = PageRequest(size, backwards, cursor_of(page.rows[0 if backwards else -1], sessions))


async def walk(
    database: Database,
    sessions: SessionList,
    size: int = 50,
    *,
    backwards: bool = False,
    columns: frozenset[str] = frozenset(),
) -> list[Row]:
    """All rows in the list's order, whichever way they were read."""
    pages = [page async for _, page in walk_pages(database, sessions, size, backwards=backwards, columns=columns)]
    return [row for page in (reversed(pages) if backwards else pages) for row in page.rows]
