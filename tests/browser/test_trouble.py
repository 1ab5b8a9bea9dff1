"""After an error the page says what to do, keeps what was typed, and works again."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson
import pytest

from browser.conftest import Site
from support.desk import Desk, expect
from support.processes import run_command

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, Route

pytestmark = pytest.mark.anyio

ADDRESS = "/#period=LAST_30_DAYS&isTest=false"
SESSION = "query ($id: ID!) { session(id: $id) { comment humanAssessment } }"


@contextmanager
def failing(complaints: list[str]) -> Iterator[None]:
    """Accept Chromium's own message about each failed request, and no other complaint."""
    yield
    assert [complaint for complaint in complaints if "Failed to load resource" not in complaint] == []
    complaints.clear()


def is_about(route: "Route", part: str) -> bool:
    return part in str((route.request.post_data_json or {}).get("query"))


async def answer_with(route: "Route", code: str, message: str) -> None:
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    await route.fulfill(body=orjson.dumps(body), content_type="application/graphql-response+json")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("sg_0000000000_0000000000", "That key is not valid: it may be mistyped, revoked or expired."),
        ("no key at all", "That is not a key: it has spaces or letters that no key has."),
    ],
)
async def test_a_wrong_key_is_told_apart_and_can_be_tried_again(
    desk: Desk, page: "Page", complaints: list[str], key: str, said: str
) -> None:
    with failing(complaints):
        await page.goto("/")
        field = page.get_by_label("API key")
        await field.fill(key)
        await page.keyboard.press("Enter")

        await expect(page.get_by_role("alert")).to_have_text(said)
        await expect(field).to_be_focused()
        assert await page.evaluate("sessionStorage.length") == 0
        await desk.sign_in()


async def test_a_key_that_is_revoked_while_the_page_is_open_asks_for_another_and_keeps_the_view(
    desk: Desk, page: "Page", site: Site, complaints: list[str]
) -> None:
    def run(*arguments: str) -> str:
        done = run_command(site.home, "key", *arguments, database_url=site.database_url)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    making = ("create", "--account", "demo", "--role", "BUILDER", "--name", "short-lived", "--quiet")
    key = await asyncio.to_thread(run, *making)
    await desk.sign_in(ADDRESS, key)
    await expect(desk.live).to_have_text("Live")
    rows = await desk.ids()

    with failing(complaints):
        await asyncio.to_thread(run, "revoke", "--account", "demo", key)
        await expect(page.get_by_role("alert")).to_contain_text("You were signed out: the key is not valid any more.")
    await expect(desk.grid).to_have_count(0)
    assert key not in await page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    await page.get_by_label("API key").fill(site.keys["BUILDER"])
    await page.keyboard.press("Enter")
    await desk.grid.wait_for()
    await desk.settle()

    assert page.url.endswith(ADDRESS)
    assert await desk.ids() == rows


async def test_what_takes_too_long_says_what_to_do_and_works_again(desk: Desk, page: "Page") -> None:
    async def refuse(route: "Route") -> None:
        filter_ = (route.request.post_data_json or {})["variables"].get("filter", {})
        if is_about(route, "query Page") and filter_.get("period") != "LAST_7_DAYS":
            await answer_with(route, "TIMEOUT", "The statement took too long.")
        else:
            await route.fallback()

    await desk.sign_in(ADDRESS)
    alert = page.get_by_role("alert").filter(has_text="That took the database too long.")
    async with desk.answering(refuse):
        await page.get_by_role("button", name="Machine said No").click()
        await expect(alert).to_contain_text("Narrow the filter or the time range, and try again.")
        await alert.get_by_role("button", name="Last 7 days only").click()
        await desk.settle()

    await expect(alert).to_have_count(0)
    assert "LAST_7_DAYS" in page.url
    assert await desk.ids()


def limit(refused: dict[str, int], times: int, seconds: int) -> Callable[["Route"], Awaitable[None]]:
    """Refuse each operation as many times as RATE_LIMITED, and count how often each came."""

    async def answer(route: "Route") -> None:
        posted = route.request.post_data_json or {}
        request = f"{posted.get('query')} {posted.get('variables')}"
        refused[request] = refused.get(request, 0) + 1
        if refused[request] > times:
            return await route.fallback()
        error = {"message": "Too much.", "extensions": {"code": "RATE_LIMITED", "retryAfter": seconds}}
        body = orjson.dumps({"errors": [error]})
        if not is_about(route, "subscription"):
            return await route.fulfill(status=429, body=body, content_type="application/graphql-response+json")
        events = b"event: next\ndata: %b\n\nevent: complete\ndata:\n\n" % body
        return await route.fulfill(body=events, content_type="text/event-stream")

    return answer


async def test_what_is_limited_is_asked_again_by_itself_after_the_time_that_the_server_says(
    desk: Desk, page: "Page", complaints: list[str]
) -> None:
    refused: dict[str, int] = {}
    with failing(complaints):
        async with desk.answering(limit(refused, times=1, seconds=1)):
            await desk.sign_in(ADDRESS)
            await expect(desk.rows.first).to_be_visible()
            await expect(desk.live).to_have_text("Live")

    assert await desk.ids()
    await expect(page.get_by_role("alert")).to_have_count(0)
    assert any("query Page" in request for request in refused)
    assert any("subscription" in request for request in refused)
    assert all(times >= 2 for request, times in refused.items() if "query Page" in request)


async def test_a_limit_that_lasts_too_long_is_told(desk: Desk, page: "Page", complaints: list[str]) -> None:
    refuse = limit({}, times=1, seconds=61)

    async def refuse_queries(route: "Route") -> None:
        await (route.fallback() if is_about(route, "subscription") else refuse(route))

    await desk.sign_in(ADDRESS)
    troubles = page.get_by_role("alert").filter(has_text="Too much was asked for at once.")
    with failing(complaints):
        async with desk.answering(refuse_queries):
            await page.get_by_role("button", name="Refresh").click()
            await expect(troubles).to_have_count(2)
            await expect(troubles.last).to_contain_text("Wait a minute, and try again.")
        await troubles.last.get_by_role("button", name="Try again").click()

        await expect(troubles).to_have_count(0)
        await desk.settle()


async def test_a_server_that_is_away_is_told_and_asked_again(desk: Desk, page: "Page", complaints: list[str]) -> None:
    async def be_away(route: "Route") -> None:
        await (route.fallback() if is_about(route, "subscription") else route.abort())

    await desk.sign_in(ADDRESS)
    count = await desk.count.inner_text()
    troubles = page.get_by_role("alert").filter(has_text="The server cannot be reached.")
    with failing(complaints):
        async with desk.answering(be_away):
            await page.get_by_role("button", name="Refresh").click()
            await expect(troubles).to_have_count(2)
            await expect(troubles.last).to_contain_text("Check the connection, and try again.")
            await expect(troubles.last).to_be_in_viewport()
            await desk.rows.first.click()
            await expect(desk.panel.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        await desk.panel.get_by_role("button", name="Try again").click()
        await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()
        await desk.close()
        await troubles.last.get_by_role("button", name="Try again").click()

        await expect(troubles).to_have_count(0)
        await desk.settle()
    await expect(desk.count).to_have_text(count)
    await expect(desk.rows.first).to_be_visible()


async def test_a_failed_save_says_that_nothing_was_saved_and_keeps_what_was_typed(
    desk: Desk, complaints: list[str]
) -> None:
    session = await desk.record("Savina Failing")
    await desk.sign_in("/#search=Savina")
    await desk.open("Savina Failing")
    comment = desk.panel.get_by_role("textbox", name="Comment")
    await comment.fill("Not lost")
    with failing(complaints):
        async with desk.answering(lambda route: route.abort()):
            await desk.panel.get_by_role("button", name="Save comment").click()
            await expect(desk.panel.get_by_role("alert").filter(has_text="Nothing was saved.")).to_be_visible()
    await expect(comment).to_have_value("Not lost")
    await desk.panel.get_by_role("button", name="Save comment").click()
    await expect(desk.panel.get_by_text("Saved.")).to_be_visible()
    assert (await desk.ask(SESSION, id=session))["session"]["comment"] == "Not lost"


async def edit_stale(desk: Desk, session: str, contact: str) -> "Locator":
    """Save a comment over a version that the page does not know is old; return the conflict that it shows."""

    async def deafen(route: "Route") -> None:
        await (route.abort() if is_about(route, "subscription") else route.fallback())

    async with desk.answering(deafen):
        await desk.sign_in(f"/#search={contact}")
        await desk.open(contact)
        await desk.edit(session, humanAssessment="NO", comment="Theirs")
        await desk.panel.get_by_role("textbox", name="Comment").fill("Mine")
        await desk.panel.get_by_role("button", name="Save comment").click()
        conflict = desk.panel.get_by_role("alert").filter(has_text="changed this session meanwhile")
        await expect(conflict).to_contain_text(re.compile("Human assessment.*nothing → No"))
        await expect(conflict).to_contain_text("“Theirs”")
        await expect(desk.panel.get_by_role("textbox", name="Comment")).to_have_value("Mine")
    return conflict


@pytest.mark.parametrize(("choice", "comment"), [("Save mine", "Mine"), ("Keep theirs", "Theirs")])
async def test_a_conflict_shows_what_changed_and_keeps_what_was_typed(
    desk: Desk, complaints: list[str], choice: str, comment: str
) -> None:
    contact = f"Connie {comment}"
    session = await desk.record(contact, autoAssessment="NO")
    with failing(complaints):
        conflict = await edit_stale(desk, session, contact)
        await conflict.get_by_role("button", name=choice).click()

        await expect(conflict).to_be_hidden()
        await expect(desk.panel.get_by_role("textbox", name="Comment")).to_have_value(comment)
        await expect(desk.panel.get_by_role("button", name="Save comment")).to_be_hidden()
    kept = (await desk.ask(SESSION, id=session))["session"]
    assert kept == {"comment": comment, "humanAssessment": "NO"}


async def test_a_link_to_a_session_that_is_not_there_says_so(desk: Desk) -> None:
    await desk.sign_in("/#session=00000000-0000-4000-8000-000000000000")

    await expect(desk.panel).to_contain_text("There is no such session that you may see.")
    await expect(desk.rows.first).to_be_visible()
