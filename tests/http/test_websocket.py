"""The subprotocol graphql-transport-ws in detail: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from session_graph.access.accounts import find_or_create_account
from session_graph.errors import Unauthenticated
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import EVENTS, Served, connected, opened, serving, until
from support.records import record
from support.reports import comes_true

pytestmark = pytest.mark.anyio

HOST = "http://127.0.0.1"


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
async def test_a_key_in_the_first_message_may_have_a_name_in_any_case(
    served: Served, bistro: Account, name: str
) -> None:
    key = await make_key(bistro)
    async with opened(served.address) as socket:
        await socket.send(type="connection_init", payload={name: f"Bearer {key}"})

        assert await socket.receive() == {"type": "connection_ack"}
        assert socket.connection.subprotocol == "graphql-transport-ws"


async def test_a_key_may_come_in_the_header(served: Served, bistro: Account) -> None:
    async with opened(served.address, Authorization=f"Bearer {await make_key(bistro)}") as socket:
        await socket.send(type="connection_init")

        assert await socket.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"Authorization": "Bearer sg_no"}, {"Authorization": 7}, {"token": "x"}, {"Authorization": "Basic x"}],
)
async def test_a_connection_without_a_valid_key_is_closed(served: Served, payload: Any) -> None:
    async with opened(served.address) as socket:
        await socket.send(type="connection_init", payload=payload)

        assert await socket.closing_code() == 4401
        assert socket.connection.close_reason == Unauthenticated().message


async def test_a_key_in_the_url_is_ignored(served: Served, bistro: Account) -> None:
    address = f"{served.address.replace('http', 'ws', 1)}/graphql?Authorization=Bearer%20{await make_key(bistro)}"
    async with connect(address, subprotocols=["graphql-transport-ws"], compression=None) as connection:  # type: ignore[list-item]
        await connection.send('{"type": "connection_init"}')
        await connection.wait_closed()

        assert connection.close_code == 4401


FIRST: dict[str, tuple[str | bytes, int]] = {
    "subscribe": ('{"type": "subscribe", "id": "1", "payload": {"query": "{ viewer { name } }"}}', 4401),
    "complete": ('{"type": "complete", "id": "1"}', 4401),
    "unknown": ('{"type": "hello"}', 4401),
    "no type": ('{"id": "1"}', 4400),
    "no object": ("[]", 4400),
    "no JSON": ("{", 4400),
    "a payload of the wrong type": ('{"type": "connection_init", "payload": "x"}', 4400),
    "bytes": (b'{"type": "connection_init"}', 4400),
}


@pytest.mark.parametrize("case", FIRST)
async def test_a_wrong_first_message_closes_the_connection(served: Served, case: str) -> None:
    message, code = FIRST[case]
    async with opened(served.address) as socket:
        await socket.connection.send(message)

        assert await socket.closing_code() == code


LATER: dict[str, tuple[dict[str, Any], int]] = {
    "a second start": ({"type": "connection_init"}, 4429),
    "unknown": ({"type": "start", "id": "1"}, 4400),
    "no id": ({"type": "subscribe", "payload": {"query": "{ viewer { name } }"}}, 4400),
    "an empty id": ({"type": "subscribe", "id": "", "payload": {"query": "{ viewer { name } }"}}, 4400),
    "an id of the wrong type": ({"type": "subscribe", "id": 7, "payload": {"query": "{ viewer { name } }"}}, 4400),
    "a long id": ({"type": "subscribe", "id": "x" * 201, "payload": {"query": "{ viewer { name } }"}}, 4400),
    "no payload": ({"type": "subscribe", "id": "1"}, 4400),
    "an id in use": ({"type": "subscribe", "id": "used", "payload": {"query": EVENTS}}, 4409),
    "nothing to complete": ({"type": "complete"}, 4400),
}


@pytest.mark.parametrize("case", LATER)
async def test_a_breach_of_the_protocol_closes_the_connection(served: Served, bistro: Account, case: str) -> None:
    message, code = LATER[case]
    async with connected(served.address, await make_key(bistro)) as socket:
        await socket.subscribe(EVENTS, id="used")
        await socket.send(**message)

        assert await socket.closing_code() == code
    await until(lambda: served.is_idle)


async def test_a_payload_without_a_query_is_an_error_of_its_operation(served: Served, bistro: Account) -> None:
    async with connected(served.address, await make_key(bistro)) as socket:
        await socket.send(type="subscribe", id="1", payload={"query": 7})

        assert (await socket.refusal())["extensions"]["code"] == "BAD_USER_INPUT"
        await socket.subscribe("{ viewer { role } }")  # the id is free again
        assert await socket.data() == {"viewer": {"role": "ADMIN"}}


async def test_a_connection_that_is_not_initialised_in_time_is_closed(
    database: Database, database_url: str, settings: Settings
) -> None:
    hasty = settings.model_copy(update={"live_init_seconds": 0.1})
    async with serving(database, database_url, hasty) as served, opened(served.address) as socket:
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}

        assert await socket.closing_code() == 4408


@pytest.mark.parametrize("protocol", [None, "graphql-ws"])
async def test_another_subprotocol_is_refused(served: Served, protocol: str | None) -> None:
    async with opened(served.address, protocol) as socket:
        assert await socket.closing_code() == 4406


async def test_one_connection_has_many_operations_until_each_is_completed(
    served: Served, database: Database, bistro: Account
) -> None:
    async with connected(served.address, await make_key(bistro)) as socket:
        await socket.subscribe(EVENTS, id="all")
        await socket.subscribe(EVENTS, id="todo", filter={"isTodo": True})
        (one,) = await record(database, bistro, {"isTodo": True})
        assert {(await socket.event(id))["sessionId"] for id in ("all", "todo")} == {str(one)}

        await socket.send(type="complete", id="all")
        (other,) = await record(database, bistro, {"isTodo": True})
        assert (await socket.event("todo"))["sessionId"] == str(other)
        assert await socket.says_nothing()

        await socket.subscribe(EVENTS, id="all")
        assert list(served.live.subscriptions.values()) == [2]


async def test_a_pong_has_the_payload_of_its_ping(served: Served, bistro: Account) -> None:
    async with connected(served.address, await make_key(bistro)) as socket:
        await socket.send(type="pong")
        await socket.send(type="ping", payload={"n": 1})

        assert await socket.receive() == {"type": "pong", "payload": {"n": 1}}


async def test_a_message_that_is_too_long_closes_the_connection(
    database: Database, database_url: str, settings: Settings, bistro: Account
) -> None:
    short = settings.model_copy(update={"live_message_bytes": 2048})
    async with (
        serving(database, database_url, short) as served,
        connected(served.address, await make_key(bistro)) as socket,
    ):
        await socket.send(type="subscribe", id="1", payload={"query": "{ viewer { name } }" + " " * 3000})

        assert await socket.closing_code() == 1009


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (None, True),
        ("https://app.example.com", True),
        ("same", True),
        ("https://evil.example.com", False),
        ("null", False),
        ("http://app.example.com", False),
    ],
)
async def test_only_pages_of_allowed_origins_may_connect(
    database: Database, database_url: str, settings: Settings, bistro: Account, origin: str | None, is_allowed: bool
) -> None:
    named = settings.model_copy(update={"cors_origins": ("https://app.example.com",)})
    async with serving(database, database_url, named) as served:
        origin = served.address if origin == "same" else origin
        if is_allowed:
            async with opened(served.address, origin=origin) as socket:
                await socket.initialise(await make_key(bistro))
        else:
            with pytest.raises(InvalidStatus) as refused:
                await opened(served.address, origin=origin).__aenter__()
            assert refused.value.response.status_code == 403


async def test_connections_beyond_the_limit_are_refused(
    database: Database, database_url: str, settings: Settings, bistro: Account
) -> None:
    one = settings.model_copy(update={"live_connections": 1})
    key = await make_key(bistro)
    async with serving(database, database_url, one) as served:
        async with connected(served.address, key):
            with pytest.raises(InvalidStatus) as refused:
                await opened(served.address).__aenter__()
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"] == "30"
        await until(lambda: served.is_idle)
        async with connected(served.address, key):
            pass


WAITING = """
select count(*) from pg_stat_activity a where a.wait_event_type = 'Lock' and a.query like '%from session s%'
    and a.datname = current_database()
"""
EDIT = "mutation ($id: ID!) { updateSession(input: {sessionId: $id, patch: {isTodo: true}}) { errors { message } } }"


async def test_operations_are_cancelled_when_their_connection_ends(
    served: Served, database: Database, bistro: Account
) -> None:
    """Its running statement is cancelled, and nothing is written."""
    (one,) = await record(database, bistro, {})
    key = await make_key(bistro)

    async def waits() -> bool:
        row = await database.fetchrow(WAITING)
        return bool(row and row[0])

    async def waits_no_more() -> bool:
        return not await waits()

    async with database.transaction() as connection:
        await connection.execute("select from session s where s.account_id = $1 for update", bistro.id)
        async with connected(served.address, key) as socket:
            await socket.send(type="subscribe", id="1", payload={"query": EDIT, "variables": {"id": str(one)}})
            await comes_true(waits)
        await comes_true(waits_no_more)
    row = await database.fetchrow("select s.version from session s where s.account_id = $1", bistro.id)
    assert row
    assert row["version"] == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=10),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=5,
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "complete", "ping", "pong", "connection_init", "next"])},
    optional={
        "id": st.sampled_from(["1", "", "é"]) | JSON_VALUES,
        "payload": JSON_VALUES
        | st.fixed_dictionaries(
            {"query": st.sampled_from([EVENTS, "{ viewer { role } }", "{", ""]) | JSON_VALUES},
            optional={"variables": JSON_VALUES, "operationName": JSON_VALUES, "extensions": JSON_VALUES},
        ),
    },
)


@given(messages=st.lists(MESSAGES, max_size=5))
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_message_is_answered_or_closes_the_connection_by_the_protocol(
    served: Served, session_key: str, messages: list[dict[str, Any]]
) -> None:
    async with connected(served.address, session_key) as socket:
        try:
            for message in messages:
                await socket.send(**message)
            await socket.send(type="ping", payload={"last": 1})
            while (await socket.receive()) != {"type": "pong", "payload": {"last": 1}}:
                pass
        except ConnectionClosed:
            assert socket.connection.close_code in (4400, 4409, 4429)


@pytest.fixture(scope="module")
async def session_key(database: Database) -> str:
    account = await find_or_create_account(f"a{uuid4().hex[:12]}")
    return await make_key(account)
