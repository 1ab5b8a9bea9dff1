"""Amendments: what a machine learns later, in whatever order it comes, beside what people have set."""

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import Context
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from random import Random
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_graph.access.accounts import find_or_create_account
from session_graph.sessions.agents import change_agent
from session_graph.sessions.editing import edit_session, read_history
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_reading import parse_history, parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, SUNDAY, make_agent
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

RECORDED, AMENDED, DUPLICATE, REFUSED = Status.RECORDED, Status.AMENDED, Status.DUPLICATE, Status.REFUSED
CALL = {"agent": "bistro", "channel": "VOICE", **MONDAY_IN_HOURS}
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
BOOKKEEPING = ("id", "content_hash", "version", "recorded_at", "updated_at")


class Desk:
    """An account with the bistro, and one session to amend."""

    def __init__(self, database: Database, account: Account) -> None:
        self.database = database
        self.account = account
        self.id = str(uuid4())

    async def send(self, *records: Mapping[str, Any]) -> list[Outcome]:
        """Record each for the session unless it has an id or a source of its own."""
        return await self.take(*(parse_record(self.own(record)) for record in records))

    async def take(self, *records: SessionRecord) -> list[Outcome]:
        return await record_sessions(self.database, self.account.id, records, "Runtime")

    def own(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {**CALL, **({} if "sourceId" in record else {"id": self.id}), **record}

    async def amend(self, **fields: Any) -> Status:
        (outcome,) = await self.send({**fields, "whenKnown": "AMEND"})
        assert outcome.problem is None, outcome.problem
        return outcome.status

    async def edit(self, **patch: Any) -> None:
        edit = await edit_session(
            self.database, make_viewer(self.account), UUID(self.id), patch, None, frozenset({"id"})
        )
        assert edit.refusal is None

    async def row(self, id_: str | UUID | None = None) -> Row:
        row = await self.database.fetchrow(
            "select s.*, r.turns from session s left join transcript r on r.account_id = s.account_id"
            " and r.session_id = s.id where s.account_id = $1 and s.id = $2",
            self.account.id,
            UUID(str(id_ or self.id)),
        )
        assert row is not None
        return row

    async def history(self) -> list[tuple[Any, ...]]:
        """Newest first, without the times."""
        id_ = UUID(self.id)
        rows = (await read_history(self.database, make_viewer(self.account), [id_]))[id_]
        return [tuple(row[name] for name in ("field", "before", "after", "changed_by", "kind")) for row in rows]

    async def count_events(self, kind: str) -> int:
        row = await self.database.fetchrow(
            "select count(*) from session_event where account_id = $1 and kind = $2", self.account.id, kind
        )
        assert row is not None
        return int(row[0])


@pytest.fixture
async def desk(database: Database, account: Account) -> Desk:
    await make_agent(account)
    return Desk(database, account)


async def test_fields_that_are_there_replace_and_absent_ones_stay(desk: Desk) -> None:
    await desk.send({"contactName": "Maya", "summary": "Called.", "phone": "+14155550121"})

    status = await desk.amend(summary="Booked.", sessionType="Booking")

    row = await desk.row()
    assert status is AMENDED
    assert (row["contact_name"], row["summary"], row["phone"]) == ("Maya", "Booked.", "+14155550121")
    assert (row["session_type_folded"], row["summary_folded"], row["version"]) == ("booking", "booked.", 2)


async def test_null_clears(desk: Desk) -> None:
    await desk.send({"summary": "Called.", "phone": "+14155550121", "tags": ["vip"], "metadata": {"a": "b"}})

    await desk.amend(summary=None, phone=None, tags=None, metadata=None)

    row = await desk.row()
    assert (row["summary"], row["summary_folded"], row["phone"], row["phone_display"]) == (None,) * 4
    assert (row["tags"], row["metadata"]) == ([], "{}")


async def test_figures_are_decided_again_with_the_terms_of_the_first_close(desk: Desk) -> None:
    await desk.send({"phone": "+14155550121"})
    changes = {"unitValue": "999", "conversionRatio": "0.1", "recognition": "1", "workingHours": {}}
    await change_agent(desk.account.id, "bistro", changes)

    await desk.amend(intentToBuy=True, units=4, autoAssessment="YES_A")

    row = await desk.row()
    assert (row["is_lead"], row["is_opportunity"], row["working_hours"]) == (True, True, True)
    assert (row["lead_value"], row["asr"]) == (Decimal("260.00"), Decimal("70.20"))


async def test_a_start_that_is_amended_moves_the_session_out_of_working_hours(desk: Desk) -> None:
    await desk.send(PARTY_OF_FOUR)

    await desk.amend(**SUNDAY)

    row = await desk.row()
    assert (row["working_hours"], row["recognition"], row["asr"]) == (False, 1, Decimal("234.00"))


async def test_a_session_from_before_terms_were_kept_keeps_its_figures(desk: Desk, database: Database) -> None:
    await desk.send(PARTY_OF_FOUR)
    await database.execute(
        "update session set terms_id = null, intent_to_buy = null, stated_test = null, stated_lead_value = null"
        " where account_id = $1",
        desk.account.id,
    )
    changes = {"unitValue": "100", "conversionRatio": "0.1", "recognition": "1", "longFromSeconds": 60}
    await change_agent(desk.account.id, "bistro", changes)

    assert await desk.amend(**PARTY_OF_FOUR) is DUPLICATE
    await desk.amend(summary="Booked.", **SUNDAY)
    row = await desk.row()
    assert (row["lead_value"], row["asr"], row["session_length"]) == (260, Decimal("70.20"), "REGULAR")

    await desk.amend(units=5)
    row = await desk.row()
    assert (row["lead_value"], row["conversion_rate"], row["recognition"]) == (500, Decimal("0.9"), Decimal("0.3"))


async def test_what_a_person_has_set_stays_set(desk: Desk) -> None:
    await desk.send({**PARTY_OF_FOUR, "tags": ["new"], "externalId": "A"})
    await desk.edit(isLead=False, isTest=True, isTodo=True, addTags=["vip"], externalId="B", conversationQuality=5)

    await desk.amend(
        intentToBuy=True, isTest=False, isTodo=False, tags=["late"], externalId="C", conversationQuality=1, units=9
    )

    row = await desk.row()
    assert (row["is_lead"], row["is_opportunity"], row["is_test"], row["is_todo"]) == (False, False, True, True)
    assert (row["tags"], row["external_id"], row["conversation_quality"]) == (["new", "vip"], "B", 5)
    assert row["units"] == 9


async def test_what_only_followed_from_an_edit_is_decided_again(desk: Desk) -> None:
    await desk.send({"phone": "+14155550121"})
    await desk.edit(isLead=True)
    assert (await desk.row())["is_opportunity"]

    await desk.amend(refused=True)
    assert not (await desk.row())["is_opportunity"]

    await desk.amend(refused=False)
    assert (await desk.row())["is_opportunity"]


async def test_an_opportunity_that_a_person_set_stays_a_lead(desk: Desk) -> None:
    await desk.send({"intentToBuy": True})
    await desk.edit(isOpportunity=True)

    await desk.amend(intentToBuy=False)

    row = await desk.row()
    assert (row["is_lead"], row["is_opportunity"], row["intent_to_buy"]) == (True, True, False)


async def test_a_contact_that_comes_later_makes_an_opportunity(desk: Desk) -> None:
    await desk.send({"intentToBuy": True, "units": 4, "autoAssessment": "YES_A"})
    assert (await desk.row())["asr"] == 0

    await desk.amend(phone="+14155550121")

    assert (await desk.row())["asr"] == Decimal("70.20")


async def test_the_human_assessment_wins_over_an_amended_one(desk: Desk) -> None:
    await desk.send(PARTY_OF_FOUR)
    await desk.edit(humanAssessment="NO")

    await desk.amend(autoAssessment="YES_B")

    row = await desk.row()
    assert (row["assessment"], row["auto_assessment"], row["asr"]) == ("NO", "YES_B", 0)


async def test_a_test_contact_that_was_wrong_makes_the_session_live_again(desk: Desk, account: Account) -> None:
    await change_agent(account.id, "bistro", {"testContacts": ["+14155550199"]})
    await desk.send({**PARTY_OF_FOUR, "phone": "+14155550199"})
    assert (await desk.row())["is_test"]

    await desk.amend(phone="+14155550121")
    assert not (await desk.row())["is_test"]

    await desk.amend(isTest=True)
    assert (await desk.row())["is_test"]


async def test_an_amendment_is_a_change_like_any_other(desk: Desk) -> None:
    await desk.send({"summary": "Called."})

    await desk.amend(summary="Booked.", intentToBuy=True, phone="+14155550121", utms={"a": "b"}, units="4.50")

    assert await desk.history() == [
        ("intentToBuy", "false", "true", "Runtime", "AMENDED"),
        ("isLead", "false", "true", "Runtime", "AMENDED"),
        ("isOpportunity", "false", "true", "Runtime", "AMENDED"),
        ("phone", None, "+14155550121", "Runtime", "AMENDED"),
        ("summary", "Called.", "Booked.", "Runtime", "AMENDED"),
        ("units", None, "4.5", "Runtime", "AMENDED"),
        ("utms", "{}", '{"a":"b"}', "Runtime", "AMENDED"),
    ]
    row = await desk.row()
    assert row["version"] == 2
    assert row["updated_at"] > row["recorded_at"]
    assert (await desk.count_events("RECORDED"), await desk.count_events("CHANGED")) == (1, 1)


async def test_an_edit_tells_what_was_set_from_what_followed(desk: Desk) -> None:
    await desk.send({"phone": "+14155550121"})

    await desk.edit(isLead=True, addTags=["vip"])

    kinds = {field: kind for field, _, _, _, kind in await desk.history()}
    assert kinds == {"isLead": "SET", "isOpportunity": "FOLLOWED", "tags": "SET"}


async def test_an_amendment_that_changes_nothing_is_a_duplicate(desk: Desk) -> None:
    await desk.send({**PARTY_OF_FOUR, "transcript": [{"speaker": "USER", "text": "Hi"}]})
    before = await desk.row()

    status = await desk.amend(**PARTY_OF_FOUR, transcript=[{"speaker": "USER", "text": "Hi"}])

    assert status is DUPLICATE
    assert (await desk.row(), await desk.history()) == (before, [])
    assert await desk.count_events("CHANGED") == 0


async def test_an_amendment_of_a_session_that_is_not_there_yet_records_it(desk: Desk) -> None:
    assert await desk.amend(**PARTY_OF_FOUR) is RECORDED
    assert await desk.amend(**PARTY_OF_FOUR) is DUPLICATE
    assert (await desk.row())["version"] == 1


async def test_without_when_known_other_content_is_a_conflict(desk: Desk) -> None:
    first: dict[str, Any] = {"summary": "Called."}
    await desk.send(first)
    await desk.amend(summary="Booked.")

    again, other = await desk.send(first, {"summary": "Booked."})

    assert (again.status, other.status, other.is_conflict) == (DUPLICATE, REFUSED, True)
    assert (await desk.row())["summary"] == "Booked."


async def test_a_transcript_is_replaced_and_its_history_is_its_length(desk: Desk) -> None:
    turns = [{"speaker": "USER", "text": "Hi"}, {"speaker": "TOOL", "name": "book_table"}]
    await desk.send({"transcript": turns[:1]})

    await desk.amend(transcript=turns)
    await desk.amend(transcript=turns[::-1])

    assert orjson.loads((await desk.row())["turns"]) == [
        {"speaker": "TOOL", "text": "", "at": None, "name": "book_table"},
        {"speaker": "USER", "text": "Hi", "at": None},
    ]
    changes = [(field, before, after) for field, before, after, _, _ in await desk.history()]
    assert changes == [("transcript", "2 turns", "2 other turns"), ("transcript", "1 turns", "2 turns")]

    await desk.amend(transcript=None)
    assert (await desk.row())["turns"] is None


async def test_records_and_amendments_of_one_batch_count_in_their_order(desk: Desk) -> None:
    outcomes = await desk.send(
        {"summary": "One."},
        {"summary": "Two.", "whenKnown": "AMEND"},
        {"summary": "One."},
        {"summary": "Three.", "whenKnown": "AMEND"},
        {"summary": "Three.", "whenKnown": "AMEND"},
    )

    assert [outcome.status for outcome in outcomes] == [RECORDED, AMENDED, DUPLICATE, AMENDED, DUPLICATE]
    assert [entry[1:3] for entry in await desk.history()] == [("Two.", "Three."), ("One.", "Two.")]
    assert ((await desk.row())["summary"], (await desk.row())["version"]) == ("Three.", 3)


async def test_an_amendment_cannot_move_a_session_to_another_agent(desk: Desk, account: Account) -> None:
    await make_agent(account, idn="clinic")
    await desk.send({})

    other, unknown, good = await desk.send(
        *({"agent": agent, "summary": "x", "whenKnown": "AMEND"} for agent in ("clinic", "nobody", "bistro"))
    )

    assert str(other.problem) == "agent must be the agent that held the session; an amendment cannot change it"
    assert str(unknown.problem) == "agent is not the idn of an agent of this account"
    assert (other.status, unknown.status, good.status) == (REFUSED, REFUSED, AMENDED)


async def test_an_amendment_beyond_the_limit_of_a_lead_value_is_refused(desk: Desk) -> None:
    await desk.send(PARTY_OF_FOUR)

    (outcome,) = await desk.send({"units": "999999999999999", "whenKnown": "AMEND"})

    assert str(outcome.problem) == "units makes a lead value of 10^15 or more"
    assert (await desk.row())["units"] == 4


def at(minute: int) -> str:
    return (NOON + timedelta(minutes=minute)).isoformat()


async def test_an_older_report_fills_only_what_is_still_empty(desk: Desk) -> None:
    await desk.amend(asOf=at(2), summary="Transferred.", endReason=None)

    status = await desk.amend(asOf=at(1), summary="Booked.", endReason="user_hangup", sessionType="booking")

    row = await desk.row()
    assert (status, row["summary"], row["end_reason"], row["session_type"]) == (
        AMENDED,
        "Transferred.",
        None,
        "booking",
    )


async def test_a_report_that_changes_nothing_still_makes_older_ones_yield(desk: Desk) -> None:
    await desk.amend(asOf=at(1), summary="Booked.")
    assert await desk.amend(asOf=at(3), summary="Booked.") is DUPLICATE

    assert await desk.amend(asOf=at(2), summary="Asked.") is DUPLICATE

    assert (await desk.row())["summary"] == "Booked."


async def test_reports_without_a_time_count_as_they_come(desk: Desk) -> None:
    await desk.send({"summary": "One."})

    await desk.amend(asOf=at(5), summary="Two.")
    await desk.amend(summary="Three.")
    await desk.amend(asOf=at(4), summary="Four.")

    assert (await desk.row())["summary"] == "Four."


VALUES: dict[str, Sequence[Any]] = {
    "channel": ("VOICE", "CHAT"),
    "contactName": ("Maya", "Noor", None),
    "phone": ("+14155550121", "+14155550199", None),
    "email": ("maya@example.com", None),
    "summary": ("Called.", "Booked.", None),
    "sessionType": ("booking", "Übernahme", None),
    "integration": ("crm", "sandbox", None),
    "externalId": ("A", "B", None),
    "intentToBuy": (True, False, None),
    "refused": (True, False),
    "isTest": (True, False, None),
    "isTodo": (True, None),
    "units": ("4", "2.50", None),
    "leadValue": ("100", "0.005", None),
    "autoAssessment": ("YES_A", "NO", None),
    "conversationQuality": (1, 5, None),
    "language": ("de", "en-US", None),
    "direction": ("INBOUND", None),
    "metadata": ({"a": "1"}, {"b": "2"}, {}, None),
    "utms": ({"utm_source": "google"}, None),
    "tags": (["vip"], ["late", "vip"], None),
    "transcript": ([{"speaker": "USER", "text": "Hi", "at": at(0)}], [{"speaker": "TOOL"}] * 2, None),
}
part = st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=6).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in names})
)
span = st.sampled_from([SUNDAY, MONDAY_IN_HOURS, {**MONDAY_IN_HOURS, "endedAt": "2026-11-16T15:20:00Z"}])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(st.tuples(part, span), min_size=1, max_size=4), seed=st.integers(0, 2**32))
async def test_parts_of_a_session_make_the_same_in_any_order_one_by_one_or_at_once(
    desk: Desk, parts: list[tuple[dict[str, Any], dict[str, str]]], seed: int
) -> None:
    """Each part names a later time than the one before; what the last part says of a field is what the whole says."""
    whole: dict[str, Any] = {}
    for fields, times in parts:
        whole |= {"channel": "VOICE", **fields, **times}
    whole_id, batch_id = str(uuid4()), str(uuid4())
    desk.id = str(uuid4())
    (recorded,) = await desk.send({**whole, "id": whole_id})
    assert recorded.status is RECORDED
    reports: list[dict[str, Any]] = [
        {"channel": "VOICE", **fields, **times, "asOf": at(minute), "whenKnown": "AMEND"}
        for minute, (fields, times) in enumerate(parts)
    ]
    Random(seed).shuffle(reports)

    for report in reports:
        await desk.send(report)
    await desk.send(*({**report, "id": batch_id} for report in reports))

    expected = without_bookkeeping(await desk.row(whole_id))
    assert without_bookkeeping(await desk.row()) == expected
    assert without_bookkeeping(await desk.row(batch_id)) == expected


def without_bookkeeping(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in BOOKKEEPING}


async def test_amendments_at_once_come_to_the_same_as_one_after_another(desk: Desk, database: Database) -> None:
    reports = [
        {"asOf": at(n), "summary": f"Report {n}.", "whenKnown": "AMEND", **({"units": n} if n % 3 == 0 else {})}
        for n in range(9)
    ]
    Random(3).shuffle(reports)
    loop = asyncio.get_running_loop()

    await asyncio.gather(*(loop.create_task(desk.send(report), context=Context()) for report in reports))

    row = await desk.row()
    assert (row["summary"], row["units"]) == ("Report 8.", 6)
    times = await database.fetchrow("select f.times from fact_times f where f.account_id = $1", desk.account.id)
    assert times is not None
    assert orjson.loads(times["times"])["units"] == at(6)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_cleared_field_stays_cleared_in_any_order(desk: Desk, order: Sequence[int]) -> None:
    for n in order:
        await desk.amend(summary=("One.", "Two.", None)[n], asOf=at(n))

    assert (await desk.row())["summary"] is None


async def test_an_edit_between_amendments_waits_and_stays(desk: Desk) -> None:
    await desk.send({"tags": ["new"]})
    loop = asyncio.get_running_loop()
    work = [desk.amend(summary=f"Report {n}.", tags=[f"t{n}"]) for n in range(4)]
    edit = desk.edit(addTags=["vip"])

    await asyncio.gather(*(loop.create_task(each, context=Context()) for each in (*work[:2], edit, *work[2:])))

    row = await desk.row()
    assert (row["version"], "vip" in row["tags"]) == (6, True)


async def test_source_and_source_id_name_the_session(desk: Desk) -> None:
    call = {"source": "retell", "sourceId": "call_1"}
    first, again = await desk.send({**call, "summary": "Called."}, {**call, "summary": "Called."})
    (amended,) = await desk.send({**call, "summary": "Booked.", "whenKnown": "AMEND"})

    assert [each.status for each in (first, again, amended)] == [RECORDED, DUPLICATE, AMENDED]
    assert first.id == again.id == amended.id
    assert first.id is not None
    assert first.id.version == 5


async def test_an_explicit_id_holds_for_its_source_id_too(desk: Desk) -> None:
    call = {"source": "retell", "sourceId": "call_1"}
    await desk.send({**call, "id": desk.id})

    (found,) = await desk.send({**call, "summary": "Booked.", "whenKnown": "AMEND"})
    (other,) = await desk.send({**call, "id": str(uuid4()), "whenKnown": "AMEND"})

    assert (found.status, str(found.id)) == (AMENDED, desk.id)
    assert (other.status, other.is_conflict) == (REFUSED, True)
    assert str(other.problem) == f"id differs from {desk.id}, the id of the session with this sourceId"


async def test_a_session_of_an_explicit_id_may_learn_its_source_id_once(desk: Desk) -> None:
    await desk.send({"id": desk.id})
    learn = {"id": desk.id, "source": "retell", "whenKnown": "AMEND"}

    learnt, by_source, other, new = await desk.send(
        {**learn, "sourceId": "call_1"},
        {"source": "retell", "sourceId": "call_1", "summary": "Booked.", "whenKnown": "AMEND"},
        {**learn, "sourceId": "call_2"},
        {"source": "retell", "sourceId": "call_2"},
    )

    assert [each.status for each in (learnt, by_source, other, new)] == [AMENDED, AMENDED, REFUSED, RECORDED]
    assert str(other.problem) == "sourceId differs from that of the session with this id"
    assert (await desk.row())["source_id"] == "call_1"


async def test_two_accounts_may_have_sessions_of_the_same_source_id(desk: Desk, database: Database) -> None:
    other = Desk(database, await find_or_create_account(f"other-{desk.account.idn}"))
    await make_agent(other.account)
    call = {"source": "retell", "sourceId": "call_1"}

    (first,), (second,) = await desk.send(call), await other.send(call)

    assert (first.status, second.status) == (RECORDED, RECORDED)
    assert first.id != second.id


async def test_the_past_keeps_its_figures_and_what_people_had_decided(desk: Desk) -> None:
    decided = {"humanAssessment": "YES_B", "comment": "Ünal", "isDone": True, "isArchived": True}
    figures = {"conversionRate": "0.5", "workingHours": False}
    await desk.take(parse_history({**CALL, **PARTY_OF_FOUR, "id": desk.id, **decided, **figures}))
    row = await desk.row()
    assert (row["human_assessment"], row["comment_folded"]) == ("YES_B", "unal")
    assert (row["is_done"], row["is_archived"]) == (True, True)
    assert (row["working_hours"], row["recognition"], row["asr"]) == (False, 1, Decimal("130.00"))

    await desk.amend(units=2)

    row = await desk.row()
    assert (row["working_hours"], row["recognition"], row["asr"]) == (False, 1, Decimal("65.00"))
    assert (row["human_assessment"], row["is_done"]) == ("YES_B", True)


async def test_an_import_may_amend_what_people_had_decided_elsewhere(desk: Desk) -> None:
    past = {**CALL, **PARTY_OF_FOUR, "id": desk.id, "whenKnown": "AMEND"}
    await desk.take(parse_history(past))

    changed, same = await desk.take(
        parse_history({**past, "isDone": True, "conversionRate": "0.5"}),
        parse_history({**past, "isDone": True, "isArchived": None, "conversionRate": "0.5"}),
    )

    row = await desk.row()
    assert (changed.status, same.status) == (AMENDED, DUPLICATE)
    assert (row["is_done"], row["conversion_rate"], row["recognition"]) == (True, Decimal("0.5"), Decimal("0.3"))
    assert row["terms_id"] is None


async def test_a_record_of_the_past_without_decisions_is_the_same_as_any_other(desk: Desk) -> None:
    record = {**CALL, **PARTY_OF_FOUR, "id": desk.id}

    (first,) = await desk.take(parse_history(record))
    (again,) = await desk.take(parse_record(record))

    assert (first.status, again.status) == (RECORDED, DUPLICATE)


async def test_equal_terms_are_kept_once(desk: Desk, database: Database) -> None:
    await desk.send({"id": str(uuid4())}, {"id": str(uuid4())})
    await desk.send({"id": str(uuid4())})
    await change_agent(desk.account.id, "bistro", {"recognition": "0.5"})
    await desk.send({"id": str(uuid4())})

    rows = await database.fetch(
        "select count(s.id) from agent_terms t join session s on s.account_id = t.account_id and s.terms_id = t.id"
        " where t.account_id = $1 group by t.id order by 1",
        desk.account.id,
    )
    assert [row["count"] for row in rows] == [1, 3]
