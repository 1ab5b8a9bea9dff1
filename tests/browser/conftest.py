"""A real browser on a real server: one of each for all tests, and a fresh profile for each test.

A test fails on each warning or error in the page's console, each error of its scripts, each breach of its policy, and
each request to another server, which is blocked.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.conftest import read_keys
from support.browsers import launch_browser
from support.databases import empty_database
from support.desk import Desk
from support.processes import Server

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Page, Route

REPORT_BREACHES = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.effectiveDirective} ${event.blockedURI}`));
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A server with the demo's account in a database of its own, and a key of each role."""

    address: str
    keys: dict[str, str]
    bundle: Path
    """The folder in which it looks for the explorer's bundle; it does not exist."""
    home: Path
    database_url: str


@pytest.fixture(scope="package")
async def site(
    server_url: str, tmp_path_factory: pytest.TempPathFactory, browser: "Browser", anyio_backend: str
) -> AsyncIterator[Site]:
    home = tmp_path_factory.mktemp("browser") / "home"
    bundle = home.parent / "bundle"
    async with empty_database(server_url) as url:
        with Server(home, "demo", database_url=url, explorer=str(bundle)) as server:
            server.wait_until_it_serves()
            yield Site(server.address, read_keys(home), bundle, home, url)
            assert server.stop() == 0


@pytest.fixture(scope="package")
async def browser(anyio_backend: str) -> AsyncIterator["Browser"]:
    """The machine's Chromium. Skips the test if there is none."""
    async with launch_browser() as running:
        yield running


@pytest.fixture
def complaints() -> list[str]:
    """The complaints about the test's page so far. A test that expects some checks and clears them."""
    return []


@pytest.fixture
async def page(browser: "Browser", site: Site, complaints: list[str]) -> AsyncIterator["Page"]:
    """A page whose addresses are relative to the site. Fails the test if a complaint about it is left."""

    def hear(message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    async def refuse(route: "Route") -> None:
        complaints.append(f"request: {route.request.url}")
        await route.abort()

    context = await browser.new_context(base_url=site.address, viewport={"width": 1280, "height": 800})
    context.on("console", hear)
    context.on("weberror", lambda error: complaints.append(f"script: {error.error}"))
    context.set_default_timeout(10_000)
    await context.add_init_script(REPORT_BREACHES)
    await context.route(lambda address: not address.startswith(f"{site.address}/"), refuse)
    opened = await context.new_page()
    yield opened
    await opened.evaluate("0")  # earlier messages have arrived by now
    await context.close()
    assert complaints == []


@pytest.fixture
def desk(page: "Page", site: Site) -> Desk:
    """A user of the Sessions page with a BUILDER's key, not signed in yet."""
    return Desk(page, site)
