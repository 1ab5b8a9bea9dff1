"""The commands as people start them: processes of their own, with a home, an address, and an end."""

import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import httpx

import session_graph

START_SECONDS = 120.0
STOP_SECONDS = 30.0
_COMMAND = (sys.executable, "-m", "session_graph.cli.main")
_SOURCE = str(Path(session_graph.__file__).parents[1])
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def make_environment(home: Path, **settings: str) -> dict[str, str]:
    """Ours without any setting of session_graph but these and the home, and with any free port."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SESSION_GRAPH_")}
    given = {f"SESSION_GRAPH_{name.upper()}": value for name, value in settings.items()}
    return {**inherited, "PYTHONPATH": _SOURCE, "SESSION_GRAPH_HOME": str(home), "SESSION_GRAPH_PORT": "0", **given}


def run_command(home: Path, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*_COMMAND, *arguments],
        env=make_environment(home, **settings),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Curl:
    """A request as a `curl` on the command line makes it."""

    url: str
    headers: dict[str, str]
    body: str

    @classmethod
    def read(cls, text: str) -> Self:
        """The one `curl` in a text, with its lines that end in a backslash joined."""
        (line,) = re.findall(r"^ *curl .*$", text.replace("\\\n", " "), re.MULTILINE)
        words = shlex.split(line)
        options = list(pairwise(words))
        headers = [value.split(": ", 1) for name, value in options if name == "-H"]
        (body,) = [value for name, value in options if name == "-d"]
        (url,) = [word for word in words if word.startswith("http")]
        return cls(url, dict(headers), body)

    def send(self) -> Any:
        response = httpx.post(self.url, headers=self.headers, content=self.body)
        assert response.status_code == 200, response.text
        return response.json()


class Server:
    """A command that serves until it is told to stop. Leaving its block kills it, if nothing else has ended it."""

    def __init__(self, home: Path, *arguments: str | Path, most_files: str = "", **settings: str) -> None:
        """With `most_files`, a number, the process starts with half as many open files, and can raise that to all."""
        self.home = home
        self.printed = ""
        self._log = home.parent / f"{home.name}.stderr"
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_limit_files(most_files), *_COMMAND, *arguments],
                env=make_environment(home, **settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def address(self) -> str:
        """As it was printed."""
        found = _ADDRESS.search(self.printed)
        assert found, self.printed
        return found[0]

    @property
    def errors(self) -> str:
        """What it and the servers before it on the same home have said on standard error."""
        return self._log.read_text()

    def wait_until_it_serves(self) -> Self:
        """Until it has said all that it says at the start, and answers."""
        end = time.monotonic() + START_SECONDS
        while not _ADDRESS.search(self.printed):
            self.printed += self._next_line(end - time.monotonic())
        assert comes_true(lambda: self._is_alive(), START_SECONDS)
        while not self._lines.empty():
            self.printed += self._lines.get()
        return self

    def wait_until_it_prints(self, text: str) -> Self:
        end = time.monotonic() + START_SECONDS
        while text not in self.printed:
            self.printed += self._next_line(end - time.monotonic())
        return self

    def ask(self, key: str, query: str, **variables: Any) -> Any:
        """The answer's data; there must be no error."""
        answer = self.post(key, query, variables).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def post(self, key: str, query: str, variables: dict[str, Any] | None = None) -> httpx.Response:
        return httpx.post(
            f"{self.address}/graphql",
            json={"query": query, "variables": variables or {}},
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self._process.send_signal(with_signal)
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _next_line(self, seconds: float) -> str:
        line = self._lines.get(timeout=max(seconds, 0))
        assert line, f"it ended with {self._process.wait()} before it served:\n{self.errors}"
        return line

    def _is_alive(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


def _limit_files(most: str) -> list[str]:
    return ["sh", "-c", f'ulimit -Sn {int(most) // 2} && ulimit -Hn {most} && exec "$@"', "sh"] if most else []


def comes_true(condition: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


def find_socket_folder(home: Path) -> str:
    """The name of the folder of the embedded server's socket, while that is running; all its processes show it."""
    (owner,) = home.glob("pg*.owner")
    name = Path(owner.read_text()).name
    assert name.startswith("session-graph-"), name
    return name


def list_processes(name: str) -> list[str]:
    """Those of an embedded server, by the name of its socket's folder."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, check=True).stdout
    return [line for line in listed.decode().splitlines() if name in line]


def kill_database(home: Path) -> None:
    os.kill(postmaster_of(home), signal.SIGKILL)


def postmaster_of(home: Path) -> int:
    """Return the first process of the embedded server of this home."""
    (pid_file,) = home.glob("pg*/postmaster.pid")
    return int(pid_file.read_text().split()[0])


HALTS = ("postmaster", "backends", "shell", "all")


def halt_database(home: Path, what: str = "all") -> None:
    """Halt (SIGSTOP) processes of the embedded server: its first one, those below it, the shell above it, or all."""
    postmaster = postmaster_of(home)
    listed = [(int(line.split()[0]), line) for line in list_processes(find_socket_folder(home))]
    shells = {pid for pid, line in listed if "/bin/sh" in line}
    halted = {
        "postmaster": {postmaster},
        "backends": {pid for pid, _ in listed} - shells - {postmaster},
        "shell": shells,
        "all": {pid for pid, _ in listed},
    }[what]
    assert halted
    for pid in halted:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
