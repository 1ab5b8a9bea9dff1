"""How many connections a process keeps open, so that its file descriptors always suffice for the database.

Nobody needs a key to connect. So a client must send the head of a request in time, and when all connections are in use,
the one that has waited longest for a request is closed for a new one: clients that send nothing lock nobody out, and
`/healthz` and `/readyz` go on answering.
"""

import logging
import resource
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from session_graph.settings import PREFIX, Settings

LOGGER = logging.getLogger(__name__)

MOST_DESCRIPTORS = 1024 * 1024
"""What an unlimited process takes. Kernels refuse more by default."""
OWN_DESCRIPTORS = 64
"""Enough for the event loop, listening sockets, log, files and look-ups of names."""
LOG_SECONDS = 1.0
"""The interval of the line that says that connections were closed, at least."""


class Connection(Protocol):
    """An open connection; hashable by identity."""

    def abort(self) -> None:
        """Drop the connection, with what is not sent yet."""


class Connections:
    """The open connections of a server. When there are more than `most`, closes those that wait for a request."""

    def __init__(self, most: int, head_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self.most = most
        self.head_seconds = head_seconds
        self.count = 0
        self._waiting: dict[Connection, None] = {}
        self._clock = clock
        self._closed = 0
        self._silent_until = 0.0

    def add(self, connection: Connection) -> None:
        """Count a new connection, which waits for its first request."""
        self.count += 1
        self.wait(connection)
        if self.count > self.most:
            self._close_longest_waiting()

    def wait(self, connection: Connection) -> None:
        """Note that the connection waits for a request, from now on."""
        self._waiting[connection] = None

    def serve(self, connection: Connection) -> None:
        """Note that the connection has a request."""
        self._waiting.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self.count -= 1
        self._waiting.pop(connection, None)

    def _close_longest_waiting(self) -> None:
        """Close one; if all others have a request, this is the newest."""
        longest = next(iter(self._waiting))
        del self._waiting[longest]
        longest.abort()
        self._closed += 1
        if self._clock() >= self._silent_until:
            LOGGER.warning("all %d connections are in use: closed %d without a request", self.most, self._closed)
            self._closed, self._silent_until = 0, self._clock() + LOG_SECONDS


def raise_descriptor_limit() -> int:
    """Let the process open as many files as its hard limit allows, and return the number."""
    soft, hard = (_known(limit) for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    wanted = min(hard, MOST_DESCRIPTORS)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        except (OSError, ValueError) as error:
            LOGGER.warning("the process may open only %d files: %s", soft, error)
            return soft
    return max(soft, wanted)


def fit_descriptors(settings: Settings) -> Settings:
    """Return the settings with as many connections for live updates as leave a quarter for requests."""
    fitting = most_connections(settings) * 3 // 4
    if settings.live_connections <= fitting:
        return settings
    LOGGER.warning(
        "%sLIVE_CONNECTIONS is %d instead of %d: the process may open only %d files",
        *(PREFIX, fitting, settings.live_connections, _descriptor_limit()),
    )
    return settings.model_copy(update={"live_connections": fitting})


def most_connections(settings: Settings) -> int:
    """Return how many connections leave enough descriptors for the database and for a burst of new ones."""
    limit = _descriptor_limit()
    kept = 3 * settings.pool_max_size + OWN_DESCRIPTORS + accept_backlog()
    return max(limit - kept, limit // 4)


def accept_backlog() -> int:
    """Return how many connections may wait to be accepted: all of them can be at once, before any is closed."""
    return min(2048, _descriptor_limit() // 8)


def _descriptor_limit() -> int:
    return _known(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _known(limit: int) -> int:
    return MOST_DESCRIPTORS if limit == resource.RLIM_INFINITY else limit
