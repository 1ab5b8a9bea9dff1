"""The message, and a real mail server that accepts it, refuses it, hangs up, or is down."""

import asyncio
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import SecretStr

from session_graph.access.viewer import Role
from session_graph.errors import SettingError
from session_graph.exports.mail import Consequence, NotDelivered, SmtpTransport, choose_transport
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.records import make_agent, record
from support.reports import (
    RETRY,
    ask_for_report,
    comes_true,
    finished,
    make_retries_due,
    read_csv,
    read_row,
    show_report,
    working,
)
from support.smtp import HANG_UP, Mailbox, MailServer, accept_login, free_port, refuse_login
from support.smtp_script import ScriptedMailServer

pytestmark = pytest.mark.anyio

ANA, BO, CY = "ana@example.com", "bo@example.com", "cy@example.com"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def server(mailbox: Mailbox) -> Iterator[MailServer]:
    with MailServer(mailbox) as running:
        yield running


@pytest.fixture
def mailing(settings: Settings, server: MailServer) -> Settings:
    update = {"smtp_url": SecretStr(server.url()), "mail_from": "Reports <reports@example.com>"}
    return settings.model_copy(update=update)


@pytest.fixture
async def owner(client: httpx.AsyncClient, account: Account, database: Database) -> Caller:
    await make_agent(account)
    await record(database, account, {"summary": "ours, naïve ☕"})
    await database.execute("insert into export_recipient values ($1, 'example.com')", account.id)
    return await make_caller(client, account, Role.ADMIN, {"email": ANA})


async def finished_without_pauses(database: Database, ask: Caller, export_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        await make_retries_due(database)
        export = await show_report(ask, export_id)
        return export if export["status"] in ("DONE", "FAILED") else None

    found: dict[str, Any] = await comes_true(look)
    return found


def outcomes(export: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {d["recipient"]: (d["status"], d["error"]) for d in export["deliveries"]}


def parts_of(message: EmailMessage) -> tuple[str, str, list[EmailMessage]]:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain
    assert html
    return plain.get_content(), html.get_content(), list(message.iter_attachments())


def in_new_york(moment: datetime) -> str:
    local = moment.astimezone(ZoneInfo("America/New_York")).isoformat(" ", "seconds")
    return f"{local[:-6]} {local[-6:]}"


async def test_the_message_describes_its_export(
    owner: Caller, database: Database, database_url: str, mailing: Settings, mailbox: Mailbox
) -> None:
    await owner(
        'mutation { updateAccount(input: {name: "Zoë\'s <b>Bistro</b> & Söhne, Inc."}) { errors { message } } }'
    )
    async with working(database, database_url, mailing):
        export_id = await ask_for_report(
            owner, filter={"isLead": True, "channels": ["VOICE", "SMS"]}, recipients=[ANA, BO]
        )
        await finished(owner, export_id)

    (message,) = mailbox.to(ANA)
    plain, html, (attachment,) = parts_of(message)
    assert [message.get_all(name) for name in ("To", "Cc", "Bcc")] == [[ANA], None, None]
    assert message["From"] == "Reports <reports@example.com>"
    assert mailbox.senders == ["reports@example.com"] * 2
    assert message["Subject"] == "Session report of Zoë's <b>Bistro</b> & Söhne, Inc.: 1 session"
    row = await read_row(database, export_id)
    for text in (
        *("Account: Zoë's <b>Bistro</b> & Söhne, Inc.", "channels: VOICE or SMS", "isLead: true", "Rows: 1 session"),
        *("Times: America/New_York", f"As of: {in_new_york(row['as_of'])}"),
        f"Available until: {in_new_york(row['expires_at'])}",
    ):
        assert text in plain
    assert "<b>" not in html
    assert "Zoë&#x27;s &lt;b&gt;Bistro&lt;/b&gt; &amp; Söhne, Inc." in html
    assert attachment.get_content_type() == "text/csv"
    assert attachment.get_filename() == f"sessions-{in_new_york(row['as_of'])[:10]}-America-New_York.csv"
    assert attachment.get_payload(decode=True) == await read_csv(database, export_id)
    assert len(mailbox.message_ids()) == 2
    link = plain.partition("Download it: ")[2].splitlines()[0]
    assert (await owner.client.get(link)).content == await read_csv(database, export_id)


@pytest.mark.parametrize(
    ("zip_above", "link_above", "kind"), [(1, 10**9, "zip"), (0, 1, "link"), (10**6, 10**6, "csv")]
)
async def test_a_large_file_is_zipped_and_a_larger_one_only_linked(
    owner: Caller,
    database: Database,
    database_url: str,
    mailing: Settings,
    mailbox: Mailbox,
    zip_above: int,
    link_above: int,
    kind: str,
) -> None:
    sized = mailing.model_copy(update={"zip_above_bytes": zip_above, "link_above_bytes": link_above})
    async with working(database, database_url, sized):
        export_id = await ask_for_report(owner)
        await finished(owner, export_id)

    _, _, attachments = parts_of(mailbox.to(ANA)[0])
    assert [one.get_content_type() for one in attachments] == {
        "zip": ["application/zip"],
        "link": [],
        "csv": ["text/csv"],
    }[kind]
    if kind == "zip":
        with zipfile.ZipFile(io.BytesIO(attachments[0].get_content())) as archive:
            (name,) = archive.namelist()
            assert archive.read(name) == await read_csv(database, export_id)
            assert attachments[0].get_filename() == f"{name}.zip"


async def test_only_what_was_not_accepted_is_sent_again(
    owner: Caller, database: Database, database_url: str, mailing: Settings, mailbox: Mailbox
) -> None:
    mailbox.answers = {ANA: ["451 4.3.0 later"], BO: ["550 5.1.1 nobody of this name"]}
    async with working(database, database_url, mailing):
        export_id = await ask_for_report(owner, recipients=[ANA, BO, CY])
        waiting = await comes_true(lambda: _with_error(owner, export_id))
        assert waiting["status"] == "SENDING"
        assert waiting["error"] == "The mail server said 451: 4.3.0 later"
        export = await finished_without_pauses(database, owner, export_id)

    assert (export["status"], export["error"]) == ("DONE", None)
    assert outcomes(export) == {
        ANA: ("ACCEPTED", None),
        BO: ("REFUSED", "The mail server said 550: 5.1.1 nobody of this name"),
        CY: ("ACCEPTED", None),
    }
    assert [len(mailbox.to(recipient)) for recipient in (ANA, BO, CY)] == [1, 0, 1]


async def _with_error(ask: Caller, export_id: str) -> dict[str, Any] | None:
    export = await show_report(ask, export_id)
    return export if export["error"] else None


async def test_a_server_that_hangs_up_after_the_data_may_get_the_same_message_again(
    owner: Caller, database: Database, database_url: str, mailing: Settings, mailbox: Mailbox
) -> None:
    mailbox.data_answers = [HANG_UP, "421 4.3.2 closing", "452 4.2.2 full"]
    async with working(database, database_url, mailing):
        export_id = await ask_for_report(owner)
        export = await finished_without_pauses(database, owner, export_id)

    assert outcomes(export) == {ANA: ("ACCEPTED", None)}
    ((message_id, count),) = mailbox.message_ids().items()
    assert count == 2
    assert message_id.startswith(f"<{export_id.replace('-', '')}.")


@pytest.mark.parametrize("zip_above", [0, 10**6])
async def test_a_repeated_message_is_the_same_to_the_byte(
    owner: Caller, database: Database, database_url: str, settings: Settings, zip_above: int
) -> None:
    async with ScriptedMailServer(TAKEN=[b"451 later", b"452 later", b"250 ok"]) as server:
        update = {"smtp_url": SecretStr(server.url), "zip_above_bytes": zip_above}
        async with working(database, database_url, settings.model_copy(update=update)):
            await finished_without_pauses(database, owner, await ask_for_report(owner))

    first, second, third = server.offered
    assert first == second == third
    assert server.messages == [third]


async def test_an_export_that_nobody_accepts_fails_and_can_be_retried(
    owner: Caller, database: Database, database_url: str, mailing: Settings, mailbox: Mailbox
) -> None:
    mailbox.answers = {ANA: ["550 no"]}
    async with working(database, database_url, mailing):
        export_id = await ask_for_report(owner)
        failed = await finished(owner, export_id)
        await owner(RETRY, id=export_id)
        done = await finished(owner, export_id)

    assert failed["status"] == "FAILED"
    assert failed["error"].endswith("no recipient's mail server has accepted it: The mail server said 550: no")
    assert failed["downloadUrl"] is not None
    assert (done["status"], outcomes(done)) == ("DONE", {ANA: ("ACCEPTED", None)})


async def test_a_message_is_given_up_after_a_day(
    owner: Caller, database: Database, database_url: str, mailing: Settings, mailbox: Mailbox
) -> None:
    mailbox.answers = {ANA: ["451 later"]}
    async with working(database, database_url, mailing):
        export_id = await ask_for_report(owner)
        await comes_true(lambda: _with_error(owner, export_id))
        await database.execute(
            "update session_export set finished_at = now() - interval '1 day' where status = 'SENDING'"
        )
        export = await finished_without_pauses(database, owner, export_id)

    assert export["status"] == "FAILED"
    assert outcomes(export) == {ANA: ("GIVEN_UP", "The mail server said 451: later")}


async def test_a_server_that_is_down_is_tried_again(
    owner: Caller, database: Database, database_url: str, settings: Settings, mailbox: Mailbox
) -> None:
    port = free_port()
    away = settings.model_copy(update={"smtp_url": SecretStr(f"smtp://127.0.0.1:{port}")})
    async with working(database, database_url, away):
        export_id = await ask_for_report(owner)
        waiting = await comes_true(lambda: _with_error(owner, export_id))
        with MailServer(mailbox, port):
            export = await finished_without_pauses(database, owner, export_id)

    assert waiting["error"] == "The mail server refuses connections."
    assert outcomes(export) == {ANA: ("ACCEPTED", None)}


async def test_a_message_in_transit_is_finished_when_the_worker_stops(
    owner: Caller, database: Database, database_url: str, mailing: Settings, mailbox: Mailbox
) -> None:
    mailbox.seconds = 1.0
    async with working(database, database_url, mailing):
        export_id = await ask_for_report(owner, recipients=[ANA, BO])
        await finished(owner, export_id, "SENDING")
        await asyncio.sleep(0.5)
    row = await read_row(database, export_id)
    assert (row["status"], row["lease_until"], row["attempts"]) == ("SENDING", None, 1)
    mailbox.seconds = 0
    async with working(database, database_url, mailing):
        export = await finished(owner, export_id)

    assert export["status"] == "DONE"
    assert sorted(mailbox.message_ids().values()) == [1, 1]


def a_message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "reports@example.com", ANA, "Grüße"
    message.set_content("x")
    return message


async def refusal_of(url: str) -> tuple[str, Consequence]:
    with pytest.raises(NotDelivered) as caught:
        await SmtpTransport.from_url(url, "reports@example.com").deliver(a_message(), ANA)
    return str(caught.value), caught.value.consequence


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_wrong_password_concerns_no_recipient_and_is_not_repeated(mailbox: Mailbox) -> None:
    options: dict[str, Any] = {"authenticator": refuse_login, "auth_require_tls": False, "auth_required": True}
    with MailServer(mailbox, **options) as server:
        refusal = await refusal_of(server.url(credentials="user:secret@"))

    assert refusal == ("The mail server did not accept our credentials (535).", Consequence.PUT_OFF)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_credentials_are_read_from_the_address(mailbox: Mailbox) -> None:
    options: dict[str, Any] = {"authenticator": accept_login, "auth_require_tls": False, "auth_required": True}
    with MailServer(mailbox, **options) as server:
        await SmtpTransport.from_url(server.url(credentials="user:pass%20word@"), "reports@example.com").deliver(
            a_message(), ANA
        )

    assert mailbox.to(ANA)[0]["Subject"] == "Grüße"


@pytest.mark.parametrize("url", ["http://mail.example.com", "smtp://", "smtp://host:port", "mail.example.com:25"])
def test_a_url_that_is_not_valid_is_refused_without_repeating_it(settings: Settings, url: str) -> None:
    with pytest.raises(SettingError) as caught:
        choose_transport(settings.model_copy(update={"smtp_url": SecretStr(url)}))

    assert "SESSION_GRAPH_SMTP_URL" in caught.value.message
