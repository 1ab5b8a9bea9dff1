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

import asyncpg
import pytest

from clients.conftest import CREATE_AGENT, HERE, RECORD, Site, make_record
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
    """An account, and a recipe that copies it from a server of its own. `server` serves the same database."""

    command: Sequence[str | Path]
    server: Server
    url: str
    folder: Path

    def __post_init__(self) -> None:
        self.key = make_account(self.server, self.url)
        self.port = "0"

    @property
    def file(self) -> Path:
        return self.folder / "copy.json"

    def edit(self, comment: str, **condition: object) -> None:
        answer = self.server.ask(self.key, EDIT, filter=condition, comment=comment)["updateSessions"]
        assert answer["changedCount"] > 0, answer

    def record(self, numbers: range) -> None:
        records = [make_record(number) for number in numbers]
        answer = self.server.ask(self.key, RECORD, input={"records": records})
        assert answer["recordSessions"]["recordedCount"] == len(records)

    def sessions(self) -> Copy:
        """Return the sessions of the database by id."""
        return {node["id"]: node for node in self.server.ask(self.key, LIST)["sessions"]["nodes"]}

    def copied(self) -> Copy:
        """Return the copy's sessions by id, without what clients add to them."""
        found = json.loads(self.file.read_text())["sessions"] if self.file.exists() else {}
        return {id_: {name: row[name] for name in FIELDS} for id_, row in found.items()}

    @contextmanager
    def served(self) -> Iterator[Server]:
        """Serve the recipe during the block, on the same port each time, and end without a word."""
        with Server(self.folder / "home", *SERVE, database_url=self.url, port=self.port) as server:
            server.wait_until_it_serves()
            self.port = str(urlsplit(server.address).port)
            yield server

    @contextmanager
    def following(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the recipe during the block, then kill it."""
        place = {"SERVER": f"http://127.0.0.1:{self.port}", "KEY": self.key, "COPY": str(self.file)}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.command, cwd=HERE, env={**os.environ, **place}, stdout=log, stderr=log)
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


def make_account(server: Server, url: str) -> str:
    """Return the key of an ADMIN of a new account with an agent."""
    command = ("key", "create", "--account", f"b{uuid4().hex[:12]}", "--role", "ADMIN", "--quiet")
    made = run_command(server.home, *command, database_url=url)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    agent = {"idn": "host", "name": "Host", "timeZone": "America/New_York", "unitName": "guests", "unitValue": "65"}
    assert server.ask(key, CREATE_AGENT, input=agent) == {"createAgent": {"errors": []}}
    return key


def command_of(name: str, request: pytest.FixtureRequest) -> Sequence[str | Path]:
    """Return the command of a recipe. Skips the test if its client is not installed."""
    if name.endswith(".py"):
        return [request.getfixturevalue("python_of_gql"), FOLDER / name]
    request.getfixturevalue("node_modules")
    return ["node", FOLDER / name]


@pytest.mark.parametrize("name", ["graphql_ws.mjs", "graphql_sse.mjs", "apollo.mjs", "urql.mjs", "with_gql.py"])
async def test_a_copy_is_complete_after_every_restart(
    site: Site, request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    partner = Partner(command_of(name, request), site.server, site.database_url, tmp_path)
    partner.record(range(5))
    with ExitStack() as stack:
        with partner.served() as server:
            process = stack.enter_context(partner.following())
            partner.wait_until_complete(process)
            partner.edit("While it follows", channels=["VOICE"])
            partner.wait_until_complete(process)
            server.kill()

        partner.record(range(5, 8))
        partner.edit("While the server was away", search="Guest 06")
        with partner.served() as server:
            partner.wait_until_complete(process)
            partner.edit("Back again", search="Guest 00")
            partner.wait_until_complete(process)

            stack.close()
            partner.edit("While nobody followed", search="Guest 03")
            with partner.following() as process:
                partner.wait_until_complete(process)
            assert server.stop() == 0


@pytest.mark.parametrize("name", ["graphql_ws.mjs", "with_gql.py"])
async def test_a_copy_recovers_when_the_server_has_lost_changes(
    server_url: str, request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    command = command_of(name, request)
    async with empty_database(server_url) as url:
        with Server(tmp_path / "other", *SERVE, database_url=url) as other, ExitStack() as stack:
            partner = Partner(command, other.wait_until_it_serves(), url, tmp_path)
            partner.record(range(5))
            with partner.served() as server:
                process = stack.enter_context(partner.following())
                partner.wait_until_complete(process)
                before = await next_transaction(url)
                partner.edit("Lost", search="Guest 01")
                partner.record(range(5, 7))
                partner.wait_until_complete(process)
                assert len(partner.copied()) == 7
                server.kill()

            await lose(url, before)
            with partner.served():
                partner.wait_until_complete(process)
                partner.edit("After the loss", search="Guest 02")
                partner.wait_until_complete(process)

            assert len(partner.copied()) == 5
            assert "Lost" not in {row["comment"] for row in partner.copied().values()}


async def next_transaction(url: str) -> int:
    """Return the number of the next transaction."""
    connection = await asyncpg.connect(url)
    try:
        number: int = await connection.fetchval("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        return number
    finally:
        await connection.close()


async def lose(url: str, xid: int) -> None:
    """Undo what was written from this transaction number on, as if another server had taken over without it."""
    recorded = f"(select e.session_id from session_event e where e.xid >= '{xid}' and e.kind = 'RECORDED')"
    statements = [
        *(f"delete from {table} where session_id in {recorded}" for table in ("transcript", "session_change")),
        f"delete from session where id in {recorded}",
        "update session set version = version - 1, comment = '' where comment = 'Lost'",
        f"delete from session_event where xid >= '{xid}'",
        f"update event_history set identity = 'the server that is lost', settled = '{xid}'",
    ]
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def test_the_guide_shows_the_recipes_that_run_here() -> None:
    guide = recipes.GUIDE.read_text("utf-8")

    assert guide == recipes.rewrite(guide), "run `python -m tools.recipes`"
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(
        re.findall(r"<!-- recipe: (.+) -->", guide)
    )
