"""Accessibility: names, landmarks, contrast in both color schemes, and a narrow screen."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from support.desk import Desk, expect

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio

CONTROLS = {
    "button", "checkbox", "combobox", "dialog", "grid", "link", "listbox", "progressbar", "radio", "region",
    "searchbox", "spinbutton", "textbox",
}  # fmt: skip
LEAST = 4.5
LEAST_OF_LARGE = 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11: text is large from 24 pixels on, bold from 18.66; stars are a picture."""

FAINT = """
([least, leastOfLarge]) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const read = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((part, i) => part * top[3] + below[i] * (1 - top[3])).concat(1);
  const above = (element) => (element ? [...above(element.parentElement), element] : []);
  const paint = (below, element) => over(read(getComputedStyle(element).backgroundColor), below);
  const ground = (element) => above(element).reduce(paint, [255, 255, 255, 1]);
  const luminance = (color) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = color.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const faint = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("[aria-hidden=true], :disabled, noscript, option, .rest")) continue;
    const style = getComputedStyle(element);
    const below = ground(element);
    const opacity = above(element).reduce((product, each) => product * getComputedStyle(each).opacity, 1);
    const [r, g, b, a] = read(style.color);
    const found = ratio(over([r, g, b, a * opacity], below), below);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) || element.closest("[role=img]");
    if (found < (isLarge ? leastOfLarge : least) - 0.005)
      faint.set(`${element.tagName}.${element.className} ${found.toFixed(2)}`, text.slice(0, 40));
  }
  return [...faint];
}
"""

Step = Callable[[Desk], Awaitable[None]]


async def nameless(page: "Page") -> list[str]:
    """Controls of the accessibility tree without a name."""
    session = await page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    await session.detach()
    shown = [node for node in nodes if not node["ignored"] and node["role"]["value"] in CONTROLS]
    assert len(shown) > 1
    return [str(node["role"]["value"]) for node in shown if not node.get("name", {}).get("value", "").strip()]


async def open_first(desk: Desk) -> None:
    await desk.rows.first.click()
    await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()


async def close_panel(desk: Desk) -> None:
    await desk.close()


async def open_filters(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Filters").click()
    await expect(desk.page.get_by_role("dialog", name="Filters")).to_be_visible()


async def close_filters(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Close filters").click()


async def open_columns(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Columns").click()


async def open_export(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Export").click()


async def close_dialog(desk: Desk) -> None:
    await desk.page.keyboard.press("Escape")
    await expect(desk.page.locator("dialog.modal")).to_have_count(0)


async def select_first(desk: Desk) -> None:
    await desk.rows.first.get_by_role("checkbox", name="Select").check()
    await expect(desk.page.get_by_role("region", name="Selected sessions")).to_be_visible()


async def edit_selected(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Edit selected").click()


STEPS: list[Step] = [
    open_first, close_panel, open_filters, close_filters, open_columns, close_dialog, open_export, close_dialog,
    select_first, edit_selected, close_dialog,
]  # fmt: skip
"""Open and close every panel and dialog."""


async def test_every_control_has_a_name_and_the_page_has_landmarks(desk: Desk, page: "Page") -> None:
    await page.goto("/")
    await page.get_by_label("API key").wait_for()
    assert await nameless(page) == []
    await desk.sign_in("/#isTest=false")

    for landmark in ("banner", "main", "search"):
        await expect(page.get_by_role(landmark)).to_have_count(1)
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert await page.evaluate("document.documentElement.lang") == "en"
    assert await nameless(page) == []
    for step in STEPS:
        await step(desk)
        assert await nameless(page) == [], step.__name__


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_texts_stand_out_from_their_ground(desk: Desk, page: "Page", scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.goto("/")
    await page.get_by_label("API key").wait_for()
    assert await page.evaluate(FAINT, [LEAST, LEAST_OF_LARGE]) == []
    await desk.sign_in("/#isTest=false")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, dark[4:-1].split(","))) < 200) == (scheme == "dark")

    assert await page.evaluate(FAINT, [LEAST, LEAST_OF_LARGE]) == []
    for step in STEPS:
        await step(desk)
        assert await page.evaluate(FAINT, [LEAST, LEAST_OF_LARGE]) == [], step.__name__


async def test_a_phone_never_scrolls_sideways(desk: Desk, page: "Page") -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    overflow = "document.documentElement.scrollWidth - innerWidth"
    await page.goto("/")
    await page.get_by_label("API key").wait_for()
    assert await page.evaluate(overflow) <= 0
    await desk.sign_in("/#isTest=false&autoAssessments=NO&channels=VOICE")

    assert await page.evaluate(overflow) <= 0
    scroller = "document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth"
    assert await page.evaluate(scroller) <= 0
    for step in STEPS:
        await step(desk)
        assert await page.evaluate(overflow) <= 0, step.__name__
        sideways = "[...document.querySelectorAll('dialog[open]')].some((each) => each.scrollWidth > each.clientWidth)"
        assert not await page.evaluate(sideways), step.__name__
