"""Judging and editing sessions through GraphQL: what is written, what is refused, and what happens all at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR, make_agent, record
from support.statements import Statements

pytestmark = pytest.mark.anyio

STATE = """
query ($id: ID!) {
  session(id: $id) { asr isOpportunity isTest version updatedAt history { field before after by } }
  sessions(filter: {isTest: false, isArchived: false}) { totalCount nodes { id asr leadValue } }
  dashboard { totalSessionCount totalLeadValue totalAsr opportunitySuccessScore leadSuccessScore }
}
"""
RECORD = (
    "mutation ($input: RecordSessionInput!) { recordSession(input: $input) { session { id version } errors { code } } }"
)
OVERRIDE = """
mutation ($input: OverrideAssessmentInput!) {
  overrideAssessment(input: $input) {
    session { id asr version comment humanAssessment updatedAt } errors { code message path }
  }
}
"""
UPDATE = """
mutation ($input: UpdateSessionInput!) {
  updateSession(input: $input) {
    session { id asr version isLead isOpportunity tags comment conversationQuality updatedAt }
    errors { code message path }
  }
}
"""
UPDATE_ALL = """
mutation ($input: UpdateSessionsInput!) {
  updateSessions(input: $input) { matchedCount changedCount errors { code message path } }
}
"""
HISTORY = "query ($first: Int) { sessions(first: $first) { nodes { id history { field before after } } } }"

Changes = list[tuple[str, str | None, str | None]]


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that has nothing to do with the application's."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def ask(caller: MakeCaller, account: Account) -> Caller:
    """The account's owner, Petra; her account has the bistro."""
    await make_agent(account)
    return await caller(Role.ADMIN, name="Petra")


async def override(ask: Caller, session_id: UUID | str, **given: Any) -> dict[str, Any]:
    answer = await ask(OVERRIDE, input={"sessionId": str(session_id), **given})
    payload: dict[str, Any] = answer.data["overrideAssessment"]
    return payload


async def update(ask: Caller, session_id: UUID | str, patch: dict[str, Any], **given: Any) -> dict[str, Any]:
    answer = await ask(UPDATE, input={"sessionId": str(session_id), "patch": patch, **given})
    payload: dict[str, Any] = answer.data["updateSession"]
    return payload


async def update_all(
    ask: Caller, target: dict[str, Any] | Sequence[UUID], patch: dict[str, Any], **given: Any
) -> dict[str, Any]:
    """`target` is a filter, or ids."""
    chosen = {"filter": target} if isinstance(target, dict) else {"ids": [str(id_) for id_ in target]}
    answer = await ask(UPDATE_ALL, input={"target": chosen, "patch": patch, **given})
    payload: dict[str, Any] = answer.data["updateSessions"]
    return payload


async def versions(elsewhere: asyncpg.Connection, account: Account) -> dict[UUID, int]:
    rows = await elsewhere.fetch("select id, version from session where account_id = $1", account.id)
    return {row["id"]: row["version"] for row in rows}


async def changes_of(elsewhere: asyncpg.Connection, account: Account) -> dict[UUID, Changes]:
    """Each session's changes, oldest first. Every version after the first is in it, and no other."""
    rows = await elsewhere.fetch(
        "select session_id, version, field, before, after from session_change where account_id = $1"
        " order by session_id, version, field",
        account.id,
    )
    found: dict[UUID, Changes] = {}
    seen: dict[UUID, set[int]] = {}
    for row in rows:
        found.setdefault(row["session_id"], []).append((row["field"], row["before"], row["after"]))
        seen.setdefault(row["session_id"], {1}).add(row["version"])
    for session_id, version in (await versions(elsewhere, account)).items():
        assert sorted(seen.get(session_id, {1})) == list(range(1, version + 1))
    return found


async def test_the_party_of_four_walks_through(ask: Caller, account: Account, elsewhere: asyncpg.Connection) -> None:
    recorded = await ask(RECORD, input={**PARTY_OF_FOUR, **MONDAY_IN_HOURS})
    session = recorded.data["recordSession"]["session"]
    told: list[tuple[str, str | None, str | None]] = []

    async def agrees(asr: str, *, counted: bool, score: str | None, version: int) -> None:
        """The session, the list, the dashboard, the history and another connection say the same."""
        state = (await ask(STATE, id=session["id"])).data
        found, nodes, dashboard = state["session"], state["sessions"]["nodes"], state["dashboard"]
        assert (found["asr"], found["version"], found["isTest"]) == (asr, version, not counted)
        assert nodes == ([{"id": session["id"], "asr": asr, "leadValue": "260.00"}] if counted else [])
        assert dashboard["totalSessionCount"] == state["sessions"]["totalCount"] == len(nodes)
        assert dashboard["totalAsr"] == (asr if counted else "0.00")
        assert dashboard["totalLeadValue"] == ("260.00" if counted else "0.00")
        for kind in ("opportunity", "lead"):
            shown = dashboard[f"{kind}SuccessScore"]
            assert (shown and Decimal(shown)) == (score and Decimal(score))
        assert [(c["field"], c["before"], c["after"]) for c in reversed(found["history"])] == told
        assert {change["by"] for change in found["history"]} <= {"Petra"}
        row = await elsewhere.fetchrow("select asr, version from session where id = $1", UUID(session["id"]))
        assert row is not None
        assert (str(row["asr"]), row["version"]) == (asr, version)
        assert (await changes_of(elsewhere, account)).get(UUID(session["id"]), []) == told

    await agrees("70.20", counted=True, score="1", version=1)

    assert (await override(ask, session["id"], humanAssessment="NO"))["session"]["asr"] == "0.00"
    told.append(("humanAssessment", None, "NO"))
    await agrees("0.00", counted=True, score="0", version=2)

    assert (await override(ask, session["id"], humanAssessment=None))["session"]["asr"] == "70.20"
    told.append(("humanAssessment", "NO", None))
    await agrees("70.20", counted=True, score="1", version=3)

    assert (await update(ask, session["id"], {"isTest": True}))["session"]["asr"] == "0.00"
    told.append(("isTest", "false", "true"))
    await agrees("0.00", counted=False, score=None, version=4)

    assert (await update(ask, session["id"], {"isTest": False}))["session"]["asr"] == "70.20"
    told.append(("isTest", "true", "false"))
    await agrees("70.20", counted=True, score="1", version=5)


async def test_an_edit_of_several_fields_is_one_version_with_a_row_for_each(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    (session_id,) = await record(database, account, {"intentToBuy": False, "tags": ["b"]})

    patch = {"isLead": True, "comment": "She will come.", "addTags": ["vip"], "conversationQuality": 4}
    payload = await update(ask, session_id, patch)

    assert payload["errors"] == []
    session = payload["session"]
    assert (session["version"], session["isOpportunity"], session["tags"]) == (2, True, ["b", "vip"])
    assert (await changes_of(elsewhere, account))[session_id] == [
        ("comment", None, "She will come."),
        ("conversationQuality", None, "4"),
        ("isLead", "false", "true"),
        ("isOpportunity", "false", "true"),
        ("tags", '["b"]', '["b","vip"]'),
    ]


async def test_an_override_takes_a_comment_and_leaves_or_clears_it(
    ask: Caller, account: Account, database: Database
) -> None:
    (session_id,) = await record(database, account, {})

    said = await override(ask, session_id, humanAssessment="YES_B", comment="Saved by the desk.")
    left = await override(ask, session_id, humanAssessment="NO")
    cleared = await override(ask, session_id, humanAssessment=None, comment=None)

    shown = [(p["session"]["humanAssessment"], p["session"]["comment"]) for p in (said, left, cleared)]
    assert shown == [("YES_B", "Saved by the desk."), ("NO", "Saved by the desk."), (None, None)]


async def test_an_override_without_the_assessment_is_refused(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    (session_id,) = await record(database, account, {})

    payload = await override(ask, session_id, comment="Only this.")

    assert payload["session"] is None
    (error,) = payload["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["input", "humanAssessment"])
    assert await versions(elsewhere, account) == {session_id: 1}


async def test_setting_what_is_set_changes_nothing_and_writes_no_history(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    (session_id,) = await record(database, account, {"tags": ["vip"], "conversationQuality": 5})
    patch = {"isLead": True, "isTest": False, "comment": None, "addTags": ["vip"], "conversationQuality": 5}
    before = (await update(ask, session_id, {}))["session"]

    payload = await update(ask, session_id, patch)
    bulk = await update_all(ask, [session_id], patch)

    assert payload == {"session": before, "errors": []}
    assert (bulk["matchedCount"], bulk["changedCount"]) == (1, 0)
    assert await versions(elsewhere, account) == {session_id: 1}
    assert await changes_of(elsewhere, account) == {}


@pytest.mark.parametrize(
    "patch",
    [
        {"comment": "Mine."},
        {"isLead": True},
        {"conversationQuality": 6},
        {"isDone": None},
        {"addTags": [f"tag {i}" for i in range(300)]},
    ],
    ids=["a change", "what is set already", "six stars", "a null", "too many tags"],
)
async def test_a_lost_update_is_refused_before_anything_else(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection, patch: dict[str, Any]
) -> None:
    (session_id,) = await record(database, account, {})
    now = (await override(ask, session_id, humanAssessment="NO", comment="Theirs."))["session"]

    payload = await update(ask, session_id, patch, expectedVersion=1)

    (error,) = payload["errors"]
    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "expectedVersion"])
    assert {name: payload["session"][name] for name in ("id", "asr", "version", "comment", "updatedAt")} == {
        name: now[name] for name in ("id", "asr", "version", "comment", "updatedAt")
    }
    assert await versions(elsewhere, account) == {session_id: 2}


async def test_the_expected_version_lets_an_edit_through(ask: Caller, account: Account, database: Database) -> None:
    (session_id,) = await record(database, account, {})

    first = await override(ask, session_id, humanAssessment="NO", expectedVersion=1)
    second = await override(ask, session_id, humanAssessment=None, expectedVersion=2)

    assert (first["errors"], second["errors"], second["session"]["version"]) == ([], [], 3)


@pytest.mark.parametrize("given", [{}, {"expectedVersion": 1}, {"expectedVersion": 7}])
async def test_a_foreign_session_is_no_session(
    ask: Caller, database: Database, elsewhere: asyncpg.Connection, given: dict[str, Any]
) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_agent(other)
    (foreign,) = await record(database, other, {})

    refused = await override(ask, foreign, humanAssessment="NO", **given)
    unknown = await override(ask, uuid4(), humanAssessment="NO", **given)

    assert refused == unknown
    assert refused["session"] is None
    (error,) = refused["errors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "sessionId"])
    assert await versions(elsewhere, other) == {foreign: 1}


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"conversationQuality": 0}, ["conversationQuality"]),
        ({"conversationQuality": 6}, ["conversationQuality"]),
        ({"comment": "be\x07ep"}, ["comment"]),
        ({"comment": "x" * 10_001}, ["comment"]),
        ({"addTags": [f"tag {i}" for i in range(300)]}, ["addTags"]),
        ({"addTags": ["a"], "removeTags": ["a"]}, ["removeTags"]),
        ({"isLead": False, "isOpportunity": True}, ["isOpportunity"]),
        ({"isArchived": None}, ["isArchived"]),
        ({"addTags": None}, ["addTags"]),
    ],
)
async def test_a_bad_patch_is_refused_and_nothing_is_written(
    ask: Caller,
    account: Account,
    database: Database,
    elsewhere: asyncpg.Connection,
    patch: dict[str, Any],
    path: list[str],
) -> None:
    (session_id,) = await record(database, account, {})

    one = await update(ask, session_id, patch)
    many = await update_all(ask, [session_id], patch)

    assert one["session"] is None
    assert (many["matchedCount"], many["changedCount"]) == (0, 0)
    for payload in (one, many):
        (error,) = payload["errors"]
        assert (error["code"], error["path"]) == ("INVALID", ["input", "patch", *path])
    assert await versions(elsewhere, account) == {session_id: 1}
    assert await changes_of(elsewhere, account) == {}


async def test_what_is_no_id_is_refused_with_its_place(ask: Caller) -> None:
    one = await update(ask, "42", {"isDone": True})
    many = (await ask(UPDATE_ALL, input={"target": {"ids": [str(uuid4()), "42"]}, "patch": {"isDone": True}})).data

    assert [(e["code"], e["path"]) for e in one["errors"]] == [("INVALID", ["input", "sessionId"])]
    assert [(e["code"], e["path"]) for e in many["updateSessions"]["errors"]] == [
        ("INVALID", ["input", "target", "ids", "1"])
    ]


async def test_ids_may_come_in_any_order_more_than_once_and_with_foreign_ones(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_agent(other)
    (foreign,) = await record(database, other, {})
    ids = await record(database, account, {}, {}, {"isTodo": True})

    payload = await update_all(ask, [*reversed(ids), foreign, uuid4(), *ids], {"isTodo": True})

    assert payload == {"matchedCount": 3, "changedCount": 2, "errors": []}
    assert await versions(elsewhere, account) == {ids[0]: 2, ids[1]: 2, ids[2]: 1}
    assert await versions(elsewhere, other) == {foreign: 1}


async def test_ten_thousand_ids_are_taken_and_one_more_is_over_the_limit(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    (session_id,) = await record(database, account, {})
    ids = [session_id, *(uuid4() for _ in range(9_999))]

    refused = await update_all(ask, [*ids, uuid4()], {"isDone": True})
    assert [(e["code"], e["path"]) for e in refused["errors"]] == [("LIMIT", ["input", "target", "ids"])]
    assert await versions(elsewhere, account) == {session_id: 1}

    taken = await update_all(ask, ids, {"isDone": True})
    assert taken == {"matchedCount": 1, "changedCount": 1, "errors": []}


async def test_a_bulk_edit_changes_what_the_filter_leaves_and_a_dry_run_only_counts(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    ids = await record(database, account, {}, {"isTodo": True}, {"channel": "SMS"}, {"isTodo": True, "channel": "SMS"})
    target, patch = {"channels": ["VOICE"]}, {"isTodo": True, "addTags": ["call"]}
    await update(ask, ids[1], {"addTags": ["call"]})

    tried = await update_all(ask, target, patch, dryRun=True)
    assert await versions(elsewhere, account) == {ids[0]: 1, ids[1]: 2, ids[2]: 1, ids[3]: 1}
    assert list(await changes_of(elsewhere, account)) == [ids[1]]

    done = await update_all(ask, target, patch)
    assert tried == done == {"matchedCount": 2, "changedCount": 1, "errors": []}
    assert (await changes_of(elsewhere, account))[ids[0]] == [("isTodo", "false", "true"), ("tags", "[]", '["call"]')]
    assert await versions(elsewhere, account) == {ids[0]: 2, ids[1]: 2, ids[2]: 1, ids[3]: 1}


async def test_a_bulk_edit_needs_a_filter_that_says_something(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    (session_id,) = await record(database, account, {})

    empty = await update_all(ask, {}, {"isArchived": True})
    in_disguise = await update_all(ask, {"anyOf": [{"isLead": True}, {}]}, {"isArchived": True})
    nothing = await update_all(ask, {"anyOf": []}, {"isArchived": True})

    assert [(e["code"], e["path"]) for e in empty["errors"]] == [("INVALID", ["input", "target", "filter"])]
    assert in_disguise["errors"] == empty["errors"]
    assert nothing == {"matchedCount": 0, "changedCount": 0, "errors": []}
    assert await versions(elsewhere, account) == {session_id: 1}


async def test_a_bulk_edit_has_one_target(ask: Caller) -> None:
    for target in ({}, {"ids": [], "filter": {"isDone": True}}, {"ids": None}, {"filter": None}):
        answer = await ask(UPDATE_ALL, input={"target": target, "patch": {"isDone": True}})
        assert (answer.code, answer.body.get("data")) == ("BAD_USER_INPUT", None)


async def test_a_bulk_edit_is_all_or_nothing(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    ids = sorted(await record(database, account, *[{} for _ in range(600)]))
    full = [f"tag {i}" for i in range(100)]
    await update(ask, ids[-1], {"addTags": full})

    payload = await update_all(ask, {"isLead": True}, {"addTags": ["one more"]})

    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("INVALID", ["input", "patch", "addTags"])]
    assert await versions(elsewhere, account) == {**dict.fromkeys(ids, 1), ids[-1]: 2}
    assert list(await changes_of(elsewhere, account)) == [ids[-1]]


async def test_bulk_edits_and_histories_cost_the_same_for_one_and_for_a_hundred(
    ask: Caller, account: Account, database: Database, statements: Statements
) -> None:
    ids = await record(database, account, *[{} for _ in range(100)])

    def counted() -> int:
        return sum("api_key" not in statement for statement in statements)

    async def count(*, of: int) -> tuple[int, int]:
        await statements.restart()
        assert (await update_all(ask, ids[:of], {"addTags": [f"of {of}"]}))["changedCount"] == of
        edited = counted()
        await statements.restart()
        assert len((await ask(HISTORY, first=of)).data["sessions"]["nodes"]) == of
        return edited, counted()

    assert await count(of=1) == await count(of=100)


async def test_of_two_hundred_overrides_at_once_one_wins_each_version(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    (session_id,) = await record(database, account, {})
    waiting = [f"reviewer {i}" for i in range(200)]
    won: list[str] = []

    for expected in (1, 2, 3):
        payloads = await asyncio.gather(
            *(
                override(ask, session_id, humanAssessment="NO", comment=name, expectedVersion=expected)
                for name in waiting
            )
        )
        (winner,) = [name for name, payload in zip(waiting, payloads, strict=True) if not payload["errors"]]
        losers = [payload for payload in payloads if payload["errors"]]
        assert {(p["errors"][0]["code"], p["session"]["version"]) for p in losers} == {("CONFLICT", expected + 1)}
        assert {p["session"]["comment"] for p in losers} == {winner}
        waiting.remove(winner)
        won.append(winner)

    history = (await changes_of(elsewhere, account))[session_id]
    comments = [(before, after) for field, before, after in history if field == "comment"]
    assert comments == list(zip([None, *won], won, strict=False))


async def test_those_who_try_again_with_the_version_they_are_told_all_get_through(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    (session_id,) = await record(database, account, {})

    async def insist(name: str) -> None:
        version = 1
        while (payload := await update(ask, session_id, {"addTags": [name]}, expectedVersion=version))["errors"]:
            version = payload["session"]["version"]

    names = [f"reviewer {i}" for i in range(8)]
    async with asyncio.timeout(20):
        await asyncio.gather(*map(insist, names))

    row = await elsewhere.fetchrow("select tags, version from session where id = $1", session_id)
    assert row is not None
    assert (sorted(row["tags"]), row["version"]) == (names, 9)
    assert len((await changes_of(elsewhere, account))[session_id]) == 8


async def test_bulk_edits_at_once_do_not_deadlock_and_lose_nothing(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    ids = await record(database, account, *[{"channel": ("VOICE", "SMS")[i % 2]} for i in range(600)])
    targets: list[dict[str, Any] | Sequence[UUID]] = [
        *(ids, ids[::-1], ids[300:] + ids[:300]),
        *({"channels": ["VOICE", "SMS"]}, {"isLead": True}, {"not": {"isArchived": True}}),
    ]

    async with asyncio.timeout(20):
        payloads = await asyncio.gather(
            *(update_all(ask, target, {"addTags": [f"edit {i}"]}) for i, target in enumerate(targets))
        )

    assert payloads == [{"matchedCount": 600, "changedCount": 600, "errors": []}] * 6
    tags = await elsewhere.fetch("select distinct tags from session where account_id = $1", account.id)
    assert [row["tags"] for row in tags] == [[f"edit {i}" for i in range(6)]]
    assert await versions(elsewhere, account) == dict.fromkeys(ids, 7)
    assert {len(changes) for changes in (await changes_of(elsewhere, account)).values()} == {6}


async def test_a_session_that_two_bulk_edits_want_is_changed_by_one(
    ask: Caller, account: Account, database: Database, elsewhere: asyncpg.Connection
) -> None:
    ids = await record(database, account, *[{} for _ in range(600)])

    async with asyncio.timeout(20):
        payloads = await asyncio.gather(*(update_all(ask, {"isTodo": False}, {"isTodo": True}) for _ in range(4)))

    assert [payload["errors"] for payload in payloads] == [[]] * 4
    assert sum(payload["changedCount"] for payload in payloads) == 600
    assert await versions(elsewhere, account) == dict.fromkeys(ids, 2)
