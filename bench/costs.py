"""What operations cost, beside what `schema/costs.py` says that they cost.

    python -m bench.costs weights [WORD…]      # what the weights were measured by; only cases with one of the words
    python -m bench.costs search [SECONDS]     # grow random queries, and measure the dearest that are accepted

A unit is 10 µs of the server's CPU, 100 µs of the database's, or 1 kB of the answer. *is* is the largest of the three
(the lowest of several runs after a first one), *deaf* the most CPU of the server between two turns of a tiny request
beside it. `search` fails if one of the ten dearest costs more than twice its estimate. The data are 300,000 sessions,
filled by the first run.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.costs_queries import CASES, grow
from bench.dataset import END, Dataset, prepare
from bench.postgres import read_pid, running
from bench.processes import cpu_seconds
from session_graph.engine.analysis import Analyzer
from session_graph.engine.executor import OperationExecutor
from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import Limits
from session_graph.engine.operation import GraphQLParams, Operation
from session_graph.engine.plans import Plans
from session_graph.errors import RequestError, SessionGraphError
from session_graph.exports.links import LinkSigner
from session_graph.schema.authorization import NAMED_BY, ROLES
from session_graph.schema.context import Context
from session_graph.schema.costs import COSTS
from session_graph.schema.schema import build_schema
from session_graph.settings import load_settings
from session_graph.store.database import Database, open_database

ROWS = 300_000
CANDIDATES = 15
DEAREST = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """The lowest of several runs: seconds of CPU of both processes, bytes; the longest that a tiny request took."""

    query: str
    estimate: int
    server: float
    database: float
    size: int
    deaf: float
    outcome: str

    @property
    def units(self) -> float:
        return max(self.server * 1e5, self.database * 1e4, self.size / 1000)

    def line(self) -> str:
        parts = f"{self.server * 1e3:8.1f} {self.database * 1e3:8.0f} {self.size / 1e6:7.2f} {self.deaf * 1e3:6.0f}"
        return f"{self.estimate:8,} {self.units:8,.0f} {self.units / self.estimate:6.2f} {parts}  {self.outcome}"


HEADER = "estimate       is  ratio   cpu ms    db ms      MB deaf ms"


class Bench:
    """The engine of a server in this process, on the data set."""

    def __init__(self, database: Database, data: Dataset, pid: int) -> None:
        schema, self._settings = build_schema(), load_settings()
        core, settings = graphql_schema(schema), self._settings
        analyzer = Analyzer(core, NAMED_BY, ROLES, COSTS, settings.max_cost)
        plans = Plans(core, settings.max_answer_bytes)
        self._analyzer = analyzer
        self._executor = OperationExecutor(schema, Limits.of(settings), analyzer.analyze, plans.execute)
        self._database, self._viewer, self._pid = database, data.viewer, pid
        self._signer = LinkSigner(database, settings)

    async def estimate(self, query: str) -> int | None:
        """Return the cost of a query; None if it is refused."""
        try:
            operation = await self._prepare(query)
            cost = self._analyzer.cost(operation.prepared)
            self._analyzer.analyze(operation)
        except SessionGraphError:
            return None
        return cost.total

    async def measure(self, query: str, runs: int) -> Measured:
        estimate = await self.estimate(query) or 0
        server, database, deaf, size, outcome = [], [], 0.0, 0, ""
        for run in range(runs + 1):
            beside = asyncio.create_task(self._ask_beside())
            await asyncio.sleep(0.05)
            cpu, db = time.process_time(), cpu_seconds(self._pid)
            try:
                response = await self._executor.execute(await self._prepare(query))
                size, outcome = len(response.body), ",".join(response.codes)
            except RequestError as error:
                outcome = error.code
            used = time.process_time() - cpu, cpu_seconds(self._pid) - db
            beside.cancel()
            longest = await beside
            if run:
                server.append(used[0])
                database.append(used[1])
                deaf = max(deaf, longest)
        return Measured(query, estimate, min(server), min(database), size, deaf, outcome)

    async def _prepare(self, query: str) -> Operation:
        params = GraphQLParams(query, None, {}, {})
        context = Context(self._viewer, self._database, END, self._settings, self._signer, None)
        prepared = await self._executor.prepare(params, self._executor.find_definition(params))
        return Operation(self._viewer, context, prepared)

    async def _ask_beside(self) -> float:
        """Ask a tiny request every 5 ms until cancelled; return the most CPU that passed between two turns of it.

        CPU, not time: on a busy machine, others' work would count as well.
        """
        longest = 0.0
        try:
            while True:
                await self._executor.execute(await self._prepare("{ viewer { role } }"))
                before = time.process_time()
                await asyncio.sleep(0.005)
                longest = max(longest, time.process_time() - before)
        except asyncio.CancelledError:
            return longest


async def measure_weights(bench: Bench, words: Sequence[str]) -> bool:
    print(HEADER)
    for name, query in CASES.items():
        if not words or any(word in name for word in words):
            print((await bench.measure(query, 5)).line(), name, flush=True)
    return True


async def search(bench: Bench, seconds: float) -> bool:
    """Return whether the dearest accepted queries cost at most twice their estimate."""
    accepted: dict[str, list[tuple[int, str]]] = {}
    until, grown = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        query = grow()
        grown += 1
        if (estimate := await bench.estimate(query)) is not None:
            kind = " ".join(sorted({word for word in query.replace("(", " ").split() if word.isalpha()})[:12])
            accepted.setdefault(kind, []).append((estimate, query))
        await asyncio.sleep(0)
    best = sorted((max(each) for each in accepted.values()), reverse=True)[:CANDIDATES]
    print(f"{grown:,} grown, {sum(map(len, accepted.values())):,} accepted")
    print(HEADER)
    found = []
    for _, query in best:
        found.append(await bench.measure(query, 2))
        print(found[-1].line(), query[:200], flush=True)
    dearest = sorted(found, key=lambda each: -each.units)[:DEAREST]
    return all(each.units <= 2 * each.estimate for each in dearest)


async def run(url: str, command: str, arguments: Sequence[str]) -> bool:
    data = await prepare(url, ROWS)
    database = await open_database(url, load_settings())
    pid = await read_pid(url)
    assert pid is not None
    try:
        bench = Bench(database, data, pid)
        gc.collect()
        gc.freeze()
        gc.set_threshold(5_000, 20, 20)  # as `http.app` does
        if command == "weights":
            return await measure_weights(bench, arguments)
        return await search(bench, float(arguments[0]) if arguments else 20)
    finally:
        await database.close()


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in ("weights", "search"):
        print(__doc__)
        return 2
    with running(None, ROWS, None) as url:
        return 0 if asyncio.run(run(url, sys.argv[1], sys.argv[2:])) else 1


if __name__ == "__main__":
    sys.exit(main())
