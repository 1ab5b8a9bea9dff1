"""A server with few file descriptors goes on answering, whatever connects to it."""

import asyncio
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from service.conftest import read_keys
from support.live import EVENTS, connected
from support.processes import Server

pytestmark = pytest.mark.anyio

MOST_FILES = 256
SILENT = 400

LIST = "{ sessions(first: 1) { nodes { id } } }"


async def test_silent_connections_beyond_the_descriptors_lock_nobody_out(home: Path) -> None:
    with Server(home, "serve", "--no-worker", most_files=str(MOST_FILES)) as server, ExitStack() as stack:
        await asyncio.to_thread(server.wait_until_it_serves)
        place = urlsplit(server.address)
        key = read_keys(home)["BUILDER"]
        async with connected(server.address, key) as subscriber:
            await subscriber.subscribe(EVENTS)
            for _ in range(SILENT):
                stack.enter_context(socket.create_connection((place.hostname or "", place.port or 0), timeout=10))

            async with httpx.AsyncClient(base_url=server.address, timeout=20) as client:
                probes = [await client.get(path) for path in ("/healthz", "/readyz") for _ in range(3)]
                headers = {"Authorization": f"Bearer {key}"}
                lists = [await client.post("/graphql", json={"query": LIST}, headers=headers) for _ in range(3)]
            await subscriber.send(type="ping")
            assert await subscriber.receive() == {"type": "pong"}

        assert [probe.status_code for probe in probes] == [200] * 6
        assert all(answer.json()["data"]["sessions"]["nodes"] for answer in lists)
        assert server.errors.count("connections are in use") in range(1, 10)
        assert "SESSION_GRAPH_LIVE_CONNECTIONS is 97 instead of 2000" in server.errors
        assert "Traceback" not in server.errors
        assert server.stop() == 0
