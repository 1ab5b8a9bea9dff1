"""Every page loads without a complaint; and complaints are noticed."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio

STRANGE = """
<!doctype html><link rel="icon" href="data:,"><script>forbidden()</script><img src="http://127.0.0.2/pixel">
<script src="/strange.js"></script><script>1</script>
"""


async def test_the_first_page_loads_and_has_a_name(page: "Page") -> None:
    response = await page.goto("/")

    assert response
    assert response.status == 200
    assert "session_graph" in await page.title()


async def test_a_complaint_is_noticed(page: "Page", complaints: list[str]) -> None:
    policy = {"Content-Security-Policy": "script-src 'self'"}
    await page.route("**/strange", lambda route: route.fulfill(body=STRANGE, headers=policy, content_type="text/html"))
    await page.route("**/strange.js", lambda route: route.fulfill(body="nothing()", content_type="text/javascript"))

    await page.goto("/strange", wait_until="load")

    await page.evaluate("0")  # what was said before has arrived by now
    said = "\n".join(complaints)
    complaints.clear()
    for expected in (
        "request: http://127.0.0.2/pixel",
        "script: nothing is not defined",
        "error: policy: script-src-elem inline",
    ):
        assert expected in said
