"""Those who follow: the application behind a real server in the test's own loop, and clients of both transports."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import orjson
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from session_graph.cli.serve import make_config
from session_graph.schema.subscription_hub import CHANNELS, SubscriptionHub
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.notifications import Listener

PROTOCOL = "graphql-transport-ws"
SECONDS = 10.0
"""In which what is to come must have come."""
QUIET_SECONDS = 0.3
"""In which what must not come would have come."""

EVENTS = """
subscription ($filter: SessionFilter, $after: String) {
  sessionEvents(filter: $filter, after: $after) { kind sessionId cursor session { id version comment } }
}
"""

Json = dict[str, Any]


def cursor_of_checkpoint(answer: Json | None) -> str | None:
    """The cursor if this is a checkpoint of sessionEvents (empty if it is not selected), else None."""
    event = ((answer or {}).get("data") or {}).get("sessionEvents")
    if not event or event.get("sessionId") or event.get("session") or event.get("kind") not in (None, "CHECKPOINT"):
        return None
    return str(event.get("cursor", ""))


@dataclass(frozen=True, slots=True)
class Served:
    """An application that is served, and what its subscriptions share."""

    address: str
    live: SubscriptionHub
    server: uvicorn.Server

    @property
    def is_idle(self) -> bool:
        """Nothing is left of anybody who has followed."""
        live = self.live
        return not (live.connections or live.subscriptions or live.listener._topics or live.feeds._feeds)


@asynccontextmanager
async def serving(database: Database, url: str, settings: Settings) -> AsyncIterator[Served]:
    """As `session-graph serve` does, without the worker."""
    live = SubscriptionHub(database, Listener(url, CHANNELS), settings)
    server = _Server(make_config(settings, database, live))
    listener = socket.create_server(("127.0.0.1", 0))
    tasks = [asyncio.create_task(live.run()), asyncio.create_task(server.serve([listener]))]
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", live, server)
    finally:
        live.end()
        server.should_exit = True
        await tasks[1]
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])


class _Server(uvicorn.Server):
    """Leaves the signals of the tests alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class Stream:
    """One subscription over server-sent events. Checkpoints are kept apart."""

    response: httpx.Response
    parts: AsyncIterator[str]
    comments: int = 0
    last_id: str | None = None
    """The id of the last event that had one."""
    checkpoints: list[str] = field(default_factory=list)
    _reading: asyncio.Task[tuple[str, Json | None]] | None = None

    async def next(self) -> tuple[str, Json | None]:
        """The next event and its data; comments are passed over."""
        async with asyncio.timeout(SECONDS):
            return await self._next()

    async def _next(self) -> tuple[str, Json | None]:
        """Whoever gives up waiting leaves the reading to the next."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        found = await asyncio.shield(self._reading)
        self._reading = None
        return found

    async def _read(self) -> tuple[str, Json | None]:
        event, data = "", None
        async for line in self.parts:
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "id":
                self.last_id = value
            elif name == "data":
                data = orjson.loads(value)
            elif not line and event:
                if (cursor := cursor_of_checkpoint(data)) is None:
                    return event, data
                self.checkpoints.append(cursor)
                event, data = "", None
            elif line.startswith(":"):
                self.comments += 1
        raise EOFError

    async def close(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def data(self) -> Json:
        """The data of the next response, which has no errors."""
        event, answer = await self.next()
        assert event == "next", event
        assert answer
        assert "errors" not in answer, answer
        data: Json = answer["data"]
        return data

    async def event(self) -> Json:
        """The next session's event."""
        found: Json = (await self.data())["sessionEvents"]
        return found

    async def refusal(self) -> Json:
        """The only error, with which it ends."""
        event, answer = await self.next()
        assert event == "next"
        assert answer
        assert answer.keys() == {"errors"}
        (error,) = answer["errors"]
        assert await self.next() == ("complete", None)
        found: Json = error
        return found

    async def says_nothing(self) -> bool:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._next()
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def streamed(
    address: str, key: str, query: str, last_event_id: str | None = None, **variables: Any
) -> AsyncIterator[Stream]:
    """A subscription that has begun."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", f"{address}/graphql", json=body, headers=headers) as response,
    ):
        if response.status_code != 200:
            await response.aread()
        stream = Stream(response, response.aiter_lines())
        try:
            yield stream
        finally:
            await stream.close()


@dataclass(slots=True)
class Socket:
    """A WebSocket and its operations. Checkpoints are kept apart."""

    connection: ClientConnection
    waiting: dict[str, list[Json]] = field(default_factory=dict)
    checkpoints: list[str] = field(default_factory=list)

    async def send(self, **message: Any) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def receive(self) -> Json:
        async with asyncio.timeout(SECONDS):
            return await self._receive()

    async def _receive(self) -> Json:
        while True:
            message: Json = orjson.loads(await self.connection.recv())
            payload = message.get("payload") if message["type"] == "next" else None
            if (cursor := cursor_of_checkpoint(payload)) is None:
                return message
            self.checkpoints.append(cursor)

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        """Begin an operation, and wait until it has begun."""
        await self.send(type="subscribe", id=id, payload={"query": query, "variables": variables})
        await self.send(type="ping", payload={"of": id})
        while (message := await self.receive()) != {"type": "pong", "payload": {"of": id}}:
            self.waiting.setdefault(message["id"], []).append(message)

    async def next(self, id: str = "1") -> Json:
        """The next message of an operation."""
        while not self.waiting.get(id):
            message = await self.receive()
            self.waiting.setdefault(message["id"], []).append(message)
        return self.waiting[id].pop(0)

    async def data(self, id: str = "1") -> Json:
        message = await self.next(id)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        data: Json = message["payload"]["data"]
        return data

    async def event(self, id: str = "1") -> Json:
        found: Json = (await self.data(id))["sessionEvents"]
        return found

    async def refusal(self, id: str = "1") -> Json:
        message = await self.next(id)
        assert message["type"] == "error", message
        (error,) = message["payload"]
        found: Json = error
        return found

    async def says_nothing(self) -> bool:
        assert not any(self.waiting.values()), self.waiting
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await self._receive()
        except TimeoutError:
            return True
        return False

    async def closing_code(self) -> int | None:
        """The code by which it was closed, once it is."""
        async with asyncio.timeout(SECONDS):
            await self.connection.wait_closed()
        return self.connection.close_code

    async def initialise(self, key: str) -> Self:
        await self.send(type="connection_init", payload={"Authorization": f"Bearer {key}"})
        assert await self.receive() == {"type": "connection_ack"}
        return self


@asynccontextmanager
async def opened(
    address: str, protocol: str | None = PROTOCOL, origin: str | None = None, **headers: str
) -> AsyncIterator[Socket]:
    """A WebSocket that has said nothing yet."""
    async with connect(
        f"{address.replace('http', 'ws', 1)}/graphql",
        subprotocols=[Subprotocol(protocol)] if protocol else None,
        origin=Origin(origin) if origin else None,
        additional_headers=headers,
        compression=None,
        close_timeout=1,
    ) as connection:
        yield Socket(connection)


@asynccontextmanager
async def connected(address: str, key: str) -> AsyncIterator[Socket]:
    """A WebSocket that has said whose it is."""
    async with opened(address) as opened_:
        yield await opened_.initialise(key)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
