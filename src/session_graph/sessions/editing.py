"""Edits of sessions: of one, or of all that match a filter; each with its history, in one transaction.

Rows are locked in the order of their ids, so that edits wait for each other and never deadlock. An edit that sets the
value that is already set changes nothing and leaves no history.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum, auto
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.viewer import Viewer
from session_graph.sessions.event_log import EventKind, write_events
from session_graph.sessions.filters import EVERYTHING, Filter, where
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.patch import EDITED, FACTS, SessionPatch, folded_columns, parse_patch, revise, write_value
from session_graph.sessions.reading import read_session
from session_graph.store.database import Connection, Database, Row

MAX_IDS = 10_000
BATCH = 500
HISTORY_COLUMNS = (
    *("account_id", "session_id", "version", "field", "before", "after", "changed_at", "changed_by", "kind"),
)

_FOLDED = ("comment_folded", "external_id_folded")
_READ = ", ".join(f"s.{name}" for name in ("id", "version", *EDITED, *FACTS, *_FOLDED))
_TYPES = {
    **dict.fromkeys(EDITED, "boolean"),
    **dict.fromkeys(("human_assessment", "comment", "external_id", "tags", *_FOLDED), "text"),
    "conversation_quality": "smallint",
}
_UPDATE = f"""
update session s
set {", ".join(f"{name} = u.{name}" for name in _TYPES if name != "tags")},
    tags = array(select t.tag from jsonb_array_elements_text(u.tags::jsonb) t (tag)),
    version = s.version + 1, updated_at = $2
from unnest($3::uuid[], {", ".join(f"${i}::{type_}[]" for i, type_ in enumerate(_TYPES.values(), start=4))})
     u (id, {", ".join(_TYPES)})
where s.account_id = $1 and s.id = u.id
"""


class ChangeKind(StrEnum):
    """Whether a person set a field, it followed from what a person set, or an amendment changed it."""

    SET = "SET"
    FOLLOWED = "FOLLOWED"
    AMENDED = "AMENDED"


class Refusal(Enum):
    """Why an edit was not made."""

    NOT_FOUND = auto()
    CONFLICT = auto()


@dataclass(frozen=True, slots=True)
class Edit:
    """The selected columns of the session as it is now; `refusal` if it was not edited."""

    session: Row | None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class BulkEdit:
    """How many sessions matched, and how many of these changed or, in a dry run, would change."""

    matched: int
    changed: int


async def edit_session(
    database: Database,
    viewer: Viewer,
    session_id: UUID,
    raw_patch: Mapping[str, Any],
    expected_version: int | None,
    columns: frozenset[str],
) -> Edit:
    """Apply the patch, unless the session's version is not the expected one (optimistic concurrency).

    The version is checked first. Raises InvalidInput if `parse_patch` refuses the patch, or for too many tags.
    """
    async with database.transaction() as connection:
        rows = [row async for rows in _lock_batches(connection, viewer, EVERYTHING, [session_id]) for row in rows]
        if not rows:
            return Edit(None, Refusal.NOT_FOUND)
        refused = expected_version is not None and rows[0]["version"] != expected_version
        if not refused:
            await _apply(connection, viewer, rows, parse_patch(raw_patch))
        session = await read_session(connection, viewer, session_id, columns)
        return Edit(session, Refusal.CONFLICT if refused else None)


async def edit_sessions(
    database: Database,
    viewer: Viewer,
    filter_: Filter,
    ids: Sequence[UUID] | None,
    patch: SessionPatch,
    *,
    dry_run: bool,
) -> BulkEdit:
    """Apply the patch, all or nothing, to all sessions that match the filter and, if given, have one of the `ids`."""
    matched = changed = 0
    async with database.transaction() as connection:
        async for rows in _lock_batches(connection, viewer, filter_, ids, lock=not dry_run):
            matched += len(rows)
            changed += _count_changes(rows, patch) if dry_run else await _apply(connection, viewer, rows, patch)
    return BulkEdit(matched, changed)


async def read_history(database: Database, viewer: Viewer, session_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """Return each session's history, newest first; one statement. Only for ids that were read in the viewer's scope."""
    rows = await database.fetch(
        "select h.session_id, h.field, h.before, h.after, h.changed_at, h.changed_by, h.kind from session_change h"
        " where h.account_id = $1 and h.session_id = any($2) order by h.session_id, h.version desc, h.field",
        viewer.account.id,
        list(session_ids),
    )
    found: dict[UUID, list[Row]] = {session_id: [] for session_id in session_ids}
    for row in rows:
        found[row["session_id"]].append(row)
    return found


async def _lock_batches(
    connection: Connection, viewer: Viewer, filter_: Filter, ids: Sequence[UUID] | None, *, lock: bool = True
) -> AsyncIterator[Sequence[Row]]:
    """Yield the sessions in the order of their ids, in batches, so that memory does not grow with their number."""
    last = UUID(int=0)
    while True:
        parameters = Parameters(viewer.account.id)
        sign = ">=" if last == UUID(int=0) else ">"
        condition = f"{where(viewer, filter_, parameters)} and s.id {sign} {parameters.bind(last)}"
        if ids is not None:
            condition += f" and {parameters.equals_any('s.id', ids)}"
        rows = await connection.fetch(
            f"select {_READ} from session s where {condition}"
            f" order by s.id limit {BATCH}{' for update' if lock else ''}",
            *parameters,
        )
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        last = rows[-1]["id"]


def _count_changes(rows: Sequence[Row], patch: SessionPatch) -> int:
    return sum(1 for row in rows if revise(dict(row), patch))


async def _apply(connection: Connection, viewer: Viewer, rows: Sequence[Row], patch: SessionPatch) -> int:
    """Write the changes, history and events. Return how many of the rows changed."""
    changed = [(row, changes) for row in rows if (changes := revise(dict(row), patch))]
    if changed:
        now = datetime.now(UTC)
        new = [{**row, **changes, **folded_columns(changes)} for row, changes in changed]
        columns = [[_as_parameter(row[name]) for row in new] for name in _TYPES]
        await connection.execute(_UPDATE, viewer.account.id, now, [row["id"] for row in new], *columns)
        history = [entry for row, changes in changed for entry in _history(viewer, row, patch, changes, now)]
        await connection.copy_records_to_table("session_change", records=history, columns=HISTORY_COLUMNS)
        await write_events(connection, viewer.account.id, EventKind.CHANGED, [row["id"] for row in new])
    return len(changed)


def _as_parameter(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, list) else value


def _history(
    viewer: Viewer, row: Row, patch: SessionPatch, changes: Mapping[str, Any], now: datetime
) -> list[tuple[object, ...]]:
    key = (viewer.account.id, row["id"], row["version"] + 1)
    was_set = patch.model_fields_set | {"tags"}
    return [
        (*key, EDITED[name], write_value(row[name]), write_value(new), now, viewer.author, _kind(name in was_set))
        for name, new in changes.items()
    ]


def _kind(was_set: bool) -> ChangeKind:
    return ChangeKind.SET if was_set else ChangeKind.FOLLOWED
