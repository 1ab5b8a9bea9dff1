"""The end of the embedded server in a known time, whatever its processes do."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from session_graph.errors import StoreError
from session_graph.store.embedded import server as embedded
from session_graph.store.embedded.ending import KILL_SECONDS, LEAST_SECONDS, QUIT_SECONDS, end_server
from session_graph.store.embedded.server import start_embedded
from store.embedded.conftest import comes_true, find_postmaster, find_socket_folder, list_processes, run_sql

SPARE = 1.0
"""For the steps of a stop beside waiting, on a busy machine."""


@contextmanager
def halting(pid: int) -> Iterator[None]:
    """Halt the process again and again, as whoever halts it may not stop at one signal."""
    is_over = threading.Event()

    def halt() -> None:
        with suppress(ProcessLookupError):
            while not is_over.wait(0.002):
                os.kill(pid, signal.SIGSTOP)

    thread = threading.Thread(target=halt)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def stop_within(server: embedded.EmbeddedServer, seconds: float) -> float:
    """Stop the server and return how long that took."""
    began = time.monotonic()
    server.stop(seconds)
    return time.monotonic() - began


def list_running(url: str) -> list[str]:
    return list_processes(find_socket_folder(url).name)


def test_a_halted_server_shuts_down_as_usual(home: Path) -> None:
    server = start_embedded(home)
    run_sql(server.url, "create table halted as select 1 as one")
    os.kill(find_postmaster(home), signal.SIGSTOP)

    assert stop_within(server, 10) < 5

    assert list_running(server.url) == []
    assert (home / "pg18.log").read_text().rstrip().endswith("database system is shut down")
    with start_embedded(home) as server:
        run_sql(server.url, "drop table halted")


@pytest.mark.parametrize("seconds", [0.0, -3.0, 2.0])
def test_a_server_that_is_halted_again_and_again_is_killed_in_time_and_recovers(home: Path, seconds: float) -> None:
    server = start_embedded(home)
    run_sql(server.url, "create table halted as select 1 as one")
    with halting(find_postmaster(home)):
        took = stop_within(server, seconds)

    assert took < max(seconds, LEAST_SECONDS + QUIT_SECONDS + KILL_SECONDS) + SPARE
    assert comes_true(lambda: not list_running(server.url))
    with start_embedded(home) as server:
        assert run_sql(server.url, "select one from halted") == 1
        run_sql(server.url, "drop table halted")


def test_a_statement_that_runs_does_not_delay_the_end(home: Path) -> None:
    server = start_embedded(home)

    def wait() -> None:
        with pytest.raises(Exception, match=r"terminating connection|connection was closed"):
            run_sql(server.url, "select pg_sleep(60)")

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    assert stop_within(server, 10) < 5
    thread.join()


def test_a_process_that_ignores_everything_is_killed_with_its_children() -> None:
    script = "trap '' INT TERM HUP QUIT; (trap '' INT TERM HUP QUIT; sleep 61.7531 & wait) & wait; wait"
    stubborn = subprocess.Popen(["/bin/sh", "-c", script, "stubborn"], start_new_session=True)
    assert comes_true(lambda: len(list_processes("sleep 61.7531")) > 0)

    began = time.monotonic()
    end_server(stubborn, 0)

    assert time.monotonic() - began < LEAST_SECONDS + QUIT_SECONDS + KILL_SECONDS + SPARE
    assert stubborn.returncode == -signal.SIGKILL
    assert comes_true(lambda: not list_processes("sleep 61.7531"))


def test_a_start_that_waits_is_given_up_when_the_process_ends(home: Path) -> None:
    give_up = threading.Event()
    with start_embedded(home):
        os.kill(find_postmaster(home), signal.SIGSTOP)
        threading.Timer(0.5, give_up.set).start()
        began = time.monotonic()
        with pytest.raises(StoreError, match="accepts no connection"):
            start_embedded(home, give_up=give_up)
        assert time.monotonic() - began < 10
