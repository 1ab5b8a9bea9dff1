"""What a worker survives: pauses, lost leases, crashes of PostgreSQL under it, and an account that asks for too much.

    python -m bench.faults.worker [pauses=N] [leases=N] [crashes=N] [fairness=N]

Without an argument: pauses=100 leases=50 crashes=10 fairness=120. Each loop has an embedded PostgreSQL, a mail server
and a worker process of its own. It prints what it counted, and the command exits with 1 unless every export of the loop
is DONE, each recipient has every message under one Message-ID, and all hands of the worker still take up jobs.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

import asyncpg
from aiosmtpd.controller import Controller

from bench.exports import AGENT, ask, filled
from session_graph.access.accounts import facts_of, find_or_create_account
from session_graph.access.viewer import Role, Viewer
from session_graph.exports.worker import SENDERS, WRITERS
from session_graph.sessions.agents import create_agent, parse_agent
from session_graph.settings import Settings
from session_graph.store.background import STORE_FAILED
from session_graph.store.database import Database

ROWS = 20_000
PAUSE_SECONDS = 7.0
END_SECONDS = 600.0
BUSY = 4
"""Exports that are kept waiting, so that a fault finds the worker busy."""

_LOSE_LEASES = """
update session_export e
set claims = e.claims + 1, lease_until = null, attempts = 0,
    status = case when e.status = 'RUNNING' then 'QUEUED' else e.status end
where e.status in ('RUNNING', 'SENDING') and e.lease_until is not null
"""


class Inbox:
    """Accepts messages after `seconds`, and counts how often each comes and how many come at a time."""

    def __init__(self) -> None:
        self.seconds = 0.05
        self.ids: dict[str, Counter[str]] = defaultdict(Counter)
        self.at_a_time = self.most_at_a_time = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        await asyncio.sleep(self.seconds)
        self.at_a_time -= 1
        for recipient in envelope.rcpt_tos:
            self.ids[recipient][message_from_bytes(envelope.content)["Message-ID"].strip()] += 1
        return "250 taken"


@dataclass(slots=True)
class Bench:
    """A database with two accounts, of which the first has sessions, and a worker process."""

    url: str
    settings: Settings
    database: Database
    viewers: list[Viewer]
    inbox: Inbox
    smtp_url: str
    log: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311

    def start_worker(self) -> subprocess.Popen[bytes]:
        given = {"SESSION_GRAPH_DATABASE_URL": self.url, "SESSION_GRAPH_SMTP_URL": self.smtp_url}
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "session_graph.cli.main", "worker"],
                env={**os.environ, **given},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    async def ask(self, number: int = 1, account: int = 0) -> None:
        for _ in range(number):
            await ask(self.database, self.viewers[account], self.settings)

    async def count(self, condition: str, *values: object) -> int:
        row = await self.database.fetchrow(f"select count(*) from session_export e where {condition}", *values)
        return int(row[0]) if row else 0

    async def keep_busy(self) -> None:
        waiting = await self.count("e.status in ('QUEUED', 'RUNNING')")
        await self.ask(max(0, BUSY - waiting))

    async def wait_until(self, condition: Callable[[], Awaitable[bool]], seconds: float = END_SECONDS) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if await condition():
                    return True
            except STORE_FAILED:
                pass
            await asyncio.sleep(0.05)
        return False

    async def all_have_ended(self) -> bool:
        return await self.count("e.status in ('QUEUED', 'RUNNING', 'SENDING')") == 0

    def count_in_log(self, text: str) -> int:
        return self.log.read_text("utf-8").count(text)


def stop(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGCONT)
    worker.terminate()
    worker.wait(30)


@asynccontextmanager
async def opened(rows: int = ROWS) -> AsyncIterator[Bench]:
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        async with filled(home, rows) as (url, settings, database, viewer):
            account = await find_or_create_account("other")
            await create_agent(account.id, parse_agent(AGENT))
            other = Viewer(facts_of(account), Role.ADMIN, "other", "other@example.com")
            smtp_url = f"smtp://127.0.0.1:{port}"
            bench = Bench(url, settings, database, [viewer, other], inbox, smtp_url, home / "worker.log")
            bench.start_worker()
            try:
                yield bench
            finally:
                for worker in bench.workers:
                    stop(worker)
    controller.stop()


async def pause(bench: Bench, times: int) -> None:
    """Halt a busy worker for longer than its leases last, at random moments, beside another that takes over."""
    (halted,), other = bench.workers[:], bench.start_worker()
    for number in range(times):
        await bench.keep_busy()
        await asyncio.sleep(bench.chance.random() * 1.5)
        halted.send_signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSE_SECONDS)
        halted.send_signal(signal.SIGCONT)
        if number % 10 == 9:
            print(f"  {number + 1} pauses, {bench.count_in_log('lost the lease')} leases lost", flush=True)
    stop(other)


async def lose_leases(bench: Bench, times: int) -> None:
    """Take the jobs away from the busy worker until it has lost this number of leases."""
    lost = 0
    while lost < times:
        await bench.keep_busy()
        await asyncio.sleep(bench.chance.random() * 0.5)
        lost += int((await bench.database.execute(_LOSE_LEASES)).removeprefix("UPDATE "))
        await asyncio.sleep(1)  # two heartbeats of the worker


async def crash(bench: Bench, times: int) -> None:
    """Kill a process of PostgreSQL while one export is written: the server ends all its connections and recovers."""
    await bench.ask()
    for _ in range(times):
        await bench.wait_until(lambda: _is_running(bench))
        await asyncio.sleep(bench.chance.random() * 0.2)
        try:
            connection = await asyncpg.connect(bench.url)
            os.kill(await connection.fetchval("select pg_backend_pid()"), signal.SIGKILL)
            connection.terminate()
        except STORE_FAILED:
            continue


async def _is_running(bench: Bench) -> bool:
    return await bench.count("e.status in ('RUNNING', 'DONE', 'FAILED')") > 0


async def crowd_out(bench: Bench, exports: int) -> None:
    """Ask for many large exports of one account, then for a small one of another, and print when that begins."""
    await bench.ask(exports)
    await bench.wait_until(lambda: _has_written(bench, WRITERS))
    start, before = time.monotonic(), await bench.count("e.as_of is not null")
    await bench.ask(account=1)
    account_id = bench.viewers[1].account.id
    await bench.wait_until(lambda: _is_claimed(bench, account_id))
    written = await bench.count("e.as_of is not null") - before
    print(f"  the other account's export began after {time.monotonic() - start:.1f} s, {written} exports later")
    if written > WRITERS:
        raise SystemExit("  it waited for more than one export of each writer")


async def _has_written(bench: Bench, exports: int) -> bool:
    return await bench.count("e.as_of is not null") >= exports


async def _is_claimed(bench: Bench, account_id: object) -> bool:
    return await bench.count("e.account_id = $1 and e.claims > 0", account_id) > 0


async def count_hands(bench: Bench) -> int:
    """Return how many senders work at a time when there is enough to do for two accounts."""
    bench.inbox.seconds, bench.inbox.most_at_a_time = 3.0, 0
    for account in (0, 1):
        await bench.ask(SENDERS, account)
    await bench.wait_until(bench.all_have_ended)
    return bench.inbox.most_at_a_time


async def run(name: str, fault: Callable[[Bench, int], Awaitable[None]], times: int) -> bool:
    """Run one loop and print what came of it. Return whether everything ended well."""
    print(f"{name}: {times}", flush=True)
    async with opened() as bench:
        await fault(bench, times)
        ended = await bench.wait_until(bench.all_have_ended)
        hands = await count_hands(bench)
        exports, done = await bench.count("true"), await bench.count("e.status = 'DONE'")
        attempts = await bench.database.fetchrow("select max(e.attempts), sum(e.claims) from session_export e")
        assert attempts
        messages = [count for ids in bench.inbox.ids.values() for count in ids.values()]
        ruined = bench.count_in_log("released back to the pool")
        print(
            f"  exports {exports}, done {done}, most attempts {attempts[0]}, claims {attempts[1]}\n"
            f"  messages {len(messages)}, repeated {sum(messages) - len(messages)}, most {max(messages)} times\n"
            f"  leases lost {bench.count_in_log('lost the lease')}, senders at a time {hands} of {SENDERS}\n"
            f"  in the log: could not be handed back {bench.count_in_log('could not be handed back')},"
            f" unavailable {bench.count_in_log('unavailable')}, ruined {ruined}",
            flush=True,
        )
        return ended and exports == done == len(messages) and hands == SENDERS and not ruined


LOOPS = {"pauses": (pause, 100), "leases": (lose_leases, 50), "crashes": (crash, 10), "fairness": (crowd_out, 120)}


def main() -> int:
    given = dict(argument.split("=") for argument in sys.argv[1:]) or {name: str(n) for name, (_, n) in LOOPS.items()}
    good = [asyncio.run(run(name, LOOPS[name][0], int(times))) for name, times in given.items()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
