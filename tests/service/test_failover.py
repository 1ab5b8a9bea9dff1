"""A standby takes over: with both hosts in the address, the service goes on within seconds."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from support.processes import Server, comes_true, run_command
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR
from support.replicas import Node, replicated, url_of

CREATE = ("key", "create", "--account", "failover", "--role", "ADMIN", "--email", "ana@example.com", "--quiet")
CREATE_AGENT = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { code } } }"
RECORD = "mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) { recordedCount errors { code } } }"
COUNT = "{ sessions(first: 1) { totalCount } }"
LISTENERS = "select count(*) from pg_stat_activity where application_name = 'session_graph listener'"
MOST_SECONDS = 10.0
"""From the promotion until changes are stored again; a second or two where the machine is not busy."""


@pytest.fixture
def nodes() -> Iterator[tuple[Node, Node]]:
    with replicated() as found:
        yield found


def record(server: Server, key: str) -> bool:
    """Record a session and return whether that succeeded; any failure must say that it may be tried again."""
    session = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "id": str(uuid4())}
    response = server.post(key, RECORD, {"input": {"records": [session]}})
    codes = {error["extensions"]["code"] for error in response.json().get("errors", [])}
    assert codes <= {"UNAVAILABLE", "TIMEOUT"}, response.text
    return not codes


def test_after_a_failover_changes_are_stored_again_within_seconds(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    primary, standby = nodes
    settings = {"database_url": url_of(standby, primary), "statement_timeout_ms": "3000"}
    migrated = run_command(tmp_path, "migrate", **settings)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    key = run_command(tmp_path, *CREATE, **settings).stdout.strip()

    with Server(tmp_path / "home", "serve", **settings) as server:
        server.wait_until_it_serves()
        server.ask(key, CREATE_AGENT, input=BISTRO)
        assert record(server, key)
        assert comes_true(lambda: not is_behind(primary, standby), 20)

        primary.kill()
        assert not record(server, key)
        assert httpx.get(f"{server.address}/readyz", timeout=5).status_code == 503
        standby.promote()
        began = time.monotonic()
        assert comes_true(lambda: record(server, key), MOST_SECONDS), server.errors

        assert time.monotonic() - began < MOST_SECONDS
        assert server.ask(key, COUNT)["sessions"]["totalCount"] >= 2
        assert comes_true(lambda: is_writable(server), MOST_SECONDS)
        assert comes_true(lambda: standby.ask(LISTENERS) == "1", MOST_SECONDS)
        assert "Traceback" not in server.errors
        assert server.stop() == 0


def test_a_standby_alone_is_ready_to_read_and_says_that_it_stores_nothing(
    nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    primary, standby = nodes
    url = url_of(primary)
    assert run_command(tmp_path, "migrate", database_url=url).returncode == 0
    key = run_command(tmp_path, *CREATE, database_url=url).stdout.strip()
    assert comes_true(lambda: not is_behind(primary, standby), 20)
    read_only = url_of(standby).replace("read-write", "any")
    settings = {"database_url": read_only, "migrate_on_start": "false"}
    with Server(tmp_path / "home", "serve", "--no-worker", **settings) as server:
        server.wait_until_it_serves()
        assert server.ask(key, COUNT) == {"sessions": {"totalCount": 0}}
        response = httpx.get(f"{server.address}/readyz", timeout=5)
        assert (response.status_code, response.json()["writable"]) == (200, False)
        assert "standby" in response.json()["reason"]
        refused = server.post(key, CREATE_AGENT, {"input": BISTRO}).json()["errors"][0]["extensions"]
        assert refused["code"] == "UNAVAILABLE"
        assert refused["retryAfter"] > 0
        assert server.stop() == 0


def is_writable(server: Server) -> bool:
    return bool(httpx.get(f"{server.address}/readyz", timeout=5).json()["writable"])


def is_behind(primary: Node, standby: Node) -> bool:
    """Return whether the standby lacks what the primary has stored."""
    return primary.position() != standby.position()
