"""Deliveries: stored once, recorded in any order, tried again, given up, shown with their problems, swept."""

import asyncio
import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.ingestion import deliveries, worker
from session_graph.ingestion.agents import UnknownAgents
from session_graph.ingestion.deliveries import MOST_ATTEMPTS, DeliverySweeper, Ending, Outcome
from session_graph.ingestion.mapping import load_mapping, parse_mapping
from session_graph.ingestion.sources import (
    SourceChange,
    SourceInput,
    change_source,
    create_source,
    delete_source,
    find_source,
)
from session_graph.ingestion.worker import process
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account, Agent
from support.inlets import (
    deliver,
    make_due,
    make_source,
    messages_of,
    outcomes_of,
    read_deliveries,
    work_off,
    working,
)
from support.payloads import payload_of
from support.records import make_agent
from support.reports import comes_true

pytestmark = pytest.mark.anyio

ENDED, ANALYSED = payload_of("retell-ended.json"), payload_of("retell-analysed.json")


@pytest.fixture(autouse=True)
async def nothing_waits(database: Database) -> None:
    """End what other tests have left: workers serve all accounts."""
    await database.execute("update inlet_delivery set outcome = 'IGNORED' where outcome = 'WAITING'")


async def sessions_of(database: Database, account: Account) -> list[Row]:
    sql = """
    select s.*, a.idn as agent_idn, t.turns
    from session s join agent a on a.account_id = s.account_id and a.id = s.agent_id
    left join transcript t on t.account_id = s.account_id and t.session_id = s.id
    where s.account_id = $1 order by s.source_id
    """
    return await database.fetch(sql, account.id)


async def test_a_delivery_becomes_a_session(database: Database, account: Account) -> None:
    source = await make_source(account)
    await deliver(database, source, ANALYSED)

    await work_off(database)

    [session] = await sessions_of(database, account)
    [delivery] = await read_deliveries(database, source)
    assert (session["source"], session["source_id"], session["summary"]) == (
        *("retell", "call_test_31"),
        "Ilse reserved for two.",
    )
    assert (delivery["outcome"], delivery["session_ids"]) == ("RECORDED", [session["id"]])
    assert orjson.loads(delivery["problems"]) == []


@pytest.mark.parametrize("payloads", [[ENDED, ANALYSED], [ANALYSED, ENDED]], ids=["in order", "analysed before ended"])
@pytest.mark.parametrize("together", [True, False])
async def test_the_events_of_a_call_make_the_same_session_in_any_order(
    database: Database, account: Account, payloads: list[object], together: bool
) -> None:
    source = await make_source(account)
    for payload in payloads:
        await deliver(database, source, payload)
        if not together:
            await work_off(database)
    await work_off(database)

    [session] = await sessions_of(database, account)
    assert (session["summary"], session["auto_assessment"]) == ("Ilse reserved for two.", "NO")
    assert orjson.loads(session["metadata"])["party"] == "2"
    assert len(orjson.loads(session["turns"])) == 2


async def test_the_end_of_a_transfer_takes_nothing_away(database: Database, account: Account) -> None:
    source = await make_source(account)
    call = ENDED["call"] | {"transfer_end_timestamp": 1793700290750, "disconnection_reason": "call_transfer"}

    for payload in (ANALYSED, {"event": "transfer_ended", "call": call}):
        await deliver(database, source, payload)
    await work_off(database)

    [session] = await sessions_of(database, account)
    assert (session["summary"], session["end_reason"]) == ("Ilse reserved for two.", "call_transfer")
    assert orjson.loads(session["metadata"])["party"] == "2"


async def test_the_same_payload_is_stored_once(database: Database, account: Account) -> None:
    source = await make_source(account)

    stored = [await deliver(database, source, ENDED), await deliver(database, source, ENDED)]
    await work_off(database)
    stored.append(await deliver(database, source, ENDED))

    assert stored == [True, False, False]
    assert await outcomes_of(database, source) == ["RECORDED"]


async def test_what_the_mapping_ignores_is_kept_as_ignored(database: Database, account: Account) -> None:
    source = await make_source(account)
    await deliver(database, source, {"event": "call_started", "call": {"call_id": "c"}})

    await work_off(database)

    assert await outcomes_of(database, source) == ["IGNORED"]
    assert await sessions_of(database, account) == []


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"not JSON", "cannot be read: "),
        (b"\xff\xfe{}", "cannot be read: "),
        (b"[null]", "has nothing that the mapping retell takes for a record"),
        (b"7", "sourceId is not in the payload"),
        ({"event": "call_ended", "call": {"agent_id": "a"}}, "sourceId is not in the payload"),
        (
            {"event": "call_ended", "call": {"call_id": "c", "start_timestamp": "soon"}},
            "startedAt could not be read by",
        ),
        (
            {"event": "call_ended", "call": {"call_id": "c", "agent_id": "a", "start_timestamp": 1793700000}},
            "startedAt must be from 2000 to a day from now",
        ),
        ({"event": "call_ended", "call": {"call_id": "c"}}, "agent is not in the payload"),
    ],
    ids=["text", "bytes", "nothing", "number", "no id", "no time", "seconds for milliseconds", "no agent"],
)
async def test_what_cannot_be_recorded_is_kept_with_its_problems(
    database: Database, account: Account, payload: object, message: str
) -> None:
    source = await make_source(account)
    await deliver(database, source, payload)

    await work_off(database)

    [delivery] = await deliveries.list_failed(database, source, 10)
    assert message in messages_of(delivery)[0]
    assert await sessions_of(database, account) == []


async def test_one_bad_record_of_a_payload_costs_no_other(database: Database, account: Account) -> None:
    source = await make_source(account)
    calls = [ENDED["call"] | {"call_id": "a"}, {"call_id": "b", "start_timestamp": 5}, ENDED["call"] | {"call_id": "c"}]
    await deliver(database, source, calls)

    await work_off(database)

    [delivery] = await read_deliveries(database, source)
    assert [row["source_id"] for row in await sessions_of(database, account)] == ["a", "c"]
    assert (delivery["outcome"], len(delivery["session_ids"])) == ("FAILED", 2)
    assert messages_of(delivery)[0].startswith("1.")


async def test_a_failed_delivery_is_tried_again_once_its_mapping_is_mended(
    database: Database, account: Account
) -> None:
    text = """
    source = "mine"
    agent = {id = "who"}
    [record]
    sourceId = "id"
    channel = "'CHAT'"
    startedAt = "KEY"
    durationSeconds = "`5`"
    """
    broken, mended = (parse_mapping("own.toml", text.replace("KEY", key)) for key in ("start", "begin"))
    source = await make_source(account, broken)
    await deliver(database, source, {"id": "1", "who": "host", "begin": "2026-11-03T10:00:00Z"})
    await work_off(database)
    before = await outcomes_of(database, source)

    changed = await change_source(account.id, source.name, SourceChange(mended))
    number = await deliveries.retry_failed(database, changed)
    await work_off(database)

    assert (before, number, await outcomes_of(database, source)) == (["FAILED"], 1, ["RECORDED"])
    assert changed.inlet == source.inlet
    assert [row["source_id"] for row in await sessions_of(database, account)] == ["1"]


@pytest.mark.parametrize("field", [each.name for each in fields(SourceChange)])
async def test_a_change_of_a_source_keeps_what_it_does_not_name(account: Account, field: str) -> None:
    values: dict[str, Any] = {
        "mapping": load_mapping("vapi"),
        "agent_map": {"a": "b"},
        "unknown_agents": UnknownAgents.REFUSE,
        "secret": b"another secret",
    }
    given = SourceInput("calls", load_mapping("retell"), {"*": "desk"}, UnknownAgents.CREATE, b"a secret")
    source = await create_source(account.id, given)

    changed = await change_source(account.id, "calls", SourceChange(**{field: values[field]}))

    expected: dict[str, Any] = {"mapping_name": "vapi"} if field == "mapping" else {field: values[field]}
    assert changed == replace(source, **expected)


async def test_a_vendor_that_sends_a_failed_payload_again_has_it_tried_again(
    database: Database, account: Account
) -> None:
    source = await make_source(account, unknown=UnknownAgents.REFUSE)
    await deliver(database, source, ENDED)
    await work_off(database)
    [failed] = await read_deliveries(database, source)
    await make_agent(account, idn="agent_test_bistro")

    again = await deliver(database, source, ENDED)
    await work_off(database)

    assert messages_of(failed) == [
        'agent is "agent_test_bistro", which is not the idn of an agent of this account',
    ]
    assert (again, await outcomes_of(database, source)) == (True, ["RECORDED"])


async def test_agents_are_found_by_map_then_id_then_name_and_else_created(database: Database, account: Account) -> None:
    for idn in ("mapped", "agent_b", "Named", "rest"):
        await make_agent(account, idn=idn)
    source = await make_source(account, agent_map={"agent_a": "mapped", "Nickname": "mapped"})
    for call_id, id_, name in (
        *(("1", "agent_a", "x"), ("2", "agent_b", "Named"), ("3", "agent_c", "Named"), ("4", "agent_d", "Nickname")),
        ("5", "+1 (415) new", "Brand new"),
    ):
        call = ENDED["call"] | {"call_id": call_id, "agent_id": id_, "agent_name": name}
        await deliver(database, source, {"event": "call_ended", "call": call})

    await work_off(database)

    found = [row["agent_idn"] for row in await sessions_of(database, account)]
    assert found == ["mapped", "agent_b", "Named", "mapped", "1-415-new"]
    assert (await Agent.get(account_id=account.id, idn="1-415-new")).name == "Brand new"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  ", "agent_new"),
        ("\u200b", "agent_new"),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
        ("a\ud800b", "a\N{REPLACEMENT CHARACTER}b"),
        ("two\nlines", "two lines"),
    ],
    ids=["blank", "invisible", "control character", "surrogate", "two lines"],
)
async def test_a_new_agent_with_a_name_that_cannot_be_one_stops_no_delivery(
    database: Database, account: Account, name: str, shown: str
) -> None:
    source = await make_source(account)
    call = ENDED["call"] | {"call_id": "c", "agent_id": "agent_new", "agent_name": name}
    await deliver(database, source, json.dumps({"event": "call_ended", "call": call}).encode())
    await deliver(database, source, ENDED)

    await work_off(database)

    assert await outcomes_of(database, source) == ["RECORDED", "RECORDED"]
    assert (await Agent.get(account_id=account.id, idn="agent_new")).name == shown


async def test_an_agent_map_may_name_one_agent_for_all_others(database: Database, account: Account) -> None:
    source = await make_source(account, agent_map={"*": "host"})
    await deliver(database, source, ENDED)

    await work_off(database)

    assert [row["agent_idn"] for row in await sessions_of(database, account)] == ["host"]


async def test_a_worker_that_is_killed_after_its_claim_or_after_recording_loses_and_doubles_nothing(
    database: Database, account: Account
) -> None:
    source = await make_source(account)
    await deliver(database, source, ANALYSED)

    lost_after_claim = await deliveries.claim(database)
    await make_due(database)
    lost_after_recording = await deliveries.claim(database)
    late = await process(database, lost_after_recording)
    await make_due(database)
    await work_off(database)
    [before] = await read_deliveries(database, source)
    await deliveries.finish(database, [Ending(lost_after_claim[0], Outcome.FAILED), *late[1:]])

    [delivery] = await read_deliveries(database, source)
    [session] = await sessions_of(database, account)
    assert (before["outcome"], delivery["outcome"], delivery["claims"]) == ("RECORDED", "RECORDED", 3)
    assert session["version"] == 1


async def test_a_worker_that_has_lost_its_lease_changes_nothing(database: Database, account: Account) -> None:
    source = await make_source(account)
    await deliver(database, source, ENDED)
    late = await deliveries.claim(database)
    await make_due(database)
    current = await deliveries.claim(database)

    await deliveries.finish(database, [Ending(late[0], Outcome.FAILED)])
    await deliveries.release(database, late)
    [held] = await read_deliveries(database, source)

    assert (held["outcome"], held["claims"]) == ("WAITING", current[0]["claims"])
    assert held["run_at"] > held["received_at"] + timedelta(seconds=30)


async def test_a_claimed_delivery_is_not_claimed_again_before_its_lease_ends(
    database: Database, account: Account
) -> None:
    source = await make_source(account)
    await deliver(database, source, ENDED)

    assert len(await deliveries.claim(database)) == 1
    assert await deliveries.claim(database) == []


async def test_what_the_database_stops_is_tried_again_after_growing_pauses_and_then_given_up(
    database: Database, account: Account
) -> None:
    source = await make_source(account)
    await deliver(database, source, ENDED)
    pauses = []
    for _ in range(MOST_ATTEMPTS):
        rows = await deliveries.claim(database)
        await deliveries.release(database, rows)
        [row] = await database.fetch("select run_at - now() as pause from inlet_delivery where id = $1", rows[0]["id"])
        pauses.append(round(row["pause"].total_seconds()))
        await make_due(database)

    assert await deliveries.claim(database) == []
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600]
    [delivery] = await read_deliveries(database, source)
    assert (delivery["outcome"], messages_of(delivery)) == ("FAILED", ["was given up after 12 attempts"])


async def test_one_that_has_failed_to_end_is_claimed_alone(database: Database, account: Account) -> None:
    source = await make_source(account)
    for number in range(3):
        await deliver(database, source, {"event": "call_started", "call": {"call_id": number}})
    first = await deliveries.claim(database)
    await make_due(database)

    again = [len(await deliveries.claim(database)) for _ in range(4)]

    assert (len(first), again) == (3, [1, 1, 1, 0])


async def test_a_claim_has_a_limited_number_of_bytes(
    database: Database, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "BATCH_BYTES", 200)
    source = await make_source(account)
    for number, size in enumerate((300, 90, 90, 90, 10)):
        await deliver(database, source, f"{number}".ljust(size).encode())

    claimed = [[len(row["payload"]) for row in await deliveries.claim(database)] for _ in range(4)]

    assert [sorted(sizes) for sizes in claimed] == [[300], [90, 90, 90], [10], []]


async def test_accounts_take_turns(database: Database, account: Account) -> None:
    busy, other = await make_source(account), await make_source(await find_or_create_account(f"b{uuid4().hex[:12]}"))
    for number in range(120):
        await deliver(database, busy, {"event": "call_started", "call": {"call_id": number}})
    await deliver(database, other, ENDED)

    claimed = [(await deliveries.claim(database))[0]["account_id"] for _ in range(3)]

    assert set(claimed[:2]) == {busy.account_id, other.account_id}


async def test_deliveries_of_a_deleted_source_go_with_it_and_sessions_stay(
    database: Database, account: Account
) -> None:
    source = await make_source(account)
    await deliver(database, source, ENDED)
    await work_off(database)

    await delete_source(database, account.id, source.name)

    assert await read_deliveries(database, source) == []
    assert len(await sessions_of(database, account)) == 1


async def test_old_deliveries_are_swept(database: Database, account: Account, settings: Settings) -> None:
    source = await make_source(account)
    for number in range(3):
        await deliver(database, source, {"event": "call_started", "call": {"call_id": number}})
    await work_off(database)
    old, *_ = await read_deliveries(database, source)
    await database.execute(
        "update inlet_delivery set received_at = now() - interval '31 days' where id = $1", old["id"]
    )

    await DeliverySweeper(database, settings).sweep()

    assert len(await read_deliveries(database, source)) == 2


async def test_a_running_worker_records_what_is_delivered_at_once(
    database: Database, database_url: str, account: Account
) -> None:
    source = await make_source(account)

    async with working(database, database_url):
        await deliver(database, source, ENDED)

        async def is_recorded() -> bool:
            return await outcomes_of(database, source) == ["RECORDED"]

        await comes_true(is_recorded)


async def test_a_worker_waits_while_the_database_fails_and_hands_back_what_it_holds(
    database: Database, database_url: str, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await make_source(account)
    failures = iter([asyncpg.QueryCanceledError(), ConnectionError(), ValueError("a mistake of ours")])
    begun = asyncio.Event()

    async def fail(*arguments: object) -> list[Ending]:
        if error := next(failures, None):
            await make_due(database)
            raise error
        begun.set()
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(worker, "process", fail)
    async with working(database, database_url):
        await deliver(database, source, ENDED)
        while not begun.is_set():
            await make_due(database)
            await asyncio.sleep(0.05)
    [delivery] = await read_deliveries(database, source)

    assert (delivery["outcome"], delivery["attempts"]) == ("WAITING", 3)
    assert len(await deliveries.claim(database)) == 1


async def test_sources_have_names_of_their_own_in_each_account(database: Database, account: Account) -> None:
    other = await find_or_create_account(f"b{uuid4().hex[:12]}")
    mine, theirs = await make_source(account, secret=b"s"), await make_source(other)

    assert (await find_source(account.id, "calls")).id == mine.id
    assert mine.inlet != theirs.inlet
    assert b"'s'" not in repr(mine.inlet).encode()


async def test_what_is_wrong_about_neither_money_time_nor_identity_is_left_out(
    database: Database, account: Account
) -> None:
    source = await make_source(account, "intercom")
    payload = payload_of("intercom.json")
    item = payload["data"]["item"]
    item["conversation_rating"]["rating"] = 9
    item["tags"] = {"tags": [{"name": {"not": "a text"}}]}
    parts = item["conversation_parts"]["conversation_parts"]
    parts[0] |= {"created_at": "late"}
    parts[0]["author"]["name"] = "Fin\nthe bot"
    await deliver(database, source, payload)

    await work_off(database)

    [session] = await sessions_of(database, account)
    [delivery] = await read_deliveries(database, source)
    assert (delivery["outcome"], session["conversation_quality"], session["tags"]) == ("RECORDED", None, [])
    assert {warning["path"][0] for warning in orjson.loads(delivery["warnings"])} >= {
        *("conversationQuality", "tags", "transcript"),
    }
    assert orjson.loads(session["turns"])[1]["name"] == "Fin the bot"
