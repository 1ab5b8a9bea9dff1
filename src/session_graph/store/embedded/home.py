"""The home folder of an embedded server: the paths in it, how its files are opened, and the lock of its owner."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from session_graph.errors import StoreError
from session_graph.store.embedded.binaries import Binaries

NAME = "session_graph"  # of the role and of the database
PORT = "5432"  # part of the socket's name; nothing listens on the port


@dataclass(frozen=True, slots=True)
class ServerHome:
    """A home folder with its PostgreSQL programs: the paths in it, and how they are opened and checked."""

    folder: Path
    binaries: Binaries

    @property
    def data(self) -> Path:
        return self.folder / f"pg{self.binaries.major}"

    def open(self, suffix: str) -> IO[bytes]:
        """Open a file beside the data, created if missing. Its owner is that of the home, even if root creates it."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(self.data.with_suffix(suffix), flags, 0o600), "r+b", buffering=0)
        if os.geteuid() == 0:
            owner = self.folder.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        return file

    def accepts(self, socket_folder: Path) -> bool:
        address = ("-h", socket_folder, "-p", PORT, "-U", NAME, "-d", NAME)
        with self.binaries.start_as_caller("pg_isready", "-q", *address) as check:
            return check.wait() == 0

    def failure(self, message: str, since: int = 0) -> StoreError:
        """Return an error with the message and the last lines of the log, after `since` bytes."""
        with self.open(".log") as log:
            log.seek(max(since, os.fstat(log.fileno()).st_size - 8192))
            lines = log.read().decode(errors="replace").splitlines()
        return StoreError("\n".join([f"{message} The end of {self.data}.log:", *lines[-15:]]))


class OwnerFile:
    """The lock that makes this process the owner, and the path of the socket folder for the others."""

    def __init__(self, home: ServerHome) -> None:
        self._home = home
        self._text = b""
        self._folder = os.open(home.folder, os.O_RDONLY)
        self.file = home.open(".owner")

    @property
    def identity(self) -> bytes:
        """Return a name of the home that no other has: the folder stays open, so that no other gets its inode."""
        return os.fsencode(self._home.folder) + b"\0%d" % os.fstat(self._folder).st_ino

    def write(self, socket_folder: Path | None) -> None:
        """Name the folder; with None, that no process attaches to a server that stops."""
        self._text = os.fsencode(socket_folder or "")
        self.file.truncate(0)
        self.file.write(self._text)

    def keep(self) -> bool:
        """Make the file again if it was deleted. Return False if another process has made and locked it already."""
        try:
            if os.path.samestat(self._home.data.with_suffix(".owner").stat(), os.fstat(self.file.fileno())):
                return True
        except FileNotFoundError:
            if not self._home.folder.exists():
                return True
        new = self._home.open(".owner")
        if not lock(new):
            new.close()
            return False
        new.write(self._text)
        self.file.close()
        self.file = new
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        os.close(self._folder)


def lock(file: IO[bytes]) -> bool:
    """Lock the file until it is closed. Return False if another process has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
