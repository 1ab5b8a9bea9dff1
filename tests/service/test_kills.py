"""Server and database killed (SIGKILL) during writes: what was acknowledged is there, and nothing is half there."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from service.conftest import read_keys
from session_graph.store.embedded.server import start_embedded
from support.processes import Server, kill_database
from support.records import BISTRO, MONDAY_IN_HOURS, PARTY_OF_FOUR

# A client that is cancelled while it connects to a dying server can leave its socket to the garbage collector.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]

CREATE_AGENT = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { code } } }"
RECORD = """
mutation ($input: RecordSessionsInput!) {
  recordSessions(input: $input) { results { sessionId status } errors { code } }
}
"""
OVERRIDE = """
mutation ($input: OverrideAssessmentInput!) {
  overrideAssessment(input: $input) { session { id version humanAssessment comment } errors { code } }
}
"""
BATCH = 20
WRITERS = 3
TRANSCRIPT = [{"speaker": "USER", "text": "A table for four?"}, {"speaker": "AGENT", "text": "Gladly."}]


@dataclass
class Load:
    """Writers that record and override over HTTP, and what was acknowledged to them."""

    server: Server
    key: str
    sent: list[list[str]] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    overridden: list[tuple[str, int, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    async def run(self) -> None:
        """Write until cancelled; what fails is not acknowledged and not tried again."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with (
            httpx.AsyncClient(base_url=self.server.address, headers=headers, timeout=10) as client,
            asyncio.TaskGroup() as writers,
        ):
            for _ in range(WRITERS):
                writers.create_task(self._record(client))
                writers.create_task(self._override(client))

    async def _record(self, client: httpx.AsyncClient) -> None:
        while True:
            batch = [str(uuid4()) for _ in range(BATCH)]
            self.sent.append(batch)
            whole = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS, "transcript": TRANSCRIPT}
            done = await self._ask(client, RECORD, {"records": [{**whole, "id": id_} for id_ in batch]})
            if done:
                self.recorded += [result["sessionId"] for result in done["recordSessions"]["results"]]

    async def _override(self, client: httpx.AsyncClient) -> None:
        while True:
            if not self.recorded:
                await asyncio.sleep(0.01)
                continue
            session_id, comment = random.choice(self.recorded), f"comment {next(self.numbers)}"
            verdict = random.choice(["YES_A", "YES_B", "NO", None])
            given = {"sessionId": session_id, "humanAssessment": verdict, "comment": comment}
            if done := await self._ask(client, OVERRIDE, given):
                session = done["overrideAssessment"]["session"]
                assert session["comment"] == comment
                self.overridden.append((session_id, session["version"], comment))

    async def _ask(self, client: httpx.AsyncClient, query: str, given: object) -> dict[str, Any] | None:
        try:
            response = await client.post("/graphql", json={"query": query, "variables": {"input": given}})
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            return None
        body: dict[str, Any] = response.json()
        if "errors" in body:
            await asyncio.sleep(0.05)
            return None
        assert all(payload["errors"] == [] for payload in body["data"].values())
        data: dict[str, Any] = body["data"]
        return data


async def begin(server: Server, key: str) -> Load:
    """Create the agent and return a load that has not started."""
    made = await asyncio.to_thread(server.ask, key, CREATE_AGENT, input=BISTRO)
    assert made == {"createAgent": {"errors": []}}
    return Load(server, key)


@asynccontextmanager
async def writing(load: Load) -> AsyncIterator[None]:
    """Run the load while the block runs."""
    running = asyncio.create_task(load.run())
    yield
    running.cancel()
    await asyncio.wait([running])
    gc.collect()  # here, where a warning is ignored
    assert running.cancelled(), running.exception()


async def until(load: Load, more: int) -> None:
    """Wait until `more` more batches have been recorded and sessions overridden."""
    target = (len(load.recorded) + more * BATCH, len(load.overridden) + more)
    async with asyncio.timeout(20):
        while len(load.recorded) < target[0] or len(load.overridden) < target[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def check(load: Load, url: str) -> None:
    """Check by SQL that what was acknowledged is there, that batches are whole, and that changes have their history."""
    connection = await asyncpg.connect(url)
    try:
        sessions = await connection.fetch(
            "select s.id, s.version, s.comment, s.human_assessment, t.turns is not null as spoken from session s"
            " left join transcript t on t.account_id = s.account_id and t.session_id = s.id"
            " where s.agent_id = (select a.id from agent a where a.idn = 'bistro')"
        )
        changes = await connection.fetch(
            "select h.session_id, h.version, h.field, h.before, h.after from session_change h"
            " order by h.session_id, h.version"
        )
    finally:
        await connection.close()
    check_records(load, sessions)
    check_history(load, sessions, changes)


def check_records(load: Load, sessions: list[asyncpg.Record]) -> None:
    there = {str(row["id"]) for row in sessions}
    assert set(load.recorded) <= there
    assert all(row["spoken"] for row in sessions)
    assert {len(there.intersection(batch)) for batch in load.sent} <= {0, BATCH}
    assert len(there) == len(sessions)


def check_history(load: Load, sessions: list[asyncpg.Record], changes: list[asyncpg.Record]) -> None:
    versions: dict[UUID, set[int]] = {}
    values: dict[tuple[UUID, str], str | None] = {}
    comments: dict[tuple[str, int], str | None] = {}
    for change in changes:
        versions.setdefault(change["session_id"], {1}).add(change["version"])
        assert values.get((change["session_id"], change["field"])) == change["before"]
        values[change["session_id"], change["field"]] = change["after"]
        if change["field"] == "comment":
            comments[str(change["session_id"]), change["version"]] = change["after"]
    assert load.overridden
    for session_id, version, comment in load.overridden:
        assert comments[session_id, version] == comment
    for row in sessions:
        assert versions.get(row["id"], {1}) == set(range(1, row["version"] + 1))
        assert values.get((row["id"], "comment")) == row["comment"]
        assert values.get((row["id"], "humanAssessment")) == row["human_assessment"]
    assert versions.keys() <= {row["id"] for row in sessions}


async def test_killing_the_server_under_load_loses_nothing_that_was_acknowledged(home: Path) -> None:
    key = read_keys(home)["ADMIN"]
    load: Load | None = None

    for _ in range(2):
        with Server(home, "demo") as server:
            await asyncio.to_thread(server.wait_until_it_serves)
            load = load or await begin(server, key)
            load.server = server
            with start_embedded(home) as attached:
                assert not attached.is_owner
                if load.sent:
                    await check(load, attached.url)
            async with writing(load):
                await until(load, more=10)
                server.kill()
    assert load
    with Server(home, "demo") as server:
        await asyncio.to_thread(server.wait_until_it_serves)
        with start_embedded(home) as attached:
            await check(load, attached.url)
        assert server.ask(key, "{ sessions { totalCount } }")["sessions"]["totalCount"] > len(load.recorded)


async def test_killing_the_database_under_load_is_overcome_within_seconds(home: Path) -> None:
    key = read_keys(home)["ADMIN"]

    with Server(home, "demo") as server:
        await asyncio.to_thread(server.wait_until_it_serves)
        load = await begin(server, key)
        async with writing(load):
            for _ in range(2):
                await until(load, more=10)
                kill_database(home)
                await asyncio.sleep(0.1)
            await until(load, more=10)

        assert server.ask(key, "{ sessions { totalCount } }")["sessions"]["totalCount"] > len(load.recorded)
        with start_embedded(home) as attached:
            assert not attached.is_owner
            await check(load, attached.url)
        assert server.stop() == 0
