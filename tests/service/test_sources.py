"""The commands `source` and `mapping`, `import --mapping`, and an inlet behind a server that is killed."""

import hmac
import re
from pathlib import Path
from subprocess import CompletedProcess
from time import time
from uuid import uuid4

import httpx
import orjson
import pytest

from support.payloads import FOLDER, body_of, payload_of
from support.processes import Server, comes_true, run_command

SECRET = "a secret of the tests"
ADDRESS = re.compile(r"https://calls\.example\.com/inlets/[A-Za-z0-9_-]{48}")
SETTINGS = {"public_url": "https://calls.example.com"}
OWN = """
source = "mine"
agent = {id = "who"}
[record]
sourceId = "id"
channel = "'CHAT'"
startedAt = "KEY"
durationSeconds = "`5`"
"""


class Commands:
    """Runs the commands for an account of its own."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home, self.database_url = home, database_url
        self.account = f"s{uuid4().hex[:12]}"
        assert self("account", self.account, "--create").returncode == 0

    def __call__(self, *arguments: str | Path) -> CompletedProcess[str]:
        return run_command(self.home, *arguments, database_url=self.database_url, **SETTINGS)

    def source(self, action: str, *arguments: str | Path) -> CompletedProcess[str]:
        return self("source", action, "--account", self.account, *arguments)

    def load(self, *arguments: str | Path) -> CompletedProcess[str]:
        return self("import", "--account", self.account, *arguments)


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Commands:
    return Commands(tmp_path / "home", database_url)


def sign(body: bytes) -> dict[str, str]:
    moment = str(int(time() * 1000))
    return {
        "x-retell-signature": f"v={moment},d={hmac.digest(SECRET.encode(), body + moment.encode(), 'sha256').hex()}"
    }


def test_a_source_is_created_listed_shown_and_deleted(run: Commands) -> None:
    created = run.source("create", "--name", "calls", "--mapping", "retell", "--secret", SECRET)
    again = run.source("create", "--name", "calls", "--mapping", "retell")
    listed, shown = run.source("list"), run.source("show", "--name", "calls")
    deleted = run.source("delete", "--name", "calls")
    gone = run.source("show", "--name", "calls")

    address = created.stdout.strip()
    assert ADDRESS.fullmatch(address)
    assert created.stderr == ""
    assert (again.returncode, again.stderr) == (1, "name calls is already the name of a source of this account\n")
    assert listed.stdout == f"calls  retell  secret  {address}\n"
    assert shown.stdout == f"{listed.stdout}0 waiting  0 recorded  0 ignored  0 failed\n"
    assert SECRET not in listed.stdout + shown.stdout
    assert (deleted.returncode, gone.stderr) == (0, "name calls is not the name of a source of this account\n")


def test_a_source_without_a_secret_says_who_may_deliver(run: Commands) -> None:
    created = run.source("create", "--name", "calls", "--mapping", "bland")

    assert "API key of a RECORDER or an ADMIN" in created.stderr


def test_a_secret_is_read_from_a_file_and_a_mapping_is_changed(run: Commands, tmp_path: Path) -> None:
    secret, mapping = tmp_path / "secret", tmp_path / "own.toml"
    secret.write_text(f"{SECRET}\n")
    mapping.write_text(OWN.replace("KEY", "start"))
    created = run.source("create", "--name", "calls", "--mapping", "vapi", "--secret-file", secret)

    useless = run.source("change", "--name", "calls", "--mapping", mapping)
    changed = run.source("change", "--name", "calls", "--mapping", "retell")

    assert useless.stderr == "secret is of no use: the mapping names no signature; an API key authenticates it\n"
    assert changed.stdout == f"calls  retell  secret  {created.stdout}"


def test_a_change_keeps_what_it_does_not_name(run: Commands, tmp_path: Path) -> None:
    agents = tmp_path / "agents.json"
    agents.write_text('{"*": "desk"}')
    run.source("create", "--name", "calls", "--mapping", "retell", "--secret", SECRET, "--agent-map", agents)

    rotated = run.source("change", "--name", "calls", "--secret", "another secret")
    empty = run.source("change", "--name", "calls")

    assert rotated.returncode == 0
    assert rotated.stdout.startswith("calls  retell  secret  ")
    assert empty.returncode == 1
    assert empty.stderr == "change needs --mapping, --agent-map, --unknown-agents, --secret or --secret-file\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mapping", "retell", "--secret", " "], "secret must not be blank"),
        (["--mapping", "openai-realtime", "--secret", "?"], "secret must be whsec_ and Base64"),
        (["--mapping", "nobody"], "nobody is neither a file nor one of bland, "),
        (["--mapping", "retell", "--agent-map", "no.json"], "no.json: No such file or directory"),
    ],
    ids=["blank", "no key", "no mapping", "no agent map"],
)
def test_what_cannot_be_a_source_is_refused_with_a_sentence(run: Commands, arguments: list[str], message: str) -> None:
    refused = run.source("create", "--name", "calls", *arguments)

    assert refused.returncode == 1
    assert refused.stderr.startswith(message)
    assert run.source("list").stdout == ""


def test_the_mappings_are_listed_printed_and_checked(run: Commands, tmp_path: Path) -> None:
    broken = tmp_path / "own.toml"
    broken.write_text(OWN.replace("KEY", "now()"))

    listed, printed, refused = run("mapping"), run("mapping", "retell"), run("mapping", broken)

    assert "retell" in listed.stdout.split()
    assert 'source = "retell"' in printed.stdout
    assert refused.stderr == f"{broken}: record.startedAt calls now(), which is not a function\n"


def test_payloads_are_imported_with_tallies_and_what_was_created(run: Commands, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    started = {"event": "call_started", "call": {"call_id": "x"}}
    events.write_bytes(b"\n".join(map(orjson.dumps, (started, payload_of("retell-ended.json"), {"event": 1}))))
    agents = tmp_path / "agents.json"
    agents.write_text('{"agent_test_bistro": "host"}')

    imported = run.load("--mapping", "retell", "--agent-map", agents, FOLDER / "retell-analysed.json", events)

    assert imported.returncode == 0, imported.stderr
    first, second = [line.rpartition(" in ")[0] for line in imported.stdout.splitlines()]
    assert first.endswith("retell-analysed.json: 1 new, 0 already there, 0 refused")
    assert second.endswith("events.jsonl: 0 new, 1 already there, 0 refused, 2 ignored")
    assert "created the agent host\n" in imported.stderr


def test_an_agent_map_without_a_mapping_is_refused(run: Commands, tmp_path: Path) -> None:
    refused = run.load("--agent-map", tmp_path / "agents.json", FOLDER / "vapi.json")

    assert (refused.returncode, refused.stderr) == (1, "--agent-map needs --mapping\n")


def test_what_was_delivered_survives_a_kill_and_a_failed_one_is_retried(
    run: Commands, database_url: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "own.toml"
    mapping.write_text(OWN.replace("KEY", "start"))
    path = run.source("create", "--name", "calls", "--mapping", "retell", "--secret", SECRET).stdout.strip()[25:]
    own = run.source("create", "--name", "own", "--mapping", mapping).stdout.strip()[25:]
    key = run("key", "create", "--account", run.account, "--role", "RECORDER", "--quiet").stdout.strip()
    body, home = body_of("retell-ended.json"), tmp_path / "server"
    with Server(home, "serve", "--no-worker", database_url=database_url).wait_until_it_serves() as server:
        signed = httpx.post(f"{server.address}{path}", content=body, headers=sign(body))
        keyed = httpx.post(
            f"{server.address}{own}",
            content=b'{"id": "1", "who": "host", "begin": "2026-11-03T10:00:00Z"}',
            headers={"Authorization": f"Bearer {key}"},
        )
        server.kill()

    waiting = run.source("show", "--name", "calls").stdout
    with Server(home, "worker", database_url=database_url).wait_until_it_prints("exports"):
        recorded = comes_true(lambda: "1 recorded" in run.source("show", "--name", "calls").stdout, 60)
        failed = comes_true(lambda: "1 failed" in run.source("show", "--name", "own").stdout, 60)
        shown = run.source("show", "--name", "own").stdout
        delivery = shown.splitlines()[2].split()[0]
        payload = run.source("payload", "--name", "own", delivery).stdout
        mapping.write_text(OWN.replace("KEY", "begin"))
        run.source("change", "--name", "own", "--mapping", mapping)
        retried = run.source("retry", "--name", "own", delivery).stdout
        mended = comes_true(lambda: "1 recorded" in run.source("show", "--name", "own").stdout, 60)

    assert (signed.status_code, keyed.status_code) == (200, 200)
    assert "1 waiting" in waiting
    assert (recorded, failed, retried, mended) == (True, True, "1 to be tried again\n", True)
    assert "    startedAt is required\n" in shown
    assert payload.startswith('{"id": "1"')
