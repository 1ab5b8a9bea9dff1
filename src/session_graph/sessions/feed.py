"""The changes to a list of sessions after a position in the event log (domain.md, "Following what happens").

Which sessions match, and which of their columns the viewer may see, is decided by the same SQL as in lists. Nothing is
buffered for a subscriber: one that is slow, or was disconnected, continues to read in the log.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, TypeVar
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.sessions.columns import select_list
from session_graph.sessions.event_history import LogPosition
from session_graph.sessions.event_log import CHANNEL, Batch, Event, EventKind, read_events
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import Filter, where
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.scope import scope_sessions
from session_graph.store.background import CONNECTION_ERRORS
from session_graph.store.database import Database, Row
from session_graph.store.notifications import Listener, Topic

LOGGER = logging.getLogger(__name__)

T = TypeVar("T")

UNSETTLED_SECONDS = 0.1
MAX_UNSETTLED_SECONDS = 1.0
"""The first and the longest delay before reading again events that wait for an older transaction."""
WARN_AFTER_SECONDS = 30.0
"""How long events may wait for an older transaction before a warning is logged."""
RETRY_SECONDS = 1.0
"""The delay before reading again after the connection to the database was lost."""
MAX_READS = 10
MAX_READ_SIZE = 500
"""What a page reads of the log at most: so many times, and so many events each time."""


@dataclass(frozen=True, slots=True)
class Change:
    """`session` has the selected columns; None if the session no longer matches the filter.

    A CHECKPOINT has only a position, which all changes before have been yielded up to.
    """

    kind: EventKind
    session_id: UUID | None
    session: Row | None
    position: LogPosition


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes in log order, and the position to go on from, which may be after the last change."""

    changes: Sequence[Change]
    end: LogPosition
    has_more: bool


Prepare = Callable[[Sequence[Change]], Awaitable[None]]


@dataclass(frozen=True)
class Following:
    """The sessions that a subscriber follows. The period of `filter`, which is raw, counts back from each read."""

    viewer: Viewer
    filter: Mapping[str, Any]
    columns: frozenset[str]
    batch_size: int

    @cached_property
    def dedupe_key(self) -> Hashable:
        """Return a key that is equal for all subscribers that receive the same changes of an account's events."""
        viewer = self.viewer
        return viewer.role, viewer.integrations, viewer.agents, repr(self.filter), self.columns


class Feed:
    """Single-flight reads of an account's event log: subscribers that need the same events or changes share a read."""

    def __init__(self, database: Database, account_id: UUID, topic: Topic, semaphore: asyncio.Semaphore) -> None:
        self._database = database
        self._account_id = account_id
        self.topic = topic
        self._semaphore = semaphore
        self._in_flight: dict[Hashable, asyncio.Task[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._poll_delay = UNSETTLED_SECONDS
        self._unsettled_seconds = 0.0
        self.users = 0

    async def read(self, after: LogPosition, batch_size: int) -> Batch:
        """Return the events after the position, as of now or of a read that began after the topic was last woken."""
        read = partial(read_events, self._database, self._account_id, after, batch_size)
        batch = await self._single_flight((self.topic.count, after, batch_size), read)
        if not batch.has_unsettled:
            self._poll_delay, self._unsettled_seconds = UNSETTLED_SECONDS, 0.0
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._poll_delay, self._poll)
        return batch

    async def read_changes(self, following: Following, after: LogPosition, batch: Batch) -> list[Change]:
        """Return the changes that the batch, read after the position, means for the viewer."""
        if not batch.events:
            return []
        read = partial(read_changes, self._database, following, batch.events, datetime.now(UTC))
        return await self._single_flight((following.dedupe_key, after, batch.events[-1].position), read)

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()

    async def _single_flight(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result of `make`, which runs once for all that wait for the same key."""
        if key not in self._in_flight:
            task = self._in_flight[key] = asyncio.create_task(self._limited(make))
            task.add_done_callback(lambda done: self._forget(key, done))
        made: T = await asyncio.shield(self._in_flight[key])
        return made

    async def _limited(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with self._semaphore:
            return await make()

    def _forget(self, key: Hashable, done: asyncio.Task[Any]) -> None:
        self._in_flight.pop(key, None)
        if not done.cancelled():
            done.exception()  # or asyncio logs it as never retrieved, if all that waited are gone

    def _poll(self) -> None:
        if self._unsettled_seconds < WARN_AFTER_SECONDS <= self._unsettled_seconds + self._poll_delay:
            LOGGER.warning(
                "live updates of an account have waited %s seconds for a transaction to end", WARN_AFTER_SECONDS
            )
        self._unsettled_seconds += self._poll_delay
        self._poll_delay = min(2 * self._poll_delay, MAX_UNSETTLED_SECONDS)
        self._timer = None
        self.topic.wake()


class Feeds:
    """The feeds of the accounts that have subscribers.

    They run at most `max_statements` at a time, so that a change with thousands of subscribers delays no request.
    """

    def __init__(self, database: Database, listener: Listener, max_statements: int) -> None:
        self._database = database
        self._listener = listener
        self._semaphore = asyncio.Semaphore(max_statements)
        self._feeds: dict[UUID, Feed] = {}

    @contextmanager
    def open(self, account_id: UUID) -> Iterator[Feed]:
        """Yield the account's feed, which exists as long as it has users."""
        with self._listener.topic(CHANNEL, str(account_id)) as topic:
            feed = self._feeds.setdefault(account_id, Feed(self._database, account_id, topic, self._semaphore))
            feed.users += 1
            try:
                yield feed
            finally:
                feed.users -= 1
                if not feed.users:
                    self._feeds.pop(account_id).close()


async def follow_sessions(
    feeds: Feeds, following: Following, position: LogPosition, prepare: Prepare, checkpoint_seconds: float
) -> AsyncGenerator[Sequence[Change], None]:
    """Yield the changes after the position, forever, in batches that are never empty.

    A CHECKPOINT comes first, and again after every `checkpoint_seconds`. `prepare` loads the related objects that are
    selected. Continues after the connection to the database was lost. Raises PositionLost if events before the position
    were lost, and the error of a statement that the database refuses.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    with feeds.open(following.viewer.account.id) as feed:
        while True:
            if clock() >= due:
                due = clock() + checkpoint_seconds
                yield [Change(EventKind.CHECKPOINT, None, None, position)]
            seen = feed.topic.count
            try:
                batch = await feed.read(position, following.batch_size)
                changes = await feed.read_changes(following, position, batch)
                if changes:
                    await prepare(changes)
            except CONNECTION_ERRORS as error:
                LOGGER.warning("live updates cannot reach the database, trying again: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            position = batch.end
            if changes:
                yield changes
            if not batch.has_more:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await feed.topic.wait(seen)


async def read_change_page(
    database: Database, following: Following, after: LogPosition | None, size: int, now: datetime
) -> ChangePage:
    """Return at most `size` changes after the position, or from the beginning.

    Reads a bounded part of the log, so that a page may have few changes or none, and more after it. Raises PositionLost
    and ReplicaBehind.
    """
    changes: list[Change] = []
    read_size = size
    for _ in range(MAX_READS):
        batch = await read_events(database, following.viewer.account.id, after, read_size)
        found = await read_changes(database, following, batch.events, now) if batch.events else []
        missing = size - len(changes)
        changes += found[:missing]
        if len(found) > missing:
            return ChangePage(changes, changes[-1].position, has_more=True)
        after = batch.end
        if not batch.has_more or len(changes) == size:
            break
        read_size = min(2 * read_size, MAX_READ_SIZE)
    return ChangePage(changes, batch.end, batch.has_more)


async def read_changes(
    database: Database, following: Following, events: Sequence[Event], now: datetime
) -> list[Change]:
    """Return what these events, in log order, mean for the viewer now: one change for each session. One statement."""
    newest = {event.session_id: event for event in events}
    recorded = {event.session_id for event in events if event.kind is EventKind.RECORDED}
    found = await _read_current(database, following, parse_filter(following.filter, now), list(newest))
    changes = []
    for event in events:
        session = found.get(event.session_id)
        if session is None or event is not newest[event.session_id]:
            continue
        kind = EventKind.RECORDED if event.session_id in recorded else EventKind.CHANGED
        if session["is_meant"]:
            changes.append(Change(kind, event.session_id, session, event.position))
        elif kind is EventKind.CHANGED:
            changes.append(Change(EventKind.LEFT, event.session_id, None, event.position))
    return changes


async def _read_current(
    database: Database, following: Following, filter_: Filter, ids: Sequence[UUID]
) -> dict[UUID, Row]:
    """Return the sessions that the viewer may see, by id, each with `is_meant`: whether it matches the filter now."""
    parameters = Parameters(following.viewer.account.id)
    is_meant = where(following.viewer, filter_, parameters)
    scope = scope_sessions(following.viewer, parameters)
    rows = await database.fetch(
        f"select {select_list(following.columns)}, ({is_meant}) as is_meant from session s"
        f" where {scope} and s.id = any({parameters.bind(list(ids))})",
        *parameters,
    )
    return {UUID(row["id"]): row for row in rows}
