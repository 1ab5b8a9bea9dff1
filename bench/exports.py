"""The speed at which an export is written, beside PostgreSQL's COPY; and the memory of its worker.

    python bench/exports.py [ROWS [RUNS]]      rows per second from claim to stored file, and of COPY of the same rows
    python bench/exports.py --memory [ROWS]    the largest resident set of a `session-graph worker` that writes them

It runs on its own embedded PostgreSQL, which is removed at the end. Both kinds of run alternate; medians count.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from session_graph.access.accounts import facts_of, find_or_create_account
from session_graph.access.viewer import Role, Viewer
from session_graph.exports.csv_columns import DEFAULT_COLUMNS
from session_graph.exports.csv_file import Progress, write_file
from session_graph.exports.jobs import Jobs
from session_graph.exports.requests import ExportRequest, request_export
from session_graph.sessions.agents import create_agent, parse_agent
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.ordering import NEWEST_FIRST
from session_graph.settings import Settings, load_settings
from session_graph.store.database import Database, open_database
from session_graph.store.embedded.server import start_embedded
from session_graph.store.migration import migrate

TARGET = 0.45
AGENT = {"idn": "bistro", "name": "The bistro", "timeZone": "America/New_York"}
FILL = """
insert into session (
    account_id, id, agent_id, channel, started_at, ended_at, session_type, integration, connector, external_id,
    contact_name, contact_folded, phone, phone_display, phone_search, email, summary, summary_folded, refused,
    unavailable, units, auto_assessment, actual_result, expected_result, utms, content_hash, potential_value,
    conversion_rate, recognition, money_scale, working_hours, session_length, is_lead, is_opportunity, is_test, is_todo,
    human_assessment, conversation_quality, comment, tags, recorded_at, updated_at
)
select $1, md5(n::text)::uuid, $2, (array['VOICE', 'SMS', 'CHAT'])[1 + n % 3], t.at, t.at + interval '3 minutes',
    (array['booking', 'question', 'complaint', null])[1 + n % 4], (array['crm', 'pos', null])[1 + n % 3], 'main',
    'CRM-' || n, 'Maria Lopez ' || n % 5000, 'maria lopez ' || n % 5000, '+1415555' || to_char(n % 10000, 'FM0000'),
    '+1 415-555-' || to_char(n % 10000, 'FM0000'), '1415555' || to_char(n % 10000, 'FM0000'),
    'guest' || n || '@example.com', s.text, lower(s.text), n % 9 = 0,
    n % 11 = 0, 1 + n % 8, (array['YES_A', 'YES_B', 'NO'])[1 + n % 3], 'The table was booked',
    'A table for the evening', '{}', '\\x00', 65 * (1 + n % 8), 0.9, 0.3, 2, n % 2 = 0, 'REGULAR', n % 3 > 0, n % 6 = 1,
    n % 50 = 0, n % 10 = 0, case when n % 20 = 0 then 'NO' end, case when n % 5 = 0 then 1 + n % 5 end,
    case when n % 7 = 0 then 'Ring back, "soon"' end, '{}', t.at, t.at
from generate_series(1, $3::integer) n
cross join lateral (select timestamptz '2026-11-21 12:00Z' - n * interval '37 seconds') t (at)
cross join lateral (
    select 'The guest ' || n || ' asked for a table on the terrace, and the agent found one at half past seven for '
        || 1 + n % 8 || ' persons; a message with the details was sent.'
) s (text)
"""


@asynccontextmanager
async def filled(home: Path, rows: int) -> AsyncIterator[tuple[str, Settings, Database, Viewer]]:
    """Yield URL, settings, database and owner of an account with this number of sessions."""
    with start_embedded(home) as server:
        await migrate(server.url)
        settings = load_settings(home=home, exports_per_day=100_000, exports_per_key_per_day=100_000)
        database = await open_database(server.url, settings)
        account = await find_or_create_account("bench")
        agent = await create_agent(account.id, parse_agent(AGENT))
        connection = await asyncpg.connect(server.url)
        await connection.execute(FILL, account.id, agent.id, rows, timeout=600)
        await connection.execute("vacuum analyze session")
        await connection.execute("checkpoint")
        await connection.close()
        try:
            yield server.url, settings, database, Viewer(facts_of(account), Role.ADMIN, "bench", "bench@example.com")
        finally:
            await database.close()


async def ask(database: Database, viewer: Viewer, settings: Settings, recipients: Sequence[str] | None = None) -> None:
    request = ExportRequest({}, datetime.now(UTC), NEWEST_FIRST, None, recipients, None, True, None)
    await request_export(database, viewer, settings, request)


async def write_export(url: str, settings: Settings, database: Database, viewer: Viewer) -> float:
    """Return the seconds from claim to stored file."""
    await ask(database, viewer, settings)
    jobs = Jobs(database)
    start = time.perf_counter()
    job = await jobs.claim_to_write(3)
    assert job is not None
    file = await write_file(database, url, job, viewer, Progress())
    assert await jobs.finish_writing(job, file, timedelta(days=7))
    return time.perf_counter() - start


async def copy_unformatted(url: str, viewer: Viewer) -> float:
    """Return the seconds of a COPY of the same rows in the same order, as they are stored."""
    columns = ", ".join(COLUMNS[name].sql for name in DEFAULT_COLUMNS)

    async def drop(data: bytes) -> None:
        pass

    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    start = time.perf_counter()
    await connection.copy_from_query(
        f"select {columns} from session s where s.account_id = $1 order by s.started_at desc, s.id desc",
        viewer.account.id,
        output=drop,
    )
    seconds = time.perf_counter() - start
    await connection.close()
    return seconds


async def compare(rows: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with filled(Path(folder), rows) as (url, settings, database, viewer):
            exports, copies = [], []
            for number in range(runs + 1):
                pair = await copy_unformatted(url, viewer), await write_export(url, settings, database, viewer)
                if number:  # the first warms up
                    copies.append(pair[0])
                    exports.append(pair[1])
    copied, written = rows / statistics.median(copies), rows / statistics.median(exports)
    print(f"COPY, unformatted   {copied:10,.0f} rows/s   {sorted(round(s, 2) for s in copies)} s")
    print(f"export              {written:10,.0f} rows/s   {sorted(round(s, 2) for s in exports)} s")
    print(f"ratio               {written / copied:10.2f}          target {TARGET}")


async def measure_memory(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with filled(Path(folder), rows) as (url, settings, database, viewer):
            environment = {**os.environ, "SESSION_GRAPH_DATABASE_URL": url, "SESSION_GRAPH_OUTBOX": f"{folder}/outbox"}
            process = subprocess.Popen([sys.executable, "-m", "session_graph.cli.main", "worker"], env=environment)  # noqa: ASYNC220
            try:
                await asyncio.sleep(2)
                before = _peak_megabytes(process.pid)
                await ask(database, viewer, settings)
                while (row := await database.fetchrow("select status, bytes from session_export")) and row[0] in (  # noqa: ASYNC110
                    *("QUEUED", "RUNNING", "SENDING"),
                ):
                    await asyncio.sleep(0.5)
                assert row is not None
                print(f"{row['status']}: {rows:,} rows, {row['bytes']:,} bytes")
                print(f"largest resident set {_peak_megabytes(process.pid):.0f} MB, at rest {before:.0f} MB")
            finally:
                process.terminate()
                process.wait()


def _peak_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        asyncio.run(measure_memory(int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]]
        asyncio.run(compare(*(numbers + [200_000, 5][len(numbers) :])))
