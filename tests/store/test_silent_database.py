"""A database that does not answer: nothing waits for it without a bound, and what was given up is never used again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from tortoise.connection import get_connection

from session_graph.errors import OutcomeUnknown
from session_graph.settings import load_settings
from session_graph.store import tortoise_client
from session_graph.store.background import NoAnswer, PoolExhausted
from session_graph.store.connections import Limits
from session_graph.store.database import Database
from session_graph.store.readiness import SILENT, ReadinessProbe
from session_graph.store.tortoise_client import PoolClient, transaction_connection
from support.proxy import Proxy, proxied

pytestmark = pytest.mark.anyio

TIMEOUT = 0.5
SIZE = 3
PATIENCE = TIMEOUT + 3.0 + 1.0
"""The time-out of statements and 3 seconds, and one for a busy machine."""


@pytest.fixture
def proxy_and_url(database_url: str) -> Iterator[tuple[Proxy, str]]:
    with proxied(database_url) as found:
        yield found


@pytest.fixture
def proxy(proxy_and_url: tuple[Proxy, str]) -> Proxy:
    return proxy_and_url[0]


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[PoolClient]:
    """Yield a client of its own beside that of the process."""
    limits = Limits.of(load_settings(statement_timeout_ms=int(TIMEOUT * 1000), **settings))
    client = PoolClient(
        dsn=url, limits=limits, init=None, minsize=1, maxsize=SIZE, connection_name="silent", application_name=None
    )
    await client.create_connection(with_db=True)
    yield client
    if client._pool:
        await client.close()


@pytest.fixture
async def client(database: Database, proxy_and_url: tuple[Proxy, str]) -> AsyncIterator[PoolClient]:
    async with opened(proxy_and_url[1]) as found:
        yield found


async def fetch(client: PoolClient) -> int:
    row = await client.statement_pool.fetchrow("select 1")
    assert row
    return int(row[0])


async def execute(client: PoolClient) -> None:
    async with client.acquire_connection() as connection:
        await connection.execute("select 1")


async def transact(client: PoolClient) -> None:
    async with client._in_transaction() as transaction:
        await transaction_connection(transaction).execute("select 1")


WAYS: list[Callable[[PoolClient], Coroutine[Any, Any, Any]]] = [fetch, execute, transact]


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_waits_for_a_database_that_is_silent_and_all_is_well_when_it_is_back(
    client: PoolClient, proxy: Proxy, way: Callable[[PoolClient], Coroutine[Any, Any, Any]]
) -> None:
    for _ in range(2):
        await asyncio.gather(*(way(client) for _ in range(SIZE)))
        proxy.is_dark = True

        began = time.monotonic()
        failures = await asyncio.gather(*(way(client) for _ in range(3 * SIZE)), return_exceptions=True)
        took = time.monotonic() - began

        assert [type(each) for each in failures if not isinstance(each, NoAnswer | PoolExhausted)] == []
        assert any(isinstance(each, NoAnswer) for each in failures)
        assert took < PATIENCE
        proxy.is_dark = False
        async with asyncio.timeout(5):
            await asyncio.gather(*(way(client) for _ in range(3 * SIZE)))


async def test_a_transaction_that_goes_silent_leaves_its_task_usable(client: PoolClient, proxy: Proxy) -> None:
    async def work() -> None:
        async with client._in_transaction() as transaction:
            proxy.is_dark = True
            await transaction_connection(transaction).execute("select 1")

    with pytest.raises(NoAnswer):
        await work()
    proxy.is_dark = False

    assert isinstance(get_connection("default"), PoolClient)
    await transact(client)


async def test_a_commit_without_an_answer_has_an_unknown_outcome(client: PoolClient, proxy: Proxy) -> None:
    async def work() -> None:
        async with client._in_transaction() as transaction:
            await transaction_connection(transaction).execute("select 1")
            proxy.is_dark = True

    with pytest.raises(OutcomeUnknown):
        await work()
    proxy.is_dark = False

    await transact(client)


async def test_a_connection_that_was_lost_before_the_commit_has_stored_nothing(client: PoolClient) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        async with client._in_transaction() as transaction:
            transaction_connection(transaction).terminate()

    await transact(client)


async def test_a_cancelled_statement_does_not_wait_for_a_silent_database(client: PoolClient, proxy: Proxy) -> None:
    for way in WAYS:
        await way(client)
        proxy.is_dark = True
        task = asyncio.create_task(way(client))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < tortoise_client.CANCEL_SECONDS + 1
        proxy.is_dark = False
        async with asyncio.timeout(10):
            await way(client)


async def test_closing_does_not_wait_for_a_silent_database(
    database: Database, proxy_and_url: tuple[Proxy, str]
) -> None:
    proxy, url = proxy_and_url
    async with opened(url, pool_max_size=SIZE) as client:
        client.limits = replace(client.limits, statement=60.0)
        await asyncio.gather(*(way(client) for way in WAYS))
        proxy.is_dark = True
        waiting = [asyncio.create_task(way(client)) for way in WAYS]
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await client.close()
        assert time.monotonic() - began < tortoise_client.CLOSE_SECONDS + 1
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_connections_are_not_used_after_they_were_idle_for_long(
    database: Database, proxy_and_url: tuple[Proxy, str]
) -> None:
    """A middlebox that forgets idle connections without a word is not met."""
    proxy, url = proxy_and_url
    async with opened(url, pool_idle_seconds=0.5) as client:
        for _ in range(2):
            await asyncio.gather(*(way(client) for way in WAYS))
            proxy.idle_seconds = 1.5
            await asyncio.sleep(2)
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(way(client) for way in WAYS))


async def test_waiting_for_a_connection_has_a_bound(client: PoolClient) -> None:
    async with client._in_transaction(), client._in_transaction(), client._in_transaction():
        began = time.monotonic()
        with pytest.raises(PoolExhausted):
            await transact(client)
        assert TIMEOUT <= time.monotonic() - began < PATIENCE


async def test_a_probe_answers_in_time_whatever_happens(
    database: Database, client: PoolClient, proxy_and_url: tuple[Proxy, str]
) -> None:
    proxy, url = proxy_and_url
    probe = ReadinessProbe(url, client.limits)
    for _ in range(2):
        assert (await probe.check()).is_ready
        proxy.is_dark = True
        began = time.monotonic()
        found = await asyncio.gather(*(probe.check() for _ in range(5)))
        assert time.monotonic() - began < 2
        assert [(each.is_ready, each.reason) for each in found] == [(False, SILENT)] * 5
        proxy.is_dark = False
    assert (await probe.check()).is_ready
    probe.close()


async def test_a_probe_is_not_held_up_by_a_busy_pool(client: PoolClient, database_url: str) -> None:
    probe = ReadinessProbe(database_url, client.limits)
    async with client._in_transaction(), client._in_transaction(), client._in_transaction():
        assert (await probe.check()).is_ready
    probe.close()
