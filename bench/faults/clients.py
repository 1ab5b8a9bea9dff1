"""Clients that leave at any moment: none of them is an error in the server's log.

    python -m bench.faults.clients [ROUNDS]

In each of 5 rounds 800 WebSockets with three subscriptions each and 100 event streams follow the demo account, while
a session of it is edited. 30 % of them are dropped at random moments, some with a reset; the others close in order.
Prints what it counted. Fails if the log has a line of the level ERROR or one that is not JSON, or if the server is not
ready in the end.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

ROUNDS = 5
SOCKETS = 800
SUBSCRIPTIONS = 3
STREAMS = 100
DROPPED = 0.3
START_SECONDS = 120.0
ROUND_SECONDS = 300.0
DROP_SECONDS = 10.0
EDIT_SECONDS = 0.3
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: the kernel sends a reset instead of closing the connection in order."""

FOLLOW = "subscription { sessionEvents { kind sessionId session { id contact comment } cursor } }"
FIND = "{ sessions(first: 1) { nodes { id } } }"
EDIT = """
mutation ($id: ID!, $todo: Boolean!) {
  updateSession(input: {sessionId: $id, patch: {isTodo: $todo}}) { errors { message } }
}
"""


@dataclass
class Counts:
    """What happened."""

    opened: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    edits: int = 0


@dataclass(frozen=True)
class Server:
    """`session-graph demo` in a process of its own, and the key of an administrator."""

    address: str
    key: str
    log: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def bad_lines(self) -> list[str]:
        """Return the lines of the log that are errors, or no JSON, as the traceback of a lost task would be."""
        lines = self.log.read_text().splitlines()
        return [
            line for line in lines if not line.startswith("{") or orjson.loads(line)["level"] in ("ERROR", "CRITICAL")
        ]


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Server]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SESSION_GRAPH_")}
    settings = {
        "HOME": str(folder / "home"),
        "PORT": "0",
        "LIVE_SUBSCRIPTIONS": "10000",
        "BUDGET_CAPACITY": "1000000000000",
        "LIVE_CONNECTIONS": "5000",
        "LIVE_KEEP_ALIVE_SECONDS": "300",  # all clients share one process, which may answer late
        "LIVE_SEND_SECONDS": "300",
    }
    environment = inherited | {f"SESSION_GRAPH_{name}": value for name, value in settings.items()}
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "session_graph.cli.main", "demo"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout
        async with asyncio.timeout(START_SECONDS):
            address = ""
            while not address:
                words = (await process.stdout.readline()).decode().split()
                address = next((word for word in words if word.startswith("http://127.0.0.1:")), "")
        keys = orjson.loads((folder / "home" / "demo-keys.json").read_bytes())
        place = urlsplit(address)
        yield Server(f"http://{place.netloc}", keys["ADMIN"], folder / "log")
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 60)


async def follow_by_socket(server: Server, counts: Counts, leave: asyncio.Event, chance: random.Random) -> None:
    """Follow over a WebSocket until it is time to leave, or be dropped before."""
    address = f"{server.address.replace('http', 'ws', 1)}/graphql"
    async with connect(
        address,
        subprotocols=[Subprotocol("graphql-transport-ws")],
        compression=None,
        ping_interval=None,
        open_timeout=120,
        close_timeout=5,
    ) as connection:
        await connection.send(orjson.dumps({"type": "connection_init", "payload": server.headers}).decode())
        await connection.recv()
        for number in range(SUBSCRIPTIONS):
            message = {"type": "subscribe", "id": str(number), "payload": {"query": FOLLOW}}
            await connection.send(orjson.dumps(message).decode())
        await connection.send('{"type":"ping"}')
        while await connection.recv() != '{"type":"pong"}':  # the subscriptions have begun
            counts.answers += 1
        counts.opened["WebSockets"] += 1
        reading = asyncio.create_task(_read_socket(connection, counts))
        if chance.random() < DROPPED:
            await leave.wait()
            await asyncio.sleep(chance.random() * DROP_SECONDS)
            _drop(connection.transport, chance)
            counts.dropped["WebSockets"] += 1
        else:
            await leave.wait()
            await asyncio.sleep(DROP_SECONDS)
    await reading


async def _read_socket(connection: ClientConnection, counts: Counts) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await connection.recv()
            counts.answers += 1


async def follow_by_stream(server: Server, counts: Counts, leave: asyncio.Event, chance: random.Random) -> None:
    """Follow by an event stream, and be dropped at some moment."""
    place = urlsplit(server.address)
    body = orjson.dumps({"query": FOLLOW})
    head = "\r\n".join(
        [
            "POST /graphql HTTP/1.1",
            f"Host: {place.netloc}",
            f"Authorization: Bearer {server.key}",
            "Accept: text/event-stream",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "\r\n",
        ]
    )
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(head.encode() + body)
    assert b" 200 " in await reader.readline()
    counts.opened["event streams"] += 1
    reading = asyncio.create_task(_read_stream(reader, counts))
    await leave.wait()
    await asyncio.sleep(chance.random() * DROP_SECONDS)
    _drop(writer.transport, chance)
    counts.dropped["event streams"] += 1
    await reading


async def _read_stream(reader: asyncio.StreamReader, counts: Counts) -> None:
    with contextlib.suppress(ConnectionError):
        async for line in reader:
            counts.answers += line.startswith(b"data: {")


def _drop(transport: asyncio.BaseTransport, chance: random.Random) -> None:
    """Drop the connection, half of the times with a reset."""
    assert isinstance(transport, asyncio.Transport)
    if chance.random() < 0.5:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()


async def edit(server: Server, counts: Counts) -> None:
    """Edit a session until cancelled."""
    async with httpx.AsyncClient(timeout=60, headers=server.headers) as client:
        url = f"{server.address}/graphql"
        found = (await client.post(url, json={"query": FIND})).json()
        id_ = found["data"]["sessions"]["nodes"][0]["id"]
        while True:
            variables = {"id": id_, "todo": counts.edits % 2 == 0}
            answer = (await client.post(url, json={"query": EDIT, "variables": variables})).json()
            assert not answer["data"]["updateSession"]["errors"], answer
            counts.edits += 1
            await asyncio.sleep(EDIT_SECONDS)


async def run_round(server: Server, counts: Counts, chance: random.Random) -> None:
    leave, goal = asyncio.Event(), counts.opened.total() + SOCKETS + STREAMS
    editing = asyncio.create_task(edit(server, counts))
    try:
        async with asyncio.timeout(ROUND_SECONDS), asyncio.TaskGroup() as tasks:
            for _ in range(SOCKETS):
                tasks.create_task(follow_by_socket(server, counts, leave, chance))
            for _ in range(STREAMS):
                tasks.create_task(follow_by_stream(server, counts, leave, chance))
            while counts.opened.total() < goal:  # noqa: ASYNC110 - the clients have no common event
                await asyncio.sleep(0.1)
            leave.set()
    finally:
        editing.cancel()
        await asyncio.wait([editing])


async def run(rounds: int) -> int:
    counts, chance = Counts(), random.Random(14)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as server:
            for number in range(rounds):
                await run_round(server, counts, chance)
                print(f"round {number + 1}: {counts.answers:,} events received", flush=True)
            async with httpx.AsyncClient(timeout=10) as client:
                ready = (await client.get(f"{server.address}/readyz")).status_code == 200
        bad = server.bad_lines()
    print(f"opened {dict(counts.opened)}, dropped {dict(counts.dropped)}, edits {counts.edits}")
    print(f"ready {ready}, bad lines in the log {len(bad)}", *bad[:5], sep="\n")
    return 0 if ready and not bad else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)))
