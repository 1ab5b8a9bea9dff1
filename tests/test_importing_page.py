"""The examples of docs/importing.md, run as a reader would run them."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import httpx
import orjson
import pytest

from session_graph.access.viewer import Role
from session_graph.cli.main import make_parser
from session_graph.sessions.importing import import_sessions
from session_graph.sessions.recording import Status
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.records import make_agent

pytestmark = pytest.mark.anyio

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs" / "importing.md").read_text("utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


async def test_the_table_is_imported(database: Database, account: Account, tmp_path: Path) -> None:
    await make_agent(account, idn="host")
    path = tmp_path / "calls.csv"
    path.write_text(*examples("csv"))

    tally = await import_sessions(database, account.id, path, lambda number, problem: None, lambda read: None)

    assert (tally.counts, tally.fault) == ({Status.RECORDED: 1}, None)


def test_the_command_is_one() -> None:
    command, _ = examples("sh")

    assert callable(make_parser().parse_args(shlex.split(command)[1:]).command)


async def test_the_request_has_results_as_they_are_shown(client: httpx.AsyncClient, account: Account) -> None:
    await make_agent(account, idn="host")
    (line,) = re.findall(r"```jsonl\n(\{\"id\".*)\n```", (PROJECT / "README.md").read_text("utf-8"))
    _, command = examples("sh")
    words = shlex.split(command.replace("$KEY", await make_key(account, Role.RECORDER)))
    headers = dict(value.split(": ", 1) for name, value in pairwise(words) if name == "-H")
    (url,) = [word for word in words if word.startswith("http")]

    response = await client.post(
        httpx.URL(url).path, content=f"{line}\n{line.replace('VOICE', 'FAX')}", headers=headers
    )

    (shown,) = examples("jsonl")
    assert [orjson.loads(text) for text in response.text.splitlines()] == list(map(orjson.loads, shown.splitlines()))
