"""Ending a long-lived connection: its key or token is checked again when the key is revoked, and when it expires."""

import asyncio
from contextlib import suppress

from session_graph.access.api_keys import CHANNEL
from session_graph.access.authentication import Authenticator
from session_graph.access.viewer import Viewer
from session_graph.errors import Unauthenticated
from session_graph.store.background import STORE_FAILED, unavailable_log
from session_graph.store.notifications import Listener

LONGEST_WAIT = 24 * 3600.0
"""Seconds; the timers of an event loop cannot wait longer than some weeks."""
RETRY_SECONDS = 1.0
SHORTEST_WAIT = 0.2
"""Shortest wait before an expiry is checked again: a timer may fire a little before the other clock's time has come."""


async def wait_until_revoked(
    authenticator: Authenticator, listener: Listener, viewer: Viewer, authorization: str
) -> None:
    """Return as soon as the header that authenticated the viewer is no longer accepted."""
    with listener.topic(CHANNEL, str(viewer.key_id)) as topic:
        while True:
            count = topic.count
            try:
                _, seconds_left = await authenticator.authenticate_uncached(authorization)
            except Unauthenticated:
                return
            except STORE_FAILED as error:
                unavailable_log.warn(error, "A key cannot be checked")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(seconds_left, SHORTEST_WAIT), LONGEST_WAIT)):
                    await topic.wait(count)
