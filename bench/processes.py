"""CPU time and memory of processes of this machine, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and its descendants, ended ones included."""
    total = 0
    for member in _tree(pid):
        fields = _stat(member)
        if fields:
            total += sum(map(int, fields[11:15] if member == pid else fields[11:13]))
    return total / TICKS


def find_parent(pid: int, command: bytes) -> int | None:
    """Return the parent of a process that runs this command, or None if this machine has no such process."""
    fields, line = _stat(pid), Path(f"/proc/{pid}/cmdline")
    return int(fields[1]) if fields and command in line.read_bytes() else None


def resident_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def _tree(pid: int) -> list[int]:
    members, unread = [], [pid]
    while unread:
        member = unread.pop()
        members.append(member)
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                unread += map(int, children.read_text().split())
            except OSError:
                continue
    return members


def _stat(pid: int) -> list[str]:
    """Return the fields after the name; empty if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
