"""The embedded server with real programs and real kills. As root, the server's user cannot enter the homes."""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from session_graph.errors import StoreError
from session_graph.store.embedded import server as embedded
from session_graph.store.embedded.server import start_embedded
from store.embedded.conftest import (
    IS_ROOT,
    PYTHONPATH,
    comes_true,
    find_postmaster,
    find_python,
    find_socket_folder,
    list_processes,
    only_root,
    run_sql,
)

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

# Holds the server until its standard input ends. It has a child that inherits all that a child can inherit.
COMMAND = """
import sys
from pathlib import Path
from subprocess import DEVNULL, Popen
from session_graph.store.embedded.server import start_embedded
with start_embedded(Path(sys.argv[1])) as server:
    child = Popen(["sleep", "20"], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, close_fds=False)
    print(server.is_owner, child.pid, server.url, flush=True)
    sys.stdin.read()
"""


class Command:
    """A separate process that owns the server of a home or attaches to it."""

    def __init__(self, home: Path, user: int | None) -> None:
        self._process = subprocess.Popen(
            [find_python(user), "-c", COMMAND, home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": PYTHONPATH},
            user=user,
            extra_groups=None if user is None else (),
        )
        self._child: int | None = None

    def wait_until_ready(self) -> "Command":
        assert self._process.stdout
        is_owner, child, self.url = self._process.stdout.readline().decode().split()
        self.is_owner, self._child = is_owner == "True", int(child)
        return self

    def end(self) -> None:
        self._process.communicate()

    def kill(self, with_signal: int = signal.SIGKILL) -> None:
        self._process.send_signal(with_signal)
        self._process.communicate()

    def clean_up(self) -> None:
        self.kill()
        if self._child:
            os.kill(self._child, signal.SIGKILL)


class StartCommand(Protocol):
    def __call__(self, home: Path, user: int | None = None) -> Command: ...


@pytest.fixture
def start_command(runtime: Path) -> Iterator[StartCommand]:
    with ExitStack() as started:

        def start(home: Path, user: int | None = None) -> Command:
            command = Command(home, user)
            started.callback(command.clean_up)
            return command

        yield start


def write(url: str) -> str:
    word = secrets.token_hex()
    run_sql(url, "create table if not exists written (word text)")
    run_sql(url, f"insert into written values ('{word}')")
    return word


def has(url: str, word: str) -> bool:
    return run_sql(url, f"select count(*) from written where word = '{word}'") == 1


def find_programs(url: str) -> Path:
    return Path(str(run_sql(url, "select setting from pg_config where name = 'BINDIR'")))


def has_processes(url: str) -> bool:
    return bool(list_processes(find_socket_folder(url).name))


def test_data_survives_a_restart(closed_folder: Path) -> None:
    home = closed_folder / "home"
    with start_embedded(home) as server:
        word = write(server.url)
        assert has_processes(server.url)

    assert not has_processes(server.url)
    with start_embedded(home) as server:
        assert has(server.url, word)


def test_a_server_is_private_and_has_the_same_settings_everywhere(home: Path) -> None:
    with start_embedded(home) as server:
        assert run_sql(server.url, "select current_user || ' ' || current_database()") == "session_graph session_graph"
        assert run_sql(server.url, "show listen_addresses") == ""
        assert run_sql(server.url, "show timezone") == "UTC"
        assert run_sql(server.url, "select datlocale from pg_database where datname = current_database()") == "C.UTF-8"
        assert find_socket_folder(server.url).stat().st_mode & 0o777 == 0o700
        assert home.stat().st_mode & 0o777 == 0o700


def test_a_server_does_not_get_the_environment_of_its_owner(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as ours:
        for variable in ("PGSSLMODE", "PGDATA", "PGPORT", "PGOPTIONS", "LC_ALL", "TZ", "SESSION_GRAPH_JWT_KEY"):
            ours.setenv(variable, "our secret")
        server = start_embedded(home)
    with server:
        run_sql(server.url, "create table environment (line text)")
        run_sql(server.url, "copy environment from program 'env'")
        assert run_sql(server.url, "select count(*) from environment where line ~ 'PATH='") == 1
        assert run_sql(server.url, "select count(*) from environment where line ~ 'our secret'") == 0
        run_sql(server.url, "drop table environment")


def test_ctrl_c_in_a_terminal_does_not_reach_a_server(home: Path) -> None:
    with start_embedded(home):
        assert os.getsid(find_postmaster(home)) != os.getsid(0)


def test_a_home_may_be_relative_and_have_any_name(closed_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(closed_folder)
    name = "x" * 100 + '/My "Projects", 100 % Müller & Söhne \N{SNOWMAN}/.home'
    with start_embedded(Path(name)) as server:
        assert run_sql(server.url, "select 1") == 1
    assert (closed_folder / name / "pg18" / "PG_VERSION").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have paths this long")
def test_a_home_may_have_a_longer_path_than_postgresql_supports(closed_folder: Path) -> None:
    with start_embedded(closed_folder.joinpath(*["deep" * 50] * 8)) as server:
        assert run_sql(server.url, "select 1") == 1


@pytest.mark.parametrize(("name", "fits"), [("a b", True), ("a,b", False), ("long" * 20, False)])
def test_the_socket_is_in_another_folder_if_the_runtime_folder_does_not_fit(
    name: str, fits: bool, home: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime / name).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime / name))
    with start_embedded(home) as server:
        assert (runtime in find_socket_folder(server.url).parents) == fits
        assert run_sql(server.url, "select 1") == 1


def test_commands_that_start_at_the_same_time_share_one_server(
    closed_folder: Path, start_command: StartCommand
) -> None:
    commands = [start_command(closed_folder / "home") for _ in range(4)]

    owner, *attached = sorted(commands, key=lambda command: command.wait_until_ready().is_owner, reverse=True)

    assert [command.is_owner for command in (owner, *attached)] == [True, False, False, False]
    assert {command.url for command in attached} == {owner.url}
    for command in attached:
        command.end()
    assert run_sql(owner.url, "select 1") == 1
    owner.end()
    assert not has_processes(owner.url)


def test_a_command_attaches_with_another_runtime_folder_than_the_owner(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_embedded(home) as owner:
        monkeypatch.delenv("XDG_RUNTIME_DIR")
        with start_embedded(home) as attached:
            assert (attached.url, attached.is_owner, attached.is_alive()) == (owner.url, False, True)
        assert owner.is_alive()
        owner.stop()
        assert not attached.is_alive()


@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_stops_with_its_owner(with_signal: signal.Signals, home: Path, start_command: StartCommand) -> None:
    owner = start_command(home).wait_until_ready()

    owner.kill(with_signal)

    assert comes_true(lambda: not has_processes(owner.url))


def test_the_next_start_after_a_killed_owner_has_all_data(home: Path, start_command: StartCommand) -> None:
    owner = start_command(home).wait_until_ready()
    word = write(owner.url)

    owner.kill()

    with start_embedded(home) as server:
        assert server.is_owner
        assert has(server.url, word)


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.35, 0.5])
def test_an_owner_may_be_killed_at_any_moment_of_its_first_start(
    seconds: float, closed_folder: Path, start_command: StartCommand
) -> None:
    home = closed_folder / "home"
    owner = start_command(home)
    time.sleep(seconds)
    owner.kill()

    with start_embedded(home) as server:
        assert run_sql(server.url, "select 1") == 1
        assert {path.name for path in home.iterdir()} == {"pg18", "pg18.log", "pg18.owner"}


def test_a_killed_server_is_noticed_and_recovers(home: Path) -> None:
    server = start_embedded(home)
    word = write(server.url)

    os.kill(find_postmaster(home), signal.SIGKILL)

    assert comes_true(lambda: not server.is_alive())
    server.stop()
    with start_embedded(home) as server:
        assert server.is_owner
        assert has(server.url, word)


def test_a_killed_server_leaves_no_shell_behind_while_its_owner_lives(home: Path) -> None:
    with start_embedded(home) as server:
        os.kill(find_postmaster(home), signal.SIGKILL)
        assert comes_true(lambda: not has_processes(server.url))


def test_a_second_stop_does_nothing(home: Path) -> None:
    server = start_embedded(home)
    server.stop()
    assert not find_socket_folder(server.url).exists()
    with start_embedded(home) as successor:
        server.stop()
        assert not server.is_alive()
        assert run_sql(successor.url, "select 1") == 1


def test_a_server_without_references_stops(home: Path) -> None:
    server = start_embedded(home)
    url = server.url
    with pytest.warns(ResourceWarning):
        del server
    assert comes_true(lambda: not has_processes(url))


def test_a_home_deleted_under_its_server_can_be_made_again(closed_folder: Path) -> None:
    with start_embedded(closed_folder / "home") as deleted:
        shutil.rmtree(closed_folder / "home")
        with start_embedded(closed_folder / "home") as server:
            deleted.stop()
            assert run_sql(server.url, "select 1") == 1


@pytest.fixture
def bystander(home: Path) -> Iterator[int]:
    """A process of the server's user, which PostgreSQL takes for a server if a file has its pid."""
    with subprocess.Popen(["sleep", "20"], user=(home / "pg18").stat().st_uid if IS_ROOT else None) as process:
        yield process.pid
        assert process.poll() is None
        process.kill()


def test_a_stale_pid_that_another_process_has_does_not_prevent_a_start(home: Path, bystander: int) -> None:
    (home / "pg18" / "postmaster.pid").write_text(f"{bystander}\n/old\n1\n5432\n/old\n\n0 0\nready\n")
    with start_embedded(home) as server:
        assert run_sql(server.url, "select 1") == 1


def test_a_socket_of_a_killed_server_does_not_prevent_a_start(home: Path, bystander: int) -> None:
    with start_embedded(home) as server:
        folder = find_socket_folder(server.url)
    folder.mkdir(mode=0o700)
    os.chown(folder, (home / "pg18").stat().st_uid, -1)
    (folder / ".s.PGSQL.5432.lock").write_text(f"{bystander}\n/old\n1\n5432\n/old\n")
    with start_embedded(home) as server:
        assert run_sql(server.url, "select 1") == 1


def test_a_start_waits_for_the_end_of_a_server_that_was_started_by_hand(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_embedded(open_folder) as server:
        programs, data = find_programs(server.url), open_folder / "pg18"
    user = data.stat().st_uid if IS_ROOT else None
    by_hand = [str(programs / "postgres"), "-D", str(data), "-h", "", "-k", str(data)]
    with subprocess.Popen(by_hand, cwd="/", user=user, stderr=subprocess.DEVNULL) as other:
        assert comes_true((data / ".s.PGSQL.5432").exists)
        with monkeypatch.context() as impatient:
            impatient.setattr(embedded, "MEMORY_SECONDS", 0.2)
            with pytest.raises(StoreError, match="shared memory block"):
                start_embedded(open_folder)
        threading.Timer(0.3, other.send_signal, [signal.SIGINT]).start()
        start_embedded(open_folder).stop()


def test_a_waiting_command_becomes_the_owner_when_the_first_ends(home: Path, start_command: StartCommand) -> None:
    with (home / "pg18.owner").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = start_command(home)
        assert not comes_true((home / "pg18" / "postmaster.pid").exists, seconds=0.5)

    assert waiting.wait_until_ready().is_owner


@pytest.mark.parametrize(
    ("name", "problem"),
    [("pg18.owner", "Another process owns the database"), ("pg18.log", "Processes of the last server")],
)
def test_waiting_for_another_process_ends_with_an_error(
    name: str, problem: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "START_SECONDS", 0.2)
    with (home / name).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=problem):
            start_embedded(home)


def test_a_socket_folder_that_others_can_enter_is_refused(home: Path) -> None:
    with start_embedded(home) as server:
        folder = find_socket_folder(server.url)
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(StoreError, match="must be a folder of mode 0700 that belongs to uid"):
        start_embedded(home)


def test_a_deleted_socket_is_noticed_and_a_restart_makes_it_again(home: Path) -> None:
    with start_embedded(home) as server:
        shutil.rmtree(find_socket_folder(server.url))
        assert not server.is_alive()

        server.stop()
        with start_embedded(home) as again:
            assert (again.is_alive(), run_sql(again.url, "select 1")) == (True, 1)


def test_a_deleted_owner_file_is_made_again_while_the_server_runs(home: Path, start_command: StartCommand) -> None:
    with start_embedded(home) as server:
        (home / "pg18.owner").unlink()

        assert server.is_alive()

        assert run_sql(server.url, "select 1") == 1
        assert not start_command(home).wait_until_ready().is_owner
    assert (home / "pg18.owner").read_text() == ""


def test_an_owner_yields_to_a_command_that_locked_the_new_owner_file_first(
    home: Path, start_command: StartCommand
) -> None:
    with start_embedded(home) as server:
        (home / "pg18.owner").unlink()
        other = start_command(home)
        assert comes_true((home / "pg18.owner").exists)
        assert comes_true(lambda: not server.is_alive())

        server.stop()

        assert other.wait_until_ready().is_owner
        assert not start_embedded(home).is_owner


@only_root
def test_a_socket_folder_of_another_user_is_refused(home: Path) -> None:
    with start_embedded(home) as server:
        folder = find_socket_folder(server.url)
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(StoreError, match="must be a folder of mode 0700 that belongs to uid"):
        start_embedded(home)


def test_the_error_for_missing_programs_says_what_to_do(home: Path) -> None:
    with pytest.raises(StoreError, match=r"docker compose.*SESSION_GRAPH_DATABASE_URL"):
        start_embedded(home, bin_dir=home / "nowhere")


def test_a_home_that_cannot_be_made_is_an_error(closed_folder: Path) -> None:
    (closed_folder / "file").touch()
    with pytest.raises(StoreError, match="cannot be used"):
        start_embedded(closed_folder / "file" / "home")


def test_the_error_of_a_failed_start_has_the_end_of_the_log(home: Path) -> None:
    (home / "pg18" / "PG_VERSION").write_text("9\n")

    with pytest.raises(StoreError, match="database files are incompatible with server") as refused:
        start_embedded(home)

    assert "ready to accept" not in refused.value.message, "nothing of the start before"
    (home / "pg18" / "PG_VERSION").write_text("18\n")
    start_embedded(home).stop()


def test_a_long_log_is_emptied(home: Path) -> None:
    os.truncate(home / "pg18.log", embedded.LOG_BYTES + 1)
    start_embedded(home).stop()
    assert 0 < (home / "pg18.log").stat().st_size < 10_000


@only_root
def test_an_ordinary_user_has_a_server_too(users_folder: Path, start_command: StartCommand) -> None:
    home, user = users_folder / "home", users_folder.stat().st_uid
    owner = start_command(home, user).wait_until_ready()
    word = write(owner.url)
    assert not start_command(home, user).wait_until_ready().is_owner

    owner.kill()

    successor = start_command(home, user).wait_until_ready()
    assert successor.is_owner
    assert has(successor.url, word)


@only_root
def test_root_leaves_the_home_of_a_user_usable(users_folder: Path, start_command: StartCommand) -> None:
    with start_embedded(users_folder) as server:
        word = write(server.url)

    owner = start_command(users_folder, users_folder.stat().st_uid).wait_until_ready()

    assert owner.is_owner
    assert has(owner.url, word)


@only_root
def test_programs_that_the_servers_user_cannot_read_are_copied_once(home: Path, closed_folder: Path) -> None:
    with start_embedded(home) as server:
        package = find_programs(server.url).parents[1]
    closed = closed_folder / "my venv" / package.name
    shutil.copytree(package, closed, ignore=shutil.ignore_patterns("pginstall", "include"))
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed.with_name(f"{package.name}.libs"))

    used = set()
    for _ in range(2):
        with start_embedded(home, bin_dir=closed / "pginstall18" / "bin") as server:
            used.add(find_programs(server.url))

    (copy,) = {programs.parents[2] for programs in used}
    shutil.rmtree(copy)
    assert copy.name.startswith("session-graph-postgresql-")


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="there is no PostgreSQL 15 of Debian here")
def test_an_older_postgresql_has_its_own_data(open_folder: Path) -> None:
    with start_embedded(open_folder, bin_dir=DEBIAN_15) as server:
        assert str(run_sql(server.url, "show server_version")).startswith("15.")
    assert (open_folder / "pg15" / "PG_VERSION").exists()
