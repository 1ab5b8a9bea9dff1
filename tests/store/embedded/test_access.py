"""Who may use the embedded server: the user who started it and root, and no other process of the machine."""

import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_graph.errors import StoreError
from session_graph.store.embedded import os_users
from session_graph.store.embedded.creation import HBA, IDENT
from session_graph.store.embedded.os_users import UNUSED_IDS, OsUser, find_os_user, list_names
from session_graph.store.embedded.server import start_embedded
from store.embedded.conftest import find_postmaster, find_socket_folder, only_root, run_sql

NOBODY, STRANGER = 65534, 12345

# Asks PostgreSQL for a session as its superuser, and prints the kind of the answer, or the error of the system.
CONNECT = r"""
import socket, struct, sys
try:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(sys.argv[1])
except OSError as error:
    sys.exit(print(type(error).__name__))
start = struct.pack("!I", 196608) + b"user\0session_graph\0database\0session_graph\0\0"
connection.sendall(struct.pack("!I", len(start) + 4) + start)
print(connection.recv(4096).split(b"\0M")[-1].split(b"\0")[0].decode() if connection.recv(1) == b"E" else "welcome")
"""

# Tries what a process may do to another one of its own user, and prints what it could do.
MEDDLE = """
import os, sys
for name, attempt in {
    "read the data": lambda: os.listdir(sys.argv[2]),
    "enter by /proc": lambda: os.listdir(f"/proc/{sys.argv[1]}/cwd"),
    "read memory": lambda: open(f"/proc/{sys.argv[1]}/mem", "rb"),
    "send a signal": lambda: os.kill(int(sys.argv[1]), 0),
}.items():
    try:
        attempt()
        print(name)
    except OSError:
        pass
"""

# Looks into a home, and into every process of its own user and another group, until its standard input ends.
WATCH = """
import os, select, sys
while not select.select([sys.stdin], [], [], 0)[0]:
    places = [f"{sys.argv[1]}/{name}" for name in ("pg18.new/data", "pg18")]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            lines = open(f"/proc/{pid}/status").read().splitlines()
        except OSError:
            continue
        ids = {line.split()[0]: line.split()[1] for line in lines if line.startswith(("Uid:", "Gid:"))}
        if ids["Uid:"] == str(os.getuid()) and ids["Gid:"] == sys.argv[2]:
            print("met a process")
            places.append(f"/proc/{pid}/cwd")
    for place in places:
        try:
            os.listdir(place)
            print("entered", place)
        except OSError:
            pass
"""


def run_as(uid: int, script: str, *arguments: object) -> list[str]:
    """Return the lines that the script prints as another user."""
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-I", "-c", script, *map(str, arguments)],
        user=uid,
        group=uid,
        extra_groups=(),
        cwd="/",
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.splitlines()


def list_exposed(folder: Path) -> list[str]:
    """Return what other users could read, write or enter, with its mode."""
    found = {path: path.lstat() for path in folder.iterdir()}
    open_to_others = [
        f"{path.name} {stat.filemode(entry.st_mode)}"
        for path, entry in found.items()
        if entry.st_mode & 0o077 and not path.is_symlink()
    ]
    folders = [path for path, entry in found.items() if stat.S_ISDIR(entry.st_mode)]
    return [*open_to_others, *(line for path in folders for line in list_exposed(path))]


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A umask that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_no_other_user_can_read_anything_in_the_home(open_folder: Path) -> None:
    with start_embedded(open_folder) as server:
        run_sql(server.url, "create table written as select 1 as one")

        assert {path.name for path in open_folder.iterdir()} == {"pg18", "pg18.log", "pg18.owner"}
        assert list_exposed(open_folder) == []
        assert list_exposed(find_socket_folder(server.url)) == []


def test_a_server_accepts_only_callers_whom_the_system_names(home: Path) -> None:
    with start_embedded(home) as server:
        assert run_sql(server.url, "select string_agg(auth_method, ' ') from pg_hba_file_rules") == "peer"
        names = run_sql(server.url, "select string_agg(sys_name, ' ' order by map_number) from pg_ident_file_mappings")

    assert set(str(names).split()) == {pwd.getpwuid(0).pw_name, pwd.getpwuid(os.geteuid()).pw_name}


def test_each_start_writes_the_rules_of_access_again(home: Path) -> None:
    (home / "pg18" / HBA).write_text("local all all trust\n")
    (home / "pg18" / IDENT).write_text("")
    with start_embedded(home) as server:
        assert run_sql(server.url, "select string_agg(auth_method, ' ') from pg_hba_file_rules") == "peer"


def test_rules_of_access_that_the_data_name_elsewhere_do_not_count(home: Path) -> None:
    elsewhere = home / "pg18" / "elsewhere.conf"
    elsewhere.write_text("local all all trust\n")
    elsewhere.chmod(0o644)
    with start_embedded(home) as server:
        run_sql(server.url, f"alter system set hba_file = '{elsewhere.name}'")
    with start_embedded(home) as server:
        assert run_sql(server.url, "select string_agg(auth_method, ' ') from pg_hba_file_rules") == "peer"
        run_sql(server.url, "alter system reset hba_file")


@only_root
def test_a_process_without_rights_cannot_connect(home: Path) -> None:
    with start_embedded(home) as server:
        socket = find_socket_folder(server.url) / ".s.PGSQL.5432"
        assert {uid: run_as(uid, CONNECT, socket) for uid in (NOBODY, STRANGER)} == {
            NOBODY: ["PermissionError"],
            STRANGER: ["PermissionError"],
        }


@only_root
def test_the_server_refuses_others_even_where_they_reach_its_socket(home: Path) -> None:
    refused = 'Peer authentication failed for user "session_graph"'
    with start_embedded(home) as server:
        folder = find_socket_folder(server.url)
        own = folder.stat().st_uid
        folder.chmod(0o755)
        (folder / ".s.PGSQL.5432").chmod(0o777)

        answers = {uid: run_as(uid, CONNECT, folder / ".s.PGSQL.5432") for uid in (0, NOBODY, own)}

        folder.chmod(0o700)
    assert answers == {0: ["welcome"], NOBODY: [refused], own: [refused]}


@only_root
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_a_server_of_root_runs_as_an_id_that_no_process_has(open_folder: Path) -> None:
    with start_embedded(open_folder):
        data, postmaster = open_folder / "pg18", find_postmaster(open_folder)
        owners = {path.lstat().st_uid for path in (data, *data.rglob("*"))}

        assert owners == {Path(f"/proc/{postmaster}").stat().st_uid}
        assert owners <= set(UNUSED_IDS)
        for uid in (NOBODY, STRANGER):
            assert run_as(uid, MEDDLE, postmaster, data) == []


@only_root
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_other_processes_of_nobody_do_not_see_the_data_while_they_are_created(open_folder: Path) -> None:
    group = find_os_user(open_folder).gid
    watcher = subprocess.Popen(
        ["/usr/bin/env", "python3", "-I", "-c", WATCH, str(open_folder), str(group)],
        user=NOBODY,
        group=NOBODY,
        extra_groups=(),
        cwd="/",
        env={"PATH": os.defpath},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    start_embedded(open_folder).stop()

    printed, _ = watcher.communicate("\n")
    assert set(printed.splitlines()) == {"met a process"}


@only_root
def test_data_of_another_owner_are_taken_over(open_folder: Path) -> None:
    with start_embedded(open_folder) as server:
        run_sql(server.url, "create table written as select 7 as number")
    data = open_folder / "pg18"
    for path in (data, *data.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    (open_folder / "of the system").write_text("secret")
    os.link(open_folder / "of the system", data / "link")

    with start_embedded(open_folder) as server:
        assert run_sql(server.url, "select number from written") == 7

    assert {path.lstat().st_uid for path in (data, *data.rglob("*"))} - set(UNUSED_IDS) == {0}
    assert (open_folder / "of the system").stat().st_uid == 0


@only_root
def test_root_may_connect_to_the_server_of_a_user(users_folder: Path) -> None:
    with start_embedded(users_folder) as server:
        socket = find_socket_folder(server.url) / ".s.PGSQL.5432"
        assert run_as(users_folder.stat().st_uid, CONNECT, socket) == ["welcome"]
        assert run_as(STRANGER, CONNECT, socket) == ["PermissionError"]
        assert run_sql(server.url, "select 1") == 1


@only_root
def test_a_container_without_other_ids_is_told_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os_users, "_read_map", lambda kind: [(0, 1000, 1)])
    with pytest.raises(StoreError, match="start this command as an ordinary user, or set SESSION_GRAPH_DATABASE_URL"):
        start_embedded(home)


@only_root
def test_an_id_that_has_a_name_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = pwd.getpwuid(0)
    known = {0: taken, UNUSED_IDS[0]: taken, UNUSED_IDS[1]: taken}
    monkeypatch.setattr(pwd, "getpwuid", known.__getitem__)

    assert find_os_user(home) == OsUser(UNUSED_IDS[2], UNUSED_IDS[2])


def test_a_user_without_a_name_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    with pytest.raises(StoreError, match=f"needs a name for uid {os.geteuid()}"):
        list_names(OsUser(os.geteuid(), os.getegid()))


@only_root
def test_root_writes_no_file_through_a_link_of_the_servers_user(open_folder: Path) -> None:
    start_embedded(open_folder).stop()
    target, data = open_folder / "of root", open_folder / "pg18"
    target.write_text("kept")
    (data / f"{HBA}.new").symlink_to(target)

    start_embedded(open_folder).stop()

    assert target.read_text() == "kept"


def test_a_running_server_can_read_its_rules_again(home: Path) -> None:
    with start_embedded(home) as server:
        os.kill(find_postmaster(home), signal.SIGHUP)
        assert run_sql(server.url, "select count(*) from pg_hba_file_rules where error is not null") == 0
        assert run_sql(server.url, "select count(*) from pg_ident_file_mappings where error is not null") == 0
