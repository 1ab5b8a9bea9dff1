"""A role's page shows and requests the columns that access.md gives the role, and no others."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from graphql import FieldNode, TypeInfo, TypeInfoVisitor, Visitor, build_schema, get_named_type, parse, visit

from browser.conftest import Site
from support.desk import Desk, expect

if TYPE_CHECKING:
    from playwright.async_api import Route

pytestmark = pytest.mark.anyio

SCHEMA = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text("utf-8"))
OF_COLUMNS: dict[str, str] = {
    "agents": "agent",
    "anyOf": "id",
    "autoAssessments": "autoAssessment",
    "channels": "channel",
    "connectors": "connector",
    "externalIds": "externalId",
    "from": "startedAt",
    "humanAssessments": "humanAssessment",
    "integrations": "integration",
    "isReviewed": "humanAssessment",
    "not": "id",
    "period": "startedAt",
    "search": "contact",
    "sessionLengths": "sessionLength",
    "sessionTypes": "sessionType",
    "to": "startedAt",
}
"""The fields of the columns that filters of another name read."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the page shows a role. Each list is in the page's order."""

    role: str
    columns: list[str]
    filters: list[str]
    groups: list[str]
    figures: list[str]
    controls: list[str]
    fields: frozenset[str]


def listed(text: str) -> list[str]:
    return text.split(", ")


PORTAL = Sight(
    "PORTAL",
    columns=listed(
        "Date/Time, Is Archived, Session Type, ASR, Is Test, Is Todo, Contact, Summary, Conversation Quality,"
        " Comment, Session Id, Ended At, Duration, Channel, Agent, Is Done, Tags, Version, Updated At, UTC Offset"
    ),
    filters=listed(
        "Time range, Is Test, Is Todo, Is Archived, Channel, Session Type, Agent, Conversation Quality, Is Done, Tag"
    ),
    groups=["Channel", "Session type", "Agent"],
    figures=listed("Sessions, Leads, Opportunities, Additional deals, ASR, OSS, CSS, LSS"),
    controls=["Conversation quality", "Is Todo", "Is Done", "Comment"],
    fields=frozenset(
        listed(
            "id, version, startedAt, endedAt, durationSeconds, isDone, isTodo, sessionType, summary, asr, tags,"
            " comment, conversationQuality, channel, contact, updatedAt, isTest, isArchived, agent, transcript,"
            " utcOffset"
        )
    ),
)
PARTNER = Sight(
    "PARTNER",
    columns=listed(
        "Date/Time, Is Archived, Session Type, Is Lead, Is Opportunity, Is Test, Is Todo, Contact,"
        " Contact Information, Summary, Lead Value, Session Length, Auto Assessment, Human Assessment, Working Hours,"
        " Units, Integration, External ID, Actual Result, Expected Result, Session Id, UTMs, Ended At, Duration,"
        " Channel, Connector, Agent, Contact Name, Phone, E-mail, Source, Source ID,"
        " Direction, End Reason, Language, Recording URL, Agent Contact, Metadata, Is Done, Version, Updated At,"
        " Assessment, UTC Offset"
    ),
    filters=listed(
        "Time range, Is Lead, Is Opportunity, Is Test, Is Todo, Is Archived, Human Assessment, Auto Assessment,"
        " Channel, Session Length, Integration, Connector, Session Type, Agent, Assessment that counts, Working Hours,"
        " Is Done"
    ),
    groups=listed("Channel, Session type, Working hours, Agent, Integration, Assessment, Session length"),
    figures=["Sessions", "Leads", "Opportunities", "LSS"],
    controls=["External ID"],
    fields=frozenset(
        listed(
            "id, version, startedAt, endedAt, durationSeconds, isDone, isTodo, isLead, isOpportunity,"
            " isTest, isArchived, sessionType, summary, contact, contactInformation, contactName, phone, email,"
            " leadValue, sessionLength, autoAssessment, humanAssessment, assessment, workingHours, units,"
            " integration, connector, externalId, actualResult, expectedResult, utms, channel, agent, transcript,"
            " updatedAt, source, sourceId, direction, endReason, language, recordingUrl, agentContact, metadata,"
            " utcOffset"
        )
    ),
)
BUILDER = Sight(
    "BUILDER",
    columns=listed(
        "Date/Time, Is Archived, Session Type, Is Lead, Is Opportunity, ASR, Is Test, Is Todo, Contact,"
        " Contact Information, Summary, Lead Value, Conversion Rate, Recognition, Session Length, Auto Assessment,"
        " Human Assessment, Conversation Quality, Working Hours, Comment, Units, Integration, External ID,"
        " Actual Result, Expected Result, Session Id, UTMs, Ended At, Duration, Channel, Connector, Agent,"
        " Contact Name, Phone, E-mail, Source, Source ID, Direction, End Reason, Language, Recording URL,"
        " Agent Contact, Metadata, Is Done, Tags, Version, Updated At, Assessment, UTC Offset"
    ),
    filters=listed(
        "Time range, Is Lead, Is Opportunity, Is Test, Is Todo, Is Archived, Human Assessment, Auto Assessment,"
        " Channel, Session Length, Integration, Connector, Session Type, Agent, Conversation Quality,"
        " Assessment that counts, Working Hours, Is Done, Tag"
    ),
    groups=PARTNER.groups,
    figures=PORTAL.figures,
    controls=[
        *("Human assessment", "Conversation quality", "Is Todo", "Is Done", "Comment", "External ID"),
        *("Is Lead", "Is Opportunity", "Is Test", "Is Archived", "Tags"),
    ],
    fields=PARTNER.fields | PORTAL.fields | {"conversionRate", "recognition", "asrFactors", "history"},
)


def fields_of(request: dict[str, Any], type_name: str) -> Iterator[str]:
    """Yield the fields of a type that a document selects."""
    info = TypeInfo(SCHEMA)

    class Noter(Visitor):
        def __init__(self) -> None:
            super().__init__()
            self.noted: list[str] = []

        def enter_field(self, node: FieldNode, *_: object) -> None:
            parent = info.get_parent_type()
            if parent and get_named_type(parent).name == type_name and not node.name.value.startswith("__"):
                self.noted.append(node.name.value)

    noter = Noter()
    visit(parse(request["query"]), TypeInfoVisitor(info, noter))
    yield from noter.noted


def filtered_by(condition: Any) -> Iterator[str]:
    """Yield the fields of the columns that a filter reads, at every depth."""
    if isinstance(condition, list):
        for each in condition:
            yield from filtered_by(each)
    elif isinstance(condition, dict):
        for name, value in condition.items():
            yield str(OF_COLUMNS.get(name, name))
            if name in ("anyOf", "not"):
                yield from filtered_by(value)


async def texts(desk: Desk, selector: str) -> list[str]:
    found = await desk.page.locator(selector).all_inner_texts()
    return [re.sub(r"\s+", " ", text).strip(" ↑↓") for text in found]


async def walk(desk: Desk, sight: Sight) -> None:
    """Open everything that names columns, and compare it with what the role may see."""
    page = desk.page
    assert await texts(desk, ".figure .label") == sight.figures
    assert await texts(desk, ".groups select option") == sight.groups
    for group in sight.groups:
        await page.locator(".groups select").select_option(label=group)
        await desk.settle()
    orders = {
        text.removesuffix(" ↓").removesuffix(" ↑") for text in await texts(desk, "select[aria-label=Order] option")
    }
    assert orders <= set(sight.columns)

    for quick in await page.locator(".quick").all():
        await quick.click()
        await desk.settle()
        await quick.click()
        await desk.settle()

    await page.get_by_role("button", name="Columns").click()
    assert await texts(desk, ".columnlist .choice > span > :first-child, .columnlist .choice > span") != []
    shown = await page.locator(".columnlist .choice > span").evaluate_all(
        "spans => spans.map((span) => span.firstChild.textContent)"
    )
    assert shown == sight.columns
    await page.get_by_role("button", name="All", exact=True).last.click()
    await page.get_by_role("button", name="Apply").click()
    await desk.settle()
    assert (await texts(desk, ".head [role=columnheader]"))[1:] == sight.columns

    await desk.press("Filters")
    assert await texts(desk, ".filters legend") == sight.filters
    await page.get_by_role("button", name="Close filters").click()

    await desk.rows.first.click()
    await expect(desk.panel.get_by_role("heading", name="Transcript")).to_be_visible()
    for label in BUILDER.controls:
        named = desk.panel.locator("fieldset, label, input").filter(has_text=re.compile(f"^{label}"))
        assert (await named.count() > 0) == (label in sight.controls), label
    await desk.close()


@pytest.mark.parametrize("sight", [BUILDER, PORTAL, PARTNER], ids=lambda sight: sight.role)
async def test_a_role_meets_its_own_columns_and_nothing_else(desk: Desk, site: Site, sight: Sight) -> None:
    desk.role = sight.role
    await desk.record("Rolf Roller", integration="tablebook")
    statuses: list[int] = []
    desk.page.on("response", lambda response: statuses.append(response.status))
    async with desk.listening() as asked:
        await desk.sign_in()
        await walk(desk, sight)

    assert len(asked) > 10
    named = {field for request in asked for field in fields_of(request, "Session")}
    filtered = {column for request in asked for column in filtered_by(request["variables"].get("filter"))}
    assert named <= sight.fields
    assert filtered <= sight.fields
    assert set(statuses) == {200}
    assert len([request for request in asked if "__type" in request["query"]]) == 1


async def test_the_page_follows_what_the_api_says_of_the_viewer(desk: Desk) -> None:
    async def say_otherwise(route: "Route") -> None:
        if "__type" not in str((route.request.post_data_json or {}).get("query")):
            await route.fallback()
            return
        response = await route.fetch()
        body = await response.json()
        body["data"]["viewer"] |= {
            "visibleColumns": ["STARTED_AT", "CONTACT", "SUMMARY", "IS_LEAD", "AGENT", "TRANSCRIPT"],
            "editableFields": ["comment"],
            "readableFigures": ["totalLeadCount", "totalAsr"],
        }
        for field in body["data"]["session"]["fields"]:
            if field["name"] == "summary":
                field["description"] = "In a nutshell."
        body["data"]["orders"]["enumValues"] = [{"name": "STARTED_AT"}, {"name": "CONTACT"}]
        await route.fulfill(response=response, json=body)

    page = desk.page
    async with desk.answering(say_otherwise):
        await desk.sign_in()

    assert await texts(desk, ".figure .label") == ["Leads", "ASR"]
    assert await texts(desk, ".groups select option") == ["Agent"]
    assert (await texts(desk, ".head [role=columnheader]"))[1:] == ["Date/Time", "Contact", "Summary", "Is Lead"]
    assert await texts(desk, "select[aria-label=Order] option") == ["Date/Time"] * 2 + ["Contact"] * 2
    assert await page.get_by_role("columnheader", name="Summary").get_attribute("title") == "In a nutshell."
    await desk.press("Filters")
    assert await texts(desk, ".filters legend") == ["Time range", "Is Lead", "Agent"]
    await page.get_by_role("button", name="Close filters").click()
    await desk.rows.first.click()
    await expect(desk.panel.get_by_role("textbox", name="Comment")).to_be_visible()
    assert await desk.panel.locator(".review fieldset, .review label").all_inner_texts() == ["Comment"]


async def test_a_link_from_a_builder_shows_a_portal_what_it_may_see_and_says_what_is_left_out(desk: Desk) -> None:
    desk.role = "PORTAL"
    async with desk.listening() as asked:
        await desk.sign_in("/#isTest=false&autoAssessments=NO&order=-LEAD_VALUE&columns=STARTED_AT.CONTACT.LEAD_VALUE")

    said = desk.page.get_by_text("Left out of this link, as your role does not have it")
    await expect(said).to_contain_text("Auto Assessment, Lead Value, the order by Lead Value")
    named = {field for request in asked for field in fields_of(request, "Session")}
    assert named <= PORTAL.fields
    assert "autoAssessments" not in desk.page.url


async def test_a_recorder_is_told_that_it_reads_nothing(desk: Desk, site: Site, complaints: list[str]) -> None:
    await desk.page.goto("/")
    await desk.page.get_by_label("API key").fill(site.keys["RECORDER"])
    await desk.page.keyboard.press("Enter")

    await expect(desk.page.get_by_role("alert")).to_have_text(re.compile("records sessions and cannot read them"))
    assert [
        complaint for complaint in complaints if "status of 403" not in complaint
    ] == []  # the agents, asked for beside
    complaints.clear()
