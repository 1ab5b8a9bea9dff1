"""Starting on a configured database, and refusing to start with wrong settings."""

import os
import sys
from argparse import Namespace
from pathlib import Path

import httpx
import orjson
import pytest

from session_graph.cli import manage
from session_graph.cli.main import ATTEMPTS, main
from session_graph.schema.schema import build_schema, print_sdl
from session_graph.settings import Settings
from support.databases import execute, new_database
from support.processes import Server, comes_true, run_command
from support.smtp import free_port


def test_it_serves_the_configured_database(database_url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    create = ("key", "create", "--account", "named", "--role", "ADMIN", "--quiet")
    key = run_command(home, *create, database_url=database_url).stdout.strip()

    with Server(home, "serve", database_url=database_url) as server:
        server.wait_until_it_serves()

        assert server.printed == f"Serving {server.address}/graphql\n"
        assert server.ask(key, "{ viewer { account { name } } }") == {"viewer": {"account": {"name": "named"}}}
        assert server.stop() == 0
    assert not list(home.glob("pg*"))


def test_a_schema_that_is_up_to_date_needs_no_migration(database_url: str, tmp_path: Path) -> None:
    done = run_command(tmp_path, "migrate", database_url=database_url)

    assert (done.returncode, done.stdout, done.stderr) == (0, "The schema is up to date.\n", "")


def test_a_check_says_what_a_migration_would_do_and_changes_nothing(server_url: str, tmp_path: Path) -> None:
    check = ("migrate", "--check")
    with new_database(server_url) as url:
        before = run_command(tmp_path, *check, database_url=url)
        again = run_command(tmp_path, *check, database_url=url)
        migrated = run_command(tmp_path, "migrate", database_url=url)
        after = run_command(tmp_path, *check, database_url=url)
        execute(url, "update data_rewrite set is_done = false")
        unfinished = run_command(tmp_path, *check, database_url=url)

    assert (before.returncode, before.stdout, before.stderr) == (3, again.stdout, "")
    lines = before.stdout.splitlines()
    assert lines[0] == "would run: 0001_directory"
    assert "would run: 0009_contacts (breaks versions before 0009_contacts)" in lines
    assert lines[-1] == "would rewrite stored sessions"
    assert migrated.returncode == 0
    assert (after.returncode, after.stdout, after.stderr) == (0, "The schema is up to date.\n", "")
    assert (unfinished.returncode, unfinished.stdout) == (3, "would rewrite stored sessions\n")


def test_a_check_creates_no_embedded_database(tmp_path: Path) -> None:
    checked = run_command(tmp_path / "home", "migrate", "--check")

    assert (checked.returncode, checked.stdout, checked.stderr.count("\n")) == (1, "", 1)
    assert not (tmp_path / "home").exists()


def test_a_server_is_ready_with_a_newer_schema_until_a_migration_breaks_it(server_url: str, tmp_path: Path) -> None:
    note = "insert into schema_migration (name, breaks_before) values ('{0}', {1})"
    with new_database(server_url) as url:
        run_command(tmp_path / "first", "migrate", database_url=url)
        with Server(tmp_path / "home", "serve", database_url=url) as server:
            server.wait_until_it_serves()
            execute(url, note.format("9001_adds", "null"))
            with Server(tmp_path / "later", "serve", database_url=url) as later:
                later.wait_until_it_serves()
                ready = [httpx.get(f"{each.address}/readyz").status_code for each in (server, later)]
                assert (later.stop(), later.errors.count("9001_adds")) == (0, 1)
            execute(url, note.format("9002_drops", "'9002_drops'"))

            assert ready == [200, 200]
            assert comes_true(lambda: httpx.get(f"{server.address}/readyz").status_code == 503, 10)
        for migrates in ("true", "false"):
            refused = run_command(tmp_path / "home", "serve", database_url=url, migrate_on_start=migrates)
            assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
            assert "9002_drops" in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("PORT", "http", "SESSION_GRAPH_PORT"),
        ("DATABASE_URL", "mysql://a:secret@b", "SESSION_GRAPH_DATABASE_URL"),
        ("CORS_ORIGINS", "example.com", "SESSION_GRAPH_CORS_ORIGINS"),
        ("JWT_KEY", "secret", "SESSION_GRAPH_JWT_ISSUER"),
    ],
)
def test_a_wrong_setting_is_named_in_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    named: str,
) -> None:
    monkeypatch.setenv("SESSION_GRAPH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(f"SESSION_GRAPH_{variable}", value)

    assert main(["serve"]) == 1

    printed, errors = capsys.readouterr()
    assert (printed, named in errors, "secret" in errors) == ("", True, False)
    assert errors.count("\n") == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("url", ["postgresql://nobody:hidden@127.0.0.1:1/none", "postgresql:///x?host=/nowhere"])
def test_a_database_that_cannot_be_reached_is_reported_in_a_sentence(tmp_path: Path, url: str) -> None:
    refused = run_command(tmp_path, "serve", database_url=url)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("The database cannot be reached: ")
    assert refused.stderr.count("\n") == 1
    assert "hidden" not in refused.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "demo"])
def test_a_database_of_another_machine_without_tls_is_warned_of(tmp_path: Path, command: str) -> None:
    address = f"postgresql://user:secret@0.0.0.0:{free_port()}/name"
    said = run_command(tmp_path, command, database_url=address).stderr.splitlines()

    (warning,) = [orjson.loads(line) for line in said if line.startswith("{")]
    assert (warning["level"], warning["logger"]) == ("WARNING", "session_graph.cli.serve")
    assert warning["message"].startswith("SESSION_GRAPH_DATABASE_URL: the connection to 0.0.0.0 need not be encrypted")
    assert "secret" not in "".join(said)


def test_a_wrong_command_line_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["key", "create", "--account", "a", "--role", "BOSS"])

    assert "BOSS" in capsys.readouterr().err


def test_the_schema_is_printed_without_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SESSION_GRAPH_HOME", str(tmp_path / "home"))

    assert main(["schema"]) == 0

    assert capsys.readouterr().out == print_sdl(build_schema())
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError])
@pytest.mark.parametrize("has_output", [True, False])
def test_a_command_is_repeated_for_a_lost_server_but_not_for_lost_output(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], has_output: bool
) -> None:
    made: list[Settings] = []

    async def create_key(settings: Settings, arguments: Namespace) -> int:
        made.append(settings)
        raise error

    monkeypatch.delenv("SESSION_GRAPH_DATABASE_URL", raising=False)
    monkeypatch.setattr(manage, "create_key", create_key)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        if not has_output:
            os.close(reader)
            output.write("lost")

        assert main(["key", "create", "--account", "a", "--role", "ADMIN"]) == 1

    assert len(made) == (ATTEMPTS if has_output else 1)
