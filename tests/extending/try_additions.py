"""Run by test_additions on a copy of the source with its additions: that each works wherever it should show."""

import asyncio
import os
from typing import Any

import httpx

from session_graph.access.accounts import find_or_create_account
from session_graph.access.api_keys import create_key
from session_graph.access.viewer import Role
from session_graph.exports.csv_columns import header
from session_graph.http.app import create_app
from session_graph.settings import load_settings
from session_graph.store.database import Database, open_database
from session_graph.store.migration import migrate

RECORD = {"agent": "a", "channel": "SMS", "startedAt": "2026-01-01T00:00:00Z", "endedAt": "2026-01-01T00:01:00Z"}


async def main() -> None:
    url = os.environ["SESSION_GRAPH_DATABASE_URL"]
    await migrate(url)
    settings = load_settings()
    database = await open_database(url, settings)
    try:
        account = await find_or_create_account("acme")
        keys = {role: (await create_key(account, role))[0] for role in (Role.ADMIN, Role.PORTAL)}
        transport = httpx.ASGITransport(create_app(settings, database))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def ask(query: str, role: Role = Role.ADMIN, **variables: Any) -> dict[str, Any]:
                headers = {"Authorization": f"Bearer {keys[role]}"}
                response = await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
                answer: dict[str, Any] = response.json()
                return answer

            await try_all(ask, database)
    finally:
        await database.close()


async def try_all(ask: Any, database: Database) -> None:
    made = await ask(
        'mutation { createAgent(input: {idn: "a", name: "A", timeZone: "UTC", motto: "Onwards"}) { agent { motto } } }'
    )
    assert made["data"]["createAgent"]["agent"] == {"motto": "Onwards"}, made
    changed = await ask('mutation { updateAgent(input: {idn: "a", motto: null}) { agent { motto } errors { path } } }')
    assert changed["data"]["updateAgent"] == {"agent": {"motto": None}, "errors": []}, changed
    refused = await ask("{ agents { motto } }", Role.PORTAL)
    assert refused["errors"][0]["extensions"]["fields"] == ["Agent.motto"], refused

    record = {**RECORD, "contactName": "Zoe", "mood": "glad"}
    query = "mutation($input: RecordSessionInput!) { recordSession(input: $input) { session { id } errors { path } } }"
    recorded = await ask(query, input=record)
    assert recorded["data"]["recordSession"]["errors"] == [], recorded
    row = await database.fetchrow("select s.mood from session s")
    assert row is not None
    assert row["mood"] == "glad"
    wrong = await ask(query, input={**record, "units": "-1"})
    assert wrong["data"]["recordSession"]["errors"] == [{"path": ["input", "units"]}], wrong
    warned = query.replace("errors {", "warnings { code } errors {")
    too_long = await ask(warned, input={**record, "contactName": None, "mood": "x" * 1000})
    assert too_long["data"]["recordSession"]["warnings"] == [{"code": "TEXT_CUT"}], too_long
    await database.execute("delete from session_event")
    await database.execute("delete from session where contact_name is null")

    listed = await ask("{ sessions { nodes { initial } } viewer { visibleColumns } }")
    assert listed["data"]["sessions"]["nodes"] == [{"initial": "Z"}], listed
    assert "INITIAL" in listed["data"]["viewer"]["visibleColumns"]
    refused = await ask("{ sessions { nodes { initial } } }", Role.PORTAL)
    assert refused["errors"][0]["extensions"]["fields"] == ["Session.initial"], refused
    assert "Initial" in header(["initial"])

    greeting = "mutation($name: String!) { greet(input: {name: $name}) { greeting errors { code path } } }"
    greeted = await ask(greeting, name="Zoe")
    assert greeted["data"]["greet"] == {"greeting": "Hello Zoe", "errors": []}, greeted
    unnamed = await ask(greeting, name="")
    assert unnamed["data"]["greet"]["errors"] == [{"code": "INVALID", "path": ["input", "name"]}], unnamed
    forbidden = await ask(greeting, Role.PORTAL, name="Zoe")
    assert forbidden["errors"][0]["extensions"]["code"] == "FORBIDDEN", forbidden


if __name__ == "__main__":
    asyncio.run(main())
    print("every addition works")
