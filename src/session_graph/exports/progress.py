"""Following an export: a statement that changes it or its deliveries notifies PROGRESS (`jobs`)."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.exports.jobs import PROGRESS
from session_graph.exports.requests import find_export, list_deliveries
from session_graph.store.background import CONNECTION_ERRORS, unavailable_log
from session_graph.store.database import Database, Row
from session_graph.store.notifications import Listener

ENDED = frozenset({"DONE", "FAILED", "CANCELLED", "EXPIRED"})
RETRY_SECONDS = 1.0

_INTERNAL = ("lease_until", "claims", "run_at", "attempts", "place", "has_chunks", "chunk_count", "reads", "requester")
"""Columns that the API does not show."""


async def follow_export(
    database: Database, listener: Listener, viewer: Viewer, export_id: UUID
) -> AsyncGenerator[Row, None]:
    """Yield the export at once, after each change, and for the last time when it has ended.

    Retry while the database is away; stop if the viewer has no export of this id.
    """
    shown: Any = None
    with listener.topic(PROGRESS, str(export_id)) as topic:
        while True:
            seen = topic.count
            try:
                row = await find_export(database, viewer, export_id)
                deliveries = await list_deliveries(database, viewer.account.id, [export_id])
            except CONNECTION_ERRORS as error:
                unavailable_log.warn(error, "The progress of an export waits for it")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if row is None:
                return
            if (state := _visible_state(row, deliveries[export_id])) != shown:
                shown = state
                yield row
            if row["status"] in ENDED:
                return
            await topic.wait(seen)


def _visible_state(row: Row, deliveries: Sequence[Row]) -> object:
    visible = {name: value for name, value in row.items() if name not in _INTERNAL}
    return visible, [(d["recipient"], d["status"], d["at"], d["error"], d["link_expires_at"]) for d in deliveries]
