"""A PostgreSQL server that lives in a home folder and stops with the process that owns it.

    with start_embedded(Path(".session-graph")) as server:
        connection = await asyncpg.connect(server.url)

It is meant for first steps, tests and small installations on Linux and macOS. A service that must outlive a process, or
be reached from another machine, sets `SESSION_GRAPH_DATABASE_URL`. The home has

    pg18/       the data, which appears complete or not at all; the major version in the name allows for upgrades
    pg18.log    the server's log, emptied at a start when it has grown long
    pg18.owner  locked by the one process that owns the server; contains the path of the socket folder

**One owner.** The process that locks `pg18.owner` starts the server; every other process attaches to it, and loses it
when the owner ends. Locks end with their processes, so no file's content (`postmaster.pid` least of all) is trusted.

**No orphan.** A shell stands between owner and server. It reads a pipe whose other end only the owner has; when that is
closed, by `stop()`, an exit or a SIGKILL, the shell shuts the server down. The log is the standard output of every
process of the server, and stays locked until the last one has ended, which is what the next owner waits for.

**Private.** The server listens on a Unix socket in a folder of mode 0700, never on a port. It asks the operating system
who the caller is (`peer`), and accepts the user who started it and root.

**As root** the user of `find_os_user` runs the server and owns the data and the socket folder: never one that other
processes run as. The home stays as closed as it was: the server is started inside its data folder and needs no access
to the folders above.
"""

import hashlib
import os
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote_from_bytes

from session_graph.errors import StoreError
from session_graph.store.embedded.binaries import find_binaries
from session_graph.store.embedded.creation import HBA, IDENT, create_data, data_argument, give_data, write_access
from session_graph.store.embedded.ending import end_server
from session_graph.store.embedded.home import NAME, PORT, OwnerFile, ServerHome, lock
from session_graph.store.embedded.os_users import find_os_user

START_SECONDS = 60.0
MEMORY_SECONDS = 5.0  # for which shared memory can outlast the processes of a killed server
STOP_SECONDS = 30.0
LOG_BYTES = 4 * 1024 * 1024
SOCKET_FOLDER_BYTES = 88  # the whole path of a socket may have 103 on macOS, 107 on Linux

# These override postgresql.conf.
_SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",  # a collector would drop the lock on the log, see above
    "log_checkpoints": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "512MB",  # so that recovery after a crash takes less than START_SECONDS
    "jit": "off",
}

# The signal is repeated, as the first may come before the server handles it. `sleep` must not keep the log locked.
_SUPERVISE = """
trap '' INT TERM HUP
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ read -r _; while kill -INT $server; do sleep 1 >/dev/null; done; } <&3 2>/dev/null &
watcher=$!
exec 3<&-
wait $server
status=$?
kill -KILL $watcher 2>/dev/null
exit $status
"""


class EmbeddedServer:
    """A running server that this process owns or is attached to. An owned one stops when this object is dropped."""

    def __init__(
        self,
        socket_folder: Path,
        is_owner: bool,
        is_alive: Callable[[], bool],
        cleanup: ExitStack,
        patience: "Patience | None" = None,
    ) -> None:
        self.url = f"postgresql://{NAME}@/{NAME}?host={quote_from_bytes(os.fsencode(socket_folder))}&port={PORT}"
        self.is_owner = is_owner
        self._is_alive = is_alive
        self._cleanup = cleanup
        self._patience = patience

    def is_alive(self) -> bool:
        """Return whether the server runs and others find it. If not, its owner calls `stop()`, then `start_embedded()`.

        The owner makes `.owner` again if it was deleted. A server whose socket was deleted must be restarted.
        """
        return self._is_alive()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop the server if this process owns it, and wait for its end. A second call does nothing.

        If it has not shut down in time it is killed, which loses nothing; the next start then takes longer.
        """
        if self._patience:
            self._patience.seconds = seconds
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_embedded(
    home: Path, *, bin_dir: Path | None = None, give_up: threading.Event | None = None
) -> EmbeddedServer:
    """Start the server of `home`, or attach to it if another process owns it, and wait until it accepts connections.

    `bin_dir` names other PostgreSQL programs than the wheel's. Raises StoreError with the reason within about a minute,
    or within seconds after another thread has set `give_up`.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = home.resolve()
        binaries = find_binaries(find_os_user(home), bin_dir)
        return _own_or_attach(ServerHome(home, binaries), Deadline(START_SECONDS, give_up))
    except OSError as error:
        raise StoreError(f"The embedded database in {home} cannot be used: {error}.") from error


def has_database(home: Path) -> bool:
    """Return whether a database has been started in `home`, or is being started. Creates nothing."""
    if not home.is_dir():
        return False
    data = ServerHome(home, find_binaries(find_os_user(home))).data
    return data.is_dir() or data.with_suffix(".owner").exists()


class Deadline:
    """The time that all steps of one start share."""

    def __init__(self, seconds: float, give_up: threading.Event | None = None) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._give_up = give_up or threading.Event()

    def pause(self) -> bool:
        """Sleep for a moment that grows with the time waited so far. Return False if the time is over."""
        waited = time.monotonic() - self._began
        return not self._give_up.wait(min(0.01 + waited / 20, 0.25)) and waited < self._seconds


@dataclass(slots=True)
class Patience:
    """How long a stop waits for the end of the server, in seconds."""

    seconds: float = STOP_SECONDS


def _own_or_attach(home: ServerHome, deadline: Deadline) -> EmbeddedServer:
    with ExitStack() as cleanup:
        owner = cleanup.enter_context(OwnerFile(home))
        while not lock(owner.file):
            socket_folder = _read_socket_folder(owner.file, home)
            if socket_folder and home.accepts(socket_folder):
                return EmbeddedServer(socket_folder, False, partial(home.accepts, socket_folder), ExitStack())
            if not deadline.pause():
                raise home.failure(f"Another process owns the database in {home.folder}, but it accepts no connection.")
        return _own(home, owner, deadline, cleanup.pop_all())


def _own(home: ServerHome, owner: OwnerFile, deadline: Deadline, cleanup: ExitStack) -> EmbeddedServer:
    """Start the server. `cleanup` is what its stop undoes, with the lock as the last step."""
    with cleanup, home.open(".log") as log:
        while not lock(log):
            if not deadline.pause():
                raise home.failure(f"Processes of the last server in {home.folder} are still running.")
        if os.fstat(log.fileno()).st_size > LOG_BYTES:
            log.truncate(0)
        socket_folder = _make_socket_folder(home, owner.identity)
        cleanup.callback(_remove_empty, socket_folder, owner)
        owner.write(socket_folder)
        if not (home.data / "PG_VERSION").exists():
            create_data(home, log)
        give_data(home.data, home.binaries.user)
        write_access(home)
        patience = Patience()
        server = _start(home, socket_folder, log, deadline, cleanup, patience)
        cleanup.callback(owner.write, None)  # the first step, see there
        socket = socket_folder / f".s.PGSQL.{PORT}"

        def is_alive() -> bool:
            return server.poll() is None and socket.exists() and owner.keep()

        return EmbeddedServer(socket_folder, True, is_alive, cleanup.pop_all(), patience)


def _make_socket_folder(home: ServerHome, identity: bytes) -> Path:
    user = home.binaries.user
    # Not the path alone: if a home is deleted and made again, its old server removes the old socket at its end. And not
    # the owner file: processes keep the path of the socket after somebody deleted that file.
    name = f"session-graph-{user.uid}-{hashlib.sha256(identity).hexdigest()[:8]}"
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - checked below
        folder = Path(parent, name)
        # PostgreSQL and its clients read a comma as the start of another folder.
        fits = folder.is_absolute() and "," not in parent and len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES
        if fits and os.access(parent, os.W_OK) and user.may_enter(Path(parent)):
            break
    else:
        raise StoreError("There is no folder for the database's socket: /tmp cannot be written to.")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if folder.lstat().st_uid == os.geteuid():
        user.take(folder)
    _check_socket_folder(folder, home)
    for stale in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        (folder / stale).unlink(missing_ok=True)
    return folder


def _read_socket_folder(owner: IO[bytes], home: ServerHome) -> Path | None:
    """Return the folder of the server's socket; None before the owner has written it, and after the server's end."""
    owner.seek(0)
    folder = Path(os.fsdecode(owner.read()))
    if not folder.is_absolute():
        return None
    try:
        _check_socket_folder(folder, home)
    except FileNotFoundError:
        return None
    return folder


def _check_socket_folder(folder: Path, home: ServerHome) -> None:
    """Raise StoreError unless the folder is private: readers need no password, writers could pose as the server."""
    found, uid = folder.lstat(), home.binaries.user.uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
        raise StoreError(f"{folder} must be a folder of mode 0700 that belongs to uid {uid}. It is not: remove it.")


def _remove_empty(folder: Path, owner: OwnerFile) -> None:
    """Remove the folder, unless another process owns the home by now and is about to use it."""
    if owner.keep():
        with suppress(OSError):
            folder.rmdir()


def _start(
    home: ServerHome, socket_folder: Path, log: IO[bytes], deadline: Deadline, cleanup: ExitStack, patience: Patience
) -> subprocess.Popen[bytes]:
    """Start the server and wait until it accepts connections.

    PostgreSQL refuses to start while shared memory of a killed server is left; then try again for MEMORY_SECONDS.
    """
    memory = Deadline(MEMORY_SECONDS)
    while True:
        began = os.fstat(log.fileno()).st_size
        server = _supervise(home, socket_folder, log, cleanup, patience)
        while server.poll() is None:
            if home.accepts(socket_folder):
                return server
            if not deadline.pause():
                raise home.failure(f"The database in {home.folder} took too long to start.", began)
        failure = home.failure(f"The database in {home.folder} did not start.", began)
        if "is still in use" not in failure.message or not memory.pause():
            raise failure


def _supervise(
    home: ServerHome, socket_folder: Path, log: IO[bytes], cleanup: ExitStack, patience: Patience
) -> subprocess.Popen[bytes]:
    settings = {**_SETTINGS, "unix_socket_directories": str(socket_folder), "cluster_name": socket_folder.name}
    data = data_argument(home.data, home.binaries.user)
    files = {"hba_file": f"{data}/{HBA}", "ident_file": f"{data}/{IDENT}"}
    options = [f"--{name}={value}" for name, value in {**settings, **files}.items()]
    server = home.binaries.user.start(
        *("/bin/sh", "-c", _SUPERVISE, "sh"),
        *(str(home.binaries.folder / "postgres"), "-D", data, *options),
        cwd=home.data,
        stdin=subprocess.PIPE,
        output=log,
        environment={"PG_GRANDPARENT_PID": _read_stale_pid(home)},
    )
    cleanup.callback(lambda: end_server(server, patience.seconds))
    assert server.stdin
    cleanup.enter_context(server.stdin)
    server.stdin = None  # a Popen outlives its last reference while its process runs; the pipe must not
    return server


def _read_stale_pid(home: ServerHome) -> str:
    """Return the pid in postmaster.pid, which PostgreSQL is to ignore: the locks prove that this server has ended.

    Another process may have the pid by now, and PostgreSQL would refuse to start. It still refuses if a server that was
    started by hand is running, as it finds that one through shared memory.
    """
    try:
        return str(int((home.data / "postmaster.pid").read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return "0"
