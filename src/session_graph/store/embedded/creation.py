"""The data of an embedded server: how they are created, who owns them, and who may connect."""

import os
import shutil
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO

from session_graph.errors import StoreError
from session_graph.store.embedded.home import NAME, ServerHome
from session_graph.store.embedded.os_users import OsUser, find_creator, list_names

DATA_PATH_BYTES = 900  # PostgreSQL cuts paths at 1024
HBA, IDENT = "pg_hba.conf", "pg_ident.conf"

_HBA_TEXT = f"""# Written at each start. The operating system says who the caller is, and pg_ident.conf who may connect.
local all {NAME} peer map={NAME}
"""


def data_argument(folder: Path, user: OsUser) -> str:
    """Return the server's name for `folder`, in which it starts: a link if the path is closed to it or too long."""
    if len(os.fsencode(folder)) <= DATA_PATH_BYTES and user.may_enter(folder):
        return str(folder)
    if os.path.exists("/proc/self/cwd"):
        return "/proc/self/cwd"
    raise StoreError(f"PostgreSQL does not run as root, and uid {user.uid} cannot enter {folder}.")


def create_data(home: ServerHome, log: IO[bytes]) -> None:
    """Create the cluster and database in a folder beside `data`, then rename it. Clears what a killed start left.

    The inner folder may belong to `nobody` meanwhile; the outer one is closed to other processes of that user.
    """
    outer = home.data.with_suffix(".new")
    with suppress(FileNotFoundError):
        shutil.rmtree(outer)
    outer.mkdir(mode=0o700)
    creator = find_creator(home.binaries.user)
    if not creator.is_current:
        os.chown(outer, -1, creator.gid)
        outer.chmod(0o710)
    new = outer / "data"
    new.mkdir(mode=0o700)
    creator.take(new)
    data = data_argument(new, creator)
    locale = ["--encoding=UTF8", "--locale=C"]
    if home.binaries.major >= 17:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = ("-U", NAME, "--auth-local=reject", "--auth-host=reject")
    _run(home, creator, log, new, "", "initdb", "-D", data, *access, *locale, "--no-instructions")
    statement = f"create database {NAME};\n"
    _run(home, creator, log, new, statement, "postgres", "--single", "-D", data, "-c", "exit_on_error=on", "postgres")
    give_data(new, home.binaries.user)
    new.rename(home.data)
    outer.rmdir()
    folder = os.open(home.folder, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def give_data(data: Path, user: OsUser) -> None:
    """Make `user` the owner of the data if another one is, such as who created them. Only root can.

    The folder itself comes last, so that a start that was killed is made up for. A file with several names is left as
    it is, since one of the names may be a file of the system.
    """
    if os.geteuid() != 0 or data.lstat().st_uid == user.uid:
        return
    for _, folders, files, descriptor in os.fwalk(data, topdown=False):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) or found.st_nlink == 1:
                os.chown(name, user.uid, user.gid, dir_fd=descriptor, follow_symlinks=False)
    user.take(data)


def write_access(home: ServerHome) -> None:
    """Write who may connect: this process's user, the server's own and root, each by the name of the system.

    The server's user writes the files, so that root follows no link which that user may have made.
    """
    names = list_names(home.binaries.user)
    ident = "".join(f'{NAME} "{name}" {NAME}\n' for name in names)
    for name, text in ((HBA, _HBA_TEXT), (IDENT, ident)):
        write = f"umask 077 && rm -f {name}.new && cat >{name}.new && mv -f {name}.new {name}"
        with home.binaries.user.start("/bin/sh", "-c", write, cwd=home.data, stdin=subprocess.PIPE) as writer:
            writer.communicate(text.encode())
        if writer.returncode != 0:
            raise StoreError(f"{home.data / name} could not be written.")


def _run(home: ServerHome, user: OsUser, log: IO[bytes], cwd: Path, text: str, program: str, *arguments: str) -> None:
    began = os.fstat(log.fileno()).st_size
    with user.start(home.binaries.folder / program, *arguments, cwd=cwd, stdin=subprocess.PIPE, output=log) as running:
        running.communicate(text.encode())
    if running.returncode != 0:
        raise home.failure(f"The database in {home.folder} could not be created.", began)
