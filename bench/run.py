"""The benchmark: `python -m bench.run`.

    python -m bench.run                       all cases and peers, 500,000 sessions; about eight minutes
    python -m bench.run --quick               20,000 sessions, one round: whether everything runs
    python -m bench.run --memory              the server's memory over 100,000 requests with 10,000 query texts
    python -m bench.run --scale               the same page with 50,000 and 5,000,000 sessions in the account
    python -m bench.run --statements          the dashboard's statement beside a hand-written one

Servers run on the first core, PostgreSQL and wrk on the second. The data sets stay in bench/.work for the next run.
"""

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from bench import npm, postgres, report
from bench.cases import KEYED, LIMIT, MERCURIUS, OBVIOUS, POSTGRAPHILE, list_cases
from bench.cursors import ask_postgraphile, write_cursors
from bench.dashboards import compare_statements
from bench.dataset import Dataset, prepare
from bench.load import Load
from bench.memory import measure_memory
from bench.places import RESULTS
from bench.rounds import fill_table
from bench.scale import compare_sizes
from bench.servers import LOAD_CORE, Server, start_limit, start_node, start_obvious, start_product, with_key

QUICK_ROWS = 20_000


async def measure_all(arguments: argparse.Namespace) -> None:
    with postgres.running(arguments.url, arguments.rows, arguments.postgresql) as url:
        print(f"preparing {arguments.rows:,} sessions", flush=True)
        data = await prepare(url, arguments.rows)
        absent: dict[str, str] = {}
        async with all_servers(data, absent, arguments.peers) as (servers, cursors):
            cases = [case for case in list_cases(data, cursors) if not arguments.only or case.name in arguments.only]
            load = Load(arguments.connections, seconds=arguments.seconds)
            database = await postgres.read_pid(url)
            table = await fill_table(cases, servers, arguments.rounds, load, database)
        facts = report.read_machine() | await postgres.read_facts(url) | npm.read_versions()
    result = report.Result(cases, table, facts, absent, arguments.rows, load, arguments.rounds)
    print(report.print_table(result))
    RESULTS.mkdir(exist_ok=True)
    name = "latest.json" if not (arguments.quick or arguments.only) else "quick.json"
    (RESULTS / name).write_bytes(report.write_json(result))


@asynccontextmanager
async def all_servers(
    data: Dataset, absent: dict[str, str], peers: bool
) -> AsyncIterator[tuple[dict[str, Server], Mapping[str, str]]]:
    """Start every server that can run, in the table's order; `absent` gets the reasons of the others."""
    cursors = await write_cursors(data)
    with ExitStack() as stack:
        servers: dict[str, Server] = {}

        def add(server: Server) -> None:
            stack.callback(server.stop)
            servers[server.name] = server

        add(await start_product(data))
        add(await start_limit(data, cursors))
        servers[KEYED] = with_key(servers[LIMIT])
        starts = {OBVIOUS: start_obvious(data)}
        if problem := npm.install() if peers else "left out by --no-peers":
            absent |= dict.fromkeys((POSTGRAPHILE, MERCURIUS), problem)
        else:
            starts |= {name: start_node(name, data) for name in (POSTGRAPHILE, MERCURIUS)}
        for name, start in starts.items():
            try:
                add(await start)
            except RuntimeError as error:
                absent[name] = str(error)
                print(f"  {name}: {error}", flush=True)
        yield servers, cursors | await ask_postgraphile(data, servers)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.run", description="The speed of the product, beside others.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} sessions and one round")
    parser.add_argument("--rows", type=int, help="sessions of the account (500,000)")
    parser.add_argument("--rounds", type=int, help="how often each cell is measured (3)")
    parser.add_argument("--seconds", type=int, help="seconds of each measurement (2)")
    parser.add_argument("--connections", type=int, default=16, help="open connections (16)")
    parser.add_argument("--only", action="append", metavar="CASE", help="run only this case; may be repeated")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave out the peers from npm")
    parser.add_argument("--url", help="URL of an empty database to use instead")
    parser.add_argument("--postgresql", type=Path, metavar="FOLDER", help="folder of other PostgreSQL programs")
    parser.add_argument("--memory", action="store_true", help="measure the server's memory instead")
    parser.add_argument("--scale", action="store_true", help="compare a small and a large account instead")
    parser.add_argument("--statements", action="store_true", help="compare the dashboard's statements instead")
    return parser


def main() -> int:
    arguments = make_parser().parse_args()
    if missing := [name for name in ("wrk", "taskset") if shutil.which(name) is None]:
        print(f"Not found: {', '.join(missing)}. On Debian: apt install wrk util-linux", file=sys.stderr)
        return 1
    arguments.rows = arguments.rows or (QUICK_ROWS if arguments.quick else 500_000)
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.seconds = arguments.seconds or (1 if arguments.quick else 2)
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {int(LOAD_CORE)})  # PostgreSQL inherits it
    if arguments.memory:
        asyncio.run(measure_memory(arguments))
    elif arguments.scale:
        asyncio.run(compare_sizes(arguments))
    elif arguments.statements:
        asyncio.run(compare_statements(arguments))
    else:
        asyncio.run(measure_all(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
