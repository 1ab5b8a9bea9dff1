"""The whole service behind a pooler in transaction mode, with the one setting that it needs."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.databases import connected, empty_database
from support.poolers import pooling
from support.processes import Server, comes_true, run_command
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR

pytestmark = pytest.mark.anyio

POOLED = {"statement_cache_size": "0"}
SESSIONS = 40
CREATE_AGENT = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { code } } }"
RECORD = "mutation ($input: RecordSessionsInput!) { recordSessions(input: $input) { recordedCount errors { code } } }"
COMMENT = """
mutation ($input: OverrideAssessmentInput!) {
  overrideAssessment(input: $input) { session { id comment version } errors { code } }
}
"""
ONE = "query ($id: ID!) { session(id: $id) { id asr leadValue } }"
SOME = "query ($first: Int!) { sessions(first: $first) { totalCount nodes { id } } }"
TOTALS = "{ dashboard { totalSessionCount totalAsr groups(by: AGENT) { key } } }"
EXPORT = "mutation { requestSessionExport(input: {}) { export { id } errors { code } } }"
STATUS = "query ($id: ID!) { export(id: $id) { status rowCount } }"


@dataclass(frozen=True, slots=True)
class Pooled:
    """An empty database: its URL through a pooler and the direct one."""

    url: str
    direct_url: str


@pytest.fixture(scope="module")
async def pooled(
    server_url: str, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Pooled]:
    async with empty_database(server_url) as direct_url:
        with pooling(direct_url, tmp_path_factory.mktemp("pooler")) as url:
            yield Pooled(url, direct_url)


async def test_it_migrates_serves_and_exports_behind_a_pooler(pooled: Pooled, tmp_path: Path) -> None:
    ids = [str(uuid4()) for _ in range(SESSIONS)]
    settings: dict[str, Any] = {**POOLED, "database_url": pooled.url, "outbox": str(tmp_path / "outbox")}
    create = ("key", "create", "--account", "pooled", "--role", "ADMIN", "--email", "ana@example.com", "--quiet")

    with ThreadPoolExecutor() as pool:
        migrated = list(pool.map(lambda _: run_command(tmp_path, "migrate", **settings), range(3)))
    again = run_command(tmp_path, "migrate", **settings)
    key = run_command(tmp_path, *create, **settings).stdout.strip()
    with Server(tmp_path / "home", "serve", **settings) as server:
        server.wait_until_it_serves()
        assert server.ask(key, CREATE_AGENT, input=BISTRO) == {"createAgent": {"errors": []}}
        records = [{**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "id": id_} for id_ in ids]
        assert server.ask(key, RECORD, input={"records": records})["recordSessions"] == {
            "recordedCount": SESSIONS,
            "errors": [],
        }
        with ThreadPoolExecutor(12) as pool:
            assert (
                list(pool.map(lambda number: is_answered_right(server, key, ids, number), range(120))) == [True] * 120
            )
        export_id = server.ask(key, EXPORT)["requestSessionExport"]["export"]["id"]
        assert comes_true(lambda: server.ask(key, STATUS, id=export_id)["export"]["status"] == "DONE", 20)
        assert server.ask(key, STATUS, id=export_id)["export"]["rowCount"] == SESSIONS
        assert server.stop() == 0

    assert [done.stderr for done in (*migrated, again)] == [""] * 4
    assert again.stdout == "The schema is up to date.\n"
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 1


def is_answered_right(server: Server, key: str, ids: list[str], number: int) -> bool:
    """Return whether the answer belongs to this request and to no other."""
    id_, turn = ids[number % SESSIONS], number % 5
    if turn == 0:
        return bool(server.ask(key, ONE, id=id_)["session"]["id"] == id_)
    if turn == 1:
        found = server.ask(key, SOME, first=1 + number % 30)["sessions"]
        return (found["totalCount"], len(found["nodes"])) == (SESSIONS, 1 + number % 30)
    if turn == 2:
        return bool(server.ask(key, TOTALS)["dashboard"]["totalSessionCount"] == SESSIONS)
    if turn == 3:
        fields = {"sessionId": id_, "humanAssessment": "NO", "comment": f"comment {number}"}
        return bool(
            server.ask(key, COMMENT, input=fields)["overrideAssessment"]["session"]["comment"] == fields["comment"]
        )
    with suppress(httpx.TransportError):  # a client that does not wait for the answer
        httpx.post(
            f"{server.address}/graphql",
            json={"query": TOTALS},
            headers={"Authorization": f"Bearer {key}"},
            timeout=0.002 * (1 + number % 8),
        )
    return True


async def test_a_statement_that_takes_too_long_is_cancelled(pooled: Pooled, tmp_path: Path) -> None:
    """The pooler accepts no statement_timeout: the driver cancels."""
    settings: dict[str, Any] = {**POOLED, "database_url": pooled.url, "statement_timeout_ms": "500"}
    create = ("key", "create", "--account", "slow", "--role", "ADMIN", "--quiet")
    key = run_command(tmp_path, *create, **settings).stdout.strip()
    with Server(tmp_path / "home", "serve", "--no-worker", **settings) as server:
        server.wait_until_it_serves()
        async with connected(pooled.direct_url) as connection, connection.transaction():
            await connection.execute("lock table session")
            late = server.post(key, TOTALS)
        in_time = server.ask(key, TOTALS)
        assert server.stop() == 0

    assert (late.status_code, late.json()["errors"][0]["extensions"]["code"]) == (200, "TIMEOUT")
    assert in_time["dashboard"]["totalSessionCount"] == 0
