"""A PostgreSQL server that lives inside a home folder and dies with the process that owns it.

    with start_embedded(Path(".session-graph")) as server:
        connection = await asyncpg.connect(server.url)

For a newcomer's machine, tests and small installations on Linux and macOS; a service that must outlive a process, or
be reached from another machine, has `SESSION_GRAPH_DATABASE_URL`. What lies in the home:

    pg18/       the data. It appears complete or not at all; the major version is in the name, for the day of an upgrade
    pg18.log    what the server says, begun anew when it has grown long
    pg18.owner  locked by the one process that owns the server; says where the socket is

**One owner.** Whoever locks `pg18.owner` starts the server; every other process attaches to it, and loses it when the
owner ends. Locks end with their processes, so nothing written down (`postmaster.pid` least of all) is ever believed.

**No orphan.** A shell stands between owner and server and reads a pipe whose other end only the owner has: when that
closes, by `stop()`, an exit or a SIGKILL, it shuts the server down. The log is the standard output of every process of
the server and stays locked until the last of them is gone, which is what the next owner waits for.

**Nobody else.** The server listens on a Unix socket in a folder of mode 0700, never on a port; it asks for no password.

**As root** the server is run by the account of `find_os_user`, which owns the data and the socket folder. The home
stays as closed as it was: the server is started inside its data folder and needs no way through the folders above.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote_from_bytes

from session_graph.errors import StoreError
from session_graph.store.embedded.binaries import Binaries, find_binaries, find_os_user

NAME = "session_graph"  # of the role and of the database
PORT = "5432"  # a part of the socket's name, nothing listens on it
START_SECONDS = 60.0
MEMORY_SECONDS = 5.0  # that shared memory may outlast a killed server's processes
STOP_SECONDS = 30.0  # for each degree of force
LOG_BYTES = 4 * 1024 * 1024
SOCKET_FOLDER_BYTES = 88  # a socket's whole path has 103 on macOS, 107 on Linux
DATA_PATH_BYTES = 900  # PostgreSQL cuts paths at 1024

# These come before postgresql.conf.
_SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",  # a collector would let go of the log, see above
    "log_checkpoints": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "512MB",  # so that recovery after a crash fits into START_SECONDS
    "jit": "off",
}

# The signal is repeated as the first may come before the server listens to it. `sleep` must not keep the log locked.
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
    """A running server, owned or attached to. An owned one stops when this object is dropped."""

    def __init__(self, socket_folder: Path, is_owner: bool, is_alive: Callable[[], bool], ending: ExitStack) -> None:
        self.url = f"postgresql://{NAME}@/{NAME}?host={quote_from_bytes(os.fsencode(socket_folder))}&port={PORT}"
        self.is_owner = is_owner
        self._is_alive = is_alive
        self._ending = ending

    def is_alive(self) -> bool:
        """Whether the server runs. A dead one is not restarted: its owner calls `stop()`, then `start_embedded()`."""
        return self._is_alive()

    def stop(self) -> None:
        """Stop the server if we own it, and wait for its end. Calling it again does nothing."""
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_embedded(home: Path, *, bin_dir: Path | None = None) -> EmbeddedServer:
    """Start the server of `home`, or attach to it when another process owns it; it then accepts connections.

    `bin_dir` has other PostgreSQL programs than the wheel's. StoreError says what is in the way, within about a minute.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = home.resolve()
        binaries = find_binaries(find_os_user(home), bin_dir)
        return _own_or_attach(ServerHome(home, binaries), Deadline(START_SECONDS))
    except OSError as error:
        raise StoreError(f"The embedded database in {home} cannot be used: {error}.") from error


class Deadline:
    """The time that all steps of one start have together."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._seconds = seconds

    def pause(self) -> bool:
        """Sleep, longer the longer we have waited already; False when the time is up."""
        waited = time.monotonic() - self._began
        time.sleep(min(0.01 + waited / 20, 0.25))
        return waited < self._seconds


@dataclass(frozen=True, slots=True)
class ServerHome:
    """A home with the programs for it: where its parts are, and how they are made and asked."""

    folder: Path
    binaries: Binaries

    @property
    def data(self) -> Path:
        return self.folder / f"pg{self.binaries.major}"

    def open(self, suffix: str) -> IO[bytes]:
        """A file beside the data, made when missing; it belongs to the owner of the home, whoever makes it."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(self.data.with_suffix(suffix), flags, 0o600), "r+b", buffering=0)
        if os.geteuid() == 0:
            owner = self.folder.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        return file

    def accepts(self, socket_folder: Path) -> bool:
        where = ("-h", socket_folder, "-p", PORT, "-U", NAME, "-d", NAME)
        with self.binaries.start("pg_isready", "-q", *where) as asking:
            return asking.wait() == 0

    def failure(self, what: str, since: int = 0) -> StoreError:
        with self.open(".log") as log:
            log.seek(max(since, os.fstat(log.fileno()).st_size - 8192))
            lines = log.read().decode(errors="replace").splitlines()
        return StoreError("\n".join([f"{what} The end of {self.data}.log:", *lines[-15:]]))


def _own_or_attach(home: ServerHome, deadline: Deadline) -> EmbeddedServer:
    with ExitStack() as ending:
        owner = ending.enter_context(home.open(".owner"))
        while not _lock(owner):
            socket_folder = _read_socket_folder(owner, home)
            if socket_folder and home.accepts(socket_folder):
                return EmbeddedServer(socket_folder, False, partial(home.accepts, socket_folder), ExitStack())
            if not deadline.pause():
                raise home.failure(f"Another process owns the database in {home.folder}, but it accepts no connection.")
        return _own(home, owner, deadline, ending.pop_all())


def _own(home: ServerHome, owner: IO[bytes], deadline: Deadline, ending: ExitStack) -> EmbeddedServer:
    """Start the server; `ending` holds what its stop undoes, the lock first of all."""
    with ending, home.open(".log") as log:
        while not _lock(log):
            if not deadline.pause():
                raise home.failure(f"Processes of the last server in {home.folder} are still running.")
        if os.fstat(log.fileno()).st_size > LOG_BYTES:
            log.truncate(0)
        socket_folder = _make_socket_folder(home, owner)
        ending.callback(_remove_empty, socket_folder)
        owner.truncate(0)
        owner.write(os.fsencode(socket_folder))
        if not (home.data / "PG_VERSION").exists():
            _create_data(home, log)
        server = _start(home, socket_folder, log, deadline, ending)
        ending.callback(owner.truncate, 0)  # first of all, so that nobody attaches to a server that is going
        return EmbeddedServer(socket_folder, True, lambda: server.poll() is None, ending.pop_all())


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_socket_folder(home: ServerHome, owner: IO[bytes]) -> Path:
    user = home.binaries.user
    # A home may be deleted and made again under its server, which at its end removes the socket of its name.
    identity = os.fsencode(home.folder) + b"\0%d" % os.fstat(owner.fileno()).st_ino
    name = f"session-graph-{user.uid}-{hashlib.sha256(identity).hexdigest()[:8]}"
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - checked below
        folder = Path(parent, name)
        # PostgreSQL and its clients take a comma for the start of another folder.
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
    """Where the owner says that its server listens; None before that and after its end."""
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
    """Whoever can enter connects without a password; whoever can write can answer in the server's name."""
    found, uid = folder.lstat(), home.binaries.user.uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
        raise StoreError(
            f"{folder} must be a folder of mode 0700 that belongs to uid {uid}; it is not ours. Remove it."
        )


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _data_argument(home: ServerHome, folder: Path) -> str:
    """How the server, started in `folder`, names it; by a link when the way there is closed to it, or too long."""
    if len(os.fsencode(folder)) <= DATA_PATH_BYTES and home.binaries.user.may_enter(folder):
        return str(folder)
    if os.path.exists("/proc/self/cwd"):
        return "/proc/self/cwd"
    raise StoreError(f"PostgreSQL does not run as root, and uid {home.binaries.user.uid} cannot enter {folder}.")


def _create_data(home: ServerHome, log: IO[bytes]) -> None:
    """Make the cluster with its database in a folder beside, and put it in home; what a killed start left goes."""
    new = home.data.with_suffix(".new")
    with suppress(FileNotFoundError):
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    home.binaries.user.take(new)
    data = _data_argument(home, new)
    locale = ["--encoding=UTF8", "--locale=C"]
    if home.binaries.major >= 17:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = ("-U", NAME, "--auth-local=trust", "--auth-host=reject")
    _run(home, log, new, "", "initdb", "-D", data, *access, *locale, "--no-instructions")
    statement = f"create database {NAME};\n"
    _run(home, log, new, statement, "postgres", "--single", "-D", data, "-c", "exit_on_error=on", "postgres")
    new.rename(home.data)
    folder = os.open(home.folder, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _run(home: ServerHome, log: IO[bytes], cwd: Path, said: str, program: str, *arguments: str) -> None:
    began = os.fstat(log.fileno()).st_size
    with home.binaries.start(program, *arguments, cwd=cwd, stdin=subprocess.PIPE, output=log) as running:
        running.communicate(said.encode())
    if running.returncode != 0:
        raise home.failure(f"The database in {home.folder} could not be created.", began)


def _start(
    home: ServerHome, socket_folder: Path, log: IO[bytes], deadline: Deadline, ending: ExitStack
) -> subprocess.Popen[bytes]:
    """Start the server and wait until it accepts connections."""
    memory = Deadline(MEMORY_SECONDS)
    while True:
        began = os.fstat(log.fileno()).st_size
        server = _supervise(home, socket_folder, log, ending)
        while server.poll() is None:
            if home.accepts(socket_folder):
                return server
            if not deadline.pause():
                raise home.failure(f"The database in {home.folder} took too long to start.", began)
        failure = home.failure(f"The database in {home.folder} did not start.", began)
        if "is still in use" not in failure.message or not memory.pause():
            raise failure


def _supervise(home: ServerHome, socket_folder: Path, log: IO[bytes], ending: ExitStack) -> subprocess.Popen[bytes]:
    settings = {**_SETTINGS, "unix_socket_directories": str(socket_folder), "cluster_name": socket_folder.name}
    options = [f"--{name}={value}" for name, value in settings.items()]
    server = home.binaries.user.start(
        *("/bin/sh", "-c", _SUPERVISE, "sh"),
        *(str(home.binaries.folder / "postgres"), "-D", _data_argument(home, home.data), *options),
        cwd=home.data,
        stdin=subprocess.PIPE,
        output=log,
        environment={"PG_GRANDPARENT_PID": _read_stale_pid(home)},
    )
    ending.callback(_wait_for_end, server)
    assert server.stdin
    ending.enter_context(server.stdin)
    server.stdin = None  # a Popen outlives its last reference while its process runs, and the pipe must not
    return server


def _read_stale_pid(home: ServerHome) -> str:
    """The pid in postmaster.pid, for PostgreSQL to overlook: the locks say that it is not a server of ours any more.

    Another process may have it by now, and PostgreSQL would refuse to start. It still refuses if a server that was
    started by hand is running, as it looks for that in shared memory.
    """
    try:
        return str(int((home.data / "postmaster.pid").read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return "0"


def _wait_for_end(server: subprocess.Popen[bytes]) -> None:
    """The pipe is closed, on which the server shuts down; press harder when that takes too long."""
    for harder in (signal.SIGQUIT, signal.SIGKILL):
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
            return
        os.killpg(server.pid, harder)
    server.wait()
