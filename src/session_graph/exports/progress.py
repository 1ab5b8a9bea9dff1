"""Following a report: its row as it is now, and again whenever it has changed, until it comes to its end.

Whoever changes a report, or what became of its messages, tells so in the same transaction.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.exports.jobs import PROGRESS
from session_graph.exports.requests import find_export, list_deliveries
from session_graph.store.background import CONNECTION_ERRORS
from session_graph.store.database import Database, Row
from session_graph.store.notifications import Listener

LOGGER = logging.getLogger(__name__)

ENDED = frozenset({"DONE", "FAILED", "CANCELLED", "EXPIRED"})
AWAY_SECONDS = 1.0

_UNSEEN = ("lease_until", "claims", "run_at", "attempts", "has_chunks")
"""What changes of a row without anybody seeing it."""


async def follow_export(
    database: Database, listener: Listener, viewer: Viewer, export_id: UUID
) -> AsyncGenerator[Row, None]:
    """The report at once, at every change, and at its end for the last time. Goes on where the database was away."""
    shown: Any = None
    with listener.topic(PROGRESS, str(export_id)) as topic:
        while True:
            seen = topic.count
            try:
                row = await find_export(database, viewer, export_id)
                deliveries = await list_deliveries(database, viewer.account.id, [export_id])
            except CONNECTION_ERRORS as error:
                LOGGER.warning("the progress of a report waits for the database: %s", type(error).__name__)
                await asyncio.sleep(AWAY_SECONDS)
                continue
            if row is None:
                return
            if (state := _state(row, deliveries[export_id])) != shown:
                shown = state
                yield row
            if row["status"] in ENDED:
                return
            await topic.wait(seen)


def _state(row: Row, deliveries: Sequence[Row]) -> object:
    """What can be seen of it."""
    seen = {name: value for name, value in row.items() if name not in _UNSEEN}
    return seen, [(d["recipient"], d["status"], d["at"], d["error"]) for d in deliveries]
