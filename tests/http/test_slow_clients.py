"""A client that does not read is disconnected, and nothing is buffered for it meanwhile."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import orjson
import pytest

from session_graph.sessions.editing import edit_sessions
from session_graph.sessions.filters import EVERYTHING
from session_graph.sessions.patch import parse_patch
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import EVENTS, Served, connected, serving, streamed, until
from support.records import record
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

LONG = "subscription { sessionEvents { session { id transcript { text } } } }"
SESSIONS = 60
CHARACTERS = 200_000


@pytest.fixture
async def hasty_server(database: Database, database_url: str, settings: Settings) -> AsyncIterator[Served]:
    """A server that waits half a second for a slow client."""
    hasty = settings.model_copy(update={"live_send_seconds": 0.5, "live_keep_alive_seconds": 0.2})
    async with serving(database, database_url, hasty) as served:
        yield served


async def cause_many_events(database: Database, account: Account) -> None:
    """Cause events of 12 MB in all: more than socket buffers hold."""
    patch = parse_patch({"isTodo": True})
    turns = [{"speaker": "USER", "text": "x" * CHARACTERS}]
    await record(database, account, *({"transcript": turns} for _ in range(SESSIONS)))
    await edit_sessions(database, make_viewer(account), EVERYTHING, None, patch, dry_run=False)


@asynccontextmanager
async def unread(address: str, request: bytes) -> AsyncIterator[socket.socket]:
    """Send the request, and read nothing."""
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    loop = asyncio.get_running_loop()
    place = urlsplit(address)
    await loop.sock_connect(own, (place.hostname, place.port))
    await loop.sock_sendall(own, request)
    with own:
        yield own


async def read_to_the_end(own: socket.socket) -> int:
    """Return the number of bytes that arrive before the connection ends."""
    loop, count = asyncio.get_running_loop(), 0
    async with asyncio.timeout(10):
        try:
            while data := await loop.sock_recv(own, 2**16):
                count += len(data)
        except ConnectionResetError:
            pass
    return count


async def test_an_unread_event_stream_is_disconnected(
    hasty_server: Served, database: Database, bistro: Account, caplog: pytest.LogCaptureFixture
) -> None:
    body = orjson.dumps({"query": LONG})
    head = (
        "POST /graphql HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {await make_key(bistro)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    async with unread(hasty_server.address, head.encode() + body) as own:
        await until(lambda: hasty_server.live.feeds._feeds)
        await cause_many_events(database, bistro)

        await until(lambda: hasty_server.is_idle and not hasty_server.server.server_state.connections)
        assert await read_to_the_end(own) < SESSIONS * CHARACTERS / 2
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_an_unread_websocket_is_disconnected(
    hasty_server: Served, database: Database, bistro: Account, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(hasty_server.address, await make_key(bistro)) as slow:
        await slow.subscribe(LONG)
        slow.connection.transport.pause_reading()
        await cause_many_events(database, bistro)

        await until(lambda: hasty_server.is_idle and not hasty_server.server.server_state.connections)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("pace", [0, 5000], ids=["nothing", "slowly"])
async def test_a_response_that_is_not_read_is_dropped(
    hasty_server: Served, database: Database, bistro: Account, pace: int
) -> None:
    """Reading a little keeps the connection."""
    turns = [{"speaker": "USER", "text": "x" * CHARACTERS}]
    await record(database, bistro, *({"transcript": turns} for _ in range(SESSIONS)))
    body = orjson.dumps({"query": "{ sessions(first: 50) { nodes { transcript { text } } } }"})
    head = (
        "POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {await make_key(bistro)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    async with unread(hasty_server.address, head.encode() + body) as own:
        await until(lambda: hasty_server.server.server_state.connections)
        for _ in range(30):
            await asyncio.sleep(0.1)
            if pace and hasty_server.server.server_state.connections:
                await asyncio.get_running_loop().sock_recv(own, 20 * pace)

        assert bool(hasty_server.server.server_state.connections) == bool(pace)


async def test_other_clients_get_their_events_meanwhile(
    hasty_server: Served, database: Database, bistro: Account
) -> None:
    key = await make_key(bistro)
    async with connected(hasty_server.address, key) as slow, streamed(hasty_server.address, key, EVENTS) as quick:
        await slow.subscribe(LONG)
        slow.connection.transport.pause_reading()
        await cause_many_events(database, bistro)

        events = [(await quick.event())["kind"] for _ in range(SESSIONS)]
        assert set(events) <= {"RECORDED", "CHANGED"}
        await until(lambda: len(hasty_server.live.subscriptions) <= 1)


async def test_a_server_that_stops_does_not_wait_for_slow_clients(
    database: Database, database_url: str, settings: Settings, bistro: Account
) -> None:
    loop = asyncio.get_running_loop()
    async with connected_slow(database, database_url, settings, bistro):
        await cause_many_events(database, bistro)
        await asyncio.sleep(0.5)
        began = loop.time()

    assert loop.time() - began < 3


@asynccontextmanager
async def connected_slow(
    database: Database, database_url: str, settings: Settings, account: Account
) -> AsyncIterator[None]:
    """Serve a client that reads nothing; the server stops first."""
    async with serving(database, database_url, settings) as served:
        slow = connected(served.address, await make_key(account))
        socket_ = await slow.__aenter__()
        await socket_.subscribe(LONG)
        socket_.connection.transport.pause_reading()
        yield
    socket_.connection.transport.abort()
    await slow.__aexit__(None, None, None)


async def test_an_idle_stream_sends_comments(hasty_server: Served, bistro: Account) -> None:
    async with streamed(hasty_server.address, await make_key(bistro), EVENTS) as quiet:
        assert await quiet.says_nothing()
        assert await quiet.says_nothing()

        assert quiet.comments >= 3
