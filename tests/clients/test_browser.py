"""Clients in a browser: a page of another origin, which the server must allow before the browser lets it ask."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients.conftest import Business, Report, run
from support.browsers import launch_browser, serve_files

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio

BUNDLE = ("--bundle", "--format=iife", "--loader:.graphql=text", "--log-level=warning")
HTML = '<!doctype html><link rel="icon" href="data:,"><script src="page.js"></script>'
CALL = "([server, authorization]) => run(server, authorization)"


@pytest.fixture(scope="module")
def frontend(node_modules: Path, business: Business) -> Path:
    """Return the folder of the frontend, with the bundled script."""
    folder = business.site.frontend_folder
    run(node_modules / ".bin" / "esbuild", "browser/page.mjs", *BUNDLE, f"--outfile={folder / 'page.js'}")
    (folder / "index.html").write_text(HTML)
    return folder


@pytest.fixture
async def page() -> AsyncIterator["Page"]:
    async with launch_browser() as browser:
        yield await browser.new_page()


@pytest.mark.usefixtures("frontend")
async def test_apollo_and_urql_read_and_subscribe_from_an_allowed_origin(page: "Page", business: Business) -> None:
    await page.goto(business.site.origin)

    report: Report = await page.evaluate(CALL, [business.site.server.address, f"Bearer {business.key}"])

    assert report == {"rows": [10, 10], "seen": [True, True]}


async def test_a_page_of_another_origin_cannot_ask(page: "Page", frontend: Path, business: Business) -> None:
    with serve_files(frontend) as other:
        await page.goto(other)

        with pytest.raises(Exception, match="Failed to fetch"):
            await page.evaluate(CALL, [business.site.server.address, f"Bearer {business.key}"])
