"""Security headers on every response, HSTS, and security.txt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import Route

from session_graph.errors import SettingError
from session_graph.http.app import create_app
from session_graph.http.safe_headers import DEFAULTS
from session_graph.settings import Settings, load_settings
from session_graph.store.database import Database

pytestmark = pytest.mark.anyio

REQUESTS = [
    *(("GET", "/"), ("GET", "/assets/sessions/page.js"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/nowhere")),
    *(("GET", "/assets/nowhere.js"), ("GET", "/assets/"), ("POST", "/"), ("DELETE", "/healthz"), ("PUT", "/graphql")),
    *(("GET", "/graphql"), ("POST", "/graphql"), ("POST", "/records"), ("GET", "/records")),
    *(("GET", "/exports/018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"), ("GET", "/exports/x"), ("GET", "/fails")),
    *(("GET", "/.well-known/security.txt"), ("GET", "/.well-known/nowhere")),
]


@asynccontextmanager
async def client_of(database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async def fail(request: Request) -> None:
        raise RuntimeError("nothing catches this")

    app = create_app(settings, database)
    app.router.routes.append(Route("/fails", fail))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(("method", "path"), REQUESTS)
async def test_every_response_has_each_header_once(
    database: Database, settings: Settings, method: str, path: str
) -> None:
    async with client_of(database, settings) as client:
        response = await client.request(method, path)

    for name in DEFAULTS:
        assert len(response.headers.get_list(name)) == 1, name
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"] or "sandbox" in str(response.headers)
    assert "strict-transport-security" not in response.headers


async def test_browsers_are_told_to_use_https_if_the_operator_says_so(database: Database, settings: Settings) -> None:
    async with client_of(database, settings.model_copy(update={"hsts_seconds": 31_536_000})) as client:
        found = {
            (await client.request(method, path)).headers.get("strict-transport-security")
            for method, path in REQUESTS
            if path != "/fails"
        }

    assert found == {"max-age=31536000"}


async def test_without_a_contact_there_is_no_security_txt(client: httpx.AsyncClient) -> None:
    assert (await client.get("/.well-known/security.txt")).status_code == 404


async def test_security_txt_has_the_contact_and_has_not_expired(database: Database, settings: Settings) -> None:
    given = {"security_contact": "mailto:security@example.com", "public_url": "https://sessions.example.com/"}
    async with client_of(database, settings.model_copy(update=given)) as client:
        response = await client.get("/.well-known/security.txt")

    fields = dict(line.split(": ", 1) for line in response.text.splitlines())
    expires = datetime.fromisoformat(fields.pop("Expires"))
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert timedelta(days=30) < expires - datetime.now(UTC) < timedelta(days=365)
    assert fields == {
        "Contact": "mailto:security@example.com",
        "Preferred-Languages": "en",
        "Canonical": "https://sessions.example.com/.well-known/security.txt",
    }


@pytest.mark.parametrize(
    "contact", ["security@example.com", "http://example.com", "mailto:a@b.example\nExpires: never", "mailto:a b"]
)
def test_a_contact_that_is_no_address_ends_the_start(contact: str) -> None:
    with pytest.raises(SettingError, match="SESSION_GRAPH_SECURITY_CONTACT"):
        load_settings(security_contact=contact)
