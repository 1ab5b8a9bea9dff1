"""Links end: those of the API with their bearer and after minutes, those of mails with the recipient or the report."""

import asyncio
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from time import time
from typing import cast
from uuid import UUID

import httpx
import pytest

from session_graph.access.api_keys import create_key, revoke_key
from session_graph.access.viewer import Role
from session_graph.exports.links import LinkSigner
from session_graph.exports.mail import OutboxTransport
from session_graph.exports.worker import Worker
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.reports import CANCEL, RETRY, ask_for_report, comes_true, finished, read_row, show_report

pytestmark = pytest.mark.anyio

REVOKE = """
mutation ($id: ID!, $recipient: String!) {
  revokeSessionExportLink(input: {id: $id, recipient: $recipient}) {
    export { status deliveries { recipient status error linkExpiresAt } } errors { code message path }
  }
}
"""
LIST_CHANGE = """
mutation ($add: [String!]! = [], $remove: [String!]! = []) {
  updateAccount(input: {addExportRecipients: $add, removeExportRecipients: $remove}) { errors { message } }
}
"""
ANA, BO = "ana@example.com", "bo@partner.example"


async def status_of(client: httpx.AsyncClient, link: str) -> int:
    return (await client.get(link)).status_code


def links_in_mails(outbox: Settings) -> dict[str, str]:
    """Return the last link that each recipient was sent."""
    links = {}
    folder = cast(Path, outbox.outbox)
    for path in sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime):
        message = message_from_bytes(path.read_bytes(), policy=default)
        body = message.get_body(("plain",))
        assert body
        links[str(message["To"])] = body.get_content().partition("Download it: ")[2].split()[0]
    return links


@pytest.fixture
async def sent(owner: Caller, worker: Worker) -> str:
    """Return the id of a report that was sent to Ana, who requested it, and to Bo, who is on the list."""
    assert (await owner(LIST_CHANGE, add=[BO])).data["updateAccount"]["errors"] == []
    export_id = await ask_for_report(owner, recipients=[ANA, BO])
    assert (await finished(owner, export_id))["status"] == "DONE"
    return export_id


async def test_a_link_of_the_api_ends_with_the_key_that_asked_for_it(
    client: httpx.AsyncClient, account: Account, owner: Caller, sent: str
) -> None:
    text, key = await create_key(account, Role.ADMIN)
    link = (await show_report(Caller(client, text), sent))["downloadUrl"]
    own = (await show_report(owner, sent))["downloadUrl"]
    assert [await status_of(client, each) for each in (link, own)] == [200, 200]

    await revoke_key(account, key.id)

    assert [await status_of(client, each) for each in (link, own)] == [404, 200]


async def test_a_link_of_the_api_ends_with_the_time_of_its_key(
    client: httpx.AsyncClient, account: Account, database: Database, sent: str
) -> None:
    text, key = await create_key(account, Role.ADMIN)
    link = (await show_report(Caller(client, text), sent))["downloadUrl"]
    assert await status_of(client, link) == 200

    await database.execute("update api_key set expires_at = now() where id = $1", key.id)

    assert await status_of(client, link) == 404


async def test_a_link_of_the_api_works_for_five_minutes(
    client: httpx.AsyncClient, owner: Caller, sent: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = (await show_report(owner, sent))["downloadUrl"]
    assert settings.export_link_seconds == 300

    for seconds, status in ((290, 200), (301, 404), (86_400, 404)):
        monkeypatch.setattr("session_graph.exports.links.time", lambda late=seconds: time() + late)
        assert await status_of(client, link) == status


async def test_a_link_of_the_api_cannot_be_changed(client: httpx.AsyncClient, owner: Caller, sent: str) -> None:
    link = (await show_report(owner, sent))["downloadUrl"]
    other = (await show_report(owner, await ask_for_report(owner)))["id"]
    start, account, export, bearer, expires, signature = link.rsplit("/", 5)
    wrong = [
        [account, export, bearer, str(int(expires) + 1), signature],
        [account, export, bearer, f"0{expires}", signature],
        [account, export, bearer, f"{expires} ", signature],
        [account, export, bearer, "9" * 5000, signature],
        [account, export, bearer, "x", signature],
        [account, export, bearer, "ü", signature],
        [account, export, bearer[:-1], expires, signature],
        [account, export, f"{bearer}=", expires, signature],
        [account, export, "e30", expires, signature],
        [account, other, bearer, expires, signature],
        [other, export, bearer, expires, signature],
        [account, export, bearer, expires, signature[:-1]],
        [account, export, bearer, expires, f"{signature}="],
        [account, export, bearer, signature],
    ]

    answers = [await client.get("/".join([start, *parts])) for parts in wrong]

    assert {(answer.status_code, answer.content) for answer in answers} == {
        (404, b"There is no such file, or it is not there any more.")
    }


async def test_no_link_is_a_link_of_the_other_kind(
    client: httpx.AsyncClient, account: Account, owner: Caller, sent: str, settings: Settings, database: Database
) -> None:
    signer = LinkSigner(database, settings)
    row = await read_row(database, sent)
    bearer, expires, signature = (await show_report(owner, sent))["downloadUrl"].rsplit("/", 3)[1:]
    for name in (row["identity"], f"{bearer} {expires}", "mallory@example.com"):
        assert await status_of(client, await signer.make_link(account.id, row["id"], name)) == 404
    mail = await signer.make_link(account.id, row["id"], ANA)
    assert await status_of(client, mail) == 200
    start, name, of_mail = mail.rsplit("/", 2)
    for parts in ([name, expires, of_mail], [bearer, expires, of_mail], [name, signature]):
        assert await status_of(client, "/".join([start, *parts])) == 404


async def test_a_link_in_a_mail_ends_when_its_recipient_leaves_the_list(
    client: httpx.AsyncClient, owner: Caller, sent: str, outbox: Settings
) -> None:
    links = links_in_mails(outbox)
    assert [await status_of(client, links[each]) for each in (ANA, BO)] == [200, 200]

    await owner(LIST_CHANGE, remove=[BO])

    assert [await status_of(client, links[each]) for each in (ANA, BO)] == [200, 404]

    await owner(LIST_CHANGE, add=[BO.partition("@")[2]])

    assert await status_of(client, links[BO]) == 200


async def test_the_link_of_one_recipient_is_revoked_alone(
    client: httpx.AsyncClient, account: Account, owner: Caller, sent: str, outbox: Settings
) -> None:
    links = links_in_mails(outbox)
    stranger = await make_caller(client, account, Role.BUILDER)
    refused = (await stranger(REVOKE, id=sent, recipient=BO)).data["revokeSessionExportLink"]["errors"]
    unknown = (await owner(REVOKE, id=sent, recipient="cy@example.com")).data["revokeSessionExportLink"]["errors"]
    assert [(error["code"], error["path"]) for error in refused] == [("NOT_FOUND", ["input", "id"])]
    assert [(error["code"], error["path"]) for error in unknown] == [("NOT_FOUND", ["input", "recipient"])]
    assert await status_of(client, links[BO]) == 200

    payload = (await owner(REVOKE, id=sent, recipient=f" {BO.upper()} ")).data["revokeSessionExportLink"]

    ana, bo = payload["export"]["deliveries"]
    assert (payload["errors"], payload["export"]["status"], bo["status"]) == ([], "DONE", "ACCEPTED")
    assert bo["linkExpiresAt"] < ana["linkExpiresAt"]
    assert [await status_of(client, links[each]) for each in (ANA, BO)] == [200, 404]
    again = (await owner(REVOKE, id=sent, recipient=BO)).data["revokeSessionExportLink"]["export"]["deliveries"][1]
    assert again["linkExpiresAt"] == bo["linkExpiresAt"]


async def test_a_message_that_waits_is_not_sent_once_its_link_is_revoked(
    owner: Caller, account: Account, database: Database
) -> None:
    export_id = await ask_for_report(owner)

    payload = (await owner(REVOKE, id=export_id, recipient=ANA)).data["revokeSessionExportLink"]

    (delivery,) = payload["export"]["deliveries"]
    assert (delivery["status"], delivery["error"]) == ("REFUSED", "The link of this recipient was revoked.")
    await owner(CANCEL, id=export_id)
    assert (await owner(RETRY, id=export_id)).data["retrySessionExport"]["errors"] == []
    assert (await show_report(owner, export_id))["deliveries"][0]["status"] == "REFUSED"


async def test_a_report_that_is_done_is_withdrawn_with_all_its_links(
    client: httpx.AsyncClient, owner: Caller, sent: str, outbox: Settings
) -> None:
    links = [*links_in_mails(outbox).values(), (await show_report(owner, sent))["downloadUrl"]]
    assert len(links) == 3
    authorization = {"Authorization": f"Bearer {owner.key}"}
    assert {await status_of(client, link) for link in links} == {200}

    export = (await owner(CANCEL, id=sent)).data["cancelSessionExport"]["export"]

    assert (export["status"], export["downloadUrl"]) == ("CANCELLED", None)
    assert {await status_of(client, link) for link in links} == {404}
    assert (await client.get(f"/exports/{sent}", headers=authorization)).status_code == 404

    await owner(RETRY, id=sent)
    assert (await finished(owner, sent))["status"] == "DONE"
    assert [await status_of(client, link) for link in links] == [404, 404, 200]
    assert len(list(cast(Path, outbox.outbox).glob("*.eml"))) == 2


@pytest.mark.parametrize("is_retried", [False, True], ids=["cancelled", "cancelled and retried"])
async def test_the_link_of_a_message_that_was_on_its_way_when_its_report_was_cancelled_does_not_come_back(
    client: httpx.AsyncClient,
    owner: Caller,
    worker: Worker,
    outbox: Settings,
    monkeypatch: pytest.MonkeyPatch,
    is_retried: bool,
) -> None:
    asked, deliver = asyncio.get_running_loop().create_future(), OutboxTransport.deliver

    async def cancel_meanwhile(transport: OutboxTransport, message: Message, recipient: str) -> str:
        monkeypatch.setattr(OutboxTransport, "deliver", deliver)
        await owner(CANCEL, id=await asked)
        if is_retried:
            await owner(RETRY, id=await asked)
        return await deliver(transport, message, recipient)

    monkeypatch.setattr(OutboxTransport, "deliver", cancel_meanwhile)
    export_id = await ask_for_report(owner)
    asked.set_result(export_id)

    async def is_accepted() -> bool:
        return bool((await show_report(owner, export_id))["deliveries"][0]["status"] == "ACCEPTED")

    await comes_true(is_accepted)
    await owner(RETRY, id=export_id)
    assert (await finished(owner, export_id, "DONE"))["status"] == "DONE"

    assert await status_of(client, links_in_mails(outbox)[ANA]) == 404
    assert await status_of(client, (await show_report(owner, export_id))["downloadUrl"]) == 200


async def test_a_link_in_a_mail_does_not_come_back_when_an_expired_report_is_written_again(
    client: httpx.AsyncClient, owner: Caller, sent: str, outbox: Settings, database: Database
) -> None:
    links = links_in_mails(outbox)
    expire = "update session_export set status = 'EXPIRED', expires_at = now() where id = $1"
    await database.execute(expire, UUID(sent))

    await owner(RETRY, id=sent)
    assert (await finished(owner, sent))["status"] == "DONE"

    assert [await status_of(client, link) for link in links.values()] == [404, 404]
    assert await status_of(client, (await show_report(owner, sent))["downloadUrl"]) == 200


async def test_a_report_that_nobody_accepted_is_withdrawn_too(
    client: httpx.AsyncClient, owner: Caller, sent: str, database: Database
) -> None:
    await database.execute("update session_export set status = 'FAILED' where id = $1", UUID(sent))
    link = (await show_report(owner, sent))["downloadUrl"]
    assert await status_of(client, link) == 200

    assert (await owner(CANCEL, id=sent)).data["cancelSessionExport"]["export"]["status"] == "CANCELLED"

    assert await status_of(client, link) == 404


async def test_each_download_by_a_link_is_recorded(
    client: httpx.AsyncClient, account: Account, owner: Caller, sent: str, outbox: Settings, database: Database
) -> None:
    text, _ = await create_key(account, Role.ADMIN, name="Petra")
    for link in ((await show_report(Caller(client, text), sent))["downloadUrl"], links_in_mails(outbox)[BO]):
        for _ in range(2):
            assert await status_of(client, link) == 200

    rows = await database.fetch("select by from export_download where export_id = $1 order by at", UUID(sent))

    assert [row["by"] for row in rows] == ["link of Petra"] * 2 + [f"link of {BO}"] * 2


@pytest.mark.parametrize("status", ["FAILED", "EXPIRED"])
async def test_a_report_without_a_file_is_not_withdrawn(
    owner: Caller, sent: str, database: Database, status: str
) -> None:
    change = "update session_export set status = $2, file_claim = null where id = $1"
    await database.execute(change, UUID(sent), status)

    assert (await owner(CANCEL, id=sent)).data["cancelSessionExport"]["export"]["status"] == status


async def test_links_in_mails_end_with_the_key_that_requested_the_report(
    client: httpx.AsyncClient, account: Account, owner: Caller, worker: Worker, outbox: Settings
) -> None:
    text, key = await create_key(account, Role.BUILDER, email="cy@example.com")
    export_id = await ask_for_report(Caller(client, text))
    await finished(owner, export_id)
    ((recipient, link),) = links_in_mails(outbox).items()
    assert (recipient, await status_of(client, link)) == ("cy@example.com", 200)

    await revoke_key(account, key.id)

    assert await status_of(client, link) == 404
