"""The speed of `POST /records` beside that of an import of the same lines, and what others wait for meanwhile.

    python -m bench.records [speed] [memory] [loop]     these parts, all of them by default

    speed      rows per second of one request, beside an import of the same lines, also with the first turns only
    memory     the resident set of the server while 100,000 sessions with their transcripts are recorded by one request
    loop       the longest time that the server's event loop is deaf, while it records sessions of 30,000 characters
               each, sent to `/records` and to `recordSessions`

The server runs in this process, and the client in one of its own. PostgreSQL and sessions are those of `recording.py`.
"""

import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import uvicorn
import uvloop

from bench.recording import make_account, read_sessions, run_import, write_lines
from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.http.app import create_app
from session_graph.http.client_address import ClientAddresses
from session_graph.http.connections import Connections
from session_graph.http.uvicorn_protocols import make_protocols
from session_graph.settings import Settings, load_settings
from session_graph.store.database import Database
from session_graph.store.lifecycle import open_url, store_url
from session_graph.store.models import Account

ROUNDS = 5
MANY = 100_000
FEW = 10_000
LEAST_ROWS = 4_000
FIRST_TURNS = 4
LONGEST_GAP = 0.05
LARGE = 500
CHARACTERS = 30_000
TURN = 500

MUTATION = """
mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) { recordedCount errors { message } } }
"""

Json = dict[str, Any]


@asynccontextmanager
async def serving(settings: Settings, database: Database) -> AsyncIterator[str]:
    """Serve the application behind uvicorn; yield its address."""
    http, _ = make_protocols(Connections(most=1000, head_seconds=60), ClientAddresses(), settings)
    config = uvicorn.Config(create_app(settings, database), http=http, port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    server.should_exit = True
    await running


async def send(url: str, key: str, path: Path, content_type: str) -> tuple[float, bytes]:
    """Send the file with curl, which reads the response while it sends. Return the seconds and the response."""
    start = time.perf_counter()
    options = ("-sS", "--fail-with-body", "-X", "POST", "-T", str(path))
    headers = ("-H", f"Authorization: Bearer {key}", "-H", f"Content-Type: {content_type}")
    process = await asyncio.create_subprocess_exec("curl", *options, *headers, url, stdout=asyncio.subprocess.PIPE)
    answer, _ = await process.communicate()
    assert process.returncode == 0, answer[:500]
    return time.perf_counter() - start, answer


async def send_records(address: str, account: Account, path: Path, expected: int) -> float:
    key, _ = await create_key(account, Role.RECORDER)
    seconds, answer = await send(f"{address}/records", key, path, "application/x-ndjson")
    assert answer.count(b'"status":"RECORDED"') == expected, answer[-500:]
    return seconds


async def compare_speed(settings: Settings, database: Database) -> None:
    agents, sessions = read_sessions()
    await _compare(settings, database, agents, sessions)
    shorter = [{**each, "transcript": each["transcript"][:FIRST_TURNS]} for each in sessions]
    print(f"with at most {FIRST_TURNS} turns")
    await _compare(settings, database, agents, shorter)


async def _compare(settings: Settings, database: Database, agents: Sequence[Json], sessions: Sequence[Json]) -> None:
    requests, imports = [], []
    size = len(sessions)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sessions.jsonl")
        await asyncio.to_thread(write_lines, path, sessions)
        async with serving(settings, database) as address:
            for number in range(ROUNDS + 1):
                requested = await send_records(address, await make_account(agents), path, size)
                account = await make_account(agents)
                start = time.perf_counter()
                await run_import(database, account, path)
                if number:  # the first warms up
                    requests.append(requested)
                    imports.append(time.perf_counter() - start)
    by_request, by_import = (size / statistics.median(seconds) for seconds in (requests, imports))
    print(f"speed: {size:,} sessions, {ROUNDS} rounds")
    print(f"  import           {by_import:8,.0f} rows/s")
    print(f"  POST /records    {by_request:8,.0f} rows/s   at least {LEAST_ROWS:,}")
    print(f"  ratio            {by_request / by_import:8.2f}")


async def measure_memory(settings: Settings, database: Database) -> None:
    agents, sessions = read_sessions()
    account = await make_account(agents)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sessions.jsonl")
        write_lines(path, islice(cycle(sessions), MANY))
        del sessions
        gc.collect()
        async with serving(settings, database) as address:
            with watching(_resident_megabytes, 0.1) as seen:
                seconds = await send_records(address, account, path, MANY)
    print(f"memory: {MANY:,} sessions in {seconds:.0f} s, {MANY / seconds:,.0f} rows/s")
    print(f"  first tenth      {max(seen[: len(seen) // 10]):8.0f} MB")
    print(f"  whole            {max(seen):8.0f} MB")


async def measure_loop(settings: Settings, database: Database) -> None:
    agents, _ = read_sessions()
    account = await make_account(agents)
    key, _ = await create_key(account, Role.RECORDER)
    records = [make_large(agents[0]["idn"]) for _ in range(LARGE)]
    print(f"loop: {LARGE} sessions of {CHARACTERS:,} characters in turns of {TURN}")
    with tempfile.TemporaryDirectory() as folder:
        lines, body = Path(folder, "lines"), Path(folder, "body")
        write_lines(lines, records)
        await asyncio.to_thread(
            body.write_bytes, orjson.dumps({"query": MUTATION, "variables": {"input": {"records": records}}})
        )
        async with serving(settings, database) as address:
            with gaps() as found:
                seconds = await send_records(address, account, lines, LARGE)
            _print_gaps("POST /records", found, seconds)
            with gaps() as found:
                seconds, answer = await send(f"{address}/graphql", key, body, "application/json")
            assert orjson.loads(answer)["data"]["recordSessions"]["recordedCount"] == LARGE, answer[:500]
            _print_gaps("recordSessions", found, seconds)


def make_large(agent: str) -> Json:
    turns = [{"speaker": "USER", "text": "hello " * (TURN // 6)} for _ in range(CHARACTERS // TURN)]
    times = {"startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:02:00Z"}
    return {"id": str(uuid4()), "agent": agent, "channel": "VOICE", **times, "transcript": turns}


@contextmanager
def gaps() -> Iterator[list[tuple[float, float]]]:
    """Collect the seconds between two turns of the event loop, and the seconds of work in them."""
    found: list[tuple[float, float]] = []

    async def beat() -> None:
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            found.append((time.perf_counter() - began - 0.001, time.thread_time() - worked))

    task = asyncio.create_task(beat())
    yield found
    task.cancel()


def _print_gaps(name: str, found: Sequence[tuple[float, float]], seconds: float) -> None:
    longest, busiest = (max(each) * 1000 for each in zip(*found, strict=True))
    print(f"  {name:16} {longest:6.0f} ms longest gap, at most {LONGEST_GAP * 1000:.0f}; {seconds:.2f} s in all")
    print(f"  {'':16} {busiest:6.0f} ms most work in one")


@contextmanager
def watching(measure: Callable[[], float], seconds: float) -> Iterator[list[float]]:
    seen: list[float] = []

    async def watch() -> None:
        while True:
            seen.append(measure())
            await asyncio.sleep(seconds)

    task = asyncio.create_task(watch())
    yield seen
    task.cancel()


def _resident_megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def measure(parts: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home), pool_min_size=1, pool_max_size=4)
        async with store_url(settings) as url, open_url(url, settings) as database:
            whole: dict[str, Callable[[Settings, Database], Awaitable[None]]] = {
                "speed": compare_speed,
                "memory": measure_memory,
                "loop": measure_loop,
            }
            for name, part in whole.items():
                if name in parts:
                    await part(settings, database)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(sys.argv[1:] or ["speed", "memory", "loop"]))
