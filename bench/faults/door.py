"""Clients without a key that do their worst, beside one that reads pages with a key.

    python -m bench.faults.door [SECONDS]

`session-graph serve` runs in a process of its own. A page of ten sessions is read again and again, first alone and
then beside each attack for 10 seconds, from other processes on the same machine: attempts with unknown keys,
connections that send nothing, endless heads in all shapes, and WebSockets that send large frames and pings before
they say who they are. It prints the page's times, the size of the process afterwards, and the log of a minute without
the page's lines. Fails if a page fails, if the process grows by more than 64 MB, or if a minute of attempts writes a
megabyte of log.
"""

import asyncio
import contextlib
import multiprocessing
import os
import resource
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from bench.faults.clients import Server, served
from bench.processes import resident_megabytes

SECONDS = 10.0
PAUSE_SECONDS = 0.02
IDLE = 600
ATTEMPTS_PER_SECOND = 3000
CONNECTIONS = 20
MOST_GROWTH = 64
"""Megabytes."""
MOST_LOG = 1_000_000
"""Bytes a minute."""

PAGE = {"query": "{ sessions(first: 10) { nodes { id startedAt contact asr agent { name } } } }"}
HEADS = (
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"X-000001: " + b"a" * 990 + b"\r\n"),
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", b"a" * 16_384),
    (b"GET /", b"a" * 16_384),
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"a:\r\n" * 4096),
    (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 500),
    (b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", b"a" * 16_384),
)
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
ATTEMPT = (
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
FRAME = b"\x81\xff" + struct.pack("!Q", 16 * 1024 * 1024) + b"mask"
PING = b"\x89\x80mask"

Address = tuple[str, int]
Attack = Callable[[Address, float], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a client with a key saw beside an attack, and what the attack left."""

    name: str
    seconds: list[float]
    resident: float
    """Megabytes."""
    logged: int

    def describe(self) -> str:
        half, most = statistics.median(self.seconds), statistics.quantiles(self.seconds, n=100)[98]
        return (
            f"{self.name:<28} {len(self.seconds):>6} pages  p50 {half * 1000:7.1f} ms  p99 {most * 1000:7.1f} ms  "
            f"longest {max(self.seconds) * 1000:7.1f} ms  resident {self.resident:6.1f} MB  "
            f"log {self.logged / 1e6:6.2f} MB a minute"
        )


def attempt(address: Address, until: float) -> None:
    """Send requests with unknown keys, each another one, at half of ATTEMPTS_PER_SECOND."""
    number, began = os.getpid() * 10**5, time.monotonic()
    sent = 0
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(address, 5) as own:
            while time.monotonic() < until:
                key = f"sg_{number + sent:010d}_{'0' * 52}"
                own.sendall(ATTEMPT % key.encode())
                if not own.recv(65536):
                    break
                sent += 1
                time.sleep(max(0.0, began + 2 * sent / ATTEMPTS_PER_SECOND - time.monotonic()))
    print(f"  {sent / (until - began):,.0f} attempts a second from one of two processes", flush=True)


def idle(address: Address, until: float) -> None:
    """Keep IDLE connections open that send nothing."""
    held: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        while time.monotonic() < until:
            while len(held) < IDLE:
                held.append(stack.enter_context(socket.create_connection(address, 5)))
            for own in [each for each in held if _is_closed(each)]:
                own.close()
                held.remove(own)
            time.sleep(0.1)


def send_heads(address: Address, until: float) -> None:
    """Send heads without an end over CONNECTIONS connections in turn."""
    _send_endlessly(address, until, [(start, rest) for start, rest in HEADS])


def send_frames(address: Address, until: float) -> None:
    """Send large frames and pings over WebSockets that are not initialised."""
    _send_endlessly(address, until, [(HANDSHAKE, PING * 2000), (HANDSHAKE, FRAME + b"x" * 16_384)])


ATTACKS: dict[str, tuple[Attack, ...]] = {
    "nothing": (),
    "3,000 attempts a second": (attempt, attempt),
    "600 idle connections": (idle,),
    "endless heads": (send_heads,),
    "WebSockets without a key": (send_frames,),
}


def _send_endlessly(address: Address, until: float, shapes: list[tuple[bytes, bytes]]) -> None:
    count, taken = 0, 0
    while time.monotonic() < until:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.create_connection(address, 5)) for _ in range(CONNECTIONS)]
            for own, (start, _) in zip(sockets, shapes * CONNECTIONS, strict=False):
                own.settimeout(1)
                own.sendall(start)
            for own, (_, rest) in zip(sockets, shapes * CONNECTIONS, strict=False):
                count += 1
                with contextlib.suppress(OSError):
                    for _ in range(1000):
                        own.sendall(rest)
                        taken += len(rest)
    print(f"  {count:,} connections, {taken / max(count, 1) / 1000:,.0f} kB taken of each", flush=True)


def _is_closed(own: socket.socket) -> bool:
    own.setblocking(False)
    try:
        return not own.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


@contextmanager
def attacked(server: Server, attacks: tuple[Attack, ...], seconds: float) -> Iterator[None]:
    place = urlsplit(server.address)
    assert place.hostname
    assert place.port
    until = time.monotonic() + seconds
    processes = [
        multiprocessing.get_context("spawn").Process(target=each, args=((place.hostname, place.port), until))
        for each in attacks
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.join()


async def read_pages(server: Server, seconds: float) -> list[float]:
    """Return how long each page took."""
    taken: list[float] = []
    async with httpx.AsyncClient(timeout=30, headers=server.headers) as client:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.perf_counter()
            answer = await client.post(f"{server.address}/graphql", json=PAGE)
            taken.append(time.perf_counter() - began)
            assert len(answer.json()["data"]["sessions"]["nodes"]) == 10, answer.text
            await asyncio.sleep(PAUSE_SECONDS)
    return taken


async def measure(server: Server, name: str, seconds: float) -> Result:
    before = server.log.stat().st_size
    with attacked(server, ATTACKS[name], seconds):
        taken = await read_pages(server, seconds)
    await asyncio.sleep(2)
    with server.log.open("rb") as log:
        log.seek(before)
        logged = sum(len(line) for line in log if b'"account":' not in line) * 60 / seconds
    return Result(name, taken, resident_megabytes(server.pid), round(logged))


async def run(seconds: float) -> int:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder), is_crowd=False):
            pass  # the demo's data and keys; its log has warnings alone
        async with served(Path(folder), is_crowd=False, command="serve") as server:
            await read_pages(server, 2)
            results = [await measure(server, name, seconds) for name in ATTACKS]
            bad = server.bad_lines()
    for result in results:
        print(result.describe())
    print(*bad[:5], sep="\n")
    grown = max(result.resident for result in results) - results[0].resident
    return int(bool(bad) or grown > MOST_GROWTH or any(result.logged > MOST_LOG for result in results[1:]))


if __name__ == "__main__":
    sys.exit(asyncio.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)))
