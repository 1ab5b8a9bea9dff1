"""Clients that connect and send nothing, or too slowly, lock nobody out."""

import asyncio
import contextlib
import logging
import resource
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from session_graph.cli import serve
from session_graph.http.connections import Connections, accept_backlog, fit_descriptors, most_connections
from session_graph.settings import Settings, load_settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import EVENTS, Served, connected, opened, serving, streamed, until
from support.sockets import raw, read_to_end

pytestmark = pytest.mark.anyio

LOGGER = "session_graph.http.connections"
MOST = 8
PROBE = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"


class Stub:
    """A connection that counts how often it is aborted."""

    def __init__(self, address: str | None = None) -> None:
        self.address = address
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Crowd:
    """Connections of a limit of 2, with a clock that stands."""

    clock: Clock = field(default_factory=Clock)
    connections: Connections = field(init=False)

    def __post_init__(self) -> None:
        self.connections = Connections(2, 10, self.clock)

    def add(self) -> Stub:
        stub = Stub()
        self.connections.add(stub)
        return stub


def test_the_connection_that_has_waited_longest_is_closed() -> None:
    crowd = Crowd()
    first, second = crowd.add(), crowd.add()
    crowd.connections.serve(first)
    crowd.connections.wait(first)

    third = crowd.add()

    assert [each.aborted for each in (first, second, third)] == [0, 1, 0]


def test_a_connection_with_a_request_is_never_closed() -> None:
    crowd = Crowd()
    served = [crowd.add(), crowd.add()]
    for each in served:
        crowd.connections.serve(each)

    newest = crowd.add()

    assert [each.aborted for each in (*served, newest)] == [0, 0, 1]


def test_a_closed_connection_makes_room() -> None:
    crowd = Crowd()
    first, second = crowd.add(), crowd.add()
    crowd.connections.remove(first)

    third = crowd.add()

    assert crowd.connections.count == 2
    assert [each.aborted for each in (first, second, third)] == [0, 0, 0]


def test_closing_is_logged_once_a_second_with_the_number(caplog: pytest.LogCaptureFixture) -> None:
    crowd = Crowd()
    for _ in range(6):
        crowd.add()
    crowd.clock.now = 1.5
    crowd.add()

    assert [each.getMessage() for each in caplog.records] == [
        "all 2 connections are in use: closed 1 without a request",
        "all 2 connections are in use: closed 4 without a request",
    ]


def test_an_address_gives_way_to_itself() -> None:
    connections = Connections(100, 10, per_address=2)
    others = [Stub("192.0.2.1"), Stub("192.0.2.1"), Stub(), Stub(), Stub()]
    own = [Stub("192.0.2.2") for _ in range(5)]
    for each in (*others, *own):
        connections.add(each)

    assert [each.aborted for each in others] == [0] * 5
    assert [each.aborted for each in own] == [1, 1, 1, 0, 0]


def test_addresses_that_have_gone_are_forgotten() -> None:
    connections = Connections(100, 10, per_address=2)
    for number in range(300):
        stub = Stub(f"192.0.2.{number}")
        connections.add(stub)
        connections.remove(stub)

    assert (connections.count, connections._addresses) == (0, {})


@pytest.mark.parametrize("limit", [256, 1024, 4096, 1024 * 1024])
def test_connections_leave_descriptors_for_the_database(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    settings = load_settings()

    assert most_connections(settings) + accept_backlog() + 3 * settings.pool_max_size < limit
    fitted = fit_descriptors(settings)
    assert fitted.live_connections + fitted.live_pending < most_connections(settings)


def test_an_unlimited_process_keeps_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    settings = load_settings()

    assert fit_descriptors(settings) == settings


def test_more_live_connections_than_descriptors_allow_are_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))

    fit_descriptors(load_settings(live_connections=2000))

    assert [each.getMessage() for each in caplog.records] == [
        "SESSION_GRAPH_LIVE_CONNECTIONS is 601 instead of 2000: the process may open only 1024 files"
    ]


@pytest.fixture
async def hasty(database: Database, database_url: str, settings: Settings) -> AsyncIterator[Served]:
    """A server that waits half a second for the head of a request."""
    changed = settings.model_copy(update={"request_head_seconds": 0.5})
    async with serving(database, database_url, changed) as served:
        yield served


@pytest.fixture
async def crowded(
    database: Database, database_url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    """A server that keeps MOST connections open."""
    monkeypatch.setattr(serve, "most_connections", lambda settings: MOST)
    async with serving(database, database_url, settings) as served:
        yield served


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET /healthz HTTP/1.1\r\nHost: he"], ids=["none", "blank", "part"])
async def test_a_connection_without_a_whole_head_is_closed(hasty: Served, sent: bytes) -> None:
    async with raw(hasty, sent) as own:
        assert await read_to_end(own) == b""
    await until(lambda: not hasty.server.server_state.connections)


async def test_a_head_that_comes_byte_by_byte_is_too_late(hasty: Served) -> None:
    loop = asyncio.get_running_loop()
    async with raw(hasty, b"GET /healthz HTTP/1.1\r\nHost: ") as own:
        closed = asyncio.create_task(read_to_end(own))
        with contextlib.suppress(ConnectionError):
            while not closed.done():
                await loop.sock_sendall(own, b"x")
                await asyncio.wait([closed], timeout=0.05)
        assert await closed == b""


async def test_the_head_of_a_later_request_is_limited_too(hasty: Served) -> None:
    loop = asyncio.get_running_loop()
    async with raw(hasty, PROBE) as own:
        assert (await loop.sock_recv(own, 4096)).startswith(b"HTTP/1.1 200")
        await loop.sock_sendall(own, PROBE[:10])

        await read_to_end(own)


async def test_a_request_may_take_longer_than_its_head(hasty: Served, bistro: Account) -> None:
    key = await make_key(bistro)
    async with streamed(hasty.address, key, EVENTS) as stream, connected(hasty.address, key) as socket_:
        await socket_.subscribe(EVENTS)
        await asyncio.sleep(1)

        assert await stream.says_nothing()
        await socket_.send(type="ping")
        assert await socket_.receive() == {"type": "pong"}


async def test_a_websocket_that_says_nothing_is_closed(
    database: Database, database_url: str, settings: Settings
) -> None:
    changed = settings.model_copy(update={"live_init_seconds": 0.3})
    async with serving(database, database_url, changed) as served, opened(served.address) as socket_:
        assert await socket_.closing_code() == 4408
        await until(lambda: served.is_idle)


async def test_silent_connections_lock_nobody_out(crowded: Served, caplog: pytest.LogCaptureFixture) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3 * MOST):
            await stack.enter_async_context(raw(crowded))
        async with httpx.AsyncClient(base_url=crowded.address, timeout=10) as client:
            answers = [await client.get(path) for path in ("/healthz", "/readyz", "/healthz")]

        assert [answer.status_code for answer in answers] == [200, 200, 200]
    lines = [each for each in caplog.records if each.name == LOGGER]
    assert lines
    assert {each.levelno for each in lines} == {logging.WARNING}
    await until(lambda: not crowded.server.server_state.connections)


async def test_one_address_may_have_so_many_connections(
    database: Database, database_url: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    few = settings.model_copy(update={"connections_per_address": MOST})
    async with serving(database, database_url, few) as served, contextlib.AsyncExitStack() as stack:
        for _ in range(3 * MOST):
            await stack.enter_async_context(raw(served))
        async with httpx.AsyncClient(base_url=served.address, timeout=10) as client:
            assert (await client.get("/healthz")).status_code == 200
        assert len(served.server.server_state.connections) <= MOST

    assert f"all {MOST} connections of one address are in use: closed 1 without a request" in caplog.messages


async def test_trusted_proxies_may_have_any_number(database: Database, database_url: str, settings: Settings) -> None:
    trusting = settings.model_copy(update={"connections_per_address": 2, "trusted_proxies": ("127.0.0.0/8",)})
    async with serving(database, database_url, trusting) as served, contextlib.AsyncExitStack() as stack:
        for _ in range(MOST):
            await stack.enter_async_context(raw(served))
        await until(lambda: len(served.server.server_state.connections) == MOST)
        await asyncio.sleep(0.1)

        assert len(served.server.server_state.connections) == MOST


async def test_connections_with_subscriptions_survive_silent_ones(crowded: Served, bistro: Account) -> None:
    key = await make_key(bistro)
    async with contextlib.AsyncExitStack() as stack:
        socket_ = await stack.enter_async_context(connected(crowded.address, key))
        await socket_.subscribe(EVENTS)
        stream = await stack.enter_async_context(streamed(crowded.address, key, EVENTS))
        for _ in range(3 * MOST):
            await stack.enter_async_context(raw(crowded))

        assert await stream.says_nothing()
        await socket_.send(type="ping")
        assert await socket_.receive() == {"type": "pong"}


async def test_connections_that_have_ended_are_not_counted(crowded: Served, bistro: Account, caplog: Any) -> None:
    key = await make_key(bistro)
    for _ in range(2 * MOST):
        async with httpx.AsyncClient(base_url=crowded.address) as client:
            assert (await client.get("/healthz")).status_code == 200
        async with connected(crowded.address, key) as socket_:
            await socket_.subscribe(EVENTS)
        await until(lambda: not crowded.server.server_state.connections)

    assert [each for each in caplog.records if each.name == LOGGER] == []
