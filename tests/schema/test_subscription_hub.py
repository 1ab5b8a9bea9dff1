"""What is told agrees with the list, over the API too; and the log is swept wherever the API is served."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from session_graph.access.viewer import Role
from session_graph.schema.subscription_hub import CHANNELS, SubscriptionHub
from session_graph.sessions.event_log import EventCompactor, EventKind, write_events
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.ids import new_id
from session_graph.store.models import Account
from session_graph.store.notifications import Listener
from support.api import make_key
from support.live import SECONDS, Json, Served, Socket, connected
from support.records import make_agent, record
from support.varied import _one

pytestmark = pytest.mark.anyio

FOLLOW = "subscription ($filter: SessionFilter) { sessionEvents(filter: $filter) { kind sessionId } }"
PAGE = "query ($filter: SessionFilter) { sessions(first: 200, filter: $filter) { nodes { id } } }"
LOGGED = "select count(*) from session_event e where e.account_id = $1"

FILTERS: dict[str, Json] = {
    "everything": {},
    "nothing": {"anyOf": []},
    "todo": {"isTodo": True},
    "not todo": {"not": {"isTodo": True}},
    "by channel": {"channels": ["SMS", "CHAT"]},
    "by agent": {"agents": ["clinic"]},
    "by type": {"sessionTypes": ["booking", "Zimmer"]},
    "lately": {"period": "LAST_7_DAYS"},
    "either": {"anyOf": [{"isTest": True}, {"search": "mar"}]},
    "tests": {"isTest": True},
}
VIEWERS: dict[str, tuple[Role, dict[str, list[str]]]] = {
    "an admin": (Role.ADMIN, {}),
    "a builder of two agents": (Role.BUILDER, {"agents": ["bistro", "clinic"]}),
    "a portal": (Role.PORTAL, {}),
    "a portal of one agent": (Role.PORTAL, {"agents": ["bistro"]}),
    "a partner": (Role.PARTNER, {"integrations": ["crm"]}),
    "a recorder": (Role.RECORDER, {}),
}


@pytest.fixture
async def live(database: Database, database_url: str, settings: Settings) -> AsyncIterator[SubscriptionHub]:
    live = SubscriptionHub(database, Listener(database_url, CHANNELS), settings)
    task = asyncio.create_task(live.run())
    yield live
    task.cancel()
    await asyncio.wait([task])


async def test_a_compactor_keeps_of_each_session_the_newest_event(
    database: Database, account: Account, settings: Settings
) -> None:
    one, two = new_id(), new_id()
    for ids in ([one], [one, two], [two]):
        async with database.transaction() as connection:
            await write_events(connection, account.id, EventKind.CHANGED, ids)
    await database.execute(
        "update session_event set at = now() - interval '26 hours' where account_id <> $1 or seq <"
        " (select max(e.seq) from session_event e where e.account_id = $1)",
        account.id,
    )

    async with asyncio.timeout(10):
        while await count_events(database, account) > 3:
            await EventCompactor(database, settings).compact()

    assert await count_events(database, account) == 3


async def test_events_are_marked_as_settled_wherever_the_api_is_served(
    database: Database, account: Account, live: SubscriptionHub
) -> None:
    async with database.transaction() as connection:
        await write_events(connection, account.id, EventKind.CHANGED, [new_id()])
        row = await connection.fetchrow("select pg_current_xact_id() as xid")
    assert row

    async with asyncio.timeout(SECONDS):
        while not await is_marked(database, row["xid"]):  # noqa: ASYNC110 - nothing notifies of it
            await asyncio.sleep(0.05)


async def is_marked(database: Database, xid: int) -> bool:
    row = await database.fetchrow("select max(h.number), bool_or(h.settled > $1::xid8) from event_history h", xid)
    assert row
    return bool(row[1])


async def count_events(database: Database, account: Account) -> int:
    row = await database.fetchrow(LOGGED, account.id)
    assert row
    count: int = row[0]
    return count


@pytest.mark.parametrize("who", VIEWERS)
async def test_what_is_told_is_what_the_list_has(
    served: Served, database: Database, account: Account, who: str
) -> None:
    """For every filter at once, over one connection."""
    role, limits = VIEWERS[who]
    for idn in ("bistro", "clinic", "desk"):
        await make_agent(account, idn=idn)
    random = Random(who)
    async with connected(served.address, await make_key(account, role, **limits)) as socket:
        allowed = {name: filter_ for name, filter_ in FILTERS.items() if await may(socket, name, filter_)}
        await record(database, account, *(_one(random, 0) for _ in range(60)))
        listed = {name: await list_ids(socket, filter_) for name, filter_ in allowed.items()}
        told = {name: {await told_id(socket, name) for _ in ids} for name, ids in listed.items()}

        assert told == listed
        assert await socket.says_nothing()
    assert len(allowed) >= 2
    assert (len(listed["everything"]) > 5) is (role is not Role.RECORDER)


async def may(socket: Socket, name: str, filter_: Any) -> bool:
    """Whether the filter is taken; then it is followed under its name."""
    await socket.subscribe(FOLLOW, id=name, filter=filter_)
    if waiting := socket.waiting.pop(name, None):
        code = waiting[0]["payload"][0]["extensions"]["code"]
        assert code == "FORBIDDEN_FIELD" or (code == "BAD_USER_INPUT" and name == "by agent")
        return False
    return True


async def list_ids(socket: Socket, filter_: Any) -> set[str]:
    await socket.send(type="subscribe", id="list", payload={"query": PAGE, "variables": {"filter": filter_}})
    data = await socket.data("list")
    assert (await socket.next("list"))["type"] == "complete"
    return {node["id"] for node in data["sessions"]["nodes"]}


async def told_id(socket: Socket, name: str) -> str:
    async with asyncio.timeout(SECONDS):
        event = await socket.event(name)
    assert event["kind"] == "RECORDED"
    return str(event["sessionId"])
