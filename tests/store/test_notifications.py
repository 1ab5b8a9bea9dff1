"""Notifications: a task that reads the count before the database misses nothing, also if the connection is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from session_graph.store import connections, notifications
from session_graph.store.database import Database
from session_graph.store.notifications import Listener, Topic
from support.proxy import proxied

pytestmark = pytest.mark.anyio

CHANNEL = "session_graph_test"
NOTIFY = "select pg_notify($1, $2)"
TERMINATE_LISTENERS = """
select pg_terminate_backend(a.pid) from pg_stat_activity a
where a.application_name = 'session_graph listener' and a.datname = current_database()
"""


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    """Yield a listener that already listens."""
    listener = Listener(url, [CHANNEL])
    task = asyncio.create_task(listener.run())
    with listener.topic(CHANNEL, "at the start") as topic:
        await woken(topic, 0)
    yield listener
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_after_a_network_that_went_dark_every_topic_is_woken(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(notifications, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 2)
    with proxied(database_url) as (proxy, url):
        async with listening(url) as listener:
            with listener.topic(CHANNEL, "a") as topic:
                seen, proxy.is_dark = topic.count, True
                await database.fetchrow(NOTIFY, CHANNEL, "a")  # is never heard
                await woken(topic, seen)  # it looks for itself, although nothing answers
                proxy.is_dark, opened = False, proxy.opened
                async with asyncio.timeout(30):
                    while proxy.opened == opened:  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
                for _ in range(3):
                    seen = topic.count
                    await database.fetchrow(NOTIFY, CHANNEL, "a")
                    await woken(topic, seen)


async def woken(topic: Topic, seen: int) -> None:
    async with asyncio.timeout(30):
        await topic.wait(seen)


async def is_quiet(topic: Topic, seen: int) -> bool:
    await asyncio.sleep(0.1)
    return topic.count == seen


async def test_a_notification_wakes_only_the_topic_of_its_payload(database: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        with listener.topic(CHANNEL, "a") as one, listener.topic(CHANNEL, "b") as other:
            await database.fetchrow(NOTIFY, CHANNEL, "a")

            await woken(one, 0)
            assert await is_quiet(other, 0)


async def test_a_notification_between_reading_and_waiting_is_not_missed(database: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        with listener.topic(CHANNEL, "a") as topic:
            await database.fetchrow(NOTIFY, CHANNEL, "a")
            await woken(topic, 0)

            await woken(topic, 0)  # returns at once, as it was woken since
            assert topic.count == 1


async def test_users_of_a_payload_share_one_topic_until_the_last_leaves(database_url: str) -> None:
    listener = Listener(database_url, [CHANNEL])

    with listener.topic(CHANNEL, "a") as one:
        with listener.topic(CHANNEL, "a") as other:
            assert one is other
        assert listener._topics
    assert not listener._topics


async def test_after_a_lost_connection_every_topic_is_woken(database: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        with listener.topic(CHANNEL, "a") as one, listener.topic(CHANNEL, "b") as other:
            assert await database.fetch(TERMINATE_LISTENERS)

            await woken(one, 0)
            await woken(other, 0)

            await database.fetchrow(NOTIFY, CHANNEL, "b")
            await woken(other, 1)


async def test_a_topic_of_a_channel_without_a_listener_is_refused(database_url: str) -> None:
    with pytest.raises(AssertionError), Listener(database_url, [CHANNEL]).topic("another"):
        pass
