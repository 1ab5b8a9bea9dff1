"""What a request may cost, hold and last, over HTTP and with a database."""

import asyncio
from functools import reduce
from time import perf_counter
from typing import Any

import asyncpg
import httpx
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.engine import executor, plans
from session_graph.http.app import create_app
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.records import make_agent
from support.statements import Statements
from support.varied import make_varied

pytestmark = pytest.mark.anyio

PAGE = "sessions(first: 200) { nodes { %s } }"
NESTED = f"{{ {PAGE % ('agent { ' + PAGE % ('agent { ' + PAGE % 'id' + ' }') + ' }')} }}"
"""A hundred characters that ask for eight million sessions."""


NESTED_LISTS = reduce(lambda inner, _: [inner], range(70), list[Any]())


async def ask_with(settings: Settings, database: Database, account: Account, query: str) -> tuple[int, dict[str, Any]]:
    """Return status and body of the answer of an application with these settings."""
    app = create_app(settings, database)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        answer = await (await make_caller(client, account, Role.ADMIN))(query)
        return answer.status, answer.body


@pytest.fixture(scope="session")
async def filled(database: Database) -> Account:
    account = await find_or_create_account("costs")
    await make_varied(database, account)
    return account


async def test_what_would_cost_too_much_is_refused_before_any_statement(
    client: httpx.AsyncClient, filled: Account, statements: Statements
) -> None:
    ask = await make_caller(client, filled, Role.ADMIN)
    await ask("{ viewer { role } }")
    await statements.restart()

    answer = await ask(NESTED)

    assert answer.code == "TOO_LARGE"
    extensions = answer.errors[0]["extensions"]
    assert extensions["cost"] > extensions["maxCost"] == 30_000
    assert extensions["field"] == "sessions.nodes.agent.sessions.nodes.agent.sessions.nodes"
    assert [sql for sql in await statements.so_far() if "session s" in sql] == []


async def test_a_setting_says_what_an_operation_may_cost(
    settings: Settings, database: Database, filled: Account
) -> None:
    query = "{ sessions(first: 100) { nodes { id } } }"

    _, refused = await ask_with(settings.model_copy(update={"max_cost": 10}), database, filled, query)
    _, served = await ask_with(settings, database, filled, query)

    assert refused["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert "errors" not in served


async def test_a_wrong_argument_is_named_before_the_cost(client: httpx.AsyncClient, filled: Account) -> None:
    ask = await make_caller(client, filled, Role.ADMIN)

    answer = await ask("{ sessions(first: 100000000) { nodes { id } } }")

    assert answer.code == "BAD_USER_INPUT"


async def test_parents_that_share_an_object_read_its_lists_once(
    client: httpx.AsyncClient, filled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = Database.fetch

    async def fetch(self: Database, sql: str, *values: object) -> list[Row]:
        asked.extend(len(value) for value in values if isinstance(value, list) and "k (parent)" in sql)
        return await read(self, sql, *values)

    monkeypatch.setattr(Database, "fetch", fetch)
    ask = await make_caller(client, filled, Role.ADMIN)
    answer = await ask("{ sessions(first: 100) { nodes { agent { id sessions(first: 2) { nodes { id } } } } } }")

    parents = [node["agent"] for node in answer.data["sessions"]["nodes"]]
    agents = {parent["id"] for parent in parents}
    assert asked == [len(agents)]
    assert len(parents) > len(agents)
    first = {parent["id"]: parent for parent in parents}
    assert all(parent == first[parent["id"]] for parent in parents)


async def test_no_parents_cost_no_statement(client: httpx.AsyncClient, filled: Account, statements: Statements) -> None:
    ask = await make_caller(client, filled, Role.ADMIN)
    await ask("{ viewer { role } }")
    await statements.restart()

    answer = await ask(
        '{ sessions(filter: {sessionTypes: ["nothing"]})'
        " { nodes { agent { dashboard { totalAsr } sessions { totalCount nodes { id } } } } } }"
    )

    assert answer.data == {"sessions": {"nodes": []}}
    assert len([sql for sql in await statements.so_far() if "session s" in sql]) == 1


@pytest.mark.parametrize(
    "query",
    [
        "{ sessions(first: 50) { nodes { id summary } } }",
        "{ sessions(first: 50) { nodes { agent { sessions(first: 10) { nodes { id } } } } } }",
        'mutation { updateAgent(input: {idn: "nobody"}) { errors { code message path } } __typename }',
    ],
)
async def test_an_answer_is_bounded(settings: Settings, database: Database, filled: Account, query: str) -> None:
    _, body = await ask_with(settings.model_copy(update={"max_answer_bytes": 100}), database, filled, query)

    assert body["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert "100 bytes" in body["errors"][0]["message"]


async def test_lists_that_are_written_one_by_one_give_the_same_answer(
    client: httpx.AsyncClient, filled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = await make_caller(client, filled, Role.ADMIN)
    query = "{ agents { idn sessions(first: 20) { nodes { id tags agent { idn } transcript { text } utms } } } }"
    at_once = await ask(query)
    monkeypatch.setattr(plans, "LARGE", 0)

    assert (await ask(query)).data == at_once.data


async def test_a_query_takes_no_longer_than_its_time(
    settings: Settings, database: Database, filled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(self: Database, sql: str, *values: object) -> list[Row]:
        await asyncio.sleep(600)
        raise AssertionError

    monkeypatch.setattr(Database, "fetch", fetch)
    brief = settings.model_copy(update={"query_timeout_ms": 100})
    began = perf_counter()
    status, body = await ask_with(brief, database, filled, "{ sessions { nodes { id } } }")

    assert (status, body["errors"][0]["extensions"]["code"]) == (503, "TIMEOUT")
    assert perf_counter() - began < 60


async def test_a_cancelled_statement_does_not_run_again(
    client: httpx.AsyncClient, filled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    async def fetch(self: Database, sql: str, *values: object) -> list[Row]:
        ran.append(sql)
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")

    monkeypatch.setattr(Database, "fetch", fetch)
    ask = await make_caller(client, filled, Role.ADMIN)
    answer = await ask("{ viewer { role } late: sessions { nodes { id } } }")

    assert len(ran) == 1
    assert answer.body["data"] == {"viewer": {"role": "ADMIN"}, "late": None}
    (error,) = answer.errors
    assert (error["path"], error["extensions"]["code"]) == (["late"], "TIMEOUT")


async def test_an_error_of_a_field_does_not_lead_large_rows_to_the_ordinary_executor(
    client: httpx.AsyncClient, filled: Account, statements: Statements
) -> None:
    """A dashboard of an unknown zone fails the plan; the rows beside it would cost twenty times as much there."""
    ask = await make_caller(client, filled, Role.ADMIN)
    rows = "sessions(first: 200) { nodes { id summary phone email } }"
    wrong = '{ agents { %s dashboard(timeZone: "Nowhere") { currency } } }'

    small = await ask(wrong % "idn")
    large = await ask(wrong % rows)

    assert "path" in small.errors[0]
    assert small.code == large.code == "BAD_USER_INPUT"
    assert "path" not in large.errors[0]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"f": {"ids": ["x"] * 19_990, "agents": ["y"] * 20}}, "may have 20,000 values in all; these have 20,013."),
        ({"f": {}, "unused": [[""] * 100] * 200}, "may have 20,000 values in all; these have 20,202."),
        ({"f": {"ids": ["x"] * 20_001}}, "A list in the variables may have 20,000 entries; this one has 20,001."),
        ({"f": {"anyOf": [{}] * 2001}}, "may have 2,000 objects; this one has 2,001."),
        ({"f": {"anyOf": [[]] * 2001}}, "may have 2,000 objects; this one has 2,001."),
        ({"f": {f"x{i}": 0 for i in range(2001)}}, "An object in the variables may have 2,000 entries"),
        ({"f": {f"x{i}": {} for i in range(2001)}}, "An object in the variables may have 2,000 entries"),
        ({"f": {"tags": NESTED_LISTS}}, "64 lists and objects within each other"),
        ({"f": {"anyOf": [{}] * 300_000}}, "The body may have 200,000 values in all; this one has 300,005."),
        ({"f": {}, "unused": [0] * 200_000}, "The body may have 200,000 values in all; this one has 200,005."),
    ],
)
async def test_variables_with_too_many_values_are_refused_before_they_are_coerced(
    client: httpx.AsyncClient, filled: Account, monkeypatch: pytest.MonkeyPatch, variables: Any, message: str
) -> None:
    ask = await make_caller(client, filled, Role.ADMIN)
    monkeypatch.delattr(executor, "get_variable_values")

    answer = await ask("query ($f: SessionFilter) { sessions(filter: $f) { totalCount } }", **variables)

    assert answer.code == "TOO_LARGE"
    assert message in answer.errors[0]["message"]


async def test_a_batch_of_records_may_have_many_values(caller: Any, account: Account) -> None:
    ask: Caller = await caller(Role.ADMIN)
    await make_agent(account, idn="desk")
    turn = {"speaker": "USER", "text": "Hello"}
    record = {
        "agent": "desk",
        "channel": "VOICE",
        "startedAt": "2026-01-01T10:00:00Z",
        "durationSeconds": 60,
        "transcript": [turn] * 4000,
    }
    batch = "mutation ($i: RecordSessionsInput!) { recordSessions(input: $i) { recordedCount errors { message } } }"

    answer = await ask(batch, i={"records": [record] * 3})

    assert answer.data["recordSessions"]["recordedCount"] == 3
