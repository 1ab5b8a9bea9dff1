"""A server whose standard error nobody reads."""

import os
import subprocess
import sys
from pathlib import Path

import httpx

from support.processes import STOP_SECONDS, make_environment

REQUESTS = 1500
"""Their lines are several times what a pipe holds."""


def test_a_server_goes_on_and_ends_if_nobody_reads_its_log(database_url: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "session_graph.cli.main", "serve", "--no-worker"],
        env=make_environment(tmp_path, database_url=database_url),
        stdout=subprocess.PIPE,
        stderr=writer,
        text=True,
    ) as server:
        try:
            os.close(writer)
            assert server.stdout
            address = server.stdout.readline().split()[-1].removesuffix("/graphql")
            with httpx.Client(base_url=address, timeout=30) as client:
                codes = {client.get("/healthz").status_code for _ in range(REQUESTS)}
            server.terminate()

            assert (codes, server.wait(STOP_SECONDS)) == ({200}, 0)
        finally:
            server.kill()
            os.close(reader)
