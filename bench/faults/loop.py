"""How long one legal request keeps the event loop from everybody else, and how much memory it takes.

    python -m bench.faults.loop [WORD…]      # only the attacks whose names have one of the words

The server runs in this process with 500 long sessions, and each request comes from a process of its own, three times.
The longest gap between two turns of the event loop is the smallest of the three, so that the other programs of a busy
machine count as little as they can; *cpu* is what this process worked in such a gap, *all* what it worked for the
whole request. Fails if a request held the loop for more than 50 ms, or if memory grew by more than 400 MB.
"""

import asyncio
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench.faults.loop_attacks import Attack, attacks, make_record, turns
from session_graph.access.accounts import find_or_create_account
from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.demo import AGENTS
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import record_sessions
from session_graph.settings import load_settings
from session_graph.store.database import Database
from session_graph.store.lifecycle import open_url, store_url

from support.live import serving  # isort: skip

ROUNDS = 3
MOST_SECONDS = 0.05
MOST_MEGABYTES = 400
STORED = 500
ROLES = (Role.PORTAL, Role.RECORDER, Role.ADMIN)


@dataclass(slots=True)
class Gaps:
    """The longest gap between two turns of the event loop, and the most CPU of the process in one; seconds."""

    longest: float = 0
    busiest: float = 0

    async def watch(self) -> None:
        while True:
            began, worked = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - began - 0.001)
            self.busiest = max(self.busiest, time.process_time() - worked)


@dataclass(slots=True)
class Seen:
    """What the rounds of one attack showed."""

    longest: list[float] = field(default_factory=list)
    busiest: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    grown: list[float] = field(default_factory=list)
    outcome: str = ""

    @property
    def is_good(self) -> bool:
        return min(self.longest) <= MOST_SECONDS and max(self.grown) <= MOST_MEGABYTES

    def line(self) -> str:
        milliseconds = [min(each) * 1000 for each in (self.longest, self.busiest, self.worked)]
        return "{:7.0f} {:6.0f} {:7.0f} ".format(*milliseconds) + f"{max(self.grown):6.0f}  {self.outcome}"


@dataclass(frozen=True, slots=True)
class Bench:
    """A server in this process, and a key for each role."""

    address: str
    keys: dict[str, str]
    folder: Path

    async def try_attack(self, attack: Attack) -> Seen:
        path, seen = self.folder / "body", Seen()
        for _ in range(ROUNDS):
            path.write_bytes(attack.make())
            _free_memory()
            before, worked = _peak_megabytes(), time.process_time()
            with watching() as gaps:
                seen.outcome = await self._send(attack, path)
            seen.longest.append(gaps.longest)
            seen.busiest.append(gaps.busiest)
            seen.worked.append(time.process_time() - worked)
            seen.grown.append(_peak_megabytes() - before)
        return seen

    async def _send(self, attack: Attack, path: Path) -> str:
        command = (sys.executable, "-m", "bench.faults.loop_client", attack.transport, self.address)
        arguments = (*command, self.keys[attack.role], *attack.headers)
        with path.open("rb") as body:
            client = await asyncio.create_subprocess_exec(*arguments, stdin=body, stdout=asyncio.subprocess.PIPE)
            printed, _ = await client.communicate()
        outcome, answer, length = json.loads(printed)
        return f"{outcome} {length:,} {answer[:110]!r}"


@contextmanager
def watching() -> Iterator[Gaps]:
    gaps = Gaps()
    task = asyncio.create_task(gaps.watch())
    yield gaps
    task.cancel()


def _free_memory() -> None:
    """Give freed memory back to the system, and let its peak begin anew."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def _peak_megabytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[Bench]:
    settings = load_settings(home=folder, pool_min_size=1, pool_max_size=4)
    async with store_url(settings) as url, open_url(url, settings) as database:
        keys = await _fill(database)
        async with serving(database, url, settings) as served:
            yield Bench(served.address, keys, folder)


async def _fill(database: Database) -> dict[str, str]:
    """Store long sessions in a new account; return its keys by role."""
    account = await find_or_create_account("loop")
    await create_missing_agents(account.id, [parse_agent({**AGENTS[0], "idn": "desk"})])
    text = "hello " * (500 // 6)
    long = {"summary": "s" * 10_000, "expectedResult": "c" * 10_000, "actualResult": "a" * 10_000}
    records = [parse_record(make_record(transcript=turns(60, text), **long)) for _ in range(STORED)]
    await record_sessions(database, account.id, records)
    return {role.value: (await create_key(account, role))[0] for role in ROLES}


async def run(words: Sequence[str]) -> bool:
    is_good = True
    with tempfile.TemporaryDirectory() as folder:
        async with _opened(Path(folder)) as bench:
            print(" gap ms cpu ms  all ms     MB")
            for name, attack in attacks():
                if not words or any(word in name for word in words):
                    seen = await bench.try_attack(attack)
                    is_good &= seen.is_good
                    print(f"{seen.line()}\n{'':31}{'' if seen.is_good else 'TOO LONG: '}{name}", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}; {'good' if is_good else 'BAD'}")
    return is_good


def main() -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return 0 if runner.run(run(sys.argv[1:])) else 1


if __name__ == "__main__":
    sys.exit(main())
