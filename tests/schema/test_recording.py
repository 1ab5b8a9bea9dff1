"""Recording closed sessions through GraphQL: each once, whatever is sent, repeated, refused or cut off."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import combinations, product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.demo import AGENTS, write_sessions
from session_graph.errors import Problem
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.importing import Tally, import_sessions
from session_graph.sessions.recording import Status
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Answer, Caller
from support.heartbeat import heartbeat
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, make_agent
from support.statements import Statements

pytestmark = pytest.mark.anyio

RECORD = """
mutation ($input: RecordSessionInput!) {
  recordSession(input: $input) { session { id version } errors { code message path } }
}
"""
WARNED = """mutation($input: RecordSessionsInput!) { recordSessions(input: $input) {
    results { warnings { code path } }
} }"""
RECORD_ALL = """
mutation ($input: RecordSessionsInput!) {
  recordSessions(input: $input) {
    recordedCount duplicateCount results { sessionId status } errors { code message path }
  }
}
"""
EDIT = """
mutation ($id: ID!, $patch: SessionPatch!) {
  updateSession(input: {sessionId: $id, patch: $patch}) { errors { code } }
}
"""
ID = "018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"
TURNS = [
    {"speaker": "USER", "text": "A table for four?", "at": "2026-11-16T15:00:00Z"},
    {"speaker": "AGENT", "text": "Gladly."},
]
WHOLE: dict[str, Any] = {
    **PARTY_OF_FOUR,
    **MONDAY_IN_HOURS,
    "id": ID,
    "email": "ana@example.com",
    "contactName": "Ana",
    "leadValue": "1200.5",
    "tags": ["patio", "vip"],
    "utms": {"utm_source": "maps"},
    "transcript": TURNS,
}


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that has nothing to do with the application's."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def ask(caller: MakeCaller, account: Account) -> Caller:
    """The runtime that holds the bistro's conversations."""
    await make_agent(account)
    return await caller(Role.RECORDER)


async def record_one(ask: Caller, given: Mapping[str, Any]) -> dict[str, Any]:
    answer = await ask(RECORD, input=given)
    payload: dict[str, Any] = answer.data["recordSession"]
    return payload


async def record_all(ask: Caller, given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    answer = await ask(RECORD_ALL, input={"records": given})
    payload: dict[str, Any] = answer.data["recordSessions"]
    return payload


def make_batch(size: int) -> list[dict[str, Any]]:
    return [{**WHOLE, "id": str(uuid4()), "externalId": f"crm-{i}"} for i in range(size)]


async def stored(elsewhere: asyncpg.Connection, account: Account) -> list[tuple[UUID, bool]]:
    """The ids of the account's sessions, and whether each has its transcript."""
    rows = await elsewhere.fetch(
        "select s.id, t.turns is not null as spoken from session s"
        " left join transcript t on t.account_id = s.account_id and t.session_id = s.id where s.account_id = $1",
        account.id,
    )
    return sorted((row["id"], row["spoken"]) for row in rows)


def all_once(batch: Sequence[Mapping[str, Any]]) -> list[tuple[UUID, bool]]:
    return sorted((UUID(record["id"]), True) for record in batch)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"units": "4.00"},
        {"leadValue": "1200.50"},
        {"leadValue": "+01200.5"},
        {"startedAt": "2026-11-16T10:00:00-05:00", "endedAt": "2026-11-16T15:02:00.000Z"},
        {"phone": "+1 (415) 555-0134"},
        {"email": " Ana@Example.COM"},
        {"contactName": "  Ana "},
        {"id": ID.upper()},
        {"tags": ["vip", "patio", "vip"]},
        {"externalId": None, "summary": None, "otherContact": " ", "connector": ""},
        {"isTest": False, "refused": False},
        {"isTest": None},
        {"transcript": [{**TURNS[0], "at": "2026-11-16T16:00:00+01:00"}, {**TURNS[1], "at": None}]},
    ],
    ids=str,
)
async def test_the_same_content_in_other_words_is_a_duplicate(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, other: dict[str, Any]
) -> None:
    first = await record_one(ask, WHOLE)

    again = await record_one(ask, {**WHOLE, **other})
    batch = await record_all(ask, [{**WHOLE, **other}])

    assert first == again == {"session": {"id": ID, "version": 1}, "errors": []}
    assert (batch["recordedCount"], batch["duplicateCount"], batch["errors"]) == (0, 1, [])
    assert batch["results"] == [{"sessionId": ID, "status": "DUPLICATE"}]
    assert await stored(elsewhere, account) == [(UUID(ID), True)]


@pytest.mark.parametrize(
    "other",
    [
        {"units": "4.01"},
        {"leadValue": None},
        {"startedAt": "2026-11-16T15:00:00.000001Z"},
        {"phone": "+14155550135"},
        {"contactName": "ana"},
        {"intentToBuy": False},
        {"isTest": True},
        {"tags": ["patio"]},
        {"utms": {"utm_source": "mail"}},
        {"agent": "nobody"},
        {"transcript": TURNS[:1]},
        {"transcript": TURNS[::-1]},
    ],
    ids=str,
)
async def test_the_same_id_with_other_content_is_a_conflict(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, other: dict[str, Any]
) -> None:
    await record_one(ask, WHOLE)
    before = await elsewhere.fetch("select * from session where account_id = $1", account.id)

    one = await record_one(ask, {**WHOLE, **other})
    batch = await record_all(ask, [{**WHOLE, **other}])

    assert one["session"] == {"id": ID, "version": 1}
    assert [(e["code"], e["path"]) for e in one["errors"]] == [("CONFLICT", ["input", "id"])]
    assert batch["results"] == [{"sessionId": ID, "status": "REFUSED"}]
    assert [(e["code"], e["path"]) for e in batch["errors"]] == [("CONFLICT", ["input", "records", "0", "id"])]
    assert await elsewhere.fetch("select * from session where account_id = $1", account.id) == before


async def test_later_edits_do_not_make_a_repeat_a_conflict(ask: Caller, caller: MakeCaller) -> None:
    await record_one(ask, WHOLE)
    owner = await caller(Role.ADMIN)
    patch = {"isLead": False, "externalId": "crm-7", "conversationQuality": 1, "addTags": ["called"], "isTest": True}
    assert (await owner(EDIT, id=ID, patch=patch)).data["updateSession"]["errors"] == []

    again = await record_one(ask, WHOLE)

    assert again == {"session": {"id": ID, "version": 2}, "errors": []}


async def test_without_an_id_nothing_is_a_repeat(ask: Caller, account: Account, elsewhere: asyncpg.Connection) -> None:
    nameless = {name: value for name, value in WHOLE.items() if name != "id"}

    batch = await record_all(ask, [nameless, nameless, {**nameless, "id": None}])

    assert (batch["recordedCount"], batch["duplicateCount"]) == (3, 0)
    assert len({result["sessionId"] for result in batch["results"]}) == 3
    assert len(await stored(elsewhere, account)) == 3


async def test_an_id_that_another_account_has_is_free(
    ask: Caller, caller: MakeCaller, account: Account, elsewhere: asyncpg.Connection
) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_agent(other)
    await record_one(await caller(Role.RECORDER, of=other), {**WHOLE, "contactName": "Theirs"})

    ours = await record_one(ask, WHOLE)

    assert ours == {"session": {"id": ID, "version": 1}, "errors": []}
    assert await stored(elsewhere, account) == await stored(elsewhere, other) == [(UUID(ID), True)]


BAD: list[tuple[dict[str, Any], list[str], str]] = [
    ({"agent": "nobody"}, ["agent"], "of this account"),
    ({"agent": " "}, ["agent"], "empty"),
    ({"endedAt": "2026-11-16T14:59:57Z"}, ["endedAt"], "before"),
    ({"endedAt": "2027-12-21T15:00:00Z"}, ["endedAt"], "366 days"),
    ({"conversationQuality": 0}, ["conversationQuality"], "at least 1"),
    ({"conversationQuality": 6}, ["conversationQuality"], "at most 5"),
    ({"startedAt": "1999-12-31T23:59:59Z"}, ["startedAt"], "from 2000"),
    ({"externalId": "x" * 501}, ["externalId"], "500"),
    ({"units": "-1"}, ["units"], "at least 0"),
    ({"units": "999999999999999"}, ["units"], "10^15"),
    ({"id": "42"}, ["id"], "UUID"),
]


@pytest.mark.parametrize(("bad", "path", "keyword"), BAD, ids=[f"{'.'.join(path)} {k}" for _, path, k in BAD])
async def test_a_bad_record_is_refused_with_its_place_and_nothing_is_written(
    ask: Caller,
    account: Account,
    elsewhere: asyncpg.Connection,
    bad: dict[str, Any],
    path: list[str],
    keyword: str,
) -> None:
    given = {**WHOLE, "leadValue": None, **bad}

    payload = await record_one(ask, given)

    assert payload["session"] is None
    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("INVALID", ["input", *path])]
    assert keyword in payload["errors"][0]["message"]
    assert await stored(elsewhere, account) == []


LOSSES: list[tuple[dict[str, Any], list[tuple[str, list[str]]]]] = [
    ({"tags": ["x" * 101]}, [("TEXT_CUT", ["tags", "0"])]),
    ({"tags": [f"tag {i}" for i in range(300)]}, [("LIST_CUT", ["tags"])]),
    ({"summary": "be\x07ep"}, [("TEXT_REPLACED", ["summary"])]),
    (
        {"transcript": [TURNS[0], {"speaker": "USER", "text": "\x1b[2J"}]},
        [("TEXT_REPLACED", ["transcript", "1", "text"])],
    ),
    ({"transcript": [TURNS[0], {"speaker": "USER", "text": ""}]}, [("TURN_SKIPPED", ["transcript", "1"])]),
    ({"transcript": [{"speaker": "USER", "text": "x" * 1_000_000}] * 10}, [("TEXT_CUT", ["transcript"])]),
    (
        {"transcript": [TURNS[0], {**TURNS[0], "at": "1960-01-01T00:00:00Z"}]},
        [("TIME_DROPPED", ["transcript", "1", "at"])],
    ),
    ({"endedAt": "2026-11-16T14:59:59Z"}, [("CLOCK_SKEW", ["endedAt"])]),
    ({"phone": "anonymous"}, [("CONTACT_WITHHELD", ["phone"])]),
    (
        {"phone": "anonymous", "email": "-"},
        [("CONTACT_WITHHELD", ["phone"]), ("CONTACT_WITHHELD", ["email"]), ("UNREACHABLE", [])],
    ),
    ({"phone": "at the bar"}, [("CONTACT_MOVED", ["phone"])]),
]


@pytest.mark.parametrize(("loss", "expected"), LOSSES, ids=[str(expected) for _, expected in LOSSES])
async def test_what_is_taken_with_a_loss_is_recorded_with_warnings(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, loss: dict[str, Any], expected: list[Any]
) -> None:
    given = {**WHOLE, **loss}
    query = """mutation($input: RecordSessionInput!) { recordSession(input: $input) {
        session { id } warnings { code path message } errors { message }
    } }"""

    payload = (await ask(query, input=given)).data["recordSession"]
    (again,) = (await ask(WARNED, input={"records": [{**given, "id": str(uuid4())}]})).data["recordSessions"]["results"]

    assert payload["errors"] == []
    assert [(warning["code"], warning["path"]) for warning in payload["warnings"]] == expected
    assert [(warning["code"], warning["path"]) for warning in again["warnings"]] == expected
    assert all(warning["message"] for warning in payload["warnings"])
    assert len(await stored(elsewhere, account)) == 2


async def test_everything_that_is_wrong_is_said_at_once(ask: Caller) -> None:
    payload = await record_one(ask, {**WHOLE, "conversationQuality": 6, "units": "-1", "externalId": "x" * 501})

    assert [e["path"][1:] for e in payload["errors"]] == [["externalId"], ["units"], ["conversationQuality"]]


async def test_a_batch_of_500_records_the_good_ones_and_reports_the_others_by_index(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection
) -> None:
    await record_one(ask, WHOLE)
    batch = make_batch(500)
    bad = {index * 20 + 3: change for index, (change, _, _) in enumerate(BAD)}
    for index, change in bad.items():
        batch[index] |= {"leadValue": None, **change}
    batch[490] = {**WHOLE, "contactName": "Somebody else"}
    batch[491] = WHOLE
    batch[492] = batch[0]
    batch[493] = {**batch[1], "contactName": "Somebody else"}
    refused = {*bad, 490, 493}

    payload = await record_all(ask, batch)

    statuses = [result["status"] for result in payload["results"]]
    ids = [result["sessionId"] for result in payload["results"]]
    assert ids == [None if record["id"] == "42" else record["id"] for record in batch]
    assert {i for i, status in enumerate(statuses) if status == "REFUSED"} == refused
    assert {i for i, status in enumerate(statuses) if status == "DUPLICATE"} == {491, 492}
    assert (payload["recordedCount"], payload["duplicateCount"]) == (498 - len(refused), 2)
    places = {(e["code"], tuple(e["path"][:4])) for e in payload["errors"]}
    expected = {("INVALID", ("input", "records", str(i), path[0])) for i, (_, path, _) in zip(bad, BAD, strict=True)}
    assert places == expected | {("CONFLICT", ("input", "records", str(i), "id")) for i in (490, 493)}
    good = [record for i, record in enumerate(batch) if i not in refused and i not in (491, 492)]
    assert await stored(elsewhere, account) == all_once([*good, WHOLE])


async def test_a_batch_of_501_is_over_the_limit(ask: Caller, account: Account, elsewhere: asyncpg.Connection) -> None:
    payload = await record_all(ask, make_batch(501))

    (error,) = payload.pop("errors")
    assert (error["code"], error["path"]) == ("LIMIT", ["input", "records"])
    assert "500" in error["message"]
    assert payload == {"recordedCount": 0, "duplicateCount": 0, "results": []}
    assert await stored(elsewhere, account) == []


async def test_an_empty_batch_is_done_at_once(ask: Caller) -> None:
    payload = await record_all(ask, [])

    assert payload == {"recordedCount": 0, "duplicateCount": 0, "results": [], "errors": []}


async def test_a_batch_costs_the_same_for_one_and_for_a_hundred(ask: Caller, statements: Statements) -> None:
    async def count(size: int) -> int:
        await statements.restart()
        assert (await record_all(ask, make_batch(size)))["recordedCount"] == size
        return sum("api_key" not in statement for statement in statements)

    await count(1)  # stores the agent's terms
    assert await count(1) == await count(100)


async def test_equal_batches_at_once_in_other_orders_record_every_session_once(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection
) -> None:
    batch = make_batch(300)
    orders = [batch, batch[::-1], *(random.sample(batch, 300) for _ in range(3))]

    async with asyncio.timeout(30):
        payloads = await asyncio.gather(*(record_all(ask, order) for order in orders))

    assert [payload["errors"] for payload in payloads] == [[]] * 5
    assert sorted(payload["recordedCount"] for payload in payloads) == [0, 0, 0, 0, 300]
    assert sorted(payload["duplicateCount"] for payload in payloads) == [0, 300, 300, 300, 300]
    assert await stored(elsewhere, account) == all_once(batch)


async def test_batches_at_once_that_share_sessions_with_each_other_are_all_recorded(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection
) -> None:
    pairs = list(combinations(range(16), 2))
    shared = dict(zip(pairs, make_batch(len(pairs)), strict=True))
    batches = [[record for pair, record in shared.items() if i in pair] for i in range(16)]

    async with asyncio.timeout(30):
        payloads = await asyncio.gather(*(record_all(ask, random.sample(batch, 15)) for batch in batches))

    assert [payload["errors"] for payload in payloads] == [[]] * 16
    assert sum(payload["recordedCount"] for payload in payloads) == len(pairs)
    assert sum(payload["duplicateCount"] for payload in payloads) == len(pairs)
    assert await stored(elsewhere, account) == all_once(list(shared.values()))


async def send_and_die(ask: Caller, batch: Sequence[object], statements: Statements, after: int, pause: float) -> None:
    """Send the batch and be gone so long after so many of its statements."""
    await statements.restart()
    sending: asyncio.Task[Answer] = asyncio.create_task(ask(RECORD_ALL, input=batch))
    while len(statements) < after and not sending.done():  # noqa: ASYNC110 - the driver writes them down
        await asyncio.sleep(0)
    await asyncio.sleep(pause)
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending


async def test_a_client_that_dies_in_the_middle_and_sends_again_has_every_session_once(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection, statements: Statements
) -> None:
    done: list[dict[str, Any]] = []

    async with asyncio.timeout(30):
        for after, pause in product((1, 2, 3, 4), (0, 0.001, 0.002, 0.004, 0.008)):
            batch = make_batch(100)
            await send_and_die(ask, batch, statements, after, pause)
            assert await stored(elsewhere, account) in (all_once(done), all_once([*done, *batch]))

            again = await record_all(ask, batch)

            assert (again["recordedCount"] + again["duplicateCount"], again["errors"]) == (100, [])
            done += batch
            assert await stored(elsewhere, account) == all_once(done)


async def make_demo_agents(account: Account) -> None:
    await create_missing_agents(account.id, [parse_agent(agent) for agent in AGENTS])


async def import_lines(database: Database, account: Account, path: Path, records: Sequence[object]) -> Tally:
    def refuse(number: int, problem: Problem) -> None:
        raise AssertionError(f"line {number}: {problem}")

    await asyncio.to_thread(path.write_bytes, b"\n".join(map(orjson.dumps, records)))
    return await import_sessions(database, account.id, path, refuse, lambda read: None)


async def test_what_was_imported_is_a_duplicate_of_the_same_record_by_mutation_and_the_other_way_round(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection, tmp_path: Path
) -> None:
    await make_demo_agents(account)
    records = list(write_sessions(datetime(2026, 11, 21, tzinfo=UTC)))[:200]

    first = await import_lines(database, account, tmp_path / "sessions.jsonl", records[:100])
    second = await record_all(ask, records)
    third = await import_lines(database, account, tmp_path / "sessions.jsonl", records)

    assert first.counts == {Status.RECORDED: 100}
    assert (second["recordedCount"], second["duplicateCount"], second["errors"]) == (100, 100, [])
    assert third.counts == {Status.DUPLICATE: 200}
    assert [id_ for id_, _ in await stored(elsewhere, account)] == sorted(UUID(str(r["id"])) for r in records)


async def test_an_import_and_a_mutation_make_the_same_of_a_record(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection, tmp_path: Path
) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_demo_agents(account)
    await make_demo_agents(other)
    records = list(write_sessions(datetime(2026, 11, 21, tzinfo=UTC)))[:100]

    await import_lines(database, other, tmp_path / "sessions.jsonl", records)
    await record_all(ask, records)

    async def rows(of: Account) -> list[dict[str, Any]]:
        found = await elsewhere.fetch(
            "select s.*, a.idn, t.turns from session s"
            " join agent a on a.account_id = s.account_id and a.id = s.agent_id"
            " left join transcript t on t.account_id = s.account_id and t.session_id = s.id"
            " where s.account_id = $1 order by s.id",
            of.id,
        )
        own = {"account_id", "agent_id", "terms_id", "recorded_at", "updated_at"}
        return [{name: value for name, value in row.items() if name not in own} for row in found]

    assert len(await rows(account)) == 100
    assert await rows(account) == await rows(other)


@pytest.mark.parametrize("role", [Role.BUILDER, Role.PORTAL, Role.PARTNER])
async def test_who_may_not_record_is_refused_and_nothing_is_written(
    caller: MakeCaller, account: Account, elsewhere: asyncpg.Connection, role: Role, statements: Statements
) -> None:
    await make_agent(account)
    ask = await caller(role)
    await statements.restart()

    one = await ask(
        "mutation ($input: RecordSessionInput!) { recordSession(input: $input) { errors { code } } }", input=WHOLE
    )
    many = await ask(RECORD_ALL, input={"records": [WHOLE]})

    assert (one.code, many.code) == ("FORBIDDEN", "FORBIDDEN")
    assert all("api_key" in statement for statement in statements)
    assert await stored(elsewhere, account) == []


async def test_nobody_waits_long_while_five_hundred_long_sessions_are_recorded(
    ask: Caller, account: Account, elsewhere: asyncpg.Connection
) -> None:
    turns = [{"speaker": "USER", "text": "x" * 600}] * 50
    batch = [{**record, "transcript": turns} for record in make_batch(500)]

    async with heartbeat() as gaps:
        payload = await record_all(ask, batch)

    assert payload["recordedCount"] == len(await stored(elsewhere, account)) == 500
    assert len(gaps) > 20
    assert max(gaps) < 0.25
