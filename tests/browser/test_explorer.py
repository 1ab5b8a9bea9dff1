"""The explorer in a browser: how to get it, requests and a subscription."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.conftest import Site
from session_graph.http.explorer import BUNDLE, load_examples
from support.desk import Desk

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio

MADE = Path(__file__).parents[2] / BUNDLE
EXECUTE = "button.graphiql-execute-button"
ANSWER = "section.result-window .view-lines"


@pytest.fixture
def bundle(site: Site) -> Iterator[None]:
    """Give the site the bundle of `make explorer`. Skips the test if there is none."""
    if not (MADE / "graphiql.js").is_file():
        pytest.skip("needs the explorer's bundle: make explorer")
    site.bundle.symlink_to(MADE)
    yield
    site.bundle.unlink()


async def test_without_its_bundle_it_says_how_to_get_it(page: "Page") -> None:
    await page.goto("/explore")

    assert await page.locator("pre").inner_text() == "make explorer"


@pytest.mark.usefixtures("bundle")
async def test_without_a_key_it_asks_for_one(page: "Page") -> None:
    await page.goto("/explore")
    await page.click(EXECUTE)

    await page.locator(ANSWER, has_text="Type a key into the field above first").wait_for()


@pytest.mark.usefixtures("bundle")
async def test_examples_are_chosen_and_answered_and_the_key_stays_in_the_tab(page: "Page", site: Site) -> None:
    key = site.keys["BUILDER"]
    await page.goto("/explore")
    await page.get_by_label("Key", exact=True).fill(key)
    await page.keyboard.press("Enter")
    await page.get_by_label("Examples").select_option("Dashboard of 30 days with series and groups")
    await page.locator(".graphiql-query-editor", has_text="groups").wait_for()
    await page.click(EXECUTE)
    await page.locator(ANSWER, has_text="totalSessionCount").wait_for()
    await page.get_by_label("Examples").select_option("One session with transcript")
    await page.locator(".graphiql-query-editor", has_text="transcript").wait_for()
    await page.click(EXECUTE)
    await page.locator(ANSWER, has_text="expectedResult").wait_for()

    assert page.url == f"{site.address}/explore"
    assert await page.evaluate("sessionStorage.getItem('session_graph.key')") == key
    assert await page.evaluate("Object.keys(localStorage)") == []
    remembered = await page.evaluate("Object.values({...sessionStorage, 'session_graph.key': ''}).join('\\n')")
    assert key not in remembered
    variables = await page.locator(".graphiql-editor-tool").inner_text()
    assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", variables)


@pytest.mark.usefixtures("bundle")
async def test_the_schema_is_read_with_the_key(page: "Page", site: Site) -> None:
    await page.goto("/explore")
    await page.get_by_label("Key", exact=True).fill(site.keys["BUILDER"])
    await page.keyboard.press("Enter")
    await page.get_by_label("Show Documentation Explorer").click()

    await page.locator(".graphiql-doc-explorer-content", has_text="SessionFilter").wait_for()
    assert await page.get_by_label("Examples").locator("option").count() == len(load_examples()) + 1


@pytest.mark.usefixtures("bundle")
async def test_a_subscription_shows_each_event_as_it_comes(page: "Page", desk: Desk, site: Site) -> None:
    await page.goto("/explore")
    await page.get_by_label("Key", exact=True).fill(site.keys["BUILDER"])
    await page.keyboard.press("Enter")
    await page.get_by_label("Examples").select_option("Watch sessions live")
    await page.locator(".graphiql-query-editor", has_text="sessionEvents").wait_for()
    async with page.expect_response(lambda response: response.headers["content-type"].startswith("text/event-stream")):
        await page.click(EXECUTE)

    for contact in ("Early", "Later"):
        await desk.record(contact)
        await page.locator(ANSWER, has_text=contact).wait_for()
    await page.click(EXECUTE)
