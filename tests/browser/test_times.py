"""Times on the page are the server's: the browser's own time zones may be older, and are never used."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from support.desk import Desk, expect

pytestmark = pytest.mark.anyio

ONLY_UTC = """
const { DateTimeFormat } = Intl;
Intl.DateTimeFormat = new Proxy(DateTimeFormat, {
  construct(target, [locale, options]) {
    if (options?.timeZone !== "UTC") console.error(`a zone of the browser: ${options?.timeZone}`);
    return new target(locale, options);
  },
});
"""
"""Complains about each use of a zone of the browser."""
CREATE = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { message } } }"
AGENT, ZONE = "zz-vancouver", "America/Vancouver"


async def make_the_agent(desk: Desk) -> None:
    definition = {"idn": AGENT, "name": "Vancouver", "timeZone": ZONE}
    await desk.ask(CREATE, "ADMIN", input=definition)


def as_shown(moment: datetime) -> str:
    local = moment.astimezone(ZoneInfo(ZONE))
    return f"{local:%b} {local.day}, {local:%I:%M %p}".replace(", 0", ", ")


def plain(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")


async def test_the_time_of_an_agent_that_is_new_since_sign_in_is_in_its_zone(desk: Desk) -> None:
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=61)
    await desk.page.add_init_script(ONLY_UTC)
    await desk.sign_in()
    await expect(desk.live).to_have_text("Live")

    await make_the_agent(desk)
    given = {"agent": AGENT, "startedAt": begun.isoformat(), "endedAt": (begun + timedelta(minutes=2)).isoformat()}
    await desk.record("Vera Vancouver", **given)

    row = desk.row("Vera Vancouver")
    await row.wait_for()
    cell = plain(await (await desk.cell(row, "Date/Time")).text_content())
    assert cell.startswith(as_shown(begun))
    assert cell.endswith(str(begun.astimezone(ZoneInfo(ZONE)).tzname()))
    await desk.open("Vera Vancouver")
    assert as_shown(begun).split(", ")[1] in plain(await desk.panel.locator(".title time").text_content())


async def test_a_time_range_is_read_in_the_accounts_zone_and_shown_again_as_it_was_typed(desk: Desk) -> None:
    await desk.page.add_init_script(ONLY_UTC)
    await desk.sign_in()
    zone = ZoneInfo((await desk.ask("{ viewer { account { timeZone } } }"))["viewer"]["account"]["timeZone"])
    await desk.press("Filters")

    async with desk.listening() as asked:
        await desk.page.get_by_label("From", exact=True).fill("2026-03-08T01:30")
        await desk.page.wait_for_url("**from=**")
        await desk.settle()

    sent = {request["variables"].get("filter", {}).get("from") for request in asked} - {None}
    local = datetime(2026, 3, 8, 1, 30, tzinfo=zone)
    assert {datetime.fromisoformat(text) for text in sent} == {local.astimezone(UTC)}
    assert await desk.page.get_by_label("From", exact=True).input_value() == "2026-03-08T01:30"
