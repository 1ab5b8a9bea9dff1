"""Ids that follow from what a record says: the same record has the same id wherever and whenever it is read."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import orjson
import pytest

from session_graph.errors import Problem
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.identity import id_by_source, with_id
from session_graph.sessions.importing import Tally, import_sessions
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Status
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, make_agent

pytestmark = pytest.mark.anyio

ACCOUNT = UUID("018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61")
PARTY = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS}


def id_of(account_id: UUID = ACCOUNT, **changes: Any) -> UUID | None:
    return with_id(account_id, parse_record({**PARTY, **changes})).id


def test_the_id_of_a_source_is_one_that_anybody_can_reckon() -> None:
    assert id_by_source(ACCOUNT, "retell", "call_1") == uuid5(ACCOUNT, "retell\0call_1")
    assert id_by_source(ACCOUNT, "a", "bc") != id_by_source(ACCOUNT, "ab", "c")
    assert id_by_source(ACCOUNT, "retell", "call_1") != id_by_source(uuid4(), "retell", "call_1")


def test_the_id_of_a_content_is_the_same_for_the_same_content_of_the_same_account() -> None:
    assert id_of() == id_of(units="4.00", whenKnown="AMEND", asOf="2026-11-16T15:00:00Z")
    assert len({id_of(), id_of(units=5), id_of(uuid4())}) == 3


def test_an_id_or_a_source_that_is_there_names_the_record() -> None:
    assert id_of(id=str(ACCOUNT)) == ACCOUNT
    assert id_of(source="retell", sourceId="call_1") is None


class Files:
    """What importing files into an account comes to."""

    def __init__(self, database: Database, account: Account) -> None:
        self.database = database
        self.account = account
        self.problems: list[str] = []

    async def load(self, path: Path) -> Tally:
        def note(number: int, problem: Problem) -> None:
            self.problems.append(f"{number}: {problem}")

        return await import_sessions(self.database, self.account.id, path, note, lambda read: None)

    async def asr(self) -> str:
        row = await self.database.fetchrow(
            "select sum(s.asr)::text from session s where s.account_id = $1", self.account.id
        )
        assert row is not None
        return str(row[0])


@pytest.fixture
def files(database: Database, account: Account) -> Files:
    return Files(database, account)


async def make_agents(account: Account, content: bytes) -> None:
    await create_missing_agents(account.id, [parse_agent(agent) for agent in orjson.loads(content)])


async def test_a_file_without_ids_that_is_imported_twice_is_recorded_once(
    files: Files, account: Account, shared: Path
) -> None:
    await make_agents(account, (shared / "cases" / "agents-a.json").read_bytes())
    path = shared / "cases" / "a7-import-without-id.jsonl"

    assert (await files.load(path)).counts == {Status.RECORDED: 1}
    assert await files.asr() == "27.00"
    assert (await files.load(path)).counts == {Status.DUPLICATE: 1}
    assert await files.asr() == "27.00"


async def test_an_update_after_close_amends(files: Files, account: Account, shared: Path, tmp_path: Path) -> None:
    await make_agents(account, (shared / "cases" / "agents-b.json").read_bytes())
    lines = (shared / "cases" / "B1_update_after_close.jsonl").read_bytes().splitlines()
    first, second = (orjson.loads(line) for line in lines)
    path = tmp_path / "sessions.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, (first, {**second, "whenKnown": "AMEND"}))))

    assert (await files.load(path)).counts == {Status.RECORDED: 1, Status.AMENDED: 1}
    assert await files.asr() == "70.20"
    assert (await files.load(path)).counts == {Status.DUPLICATE: 2}
    assert files.problems == []


async def test_an_import_may_amend_what_does_not_say_otherwise(
    database: Database, account: Account, shared: Path
) -> None:
    await make_agents(account, (shared / "cases" / "agents-b.json").read_bytes())
    path = shared / "cases" / "B1_update_after_close.jsonl"

    def refuse(number: int, problem: Problem) -> None:
        raise AssertionError(f"{number}: {problem}")

    tally = await import_sessions(database, account.id, path, refuse, lambda read: None, amend=True)

    assert tally.counts == {Status.RECORDED: 1, Status.AMENDED: 1}


async def test_an_import_takes_what_people_and_the_past_had_decided(
    files: Files, account: Account, tmp_path: Path
) -> None:
    await make_agent(account)
    path = tmp_path / "sessions.jsonl"
    path.write_bytes(orjson.dumps({**PARTY, "humanAssessment": "YES_B", "conversionRate": "0.5", "recognition": "1"}))

    assert (await files.load(path)).counts == {Status.RECORDED: 1}
    assert await files.asr() == "130.00"
