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

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Count a connection. Raises TooManyConnections."""
        if self.connections >= self.settings.live_connections or self._ending.is_set():
            raise TooManyConnections(retry_after=self._retry_after)
        self.connections += 1
        try:
            yield
        finally:
            self.connections -= 1

    @contextmanager
    def subscription(self, viewer: Viewer) -> Iterator[None]:
        """Count a subscription of the viewer. Raises TooManySubscriptions."""
        key = f"{viewer.account.id} {viewer.identity}"
        if self.subscriptions[key] >= self.settings.live_subscriptions:
            raise TooManySubscriptions(retry_after=self._retry_after)
        self.subscriptions[key] += 1
        try:
            yield
        finally:
            self.subscriptions[key] -= 1
            if not self.subscriptions[key]:
                del self.subscriptions[key]

    async def _mark(self) -> None:
        with suppress(TimeoutError, *CONNECTION_ERRORS):  # the listener logs that the database is away
            await mark_settled(self.database)
