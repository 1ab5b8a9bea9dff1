"""The explorer's page and its examples; the browser's tests cover GraphiQL itself."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, OperationType, parse, validate

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.demo import AGENTS, write_sessions
from session_graph.http.app import create_app
from session_graph.http.explorer import FILES, Example, load_examples
from session_graph.schema.schema import build_schema
from session_graph.sessions.agents import create_missing_agents, parse_agent
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import record_sessions
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller

pytestmark = pytest.mark.anyio

EXAMPLES = load_examples()
SCHEMA = build_schema()._schema
SCRIPT = (FILES / "assets" / "explore.js").read_text("utf-8")
STAND_INS = {
    "@session": "{ found: sessions(first: 1) { nodes { value: id } } }",
    "@externalId": "{ found: sessions(first: 1, filter: {hasExternalId: true}) { nodes { value: externalId } } }",
}


def operation_of(example: Example) -> OperationDefinitionNode:
    (definition,) = parse(example.query).definitions
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def is_subscription(example: Example) -> bool:
    return operation_of(example).operation is OperationType.SUBSCRIPTION


def named(examples: list[Example]) -> list[Any]:
    return [pytest.param(example, id=example.name) for example in examples]


VALID_HERE = [e for e in EXAMPLES if SCHEMA.subscription_type or not is_subscription(e)]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "bundle"


@pytest.fixture
async def exploring(settings: Settings, database: Database, bundle: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with the explorer on; its bundle is still missing."""
    app = create_app(settings.model_copy(update={"explorer": bundle}), database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


@pytest.fixture(scope="module")
async def demo(database: Database) -> Account:
    account = await find_or_create_account("explored")
    await create_missing_agents(account.id, [parse_agent(agent) for agent in AGENTS])
    records = [parse_record(record) for record in write_sessions(datetime.now(UTC))]
    await record_sessions(database, account.id, records)
    return account


@pytest.fixture
async def ask(client: httpx.AsyncClient, demo: Account) -> Caller:
    return await make_caller(client, demo, Role.ADMIN, {"email": "ana@example.com"})


def put_bundle(folder: Path) -> None:
    """Write empty files of the bundle, and a secret beside its folder."""
    folder.mkdir()
    for path in (folder / "graphiql.js", folder / "graphiql.css", folder.parent / "secret"):
        path.touch()


@pytest.mark.parametrize("path", ["/explore", "/explore/examples", "/explore/assets/explore.js"])
async def test_the_explorer_is_off_by_default(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_the_page_says_how_to_get_the_bundle_until_it_is_there(
    exploring: httpx.AsyncClient, bundle: Path
) -> None:
    without = await exploring.get("/explore")
    put_bundle(bundle)
    page = await exploring.get("/explore")

    assert "<code>make explorer</code>" in without.text
    assert '<script type="module" src="/explore/assets/explore.js">' in page.text
    for response in (without, page):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'")
        assert "unsafe-eval" not in policy
        assert "http" not in policy


async def test_only_the_files_that_the_page_loads_are_served(exploring: httpx.AsyncClient, bundle: Path) -> None:
    put_bundle(bundle)

    page = (await exploring.get("/explore")).text
    loaded = re.findall(r'(?:src|href)="(/[^"]+)"', page) + re.findall(r'from "(/[^"]+)"', SCRIPT)

    assert len(loaded) == 5
    assert [(await exploring.get(path)).status_code for path in loaded] == [200] * 5
    script = await exploring.get("/explore/assets/explore.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["x-content-type-options"] == "nosniff"
    assert (await exploring.get("/explore/bundle/..%2fsecret")).status_code == 404


async def test_the_examples_are_served_in_their_order(exploring: httpx.AsyncClient) -> None:
    served = (await exploring.get("/explore/examples")).json()

    assert [example["name"] for example in served] == [example.name for example in EXAMPLES]
    assert served[0].keys() == {"name", "query", "variables"}
    assert len({example["name"] for example in served}) == len(served) >= 12


def test_the_script_knows_every_stand_in() -> None:
    used = set(re.findall(r'"(@\w+)"', " ".join(str(e.variables).replace("'", '"') for e in EXAMPLES)))

    assert used == set(STAND_INS) == set(re.findall(r'^  "(@\w+)": \[', SCRIPT, re.MULTILINE))


@pytest.mark.parametrize("example", named(VALID_HERE))
def test_every_example_fits_the_schema(example: Example) -> None:
    operation = operation_of(example)

    assert validate(SCHEMA, parse(example.query)) == []
    assert operation.name
    assert {variable.variable.name.value for variable in operation.variable_definitions or ()} == set(example.variables)
    assert all(len(line) <= 80 for line in example.query.splitlines())


@pytest.mark.parametrize("example", named([e for e in EXAMPLES if not is_subscription(e)]))
async def test_every_example_has_a_result_that_is_not_empty(ask: Caller, example: Example) -> None:
    variables = {name: await fill_in(ask, value) for name, value in example.variables.items()}

    data = (await ask(example.query, **variables)).data

    assert all(data.values())
    assert [payload["errors"] for payload in data.values() if "errors" in payload] in ([], [[]])
    assert [found for found in data.values() if isinstance(found, dict) and found.get("totalCount") == 0] == []


async def fill_in(ask: Caller, value: Any) -> Any:
    """Replace stand-ins as the script does."""
    if isinstance(value, list):
        return [await fill_in(ask, one) for one in value]
    if not isinstance(value, str) or value not in STAND_INS:
        return value
    return (await ask(STAND_INS[value])).data["found"]["nodes"][0]["value"]
