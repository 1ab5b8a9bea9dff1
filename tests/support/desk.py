"""The Sessions page as somebody at it uses it: by roles, labels and keys, and waiting for what is to be seen."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, Route
    from playwright.async_api._generated import LocatorAssertions

    from browser.conftest import Site

RECORD = "mutation ($input: RecordSessionInput!) { recordSession(input: $input) { session { id } errors { message } } }"
TOTALS = """query ($filter: SessionFilter) {
  sessions(filter: $filter, first: 1) { totalCount }
  dashboard(filter: $filter) {
    totalSessionCount totalLeadCount totalLeadValue totalOpportunityCount totalOpportunityValue
    totalAdditionalDealCount totalAsr opportunitySuccessScore conversationSuccessScore leadSuccessScore
  }
}"""
SETTLED = """
() => {
  const grid = document.querySelector('[role="grid"]');
  return grid && grid.getAttribute("aria-busy") === "false" && !document.querySelector(".stale")
    && !/Counting/.test(document.querySelector(".count").textContent);
}
"""

Handle = Callable[["Route"], Any]


def expect(locator: "Locator") -> "LocatorAssertions":
    """Playwright's, imported where a browser is."""
    from playwright.async_api import expect

    return expect(locator)


def money(value: str) -> str:
    """As a page in English writes dollars."""
    return f"${Decimal(value):,.2f}"


def rounded(value: str, places: int) -> str:
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,}"


def share(value: str | None) -> str:
    """A score as the dashboard writes it: at most one digit behind the point."""
    if value is None:
        return "–"
    return f"{rounded(str(Decimal(value) * 100), 1).removesuffix('.0')}%"


class Desk:
    """A page, who is signed in there, and the API beside it."""

    def __init__(self, page: "Page", site: "Site", role: str = "BUILDER") -> None:
        self.page = page
        self.site = site
        self.role = role
        self.grid = page.get_by_role("grid", name="Sessions")
        self.rows = self.grid.locator("[data-id]")
        self.panel = page.get_by_role("dialog", name="Session", exact=True)
        self.search = page.get_by_role("searchbox", name="Search")
        self.live = page.locator(".live")
        self.count = page.locator(".count")

    # The page

    async def sign_in(self, address: str = "/", key: str | None = None) -> None:
        await self.page.goto(address)
        await self.page.get_by_label("API key").fill(key or self.site.keys[self.role])
        await self.page.keyboard.press("Enter")
        await self.grid.wait_for()
        await self.settle()

    async def settle(self) -> None:
        """Until rows, count and figures are those of the view."""
        await self.page.wait_for_function(SETTLED)

    async def press(self, *names: str) -> None:
        """Buttons above the table, one after another; some have a number behind their name."""
        for name in names:
            named = re.compile(rf"^{re.escape(name)}( \d+)?$")
            await self.page.get_by_role("button", name=named).click()
        await self.settle()

    async def find(self, text: str) -> None:
        await self.search.fill(text)
        await self.search.press("Enter")
        await self.page.get_by_role("button", name=f"Remove filter “{text}”").wait_for()
        await self.settle()

    async def open(self, contact: str) -> None:
        await self.row(contact).click()
        await self.panel.get_by_role("heading", name=contact).wait_for()

    async def close(self) -> None:
        """The panel."""
        await self.panel.get_by_role("button", name="Close session").click()
        await expect(self.panel).to_have_count(0)

    def row(self, text: str) -> "Locator":
        return self.rows.filter(has_text=text)

    async def cell(self, row: "Locator", column: str) -> "Locator":
        names = await self.grid.get_by_role("columnheader").all_inner_texts()
        place = [re.sub(r"\s+", " ", name.strip(" \n↑↓")).strip() for name in names].index(column)
        return row.get_by_role("gridcell").nth(place)

    def figure(self, label: str) -> "Locator":
        figure = self.page.locator(".figure").filter(has=self.page.get_by_text(label, exact=True))
        return figure.locator(".value")

    async def ids(self) -> list[str]:
        """Of the rows that exist, in their order."""
        return [str(await row.get_attribute("data-id")) for row in await self.rows.all()]

    # The API

    async def ask(self, query: str, role: str | None = None, **variables: Any) -> Any:
        """The answer's data; there must be no error."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(
                f"{self.site.address}/graphql",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {self.site.keys[role or self.role]}"},
            )
        body = answer.json()
        assert "errors" not in body, body
        return body["data"]

    async def record(self, contact: str, **given: Any) -> str:
        """A lead of an hour ago with a phone number, worth 260.00, of the first agent; its id."""
        (agent, *_) = (await self.ask("{ agents { idn } }", "ADMIN"))["agents"]
        begun = datetime.now(UTC) - timedelta(hours=1)
        record = {
            "id": str(uuid4()),
            "agent": agent["idn"],
            "channel": "VOICE",
            "startedAt": begun.isoformat(),
            "endedAt": (begun + timedelta(minutes=2)).isoformat(),
            "contactName": contact,
            "phone": "+14155550134",
            "intentToBuy": True,
            "leadValue": "260.00",
            "isTest": False,
            **given,
        }
        payload = (await self.ask(RECORD, "RECORDER", input=record))["recordSession"]
        assert payload["errors"] == []
        return str(payload["session"]["id"])

    async def edit(self, session: str, **patch: Any) -> None:
        query = """mutation ($input: UpdateSessionInput!) { updateSession(input: $input) { errors { message } } }"""
        payload = (await self.ask(query, "ADMIN", input={"sessionId": session, "patch": patch}))["updateSession"]
        assert payload["errors"] == []

    # What leaves the page

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[list[dict[str, Any]]]:
        """The GraphQL requests of the page in this block, with `query` and `variables`."""
        asked: list[dict[str, Any]] = []

        def note(request: Any) -> None:
            if request.url.endswith("/graphql"):
                asked.append(request.post_data_json)

        self.page.on("request", note)
        try:
            yield asked
        finally:
            self.page.remove_listener("request", note)

    @asynccontextmanager
    async def answering(self, handle: Handle) -> AsyncIterator[None]:
        """In this block something else answers the page's GraphQL requests."""
        await self.page.route("**/graphql", handle)
        try:
            yield
        finally:
            await self.page.unroute("**/graphql", handle)


async def expect_totals(desk: Desk, filter_: dict[str, Any]) -> dict[str, Any]:
    """The page's count and figures are the API's, to the last digit that is shown."""
    answer = await desk.ask(TOTALS, filter=filter_)
    total, figures = answer["sessions"]["totalCount"], answer["dashboard"]
    shown = {
        "Sessions": f"{figures['totalSessionCount']:,}",
        "Leads": f"{figures['totalLeadCount']:,}",
        "Opportunities": f"{figures['totalOpportunityCount']:,}",
        "Additional deals": rounded(figures["totalAdditionalDealCount"], 1).removesuffix(".0"),
        "ASR": money(figures["totalAsr"]),
        "OSS": share(figures["opportunitySuccessScore"]),
        "CSS": share(figures["conversationSuccessScore"]),
        "LSS": share(figures["leadSuccessScore"]),
    }
    await expect(desk.count).to_have_text(re.compile(rf"^{total:,} sessions?$"))
    for label, text in shown.items():
        await expect(desk.figure(label)).to_have_text(text)
    for label, value in (("Leads", "totalLeadValue"), ("Opportunities", "totalOpportunityValue")):
        beneath = desk.page.locator(".figure").filter(has=desk.page.get_by_text(label, exact=True))
        await expect(beneath.locator(".beneath > span").first).to_have_text(money(figures[value]))
    return dict(figures)
