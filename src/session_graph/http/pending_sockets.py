"""What a WebSocket may do until its client has authenticated, by `connection_init`."""

from session_graph.errors import TryLater
from session_graph.http.connections import Connections
from session_graph.settings import Settings

MAX_INIT_BYTES = 16 * 1024
"""Of a message; a token has 8 kB at most."""
MAX_RECEIVED_BYTES = 32 * 1024
"""Of everything, frames that have only begun included."""
MAX_INIT_FRAMES = 32
"""Frames, pings of the WebSocket protocol included."""
MAX_INIT_PINGS = 10
"""Messages of the types ping and pong."""


class TooManyPending(TryLater):
    """Too many WebSockets wait for connection_init; connect again."""

    code = "UNAVAILABLE"
    status = 503


def make_pending(settings: Settings) -> Connections:
    """Return the places of the WebSockets that have not authenticated yet: they take none of those that have."""
    return Connections(
        settings.live_pending,
        settings.live_init_seconds,
        per_address=settings.live_pending_per_address,
        name="places of WebSockets without connection_init",
    )
