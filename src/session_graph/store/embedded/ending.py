"""The end of an embedded server within a known time, even if its processes are halted."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

QUIT_SECONDS = 1.0
"""For an immediate shutdown, which leaves the recovery to the next start."""
KILL_SECONDS = 0.5
LEAST_SECONDS = 0.3
"""For a shutdown with a checkpoint, however little time is left."""


def end_server(supervisor: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the server, which shuts down as its pipe is closed; if that takes too long, send harder signals.

    `supervisor` is the shell above the server. Halted processes (SIGSTOP) go on first, as they would not hear of the
    shutdown. What the kernel cannot end, such as a process that waits for a disk, is not waited for: the next start
    waits for the lock of the log. Whatever was committed stays.
    """
    _send(signal.SIGCONT, [supervisor.pid, *_list_descendants(supervisor.pid)])
    if _has_ended(supervisor, max(seconds - QUIT_SECONDS - KILL_SECONDS, LEAST_SECONDS)):
        return
    tree = _list_descendants(supervisor.pid)
    _send(signal.SIGCONT, [supervisor.pid, *tree])
    _send(signal.SIGQUIT, _list_children(supervisor.pid))
    if _has_ended(supervisor, QUIT_SECONDS):
        return
    _send(signal.SIGKILL, [supervisor.pid, *tree, *_list_descendants(supervisor.pid)])
    _has_ended(supervisor, KILL_SECONDS)


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _send(number: signal.Signals, pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _list_children(parent: int) -> list[int]:
    return [pid for pid, its_parent in _read_parents().items() if its_parent == parent]


def _list_descendants(ancestor: int) -> list[int]:
    """Return the processes below `ancestor`, parents before their children."""
    parents = _read_parents()
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _read_parents() -> dict[int, int]:
    """Return the parent of each process of the machine."""
    if Path("/proc/self/stat").exists():
        return dict(filter(None, map(_read_stat, filter(str.isdigit, os.listdir("/proc")))))
    listed = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True).stdout
    return {int(pid): int(parent) for pid, parent in (line.split() for line in listed.splitlines())}


def _read_stat(pid: str) -> tuple[int, int] | None:
    """Return the process and its parent, or None if it has ended. The name before the state may have any characters."""
    try:
        text = Path("/proc", pid, "stat").read_bytes()
    except OSError:
        return None
    return int(pid), int(text.rpartition(b")")[2].split()[1])
