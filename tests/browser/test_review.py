"""A reviewer's week as domain.md describes it, from sign-in to the CSV in the mailbox."""

import asyncio
import email
import email.policy
from pathlib import Path
from typing import Any

import pytest

from support.desk import Desk, expect, expect_totals, money
from support.reports import comes_true, parse_csv

pytestmark = pytest.mark.anyio

WEEK = {"period": "LAST_7_DAYS", "isTest": False}
LIST = """query ($filter: SessionFilter, $after: String) {
  sessions(filter: $filter, first: 200, after: $after) {
    nodes { contact summary asr leadValue autoAssessment humanAssessment comment isTest channel }
    pageInfo { hasNextPage endCursor }
  }
}"""
SESSION = "query ($id: ID!) { session(id: $id) { asr comment humanAssessment isOpportunity } }"
ASSESSMENTS = {"YES_A": "Yes-A", "YES_B": "Yes-B", "NO": "No", None: ""}
CHANNELS = {"VOICE": "Voice", "SMS": "SMS", "CHAT": "Chat"}


def mails(outbox: Path) -> set[Path]:
    return set(outbox.rglob("*.eml"))


async def find_mail(outbox: Path, known: set[Path]) -> list[dict[str, str]]:
    """Wait for the new mail, and return the rows of its CSV."""

    async def look() -> set[Path]:
        return mails(outbox) - known

    (path,) = await comes_true(look)
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    (attachment,) = message.iter_attachments()
    name = attachment.get_filename()
    assert name is not None
    assert name.endswith(".csv")
    content = attachment.get_payload(decode=True)
    assert isinstance(content, bytes)
    return parse_csv(content)


async def list_all(desk: Desk, filter_: dict[str, Any]) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    after = None
    while True:
        page = (await desk.ask(LIST, filter=filter_, after=after))["sessions"]
        nodes += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return nodes
        after = page["pageInfo"]["endCursor"]


def in_report(node: dict[str, Any]) -> dict[str, str]:
    return {
        "Contact": node["contact"],
        "Summary": node["summary"] or "",
        "ASR": node["asr"],
        "Lead Value": node["leadValue"],
        "Auto Assessment": ASSESSMENTS[node["autoAssessment"]],
        "Human Assessment": ASSESSMENTS[node["humanAssessment"]],
        "Comment": node["comment"] or "",
        "Is Test": str(node["isTest"]).lower(),
        "Channel": CHANNELS[node["channel"]],
    }


async def test_a_reviewers_week_from_sign_in_to_the_csv_in_the_mailbox(desk: Desk) -> None:
    page, panel = desk.page, desk.panel
    said = [{"speaker": "USER", "text": "A table for four, please."}, {"speaker": "AGENT", "text": "It is booked."}]
    session = await desk.record("Wanda Weekley", autoAssessment="NO", transcript=said)

    await desk.sign_in()
    await desk.press("Last 7 days", "Live only")
    before = await expect_totals(desk, WEEK)

    await desk.press("Machine said No")
    await expect_totals(desk, WEEK | {"autoAssessments": ["NO"]})
    for row in await desk.rows.all():
        await expect(await desk.cell(row, "Auto Assessment")).to_have_text("No")
    await desk.open("Wanda Weekley")
    await expect(panel.get_by_text("It is booked.")).to_be_visible()
    await panel.get_by_role("radio", name="Yes-A").click()
    await expect(panel.get_by_text("Saved.")).to_be_visible()

    asr = (await desk.ask(SESSION, id=session))["session"]["asr"]
    assert float(asr) > 0
    await expect(panel.get_by_role("table", name="Factors of the ASR").get_by_role("row").last).to_contain_text(
        money(asr)
    )
    row = desk.row("Wanda Weekley")
    await expect(await desk.cell(row, "Human Assessment")).to_have_text("Yes-A")
    await expect(await desk.cell(row, "ASR")).to_have_text(money(asr))
    await expect_totals(desk, WEEK | {"autoAssessments": ["NO"]})

    await panel.get_by_role("textbox", name="Comment").fill("It did book the table, “at once”.")
    await panel.get_by_role("button", name="Save comment").click()
    await expect(panel.get_by_role("button", name="Save comment")).to_be_hidden()
    assert (await desk.ask(SESSION, id=session))["session"]["comment"] == "It did book the table, “at once”."
    await desk.close()

    await desk.press("Remove filter Auto Assessment: No")
    after = await expect_totals(desk, WEEK)
    assert after["totalAsr"] != before["totalAsr"]

    await desk.press("Low stars")
    low = {"conversationQuality": {"from": 1, "to": 2}}
    await expect_totals(desk, WEEK | low)
    await desk.press("Low stars", "Filters")
    filters = page.get_by_role("dialog", name="Filters")
    await filters.get_by_role("group", name="Is Lead").get_by_role("radio", name="Yes").click()
    await desk.settle()
    await expect_totals(desk, WEEK | {"isLead": True})
    await filters.get_by_role("group", name="Is Opportunity").get_by_role("radio", name="Yes").click()
    await desk.settle()
    wanted = WEEK | {"isLead": True, "isOpportunity": True}
    await expect_totals(desk, wanted)
    await filters.get_by_role("button", name="Done").click()

    outbox = desk.site.home / "outbox"
    known = mails(outbox)
    await desk.press("Export")
    dialog = page.get_by_role("dialog", name="Export")
    await expect(dialog).to_contain_text("that match: Last 7 days · Leads · Opportunities · Live sessions")
    await dialog.get_by_role("button", name="Send the report").click()
    await expect(dialog.get_by_text("Done: the mail is out.")).to_be_visible(timeout=20_000)
    await expect(dialog.get_by_text("builder@example.com sent")).to_be_visible()

    rows, nodes = await asyncio.gather(find_mail(outbox, known), list_all(desk, wanted))
    assert len(nodes) > 20
    assert [{name: row[name] for name in in_report(nodes[0])} for row in rows] == [in_report(node) for node in nodes]
    assert "It did book the table, “at once”." in [row["Comment"] for row in rows]
