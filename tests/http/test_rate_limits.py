"""What one caller may take at once, over every transport, and what responses say about it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx
import pytest

from session_graph.access.viewer import Role
from session_graph.http.app import create_app
from session_graph.http.negotiation import GRAPHQL, JSON
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.live import connected, serving, streamed
from support.records import make_agent, record
from support.statements import Statements

pytestmark = pytest.mark.anyio

PAGE = "{ sessions(first: 50) { nodes { id startedAt contact asr summary channel } } }"
COST = 34
SLOW = {"budget_capacity": 110, "budget_per_second": 0.01}
"""Three pages fit, and nothing comes back during a test."""

Open = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def open_app(settings: Settings, database: Database) -> Open:
    """`async with open_app(budget_capacity=100) as client`: an application with these settings."""

    @asynccontextmanager
    async def opened(**changed: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings.model_copy(update=changed), database)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
        ):
            yield client

    return opened


def headers_of(key: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Accept": GRAPHQL, **headers}


async def warm(client: httpx.AsyncClient, account: Account, query: str = PAGE) -> None:
    """Have the server parse a document, at the expense of another key."""
    await post(client, await make_key(account), query)


async def post(client: httpx.AsyncClient, key: str, query: str = PAGE, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": query}, headers=headers_of(key, **headers))


async def test_an_operation_that_does_not_fit_is_refused_before_any_statement(
    open_app: Open, bistro: Account, statements: Statements
) -> None:
    key = await make_key(bistro)
    async with open_app(**SLOW) as client:
        await warm(client, bistro)
        served = [(await post(client, key)).status_code for _ in range(3)]
        await statements.restart()
        refused = await post(client, key)
        ran = [sql for sql in await statements.so_far() if "session s" in sql]

    assert served == [200, 200, 200]
    assert refused.status_code == 429
    (error,) = refused.json()["errors"]
    seconds = (COST - (110 - 3 * COST)) / 0.01
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert seconds - 10 < error["extensions"]["retryAfter"] <= seconds
    assert refused.headers["Retry-After"] == str(error["extensions"]["retryAfter"])
    assert (error["extensions"]["cost"], error["extensions"]["capacity"]) == (COST, 110)
    assert ran == []


@pytest.mark.parametrize("accept", [JSON, GRAPHQL, "*/*"])
async def test_a_refusal_has_status_429_in_every_media_type(open_app: Open, bistro: Account, accept: str) -> None:
    key = await make_key(bistro)
    async with open_app(budget_capacity=1, budget_per_second=0.01) as client:
        await warm(client, bistro)
        await post(client, key)
        refused = await post(client, key, Accept=accept)

    assert refused.status_code == 429
    assert "Retry-After" in refused.headers


async def test_keys_of_one_account_have_budgets_of_their_own(open_app: Open, bistro: Account) -> None:
    one, other = await make_key(bistro), await make_key(bistro)
    async with open_app(budget_capacity=40, budget_per_second=0.01) as client:
        await warm(client, bistro)
        statuses = [(await post(client, key)).status_code for key in (one, one, other, other)]

    assert statuses == [200, 429, 200, 429]


async def test_a_budget_refills(open_app: Open, bistro: Account) -> None:
    key = await make_key(bistro)
    async with open_app(budget_capacity=40, budget_per_second=2000) as client:
        await warm(client, bistro)
        for _ in range(10):
            assert (await post(client, key)).status_code == 200
            await asyncio.sleep(0.05)


async def test_a_refused_operation_fits_after_the_seconds_that_the_refusal_says(
    open_app: Open, bistro: Account
) -> None:
    key = await make_key(bistro)
    async with open_app(budget_capacity=40, budget_per_second=35) as client:
        await warm(client, bistro)
        assert (await post(client, key)).status_code == 200
        refused = await post(client, key)
        assert refused.status_code == 429
        await asyncio.sleep(int(refused.headers["Retry-After"]))

        assert (await post(client, key)).status_code == 200


async def test_an_operation_dearer_than_the_capacity_is_served_from_a_full_budget(
    open_app: Open, bistro: Account
) -> None:
    key = await make_key(bistro)
    async with open_app(budget_capacity=20, budget_per_second=0.01) as client:
        await warm(client, bistro)
        first, second = [await post(client, key) for _ in range(2)]

    assert first.status_code == 200
    assert first.headers["RateLimit"].startswith('"cost";r=0;t=')
    assert second.status_code == 429
    assert int(second.headers["Retry-After"]) > 3000


@pytest.mark.parametrize("way", ["a body that was sent before", "GET", "a persisted query", "a hash alone"])
async def test_every_way_of_sending_a_query_is_charged(open_app: Open, bistro: Account, way: str) -> None:
    key = await make_key(bistro)
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": sha256(PAGE.encode()).hexdigest()}}
    async with open_app(**SLOW) as client:
        await warm(client, bistro)

        async def send() -> httpx.Response:
            if way == "GET":
                return await client.get("/graphql", params={"query": PAGE}, headers=headers_of(key))
            body: dict[str, Any] = {"query": PAGE}
            if "persisted" in way:
                body["extensions"] = persisted
            elif "hash" in way:
                body = {"extensions": persisted}
            return await client.post("/graphql", json=body, headers=headers_of(key))

        if "hash" in way:
            both = {"query": PAGE, "extensions": persisted}
            await client.post("/graphql", json=both, headers=headers_of(await make_key(bistro)))
        statuses = [(await send()).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]


async def test_a_wrong_request_of_a_known_document_is_not_charged_and_has_the_headers(
    open_app: Open, bistro: Account
) -> None:
    key = await make_key(bistro)
    async with open_app(**SLOW) as client:
        for query in ("{ nothing }", "{", "{ sessions(first: 100000) { nodes { id } } }", "{ session(id: 7) { id } }"):
            await warm(client, bistro, query)
            refused = await post(client, key, query)
            assert refused.status_code == 400
            assert refused.headers["RateLimit"] == '"cost";r=110;t=0'
        assert (await post(client, key, Accept="text/html")).status_code == 406


@pytest.mark.parametrize("accept", [GRAPHQL, "application/json, text/event-stream"])
@pytest.mark.parametrize("query", ["{ viewer { role } }", "{ nothing }", "{"])
async def test_a_document_that_must_be_parsed_is_charged_once_valid_or_not(
    open_app: Open, bistro: Account, query: str, accept: str
) -> None:
    one, other = await make_key(bistro), await make_key(bistro)
    async with open_app(budget_capacity=1000, budget_per_second=0.01) as client:
        first = await post(client, one, query, Accept=accept)
        second = await post(client, other, query, Accept=accept)

    left = [int(re.findall(r"r=(\d+)", response.headers["RateLimit"])[0]) for response in (first, second)]
    assert left[1] - left[0] == 50 + len(query) // 2


async def test_documents_that_are_never_the_same_use_a_budget_up(open_app: Open, bistro: Account) -> None:
    key = await make_key(bistro)
    async with open_app(budget_capacity=300, budget_per_second=0.01) as client:
        responses = [await post(client, key, f"{{ nothing{number} }}") for number in range(10)]

    assert [response.status_code for response in responses] == [400] * 5 + [429] * 5
    assert "Retry-After" in responses[-1].headers


async def test_a_response_says_what_is_left(open_app: Open, bistro: Account) -> None:
    key = await make_key(bistro)
    async with open_app(budget_capacity=3000, budget_per_second=7) as client:
        await warm(client, bistro)
        response = await post(client, key)
        unkeyed = await post(client, "sg_wrong")

    assert response.headers["RateLimit-Policy"] == '"cost";q=3000;w=429;qu="cost"'
    found = re.fullmatch(r'"cost";r=(\d+);t=(\d+)', response.headers["RateLimit"])
    assert found
    assert 3000 - COST <= int(found[1]) < 3000
    assert 0 < int(found[2]) <= -(-COST // 7)
    assert unkeyed.status_code == 401
    assert "RateLimit" not in unkeyed.headers


async def test_a_refusal_says_when_it_fits_in_both_headers(open_app: Open, bistro: Account) -> None:
    key = await make_key(bistro)
    async with open_app(**SLOW) as client:
        await warm(client, bistro)
        for _ in range(3):
            await post(client, key)
        refused = await post(client, key)

    assert refused.headers["RateLimit"] == f'"cost";r=8;t={refused.headers["Retry-After"]}'


async def test_a_response_has_its_cost_if_the_request_asks_for_it(open_app: Open, bistro: Account) -> None:
    key = await make_key(bistro)
    async with open_app(**SLOW) as client:
        await warm(client, bistro)
        plain = await post(client, key)
        reported = await post(client, key, **{"GraphQL-Cost": "report"})
        other = await post(client, key, **{"GraphQL-Cost": "validate"})

    assert plain.json().keys() == other.json().keys() == {"data"}
    assert reported.json()["data"] == plain.json()["data"]
    cost = reported.json()["extensions"]["cost"]
    assert 2 * COST * 100 - 10 < cost.pop("fullInSeconds") <= 2 * COST * 100
    assert cost == {"estimate": COST, "charged": COST, "remaining": 42, "capacity": 110, "perSecond": 0.01}


@pytest.mark.parametrize(
    "query",
    ["{ __typename }", '{ agents { dashboard(timeZone: "Nowhere") { currency } } }', "{ __schema { __typename } }"],
)
async def test_the_cost_stands_beside_data_and_errors(open_app: Open, bistro: Account, query: str) -> None:
    key = await make_key(bistro)
    async with open_app() as client:
        plain = (await post(client, key, query)).json()
        reported = (await post(client, key, query, **{"GraphQL-Cost": "report"})).json()

    assert reported.pop("extensions").keys() == {"cost"}
    assert reported == plain


async def test_recording_is_charged_nothing_but_its_answer(open_app: Open, bistro: Account) -> None:
    key = await make_key(bistro, Role.RECORDER)
    await make_agent(bistro, idn="desk")
    batch = "mutation ($i: RecordSessionsInput!) { recordSessions(input: $i) { recordedCount errors { message } } }"
    alone = "mutation ($i: RecordSessionInput!) { recordSession(input: $i) { errors { message } } }"
    a_record = {"agent": "desk", "channel": "VOICE", "startedAt": "2026-01-01T10:00:00Z", "durationSeconds": 60}
    async with open_app(budget_capacity=1000, budget_per_second=0.01) as client:
        for query in (batch, alone):
            await warm(client, bistro, query)
        for _ in range(3):
            body = {"query": batch, "variables": {"i": {"records": [a_record] * 200}}}
            response = await client.post("/graphql", json=body, headers=headers_of(key, **{"GraphQL-Cost": "report"}))
            answer = response.json()
            assert answer["data"]["recordSessions"]["recordedCount"] == 200
            cost = answer["extensions"]["cost"]
            assert cost["estimate"] - cost["charged"] == 200 * 50

        body = {"query": alone, "variables": {"i": a_record}}
        response = await client.post("/graphql", json=body, headers=headers_of(key, **{"GraphQL-Cost": "report"}))

    cost = response.json()["extensions"]["cost"]
    assert cost["estimate"] - cost["charged"] == 100


async def test_records_are_recorded_whatever_the_budget_is(open_app: Open, bistro: Account) -> None:
    key = await make_key(bistro, Role.ADMIN)
    line = b'{"agent": "bistro", "channel": "VOICE", "startedAt": "2026-01-01T10:00:00Z", "durationSeconds": 60}\n'
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    async with open_app(budget_capacity=1, budget_per_second=0.01) as client:
        await warm(client, bistro)
        await post(client, key)
        assert (await post(client, key)).status_code == 429
        response = await client.post("/records", content=line * 3, headers=headers)

    assert response.text.count("RECORDED") + response.text.count("DUPLICATE") == 3


async def test_event_streams_are_charged_when_they_begin(
    settings: Settings, database: Database, database_url: str, bistro: Account
) -> None:
    key, other = await make_key(bistro), await make_key(bistro)
    subscription = "subscription { sessionEvents { kind cursor session { id } } }"
    changed = settings.model_copy(update={"budget_capacity": 1, "budget_per_second": 0.01})
    async with (
        serving(database, database_url, changed) as served,
        streamed(served.address, other, subscription),
        streamed(served.address, key, subscription) as first,
    ):
        assert first.response.headers["RateLimit"].startswith('"cost";r=0;')
        for query in (subscription, "{ viewer { role } }"):
            async with streamed(served.address, key, query) as refused:
                assert (await refused.refusal())["extensions"]["code"] == "RATE_LIMITED"


async def test_a_query_in_an_event_stream_has_its_cost_if_the_request_asks_for_it(
    settings: Settings, database: Database, database_url: str, bistro: Account
) -> None:
    headers = headers_of(await make_key(bistro), Accept="text/event-stream", **{"GraphQL-Cost": "report"})
    async with serving(database, database_url, settings) as served, httpx.AsyncClient() as client:
        response = await client.post(f"{served.address}/graphql", json={"query": PAGE}, headers=headers)

    assert '"extensions":{"cost":{"estimate":34,"charged":34,' in response.text
    assert "RateLimit-Policy" in response.headers


async def test_operations_over_a_websocket_are_charged(
    settings: Settings, database: Database, database_url: str, bistro: Account
) -> None:
    key = await make_key(bistro)
    other = await make_key(bistro)
    changed = settings.model_copy(update={"budget_capacity": 40, "budget_per_second": 0.01})
    async with (
        serving(database, database_url, changed) as served,
        connected(served.address, other) as first,
        connected(served.address, key) as socket,
    ):
        await first.subscribe(PAGE)
        assert (await first.refusal())["extensions"]["code"] == "RATE_LIMITED"
        await socket.subscribe(PAGE, id="1")
        assert "sessions" in await socket.data("1")
        await socket.subscribe(PAGE, id="2")
        assert (await socket.refusal("2"))["extensions"]["code"] == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("selection", "cost", "expected"),
    [
        pytest.param("id agent { name }", 113, 1, id="with statements"),
        pytest.param("id", 11, 5, id="without statements"),
    ],
)
async def test_an_event_is_charged_if_it_has_statements_and_waits_until_it_fits(
    settings: Settings, database: Database, database_url: str, bistro: Account, selection: str, cost: int, expected: int
) -> None:
    key, other = await make_key(bistro), await make_key(bistro)
    subscription = f"subscription {{ sessionEvents {{ kind sessionId session {{ {selection} }} }} }}"
    changed = settings.model_copy(update={"budget_capacity": 6 * cost, "budget_per_second": 0.01})
    async with (
        serving(database, database_url, changed) as served,
        streamed(served.address, other, subscription),
        streamed(served.address, key, subscription) as stream,
    ):
        await record(database, bistro, *[{"agent": "bistro"}] * 5)
        for _ in range(expected):
            assert (await stream.event())["kind"] == "RECORDED"
        assert await stream.says_nothing()
