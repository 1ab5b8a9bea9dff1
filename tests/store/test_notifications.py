"""Waiting for notifications: whoever counts before looking misses nothing, also where the connection is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from session_graph.store.database import Database
from session_graph.store.notifications import Listener, Topic

pytestmark = pytest.mark.anyio

CHANNEL = "session_graph_test"
TELL = "select pg_notify($1, $2)"
OURS = """
select pg_terminate_backend(a.pid) from pg_stat_activity a
where a.application_name = 'session_graph listener' and a.datname = current_database()
"""


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    """A listener that listens already."""
    listener = Listener(url, [CHANNEL])
    task = asyncio.create_task(listener.run())
    with listener.topic(CHANNEL, "at the start") as topic:
        await woken(topic, 0)
    yield listener
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def woken(topic: Topic, seen: int) -> None:
    async with asyncio.timeout(10):
        await topic.wait(seen)


async def is_quiet(topic: Topic, seen: int) -> bool:
    await asyncio.sleep(0.1)
    return topic.count == seen


async def test_a_notification_wakes_those_who_wait_for_its_payload_alone(database: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        with listener.topic(CHANNEL, "a") as one, listener.topic(CHANNEL, "b") as other:
            await database.fetchrow(TELL, CHANNEL, "a")

            await woken(one, 0)
            assert await is_quiet(other, 0)


async def test_what_came_between_looking_and_waiting_is_not_missed(database: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        with listener.topic(CHANNEL, "a") as topic:
            await database.fetchrow(TELL, CHANNEL, "a")
            await woken(topic, 0)

            await woken(topic, 0)  # at once, as it has been woken since
            assert topic.count == 1


async def test_many_who_wait_share_one_topic_which_is_gone_with_the_last(database_url: str) -> None:
    listener = Listener(database_url, [CHANNEL])

    with listener.topic(CHANNEL, "a") as one:
        with listener.topic(CHANNEL, "a") as other:
            assert one is other
        assert listener._topics
    assert not listener._topics


async def test_after_a_lost_connection_all_look_again(database: Database, database_url: str) -> None:
    async with listening(database_url) as listener:
        with listener.topic(CHANNEL, "a") as one, listener.topic(CHANNEL, "b") as other:
            assert await database.fetch(OURS)

            await woken(one, 0)
            await woken(other, 0)

            await database.fetchrow(TELL, CHANNEL, "b")
            await woken(other, 1)


async def test_a_channel_that_nobody_listens_to_is_a_mistake(database_url: str) -> None:
    with pytest.raises(AssertionError), Listener(database_url, [CHANNEL]).topic("another"):
        pass
