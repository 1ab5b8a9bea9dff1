"""The address holds the view, and the page requests the chosen columns alone."""

import re
from typing import TYPE_CHECKING, Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from browser.conftest import Site
from support.desk import Desk, expect

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio

ALWAYS = {"id", "version"}


def selected(request: dict[str, Any]) -> set[str]:
    """Return the fields of a session that a request of the list selects."""
    (operation,) = parse(request["query"]).definitions
    assert isinstance(operation, OperationDefinitionNode)
    node: Any = operation
    for name in ("sessions", "nodes"):
        (node,) = [each for each in node.selection_set.selections if each.name.value == name]
    return {each.name.value for each in node.selection_set.selections if isinstance(each, FieldNode)}


def lists(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests of the list. One that is repeated, as the stream began after its answer, counts once."""
    requests = [request for request in asked if " nodes {" in request["query"]]
    return [request for before, request in zip([None, *requests], requests, strict=False) if request != before]


async def choose(desk: Desk, **columns: bool) -> None:
    """Choose columns by their labels, with _ for a space."""
    await desk.page.get_by_role("button", name="Columns").click()
    dialog = desk.page.get_by_role("dialog", name="Columns")
    for label, on in columns.items():
        box = dialog.get_by_role("checkbox", name=re.compile(rf"^{label.replace('_', ' ')}\b"))
        await box.first.set_checked(on)
    await dialog.get_by_role("button", name="Apply").click()
    await desk.settle()


async def test_what_is_chosen_is_what_is_asked_for(desk: Desk) -> None:
    async with desk.listening() as asked:
        await desk.sign_in()
    usual = selected(lists(asked)[0])
    assert "summary" in usual
    assert not usual & {"tags", "utms", "comment", "transcript", "history"}

    async with desk.listening() as asked:
        await choose(desk, UTMs=True, Tags=True, Summary=False, ASR=False)
    assert [selected(request) for request in lists(asked)] == [usual - {"summary", "asr"} | {"utms", "tags"}]
    followed = [request["query"] for request in asked if request["query"].startswith("subscription")]
    assert [re.search(r"\b(summary|asr)\b", query) for query in followed] == [None]

    async with desk.listening() as asked:
        await choose(desk, UTMs=False, Tags=False, Summary=True, ASR=True)
    assert [selected(request) for request in lists(asked)] == [usual]
    assert "columns" not in desk.page.url


async def test_a_link_shows_the_same_view_in_another_tab(desk: Desk, page: "Page", site: Site) -> None:
    await desk.sign_in()
    await desk.press("Last 30 days", "Live only", "Machine said No")
    await choose(desk, Tags=True, Summary=False)
    async with desk.listening() as asked:
        await desk.grid.get_by_role("button", name="Lead Value").click()
        await desk.settle()
    *_, before = lists(asked)  # the one for the columns may still have been on its way
    rows, headers = await desk.ids(), await desk.grid.get_by_role("columnheader").all_inner_texts()
    assert rows

    other = Desk(await page.context.new_page(), site)
    async with other.listening() as asked:
        await other.sign_in(page.url)
    (request,) = lists(asked)

    assert request == before
    assert other.page.url == page.url
    assert await other.ids() == rows
    assert await other.grid.get_by_role("columnheader").all_inner_texts() == headers
    assert await other.page.get_by_role("list", name="Active filters").inner_text() == (
        await page.get_by_role("list", name="Active filters").inner_text()
    )
    assert site.keys["BUILDER"] not in page.url


async def test_back_and_forward_walk_through_the_views(desk: Desk) -> None:
    page = desk.page
    await desk.sign_in()
    everything = await desk.count.inner_text()
    await desk.press("Machine said No")
    some, first = await desk.count.inner_text(), await desk.rows.first.get_attribute("data-id")
    assert some != everything
    await desk.rows.first.click()
    await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()

    await page.go_back()
    await expect(desk.panel).to_have_count(0)
    await page.go_back()
    await expect(desk.count).to_have_text(everything)
    await page.go_forward()
    await expect(desk.count).to_have_text(some)
    await desk.settle()
    assert await desk.rows.first.get_attribute("data-id") == first
    await page.go_forward()

    await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()
    assert f"session={first}" in page.url
    await page.reload()
    await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()
    await expect(desk.count).to_have_text(some)


async def test_every_column_can_be_scrolled_into_sight_beside_an_open_session(desk: Desk) -> None:
    await desk.sign_in()
    await desk.rows.first.click()
    await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()

    await desk.page.get_by_role("main").evaluate("main => main.scrollBy(10000, 0)")

    last, panel = await desk.grid.get_by_role("columnheader").last.bounding_box(), await desk.panel.bounding_box()
    assert last
    assert panel
    assert last["x"] + last["width"] <= panel["x"] + 1
