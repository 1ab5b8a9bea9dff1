"""A real server for the clients of others, an account of its own for each client, and the scripts that use them.

Each script runs once, prints what it found as JSON, and is also an example of how to use its client. `make clients`
installs the clients; tests whose client is not installed are skipped.
"""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.browsers import serve_files
from support.databases import empty_database
from support.processes import Server, run_command

HERE = Path(__file__).parent
SESSIONS = 25
SECONDS = 120
"""The longest run of a script."""

CREATE_AGENT = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { message } } }"
RECORD = "mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) { recordedCount } }"

UNKNOWN_FIELD = "Cannot query field 'weather' on type 'Viewer'."
EXPLICIT_NULL = "filter.isTest must not be null; leave the field out for no condition"
WRONG_KEY = "A valid API key or token is needed, as `Authorization: Bearer …`."

Report = dict[str, Any]
"""What a script printed."""


@dataclass(frozen=True, slots=True)
class Site:
    """A server with a database of its own, and a frontend of another origin that the server allows."""

    server: Server
    database_url: str
    origin: str
    frontend_folder: Path


@dataclass(frozen=True, slots=True)
class Business:
    """An account with one agent and SESSIONS sessions, and the key of an ADMIN."""

    site: Site
    key: str

    def run(self, *command: str | Path) -> str:
        """Run a command with the server and the key in its environment, and return what it printed."""
        return run(*command, env={**os.environ, "SERVER": self.site.server.address, "KEY": self.key})

    def report(self, *command: str | Path) -> Report:
        report: Report = json.loads(self.run(*command))
        return report

    def let_browsers_send(self, report: Report) -> None:
        """Assert that a page of another origin may send requests with the headers that the script has noted."""
        names = sorted({name.lower() for request in report["requests"] for name in request["headers"]})
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ",".join(names)}
        answer = httpx.options(f"{self.site.server.address}/graphql", headers={"Origin": self.site.origin, **asked})
        assert answer.status_code == 200, answer.text
        assert "authorization" in names
        assert set(names) <= set(answer.headers["access-control-allow-headers"].split(", "))


def run(*command: str | Path, cwd: Path = HERE, env: dict[str, str] | None = None) -> str:
    """Run a command and return what it printed. Fails the test if it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def errors_of(payload: Report) -> list[tuple[str, list[str]]]:
    """Return code and path of each error in the payload of a mutation."""
    return [(error["code"], error["path"]) for error in payload["errors"]]


@pytest.fixture(scope="package")
async def site(server_url: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("clients")
    frontend = folder / "frontend"
    frontend.mkdir()
    async with empty_database(server_url) as url:
        with (
            serve_files(frontend) as origin,
            Server(folder / "home", "serve", "--no-worker", database_url=url, cors_origins=origin) as server,
        ):
            yield Site(server.wait_until_it_serves(), url, origin, frontend)
            assert server.stop() == 0


@pytest.fixture(scope="module")
def business(site: Site) -> Business:
    """Return an account of the module's own, filled through the public API."""
    command = ("key", "create", "--account", f"b{uuid4().hex[:12]}", "--role", "ADMIN", "--quiet")
    made = run_command(site.server.home, *command, database_url=site.database_url)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    agent = {"idn": "host", "name": "Host", "timeZone": "America/New_York", "unitName": "guests", "unitValue": "65"}
    assert site.server.ask(key, CREATE_AGENT, input=agent) == {"createAgent": {"errors": []}}
    records = [make_record(number) for number in range(SESSIONS)]
    assert site.server.ask(key, RECORD, input={"records": records}) == {"recordSessions": {"recordedCount": SESSIONS}}
    return Business(site, key)


def make_record(number: int) -> dict[str, Any]:
    start = datetime(2026, 11, 2, 12, tzinfo=UTC) + timedelta(hours=number)
    return {
        "agent": "host",
        "channel": "VOICE",
        "startedAt": start.isoformat(),
        "endedAt": (start + timedelta(minutes=3)).isoformat(),
        "contactName": f"Guest {number:02}",
        "phone": f"+1415555{number:04}",
        "intentToBuy": True,
        "units": "4",
        "autoAssessment": "YES_A",
    }


@pytest.fixture(scope="package")
def node_modules() -> Path:
    """Return the folder of the packages from npm. Skips the test if they are not installed."""
    return require_installed(HERE / "node_modules", HERE / "package.json")


@pytest.fixture(scope="package")
def python_of_gql() -> Path:
    return require_installed(HERE / ".venv" / "gql", HERE / "python" / "gql.txt") / "bin" / "python"


@pytest.fixture(scope="package")
def python_of_ariadne_codegen() -> Path:
    folder = require_installed(HERE / ".venv" / "ariadne-codegen", HERE / "python" / "ariadne-codegen.txt")
    return folder / "bin" / "python"


def require_installed(folder: Path, wanted: Path) -> Path:
    """Return the folder. Skips the test unless `install` has put there what the file lists."""
    installed = folder / ".installed"
    if not installed.is_file() or installed.read_text() != wanted.read_text():
        pytest.skip(f"needs what {wanted.relative_to(HERE.parents[1])} lists: make clients")
    return folder
