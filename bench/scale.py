"""The same page of a small and a large account, each in its own database, measured in turns."""

import argparse
import statistics
from contextlib import ExitStack

from bench import postgres
from bench.cases import PRODUCT, list_cases
from bench.cursors import write_cursors
from bench.dataset import prepare
from bench.load import Load, measure
from bench.servers import start_product

FEW, MANY = 50_000, 5_000_000
NAMES = ("small", "wide", "far")
MOST = 1.3


async def compare_sizes(arguments: argparse.Namespace) -> None:
    """Print requests per second with few and with many sessions; `--rows` sets how many."""
    sizes = (FEW, arguments.rows if arguments.rows != 500_000 else MANY)
    with ExitStack() as stack:
        runs = []
        for rows in sizes:
            url = stack.enter_context(postgres.running(arguments.url, rows, arguments.postgresql))
            data = await prepare(url, rows)
            server = await start_product(data)
            stack.callback(server.stop)
            cases = {case.name: case for case in list_cases(data, await write_cursors(data))}
            runs.append((rows, server, cases, await postgres.read_pid(url)))
        print(f"{'page':12} {'sessions':>12} {'requests/s':>12} {'PostgreSQL ms':>14}")
        for name in NAMES:
            found: dict[int, list[tuple[float, float]]] = {rows: [] for rows in sizes}
            for number in range(arguments.rounds):
                for rows, server, cases, database in runs[:: -1 if number % 2 else 1]:
                    one = await measure(
                        server, cases[name].requests[PRODUCT], False, Load(arguments.connections), database
                    )
                    found[rows].append((one.per_second, one.database_cpu or 0.0))
            medians = {
                rows: [statistics.median(values) for values in zip(*pairs, strict=True)]
                for rows, pairs in found.items()
            }
            for rows, (per_second, cpu) in medians.items():
                print(f"{name:12} {rows:12,} {per_second:12.0f} {cpu:14.3f}")
            ratio = medians[sizes[0]][0] / medians[sizes[1]][0]
            print(f"{'':12} ratio {ratio:.2f} ({'holds' if ratio <= MOST else 'FAILS'}: at most {MOST})", flush=True)
