"""A standby takes over: with both hosts in the address, the service goes on within seconds."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from session_graph.errors import StoreError
from support.clusters import Cluster, new_cluster
from support.databases import connected
from support.processes import Server, comes_true, run_command
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR

CREATE = ("key", "create", "--account", "failover", "--role", "ADMIN", "--email", "ana@example.com", "--quiet")
CREATE_AGENT = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { code } } }"
RECORD = "mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) { recordedCount errors { code } } }"
COUNT = "{ sessions(first: 1) { totalCount } }"
LISTENERS = "select count(*) from pg_stat_activity where application_name = 'session_graph listener'"
MOST_SECONDS = 10.0
"""From the promotion until changes are stored again; a second or two where the machine is not busy."""


POSITION = "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end"
"""How far a server has written the log, or replayed that of its primary."""


@pytest.fixture
def nodes() -> Iterator[tuple[Cluster, Cluster]]:
    try:
        with new_cluster(listens=True) as primary, primary.standby() as standby:
            yield primary, standby
    except StoreError as error:
        pytest.skip(error.message)


def url_of(*nodes: Cluster) -> str:
    """Return the address of whichever of them takes changes."""
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"


def ask(node: Cluster, sql: str) -> str:
    """Return the one value of a statement."""
    return asyncio.run(_ask(node.url, sql))


async def _ask(url: str, sql: str) -> str:
    async with connected(url) as connection:
        return str(await connection.fetchval(sql))


def record(server: Server, key: str) -> bool:
    """Record a session and return whether that succeeded; any failure must say that it may be tried again."""
    session = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "id": str(uuid4())}
    response = server.post(key, RECORD, {"input": {"records": [session]}})
    codes = {error["extensions"]["code"] for error in response.json().get("errors", [])}
    assert codes <= {"UNAVAILABLE", "TIMEOUT"}, response.text
    return not codes


def test_after_a_failover_changes_are_stored_again_within_seconds(
    nodes: tuple[Cluster, Cluster], tmp_path: Path
) -> None:
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
        assert comes_true(lambda: ask(standby, LISTENERS) == "1", MOST_SECONDS)
        assert "Traceback" not in server.errors
        assert server.stop() == 0


def test_a_standby_alone_is_ready_to_read_and_says_that_it_stores_nothing(
    nodes: tuple[Cluster, Cluster], tmp_path: Path
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


def is_behind(primary: Cluster, standby: Cluster) -> bool:
    """Return whether the standby lacks what the primary has stored."""
    return ask(primary, POSITION) != ask(standby, POSITION)
