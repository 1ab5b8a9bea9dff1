"""A small page of one account, while a key of another account keeps sending heavy queries.

python -m bench.neighbours                 300,000 sessions; about a minute, the first time one more for the data
python -m bench.neighbours --rows 20000    fewer
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import httpx

from bench import postgres
from bench.dataset import Dataset, prepare
from bench.servers import UNLIMITED, Server, start_product
from session_graph.access.accounts import find_or_create_account
from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.settings import PREFIX, load_settings
from session_graph.store.database import open_database

QUERIES = 12
SECONDS = 10.0
BUDGET = {name: name.removeprefix(PREFIX).lower() for name in UNLIMITED}
DASHBOARD = "{ dashboard { totalSessionCount totalAsr series(interval: DAY) { from totals { totalAsr } } } }"
PAGE = "{ sessions(first: 50) { nodes { id startedAt asr contact summary channel } } }"


async def make_neighbour(data: Dataset) -> str:
    """Return a key of the data set's second account."""
    database = await open_database(data.url, load_settings())
    try:
        return (await create_key(await find_or_create_account(f"bench-{data.rows}-other"), Role.BUILDER))[0]
    finally:
        await database.close()


async def ask(client: httpx.AsyncClient, server: Server, key: str, query: str) -> int:
    response = await client.post(server.url, json={"query": query}, headers={"Authorization": f"Bearer {key}"})
    return response.status_code


@asynccontextmanager
async def asking(server: Server, key: str, count: int) -> AsyncIterator[list[int]]:
    """Send so many heavy queries at a time, each again when it is answered. Yield the statuses."""
    statuses: list[int] = []

    async def repeat(client: httpx.AsyncClient) -> None:
        while True:
            statuses.append(await ask(client, server, key, DASHBOARD))

    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        tasks = [asyncio.create_task(repeat(client)) for _ in range(count)]
        try:
            yield statuses
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks)


async def measure(server: Server, data: Dataset, neighbour: str, count: int) -> None:
    times: list[float] = []
    async with asking(server, data.key, count) as statuses, httpx.AsyncClient(timeout=60) as client:
        await asyncio.sleep(1)
        end = perf_counter() + SECONDS
        while (began := perf_counter()) < end:
            assert await ask(client, server, neighbour, PAGE) == 200
            times.append((perf_counter() - began) * 1000)
            await asyncio.sleep(0.005)
    served = f"{statuses.count(200) / (SECONDS + 1):.1f}/s served" if statuses else "none"
    refused = f", {statuses.count(429)} refused" if statuses.count(429) else ""
    print(f"  {count:2} heavy queries: {median(times):6.2f} ms, 95 % within {quantiles(times, n=20)[-1]:6.2f} ms")
    print(f"                    heavy: {served}{refused}", flush=True)


async def run(url: str | None, rows: int, bin_dir: Path | None) -> None:
    with postgres.running(url, rows, bin_dir) as running:
        print(f"preparing {rows:,} sessions", flush=True)
        data = await prepare(running, rows)
        neighbour = await make_neighbour(data)
        for name, settings in {
            "as shipped": {name: str(getattr(load_settings(), field)) for name, field in BUDGET.items()},
            "with turns alone": {},
            "without both": {"SESSION_GRAPH_HEAVY_RUNNING": "1000"},
        }.items():
            server = await start_product(data, **settings)
            print(f"a small page of another account, {name}:")
            try:
                for count in (0, QUERIES):
                    await measure(server, data, neighbour, count)
            finally:
                server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--url", help="URL of a PostgreSQL server to use instead")
    parser.add_argument("--postgresql", type=Path, metavar="BIN", help="folder of other PostgreSQL programs")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.url, arguments.rows, arguments.postgresql))


if __name__ == "__main__":
    main()
