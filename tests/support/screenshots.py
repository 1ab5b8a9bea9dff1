"""The README's pictures of the Sessions page, of a demo of their own: `make screenshots`."""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from browser.conftest import Site
from service.conftest import read_keys
from support.browsers import PROGRAMS
from support.desk import Desk
from support.processes import Server

MOST_BYTES = 250_000
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
VIEW = "/#period=LAST_30_DAYS&isTest=false"

Picture = tuple[str, str, dict[str, Any]]
PICTURES: list[Picture] = [
    ("sessions-desktop", VIEW, {"viewport": DESKTOP}),
    ("sessions-dark", f"{VIEW}&autoAssessments=NO", {"viewport": DESKTOP, "color_scheme": "dark"}),
    ("sessions-phone", VIEW, {"viewport": PHONE, "device_scale_factor": 1.5}),
]


async def photograph(site: Site, folder: Path) -> None:
    """On the dark one a session is open."""
    from playwright.async_api import async_playwright

    program = next(filter(None, map(shutil.which, PROGRAMS)))
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=as_root)
        for name, view, options in PICTURES:
            context = await browser.new_context(base_url=site.address, reduced_motion="reduce", **options)
            desk = Desk(await context.new_page(), site)
            await desk.sign_in(view)
            if "dark" in name:
                await desk.rows.nth(2).click()
                await desk.panel.get_by_role("heading", name="Transcript").wait_for()
            await desk.live.filter(has_text="Live").wait_for()
            await desk.page.screenshot(path=folder / f"{name}.png", animations="disabled", caret="hide")
            await context.close()
        await browser.close()


def check_size(path: Path) -> None:
    size = path.stat().st_size
    print(f"{path}: {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"{path} is too large for a README.")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        with Server(home, "demo") as server:
            server.wait_until_it_serves()
            site = Site(server.address, read_keys(home), home, home, "")
            asyncio.run(photograph(site, folder))
            server.stop()
    for name, _, _ in PICTURES:
        check_size(folder / f"{name}.png")


if __name__ == "__main__":
    main()
