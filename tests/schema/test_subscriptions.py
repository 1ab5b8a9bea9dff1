"""Subscriptions end to end, over both transports: what is told, what is refused and how, and when they end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.api_keys import create_key, revoke_key
from session_graph.access.viewer import Role
from session_graph.errors import Unauthenticated
from session_graph.http.access_log import LOGGER
from session_graph.sessions.cursors import write_event_cursor
from session_graph.sessions.editing import edit_session
from session_graph.sessions.event_history import MAX_BIGINT, LogPosition
from session_graph.sessions.event_log import current_position
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.access_matrix import FILTERS, READABLE, ROLES, SESSION
from support.api import make_key
from support.live import EVENTS, Json, Served, Socket, Stream, connected, serving, streamed, until
from support.records import make_agent, record
from support.statements import Statements
from support.viewers import make_viewer

pytestmark = pytest.mark.anyio

PARTS = """
subscription {
  sessionEvents {
    kind session { id transcript { text } history { field } agent { idn sessions { totalCount } } }
  }
}
"""
TURNS = [{"speaker": "USER", "text": "Hello?"}]

Follow = Callable[..., AbstractAsyncContextManager[Stream | Socket]]


@asynccontextmanager
async def socketed(address: str, key: str, query: str, **variables: Any) -> AsyncIterator[Socket]:
    async with connected(address, key) as opened:
        await opened.subscribe(query, **variables)
        yield opened


@pytest.fixture(params=[streamed, socketed], ids=["events", "websocket"])
def follow(request: pytest.FixtureRequest) -> Follow:
    """`async with follow(address, key, query, name=value) as following`: a subscription that has begun."""
    chosen: Follow = request.param
    return chosen


async def test_what_happens_to_sessions_is_told(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    viewer = make_viewer(bistro)
    async with follow(served.address, await make_key(bistro), EVENTS, filter={"isDone": False}) as following:
        (one,) = await record(database, bistro, {})
        recorded = await following.event()
        await edit_session(database, viewer, one, {"comment": "Seen."}, None, frozenset())
        changed = await following.event()
        await edit_session(database, viewer, one, {"isDone": True}, None, frozenset())
        left = await following.event()

    cursors = [event.pop("cursor") for event in (recorded, changed, left)]
    assert len(set(cursors)) == 3
    session = {"id": str(one), "version": 1, "comment": None}
    assert recorded == {"kind": "RECORDED", "sessionId": str(one), "session": session}
    assert changed["session"] == {"id": str(one), "version": 2, "comment": "Seen."}
    assert left == {"kind": "LEFT", "sessionId": str(one), "session": None}


async def test_a_cursor_goes_on_where_it_stands_and_only_for_its_account(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    key = await make_key(bistro)
    async with follow(served.address, key, EVENTS) as following:
        (one,) = await record(database, bistro, {})
        event = await following.event()
        assert event["sessionId"] == str(one)
    missed = await record(database, bistro, {}, {})

    async with follow(served.address, key, EVENTS, after=event["cursor"]) as following:
        told = [(await following.event())["sessionId"] for _ in missed]
        assert sorted(told) == sorted(map(str, missed))
        assert await following.says_nothing()

    other = await make_key(await find_or_create_account(f"a{uuid4().hex[:12]}"))
    async with follow(served.address, other, EVENTS, after=event["cursor"]) as following:
        refusal = await following.refusal()
    assert refusal["extensions"] == {"code": "CURSOR_INVALID", "path": ["after"]}


async def test_a_cursor_of_another_server_is_told_from_where_to_read_on(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    now = await current_position(database)
    elsewhere = write_event_cursor(LogPosition(now.number, "f" * 16, now.xid, now.seq), bistro.id)
    future = write_event_cursor(LogPosition(now.number, now.history, now.xid + 10**6, MAX_BIGINT), bistro.id)
    key = await make_key(bistro)

    async with follow(served.address, key, EVENTS, after=elsewhere) as following:
        assert (await following.refusal())["extensions"] == {"code": "HISTORY_LOST", "readFrom": None}
    async with follow(served.address, key, EVENTS, after=future) as following:
        extensions = (await following.refusal())["extensions"]
    assert extensions["code"] == "HISTORY_LOST"

    (one,) = await record(database, bistro, {})
    async with follow(served.address, key, EVENTS, after=extensions["readFrom"]) as following:
        assert (await following.event())["sessionId"] == str(one)


async def test_a_subscription_says_at_once_where_it_stands_and_again_later(
    database: Database, database_url: str, settings: Settings, bistro: Account, follow: Follow
) -> None:
    often = settings.model_copy(update={"live_checkpoint_seconds": 0.05})
    key = await make_key(bistro)
    async with serving(database, database_url, often) as served:
        async with follow(served.address, key, EVENTS) as following:
            assert await following.says_nothing()
            assert len(following.checkpoints) > 2
            assert len(set(following.checkpoints)) == 1
            (one,) = await record(database, bistro, {})
            event = await following.event()
            assert await following.says_nothing()
            assert following.checkpoints[-1] == event["cursor"]
        async with follow(served.address, key, EVENTS, after=following.checkpoints[0]) as following:
            assert (await following.event())["sessionId"] == str(one)


async def test_a_checkpoint_moves_on_past_what_the_filter_does_not_match(
    database: Database, database_url: str, settings: Settings, bistro: Account, follow: Follow
) -> None:
    often = settings.model_copy(update={"live_checkpoint_seconds": 0.05})
    nothing: Json = {"anyOf": []}
    key = await make_key(bistro)
    async with (
        serving(database, database_url, often) as served,
        follow(served.address, key, EVENTS, filter=nothing) as following,
    ):
        await record(database, bistro, {})
        assert await following.says_nothing()
        await until_moved(following)


async def until_moved(following: Stream | Socket) -> None:
    async with asyncio.timeout(10):
        while len(set(following.checkpoints)) < 2:
            assert await following.says_nothing()


async def test_parts_of_many_sessions_are_loaded_together(
    served: Served, database: Database, bistro: Account, follow: Follow, statements: Statements
) -> None:
    async with follow(served.address, await make_key(bistro), PARTS) as following:
        statements.clear()
        ids = await record(database, bistro, *({"transcript": TURNS} for _ in range(20)))
        told = [(await following.event())["session"] for _ in ids]

    assert {session["id"] for session in told} == set(map(str, ids))
    assert all(session["transcript"] == [{"text": "Hello?"}] for session in told)
    assert all(session["agent"] == {"idn": "bistro", "sessions": {"totalCount": 20}} for session in told)
    for table in ("from transcript", "from session_change"):
        assert len([statement for statement in statements if table in statement]) == 1


async def test_nobody_is_told_of_what_lies_outside_their_scope(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    await make_agent(bistro, idn="other")
    partner = await make_key(bistro, Role.PARTNER)
    portal = await make_key(bistro, Role.PORTAL, agents=["other"])
    recorder = await make_key(bistro, Role.RECORDER)
    query = "subscription { sessionEvents { kind sessionId session { id } } }"
    async with AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(follow(served.address, key, query)) for key in (partner, portal, recorder)
        ]
        viewer = make_viewer(bistro)
        (hidden,) = await record(database, bistro, {"integration": "pos"})
        await edit_session(database, viewer, hidden, {"isTodo": True}, None, frozenset())
        for_partner, for_portal = await record(
            database, bistro, {"integration": "crm"}, {"agent": "other", "integration": "pos"}
        )

        assert (await others[0].event())["sessionId"] == str(for_partner)
        assert (await others[1].event())["sessionId"] == str(for_portal)
        for other in others:
            assert await other.says_nothing()


@pytest.mark.parametrize("role", ROLES)
async def test_columns_that_a_role_may_not_read_are_refused_however_they_are_named(
    served: Served, bistro: Account, role: Role, follow: Follow, statements: Statements
) -> None:
    key = await make_key(bistro, role)
    readable = READABLE["Session"][role]
    plain = SESSION - {"agent", "transcript", "history", "asrFactors"}
    selected = f"subscription {{ sessionEvents {{ session {{ {' '.join(sorted(plain))} }} }} }}"
    async with follow(served.address, key, selected) as following:
        if refused := plain - readable:
            refusal = await following.refusal()
            assert refusal["extensions"]["code"] == "FORBIDDEN_FIELD"
            assert refusal["extensions"]["fields"] == [f"Session.{name}" for name in sorted(refused)]
        else:
            assert await following.says_nothing()

    async with connected(served.address, key) as opened:
        for name, (value, columns) in FILTERS.items():
            nested = f"subscription {{ sessionEvents(filter: {{not: {{{name}: {value}}}}}) {{ kind }} }}"
            await opened.subscribe(nested, id=name)
            if columns - readable:
                refusal = await opened.refusal(name)
                assert refusal["extensions"]["fields"] == [f"Session.{column}" for column in sorted(columns - readable)]
            else:
                await opened.send(type="complete", id=name)
                assert not opened.waiting.get(name), name


DEEP = "subscription { sessionEvents { session { agent { sessions { nodes %s } } } } }"
BAD: dict[str, tuple[str, Json, str]] = {
    "syntax": ("subscription {", {}, "BAD_USER_INPUT"),
    "unknown field": ("subscription { sessionEvents { colour } }", {}, "BAD_USER_INPUT"),
    "two roots": (
        "subscription { a: sessionEvents { kind } b: sessionEvents { kind } }",
        {},
        "BAD_USER_INPUT",
    ),
    "no root": (
        "subscription ($on: Boolean = false) { sessionEvents @include(if: $on) { kind } }",
        {},
        "BAD_USER_INPUT",
    ),
    "depth": (DEEP % ("{ agent { sessions { nodes " * 6 + "{ id }" + " } } }" * 6), {}, "TOO_LARGE"),
    "aliases": (
        f"subscription {{ sessionEvents {{ {' '.join(f'a{i}: kind' for i in range(61))} }} }}",
        {},
        "TOO_LARGE",
    ),
    "bad filter": (EVENTS, {"filter": {"search": "%"}}, "BAD_USER_INPUT"),
    "bad variable": (EVENTS, {"filter": {"colour": "red"}}, "BAD_USER_INPUT"),
    "bad cursor": (EVENTS, {"after": "nowhere"}, "CURSOR_INVALID"),
    "bad page below": (
        "subscription { sessionEvents { session { agent { sessions(first: 0) { totalCount } } } } }",
        {},
        "BAD_USER_INPUT",
    ),
    "bad id": ('subscription { exportProgress(id: "x") { status } }', {}, "BAD_USER_INPUT"),
    "unknown id": (f'subscription {{ exportProgress(id: "{uuid4()}") {{ status }} }}', {}, "BAD_USER_INPUT"),
}


@pytest.mark.parametrize("what", BAD)
async def test_what_cannot_be_served_is_refused_with_the_code_that_queries_get(
    served: Served, bistro: Account, what: str, follow: Follow
) -> None:
    query, variables, code = BAD[what]

    async with follow(served.address, await make_key(bistro), query, **variables) as following:
        message = await _only_refusal(following)

    assert message["extensions"]["code"] == code


async def _only_refusal(following: Stream | Socket) -> Json:
    """The first of the errors with which it ends."""
    if isinstance(following, Socket):
        answer = await following.next()
        assert answer["type"] == "error"
        return answer["payload"][0]  # type: ignore[no-any-return]
    event, data = await following.next()
    assert event == "next"
    assert data
    assert data.keys() == {"errors"}
    assert await following.next() == ("complete", None)
    return data["errors"][0]  # type: ignore[no-any-return]


async def test_queries_and_mutations_are_answered_by_the_same_view(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    await record(database, bistro, {})
    key = await make_key(bistro, Role.PORTAL)
    async with follow(served.address, key, "{ sessions { totalCount } }") as answered:
        assert await answered.data() == {"sessions": {"totalCount": 1}}
        if isinstance(answered, Socket):
            assert await answered.next() == {"type": "complete", "id": "1"}
        else:
            assert await answered.next() == ("complete", None)

    async with follow(served.address, key, 'mutation { updateAccount(input: {name: "X"}) { errors { code } } }') as one:
        assert (await one.refusal())["extensions"]["code"] == "FORBIDDEN"


async def test_a_revoked_key_ends_what_it_follows(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    key, row = await create_key(bistro, Role.ADMIN)
    async with follow(served.address, key, EVENTS) as following:
        await revoke_key(bistro, row.id)

        assert (await following.refusal())["extensions"]["code"] == "UNAUTHENTICATED"
        if isinstance(following, Socket):
            assert await following.closing_code() == 4401
            assert following.connection.close_reason == Unauthenticated().message
    await until(lambda: served.is_idle)


async def test_an_expired_key_ends_what_it_follows(served: Served, bistro: Account, follow: Follow) -> None:
    key, _ = await create_key(bistro, Role.ADMIN, expires_at=datetime.now(UTC) + timedelta(seconds=1))
    async with follow(served.address, key, EVENTS) as following:
        assert await following.says_nothing()

        assert (await following.refusal())["extensions"]["code"] == "UNAUTHENTICATED"


async def test_another_key_of_the_account_goes_on(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    _, other = await create_key(bistro, Role.ADMIN)
    async with follow(served.address, await make_key(bistro), EVENTS) as following:
        await revoke_key(bistro, other.id)
        (one,) = await record(database, bistro, {})

        assert (await following.event())["sessionId"] == str(one)


async def test_a_client_that_goes_away_leaves_nothing_behind(
    served: Served, database: Database, bistro: Account, follow: Follow
) -> None:
    before = len(asyncio.all_tasks())
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(follow(served.address, await make_key(bistro), EVENTS))
        assert not served.is_idle

    await until(lambda: served.is_idle)
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_a_key_has_only_so_many_subscriptions(
    database: Database, database_url: str, settings: Settings, bistro: Account, follow: Follow
) -> None:
    few = settings.model_copy(update={"live_subscriptions": 2})
    key, other = await make_key(bistro), await make_key(bistro)
    async with serving(database, database_url, few) as served, AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(follow(served.address, key, EVENTS))
        async with follow(served.address, key, EVENTS) as following:
            if isinstance(following, Socket):
                assert (await following.refusal())["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 30}
            else:
                assert following.response.status_code == 429
                assert following.response.headers["Retry-After"] == "30"
                (error,) = following.response.json()["errors"]
                assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 30}
        async with follow(served.address, other, EVENTS) as following:
            assert await following.says_nothing()


async def test_streams_end_when_the_server_stops(
    database: Database, database_url: str, settings: Settings, bistro: Account, follow: Follow
) -> None:
    async with serving(database, database_url, settings) as served:
        async with follow(served.address, await make_key(bistro), EVENTS) as following:
            served.live.end()

            if isinstance(following, Socket):
                assert await following.closing_code() == 1012
            else:
                with pytest.raises(EOFError):
                    await following.next()
        await until(lambda: served.is_idle)


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json, */*", "*/*"])
async def test_a_subscription_is_refused_to_those_who_read_no_stream(
    served: Served, bistro: Account, accept: str
) -> None:
    headers = {"Authorization": f"Bearer {await make_key(bistro)}", "Accept": accept}
    async with httpx.AsyncClient(base_url=served.address, headers=headers) as client:
        answer = await client.post("/graphql", json={"query": EVENTS})

    assert answer.status_code == (400 if "graphql-response" in accept else 200)
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_whoever_can_read_both_gets_a_stream_where_one_is_asked_for(served: Served, bistro: Account) -> None:
    headers = {
        "Authorization": f"Bearer {await make_key(bistro)}",
        "Accept": "application/graphql-response+json, application/json, text/event-stream",
    }
    async with httpx.AsyncClient(base_url=served.address, headers=headers) as client:
        answer = await client.post("/graphql", json={"query": "{ viewer { role } }"})
        assert answer.json() == {"data": {"viewer": {"role": "ADMIN"}}}
        async with client.stream("POST", "/graphql", json={"query": EVENTS}) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"


async def test_who_asks_and_how_is_refused_as_ever(served: Served, bistro: Account) -> None:
    """With a status and JSON, before any stream begins."""
    key = {"Authorization": f"Bearer {await make_key(bistro)}"}
    async with httpx.AsyncClient(base_url=served.address, headers={"Accept": "text/event-stream"}) as client:
        refusals = [
            await client.post("/graphql", json={"query": EVENTS}),
            await client.post("/graphql", json={"query": EVENTS}, headers={"Authorization": "Bearer sg_no"}),
            await client.post("/graphql", content="{", headers=key | {"Content-Type": "application/json"}),
            await client.post("/graphql", content="{}", headers=key | {"Content-Type": "text/plain"}),
            await client.put("/graphql", headers=key),
        ]

    assert [refusal.status_code for refusal in refusals] == [401, 401, 400, 415, 405]
    assert {refusal.headers["Content-Type"] for refusal in refusals} == {"application/json; charset=utf-8"}


async def test_mutations_are_not_streamed_by_get(served: Served, bistro: Account) -> None:
    headers = {"Authorization": f"Bearer {await make_key(bistro)}", "Accept": "text/event-stream"}
    mutation = 'mutation { updateAccount(input: {name: "X"}) { errors { code } } }'
    async with httpx.AsyncClient(base_url=served.address, headers=headers) as client:
        answered = await client.get("/graphql", params={"query": "{ viewer { role } }"})
        refused = await client.get("/graphql", params={"query": mutation})

    assert answered.text.endswith(
        'event: next\ndata: {"data":{"viewer":{"role":"ADMIN"}}}\n\nevent: complete\ndata:\n\n'
    )
    assert '"code":"BAD_USER_INPUT"' in refused.text


async def test_without_live_updates_a_subscription_is_refused(
    client: httpx.AsyncClient, database: Database, bistro: Account
) -> None:
    """Where the application is served without what they need."""
    headers = {"Authorization": f"Bearer {await make_key(bistro)}", "Accept": "text/event-stream"}
    answer = await client.post("/graphql", json={"query": EVENTS}, headers=headers)

    assert answer.status_code == 406


async def test_the_log_has_a_line_for_each_operation_and_connection(
    served: Served, bistro: Account, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=LOGGER.name):
        async with connected(served.address, await make_key(bistro)) as socket:
            await socket.subscribe("subscription Todo { sessionEvents { kind } }", id="a")
            await socket.subscribe('subscription Wrong { sessionEvents(after: "x") { kind } }', id="b")
        await until(lambda: served.is_idle)
        await asyncio.sleep(0.05)

    lines = [
        {name: record.__dict__.get(name) for name in ("operation_type", "operation_name", "status", "codes", "account")}
        for record in caplog.records
        if record.name == LOGGER.name
    ]
    common = {"operation_type": "subscription", "account": bistro.idn}
    assert lines == [
        {**common, "operation_name": "Wrong", "status": 400, "codes": ["CURSOR_INVALID"]},
        {**common, "operation_name": "Todo", "status": 200, "codes": None},
        {**common, "operation_type": None, "operation_name": None, "status": 101, "codes": None},
    ]
    assert {record.__dict__["method"] for record in caplog.records if record.name == LOGGER.name} == {"WEBSOCKET"}
