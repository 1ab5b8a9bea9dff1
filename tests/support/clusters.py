"""PostgreSQL clusters of a test's own: a primary, its asynchronous standby, and the failover between them.

    with new_cluster() as primary:
        with primary.standby() as standby:
            standby.stop()
            ...              # what is written now, the standby does not have
            primary.kill()
            standby.start()
            standby.promote()

They listen on Unix sockets in their own folders, and with `listens` on a port of this machine each. They are removed at
the end.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from session_graph.store.embedded.binaries import Binaries, find_binaries
from session_graph.store.embedded.os_users import find_creator, find_os_user
from support.smtp import free_port

SECONDS = 120
_CONFIGURATION = """
listen_addresses = ''
port = 5432
unix_socket_permissions = 0777
fsync = off
max_connections = 60
shared_buffers = 64MB
max_wal_size = 512MB
jit = off
timezone = UTC
log_timezone = UTC
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster in a folder, which also has its socket and its log."""

    folder: Path
    programs: Binaries
    port: int | None = None
    """Where it listens on 127.0.0.1, if anywhere."""

    @property
    def url(self) -> str:
        """Return the address of its database `postgres`."""
        return f"postgresql://postgres@/postgres?host={quote(str(self.folder))}&port={self.port or 5432}"

    def database_url(self, name: str) -> str:
        return self.url.replace("/postgres?", f"/{name}?")

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        log, options = self.folder / "log", f"-k {self.folder}"
        if self.port:
            options += f" -h 127.0.0.1 -p {self.port}"
        self.run("pg_ctl", "start", "-w", "-t", str(SECONDS), "-D", self._data, "-l", log, "-o", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-w", "-t", str(SECONDS), "-m", "fast", "-D", self._data)

    def kill(self) -> None:
        """End it without a shutdown, as a crash does."""
        self.run("pg_ctl", "stop", "-w", "-t", str(SECONDS), "-m", "immediate", "-D", self._data)

    def promote(self) -> None:
        """Make a standby a primary on a timeline of its own."""
        self.run("pg_ctl", "promote", "-w", "-t", str(SECONDS), "-D", self._data)

    @contextmanager
    def standby(self) -> Iterator["Cluster"]:
        """Yield a running standby that replicates asynchronously."""
        with _folder(self.programs, bool(self.port)) as standby:
            self.run("pg_basebackup", "-R", "-c", "fast", "-X", "stream", "-d", self.url, "-D", standby._data)
            with standby._running():
                yield standby

    @contextmanager
    def recovered(self) -> Iterator["Cluster"]:
        """Yield a running copy as of now, recovered from a backup up to its end, as for a point in time."""
        with _folder(self.programs) as copy:
            self.run("pg_basebackup", "-c", "fast", "-X", "stream", "-d", self.url, "-D", copy._data)
            with (copy._data / "postgresql.conf").open("a") as configuration:
                configuration.write("restore_command = 'false'\nrecovery_target = 'immediate'\n")
                configuration.write("recovery_target_action = 'promote'\n")
            (copy._data / "recovery.signal").touch()
            self.programs.user.take(copy._data / "recovery.signal")
            with copy._running():
                yield copy

    def run(self, program: str, *arguments: str | Path) -> None:
        """Run a program of this cluster's version as its user. Raises RuntimeError with what it says if it fails."""
        with tempfile.TemporaryFile() as output:
            process = self.programs.user.start(
                self.programs.folder / program, *arguments, cwd=self.folder, output=output
            )
            try:
                failed = process.wait(2 * SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            if failed:
                output.seek(0)
                raise RuntimeError(f"{program}: {output.read().decode(errors='replace')}")

    @contextmanager
    def _running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            if (self._data / "postmaster.pid").exists():
                self.kill()

    @property
    def _data(self) -> Path:
        return self.folder / "data"


@contextmanager
def new_cluster(bin_dir: Path | None = None, *, listens: bool = False) -> Iterator[Cluster]:
    """Yield a running, empty cluster. Raises StoreError if PostgreSQL's programs are not installed."""
    with _folder(find_binaries(find_creator(find_os_user(Path("/"))), bin_dir), listens) as cluster:
        arguments = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--locale=C")
        cluster.run("initdb", *arguments, "-D", cluster._data)
        with (cluster._data / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION)
        with cluster._running():
            yield cluster


@contextmanager
def _folder(programs: Binaries, listens: bool = False) -> Iterator[Cluster]:
    """Yield a cluster in a new folder with nothing in it."""
    folder = Path(tempfile.mkdtemp(prefix="sg-"))
    try:
        programs.user.take(folder)
        os.chmod(folder, 0o755)
        yield Cluster(folder, programs, free_port() if listens else None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
