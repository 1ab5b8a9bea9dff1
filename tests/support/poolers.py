"""A pooler in transaction mode before a server: a few connections for everybody, each another's after every commit."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from support.processes import comes_true
from support.smtp import free_port

CONNECTIONS = 3
START_SECONDS = 10.0
_CONFIGURATION = """
[databases]
{name} = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
{user}
"""


@contextmanager
def pooling(url: str, folder: Path) -> Iterator[str]:
    """The address of a database behind a pooler that runs as long as the block; skips the test where there is none."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("needs pgbouncer (Debian, Ubuntu: apt install pgbouncer)")
    port, parts = free_port(), _parts(url)
    server = " ".join(f"{name}='{value}'" for name, value in parts.items() if value)
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        _CONFIGURATION.format(
            name=parts["dbname"], server=server, port=port, connections=CONNECTIONS, user=_user(parts["host"])
        )
    )
    with (
        (folder / "pgbouncer.log").open("wb") as log,
        subprocess.Popen([program, "-q", str(configuration)], stderr=log, stdout=log) as process,
    ):
        try:
            assert comes_true(lambda: _answers(port), START_SECONDS), (folder / "pgbouncer.log").read_text()
            yield f"postgresql://{parts['user']}@127.0.0.1:{port}/{parts['dbname']}"
        finally:
            process.terminate()


def _parts(url: str) -> dict[str, str]:
    """What an address says, by the words of a connection string; a socket's folder is a host."""
    split = urlsplit(url)
    options = dict(parse_qsl(split.query))
    return {
        "host": options.get("host") or split.hostname or "127.0.0.1",
        "port": options.get("port") or str(split.port or 5432),
        "user": unquote(split.username or "postgres"),
        "password": unquote(split.password or ""),
        "dbname": unquote(split.path.lstrip("/")),
    }


def _user(host: str) -> str:
    """Root must not run it: then whoever may open the server's socket does."""
    if os.geteuid() != 0:
        return ""
    if not host.startswith("/"):
        return "user = nobody"
    try:
        return f"user = {Path(host).owner()}"
    except KeyError:
        pytest.skip("needs a server that somebody else than root may connect to")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
