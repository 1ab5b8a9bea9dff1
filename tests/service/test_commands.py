"""The commands that administer: what they create, what they refuse, and what they read."""

import gzip
import subprocess
import sys
import tomllib
from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from session_graph.cli.main import main
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


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert capsys.readouterr().out == f"session_graph {project['version']}\n"
