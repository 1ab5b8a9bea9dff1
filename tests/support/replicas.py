"""A primary and a standby of PostgreSQL that listen on ports of this machine."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import asyncpg
import pytest

from session_graph.errors import StoreError
from session_graph.store.embedded.binaries import Binaries, find_binaries, find_os_user
from support.processes import comes_true
from support.smtp import free_port

START_SECONDS = 60.0
NAME = "session_graph"


@dataclass(slots=True)
class Node:
    """One server."""

    binaries: Binaries
    data: Path
    port: int
    _server: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "wal_level": "replica",
            "hot_standby": "on",
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self._server = self.binaries.start("postgres", "-D", str(self.data), *arguments, output=log, cwd=self.data)
        assert comes_true(self.accepts, START_SECONDS), (self.data.parent / f"{self.data.name}.log").read_text()
        return self

    def accepts(self) -> bool:
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", NAME, "-d", "postgres")
        with self.binaries.start("pg_isready", "-q", *address) as check:
            return check.wait() == 0

    def position(self) -> str:
        """Return how far it has written the log, or replayed that of its primary."""
        return self.ask(
            "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end"
        )

    def ask(self, sql: str) -> str:
        """Return the one value of a statement."""
        return asyncio.run(self._ask(sql))

    async def _ask(self, sql: str) -> str:
        connection = await asyncpg.connect(url_of(self).replace("read-write", "any"))
        try:
            return str(await connection.fetchval(sql))
        finally:
            await connection.close()

    def promote(self) -> None:
        run(self.binaries, self.data, "pg_ctl", "promote", "-D", str(self.data), "-w", "-t", str(int(START_SECONDS)))

    def kill(self) -> None:
        """End all its processes at once, as a machine that fails."""
        if self._server:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = None


def run(binaries: Binaries, folder: Path, program: str, *arguments: str) -> None:
    with binaries.start(program, *arguments, cwd=folder, stdin=subprocess.DEVNULL) as running:
        assert running.wait() == 0, f"{program} failed"


@contextmanager
def replicated() -> Iterator[tuple[Node, Node]]:
    """Yield a primary and its standby; skips the test where PostgreSQL's programs are missing."""
    folder = Path(tempfile.mkdtemp(prefix="session-graph-replicas-"))
    folder.chmod(0o711)  # the servers of root run as another user
    try:
        with _replicated(folder) as nodes:
            yield nodes
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _replicated(folder: Path) -> Iterator[tuple[Node, Node]]:
    try:
        binaries = find_binaries(find_os_user(folder))
    except StoreError as error:
        pytest.skip(error.message)
    for program in ("pg_basebackup", "pg_ctl", "initdb"):
        if not (binaries.folder / program).exists():
            pytest.skip(f"needs {program} beside the other programs of PostgreSQL")
    with ExitStack() as cleanup:
        nodes = []
        for name in ("primary", "standby"):
            data = folder / name
            data.mkdir(mode=0o700)
            binaries.user.take(data)
            node = Node(binaries, data, free_port())
            cleanup.callback(node.kill)
            nodes.append(node)
        primary, standby = nodes
        access = ("--auth-host=trust", "--auth-local=trust", "--no-sync")
        run(binaries, primary.data, "initdb", "-D", str(primary.data), "-U", NAME, "--encoding=UTF8", *access)
        primary.start()
        source = f"host=127.0.0.1 port={primary.port} user={NAME}"
        run(binaries, standby.data, "pg_basebackup", "-D", str(standby.data), "-R", "-c", "fast", "-d", source)
        yield primary, standby.start()


def url_of(*nodes: Node) -> str:
    """Return the address of whichever of them takes changes."""
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    return f"postgresql://{NAME}@{hosts}/postgres?target_session_attrs=read-write"
