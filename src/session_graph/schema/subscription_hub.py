"""The hub of the subscriptions of a process: its listener to the database, and its limits."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from session_graph.access import api_keys
from session_graph.access.viewer import Viewer
from session_graph.errors import TryLater
from session_graph.exports.jobs import PROGRESS
from session_graph.exports.requests import QUEUE
from session_graph.ingestion.deliveries import QUEUE as INLETS
from session_graph.sessions import event_log
from session_graph.sessions.event_history import MARK_SECONDS, mark_settled
from session_graph.sessions.feed import Feeds
from session_graph.settings import Settings
from session_graph.store.background import CONNECTION_ERRORS, run_forever
from session_graph.store.database import Database
from session_graph.store.notifications import Listener

CHANNELS: Sequence[str] = (QUEUE, PROGRESS, INLETS, event_log.CHANNEL, api_keys.CHANNEL)
"""The channels that a serving process listens to."""


class TooManySubscriptions(TryLater):
    """This key or token has the maximum number of subscriptions open."""

    code = "RATE_LIMITED"
    status = 429


class TooManyConnectionsOfCaller(TryLater):
    """This key or token, or its account, has the maximum number of connections for live updates open."""

    code = "RATE_LIMITED"
    status = 429


class TooManyConnections(TryLater):
    """The maximum number of connections for live updates is open; try again later."""

    code = "UNAVAILABLE"
    status = 503


class SubscriptionHub:
    """Run `run` while the process serves; call `end` at shutdown, so that no stream delays it."""

    def __init__(self, database: Database, listener: Listener, settings: Settings) -> None:
        self.database = database
        self.listener = listener
        self.feeds = Feeds(database, listener, max(1, settings.pool_max_size // 2))
        self.settings = settings
        self.connections = 0
        self.connections_of: Counter[str] = Counter()
        """By account and by key."""
        self.subscriptions: Counter[str] = Counter()
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Listen to the database and mark which events are settled, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.listener.run())
            tasks.create_task(run_forever(self._mark, MARK_SECONDS))

    def end(self) -> None:
        """End all streams."""
        self._ending.set()

    async def until_ending(self) -> None:
        await self._ending.wait()

    @property
    def _retry_after(self) -> float:
        """Return the seconds in which the place of a client that has vanished becomes free."""
        return self.settings.live_keep_alive_seconds + self.settings.live_send_seconds

    def check_free(self) -> None:
        """Raise TooManyConnections if there is no place for another connection."""
        if self.connections >= self.settings.live_connections or self._ending.is_set():
            raise TooManyConnections(retry_after=self._retry_after)

    @contextmanager
    def connection(self, viewer: Viewer) -> Iterator[None]:
        """Count a connection of the viewer. Raises TooManyConnections and TooManyConnectionsOfCaller."""
        self.check_free()
        account, key = f"account {viewer.account.id}", _key_of(viewer)
        limits = {account: self.settings.live_connections_per_account, key: self.settings.live_connections_per_key}
        if any(self.connections_of[owner] >= limit for owner, limit in limits.items()):
            raise TooManyConnectionsOfCaller(retry_after=self._retry_after)
        self.connections += 1
        with _counted(self.connections_of, account), _counted(self.connections_of, key):
            try:
                yield
            finally:
                self.connections -= 1

    @contextmanager
    def subscription(self, viewer: Viewer) -> Iterator[None]:
        """Count a subscription of the viewer. Raises TooManySubscriptions."""
        key = _key_of(viewer)
        if self.subscriptions[key] >= self.settings.live_subscriptions:
            raise TooManySubscriptions(retry_after=self._retry_after)
        with _counted(self.subscriptions, key):
            yield

    async def _mark(self) -> None:
        with suppress(TimeoutError, *CONNECTION_ERRORS):  # the listener logs that the database is away
            await mark_settled(self.database)


@contextmanager
def _counted(counter: Counter[str], name: str) -> Iterator[None]:
    counter[name] += 1
    try:
        yield
    finally:
        counter[name] -= 1
        if not counter[name]:
            del counter[name]


def _key_of(viewer: Viewer) -> str:
    return f"{viewer.account.id} {viewer.identity}"
