"""A database that does not answer: no request waits for long, readiness says why, and all is well soon afterwards.

    python -m bench.faults.database [ROUNDS [STATEMENT_TIMEOUT_MS]]

A server reaches PostgreSQL through a proxy. In each round the network goes dark, becomes 30 seconds slow, forgets idle
connections, and all processes of PostgreSQL are halted, while requests are sent all the time. After each fault the
server is stopped in the dark and started again. Prints what it counted, and fails if

- a request waited longer than the time-out of statements and 3 seconds, or `/readyz` longer than 2 seconds,
- `/readyz` was 200 in the fault, or `/healthz` ever anything else,
- a request was answered INTERNAL, or not within 5 seconds after the fault,
- SIGTERM took longer than 12 seconds.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx

from session_graph.store.embedded.server import start_embedded
from support.processes import Server, postmaster_of, run_command
from support.proxy import Proxy, proxied
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR

ROUNDS = 2
TIMEOUT_MS = 2_000
IDLE_SECONDS = 2.0
"""How long the server keeps an idle connection; the middlebox forgets it after twice the time."""
MOST_EXTRA = 3.0
MOST_PROBE = 2.0
MOST_RECOVERY = 5.0
MOST_STOP = 12.0
NOISE = 0.5
"""Seconds that a busy machine may add to each limit."""
KINDS = ("dark", "slow", "halted")

LIST = "{ sessions(first: 5) { totalCount nodes { id asr } } }"
CREATE_AGENT = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { code } } }"
RECORD = """
mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) { recordedCount errors { code } } }
"""


@dataclass
class Counts:
    """What a fault did to the requests, in seconds, and the codes of their errors."""

    longest: dict[str, float] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, name: str, seconds: float, answer: str) -> None:
        self.longest[name] = max(self.longest.get(name, 0), seconds)
        self.answers[f"{name} {answer}"] += 1

    def require(self, is_right: bool, what: str) -> None:
        if not is_right:
            self.failures.append(what)


@dataclass
class Subject:
    """A running server, the proxy before its database, and PostgreSQL's first process."""

    server: Server
    proxy: Proxy
    key: str
    postmaster: int
    timeout: float
    counts: Counts = field(default_factory=Counts)

    async def ask(self, client: httpx.AsyncClient, name: str) -> bool:
        """Send one request, note how long it took, and return whether it was answered as if nothing were wrong."""
        began = time.monotonic()
        response = await _SENDERS[name](client, self)
        took = time.monotonic() - began
        codes = _codes_of(response)
        self.counts.add(name, took, f"{response.status_code} {' '.join(codes)}".strip())
        self.counts.require("INTERNAL" not in codes, f"{name} was answered INTERNAL")
        limit = MOST_PROBE if name in ("readyz", "healthz") else self.timeout + MOST_EXTRA
        self.counts.require(took <= limit + NOISE, f"{name} took {took:.1f} seconds")
        self.counts.require(name != "healthz" or response.status_code == 200, "healthz was not 200")
        return response.status_code == 200 and not codes

    async def bombard(self, client: httpx.AsyncClient, seconds: float) -> None:
        """Send requests of every kind all the time, some at once."""
        end = time.monotonic() + seconds

        async def repeat(name: str) -> None:
            while time.monotonic() < end:
                await self.ask(client, name)
                await asyncio.sleep(0.1)

        await asyncio.gather(*(repeat(name) for name in [*_SENDERS, *["list"] * 12, *["record"] * 12]))

    async def recover(self, client: httpx.AsyncClient) -> float:
        """Return the seconds until requests of every kind are answered twice in a row."""
        began = time.monotonic()
        in_a_row = 0
        while in_a_row < 2:
            answered = await asyncio.gather(*(self.ask(client, name) for name in _SENDERS))
            in_a_row = in_a_row + 1 if all(answered) else 0
            if time.monotonic() - began > 10 * MOST_RECOVERY:
                break
        took = time.monotonic() - began
        self.counts.require(took <= MOST_RECOVERY + NOISE, f"recovered after {took:.1f} seconds")
        return took

    @contextmanager
    def fault(self, kind: str) -> Iterator[None]:
        """Let the database be away in the block."""
        if kind == "halted":
            self._signal(signal.SIGSTOP)
        self.proxy.is_dark, self.proxy.delay_seconds = kind == "dark", 30.0 if kind == "slow" else 0.0
        try:
            yield
        finally:
            self.proxy.is_dark, self.proxy.delay_seconds = False, 0.0
            if kind == "halted":
                self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in processes_below(self.postmaster):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


async def _list(client: httpx.AsyncClient, subject: Subject) -> httpx.Response:
    return await client.post("/graphql", json={"query": LIST})


async def _record(client: httpx.AsyncClient, subject: Subject) -> httpx.Response:
    record = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "id": str(uuid4())}
    return await client.post("/graphql", json={"query": RECORD, "variables": {"input": {"records": [record]}}})


async def _readyz(client: httpx.AsyncClient, subject: Subject) -> httpx.Response:
    return await client.get("/readyz")


async def _healthz(client: httpx.AsyncClient, subject: Subject) -> httpx.Response:
    return await client.get("/healthz")


_SENDERS: dict[str, Callable[[httpx.AsyncClient, Subject], Coroutine[None, None, httpx.Response]]] = {
    "list": _list,
    "record": _record,
    "readyz": _readyz,
    "healthz": _healthz,
}


def _codes_of(response: httpx.Response) -> list[str]:
    if response.headers["Content-Type"].startswith("application/json"):
        return [error["extensions"]["code"] for error in response.json().get("errors", [])]
    return []


async def suffer(subject: Subject, kind: str) -> str:
    """Let the database be away for longer than a statement may take, and return what it was like."""
    counts = subject.counts = Counts()
    headers = {"Authorization": f"Bearer {subject.key}"}
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=subject.server.address, headers=headers, timeout=60, limits=limits) as client:
        await subject.recover(client)
        counts.answers.clear()
        with subject.fault(kind):
            await asyncio.sleep(0.2)
            await subject.bombard(client, subject.timeout + 4)
        counts.require(not counts.answers["readyz 200"], "ready in the fault")
        told = dict(counts.answers)
        recovery = await subject.recover(client)
    longest = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in counts.longest.items())
    return f"{kind}: longest {longest}; well again after {recovery:.1f} s; {told}"


async def be_forgotten(subject: Subject) -> str:
    """Let the network forget connections that were idle, and return how requests after a quiet time fared."""
    counts = subject.counts = Counts()
    headers = {"Authorization": f"Bearer {subject.key}"}
    async with httpx.AsyncClient(base_url=subject.server.address, headers=headers, timeout=60) as client:
        await subject.recover(client)
        subject.proxy.idle_seconds = 2 * IDLE_SECONDS
        try:
            for _ in range(3):
                await asyncio.sleep(3 * IDLE_SECONDS)
                answered = await asyncio.gather(*(subject.ask(client, name) for name in list(_SENDERS) * 4))
                counts.require(all(answered), "a request met a connection that was forgotten")
        finally:
            subject.proxy.idle_seconds = float("inf")
    longest = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in counts.longest.items())
    return f"forgotten: longest {longest}"


async def stop_in_fault(subject: Subject, kind: str) -> str:
    """Stop the server while requests wait for the database, and return how long it took."""
    counts = subject.counts = Counts()
    headers = {"Authorization": f"Bearer {subject.key}"}
    async with httpx.AsyncClient(base_url=subject.server.address, headers=headers, timeout=60) as client:
        with subject.fault(kind):
            waiting = [asyncio.create_task(_SENDERS[name](client, subject)) for name in ("list", "record", "record")]
            await asyncio.sleep(0.5)
            began = time.monotonic()
            code = await asyncio.to_thread(subject.server.stop)
            took = time.monotonic() - began
            await asyncio.gather(*waiting, return_exceptions=True)
    counts.require(took <= MOST_STOP + NOISE, f"SIGTERM took {took:.1f} seconds while {kind}")
    counts.require(code == 0, f"the exit code was {code}")
    return f"SIGTERM while {kind}: {took:.1f} s"


def make_settings(url: str, timeout_ms: int) -> dict[str, str]:
    return {
        "database_url": url,
        "statement_timeout_ms": str(timeout_ms),
        "pool_idle_seconds": str(IDLE_SECONDS),
    }


def create_key(home: Path, settings: dict[str, str]) -> str:
    create = ("key", "create", "--account", "faults", "--role", "ADMIN", "--email", "ana@example.com", "--quiet")
    done = run_command(home, *create, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def processes_below(pid: int) -> list[int]:
    """Return the processes that this one started, and those that they started."""
    listed = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True, text=True).stdout
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


async def main(rounds: int, timeout_ms: int) -> int:
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        with start_embedded(Path(folder, "database")) as database, proxied(database.url) as (proxy, url):
            settings = make_settings(url, timeout_ms)
            key = create_key(home, settings)
            postmaster = postmaster_of(Path(folder, "database"))
            for _ in range(rounds):
                for kind in KINDS:
                    with Server(home, "serve", **settings) as server:
                        server.wait_until_it_serves()
                        server.ask(key, CREATE_AGENT, input=BISTRO)
                        subject = Subject(server, proxy, key, postmaster, timeout_ms / 1000)
                        for said in (suffer(subject, kind), be_forgotten(subject), stop_in_fault(subject, kind)):
                            print(await said, flush=True)
                            failures += report(subject)
    return min(failures, 1)


def report(subject: Subject) -> int:
    """Print what was wrong, and return how much it was."""
    for failure, count in Counter(subject.counts.failures).items():
        print(f"  FAILED {count} times: {failure}", flush=True)
    log = subject.server.errors
    print(f"  lines in the log so far: {len(log.splitlines())}, tracebacks {log.count('Traceback')}", flush=True)
    return len(subject.counts.failures) + log.count("Traceback")


if __name__ == "__main__":
    arguments = [*map(int, sys.argv[1:])]
    sys.exit(asyncio.run(main(*[*arguments, *(ROUNDS, TIMEOUT_MS)[len(arguments) :]])))
