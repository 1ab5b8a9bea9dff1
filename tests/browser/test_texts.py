"""The page shows texts of a session literally, and runs nothing that they contain."""

from typing import TYPE_CHECKING

import pytest

from browser.conftest import Site
from support.desk import Desk, expect

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

pytestmark = pytest.mark.anyio

ATTACK = (
    '<img src="http://127.0.0.2/i" onerror="top.hit=1"><script>top.hit=2</script>"><svg onload=top.hit=3>'
    "</textarea></title>{{7*7}}${7*7}&lt;b&gt;\u202egnp.exe"
)
"""Elements, ends of attributes and elements, templates, a character reference, and a direction override."""
SHORT = '"><svg onload=top.hit=4>'
TYPE = f"type {ATTACK}"
AGENT = """mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { message } } }"""
TEXTS = {
    "sessionType": TYPE,
    "contactName": f"Mallory {ATTACK}",
    "otherContact": f"other {ATTACK}",
    "summary": f"summary {ATTACK}",
    "integration": f"integration {SHORT}",
    "connector": f"connector {SHORT}",
    "externalId": f"external {SHORT}",
    "endReason": f"ended {SHORT}",
    "actualResult": f"actual {ATTACK}",
    "expectedResult": f"expected {ATTACK}",
}
TAG, NAME = f"tag {SHORT}", f"agent {SHORT}"
COMMENT = f"comment {ATTACK}"
SPEAKER = f"speaker {SHORT}"


@pytest.fixture
async def attacked(desk: Desk) -> str:
    """Record a session with all of these texts; return its id."""
    agent = {"idn": "zz-attacked", "name": NAME, "timeZone": "America/New_York"}
    await desk.ask(AGENT, "ADMIN", input=agent)
    session = await desk.record(
        **{**TEXTS, "contact": TEXTS["contactName"]},
        agent="zz-attacked",
        utms={f"utm {SHORT}": ATTACK},
        tags=[TAG],
        metadata={f"key {SHORT}": ATTACK},
        transcript=[{"speaker": "HUMAN", "name": SPEAKER, "text": f"said {ATTACK}"}],
        autoAssessment="NO",
    )
    await desk.edit(session, comment=COMMENT)
    return session


async def expect_texts(within: "Locator", *texts: str) -> None:
    for text in texts:
        await expect(within.get_by_text(text).first).to_be_visible()


async def expect_nothing_carried_out(page: "Page") -> None:
    assert await page.evaluate("window.hit") is None
    assert await page.locator("img, svg[onload], main script").count() == 0


async def test_texts_of_a_session_are_shown_as_they_stand(
    desk: Desk, page: "Page", attacked: str, complaints: list[str], site: Site
) -> None:
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    columns = ".".join((await desk.ask("{ viewer { visibleColumns } }"))["viewer"]["visibleColumns"])
    await desk.sign_in(f"/#search=Mallory&columns={columns}&group=SESSION_TYPE")

    cells = [text for name, text in TEXTS.items() if name != "otherContact"]
    await expect_texts(desk.rows.first, *cells, COMMENT, TAG, NAME, ATTACK)
    await expect_texts(page.locator(".groups"), TYPE)
    await expect_nothing_carried_out(page)

    await desk.rows.first.click()
    heading = desk.panel.get_by_role("heading", name="Mallory")
    await expect(heading).to_have_text(TEXTS["contactName"])
    await expect_texts(
        desk.panel,
        TEXTS["summary"],
        TEXTS["actualResult"],
        TEXTS["expectedResult"],
        f"said {ATTACK}",
        SPEAKER,
        TAG,
        COMMENT,
    )
    await expect(desk.panel.get_by_role("textbox", name="Comment")).to_have_value(COMMENT)
    await expect(desk.panel.get_by_role("textbox", name="External ID")).to_have_value(TEXTS["externalId"])
    await expect_nothing_carried_out(page)
    await desk.close()

    await desk.press("Filters")
    filters = page.get_by_role("dialog", name="Filters")
    for text in (TYPE, TEXTS["integration"], TEXTS["connector"], TAG, NAME):
        await filters.get_by_role("checkbox", name=text).check()
        await desk.settle()
    await expect(desk.rows).to_have_count(1)
    await filters.get_by_role("button", name="Done").click()
    chips = page.get_by_role("list", name="Active filters")
    await expect_texts(chips, *(f"Tag: {TAG}", f"Agent: {NAME}", f"Session Type: {TYPE}"))
    for group in ("Agent", "Integration"):
        await page.locator(".groups select").select_option(label=group)
        await expect_texts(page.locator(".groups"), NAME if group == "Agent" else TEXTS["integration"])

    await desk.press("Export")
    await expect_texts(page.get_by_role("dialog", name="Export"), f"Session Type: {TYPE}")
    await page.keyboard.press("Escape")
    await desk.rows.first.get_by_role("checkbox", name="Select").check()
    await page.get_by_role("button", name="Edit selected").click()
    await expect(page.get_by_role("dialog", name="Edit 1 session")).to_be_visible()
    await expect_nothing_carried_out(page)


async def test_a_word_without_end_stays_in_its_place_on_a_phone(desk: Desk, page: "Page") -> None:
    word = "W" * 400
    texts = dict.fromkeys(("summary", "actualResult", "expectedResult", "otherContact"), word)
    said = [{"speaker": speaker, "text": word} for speaker in ("USER", "AGENT", "SYSTEM")]
    short = dict.fromkeys(("sessionType", "externalId", "integration", "connector"), word[:60])
    session = await desk.record(
        f"Endless {word[:150]}", **texts, **short, tags=[word[:60]], transcript=said, utms={"utm_source": word}
    )
    await desk.edit(session, comment=word)
    await page.set_viewport_size({"width": 390, "height": 844})
    await desk.sign_in("/#search=Endless")
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await page.get_by_role("main").evaluate("main => main.scrollWidth - main.clientWidth") <= 0

    await desk.rows.first.click()
    await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()

    assert await desk.panel.locator(".content").evaluate("content => content.scrollWidth - content.clientWidth") <= 0


async def test_a_link_with_a_script_in_it_is_a_filter_with_that_text(desk: Desk, page: "Page") -> None:
    address = (
        "/#search=%3Cimg+src%3Dx+onerror%3Dtop.hit%3D5%3E&sessionTypes=%3Csvg+onload%3Dtop.hit%3D6%3E&group=constructor"
    )
    await desk.sign_in(f"{address}&channels=constructor&columns=__proto__.STARTED_AT&order=constructor")

    await expect(desk.page.get_by_text("No session matches.")).to_be_visible()
    await expect_texts(page.get_by_role("list", name="Active filters"), "<img src=x onerror=top.hit=5>")
    await expect_nothing_carried_out(page)
