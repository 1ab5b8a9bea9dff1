"""Changes from elsewhere appear on the open page, and none is missed over a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from browser.conftest import Site
from support.desk import Desk, expect
from support.wires import Wire, wired

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio


async def follow(desk: Desk, name: str, origin: str = "") -> None:
    """Sign in and follow the leads of that name."""
    await desk.sign_in(f"{origin}/#search={name}&isLead=true")
    await expect(desk.live).to_have_text("Live")


async def test_sessions_arrive_change_and_leave_without_a_reload(desk: Desk) -> None:
    await follow(desk, "Livia")
    await expect(desk.page.get_by_text("No session matches.")).to_be_visible()
    await desk.page.evaluate("window.isStillThisPage = true")

    session = await desk.record("Livia Liveson", autoAssessment="NO")
    row = desk.row("Livia Liveson")
    await expect(row).to_have_count(1)
    await expect(desk.count).to_have_text("1 session")
    await expect(desk.figure("Leads")).to_have_text("1")
    later = await desk.record("Livia Later", autoAssessment="NO", summary="Later")
    await expect(desk.rows).to_have_count(2)

    await desk.edit(session, humanAssessment="YES_B")
    await expect(await desk.cell(row, "Human Assessment")).to_have_text("Yes-B")
    await desk.edit(later, isLead=False)
    await expect(desk.rows).to_have_count(1)
    await expect(desk.count).to_have_text("1 session")
    await desk.edit(later, isLead=True)
    await expect(desk.rows).to_have_count(2)
    assert await desk.page.evaluate("window.isStillThisPage")


async def test_sessions_arrive_in_the_order_of_the_list(desk: Desk) -> None:
    await desk.sign_in("/#search=Sortie&order=-LEAD_VALUE")
    await expect(desk.live).to_have_text("Live")
    for name, value in (("Sortie B", "20.00"), ("Sortie C", "10.00"), ("Sortie A", "30.00"), ("Sortie D", None)):
        given = {"leadValue": value} if value else {"intentToBuy": False}
        await desk.record(name, **given)

    await expect(desk.rows).to_have_count(4)
    listed = await desk.ask(
        '{ sessions(filter: {search: "Sortie"}, orderBy: {field: LEAD_VALUE, direction: DESC}) { nodes { id } } }'
    )
    assert await desk.ids() == [node["id"] for node in listed["sessions"]["nodes"]]


@pytest.fixture
async def wire(page: "Page", site: Site) -> AsyncIterator[Wire]:
    """A connection between the page and the site that a test can cut and mend."""
    async with wired(site.address) as wire:
        await page.route(f"{wire.address}/**", lambda route: route.continue_())
        yield wire
        await page.goto("about:blank")


@pytest.mark.parametrize("has_heard", [True, False], ids=["after an event", "before any event"])
async def test_what_happens_while_the_connection_is_lost_is_there_when_it_returns(
    desk: Desk, wire: Wire, complaints: list[str], has_heard: bool
) -> None:
    name = "Offa" if has_heard else "Offb"
    gone, stays = await asyncio.gather(desk.record(f"{name} Gone"), desk.record(f"{name} Stays", autoAssessment="NO"))
    await follow(desk, name, wire.address)
    await expect(desk.rows).to_have_count(2)
    if has_heard:
        await desk.record(f"{name} Heard")
        await expect(desk.rows).to_have_count(3)

    await wire.cut()
    await expect(desk.live).to_have_text("Reconnecting…")
    await desk.record(f"{name} Meanwhile")
    await desk.edit(gone, isLead=False)
    await desk.edit(stays, humanAssessment="YES_A")
    await wire.mend()

    await expect(desk.live).to_have_text("Live", timeout=20_000)
    await expect(desk.row(f"{name} Meanwhile")).to_have_count(1)
    await expect(desk.row(f"{name} Gone")).to_have_count(0)
    await expect(await desk.cell(desk.row(f"{name} Stays"), "Human Assessment")).to_have_text("Yes-A")
    await expect(desk.count).to_have_text(f"{3 if has_heard else 2} sessions")
    await desk.record(f"{name} Afterwards")
    await expect(desk.row(f"{name} Afterwards")).to_have_count(1)
    assert [complaint for complaint in complaints if "net::ERR_" not in complaint] == []
    complaints.clear()


async def test_what_could_not_be_asked_is_asked_when_the_server_is_back(
    desk: Desk, wire: Wire, complaints: list[str]
) -> None:
    await follow(desk, "Offc", wire.address)
    await wire.cut()
    await desk.record("Offc Meanwhile")
    await desk.page.get_by_role("button", name="Refresh").click()
    trouble = desk.page.get_by_role("alert").filter(has_text="The server cannot be reached.")
    await expect(trouble).to_have_count(2)

    await wire.mend()

    await expect(desk.rows).to_have_count(1, timeout=20_000)
    await expect(trouble).to_have_count(0)
    complaints.clear()


async def test_what_is_typed_outlives_a_change_from_elsewhere(desk: Desk) -> None:
    session = await desk.record("Tippy Typed")
    await follow(desk, "Tippy")
    await desk.open("Tippy Typed")
    comment = desk.panel.get_by_role("textbox", name="Comment")
    await comment.fill("Half a sentence")

    await desk.edit(session, conversationQuality=4)

    await expect(desk.panel.get_by_role("radio", name="4 stars")).to_be_checked()
    await expect(comment).to_have_value("Half a sentence")
