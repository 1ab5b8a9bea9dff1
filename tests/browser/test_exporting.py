"""The export dialog: the file is opened by a link of the moment, and a report can be withdrawn."""

from pathlib import Path

import pytest

from support.desk import Desk, expect

pytestmark = pytest.mark.anyio

LAST = "{ exports(first: 1) { nodes { id status rowCount downloadUrl } } }"


async def test_a_report_is_downloaded_by_a_link_of_the_moment_and_withdrawn(desk: Desk, tmp_path: Path) -> None:
    page, asked = desk.page, list[str]()
    await desk.sign_in()
    await page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog", name="Export")
    await dialog.get_by_role("button", name="Send the report").click()
    await expect(dialog.get_by_text("Done: the mail is out.")).to_be_visible()

    page.on("request", lambda request: asked.append(request.post_data or request.url))
    async with page.expect_download() as download:
        await dialog.get_by_role("button", name="Download the CSV").click()
    file = await download.value
    await file.save_as(tmp_path / "report.csv")

    (export,) = (await desk.ask(LAST))["exports"]["nodes"]
    assert (tmp_path / "report.csv").read_bytes().count(b"\r\n") > export["rowCount"]
    assert "downloadUrl" in asked[0]
    assert f"/{export['id']}/" in file.url

    await dialog.get_by_role("button", name="Withdraw the report").click()
    await expect(dialog.get_by_text("Cancelled: there is no file")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Download the CSV")).to_be_hidden()
    (export,) = (await desk.ask(LAST))["exports"]["nodes"]
    assert (export["status"], export["downloadUrl"]) == ("CANCELLED", None)
