"""A body must arrive at some pace, and one key has only so many bytes of bodies in the server."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx
import orjson
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from session_graph.http.bodies import Bodies, BodyReading, BodyTooSlow, TooManyBodies
from session_graph.http.request import BodyTooLarge
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import Served, serving, until
from support.sockets import raw, read_to_end
from support.toy import VIEWER

pytestmark = pytest.mark.anyio

SECONDS = 0.4
MOST_HELD = 1024 * 1024
BODY = orjson.dumps({"query": "{ viewer { name } }"})


@pytest.fixture
async def hasty(database: Database, database_url: str, settings: Settings) -> AsyncIterator[Served]:
    changed = {
        "body_seconds": SECONDS,
        "body_bytes_per_second": 100_000,
        "max_body_bytes": 400_000,
        "max_record_body_bytes": 400_000,
        "max_bodies_bytes": MOST_HELD,
        "record_idle_seconds": 5,
    }
    async with serving(database, database_url, settings.model_copy(update=changed)) as served:
        yield served


def head(key: str, *lines: str, path: str = "/graphql", content_type: str = "application/json") -> bytes:
    common = f"Host: here\r\nAuthorization: Bearer {key}\r\nContent-Type: {content_type}"
    return "\r\n".join([f"POST {path} HTTP/1.1", common, *lines, "\r\n"]).encode()


@pytest.mark.parametrize("sent", [b"", BODY[:1], BODY[:-1]], ids=["nothing", "one byte", "all but one byte"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_body_that_never_ends_is_refused(hasty: Served, bistro: Account, sent: bytes, framing: str) -> None:
    key = await make_key(bistro)
    if framing == "length":
        request = head(key, f"Content-Length: {len(BODY)}") + sent
    else:
        request = head(key, "Transfer-Encoding: chunked") + (b"%x\r\n%b\r\n" % (len(sent), sent) if sent else b"")
    async with raw(hasty, request) as own:
        answer = await read_to_end(own)

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in answer.lower()
    assert orjson.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"] == {"code": "TIMEOUT"}
    await until(lambda: not hasty.server.server_state.connections)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_body_that_comes_a_byte_at_a_time_is_refused(hasty: Served, bistro: Account, accept: str) -> None:
    request = head(await make_key(bistro), "Content-Length: 100000", f"Accept: {accept}")
    loop = asyncio.get_running_loop()
    async with raw(hasty, request) as own:
        reading = asyncio.create_task(read_to_end(own))
        while not reading.done():
            await loop.sock_sendall(own, b" ")
            await asyncio.sleep(0.02)

    assert (await reading).startswith(b"HTTP/1.1 408 ")


async def test_a_long_body_at_the_pace_is_read(hasty: Served, bistro: Account) -> None:
    """It takes longer than a short one may."""
    body = BODY + b" " * 300_000
    loop = asyncio.get_running_loop()
    async with raw(hasty, head(await make_key(bistro), f"Content-Length: {len(body)}")) as own:
        began = loop.time()
        for start in range(0, len(body), 15_000):
            await loop.sock_sendall(own, body[start : start + 15_000])
            await asyncio.sleep(0.05)
        answer = await loop.sock_recv(own, 4096)

    assert loop.time() - began > 2 * SECONDS
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_stream_of_records_has_its_own_limit(hasty: Served, bistro: Account) -> None:
    key = await make_key(bistro)
    request = head(key, "Transfer-Encoding: chunked", path="/records", content_type="application/x-ndjson")
    loop = asyncio.get_running_loop()
    async with raw(hasty, request + b"2\r\n{}\r\n") as own:
        await asyncio.sleep(3 * SECONDS)
        await loop.sock_sendall(own, b"1\r\n\n\r\n0\r\n\r\n")
        answer = await read_to_end(own)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"TIMEOUT" not in answer


@pytest.mark.parametrize("path", ["/", "/nowhere"])
async def test_a_body_that_nobody_reads_keeps_no_connection(hasty: Served, path: str) -> None:
    async with raw(hasty, head("none", "Content-Length: 1000000", path=path)) as own:
        own.settimeout(None)
        own.setblocking(False)
        assert await read_to_end(own)


async def test_the_bodies_of_one_key_are_bounded(hasty: Served, bistro: Account, caplog: Any) -> None:
    key, other = await make_key(bistro), await make_key(bistro)
    part = b" " * 390_000
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(12):
            own = await stack.enter_async_context(raw(hasty, head(key, "Content-Length: 400000") + part))
            readers.append(asyncio.create_task(read_to_end(own)))
        async with httpx.AsyncClient(base_url=hasty.address, headers={"Authorization": f"Bearer {other}"}) as client:
            assert (await client.post("/graphql", json={"query": "{ viewer { name } }"})).status_code == 200
        answers = await asyncio.gather(*readers)

    limited = [each for each in answers if each.startswith(b"HTTP/1.1 429 ")]
    assert len(limited) >= 12 - MOST_HELD // len(part)
    assert b"retry-after: 1" in limited[0].lower()
    assert b"connection: close" in limited[0].lower()
    assert b"RATE_LIMITED" in limited[0]
    async with httpx.AsyncClient(base_url=hasty.address, headers={"Authorization": f"Bearer {key}"}) as client:
        body = BODY + b" " * 300_000
        again = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert again.status_code == 200


def receiving(*messages: Message) -> Any:
    waiting = iter(messages)

    async def receive() -> Message:
        for message in waiting:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    return receive


MOST = 2048


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_bytes_are_held_until_the_request_is_done(settings: Settings) -> None:
    bodies = Bodies(settings)
    reading = BodyReading(bodies)

    assert await reading.read(receiving(part(b"ab"), part(b"c", more=False)), {}, VIEWER, MOST) == b"abc"
    assert sum(bodies.held.values()) == 3

    reading.release()
    assert not bodies.held


async def test_a_body_in_one_part_is_not_counted(settings: Settings) -> None:
    bodies = Bodies(settings)

    assert await BodyReading(bodies).read(receiving(part(b"abc", more=False)), {}, VIEWER, MOST) == b"abc"
    assert not bodies.held


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        ((), BodyTooSlow),
        (({"type": "http.disconnect"},), ClientDisconnect),
        ((part(b" " * 900),), TooManyBodies),
        ((part(b" " * 2000),), BodyTooLarge),
    ],
    ids=["silence", "disconnect", "too much", "too large"],
)
async def test_no_error_keeps_the_bytes_that_were_read(
    settings: Settings, rest: tuple[Message, ...], error: type[Exception]
) -> None:
    limits = {"max_bodies_bytes": 2000, "max_record_body_bytes": MOST, "body_seconds": 0.05}
    bodies = Bodies(settings.model_copy(update=limits))
    chunk, reading = bytes(1000), BodyReading(bodies)
    await BodyReading(bodies).read(receiving(part(bytes(500)), part(b"", more=False)), {}, VIEWER, MOST)
    before = sys.getrefcount(chunk)
    gc.disable()
    try:
        with suppress(error):
            await reading.read(receiving(part(chunk), *rest), {}, VIEWER, MOST)
            raise AssertionError("the body was read")
        assert sys.getrefcount(chunk) == before
    finally:
        gc.enable()
    reading.release()
    assert sum(bodies.held.values()) == 500


async def test_a_caller_that_cancels_is_cancelled(settings: Settings) -> None:
    bodies = Bodies(settings)
    reading = asyncio.create_task(BodyReading(bodies).read(receiving(), {}, VIEWER, MOST))
    await asyncio.sleep(0)
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading
