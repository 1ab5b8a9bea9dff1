"""Commands end in time though their embedded PostgreSQL is halted, and the next start has all data."""

import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from service.conftest import STATE, FirstStart, read_keys
from support.processes import HALTS, Server, comes_true, find_socket_folder, halt_database, list_processes

MOST_SECONDS = 12.0
AFTER_THE_STOP = 5.0
"""In which the last processes of a server that was killed end."""


def stop_in_time(server: Server) -> float:
    """Return the seconds from SIGTERM to the end."""
    began = time.monotonic()
    assert server.stop() == 0
    took = time.monotonic() - began
    assert took < MOST_SECONDS
    return took


@pytest.mark.parametrize("halted", HALTS)
def test_a_server_ends_in_time_and_keeps_its_data(home: Path, first_start: FirstStart, halted: str) -> None:
    with Server(home, "serve") as server:
        folder = find_socket_folder(server.wait_until_it_serves().home)
        halt_database(home, halted)

        stop_in_time(server)

        assert comes_true(lambda: not list_processes(folder), AFTER_THE_STOP)
        assert "Traceback" not in server.errors
    with Server(home, "serve") as again:
        assert again.wait_until_it_serves().ask(read_keys(home)["ADMIN"], STATE) == first_start.state


@pytest.mark.parametrize("command", ["demo", "worker"])
def test_every_lasting_command_ends_in_time(home: Path, command: str) -> None:
    with Server(home, command) as server:
        if command == "worker":
            server.wait_until_it_prints("Writing and sending exports")
        else:
            server.wait_until_it_serves()
        halt_database(home)

        stop_in_time(server)


def test_requests_that_wait_for_the_halted_database_do_not_delay_the_end(home: Path, first_start: FirstStart) -> None:
    with Server(home, "serve") as server:
        server.wait_until_it_serves()
        folder, key = find_socket_folder(home), read_keys(home)["ADMIN"]
        server.ask(key, STATE)
        halt_database(home)

        def wait_in_vain() -> None:
            with suppress(httpx.TransportError):
                server.post(key, STATE)

        waiting = [threading.Thread(target=wait_in_vain) for _ in range(8)]
        for thread in waiting:
            thread.start()
        time.sleep(0.5)

        stop_in_time(server)

        for thread in waiting:
            thread.join()
        assert comes_true(lambda: not list_processes(folder), AFTER_THE_STOP)
    with Server(home, "serve") as again:
        assert again.wait_until_it_serves().ask(key, STATE) == first_start.state


def test_a_command_that_uses_the_halted_database_of_another_ends_in_time(home: Path) -> None:
    with Server(home, "serve") as owner, Server(home, "serve") as attached:
        owner.wait_until_it_serves()
        attached.wait_until_it_serves()
        halt_database(home)
        time.sleep(4)  # in which the second command finds out, and looks for the database again

        stop_in_time(attached)
        stop_in_time(owner)
