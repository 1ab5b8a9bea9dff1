"""A partner that pulls `sessionEvents` every 200 ms has the very sessions of the database, whatever happens beside it.

    python -m bench.faults.follow [ROUNDS] [SESSIONS]

In each of 20 rounds 12,000 sessions are edited by one bulk edit while batches of 500 are recorded and ten writers edit
single sessions; the partner is restarted at random. Then once more each: after the restore of a dump that was made in
the middle of a round, after that of a dump of a quiet server, and after a failover that loses transactions. Prints for
each round how many sessions of the partner's copy are stale, and fails if any is, or if a loss was not told of.
"""

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from bench.faults.mirror import Mirror, ask
from session_graph.access.accounts import find_or_create_account
from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.sessions.agents import create_agent, parse_agent
from session_graph.settings import load_settings
from session_graph.store.lifecycle import open_url
from support.clusters import Cluster, new_cluster

ROUNDS = 20
SESSIONS = 12_000
BATCH = 500
BATCHES = 4
WRITERS = 10
SECONDS = 120.0
SETTLE_SECONDS = 30.0
PAUSE_SECONDS = 0.2
PARTNERS = "crm"
AGENT = {"idn": "desk", "name": "The desk", "timeZone": "UTC"}

_RECORD = """
mutation ($records: [RecordSessionInput!]!) {
  recordSessions(input: {records: $records}) { recordedCount results { sessionId } errors { message } }
}
"""
_EDIT_ALL = """
mutation ($todo: Boolean!) {
  updateSessions(input: {target: {filter: {sessionTypes: ["bulk"]}}, patch: {isTodo: $todo}}) {
    changedCount errors { message }
  }
}
"""
_EDIT = """
mutation ($id: ID!, $comment: String!) {
  updateSession(input: {sessionId: $id, patch: {comment: $comment}}) { session { version } errors { message } }
}
"""
_TRUTH = "select s.id::text, s.version from session s where s.integration = $1"


def make_record(type_: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "agent": "desk",
        "channel": "CHAT",
        "startedAt": "2026-11-16T15:00:00Z",
        "endedAt": "2026-11-16T15:02:00Z",
        "sessionType": type_,
        "integration": random.choice([PARTNERS, PARTNERS, "pos"]),  # noqa: S311 - not a secret
    }


class Load:
    """What is done beside the partner, by an ADMIN."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.ids: list[str] = []
        self.edits = 0

    async def fill(self, count: int) -> None:
        for _ in range(count // BATCH):
            await self._record("bulk")

    async def round(self, todo: bool) -> None:
        """Make one bulk edit, BATCHES batches, and single edits as long as these take."""
        singles = [asyncio.create_task(self._edit_singles(seed)) for seed in range(WRITERS)]
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._edit_all(todo))
                tasks.create_task(self._record_batches())
        finally:
            for task in singles:
                task.cancel()
            await asyncio.wait(singles)

    async def _edit_all(self, todo: bool) -> None:
        await ask(self._client, _EDIT_ALL, todo=todo)

    async def _record_batches(self) -> None:
        for _ in range(BATCHES):
            await self._record("new")

    async def _record(self, type_: str) -> None:
        records = [make_record(type_) for _ in range(BATCH)]
        answer = (await ask(self._client, _RECORD, records=records))["recordSessions"]
        assert answer["recordedCount"] == BATCH, answer["errors"]
        self.ids += [record["id"] for record in records]

    async def _edit_singles(self, seed: int) -> None:
        choices = random.Random(f"{seed} {time.monotonic()}")  # noqa: S311
        while True:
            with suppress(httpx.TransportError):
                await ask(self._client, _EDIT, id=choices.choice(self.ids), comment=str(choices.random()))
                self.edits += 1


@asynccontextmanager
async def serving(url: str, log: Path) -> AsyncIterator[str]:
    """Yield the address of a server of its own process on this database."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SESSION_GRAPH_")}
    environment = {**inherited, "SESSION_GRAPH_DATABASE_URL": url, "SESSION_GRAPH_PORT": "0"}
    command = (sys.executable, "-m", "session_graph.cli.main", "serve", "--no-worker")
    with log.open("ab") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603, ASYNC220
    try:
        yield await asyncio.to_thread(_read_address, process)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, SECONDS)
        process.kill()
        process.wait()


def _read_address(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
            return found[0].decode()
    raise RuntimeError("the server has not started")


@asynccontextmanager
async def connected(address: str, key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/graphql-response+json"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=SECONDS) as client:
        yield client


class Run:
    """A database with an account, its keys, the partner's copy, and what was found wrong."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "stderr"
        self.keys: dict[Role, str] = {}
        self.failures: list[str] = []
        self.ids: list[str] = []
        self.todo = False
        self.forget()

    def forget(self) -> None:
        """Begin a new copy."""
        self.mirror = Mirror(httpx.AsyncClient())

    async def prepare(self, url: str) -> None:
        async with open_url(url, load_settings()):
            account = await find_or_create_account("acme")
            await create_agent(account.id, parse_agent(AGENT))
            self.keys[Role.ADMIN] = (await create_key(account, Role.ADMIN))[0]
            self.keys[Role.PARTNER] = (await create_key(account, Role.PARTNER, integrations=[PARTNERS]))[0]

    @asynccontextmanager
    async def on(self, url: str) -> AsyncIterator[Load]:
        """Serve this database to the partner and to the load that is yielded."""
        async with (
            serving(url, self.log) as address,
            connected(address, self.keys[Role.PARTNER]) as partner,
            connected(address, self.keys[Role.ADMIN]) as admin,
        ):
            self.mirror.client = partner
            load = Load(admin)
            load.ids = self.ids
            yield load

    async def round(self, load: Load) -> None:
        self.todo = not self.todo
        pulling = asyncio.create_task(self.mirror.run_with_restarts())
        try:
            await load.round(self.todo)
        finally:
            pulling.cancel()
            await asyncio.wait([pulling])
        if not pulling.cancelled() and (error := pulling.exception()):
            raise error

    async def rounds_until(self, end: asyncio.Event, load: Load) -> None:
        """Make rounds until the end, and one more after it."""
        is_last = False
        while not is_last:
            is_last = end.is_set()
            await self.round(load)

    async def compare(self, name: str, url: str) -> None:
        """Pull to the end, and count what the copy has otherwise than the database.

        The last edits may commit after their writers were cancelled, so the database is read each time.
        """
        before = time.monotonic()
        connection = await asyncpg.connect(url)
        while True:
            truth = dict(await connection.fetch(_TRUTH, PARTNERS))
            await self.mirror.pull()
            stale = truth.items() ^ self.mirror.versions.items()
            if not stale or time.monotonic() - before > SETTLE_SECONDS:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        await connection.close()
        print(f"{name}: {len(stale)} of {len(truth)} stale", dict(self.mirror.counts), flush=True)
        if stale:
            self.failures.append(f"{name}: {len(stale)} stale, such as {sorted(stale)[:4]}")

    def expect_told(self, name: str, before: int, *, told: bool) -> None:
        if (self.mirror.counts["told of a loss"] > before) is not told:
            self.failures.append(f"{name}: {'not ' if told else ''}told of a loss")


async def run_rounds(run: Run, url: str, rounds: int, sessions: int) -> None:
    async with run.on(url) as load:
        await load.fill(sessions)
        for number in range(1, rounds + 1):
            await run.round(load)
            await run.compare(f"round {number}", url)


async def restore(run: Run, cluster: Cluster, name: str, *, is_quiet: bool) -> None:
    """Dump the database, in the middle of a round or when all is quiet, and go on with what is restored."""
    dump, before = cluster.folder / name, run.mirror.counts["told of a loss"]
    url = cluster.database_url(name)
    async with run.on(cluster.url) as load:
        dumped = asyncio.Event()
        busy = None if is_quiet else asyncio.create_task(run.rounds_until(dumped, load))
        await run.mirror.pull() if is_quiet else await asyncio.sleep(0.5)
        await asyncio.sleep(3 if is_quiet else 0)  # the server marks what is settled every second
        await asyncio.to_thread(cluster.run, "pg_dump", "-Fc", "-f", dump, cluster.url)
        dumped.set()
        if busy:
            await busy
            await run.compare(f"{name}, before", cluster.url)
    connection = await asyncpg.connect(cluster.url)
    await connection.execute(f"create database {name}")
    await connection.close()
    await asyncio.to_thread(cluster.run, "pg_restore", "-d", url, dump)
    async with run.on(url) as load:
        load.ids = [row["id"] for row in await _read_ids(url)]
        await run.round(load)
        await run.compare(name, url)
    run.expect_told(name, before, told=not is_quiet)


async def fail_over(run: Run, primary: Cluster) -> None:
    """Promote a standby that lacks the last round, and go on with it."""
    before = run.mirror.counts["told of a loss"]
    with primary.standby() as standby:
        await _replicate(primary, standby)
        await asyncio.to_thread(standby.stop)
        async with run.on(primary.url) as load:
            await run.round(load)
            await run.compare("before the failover", primary.url)
            await asyncio.to_thread(primary.kill)
        await asyncio.to_thread(standby.start)
        await asyncio.to_thread(standby.promote)
        async with run.on(standby.url) as load:
            load.ids = [row["id"] for row in await _read_ids(standby.url)]
            await run.round(load)
            await run.compare("after the failover", standby.url)
    run.expect_told("after the failover", before, told=True)


async def _read_ids(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch("select s.id::text as id from session s")
    finally:
        await connection.close()


async def _replicate(primary: Cluster, standby: Cluster) -> None:
    """Wait until the standby has all of the primary."""
    one, two = await asyncpg.connect(primary.url), await asyncpg.connect(standby.url)
    target = await one.fetchval("select pg_current_wal_lsn()::text")
    async with asyncio.timeout(SECONDS):
        while not await two.fetchval("select pg_last_wal_replay_lsn() >= $1::text::pg_lsn", target):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    await one.close()
    await two.close()


async def main(rounds: int = ROUNDS, sessions: int = SESSIONS) -> int:
    with tempfile.TemporaryDirectory() as folder, new_cluster() as cluster:
        run = Run(Path(folder))
        await run.prepare(cluster.url)
        await run_rounds(run, cluster.url, rounds, sessions)
        await restore(run, cluster, "restored_busy", is_quiet=False)
        run.forget()
        await restore(run, cluster, "restored_quiet", is_quiet=True)
        run.forget()
        await fail_over(run, cluster)
        errors = [line for line in run.log.read_text().splitlines() if '"level": "ERROR"' in line]
    print("\n".join(run.failures + errors[:5]) or "nothing was missed")
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*map(int, sys.argv[1:]))))
