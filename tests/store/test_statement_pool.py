"""The statement pool lends a connection to each statement, and survives whatever happens to the connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from session_graph.store.statement_pool import StatementPool

pytestmark = pytest.mark.anyio

PATIENT: dict[str, Any] = {"wait": 30.0, "answer": 30.0, "idle": 30.0}


class Opened(list[asyncpg.Connection]):
    """All connections that the pool opened."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    async def connect(self) -> asyncpg.Connection:
        self.append(await asyncpg.connect(self._url))
        return self[-1]


@pytest.fixture
def opened(database_url: str) -> Opened:
    return Opened(database_url)


@pytest.fixture
async def statement_pool(opened: Opened) -> AsyncIterator[StatementPool]:
    found = StatementPool(opened.connect, 2, **PATIENT)
    yield found
    await found.close()


async def one(statement_pool: StatementPool) -> int:
    row = await statement_pool.fetchrow("select 1")
    assert row
    return int(row[0])


async def test_a_connection_is_used_again(statement_pool: StatementPool, opened: Opened) -> None:
    assert [await one(statement_pool) for _ in range(3)] == [1, 1, 1]
    assert [row[0] for row in await statement_pool.fetch("select generate_series(1, $1::integer)", 3)] == [1, 2, 3]

    assert len(opened) == 1


async def test_the_pool_never_opens_more_connections_than_its_size(
    statement_pool: StatementPool, opened: Opened
) -> None:
    await asyncio.gather(*(statement_pool.fetch("select pg_sleep(0.01)") for _ in range(20)))

    assert len(opened) == 2


async def test_a_statement_that_is_cancelled_leaves_its_connection_to_the_next(opened: Opened) -> None:
    statement_pool = StatementPool(opened.connect, 1, **PATIENT)
    for _ in range(5):
        slow = asyncio.create_task(statement_pool.fetch("select pg_sleep(60)"))
        await asyncio.sleep(0.05)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow

        async with asyncio.timeout(10):
            assert await one(statement_pool) == 1

    assert len(opened) == 1
    await statement_pool.close()


async def test_a_statement_that_fails_leaves_its_connection_to_the_next(
    statement_pool: StatementPool, opened: Opened
) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await statement_pool.fetch("select 1 / 0")

    assert await one(statement_pool) == 1
    assert len(opened) == 1


async def test_a_connection_that_the_server_closed_is_replaced(statement_pool: StatementPool, opened: Opened) -> None:
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await statement_pool.fetch("select pg_terminate_backend(pg_backend_pid())")

    assert await one(statement_pool) == 1
    assert len(opened) == 2


async def test_a_failed_connection_attempt_uses_up_no_slot(opened: Opened) -> None:
    refuses = True

    async def connect() -> asyncpg.Connection:
        if refuses:
            raise ConnectionRefusedError
        return await opened.connect()

    statement_pool = StatementPool(connect, 1, **PATIENT)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await one(statement_pool)
    refuses = False

    assert await one(statement_pool) == 1
    await statement_pool.close()


async def test_closing_waits_for_running_statements_and_refuses_new_ones(opened: Opened) -> None:
    statement_pool = StatementPool(opened.connect, 2, **PATIENT)
    running = asyncio.create_task(statement_pool.fetch("select pg_sleep(0.1)"))
    await asyncio.sleep(0.05)

    await statement_pool.close()

    assert running.done()
    assert all(connection.is_closed() for connection in opened)
    for _ in range(3):
        with pytest.raises(asyncpg.InterfaceError, match="closed"):
            await one(statement_pool)


async def test_terminating_ends_a_running_statement(opened: Opened) -> None:
    statement_pool = StatementPool(opened.connect, 2, **PATIENT)
    running = asyncio.create_task(statement_pool.fetch("select pg_sleep(60)"))
    await asyncio.sleep(0.05)

    statement_pool.terminate()

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await running
