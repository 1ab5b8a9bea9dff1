"""Starting on a configured database, and refusing to start with wrong settings."""

from argparse import Namespace
from pathlib import Path

import pytest

from session_graph.cli import manage
from session_graph.cli.main import main
from session_graph.schema.schema import build_schema, print_sdl
from session_graph.settings import Settings
from support.processes import Server, run_command


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


@pytest.mark.parametrize(("error", "attempts"), [(BrokenPipeError, 1), (ConnectionResetError, 5)])
def test_a_command_is_repeated_for_a_lost_server_but_not_for_lost_output(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], attempts: int
) -> None:
    made: list[Settings] = []

    async def create_key(settings: Settings, arguments: Namespace) -> int:
        made.append(settings)
        raise error

    monkeypatch.delenv("SESSION_GRAPH_DATABASE_URL", raising=False)
    monkeypatch.setattr(manage, "create_key", create_key)

    assert main(["key", "create", "--account", "a", "--role", "ADMIN"]) == 1
    assert len(made) == attempts
