"""The PostgreSQL server: an embedded one for each size, or the one of a URL."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from bench.places import data_home
from bench.processes import find_parent
from session_graph.store.embedded.server import start_embedded


@contextmanager
def running(url: str | None, rows: int, bin_dir: Path | None) -> Iterator[str]:
    """Yield the URL of a server that runs while the context is open; its data is kept for the next run."""
    if url:
        yield url
        return
    home = data_home(rows, bin_dir)
    home.mkdir(parents=True, exist_ok=True)
    if bin_dir and os.geteuid() == 0:  # other programs than the wheel's must be able to enter the folders above
        os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    with start_embedded(home, bin_dir=bin_dir) as server:
        yield server.url


async def read_pid(url: str) -> int | None:
    """Return the pid of the server's first process, or None if it does not run on this machine."""
    connection = await asyncpg.connect(url)
    try:
        return find_parent(await connection.fetchval("select pg_backend_pid()"), b"postgres")
    finally:
        await connection.close()


async def read_facts(url: str) -> dict[str, object]:
    """Return the server's properties that matter for the results."""
    connection = await asyncpg.connect(url)
    try:
        names = ("server_version", "shared_buffers", "jit", "fsync")
        facts: dict[str, object] = {name: await connection.fetchval(f"show {name}") for name in names}
        facts["trigrams"] = await connection.fetchval(
            "select exists (select from pg_extension where extname = 'pg_trgm')"
        )
        return facts
    finally:
        await connection.close()
