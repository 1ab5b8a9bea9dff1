"""The user of the operating system that runs the embedded server, and the names of those who may connect to it.

PostgreSQL refuses to run as root. Started by root, the owner of the home runs it, so that the home stays usable for
that user. If the home belongs to root too, the server runs as an id that no user of the machine has: another process
can neither read its files, nor send it signals, nor be taken for it.
"""

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from session_graph.errors import StoreError

UNUSED_IDS = range(60578, 61184)
"""Ids of users and groups that neither Linux distributions nor systemd assign (https://systemd.io/UIDS-GIDS/)."""

# The programs get no PG… variable, which could redirect them, and none of the service's secrets.
_INHERITED = ("PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class OsUser:
    """The user that the programs run as."""

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
        """Start a program in its own session, which the terminal's Ctrl-C does not reach. This process enters `cwd`."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return subprocess.Popen(  # noqa: S603 - all commands are constants of this package
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
        """Make the user the owner of a file or folder of this process."""
        if not self.is_current:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def find_os_user(home: Path) -> OsUser:
    """Return this process's user; for root the owner of `home`, or an id that nobody has if that is root too.

    Raises StoreError if the machine has no such user.
    """
    if os.geteuid() != 0:
        return OsUser(os.geteuid(), os.getegid())
    owner = home.stat().st_uid
    if not owner:
        return _find_unused()
    try:
        return OsUser(owner, pwd.getpwuid(owner).pw_gid)
    except KeyError:
        raise StoreError(f"PostgreSQL does not run as root, and this machine knows no user {owner}.") from None


def find_creator(user: OsUser) -> OsUser:
    """Return who runs `initdb` for `user`: it refuses an id without a name, and is then run as `nobody`.

    The group stays the one that nobody has, which keeps other processes of `nobody` from looking into this one.
    """
    if user.uid not in UNUSED_IDS or _has_name(user.uid):
        return user
    try:
        return replace(user, uid=pwd.getpwnam("nobody").pw_uid)
    except KeyError:
        raise StoreError("PostgreSQL does not run as root, and this machine knows no user nobody.") from None


def list_names(user: OsUser) -> list[str]:
    """Return the names of those who may connect to the server that `user` runs: that user, and root.

    Raises StoreError if this process's user has no name, as PostgreSQL tells callers apart by their names.
    """
    if not _has_name(os.geteuid()):
        raise StoreError(f"The embedded PostgreSQL needs a name for uid {os.geteuid()}, and this machine has none.")
    return [pwd.getpwuid(uid).pw_name for uid in sorted({0, user.uid, os.geteuid()}) if _has_name(uid)]


def _find_unused() -> OsUser:
    if sys.platform != "linux":
        raise StoreError("PostgreSQL does not run as root: start this command as an ordinary user.")
    for number in UNUSED_IDS:
        if not _has_name(number) and _is_mapped(number):
            return OsUser(number, number)
    raise StoreError(
        "PostgreSQL does not run as root, and this container has no other user id to run it as: start this command as "
        "an ordinary user, or set SESSION_GRAPH_DATABASE_URL to a server."
    )


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _is_mapped(number: int) -> bool:
    """Return whether this user namespace has the id, as a user and as a group (user_namespaces(7))."""
    return all(
        any(first <= number < first + count for first, _, count in _read_map(kind)) for kind in ("uid_map", "gid_map")
    )


def _read_map(kind: str) -> list[tuple[int, ...]]:
    return [tuple(map(int, line.split())) for line in Path("/proc/self", kind).read_text().splitlines()]
