"""Admission for as long as a connection lasts: looked at again when the key is revoked, and when it expires."""

import asyncio
import logging
from time import time

from session_graph.access.api_keys import CHANNEL
from session_graph.access.authentication import Authenticator
from session_graph.access.viewer import Viewer
from session_graph.errors import Unauthenticated
from session_graph.store.background import STORE_FAILED
from session_graph.store.notifications import Listener

LOGGER = logging.getLogger(__name__)

LONGEST_WAIT = 24 * 3600.0
"""Seconds; an event loop's timers reach no further than some weeks."""
AWAY_SECONDS = 1.0
CLOCK_SECONDS = 0.2
"""By which the clocks of this machine and of the database may differ at an expiry before one looks again."""


async def wait_until_revoked(
    authenticator: Authenticator, listener: Listener, viewer: Viewer, authorization: str
) -> None:
    """Returns once the header, by which the viewer was admitted, is not taken any more."""
    with listener.topic(CHANNEL, str(viewer.key_id)) as topic:
        while True:
            seen = topic.count
            try:
                await authenticator.authenticate_uncached(authorization)
                until = await authenticator.find_expiry(viewer, authorization)
            except Unauthenticated:
                return
            except STORE_FAILED as error:
                LOGGER.warning("a key waits for the database to be checked: %s", type(error).__name__)
                await asyncio.sleep(AWAY_SECONDS)
                continue
            try:
                async with asyncio.timeout(min(max(until - time(), CLOCK_SECONDS), LONGEST_WAIT)):
                    await topic.wait(seen)
            except TimeoutError:
                pass
