"""Editing many sessions: the edit changes what the preview said, and the figures are right afterwards."""

from typing import TYPE_CHECKING

import pytest

from support.desk import Desk, expect, expect_totals

if TYPE_CHECKING:
    from playwright.async_api import Locator

pytestmark = pytest.mark.anyio

ASSESSED = "query ($filter: SessionFilter) { sessions(filter: $filter) { nodes { id humanAssessment } } }"


async def set_assessment(dialog: "Locator", value: str) -> None:
    await dialog.get_by_label("Human assessment").select_option(label=value)
    await dialog.get_by_role("button", name="Preview").click()


async def assessed(desk: Desk, search: str) -> dict[str, str | None]:
    nodes = (await desk.ask(ASSESSED, filter={"search": search}))["sessions"]["nodes"]
    return {node["id"]: node["humanAssessment"] for node in nodes}


async def test_the_selected_and_then_all_that_match_are_edited_as_previewed(desk: Desk) -> None:
    page, filter_ = desk.page, {"search": "Bulky"}
    for number in range(5):
        await desk.record(f"Bulky {number}", autoAssessment="NO")
    await desk.sign_in("/#search=Bulky")
    await expect(desk.count).to_have_text("5 sessions")
    await expect_totals(desk, filter_)
    selected = (await desk.ids())[:2]
    for row in (desk.rows.nth(0), desk.rows.nth(1)):
        await row.get_by_role("checkbox", name="Select").check()

    await page.get_by_role("button", name="Edit selected").click()
    dialog = page.get_by_role("dialog", name="Edit 2 sessions")
    await expect(dialog.get_by_role("button", name="Apply")).to_be_disabled()
    await set_assessment(dialog, "Yes-A")
    await expect(dialog.get_by_text("2 of 2 sessions will change.")).to_be_visible()
    assert set((await assessed(desk, "Bulky")).values()) == {None}
    await dialog.get_by_role("button", name="Change 2 sessions").click()
    await expect(page.get_by_text("2 sessions changed.")).to_be_visible()
    after = await assessed(desk, "Bulky")
    assert {id_ for id_, value in after.items() if value == "YES_A"} == set(selected)
    await desk.settle()
    await expect_totals(desk, filter_)

    await desk.rows.nth(3).get_by_role("checkbox", name="Select").check()
    await page.get_by_role("button", name="Edit all 5 that match").click()
    dialog = page.get_by_role("dialog", name="Edit 5 sessions")
    await set_assessment(dialog, "Yes-A")
    await expect(dialog.get_by_text("3 of 5 sessions will change. The others are as wanted already.")).to_be_visible()
    await dialog.get_by_label("Is Todo").select_option(label="Yes")
    await expect(dialog.get_by_role("button", name="Apply")).to_be_disabled()
    await dialog.get_by_role("button", name="Preview").click()
    await expect(dialog.get_by_text("5 of 5 sessions will change.")).to_be_visible()
    await dialog.get_by_role("button", name="Change 5 sessions").click()
    await expect(page.get_by_text("5 sessions changed.")).to_be_visible()

    assert set((await assessed(desk, "Bulky")).values()) == {"YES_A"}
    await desk.settle()
    figures = await expect_totals(desk, filter_)
    assert figures["leadSuccessScore"] == "1"
    for row in await desk.rows.all():
        await expect(await desk.cell(row, "Human Assessment")).to_have_text("Yes-A")
