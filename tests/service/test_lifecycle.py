"""How servers start and stop: what they keep, what they leave behind, and how they share a home."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.conftest import STATE, FirstStart, read_keys
from session_graph.access.viewer import Role
from support.processes import (
    Server,
    comes_true,
    find_socket_folder,
    list_processes,
    run_command,
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_later_start_takes_seconds_keeps_data_and_keys_and_stops_cleanly(
    home: Path, first_start: FirstStart, number: int
) -> None:
    began = time.monotonic()
    with Server(home, "demo") as server:
        server.wait_until_it_serves()
        took = time.monotonic() - began
        folder = find_socket_folder(home)
        state = server.ask(read_keys(home)["ADMIN"], STATE)
        was_running = bool(list_processes(folder))

        assert server.stop(number) == 0

        assert (was_running, list_processes(folder), server.errors) == (True, [], "")
    assert took < 30
    assert read_keys(home) == read_keys(first_start.home)
    assert state == first_start.state


def test_a_killed_server_leaves_no_process_and_the_next_start_has_its_data(home: Path, first_start: FirstStart) -> None:
    with Server(home, "demo") as server:
        server.wait_until_it_serves()
        folder = find_socket_folder(home)
        server.kill()

    assert comes_true(lambda: not list_processes(folder), 10)
    with Server(home, "demo") as again:
        assert again.wait_until_it_serves().ask(read_keys(home)["ADMIN"], STATE) == first_start.state


def test_concurrent_commands_on_a_new_home_all_succeed(tmp_path: Path) -> None:
    home = tmp_path / "cold"
    create = ("key", "create", "--account", "demo", "--role", "ADMIN", "--quiet")

    with ThreadPoolExecutor() as pool, Server(home, "demo") as one, Server(home, "demo") as other:
        migrated = pool.submit(run_command, home, "migrate")
        for server in (one, other):
            server.wait_until_it_serves()
        command = run_command(home, *create)

        assert (migrated.result().returncode, migrated.result().stderr) == (0, "")
        assert (command.returncode, command.stderr) == (0, "")
        keys = [read_keys(home)["ADMIN"], command.stdout.strip()]
        # The command may have started the database; then a server has to start it again.
        assert comes_true(lambda: all(server.post(keys[0], STATE).is_success for server in (one, other)), 15)
        states = [server.ask(key, STATE) for key in keys for server in (one, other)]
        assert all(state == states[0] for state in states)
        assert states[0]["sessions"]["totalCount"] > 400
        for server in (one, other):
            shown = [line.split() for line in server.printed.splitlines() if " sg_" in line and "curl" not in line]
            for role, key in (words for words in shown if len(words) == 2 and words[0] in list(Role)):
                assert server.ask(key, "{ viewer { role } }") == {"viewer": {"role": role}}


def test_an_attached_server_takes_over_when_the_owner_of_the_database_stops(home: Path) -> None:
    key = read_keys(home)["ADMIN"]
    with Server(home, "demo") as owner, Server(home, "serve") as attached:
        owner.wait_until_it_serves()
        before = owner.ask(key, STATE)
        attached.wait_until_it_serves()
        folder = find_socket_folder(home)

        assert owner.stop() == 0

        assert comes_true(lambda: attached.post(key, STATE).json().get("data") == before, 15)
        assert attached.stop() == 0
        assert list_processes(folder) == []
