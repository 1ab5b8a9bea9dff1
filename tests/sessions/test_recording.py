"""Recording: each session once, what cannot be taken keeps nothing else out, and a batch is one transaction."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextvars import Context
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.store.database import Connection, Database, Row
from session_graph.store.ids import new_id
from session_graph.store.models import Account
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, SUNDAY, make_agent
from support.statements import Statements

pytestmark = pytest.mark.anyio

RECORDED, DUPLICATE, REFUSED = Status.RECORDED, Status.DUPLICATE, Status.REFUSED


def party(**changes: Any) -> SessionRecord:
    return parse_record({**PARTY_OF_FOUR, **MONDAY_IN_HOURS, **changes})


async def record(database: Database, account: Account, *records: SessionRecord) -> list[Outcome]:
    return await record_sessions(database, account.id, records)


def statuses(outcomes: Sequence[Outcome]) -> list[Status]:
    return [outcome.status for outcome in outcomes]


async def read(database: Database, account: Account) -> list[Row]:
    return await database.fetch("select * from session s where s.account_id = $1 order by s.id", account.id)


async def count(database: Database, account: Account, table: str = "session") -> int:
    row = await database.fetchrow(f"select count(*) from {table} where account_id = $1", account.id)
    assert row is not None
    return int(row[0])


def new() -> str:
    return str(new_id())


async def test_a_record_is_kept_as_it_was_reported(database: Database, account: Account) -> None:
    await make_agent(account)
    told = {
        "id": new(),
        "channel": "SMS",
        "sessionType": "booking",
        "integration": "crm",
        "connector": "main",
        "externalId": "A-1",
        "contactName": "Ana",
        "email": "ana@example.com",
        "otherContact": "room 12",
        "summary": "A table",
        "actualResult": "booked",
        "expectedResult": "asked",
        "refused": True,
        "unavailable": True,
        "isTodo": True,
        "conversationQuality": 4,
        "autoAssessment": "YES_B",
        "utms": {"utm_source": "google"},
        "tags": ["vip", "late"],
    }

    await record(database, account, party(**told))

    (row,) = await read(database, account)
    assert (str(row["id"]), row["channel"], row["session_type"]) == (told["id"], "SMS", "booking")
    assert (row["integration"], row["connector"], row["external_id"]) == ("crm", "main", "A-1")
    assert (row["contact_name"], row["phone"], row["email"]) == ("Ana", "+14155550134", "ana@example.com")
    assert (row["other_contact"], row["summary"], row["units"]) == ("room 12", "A table", 4)
    assert (row["actual_result"], row["expected_result"], row["auto_assessment"]) == ("booked", "asked", "YES_B")
    assert (row["refused"], row["unavailable"], row["is_todo"]) == (True, True, True)
    assert (row["conversation_quality"], row["tags"], orjson.loads(row["utms"])) == (4, ["late", "vip"], told["utms"])
    assert (row["started_at"], row["duration_seconds"]) == (datetime(2026, 11, 16, 15, tzinfo=UTC), 120)
    assert (row["version"], row["is_done"], row["is_archived"], row["human_assessment"]) == (1, False, False, None)
    assert row["recorded_at"] == row["updated_at"]


async def test_the_same_again_is_a_duplicate_and_succeeds(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = new()
    await record(database, account, party(id=id_, units=4))
    before = await read(database, account)

    (again,) = await record(database, account, party(id=id_.upper(), units="4.00"))

    assert (again.status, str(again.id), again.problem) == (DUPLICATE, id_, None)
    assert await read(database, account) == before


async def test_other_content_under_the_same_id_is_refused_and_changes_nothing(
    database: Database, account: Account
) -> None:
    await make_agent(account)
    id_ = new()
    await record(database, account, party(id=id_))
    before = await read(database, account)

    (conflict,) = await record(database, account, party(id=id_, units=5))

    assert (conflict.status, str(conflict.id), conflict.is_conflict) == (REFUSED, id_, True)
    assert str(conflict.problem) == "id is already the id of a session with other content"
    assert await read(database, account) == before


async def test_a_batch_may_repeat_and_contradict_itself(database: Database, account: Account) -> None:
    await make_agent(account)
    id_ = new()

    outcomes = await record(
        database, account, party(id=id_), party(id=id_), party(id=id_, units=5), party(), party(id=new())
    )

    assert statuses(outcomes) == [RECORDED, DUPLICATE, REFUSED, RECORDED, RECORDED]
    assert await count(database, account) == 3


async def test_without_an_id_nothing_is_a_repeat(database: Database, account: Account) -> None:
    await make_agent(account)

    outcomes = await record(database, account, party(), party())

    assert statuses(outcomes) == [RECORDED, RECORDED]
    assert [outcome.id.version for outcome in outcomes if outcome.id] == [7, 7]


async def test_an_unknown_agent_keeps_out_its_own_records_alone(database: Database, account: Account) -> None:
    await make_agent(account)

    good, bad = await record(database, account, party(), party(agent="nobody", id=new()))

    assert statuses([good, bad]) == [RECORDED, REFUSED]
    assert str(bad.problem) == "agent is not the idn of an agent of this account"
    assert not bad.is_conflict
    assert await count(database, account) == 1


async def test_an_agent_of_another_account_is_unknown(database: Database, account: Account) -> None:
    other = await find_or_create_account(f"other-{account.idn}")
    await make_agent(other)

    (outcome,) = await record(database, account, party())

    assert outcome.status is REFUSED
    assert (await count(database, account), await count(database, other)) == (0, 0)


async def test_two_accounts_may_have_sessions_of_the_same_id(database: Database, account: Account) -> None:
    other = await find_or_create_account(f"other-{account.idn}")
    id_ = new()
    for owner in (account, other):
        await make_agent(owner)

    outcomes = [*await record(database, account, party(id=id_)), *await record(database, other, party(id=id_, units=9))]

    assert statuses(outcomes) == [RECORDED, RECORDED]
    assert [row["units"] for row in (*await read(database, account), *await read(database, other))] == [4, 9]


async def test_a_lead_value_beyond_the_limit_is_refused(database: Database, account: Account) -> None:
    await make_agent(account, unitValue="999999999999999")

    most, beyond = await record(database, account, party(units="1"), party(units="1.1"))

    assert statuses([most, beyond]) == [RECORDED, REFUSED]
    assert str(beyond.problem) == "units makes a lead value of 10^15 or more"


async def test_a_transcript_is_kept_in_order_and_only_where_there_is_one(database: Database, account: Account) -> None:
    await make_agent(account)
    turns = [
        {"speaker": "USER", "text": "Hello", "at": "2026-11-16T16:00:00+01:00"},
        {"speaker": "AGENT", "text": "  spaces, „quotes“ and\nlines 😀 "},
        {"speaker": "SYSTEM", "text": " "},
    ]

    with_turns, without = await record(database, account, party(transcript=turns), party())

    rows = await database.fetch("select * from transcript t where t.account_id = $1", account.id)
    assert [row["session_id"] for row in rows] == [with_turns.id]
    assert without.id != with_turns.id
    assert orjson.loads(rows[0]["turns"]) == [
        {"speaker": "USER", "text": "Hello", "at": "2026-11-16T15:00:00Z"},
        {"speaker": "AGENT", "text": "spaces, „quotes“ and\nlines 😀", "at": None},
    ]


async def test_texts_are_folded_for_searching_and_ordering(database: Database, account: Account) -> None:
    await make_agent(account)

    await record(
        database, account, party(contactName="María ÜNAL", sessionType="Bestellung", externalId="Ä-1", summary="Süß")
    )

    (row,) = await read(database, account)
    assert (row["contact_folded"], row["session_type_folded"]) == ("maria unal", "bestellung")
    assert (row["external_id_folded"], row["summary_folded"], row["comment_folded"]) == ("a-1", "suss", None)
    assert (row["contact_name"], row["external_id"]) == ("María ÜNAL", "Ä-1")


@pytest.mark.parametrize(
    ("phone", "stored", "digits"),
    [
        ("+1 (415) 555-0134", "+14155550134", "14155550134"),
        ("415.555.0134", "+14155550134", "14155550134"),
        ("415/555 0134", "+14155550134", "14155550134"),
        ("٤١٥ ٥٥٥ ٠١٣٤", "+14155550134", "14155550134"),
        ("+44 20 7946 0018", "+442079460018", "442079460018 02079460018"),
        ("555-0134 ext. 7", "5550134;ext=7", "5550134"),
        ("unknown", None, None),
        (None, None, None),
    ],
)
async def test_phone_numbers_are_kept_in_one_spelling(
    database: Database, account: Account, phone: str | None, stored: str | None, digits: str | None
) -> None:
    await make_agent(account)

    await record(database, account, party(phone=phone))

    (row,) = await read(database, account)
    assert (row["phone"], row["phone_search"]) == (stored, digits)


async def test_a_test_contact_is_recognised_in_any_spelling(database: Database, account: Account) -> None:
    await make_agent(account, testContacts=["+1 (415) 555-0134", "QA@Example.com"])

    await record(
        database,
        account,
        party(phone="+1-415-555-0134"),
        party(phone=None, email="qa@example.COM"),
        party(phone="+14155550135"),
    )

    assert sorted(row["is_test"] for row in await read(database, account)) == [False, True, True]


@pytest.mark.parametrize("where", [SUNDAY, MONDAY_IN_HOURS])
async def test_what_is_decided_at_close_is_kept(database: Database, account: Account, where: Mapping[str, str]) -> None:
    await make_agent(account)

    await record(database, account, party(**where))

    (row,) = await read(database, account)
    in_hours = where is MONDAY_IN_HOURS
    assert (row["working_hours"], float(row["recognition"])) == (in_hours, 0.3 if in_hours else 1)
    assert (row["is_lead"], row["is_opportunity"], row["session_length"]) == (True, True, "REGULAR")
    assert (row["potential_value"], float(row["conversion_rate"]), row["money_scale"]) == (260, 0.9, 2)


async def test_nothing_of_a_batch_is_there_where_its_connection_is_lost(database: Database, account: Account) -> None:
    """Its sessions are written and its transcripts wait when the server's process is ended."""
    await make_agent(account)
    async with database.transaction() as holder:
        await holder.execute("lock table transcript in access exclusive mode")
        recording = apart(record(database, account, party(transcript=[{"speaker": "USER", "text": "x"}])))
        await database.fetch("select pg_terminate_backend($1)", await who_waits_for(holder, database))
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await recording

    assert (await count(database, account), await count(database, account, "transcript")) == (0, 0)


async def who_waits_for(holder: Connection, database: Database) -> int:
    """The process that waits for a lock of this connection."""
    pid = await holder.fetchval("select pg_backend_pid()")
    async with asyncio.timeout(10):
        while True:
            sql = "select a.pid from pg_stat_activity a where $1 = any(pg_blocking_pids(a.pid))"
            if row := await database.fetchrow(sql, pid):
                return int(row["pid"])
            await asyncio.sleep(0.01)


async def test_no_records_are_no_work(database: Database, account: Account) -> None:
    assert await record(database, account) == []


async def test_the_statements_of_a_batch_do_not_depend_on_its_size(
    database: Database, account: Account, statements: Statements
) -> None:
    await make_agent(account)
    await record(database, account, party())  # stores the agent's terms
    await statements.restart()
    await record(database, account, party(id=new(), transcript=[{"speaker": "USER", "text": "x"}]))
    one = len(statements)

    await statements.restart()
    await record(
        database, account, *[party(id=new(), transcript=[{"speaker": "USER", "text": "x"}]) for _ in range(100)]
    )

    assert len(statements) == one


async def test_many_who_record_the_same_at_once_record_it_once(database: Database, account: Account) -> None:
    await make_agent(account)
    ids = [new() for _ in range(20)]
    batches = [[party(id=id_) for id_ in order] for order in (ids, ids[::-1], ids, ids[10:] + ids[:10])]

    outcomes = await asyncio.gather(*(apart(record(database, account, *batch)) for batch in batches))

    found = [status for outcome in outcomes for status in statuses(outcome)]
    assert (found.count(RECORDED), found.count(DUPLICATE)) == (20, 60)
    assert await count(database, account) == 20


def apart(work: Coroutine[Any, Any, list[Outcome]]) -> asyncio.Task[list[Outcome]]:
    """As a request of its own does it, outside of the transaction around."""
    return asyncio.get_running_loop().create_task(work, context=Context())


async def test_the_longest_texts_of_the_widest_characters_fit_into_every_index(
    database: Database, account: Account
) -> None:
    """Of four bytes each and without any repetition: an index takes 2,704 bytes."""
    await make_agent(account)
    random = Random(7)

    def widest(length: int) -> str:
        return "".join(chr(random.randrange(0x20000, 0x2A6DF)) for _ in range(length))

    long = {name: widest(200) for name in ("sessionType", "integration", "connector", "contactName", "email")}
    (outcome,) = await record(database, account, party(**long, externalId=widest(500), summary=widest(10_000)))

    assert outcome.status is RECORDED


@pytest.mark.parametrize("id_", [UUID(int=0), UUID(int=2**128 - 1)])
async def test_any_uuid_is_an_id(database: Database, account: Account, id_: UUID) -> None:
    await make_agent(account)

    (outcome,) = await record(database, account, party(id=str(id_)))

    assert (outcome.status, outcome.id) == (RECORDED, id_)


async def test_new_terms_of_an_agent_cost_one_statement_once(
    database: Database, account: Account, statements: Statements
) -> None:
    await make_agent(account)
    counts = []
    for _ in range(2):
        await statements.restart()
        await record(database, account, party())
        counts.append(len(statements))

    assert counts[0] == counts[1] + 1
