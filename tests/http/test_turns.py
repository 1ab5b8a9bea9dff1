"""Heavy queries of an account take turns, and nothing else waits for them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.turns import Turns
from session_graph.access.viewer import Role
from session_graph.http.app import create_app
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.api import Answer, Caller, make_caller
from support.live import until
from support.records import make_agent

pytestmark = pytest.mark.anyio

PAGE = "{ sessions(first: 10) { nodes { id } } }"
SLOW = "query ($name: String!) { sessions(filter: {search: $name}) { nodes { id } } }"
"""Heavy, and held by the fixture `held` while it runs."""


@dataclass
class Held:
    """The statements of slow queries: which began, and which may end."""

    began: list[str] = field(default_factory=list)
    ends: dict[str, asyncio.Event] = field(default_factory=dict)

    def end(self, *names: str) -> None:
        for name in names:
            self.ends.setdefault(name, asyncio.Event()).set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    fetch = Database.fetch

    async def fetch_slowly(self: Database, sql: str, *values: object) -> list[Row]:
        for value in values:
            if isinstance(value, str) and (name := value.strip("%")).startswith("slow"):
                held.began.append(name)
                await held.ends.setdefault(name, asyncio.Event()).wait()
                return []
        return await fetch(self, sql, *values)

    monkeypatch.setattr(Database, "fetch", fetch_slowly)
    return held


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """The turns of the test's application."""
    turns = Turns(3, 9, 30)
    monkeypatch.setattr(Turns, "of", lambda settings: turns)
    return turns


@pytest.fixture
async def app(settings: Settings, database: Database, turns: Turns) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings.model_copy(update={"budget_per_second": 0.01}), database)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


async def begin(ask: Caller, count: int, turns: Turns, account: Account) -> list[asyncio.Task[Answer]]:
    """Send slow queries, each when the one before it runs or waits."""
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(ask(SLOW, name=f"slow{number}")))
        await until(lambda: turns.count(account.id) == len(tasks))
    return tasks


async def test_twelve_slow_queries_of_a_key_run_three_at_a_time_in_their_order_and_delay_no_page(
    app: httpx.AsyncClient, turns: Turns, bistro: Account, held: Held
) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_agent(other)
    ask, neighbour = await make_caller(app, bistro, Role.ADMIN), await make_caller(app, other, Role.ADMIN)
    colleague = await make_caller(app, bistro, Role.PORTAL)
    tasks = await begin(ask, 12, turns, bistro)
    names = [f"slow{number}" for number in range(12)]

    await until(lambda: len(held.began) == 3)
    assert held.began == names[:3]
    for caller in (ask, colleague, neighbour):
        assert "sessions" in (await caller(PAGE)).data
    assert "dashboard" in (await neighbour("{ dashboard { totalAsr } }")).data
    assert held.began == names[:3]
    for number, name in enumerate(names):
        held.end(name)
        await tasks[number]
        await until(lambda most=number + 4: len(held.began) >= min(most, 12))  # type: ignore[misc]
        assert held.began == names[: number + 4]
    assert "dashboard" in (await ask("{ dashboard { totalAsr } }")).data


async def test_a_heavy_query_too_many_is_refused_and_not_charged(
    app: httpx.AsyncClient, turns: Turns, bistro: Account, held: Held
) -> None:
    ask, colleague = await make_caller(app, bistro, Role.ADMIN), await make_caller(app, bistro, Role.ADMIN)
    tasks = await begin(ask, 12, turns, bistro)
    headers = {"Authorization": f"Bearer {colleague.key}"}
    body = {"query": SLOW, "variables": {"name": "slow12"}}

    refused = await app.post("/graphql", json=body, headers=headers)

    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 30}
    assert refused.headers["Retry-After"] == "30"
    assert refused.headers["RateLimit"] == '"cost";r=1000000000;t=0'
    held.end(*(f"slow{number}" for number in range(12)))
    await asyncio.gather(*tasks)


async def test_a_client_that_leaves_the_queue_lets_the_next_one_in(
    app: httpx.AsyncClient, turns: Turns, bistro: Account, held: Held
) -> None:
    ask = await make_caller(app, bistro, Role.ADMIN)
    tasks = await begin(ask, 5, turns, bistro)
    await until(lambda: len(held.began) == 3)
    tasks[0].cancel()
    tasks[3].cancel()

    await until(lambda: len(held.began) == 4)
    assert held.began == ["slow0", "slow1", "slow2", "slow4"]
    held.end("slow1", "slow2", "slow4")
    await asyncio.gather(*tasks, return_exceptions=True)


FILTERED = "{}: sessions(filter: {{isLead: true}}) {{ nodes {{ id }} }}"
HEAVY = {
    "a search": '{ sessions(filter: {search: "ab"}) { nodes { id } } }',
    "a count": "{ sessions { totalCount } }",
    "a dashboard": "{ dashboard { totalAsr } }",
    "dashboards of agents": "{ agents { dashboard { totalAsr } } }",
    "an order without an index": "{ sessions(orderBy: {field: CONTACT}) { nodes { id } } }",
    "filter options": "{ viewer { account { filterOptions { tags } } } }",
    "many filters": f"{{ {FILTERED.format('a')} {FILTERED.format('b')} {FILTERED.format('c')} }}",
}
LIGHT = {
    "a page": PAGE,
    "a filtered page with agents": "{ sessions(filter: {isLead: true}) { nodes { id agent { name } } } }",
    "a page with transcripts": "{ sessions(first: 50) { nodes { id summary transcript { text } } } }",
    "External IDs": '{ sessionsByExternalId(externalIds: ["a", "b"]) { totalCount sessions { id } } }',
    "introspection": "{ __schema { types { name fields { name } } } }",
    "a mutation": 'mutation { updateAgent(input: {idn: "nobody"}) { errors { code } } }',
}


@pytest.mark.parametrize("name", [*HEAVY, *LIGHT])
async def test_heavy_is_what_reads_many_sessions(
    app: httpx.AsyncClient, turns: Turns, bistro: Account, held: Held, name: str
) -> None:
    ask = await make_caller(app, bistro, Role.ADMIN)
    tasks = await begin(ask, 3, turns, bistro)
    asked = asyncio.create_task(ask((HEAVY | LIGHT)[name]))

    done, _ = await asyncio.wait([asked], timeout=0.3 if name in HEAVY else 10)

    assert bool(done) == (name in LIGHT)
    held.end("slow0", "slow1", "slow2")
    assert "errors" not in (await asked).body
    await asyncio.gather(*tasks)
