"""The head of a request is limited in bytes and headers, whatever shape it has, and what else no body is."""

import asyncio
import resource
import socket

import httpx
import pytest

from session_graph.http.safe_headers import DEFAULTS
from session_graph.http.uvicorn_protocols import MAX_HEAD_BYTES, MAX_HEADERS, MAX_PIPELINED, PIECE_BYTES
from session_graph.store.models import Account
from support.api import make_key
from support.live import Served, until
from support.sockets import raw, read_to_end

pytestmark = pytest.mark.anyio

START = b"GET /healthz HTTP/1.1\r\nHost: here\r\n"
CHUNKED = (
    b"POST /graphql HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nAuthorization: Bearer %b\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
LONG = b"a" * 10_000
ENDLESS = {
    "lines": (START, b"X-000001: " + LONG[:900] + b"\r\n"),
    "value": (START + b"X-000001: ", LONG),
    "name": (START, LONG),
    "url": (b"GET /", LONG),
    "query": (b"GET /healthz?", LONG),
    "method": (b"G", LONG),
    "folding": (START + b"X-000001: a\r\n", b" " + LONG[:900] + b"\r\n"),
    "blank lines": (b"", b"\r\n" * 4000),
    "short headers": (START, b"a:\r\n" * 2000),
    "websocket": (START + b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"X-000001: " + LONG[:900] + b"\r\n"),
}


async def send_for_ever(own: socket.socket, data: bytes, most: int = 64 * 1024 * 1024) -> int:
    """Send until the server resets the connection. Return the number of bytes it took."""
    loop, sent = asyncio.get_running_loop(), 0
    try:
        async with asyncio.timeout(10):
            while sent < most:
                await loop.sock_sendall(own, data)
                sent += len(data)
    except ConnectionError:
        return sent
    raise AssertionError("the server goes on reading")


@pytest.mark.parametrize("shape", ENDLESS)
async def test_an_endless_head_is_cut_off(served: Served, shape: str) -> None:
    start, rest = ENDLESS[shape]
    async with raw(served, start) as own:
        await send_for_ever(own, rest)
    await until(lambda: not served.server.server_state.connections)


@pytest.mark.parametrize("shape", ENDLESS)
async def test_a_head_that_is_too_long_is_refused_with_a_reason(served: Served, shape: str) -> None:
    """Some shapes are no HTTP at all; that is said as soon as it is known."""
    start, rest = ENDLESS[shape]
    async with raw(served, start + rest * (MAX_HEAD_BYTES // len(rest) + 1)) as own:
        answer = await read_to_end(own)

    assert answer.split(b"\r\n")[0] in (
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"HTTP/1.1 400 Bad Request",
    )
    if shape not in ("method", "name", "folding"):
        assert b" 431 " in answer
    assert_safe(answer)


@pytest.mark.parametrize("piece", [1, 1000, 70_000])
@pytest.mark.parametrize(("length", "status"), [(MAX_HEAD_BYTES, 200), (MAX_HEAD_BYTES + 1, 431)])
async def test_the_limit_is_exact(served: Served, length: int, status: int, piece: int) -> None:
    if piece == 1:
        piece = 997  # no divisor of any limit
    head = START + b"X: " + b"a" * (length - len(START) - 7) + b"\r\n\r\n"
    assert len(head) == length
    loop = asyncio.get_running_loop()
    async with raw(served) as own:
        for start in range(0, length, piece):
            await loop.sock_sendall(own, head[start : start + piece])
            await asyncio.sleep(0)
        answer = await loop.sock_recv(own, 4096)

    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(("headers", "status"), [(MAX_HEADERS - 1, 200), (MAX_HEADERS, 431)])
async def test_headers_are_counted(served: Served, headers: int, status: int) -> None:
    async with raw(served, START + b"a: b\r\n" * headers + b"\r\n") as own:
        answer = await asyncio.get_running_loop().sock_recv(own, 4096)

    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("shape", ["extension", "size", "trailers", "trailer", "short trailers"])
async def test_what_a_chunked_body_has_besides_its_bytes_is_limited(
    served: Served, bistro: Account, shape: str
) -> None:
    head = CHUNKED % (await make_key(bistro)).encode()
    begin, rest = {
        "extension": (b"1;a=", LONG),
        "size": (b"", b"0" * 10_000),
        "trailers": (b"1\r\n{\r\n0\r\n", b"X: " + LONG[:900] + b"\r\n"),
        "trailer": (b"1\r\n{\r\n0\r\nX: ", LONG),
        "short trailers": (b"1\r\n{\r\n0\r\n", b"a:\r\n" * 1000),
    }[shape]
    async with raw(served, head + begin) as own:
        await send_for_ever(own, rest)
    await until(lambda: not served.server.server_state.connections)


async def test_a_body_of_many_small_chunks_is_read(served: Served, bistro: Account) -> None:
    body = b'{"query": "{ viewer { name } }", "x": "' + b"a" * 30_000 + b'"}'
    chunks = b"".join(b"1;abc=def\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    assert len(chunks) > 4 * MAX_HEAD_BYTES
    async with raw(served, CHUNKED % (await make_key(bistro)).encode() + chunks) as own:
        answer = await asyncio.get_running_loop().sock_recv(own, 4096)

    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"], ids=["first", "after another"])
async def test_a_head_after_another_is_limited_too(served: Served, first: bytes) -> None:
    async with raw(served, first + START) as own:
        sent = await send_for_ever(own, b"X: " + LONG[:900] + b"\r\n")
    assert sent


async def test_few_requests_may_be_sent_ahead(served: Served) -> None:
    request = START + b"\r\n"
    async with raw(served, request * MAX_PIPELINED) as own:
        answer = b""
        while answer.count(b'{"alive":true}') < MAX_PIPELINED:
            answer += await asyncio.get_running_loop().sock_recv(own, 65536)

    assert answer.count(b"HTTP/1.1 200 ") == MAX_PIPELINED


async def test_many_requests_ahead_end_the_connection(served: Served) -> None:
    async with raw(served) as own:
        await send_for_ever(own, (START + b"\r\n") * 500)
    await until(lambda: not served.server.server_state.connections)


async def test_a_malformed_request_behind_another_gets_no_answer_in_its_place(served: Served) -> None:
    """The only answer that may come first is that to the first request."""
    async with raw(served, START + b"\r\nnonsense\r\n\r\n") as own:
        answer = await read_to_end(own)

    assert not answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\r\n",
    ],
    ids=["words", "header", "url", "TLS"],
)
async def test_malformed_requests_are_answered_with_all_safe_headers(served: Served, request_: bytes) -> None:
    async with raw(served, request_) as own:
        answer = await read_to_end(own)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert_safe(answer)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Sec-WebSocket-Version: 12", 400),
        ("Sec-WebSocket-Version: 13", 400),
        ("X: " + "a" * 9000, 431),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://evil.example",
            403,
        ),
    ],
    ids=["version", "no key", "long line", "origin"],
)
async def test_refused_websockets_have_all_safe_headers(
    served: Served, caplog: pytest.LogCaptureFixture, line: str, status: int
) -> None:
    head = f"GET /graphql HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: upgrade\r\n{line}\r\n\r\n"
    async with raw(served, head.encode()) as own:
        answer = await read_to_end(own)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert_safe(answer)
    assert [each for each in caplog.records if each.levelname in ("ERROR", "CRITICAL")] == []


async def test_a_refused_client_that_goes_on_is_dropped(served: Served) -> None:
    async with raw(served, b"nonsense\r\n\r\n") as own:
        assert await send_for_ever(own, LONG, 16 * 1024 * 1024) < 16 * 1024 * 1024


async def test_memory_and_the_loop_stay_flat_beside_endless_heads(served: Served) -> None:
    """The process is the test's own: its largest size grows by less than what one such head was."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    longest, loop = 0.0, asyncio.get_running_loop()

    async def attack(shape: str) -> None:
        start, rest = ENDLESS[shape]
        async with raw(served, start) as own:
            await send_for_ever(own, rest)

    attacks = [asyncio.create_task(attack(shape)) for shape in ENDLESS]
    async with httpx.AsyncClient(base_url=served.address, timeout=10) as client:
        while not all(each.done() for each in attacks):
            began = loop.time()
            assert (await client.get("/healthz")).status_code == 200
            longest = max(longest, loop.time() - began)
    await asyncio.gather(*attacks)

    assert longest < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def assert_safe(answer: bytes) -> None:
    head = answer.partition(b"\r\n\r\n")[0].lower()
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    for name in DEFAULTS:
        assert names.count(name.lower().encode()) == 1, name


def test_pieces_are_shorter_than_heads() -> None:
    assert 0 < PIECE_BYTES < MAX_HEAD_BYTES
