"""The rewrite of what an older version stored: contacts, texts and what follows from them; killed, and gone on with."""

from typing import Any
from uuid import UUID

import pytest

from session_graph.sessions import rewriting
from session_graph.sessions.editing import edit_session
from session_graph.sessions.rewriting import rewrite_pending
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.records import make_agent, record
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

READ = "select * from session s where s.account_id = $1 order by s.id"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "_READ", rewriting._READ.replace(f"limit {rewriting.BATCH}", "limit 2"))


async def store_as_before(database: Database, account: Account, session_id: UUID, **columns: Any) -> None:
    """Overwrite columns with what the older version stored."""
    sets = ", ".join(f"{name} = ${position}" for position, name in enumerate(columns, start=3))
    await database.execute(
        f"update session set {sets} where account_id = $1 and id = $2", account.id, session_id, *columns.values()
    )


async def begin_again(database: Database, account: Account) -> None:
    """Let the next rewrite begin with the sessions of this account, which is newer than those of other tests."""
    await database.execute(
        "update data_rewrite set last_account = $1, last_row = $1, is_done = false", UUID(int=account.id.int - 1)
    )


async def rewrite(database: Database, account: Account) -> list[tuple[int, int]]:
    """Run the rewrite as after the migration. Return its progress."""
    await begin_again(database, account)
    progress: list[tuple[int, int]] = []
    await rewrite_pending(database, lambda done, total: progress.append((done, total)))
    return progress


async def read(database: Database, account: Account, session_id: UUID) -> Row:
    (row,) = [row for row in await database.fetch(READ, account.id) if row["id"] == session_id]
    return row


async def test_contacts_are_read_again_with_what_follows(database: Database, account: Account) -> None:
    await make_agent(account, testContacts=["+1 415 555 0199"])
    withheld, test, plain = await record(database, account, {}, {}, {})
    await store_as_before(database, account, withheld, phone="anonymous", phone_display="anonymous", phone_search=None)
    await store_as_before(database, account, test, phone="4155550199", phone_display="415 555 0199", phone_search=None)
    unchanged = await read(database, account, plain)

    await rewrite(database, account)

    row = await read(database, account, withheld)
    assert (row["phone"], row["phone_display"], row["is_lead"], row["is_opportunity"]) == (None, None, True, False)
    assert (row["asr"], row["version"], row["updated_at"] > row["recorded_at"]) == (0, 2, True)
    row = await read(database, account, test)
    assert (row["phone"], row["phone_display"], row["phone_search"]) == (
        "+14155550199",
        "+1 415-555-0199",
        "14155550199",
    )
    assert (row["is_test"], row["asr"]) == (True, 0)
    assert await read(database, account, plain) == unchanged
    kinds = await database.fetch(
        "select e.session_id from session_event e where e.account_id = $1 and e.kind = 'CHANGED'", account.id
    )
    assert {row["session_id"] for row in kinds} == {withheld, test}


async def test_what_a_person_has_set_stays(database: Database, account: Account) -> None:
    await make_agent(account, testContacts=["+1 415 555 0134"])
    viewer = make_viewer(account)
    kept, live = await record(database, account, {"phone": "+14155550135"}, {})
    await edit_session(database, viewer, kept, {"isOpportunity": False}, None, frozenset())
    await edit_session(database, viewer, kept, {"isOpportunity": True}, None, frozenset())
    await edit_session(database, viewer, live, {"isTest": False}, None, frozenset())
    await store_as_before(database, account, kept, phone="unknown")

    await rewrite(database, account)

    assert (await read(database, account, kept))["is_opportunity"]
    assert not (await read(database, account, live))["is_test"]


async def test_texts_are_composed_and_folded_again(database: Database, account: Account) -> None:
    await make_agent(account)
    turns = [{"speaker": "USER", "text": "Hello"}]
    composed, folded = await record(database, account, {"transcript": turns, "tags": ["vip"]}, {"contactName": "Łuk"})
    old = {"external_id": " Cafe\u0301 ", "session_type": "Cafe\u0301", "tags": ["Cafe\u0301"], "comment": "a\x0bb"}
    await store_as_before(database, account, composed, **old)
    await store_as_before(database, account, folded, contact_folded="łuk")
    await database.execute(
        "update transcript set turns = $2 where account_id = $1",
        account.id,
        '[{"at": null, "text": "Cafe\u0301", "speaker": "USER"}]',
    )

    await rewrite(database, account)

    row = await read(database, account, composed)
    assert (row["external_id"], row["external_id_folded"], row["session_type"]) == ("Café", "cafe", "Café")
    assert (row["tags"], row["comment"], row["version"]) == (["Café"], "a\ufffdb", 2)
    row = await read(database, account, folded)
    assert (row["contact_folded"], row["version"]) == ("luk", 1)
    (transcript,) = await database.fetch("select t.turns from transcript t where t.account_id = $1", account.id)
    assert "Café" in transcript["turns"]


async def test_a_rewrite_that_is_killed_goes_on(database: Database, account: Account) -> None:
    await make_agent(account)
    ids = await record(database, account, *[{}] * 5)
    for session_id in ids:
        await store_as_before(database, account, session_id, phone="(415) 555-0134")
    await begin_again(database, account)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    steps = 0
    while True:
        try:
            await rewrite_pending(database, stop)
        except KeyboardInterrupt:
            steps += 1
        else:
            break

    assert steps > 2
    assert {row["phone"] for row in await database.fetch(READ, account.id)} == {"+14155550134"}
    assert {row["version"] for row in await database.fetch(READ, account.id)} == {2}


async def test_a_rewrite_that_is_done_is_not_done_again(database: Database, account: Account) -> None:
    await rewrite(database, account)
    progress: list[int] = []

    await rewrite_pending(database, lambda done, total: progress.append(done))

    assert progress == []
