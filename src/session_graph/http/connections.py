"""How many connections a process keeps open, so that its file descriptors always suffice for the database.

Nobody needs a key to connect. So a client must send the head of a request in time, and when all connections are in use,
the one that has waited longest for a request is closed for a new one: clients that send nothing lock nobody out, and
`/healthz` and `/readyz` go on answering. One address may have so many connections, and gives way to itself beyond.
"""

import logging
import resource
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from session_graph.settings import PREFIX, Settings
from session_graph.token_bucket import Clock

LOGGER = logging.getLogger(__name__)

MOST_DESCRIPTORS = 1024 * 1024
"""What an unlimited process takes. Kernels refuse more by default."""
OWN_DESCRIPTORS = 64
"""Enough for the event loop, listening sockets, log, files and look-ups of names."""
LOG_SECONDS = 1.0
"""The interval of the line that says that connections were closed, at least."""


class Connection(Protocol):
    """An open connection; hashable by identity."""

    address: str | None
    """What limits by address count it by; None if they do not count it."""

    def abort(self) -> None:
        """Drop the connection, with what is not sent yet."""


@dataclass(slots=True)
class _Waiting:
    """How many connections there are, and those that wait, the longest first."""

    count: int = 0
    waiting: dict[Connection, None] = field(default_factory=dict)


class Connections:
    """The open connections of a server. When there are more than `most`, closes those that wait for a request.

    So it does when one address has more than `per_address`. `name` is what the log calls them.
    """

    def __init__(
        self,
        most: int,
        head_seconds: float,
        clock: Clock = monotonic,
        *,
        per_address: int | None = None,
        name: str = "connections",
    ) -> None:
        self.most = most
        self.per_address = per_address or most
        self.head_seconds = head_seconds
        self._name = name
        self._all = _Waiting()
        self._addresses: dict[str, _Waiting] = {}
        self._clock = clock
        self._closed: Counter[str] = Counter()
        self._silent_until = 0.0

    @property
    def count(self) -> int:
        """Return how many connections are open."""
        return self._all.count

    def add(self, connection: Connection) -> None:
        """Count a new connection, which waits for its first request."""
        address = connection.address
        if address is not None and address not in self._addresses:
            self._addresses[address] = _Waiting()
        for group in self._groups(connection):
            group.count += 1
        self.wait(connection)
        if address is not None and self._addresses[address].count > self.per_address:
            self._close_longest_waiting(self._addresses[address], f"{self.per_address} {self._name} of one address")
        elif self.count > self.most:
            self._close_longest_waiting(self._all, f"{self.most} {self._name}")

    def wait(self, connection: Connection) -> None:
        """Note that the connection waits for a request, from now on."""
        for group in self._groups(connection):
            group.waiting[connection] = None

    def serve(self, connection: Connection) -> None:
        """Note that the connection has a request."""
        for group in self._groups(connection):
            group.waiting.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        for group in self._groups(connection):
            group.count -= 1
            group.waiting.pop(connection, None)
        if connection.address is not None and not self._addresses[connection.address].count:
            del self._addresses[connection.address]

    def _groups(self, connection: Connection) -> tuple[_Waiting, ...]:
        if connection.address is None:
            return (self._all,)
        return self._all, self._addresses[connection.address]

    def _close_longest_waiting(self, group: _Waiting, limit: str) -> None:
        """Close one; if all others have a request, this is the newest."""
        longest = next(iter(group.waiting))
        self.serve(longest)
        longest.abort()
        self._closed[limit] += 1
        if self._clock() >= self._silent_until:
            for reached, closed in self._closed.items():
                LOGGER.warning("all %s are in use: closed %d without a request", reached, closed)
            self._closed.clear()
            self._silent_until = self._clock() + LOG_SECONDS


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
    """Return the settings with as many connections for live updates as leave a quarter for requests.

    Half of that quarter is for WebSockets that have not authenticated yet, at most.
    """
    most = most_connections(settings)
    fitting = most * 3 // 4
    settings = settings.model_copy(update={"live_pending": min(settings.live_pending, max(most // 8, 1))})
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
