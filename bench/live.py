"""The cost of live updates: idle followers, and the time until a change reaches its followers.

    python bench/live.py [quiet] [change] [writer]     these parts, all of them by default

    quiet     memory and CPU of the server with 1,000 followers of an account in which nothing happens, beside none
    change    the time from sending a mutation until 100 followers have it, over WebSockets and as event streams, beside
              the mutation's own answer; meanwhile 900 followers of another account are connected
    writer    the time of a mutation with 100 followers, beside none

The server is `session-graph serve`, a process with its own embedded PostgreSQL; the clients are in this process.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

MANY = 1000
FOLLOWERS = 100
ROUNDS = 15
QUIET_SECONDS = 30.0
MOST_MS = 500
MOST_COST = 4

FOLLOW = "subscription { sessionEvents { kind sessionId session { id contact asr isTodo } cursor } }"
RECORD = """
mutation ($input: RecordSessionInput!) { recordSession(input: $input) { session { id } errors { message } } }
"""
AGENT = 'mutation { createAgent(input: {idn: "desk", name: "Desk", timeZone: "UTC"}) { errors { message } } }'
SESSION = {
    "agent": "desk",
    "channel": "VOICE",
    "startedAt": "2026-11-20T10:00:00Z",
    "endedAt": "2026-11-20T10:02:00Z",
}

Waiter = Callable[[], Any]


class Server:
    """`session-graph serve` on a temporary home."""

    def __init__(self, home: str) -> None:
        settings = {
            "SESSION_GRAPH_HOME": home,
            "SESSION_GRAPH_PORT": "0",
            "SESSION_GRAPH_LIVE_SUBSCRIPTIONS": str(2 * MANY),
            "SESSION_GRAPH_BUDGET_CAPACITY": "1000000000000",
        }
        self._environment = {**os.environ, **settings}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "session_graph.cli.main", "serve", "--no-worker"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout
        self.address = self._process.stdout.readline().split()[-1].removesuffix("/graphql")

    def make_key(self, account: str) -> str:
        command = ["key", "create", "--account", account, "--role", "ADMIN", "--quiet"]
        made = subprocess.run(  # noqa: S603 - a command of ours
            [sys.executable, "-m", "session_graph.cli.main", *command],
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return made.stdout.strip()

    def memory(self) -> float:
        """Return the resident set in megabytes."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20

    def cpu(self) -> float:
        """Return the CPU seconds used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> float:
        """Stop the server and return the seconds that it took."""
        began = time.perf_counter()
        self._process.terminate()
        assert self._process.wait(30) == 0
        return time.perf_counter() - began


async def ask(client: httpx.AsyncClient, key: str, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    answer = (await client.post("/graphql", json=body, headers={"Authorization": f"Bearer {key}"})).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def open_socket(stack: AsyncExitStack, address: str, key: str) -> Waiter:
    """Follow over a WebSocket; return a function that waits for the next event."""
    url = f"{address.replace('http', 'ws', 1)}/graphql"
    socket: ClientConnection = await stack.enter_async_context(
        connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], compression=None, ping_interval=None)
    )
    init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {key}"}}
    for message in (init, {"type": "subscribe", "id": "1", "payload": {"query": FOLLOW}}, {"type": "ping"}):
        await socket.send(orjson.dumps(message).decode())
    assert [orjson.loads(await socket.recv())["type"] for _ in range(2)] == ["connection_ack", "pong"]
    return socket.recv


async def open_stream(stack: AsyncExitStack, address: str, key: str) -> Waiter:
    """Follow as an event stream; return a function that waits for the next event."""
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    stack.callback(writer.close)
    body = orjson.dumps({"query": FOLLOW})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await reader.readuntil(b":\n\n")

    async def wait() -> None:
        await reader.readuntil(b"event: next\n")
        await reader.readuntil(b"\n\n")

    return wait


@asynccontextmanager
async def following(address: str, key: str, count: int, open_: Any = open_socket) -> AsyncIterator[Sequence[Waiter]]:
    async with AsyncExitStack() as stack:
        yield [await open_(stack, address, key) for _ in range(count)]


async def measure_quiet(server: Server, key: str) -> None:
    async def idle() -> float:
        before = server.cpu()
        await asyncio.sleep(QUIET_SECONDS)
        return (server.cpu() - before) / QUIET_SECONDS * 100

    memory, share = server.memory(), await idle()
    print(f"quiet: {MANY:,} idle followers, {QUIET_SECONDS:.0f} s")
    print(f"  none            {memory:7.0f} MB   {share:5.2f} % of a core")
    for name, open_ in (("WebSockets", open_socket), ("event streams", open_stream)):
        async with following(server.address, key, MANY, open_):
            print(f"  {name:14}  {server.memory():7.0f} MB   {await idle():5.2f} % of a core")
        await asyncio.sleep(1)


async def measure_change(server: Server, client: httpx.AsyncClient, key: str, other: str) -> None:
    print(f"change: until {FOLLOWERS} followers have it, {MANY - FOLLOWERS} others idle, {ROUNDS} rounds")
    async with following(server.address, other, MANY - FOLLOWERS):
        for name, open_ in (("WebSockets", open_socket), ("event streams", open_stream)):
            async with following(server.address, key, FOLLOWERS, open_) as waiters:
                answered, first, last = [], [], []
                for number in range(ROUNDS + 2):
                    reached: list[float] = []

                    async def wait(waiter: Waiter, reached: list[float] = reached) -> None:
                        await waiter()
                        reached.append(time.perf_counter())

                    began = time.perf_counter()
                    async with asyncio.TaskGroup() as tasks:
                        for waiter in waiters:
                            tasks.create_task(wait(waiter))
                        await ask(client, key, RECORD, input=SESSION)
                        done = time.perf_counter()
                    if number >= 2:  # the first two warm up
                        answered.append(done - began)
                        first.append(min(reached) - began)
                        last.append(max(reached) - began)
            print(f"  {name:14}  first {_ms(first)}   last {_ms(last)} (at most {MOST_MS})   answer {_ms(answered)}")


async def measure_writer(server: Server, client: httpx.AsyncClient, key: str) -> None:
    async def mutate() -> float:
        began = time.perf_counter()
        await ask(client, key, RECORD, input=SESSION)
        return time.perf_counter() - began

    alone, followed = [], []
    for _ in range(ROUNDS):
        alone.append(await mutate())
        async with following(server.address, key, FOLLOWERS):
            followed.append(await mutate())
            await asyncio.sleep(0.5)
    ratio = statistics.median(followed) / statistics.median(alone)
    print(f"writer: a mutation with {FOLLOWERS} followers, {ROUNDS} rounds")
    print(f"  alone {_ms(alone)}   followed {_ms(followed)}   ratio {ratio:.2f}     at most {MOST_COST}")


def _ms(seconds: Sequence[float]) -> str:
    low, high = min(seconds) * 1000, max(seconds) * 1000
    return f"{statistics.median(seconds) * 1000:5.0f} ms ({low:.0f}-{high:.0f})"


async def main(parts: Sequence[str]) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.to_thread(Server, folder)
        key, other = [await asyncio.to_thread(server.make_key, account) for account in ("one", "other")]
        async with httpx.AsyncClient(base_url=server.address, timeout=30) as client:
            await ask(client, key, AGENT)
            if "quiet" in parts:
                await measure_quiet(server, other)
            if "change" in parts:
                await measure_change(server, client, key, other)
            if "writer" in parts:
                await measure_writer(server, client, key)
        print(f"The server ended after {await asyncio.to_thread(server.stop):.1f} s")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:] or ("quiet", "change", "writer")))
