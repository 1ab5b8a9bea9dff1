"""What a WebSocket may do before its client has authenticated, and how many connections a caller may have after."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from session_graph.access.accounts import find_or_create_account
from session_graph.http.pending_sockets import MAX_INIT_FRAMES, MAX_INIT_PINGS
from session_graph.http.uvicorn_websockets import CONTROL_FRAMES, MAX_FRAGMENTS
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import EVENTS, Served, connected, opened, serving, streamed, until
from support.sockets import raw, read_to_end

pytestmark = pytest.mark.anyio

PENDING, PENDING_OF_ADDRESS = 8, 5
OF_KEY, OF_ACCOUNT = 3, 5
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
TEXT, CONTINUATION, PING, PONG, FINAL = 0x1, 0x0, 0x9, 0xA, 0x80


@pytest.fixture
async def small(database: Database, database_url: str, settings: Settings) -> AsyncIterator[Served]:
    """A server with few places."""
    changed = {
        "live_pending": PENDING,
        "live_pending_per_address": PENDING_OF_ADDRESS,
        "live_connections_per_key": OF_KEY,
        "live_connections_per_account": OF_ACCOUNT,
        "live_init_seconds": 2,
    }
    async with serving(database, database_url, settings.model_copy(update=changed)) as served:
        yield served


@pytest.fixture
async def other_account(database: Database) -> Account:
    return await find_or_create_account(f"a{uuid4().hex[:12]}")


def frame(first: int, payload: bytes = b"", announced: int | None = None) -> bytes:
    """Return a masked frame, which may announce more than it has."""
    length = len(payload) if announced is None else announced
    mask = os.urandom(4)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 2**16:
        size = bytes([0x80 | 126]) + struct.pack("!H", length)
    else:
        size = bytes([0x80 | 127]) + struct.pack("!Q", length)
    return bytes([first]) + size + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


async def shake_hands(own: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(own, HANDSHAKE)
    assert (await loop.sock_recv(own, 4096)).startswith(b"HTTP/1.1 101 ")


async def is_dropped(own: socket.socket, data: bytes) -> bool:
    """Return whether the server drops the connection at once when it gets these bytes, not after a time-out."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(1):
            await loop.sock_sendall(own, data)
            while await loop.sock_recv(own, 65536):
                pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def message(**fields: Any) -> bytes:
    return frame(FINAL | TEXT, orjson.dumps(fields))


FLOODS = {
    "a large frame that is announced": frame(FINAL | TEXT, b"x" * 40_000, announced=900_000),
    "a frame beyond every limit": frame(FINAL | TEXT, b"x", announced=2**40),
    "large fragments": frame(TEXT, b"x" * 10_000) + frame(CONTINUATION, b"x" * 10_000) * 3,
    "empty fragments": frame(TEXT, b"x") + frame(CONTINUATION) * 100,
    "pings of the protocol": frame(FINAL | PING, b"x" * 100) * (MAX_INIT_FRAMES + 1),
    "pongs of the protocol": frame(FINAL | PONG) * (MAX_INIT_FRAMES + 1),
    "ping messages": message(type="ping") * (MAX_INIT_PINGS + 1),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_client_without_a_name_that_sends_too_much_is_dropped(small: Served, flood: str) -> None:
    async with raw(small) as own:
        await shake_hands(own)

        assert await is_dropped(own, FLOODS[flood])
    await until(lambda: not small.server.server_state.connections)


async def test_a_large_message_is_refused_before_initialisation(small: Served) -> None:
    async with opened(small.address) as socket_:
        await socket_.send(type="connection_init", payload={"a": "x" * 20_000})

        assert await socket_.closing_code() == 1009


async def test_a_token_of_the_largest_size_fits(small: Served) -> None:
    async with opened(small.address) as socket_:
        await socket_.send(type="connection_init", payload={"Authorization": "Bearer " + "x" * 8000})

        assert await socket_.closing_code() == 4401


FIND = "{ viewer { name } }"


async def test_the_first_message_after_initialisation_may_be_large(small: Served, bistro: Account) -> None:
    async with connected(small.address, await make_key(bistro)) as socket_:
        await socket_.send(type="subscribe", id="1", payload={"query": FIND, "extensions": {"x": " " * 200_000}})

        assert (await socket_.next())["type"] == "next"


async def test_a_client_that_is_refused_and_stays_is_dropped(small: Served) -> None:
    loop = asyncio.get_running_loop()
    async with raw(small) as own:
        await shake_hands(own)
        began = loop.time()
        await loop.sock_sendall(own, message(type="connection_init", payload={"Authorization": "Bearer wrong"}))
        closing = await read_to_end(own)

    assert struct.pack("!H", 4401) in closing
    assert loop.time() - began < 3


@pytest.mark.parametrize(
    "frames",
    [frame(FINAL | PING) * (CONTROL_FRAMES + 50), frame(TEXT, b"x") + frame(CONTINUATION) * (MAX_FRAGMENTS + 1)],
    ids=["pings", "fragments"],
)
async def test_control_frames_and_fragments_are_limited_afterwards_too(
    small: Served, bistro: Account, frames: bytes
) -> None:
    loop = asyncio.get_running_loop()
    async with raw(small) as own:
        await shake_hands(own)
        header = {"Authorization": f"Bearer {await make_key(bistro)}"}
        await loop.sock_sendall(own, message(type="connection_init", payload=header))
        assert b"connection_ack" in await loop.sock_recv(own, 4096)

        assert await is_dropped(own, frames)
    await until(lambda: small.is_idle)


async def test_pending_sockets_take_no_place_of_live_ones(small: Served, bistro: Account) -> None:
    key = await make_key(bistro)
    async with AsyncExitStack() as stack:
        live = await stack.enter_async_context(connected(small.address, key))
        await live.subscribe(EVENTS)
        for _ in range(3 * PENDING):
            own = await stack.enter_async_context(raw(small))
            await shake_hands(own)
        another = await stack.enter_async_context(connected(small.address, key))
        await another.subscribe(EVENTS)
        stream = await stack.enter_async_context(streamed(small.address, key, EVENTS))

        assert await stream.says_nothing()
        assert await live.says_nothing()
        assert small.live.connections == 3


async def test_the_socket_that_has_waited_longest_gives_way_and_is_told(small: Served) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened(small.address)) for _ in range(PENDING_OF_ADDRESS + 1)]

        assert await sockets[0].closing_code() == 1013
        assert (
            sockets[0].connection.close_reason
            == "UNAVAILABLE: Too many WebSockets wait for connection_init; connect again."
        )
        assert [each.connection.close_code for each in sockets[1:]] == [None] * PENDING_OF_ADDRESS


async def test_pending_sockets_that_have_ended_are_not_counted(small: Served, bistro: Account) -> None:
    key = await make_key(bistro)
    for _ in range(2 * PENDING):
        async with opened(small.address):
            pass
        async with connected(small.address, key):
            pass
    await until(lambda: small.is_idle and not small.server.server_state.connections)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened(small.address)) for _ in range(PENDING_OF_ADDRESS)]
        await asyncio.sleep(0.1)

        assert [each.connection.close_code for each in sockets] == [None] * PENDING_OF_ADDRESS


async def test_the_connections_of_one_key_leave_those_of_another_account(
    small: Served, bistro: Account, other_account: Account
) -> None:
    key = await make_key(bistro)
    async with AsyncExitStack() as stack:
        for _ in range(OF_KEY):
            await stack.enter_async_context(connected(small.address, key))
        assert await refusal(small, key) == "RATE_LIMITED"

        theirs = await stack.enter_async_context(connected(small.address, await make_key(other_account)))
        await theirs.subscribe(EVENTS)
        stream = await stack.enter_async_context(streamed(small.address, await make_key(other_account), EVENTS))
        assert await stream.says_nothing()
    await until(lambda: small.is_idle)
    assert not small.live.connections_of
    async with connected(small.address, key):
        pass


async def test_the_connections_of_an_account_are_limited_over_all_its_keys(
    small: Served, bistro: Account, other_account: Account
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(OF_ACCOUNT):
            await stack.enter_async_context(connected(small.address, await make_key(bistro)))

        assert await refusal(small, await make_key(bistro)) == "RATE_LIMITED"
        async with connected(small.address, await make_key(other_account)):
            pass


async def test_an_event_stream_beyond_the_limit_is_refused(small: Served, bistro: Account) -> None:
    key = await make_key(bistro)
    async with AsyncExitStack() as stack:
        for _ in range(OF_KEY):
            await stack.enter_async_context(connected(small.address, key))
        async with streamed(small.address, key, EVENTS) as refused:
            assert refused.response.status_code == 429
            assert orjson.loads(refused.response.text)["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
            assert int(refused.response.headers["Retry-After"]) > 0


async def test_attempts_over_websockets_are_bounded(
    database: Database, database_url: str, settings: Settings, bistro: Account
) -> None:
    key = await make_key(bistro)
    few = settings.model_copy(update={"refusals_per_second": 0.1})
    async with serving(database, database_url, few) as served:
        async with connected(served.address, key):
            pass
        codes = [await refusal(served, f"sg_{number:010d}_{'0' * 52}") for number in range(10)]
        async with connected(served.address, key):
            pass

    assert codes[0] == "4401"
    assert codes[-1] == "RATE_LIMITED"


async def refusal(served: Served, key: str) -> str:
    """Return the code at the beginning of the reason, or that of the protocol."""
    async with opened(served.address) as socket_:
        await socket_.send(type="connection_init", payload={"Authorization": f"Bearer {key}"})
        with pytest.raises(ConnectionClosed):
            await socket_.receive()
        if socket_.connection.close_code == 1013:
            return str(socket_.connection.close_reason).partition(":")[0]
        return str(socket_.connection.close_code)
