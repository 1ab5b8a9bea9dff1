"""Faults of the embedded server: eight commands at once, and a socket folder or an owner file deleted under a server.

    python -m bench.faults.embedded [ROUNDS]

Each round runs eight commands at once on a new home and again on that home, and deletes the socket folder and the owner
file under a running server. Prints counts; exits with 1 if a command failed or said something, or if a server was not
ready 15 s after a second command had ended, which may have taken over the database for a moment.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

COMMAND = (sys.executable, "-m", "session_graph.cli.main")
AT_ONCE = 8
COMMAND_SECONDS = 300
START_SECONDS = 120
REPAIR_SECONDS = 15
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def make_environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SESSION_GRAPH_")}
    return {**inherited, "SESSION_GRAPH_HOME": str(home), "SESSION_GRAPH_PORT": "0"}


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments],
        env=make_environment(home),
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def run_at_once(home: Path, counts: Counter[str], kind: str) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = [pool.submit(run, home, "migrate") for _ in range(AT_ONCE)]
    for each in ended:
        done = each.result()
        is_good = (done.returncode, done.stderr) == (0, "")
        counts[f"{kind}: {'good' if is_good else 'BAD'}"] += 1
        if not is_good:
            print(f"{kind}: rc {done.returncode}\n{done.stderr}", file=sys.stderr)


def serve_and_delete(home: Path, counts: Counter[str], kind: str, delete: Callable[[Path], None]) -> None:
    """Delete under a running server, and wait until a second command succeeds and the server is ready."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "serve"], env=make_environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout
            address = ADDRESS.findall(server.stdout.readline())[0]
            delete(home)
            began = time.monotonic()
            second = run(home, "account")
            ended = time.monotonic()
            is_ready = wait_until_ready(address, ended + REPAIR_SECONDS)
            is_good = second.returncode == 0 and is_ready
            counts[f"{kind}: {'repaired' if is_good else 'BAD'}"] += 1
            times = f"after {ended - began:.1f} s, ready {is_ready} {time.monotonic() - ended:.1f} s later"
            print(f"{kind}: second command rc {second.returncode} {times}", second.stderr)
        finally:
            server.terminate()
            server.wait(START_SECONDS)


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
        print(dict(counts), flush=True)
    return int(any("BAD" in name for name in counts))


if __name__ == "__main__":
    sys.exit(main())
