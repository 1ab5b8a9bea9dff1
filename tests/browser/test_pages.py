"""The page loads without a complaint, complaints are noticed, and event streams are parsed."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.anyio

STRANGE = """
<!doctype html><link rel="icon" href="data:,"><script>forbidden()</script><img src="http://127.0.0.2/pixel">
<script src="/strange.js"></script><script>1</script>
"""

READ_EVENTS = """
async (chunks) => {
  const { readEvents } = await import("/assets/shared/eventstream.js");
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
  const events = [];
  for await (const { event, data } of readEvents(new Response(body))) events.push([event, data]);
  return events;
}
"""
STREAM = ": hello\nevent: next\r\ndata: {\r\ndata: }\r\n\r\ndata\rid: 1\r\revent: complete\n\ndata: never ended\n"
EVENTS = [["comment", "hello"], ["next", "{\n}"], ["message", ""], ["complete", ""]]


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

    await page.evaluate("0")  # earlier messages have arrived by now
    said = "\n".join(complaints)
    complaints.clear()
    for expected in (
        "request: http://127.0.0.2/pixel",
        "script: nothing is not defined",
        "error: policy: script-src-elem inline",
    ):
        assert expected in said


async def test_events_are_read_wherever_the_network_cuts_them(page: "Page") -> None:
    await page.goto("/")

    for cut in range(len(STREAM)):
        assert await page.evaluate(READ_EVENTS, [STREAM[:cut], STREAM[cut:]]) == EVENTS, cut
    assert await page.evaluate(READ_EVENTS, list(STREAM)) == EVENTS
