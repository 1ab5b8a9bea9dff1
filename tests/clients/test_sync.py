"""The recipes of docs/sync.md keep their copy complete across restarts of the server and of their own."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from clients.conftest import CREATE_AGENT, HERE, RECORD, make_record
from support.databases import empty_database
from support.processes import Server, run_command
from tools import recipes

pytestmark = pytest.mark.anyio

SERVE = ("serve", "--no-worker")
FOLDER = recipes.FOLDER
SECONDS = 60
"""In which a copy must become complete."""

FIELDS = ("id", "version", "contact", "asr", "comment")
LIST = f"{{ sessions(first: 200) {{ nodes {{ {' '.join(FIELDS)} }} }} }}"
EDIT = """
mutation ($filter: SessionFilter!, $comment: String!) {
  updateSessions(input: {target: {filter: $filter}, patch: {comment: $comment}}) { changedCount errors { message } }
}
"""

Copy = dict[str, dict[str, object]]


@dataclass
class Partner:
    """A recipe that runs, and the account that it copies."""

    command: Sequence[str | Path]
    server: Server
    url: str
    key: str
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "copy.json"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SERVER": self.server.address, "KEY": self.key, "COPY": str(self.file)}

    def edit(self, comment: str, **condition: object) -> None:
        answer = self.server.ask(self.key, EDIT, filter=condition, comment=comment)["updateSessions"]
        assert answer["changedCount"] > 0, answer

    def record(self, numbers: range) -> None:
        records = [make_record(number) for number in numbers]
        answer = self.server.ask(self.key, RECORD, input={"records": records})
        assert answer["recordSessions"]["recordedCount"] == len(records)

    def sessions(self) -> Copy:
        """Return the sessions of the server by id."""
        return {node["id"]: node for node in self.server.ask(self.key, LIST)["sessions"]["nodes"]}

    def copied(self) -> Copy:
        """Return the copy's sessions by id, without what clients add to them."""
        found = json.loads(self.file.read_text())["sessions"] if self.file.exists() else {}
        return {id_: {name: row[name] for name in FIELDS} for id_, row in found.items()}

    @contextmanager
    def following(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the recipe during the block, then kill it."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.command, cwd=HERE, env=self.environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait_until_complete(self, process: subprocess.Popen[bytes]) -> None:
        wanted = self.sessions()
        self._wait(process, lambda: self.copied() == wanted)

    def _wait(self, process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.1)


@pytest.fixture(params=["graphql_ws.mjs", "graphql_sse.mjs", "apollo.mjs", "urql.mjs", "with_gql.py"])
def command(request: pytest.FixtureRequest) -> Sequence[str | Path]:
    """Return the command of a recipe. Skips the test if its client is not installed."""
    name: str = request.param
    if name.endswith(".py"):
        return [request.getfixturevalue("python_of_gql"), FOLDER / name]
    request.getfixturevalue("node_modules")
    return ["node", FOLDER / name]


async def test_a_copy_is_complete_after_every_restart(
    command: Sequence[str | Path], server_url: str, tmp_path: Path
) -> None:
    async with empty_database(server_url) as url:
        with ExitStack() as servers:
            server = servers.enter_context(Server(tmp_path / "home", *SERVE, database_url=url)).wait_until_it_serves()
            partner = Partner(command, server, url, make_account(server, url), tmp_path)
            partner.record(range(5))
            follow_through_restarts(partner, servers)


def follow_through_restarts(partner: Partner, servers: ExitStack) -> None:
    with partner.following() as process:
        partner.wait_until_complete(process)
        partner.edit("While it follows", channels=["VOICE"])
        partner.wait_until_complete(process)

        with restarted(partner, servers):
            partner.record(range(5, 8))
            partner.edit("While the server was away", search="Guest 06")
        partner.wait_until_complete(process)
        partner.edit("Back again", search="Guest 00")
        partner.wait_until_complete(process)

    partner.edit("While nobody followed", search="Guest 03")
    with partner.following() as process:
        partner.wait_until_complete(process)


@contextmanager
def restarted(partner: Partner, servers: ExitStack) -> Iterator[None]:
    """Kill the server, and start it again on its port; during the block another one serves on another port."""
    port = str(urlsplit(partner.server.address).port)
    partner.server.kill()
    with Server(partner.folder / "other", *SERVE, database_url=partner.url) as other:
        partner.server = other.wait_until_it_serves()
        yield
    again = servers.enter_context(Server(partner.folder / "again", *SERVE, database_url=partner.url, port=port))
    partner.server = again.wait_until_it_serves()


def make_account(server: Server, url: str) -> str:
    """Return the key of an ADMIN of a new account with an agent."""
    command = ("key", "create", "--account", f"b{uuid4().hex[:12]}", "--role", "ADMIN", "--quiet")
    made = run_command(server.home, *command, database_url=url)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    agent = {"idn": "host", "name": "Host", "timeZone": "America/New_York", "unitName": "guests", "unitValue": "65"}
    assert server.ask(key, CREATE_AGENT, input=agent) == {"createAgent": {"errors": []}}
    return key


def test_the_guide_shows_the_recipes_that_run_here() -> None:
    guide = recipes.GUIDE.read_text("utf-8")

    assert guide == recipes.rewrite(guide), "run `python -m tools.recipes`"
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(
        re.findall(r"<!-- recipe: (.+) -->", guide)
    )
