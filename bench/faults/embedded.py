"""Faults of the embedded server: eight commands at once, files deleted under a server, and halted processes.

    python -m bench.faults.embedded [ROUNDS]

Each round runs eight commands at once on a new home and again on that home, and deletes the socket folder and the owner
file under a running server. It halts (SIGSTOP) PostgreSQL's first process, those below it, the shell above it, or all,
and ends the server by SIGTERM. Prints counts; exits with 1 if a command failed or said something, if a server was not
ready 15 s after a second command had ended, which may have taken over the database for a moment, or if one took longer
than 12 s to end or left a process behind.
"""

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from support.processes import (
    HALTS,
    Server,
    comes_true,
    find_socket_folder,
    halt_database,
    list_processes,
    run_command,
)

AT_ONCE = 8
REPAIR_SECONDS = 15
MOST_STOP = 12.0
LEFTOVER_SECONDS = 5.0


def run_at_once(home: Path, counts: Counter[str], kind: str) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = [pool.submit(run_command, home, "migrate") for _ in range(AT_ONCE)]
    for each in ended:
        done = each.result()
        is_good = (done.returncode, done.stderr) == (0, "")
        counts[f"{kind}: {'good' if is_good else 'BAD'}"] += 1
        if not is_good:
            print(f"{kind}: rc {done.returncode}\n{done.stderr}", file=sys.stderr)


def serve_and_delete(home: Path, counts: Counter[str], kind: str, delete: Callable[[Path], None]) -> None:
    """Delete under a running server, and wait until a second command succeeds and the server is ready."""
    with Server(home, "serve") as server:
        server.wait_until_it_serves()
        delete(home)
        began = time.monotonic()
        second = run_command(home, "account")
        ended = time.monotonic()
        is_ready = wait_until_ready(server.address, ended + REPAIR_SECONDS)
        is_good = second.returncode == 0 and is_ready
        counts[f"{kind}: {'repaired' if is_good else 'BAD'}"] += 1
        times = f"after {ended - began:.1f} s, ready {is_ready} {time.monotonic() - ended:.1f} s later"
        print(f"{kind}: second command rc {second.returncode} {times}", second.stderr)
        server.stop()


def serve_and_halt(home: Path, counts: Counter[str], what: str) -> None:
    """Halt processes of the database under a running server, and end the server."""
    with Server(home, "serve") as server:
        server.wait_until_it_serves()
        folder = find_socket_folder(home)
        halt_database(home, what)
        began = time.monotonic()
        code = server.stop()
        took = time.monotonic() - began
        is_gone = comes_true(lambda: not list_processes(folder), LEFTOVER_SECONDS)
        is_good = code == 0 and took < MOST_STOP and is_gone
        counts[f"halted {what}: {'ended' if is_good else 'BAD'}"] += 1
        print(f"halted {what}: rc {code} after {took:.1f} s, all processes ended: {is_gone}")


def wait_until_ready(address: str, end: float) -> bool:
    while time.monotonic() < end:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    return False


def delete_socket_folder(home: Path) -> None:
    (owner,) = home.glob("pg*.owner")
    shutil.rmtree(owner.read_text())


def delete_owner_file(home: Path) -> None:
    (owner,) = home.glob("pg*.owner")
    owner.unlink()


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    counts: Counter[str] = Counter()
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder, "home")
            run_at_once(home, counts, "cold home")
            run_at_once(home, counts, "warm home")
            serve_and_delete(home, counts, "socket folder", delete_socket_folder)
            serve_and_delete(home, counts, "owner file", delete_owner_file)
            for what in HALTS:
                serve_and_halt(home, counts, what)
        print(dict(counts), flush=True)
    return int(any("BAD" in name for name in counts))


if __name__ == "__main__":
    sys.exit(main())
