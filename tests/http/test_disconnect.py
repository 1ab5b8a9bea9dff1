import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from session_graph.http.access_log import LOGGER
from session_graph.http.negotiation import JSON
from session_graph.http.tasks import while_connected
from session_graph.store.database import Database
from support.toy import KEY, Happened, ToyApp, serve

pytestmark = pytest.mark.anyio


def receiving(types: Iterable[str]) -> Receive:
    """Return a callable that receives these messages, and then waits for more."""
    messages = iter(types)

    async def receive() -> Message:
        for type_ in messages:
            return {"type": type_}
        await asyncio.sleep(30)
        raise AssertionError

    return receive


async def test_a_block_ends_when_the_client_disconnects() -> None:
    task = asyncio.current_task()
    assert task is not None

    with pytest.raises(ClientDisconnect):
        async with while_connected(receiving(["http.request", "http.disconnect"])):
            await asyncio.sleep(30)

    assert task.cancelling() == 0


async def test_a_block_that_something_else_cancels_stays_cancelled() -> None:
    inside = asyncio.Event()

    async def block() -> None:
        async with while_connected(receiving([])):
            inside.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(block())
    await inside.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_block_that_is_cancelled_twice_stays_cancelled() -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        await leave.wait()
        return {"type": "http.disconnect"}

    async def block() -> None:
        async with while_connected(receive):
            inside.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(block())
    await inside.wait()
    leave.set()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_block_raises_its_own_errors() -> None:
    with pytest.raises(KeyError):
        async with while_connected(receiving(["http.request"])):
            raise KeyError


class Caller:
    """A client at the level of ASGI that disconnects when `disconnects` is set."""

    def __init__(self, app: ToyApp, query: str) -> None:
        self.sent: list[Message] = []
        self.disconnects = asyncio.Event()
        self._body = json.dumps({"query": query}).encode()
        headers = [(b"content-type", JSON.encode()), (b"authorization", KEY.encode())]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers, "query_string": b""}
        self.task = asyncio.create_task(app.build()(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        if self._body:
            body, self._body = self._body, b""
            return {"type": "http.request", "body": body}
        await self.disconnects.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


async def test_resolvers_are_cancelled_when_the_client_disconnects(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER.name)
    app = ToyApp()
    caller = Caller(app, "{ a: slow b: slow hello }")
    await app.happened.started.wait()

    caller.disconnects.set()
    await caller.task

    assert app.happened.cancelled == 2
    assert caller.sent == []
    assert [record.__dict__["status"] for record in caplog.records] == [499]


async def test_the_statement_of_a_disconnected_client_is_cancelled(database: Database) -> None:
    running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(31)' and state = 'active'"

    async def is_running() -> bool:
        row = await database.fetchrow(running)
        return row is not None and row[0] == 1

    app = ToyApp(happened=Happened(wait=lambda: database.execute("select pg_sleep(31)")))
    caller = Caller(app, "{ slow }")
    await until(is_running)

    caller.disconnects.set()
    await caller.task

    assert app.happened.cancelled == 1
    assert not await is_running()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110  # PostgreSQL has no event for it
            await asyncio.sleep(0.01)


def test_closing_the_socket_cancels_the_request() -> None:
    app = ToyApp()
    with serve(app.build()) as url:
        body = b'{"query": "{ slow }"}'
        head = f"POST /graphql HTTP/1.1\r\nHost: toys\r\nAuthorization: {KEY}\r\nContent-Type: {JSON}\r\n"
        address = urlsplit(url)
        assert address.hostname
        with socket.create_connection((address.hostname, address.port or 0)) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            wait_for(lambda: app.happened.started.is_set())

        wait_for(lambda: app.happened.cancelled == 1)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
