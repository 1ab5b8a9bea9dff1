"""The Sessions page on a large account: the time until its first rows, and how it scrolls.

python -m bench.page                      500,000 sessions; about a minute, the first time two more for the data
python -m bench.page --rows 20000         fewer
"""

import argparse
import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import postgres
from bench.dataset import prepare
from bench.servers import start_product

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
VISITS = 7
PAGES = 40
PIXELS_A_FRAME = 120
"""With 60 frames a second, 200 rows a second: faster than anyone reads."""

SIGN_IN = "sessionStorage.setItem('session_graph.key', {key!r})"
NOTE_FIRST_ROWS = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("[role=grid] [data-id]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => (window.firstRows = performance.now())));
}).observe(document, { subtree: true, childList: true });
"""
SCROLL = """
([rows, step]) => new Promise((resolve) => {
  const main = document.querySelector("main");
  const table = document.querySelector("[role=grid]");
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({
    type: "longtask",
  });
  const frames = [];
  let [last, waiting] = [0, 0];
  const frame = (now) => {
    if (last) frames.push(now - last);
    last = now;
    const seen = [...table.querySelectorAll("[data-id]")].at(-1);
    if (seen.getBoundingClientRect().bottom < main.getBoundingClientRect().bottom) waiting += 1;
    if (Number(seen.dataset.index) >= rows) return setTimeout(() => resolve({ frames, tasks, waiting }), 100);
    main.scrollTop += step;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})
"""


async def measure(address: str, key: str) -> Mapping[str, Any]:
    from playwright.async_api import async_playwright

    program = next(filter(None, map(shutil.which, PROGRAMS)))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        await _visit(browser, address, key)  # warms up the server
        first = [await _visit(browser, address, key) for _ in range(VISITS)]
        context = await _open(browser, address, key)
        page = await context.new_page()
        again = []
        for _ in range(VISITS):
            await page.goto("/")
            again.append(await (await page.wait_for_function("() => window.firstRows")).json_value())
        scrolled = await page.evaluate(SCROLL, [PAGES * 100, PIXELS_A_FRAME])
        await browser.close()
    return {"first": first, "again": again, **scrolled}


async def _open(browser: "Browser", address: str, key: str) -> "BrowserContext":
    context = await browser.new_context(base_url=address, viewport={"width": 1280, "height": 800})
    await context.add_init_script(SIGN_IN.format(key=key) + NOTE_FIRST_ROWS)
    return context


async def _visit(browser: "Browser", address: str, key: str) -> float:
    """Return the milliseconds from navigation to the first rows, in a browser that has only the key."""
    context = await _open(browser, address, key)
    page = await context.new_page()
    await page.goto("/")
    seen: float = await (await page.wait_for_function("() => window.firstRows")).json_value()
    await context.close()
    return seen


async def run(url: str | None, rows: int, bin_dir: Path | None) -> None:
    with postgres.running(url, rows, bin_dir) as running:
        print(f"preparing {rows:,} sessions", flush=True)
        data = await prepare(running, rows)
        server = await start_product(data)
        try:
            found = await measure(f"http://127.0.0.1:{server.port}", data.key)
        finally:
            server.stop()
    frames = sorted(found["frames"])
    for name, visit in (("first", "first visit"), ("again", "next visit")):
        times = found[name]
        print(f"first rows, {visit}: {median(times):.0f} ms ({min(times):.0f} to {max(times):.0f})")
    print(
        f"scrolling {PAGES} pages: {len(frames)} frames, median {median(frames):.1f} ms, longest {frames[-1]:.0f} ms,"
    )
    print(f"  {sum(frame > 50 for frame in frames)} over 50 ms, {found['waiting']} with rows still to come")
    print(f"long tasks: {len(found['tasks'])}, longest {max(found['tasks'], default=0):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--url", help="URL of a PostgreSQL server to use instead")
    parser.add_argument("--postgresql", type=Path, metavar="BIN", help="folder of other PostgreSQL programs")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.url, arguments.rows, arguments.postgresql))


if __name__ == "__main__":
    main()
