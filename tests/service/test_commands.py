"""The commands that administer: what they create, what they refuse, and what they read."""

import asyncio
import errno
import gzip
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import orjson
import pytest

from session_graph.cli.main import _ignore_lost_connection, main
from support.databases import connected, execute, new_database
from support.processes import make_environment, run_command
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR

RECORD = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS}

KEY = ("--role", "ADMIN", "--quiet")


def test_an_unknown_account_is_refused_and_not_created(database_url: str, tmp_path: Path) -> None:
    for command in (
        ("account", "nobody"),
        ("account", "nobody", "--name", "N"),
        ("recipient", "add", "--account", "nobody", "a@example.com"),
        ("recipient", "list", "--account", "nobody"),
        ("key", "list", "--account", "nobody"),
    ):
        refused = run_command(tmp_path, *command, database_url=database_url)

        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == ("account nobody does not exist; `session-graph account nobody --create` creates it\n")
    assert "nobody" not in run_command(tmp_path, "account", database_url=database_url).stdout


def test_an_account_is_created_once_and_only_if_all_attributes_are_valid(database_url: str, tmp_path: Path) -> None:
    create = ("account", "explicit", "--create", "--name", "Shop")

    wrong = run_command(tmp_path, *create, "--currency", "XXXX", database_url=database_url)
    made, again = [run_command(tmp_path, *create, database_url=database_url) for _ in range(2)]

    assert (wrong.returncode, made.returncode, again.returncode) == (1, 0, 1)
    assert (made.stdout, made.stderr) == ("explicit  USD  UTC  Shop\n", "")
    assert again.stderr == "account explicit already exists\n"


def test_a_key_of_a_new_account_says_that_it_was_created(database_url: str, tmp_path: Path) -> None:
    create = ("key", "create", "--account", "keyed", *KEY)

    first, second = [run_command(tmp_path, *create, database_url=database_url) for _ in range(2)]

    assert (first.stderr, second.stderr) == ("Created the account keyed.\n", "")


@pytest.mark.parametrize(
    "command",
    [
        ("account",),
        ("account", "a", "--create"),
        ("key", "create", "--account", "a", *KEY),
        ("key", "list", "--account", "a"),
        ("key", "revoke", "--account", "a", "sg_x"),
        *(("recipient", action, "--account", "a", "a@example.com") for action in ("add", "remove")),
        ("recipient", "list", "--account", "a"),
    ],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_no_second_database_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    is_there: bool,
) -> None:
    home = tmp_path / "home"
    if is_there:
        home.mkdir()
    monkeypatch.setenv("SESSION_GRAPH_HOME", str(home))
    monkeypatch.delenv("SESSION_GRAPH_DATABASE_URL", raising=False)

    assert main(command) == 1

    printed, errors = capsys.readouterr()
    assert (printed, errors.count("\n")) == ("", 1)
    assert all(part in errors for part in (str(home), "SESSION_GRAPH_DATABASE_URL", "`session-graph serve`"))
    assert list(tmp_path.rglob("*")) == ([home] if is_there else [])


@pytest.mark.parametrize("value", ["-1", "65536"])
def test_a_wrong_port_names_the_flag_and_the_variable(capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert main(["serve", f"--port={value}"]) == 1

    assert capsys.readouterr().err.startswith("Cannot start: SESSION_GRAPH_PORT (or --port): ")


def test_a_port_that_is_no_number_names_the_flag_and_the_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--port", "http"])

    errors = capsys.readouterr().err
    assert ("--port" in errors, "SESSION_GRAPH_PORT" in errors) == (True, True)


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_import_reads_standard_input(database_url: str, tmp_path: Path, is_packed: bool) -> None:
    agents = tmp_path / "agents.json"
    agents.write_bytes(orjson.dumps([BISTRO]))
    lines = orjson.dumps({**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "id": str(uuid4())}) + b"\n{}\n"
    command = ("import", "--account", f"piped{is_packed}".lower(), "--agents", str(agents), "-")

    done = subprocess.run(
        [sys.executable, "-m", "session_graph.cli.main", *command],
        env=make_environment(tmp_path, database_url=database_url),
        input=gzip.compress(lines) if is_packed else lines,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert b"/dev/stdin: 1 new, 0 already there, 1 refused" in done.stdout
    assert b"/dev/stdin:2: " in done.stderr


def test_an_import_lands_what_stands_before_damage_and_goes_on_with_the_next_file(
    database_url: str, tmp_path: Path
) -> None:
    agents, cut, table, page = (tmp_path / name for name in ("agents.json", "cut.gz", "table.csv", "page.html"))
    agents.write_bytes(orjson.dumps([BISTRO]))
    packed = gzip.compress(b"".join(orjson.dumps({**RECORD, "id": str(uuid4())}) + b"\n" for _ in range(3)), 0)
    cut.write_bytes(packed[:-20])
    page.write_text("<html>\n<body>\n")
    table.write_text("id,agent,channel,startedAt,endedAt\n,bistro,CHAT,2026-11-16T15:00:00Z,2026-11-16T15:02:00Z\n")

    done = run_command(
        tmp_path, "import", "--account", "cut", "--agents", agents, cut, page, table, database_url=database_url
    )

    assert done.returncode == 1
    assert f"{cut}: 2 new, 0 already there, 0 refused" in done.stdout
    assert f"{page}: 0 new, 0 already there, 0 refused" in done.stdout
    assert f"{table}: 1 new, 0 already there, 0 refused" in done.stdout
    assert f"{cut}:3: The gzip data is damaged: it ends too early\n{page}:1: It is neither " in done.stderr


def test_an_import_waits_for_a_lock_and_says_so(database_url: str, tmp_path: Path) -> None:
    agents, lines = tmp_path / "agents.json", tmp_path / "lines.jsonl"
    agents.write_bytes(orjson.dumps([BISTRO]))
    lines.write_bytes(orjson.dumps({**RECORD, "id": str(uuid4())}) + b"\n")
    command = ("import", "--account", "locked", "--agents", str(agents))
    assert run_command(tmp_path, *command, database_url=database_url).returncode == 0

    async def import_beside_a_lock() -> tuple[str, str]:
        async with connected(database_url) as holder:
            lock = holder.transaction()
            await lock.start()
            await holder.execute("select from account where idn = 'locked' for update")
            importing = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "session_graph.cli.main", *command, lines),
                env=make_environment(tmp_path, database_url=database_url, statement_timeout_ms="500"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            assert importing.stderr
            async with asyncio.timeout(120):
                first = await importing.stderr.readline()
                await lock.rollback()
                printed, _ = await importing.communicate()
            return first.decode(), printed.decode()

    notice, printed = asyncio.run(import_beside_a_lock())

    assert notice == f"{lines}: the database is busy, or another connection holds a lock; trying again\n"
    assert f"{lines}: 1 new" in printed


@pytest.mark.parametrize("command", [("--help",), ("schema",), ("account",)])
def test_a_command_whose_output_nobody_reads_ends_quietly(
    database_url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    run_command(tmp_path, "account", "read", "--create", database_url=database_url)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "session_graph.cli.main", *command],
            env=make_environment(tmp_path, database_url=database_url),
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )

    assert (done.stderr, done.returncode) == (b"", 0 if command == ("--help",) else 1)


def test_output_that_finds_a_full_disk_is_a_sentence(database_url: str, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "session_graph.cli.main", "schema"],
            env=make_environment(tmp_path, database_url=database_url),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )

    assert (done.returncode, done.stderr) == (1, b"[Errno 28] No space left on device\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("alter database {0} set default_transaction_read_only = on", "read-only transaction"),
        ("alter table account rename to elsewhere", "does not exist"),
    ],
)
def test_what_the_database_refuses_is_a_sentence(server_url: str, tmp_path: Path, change: str, reason: str) -> None:
    with new_database(server_url) as url:
        run_command(tmp_path, "migrate", database_url=url)
        execute(url, change.format(f'"{urlsplit(url).path[1:]}"'))
        refused = run_command(tmp_path, "account", "shop", "--create", database_url=url)

    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1), refused.stderr
    assert reason in refused.stderr


def test_a_file_that_cannot_be_read_is_named(database_url: str, tmp_path: Path) -> None:
    for options in (("--agents", "nowhere.json"), ("nowhere.jsonl",), (str(tmp_path),)):
        refused = run_command(tmp_path, "import", "--account", "files", *options, database_url=database_url)

        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
        assert refused.stderr.startswith(options[-1])


def test_ctrl_c_ends_a_command_without_a_traceback(database_url: str, tmp_path: Path) -> None:
    importing = subprocess.Popen(
        [sys.executable, "-m", "session_graph.cli.main", "import", "--account", "interrupted", "-"],
        env=make_environment(tmp_path, database_url=database_url),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with importing:
        assert importing.stderr
        assert importing.stdin
        assert importing.stderr.readline() == b"Created the account interrupted.\n"
        importing.send_signal(signal.SIGINT)
        importing.stdin.close()
        errors = importing.stderr.read()

    assert errors == b""
    assert importing.returncode in (130, 0), "an import whose input ends at that moment may be done already"


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert capsys.readouterr().out == f"session_graph {project['version']}\n"


@pytest.mark.parametrize(
    ("error", "is_told"),
    [(OSError(errno.EMFILE, "Too many open files"), True), (asyncpg.ConnectionDoesNotExistError("lost"), False)],
)
def test_of_errors_that_nobody_handles_only_a_lost_connection_is_not_told(error: Exception, is_told: bool) -> None:
    loop = Mock()

    _ignore_lost_connection(loop, {"message": "said by nobody", "exception": error})

    assert loop.default_exception_handler.called is is_told
