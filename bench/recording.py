"""The cost of recording, beside that of its input and of PostgreSQL's COPY; and whether memory grows.

    python bench/recording.py [mutation] [import] [memory] [bulk]     these parts, all of them by default

    mutation   `recordSessions` with 500 sessions and their transcripts, beside a mutation that takes the same input and
               does nothing, served by the same view of the same server
    import     rows per second of an import, beside reading the same JSON Lines and copying the same rows
    memory     the resident set while 100,000 sessions with their transcripts are imported
    bulk       the resident set while one `updateSessions` changes all of them

It runs on its own embedded PostgreSQL, which is removed at the end, or on that of SESSION_GRAPH_DATABASE_URL, in new
accounts. Both kinds of run alternate; medians count. The sessions are those of ../shared/data/star, else the demo's.
"""

import asyncio
import gc
import gzip
import http.client
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import asyncpg
import orjson
import strawberry
import uvicorn
import uvloop

from session_graph.access.accounts import find_or_create_account
from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.demo import AGENTS, write_sessions
from session_graph.errors import Problem
from session_graph.http.app import create_app
from session_graph.schema import schema
from session_graph.schema.context import Info
from session_graph.schema.mutation import MUTATIONS, Mutation
from session_graph.schema.mutation_fields import mutation, raw_input
from session_graph.schema.mutation_types import RecordSessionsInput, RecordSessionsPayload
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.importing import import_sessions
from session_graph.settings import Settings, load_settings
from session_graph.store.database import Database
from session_graph.store.lifecycle import open_url, store_url
from session_graph.store.models import Account

STAR = Path(__file__).parents[2] / "shared" / "data" / "star"
BATCH = 500
ROUNDS = 15
IMPORTS = 5
MANY = 100_000
FEW = 10_000
MOST_COST = 1.5
LEAST_SPEED = 0.25

QUERY = """
mutation ($input: RecordSessionsInput!) {
  %s(input: $input) { recordedCount duplicateCount results { sessionId status } errors { code message path } }
}
"""
ARCHIVE = """
mutation {
  updateSessions(input: {target: {filter: {isArchived: false}}, patch: {isArchived: true, comment: "Old."}}) {
    changedCount errors { message }
  }
}
"""

Json = dict[str, Any]


@strawberry.type(name="Mutation", description="The mutations, and one that does nothing.")
class MutationAndNoop(Mutation):
    @mutation(
        "Take the input of recordSessions, and do nothing.",
        roles=MUTATIONS["recordSessions"],
        reads=raw_input(RecordSessionsInput, "Sessions."),
    )
    async def take_sessions(self, info: Info, batch: Json) -> RecordSessionsPayload:
        return RecordSessionsPayload()


def read_sessions() -> tuple[list[Json], list[Json]]:
    """Return agents, and sessions with their transcripts."""
    if STAR.is_dir():
        lines = gzip.decompress((STAR / "sessions.jsonl.gz").read_bytes()).splitlines()
        return orjson.loads((STAR / "agents.json").read_bytes()), [orjson.loads(line) for line in lines]
    return list(AGENTS), list(write_sessions(datetime.now(UTC)))


async def make_account(agents: Sequence[Json]) -> Account:
    account = await find_or_create_account(f"bench-{uuid4().hex[:12]}")
    await create_missing_agents(account.id, [parse_agent(agent) for agent in agents])
    return account


@asynccontextmanager
async def serving(settings: Settings, database: Database) -> AsyncIterator[tuple[str, int]]:
    """Serve the application with one more mutation behind uvicorn; yield host and port."""
    with (
        patch.object(schema, "Mutation", MutationAndNoop),
        patch.dict(MUTATIONS, takeSessions=MUTATIONS["recordSessions"]),
    ):
        config = uvicorn.Config(create_app(settings, database), port=0, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield host, port
        server.should_exit = True
        await running


def post(address: tuple[str, int], key: str, body: bytes) -> tuple[float, Json]:
    """Return the seconds until the answer, and its data."""
    connection = http.client.HTTPConnection(*address)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    start = time.perf_counter()
    connection.request("POST", "/graphql", body, headers)
    answer = connection.getresponse().read()
    seconds = time.perf_counter() - start
    connection.close()
    data: Json = orjson.loads(answer)
    assert "errors" not in data, data
    return seconds, data["data"]


async def compare_mutations(settings: Settings, database: Database) -> None:
    agents, sessions = read_sessions()
    account = await make_account(agents)
    key, _ = await create_key(account, Role.RECORDER)
    batch = list(islice(cycle(sessions), BATCH))
    seconds: dict[str, list[float]] = {"takeSessions": [], "recordSessions": []}
    async with serving(settings, database) as address:
        for number in range(ROUNDS + 2):
            for name, taken in seconds.items():
                fresh = [{**record, "id": str(uuid4())} for record in batch]
                body = orjson.dumps({"query": QUERY % name, "variables": {"input": {"records": fresh}}})
                took, data = await asyncio.to_thread(post, address, key, body)
                if name == "recordSessions":
                    assert data[name]["recordedCount"] == BATCH, data[name]["errors"][:3]
                if number >= 2:  # the first two warm up
                    taken.append(took)
    taken_, recorded = (statistics.median(taken) for taken in seconds.values())
    turns = sum(len(record["transcript"]) for record in batch)
    print(f"mutation: {BATCH} sessions with {turns:,} turns, {len(body) / 2**20:.1f} MB, {ROUNDS} rounds")
    print(f"  empty body       {taken_:8.3f} s   {_spread(seconds['takeSessions'])}")
    print(f"  recordSessions   {recorded:8.3f} s   {_spread(seconds['recordSessions'])}")
    print(f"  ratio            {recorded / taken_:8.2f}     at most {MOST_COST}")


async def compare_imports(url: str, database: Database) -> None:
    agents, sessions = read_sessions()
    copies, imports = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sessions.jsonl")
        write_lines(path, sessions)
        size = len(sessions)
        del sessions
        gc.collect()
        gc.freeze()  # as the command does
        for number in range(IMPORTS + 1):
            account = await make_account(agents)
            start = time.perf_counter()
            await run_import(database, account, path)
            imported = time.perf_counter() - start
            pair = await copy_again(url, database, account, agents, path), imported
            if number:  # the first warms up
                copies.append(pair[0])
                imports.append(pair[1])
    copied, written = (size / statistics.median(seconds) for seconds in (copies, imports))
    print(f"import: {size:,} sessions, {IMPORTS} rounds")
    print(f"  JSON and COPY    {copied:8,.0f} rows/s   {_spread(copies)}")
    print(f"  import           {written:8,.0f} rows/s   {_spread(imports)}")
    print(f"  ratio            {written / copied:8.2f}     at least {LEAST_SPEED}")


async def run_import(
    database: Database, account: Account, path: Path, progress: Callable[[int], None] = lambda read: None
) -> None:
    def refuse(number: int, problem: Problem) -> None:
        raise AssertionError(f"line {number}: {problem}")

    await import_sessions(database, account.id, path, refuse, progress)


async def copy_again(url: str, database: Database, account: Account, agents: Sequence[Json], path: Path) -> float:
    """Return the seconds of reading the lines and copying their ready-made rows into the tables of a new account.

    One COPY for each of the two tables, in one transaction.
    """
    other = await make_account(agents)
    connection = await asyncpg.connect(url)
    columns = await connection.fetch(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        " and table_name in ('session', 'transcript') and is_generated = 'NEVER' and column_name not in"
        " ('account_id', 'agent_id') order by 1, ordinal_position"
    )
    rows: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}
    for table in ("session", "transcript"):
        names = [row["column_name"] for row in columns if row["table_name"] == table]
        agent = ", (select o.id from agent a join agent o on o.idn = a.idn and o.account_id = $2"
        agent += " where a.account_id = $1 and a.id = t.agent_id) as agent_id" if table == "session" else ""
        chosen = f"$2::uuid as account_id, {', '.join(f't.{name}' for name in names)}"
        chosen += agent if table == "session" else ""
        found = await connection.fetch(f"select {chosen} from {table} t where t.account_id = $1", account.id, other.id)
        rows[table] = list(found[0].keys()), [tuple(row.values()) for row in found]
    gc.collect()
    start = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
    async with connection.transaction():
        for table, (names, records) in rows.items():
            await connection.copy_records_to_table(table, records=records, columns=names)
    seconds = time.perf_counter() - start
    await connection.close()
    return seconds


async def measure_memory(settings: Settings, database: Database, *, bulk: bool) -> None:
    agents, sessions = read_sessions()
    account = await make_account(agents)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sessions.jsonl")
        write_lines(path, islice(cycle(sessions), MANY))
        del sessions
        gc.collect()
        gc.freeze()
        size, read = path.stat().st_size, 0  # noqa: ASYNC240
        seen: list[tuple[float, float]] = []

        def progress(advance: int) -> None:
            nonlocal read
            read += advance
            seen.append((MANY * read / size, _resident_megabytes()))

        start = time.perf_counter()
        await run_import(database, account, path, progress)
        seconds = time.perf_counter() - start
    print(
        f"memory: {MANY:,} sessions, {size / 2**20:,.0f} MB, imported in {seconds:.0f} s, {MANY / seconds:,.0f} rows/s"
    )
    _print_growth(seen)
    if bulk:
        await measure_bulk(settings, database, account)


async def measure_bulk(settings: Settings, database: Database, account: Account) -> None:
    key, _ = await create_key(account, Role.ADMIN)
    seen: list[float] = []

    async def watch() -> None:
        while True:
            seen.append(_resident_megabytes())
            await asyncio.sleep(0.1)

    async with serving(settings, database) as address:
        watching = asyncio.create_task(watch())
        seconds, data = await asyncio.to_thread(post, address, key, orjson.dumps({"query": ARCHIVE}))
        watching.cancel()
    edit = data["updateSessions"]
    assert edit["changedCount"] == MANY, edit
    print(f"bulk: {MANY:,} sessions changed by one mutation in {seconds:.0f} s, {MANY / seconds:,.0f} rows/s")
    _print_growth([(MANY * i / len(seen), resident) for i, resident in enumerate(seen)])


def _print_growth(seen: Sequence[tuple[float, float]]) -> None:
    """Print the largest resident set of the first tenth and of the whole."""
    early = max(resident for reached, resident in seen if reached <= FEW)
    late = max(resident for reached, resident in seen)
    print(f"  until {FEW:,}     {early:8.0f} MB")
    print(f"  until {MANY:,}    {late:8.0f} MB   {late - early:+.0f} MB")


def write_lines(path: Path, sessions: Sequence[Json] | Iterator[Json]) -> None:
    """Write the sessions, each with a new id."""
    with path.open("wb") as file:
        for record in sessions:
            file.write(orjson.dumps({**record, "id": str(uuid4())}, option=orjson.OPT_APPEND_NEWLINE))


def _resident_megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _spread(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.3f} to {max(seconds):.3f} s"


async def measure(parts: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home), pool_min_size=1, pool_max_size=4)
        async with store_url(settings) as url, open_url(url, settings) as database:
            whole: dict[str, Callable[[], Awaitable[None]]] = {
                "mutation": lambda: compare_mutations(settings, database),
                "import": lambda: compare_imports(url, database),
                "memory": lambda: measure_memory(settings, database, bulk="bulk" in parts),
            }
            for name, part in whole.items():
                if name in parts or (name == "memory" and "bulk" in parts):
                    await part()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(sys.argv[1:] or ["mutation", "import", "memory", "bulk"]))
