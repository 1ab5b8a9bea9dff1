"""A client that leaves at the worst moment is no error of the server."""

import asyncio
import gc
import logging
from typing import Any

import orjson
import pytest
from starlette.types import Message

from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import EVENTS, PROTOCOL, Served, until
from support.records import record

pytestmark = pytest.mark.anyio

SUBSCRIPTIONS = 4


class Leaver:
    """A WebSocket at the level of ASGI. After `gone`, each send fails as uvicorn's does."""

    def __init__(self, key: str) -> None:
        self.gone: Exception | None = None
        self.sent: list[Message] = []
        self.failed = 0
        self.disconnected = asyncio.Event()
        self._inbox = [{"type": "websocket.connect"}, self._text("connection_init", payload=self._credential(key))]
        self._inbox += [self._text("subscribe", id=str(n), payload={"query": EVENTS}) for n in range(SUBSCRIPTIONS)]

    @staticmethod
    def _credential(key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    @staticmethod
    def _text(type_: str, **message: Any) -> dict[str, str]:
        return {"type": "websocket.receive", "text": orjson.dumps({"type": type_, **message}).decode()}

    async def connect(self, served: Served) -> None:
        scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": [],
            "query_string": b"",
            "subprotocols": [PROTOCOL],
            "extensions": {},
        }
        await served.server.config.loaded_app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._inbox:
            return self._inbox.pop(0)
        await self.disconnected.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def _send(self, message: Message) -> None:
        if self.gone:
            self.failed += 1
            raise self.gone
        self.sent.append(message)


@pytest.mark.parametrize(
    "failure",
    [
        OSError("the client has gone"),
        RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close'."),
    ],
    ids=["gone", "closed"],
)
async def test_subscriptions_that_send_to_a_closed_connection_are_not_logged_as_errors(
    served: Served, database: Database, bistro: Account, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    caplog.set_level(logging.WARNING)
    client = Leaver(await make_key(bistro))
    serving = asyncio.create_task(client.connect(served))
    await until(lambda: sum(served.live.subscriptions.values()) == SUBSCRIPTIONS)

    client.gone = failure
    await record(database, bistro, {})
    async with asyncio.timeout(10):
        await serving

    assert client.failed
    gc.collect()  # asyncio logs an exception that nobody has retrieved when the task is collected
    assert [each.message for each in caplog.records if each.levelno >= logging.ERROR] == []
    await until(lambda: served.is_idle)


async def test_a_client_that_leaves_before_its_connection_is_open_is_not_an_error(
    served: Served, bistro: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    client = Leaver(await make_key(bistro))
    client.gone = OSError("the client has gone")

    await client.connect(served)

    assert caplog.records == []
    assert served.is_idle
