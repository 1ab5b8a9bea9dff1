"""What the tests of the embedded server share: homes in memory, and looks at a server from outside."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import asyncpg
import pytest

from session_graph.store.embedded import server as embedded
from session_graph.store.embedded.server import start_embedded

IS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act for other users")
PYTHONPATH = os.pathsep.join(
    str(Path(file).parents[up]) for file, up in ((embedded.__file__, 3), (asyncpg.__file__, 1))
)
# Servers make and remove thousands of files, which some disks are slow at; a container has but a little memory here.
MEMORY = Path("/dev/shm")
FOLDER = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2**30 else Path("/tmp")


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of all homes and of every user's socket folders. No test may leave a server process behind."""
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    folder.chmod(0o1777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    assert comes_true(lambda: not list_processes(str(folder)))
    shutil.rmtree(folder)


@pytest.fixture
def closed_folder(runtime: Path) -> Path:
    """A folder that only this user can enter."""
    folder = runtime / "closed"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def open_folder(runtime: Path) -> Path:
    """A folder that every user can enter."""
    folder = runtime / "open"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A home after its first, slow start. Tests share it and leave it usable."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        start_embedded(Path(folder, "home")).stop()
        yield Path(folder, "home")


@pytest.fixture
def users_folder(open_folder: Path) -> Path:
    """A folder of an ordinary user."""
    os.chown(open_folder, pwd.getpwnam("nobody").pw_uid, -1)
    return open_folder


@cache
def find_python(user: int | None) -> str:
    """Return a Python that `user` can run, as root's own may be in root's home."""
    if user is None:
        return sys.executable
    for python in (sys.executable, shutil.which("python3", path=os.defpath)):
        with suppress(OSError):
            trial = [str(python), "-c", "import session_graph.store.embedded.server"]
            if subprocess.run(trial, env={"PYTHONPATH": PYTHONPATH}, user=user, capture_output=True).returncode == 0:
                return str(python)
    pytest.skip("an ordinary user cannot read this checkout, or no Python")


def run_sql(url: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def find_socket_folder(url: str) -> Path:
    return Path(parse_qs(urlparse(url).query)["host"][0])


def find_postmaster(home: Path) -> int:
    return int((home / "pg18" / "postmaster.pid").read_text().split()[0])


def list_processes(text: str) -> list[str]:
    """The shell and the postmaster have their socket folder in the command line, the postmaster's children its name."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, check=True).stdout
    return [line for line in listed.decode().splitlines() if text in line]


def comes_true(condition: Callable[[], object], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())
