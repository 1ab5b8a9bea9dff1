"""Requests without a valid key are slowed down by the address of their client, on every path that takes a key."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from session_graph.access.attempts import BURST_SECONDS
from session_graph.http.access_log import LOGGER
from session_graph.http.app import create_app
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.ids import new_id
from session_graph.store.models import Account
from support.api import make_key

pytestmark = pytest.mark.anyio

PROXY = "10.0.0.1"
QUERY = {"query": "{ viewer { name } }"}
BURST = int(BURST_SECONDS)
"""With one attempt a second."""

REQUESTS = [
    ("POST", "/graphql", {"Content-Type": "application/json"}),
    ("GET", "/graphql?query=%7Ba%7D", {}),
    ("POST", "/graphql", {"Content-Type": "application/json", "Accept": "text/event-stream"}),
    ("POST", "/records", {"Content-Type": "application/x-ndjson"}),
    ("GET", f"/exports/{new_id()}", {}),
]


@asynccontextmanager
async def client_of(database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Speak with a new application as a proxy that it trusts."""
    few = settings.model_copy(update={"refusals_per_second": 1.0, "trusted_proxies": (PROXY,)})
    transport = httpx.ASGITransport(create_app(few, database), client=(PROXY, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def of(address: str, key: str | None = None) -> dict[str, str]:
    return {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {key}"} if key else {})


@pytest.mark.parametrize(
    ("method", "path", "headers"), REQUESTS, ids=["POST", "GET", "event stream", "records", "download"]
)
async def test_every_path_says_when_to_try_again(
    database: Database, settings: Settings, method: str, path: str, headers: dict[str, str]
) -> None:
    async with client_of(database, settings) as client:
        for _ in range(BURST):
            assert (await client.request(method, path, headers=headers | of("203.0.113.5"))).status_code == 401
        refused = await client.request(method, path, headers=headers | of("203.0.113.5"))
        other = await client.request(method, path, headers=headers | of("203.0.113.6"))

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert refused.json()["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 1}
    assert other.status_code == 401


async def test_a_key_in_use_passes_beside_a_flood_of_its_address(
    database: Database, settings: Settings, bistro: Account
) -> None:
    key = await make_key(bistro)
    async with client_of(database, settings) as client:
        for _ in range(3 * BURST):
            accepted = await client.post("/graphql", json=QUERY, headers=of("203.0.113.5", key))
            assert accepted.status_code == 200
            await client.post("/graphql", json=QUERY, headers=of("203.0.113.5", "sg_wrong"))
        flooding = await client.post("/graphql", json=QUERY, headers=of("203.0.113.5", "sg_wrong"))

    assert flooding.status_code == 429


async def test_the_log_says_who_used_which_key_from_where(
    database: Database, settings: Settings, bistro: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER.name)
    key = await make_key(bistro, name="the shop's frontend")
    async with client_of(database, settings) as client:
        found = await client.post("/graphql", json=QUERY, headers=of("203.0.113.5", key))
        await client.get(f"/exports/{new_id()}", headers=of("203.0.113.6", key))
    assert found.status_code == 200

    lines = [each.__dict__ for each in caplog.records if each.name == LOGGER.name]
    assert [(line["client"], line["caller"], line["account"]) for line in lines] == [
        ("203.0.113.5", "the shop's frontend", bistro.idn),
        ("203.0.113.6", "the shop's frontend", bistro.idn),
    ]
    assert len({line["key_id"] for line in lines}) == 1
    assert key not in str(lines)
