"""The page without a mouse: from sign-in to a review and back to the row."""

from typing import TYPE_CHECKING

import pytest

from browser.conftest import Site
from support.desk import Desk, expect

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio

FOCUSED = "document.activeElement.closest('[data-id]')?.dataset.id"
IS_KEPT = """
document.activeElement === document.body || document.activeElement.closest("dialog:modal") !== null
"""
"""Whether the focus is in the dialog, or with the browser between its last and its first control."""
DIALOGS = {"c": "Columns", "e": "Export", "?": "Keys"}


async def sign_in_by_keys(desk: Desk) -> None:
    await desk.page.goto("/")
    await expect(desk.page.get_by_label("API key")).to_be_focused()
    await desk.page.keyboard.insert_text(desk.site.keys["BUILDER"])
    await desk.page.keyboard.press("Enter")
    await desk.grid.wait_for()
    await desk.settle()


async def test_a_review_by_keys_alone_ends_where_it_began(desk: Desk, page: "Page", site: Site) -> None:
    first = await desk.record("Keyla First", autoAssessment="NO")
    second = await desk.record(
        "Keyla Second", autoAssessment="NO", startedAt="2026-01-05T10:00:00Z", endedAt="2026-01-05T10:01:00Z"
    )
    keys = page.keyboard
    await sign_in_by_keys(desk)

    await keys.press("/")
    await expect(desk.search).to_be_focused()
    await keys.type("Keyla")
    await keys.press("Enter")
    await expect(desk.count).to_have_text("2 sessions")
    await desk.settle()
    await keys.press("ArrowDown")
    assert await page.evaluate(FOCUSED) == first
    await keys.press("ArrowDown")
    assert await page.evaluate(FOCUSED) == second

    await keys.press("Enter")
    await expect(desk.panel.get_by_role("heading", name="Keyla Second")).to_be_visible()
    assert await page.evaluate("document.activeElement.closest('dialog')?.ariaLabel") == "Session"
    await keys.press("1")
    await expect(desk.panel.get_by_text("Saved.")).to_be_visible()
    await expect(desk.panel.get_by_role("radio", name="Yes-A")).to_be_checked()
    await keys.press("Escape")

    await expect(desk.panel).to_have_count(0)
    assert await page.evaluate(FOCUSED) == second
    answer = await desk.ask("query ($id: ID!) { session(id: $id) { humanAssessment } }", id=second)
    assert answer["session"]["humanAssessment"] == "YES_A"


async def test_dialogs_keep_the_focus_and_give_it_back(desk: Desk, page: "Page") -> None:
    await sign_in_by_keys(desk)
    await page.keyboard.press("j")
    row = await page.evaluate(FOCUSED)
    assert row

    for key, name in DIALOGS.items():
        await page.keyboard.press(key)
        dialog = page.get_by_role("dialog", name=name)
        await expect(dialog).to_be_visible()
        for _ in range(8):
            await page.keyboard.press("Shift+Tab")
            assert await page.evaluate(IS_KEPT)
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        assert await page.evaluate(FOCUSED) == row


async def test_the_filters_are_opened_and_closed_by_keys(desk: Desk, page: "Page") -> None:
    await sign_in_by_keys(desk)
    await page.keyboard.press("f")
    filters = page.get_by_role("dialog", name="Filters")
    await expect(filters).to_be_visible()
    assert await page.evaluate("document.activeElement.closest('dialog')?.ariaLabel") == "Filters"

    await page.keyboard.press("Escape")

    await expect(filters).to_have_count(0)
    await expect(page.get_by_role("button", name="Filters")).to_be_focused()


async def test_selecting_by_keys_offers_what_can_be_done(desk: Desk, page: "Page") -> None:
    await sign_in_by_keys(desk)
    for key in ("j", "x", "ArrowDown", "ArrowDown", "Shift+Space"):
        await page.keyboard.press(key)
    selected = page.get_by_role("region", name="Selected sessions")
    await expect(selected).to_contain_text("3 selected")

    await page.keyboard.press("Escape")

    await expect(selected).to_be_hidden()
