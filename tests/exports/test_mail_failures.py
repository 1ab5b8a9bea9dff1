"""Mail that cannot be delivered: what concerns no recipient is put off, and every failure is a sentence."""

import logging
from email.message import EmailMessage, Message
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from session_graph.access.viewer import Role
from session_graph.errors import SettingError
from session_graph.exports import delivery, mail, worker
from session_graph.exports.delivery import CANNOT_COMPOSE, COULD_NOT_SEND, NO_MAILBOX
from session_graph.exports.mail import SWITCHED_OFF, Consequence, NotDelivered, SmtpTransport, choose_transport
from session_graph.exports.message import MailContent, compose
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.mail_reader import read_message
from support.records import make_agent, record
from support.reports import ask_for_report, comes_true, download, finished, make_retries_due, show_report, working
from support.smtp import free_port
from support.smtp_script import SILENCE, ScriptedMailServer

pytestmark = pytest.mark.anyio

ANA, BO = "ana@example.com", "bo@example.com"
SMALL_SIZE = b"250-here\r\n250 SIZE 3000"


@pytest.fixture
async def owner(client: httpx.AsyncClient, account: Account, database: Database) -> Caller:
    await make_agent(account)
    await record(database, account, {"summary": "hello " * 800})
    await database.execute("insert into export_recipient values ($1, 'example.com')", account.id)
    return await make_caller(client, account, Role.ADMIN, {"email": ANA})


def through(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"smtp_url": SecretStr(url)})


async def failure_of(url: str) -> NotDelivered:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "reports@example.com", ANA, "x"
    message.set_content("y" * 2000)
    with pytest.raises(NotDelivered) as caught:
        await SmtpTransport.from_url(url, "reports@example.com").deliver(message, ANA)
    return caught.value


async def has_error(ask: Caller, export_id: str) -> dict[str, Any] | None:
    export = await show_report(ask, export_id)
    return export if export["error"] else None


@pytest.mark.parametrize(
    ("answers", "sentence", "kind"),
    [
        ({"BANNER": b"554 go away"}, "The mail server said 554: go away", "answer 554"),
        ({"BANNER": b"421 busy"}, "The mail server said 421: busy", "answer 421"),
        ({"BANNER": b"HTTP/1.1 400 Bad Request"}, "The mail server's answer is not SMTP: ", "not SMTP"),
        ({"EHLO": b"550 no", "HELO": b"550 no"}, "The mail server said 550: no", "answer 550"),
        ({"MAIL": b"550 unknown sender"}, "The mail server said 550: unknown sender", "answer 550"),
        ({"MAIL": b"530 5.7.0 Must issue STARTTLS"}, "The mail server said 530: 5.7.0 Must issue", "answer 530"),
    ],
)
async def test_an_answer_before_the_recipient_is_named_concerns_no_recipient(
    answers: dict[str, bytes], sentence: str, kind: str
) -> None:
    async with ScriptedMailServer(**answers) as server:
        failure = await failure_of(server.url)

    assert str(failure).startswith(sentence)
    assert (failure.consequence, failure.kind) == (Consequence.PUT_OFF, kind)


@pytest.mark.parametrize(
    ("url", "sentence", "kind"),
    [
        ("smtp://mail.invalid", "The name of the mail server cannot be resolved.", "DNS"),
        (f"smtp://127.0.0.1:{free_port()}", "The mail server refuses connections.", "refused"),
        (f"smtp://localhost:{free_port()}", "The mail server refuses connections.", "refused"),
    ],
    ids=["no such name", "an address", "a name"],
)
async def test_a_server_that_cannot_be_reached_is_told_apart(url: str, sentence: str, kind: str) -> None:
    failure = await failure_of(url)

    assert (str(failure), failure.consequence, failure.kind) == (sentence, Consequence.PUT_OFF, kind)


@pytest.mark.parametrize(
    ("silent", "consequence"),
    [("BANNER", Consequence.PUT_OFF), ("MAIL", Consequence.PUT_OFF), ("RCPT", Consequence.LATER)],
)
async def test_a_server_that_falls_silent_took_too_long(
    monkeypatch: pytest.MonkeyPatch, silent: str, consequence: Consequence
) -> None:
    monkeypatch.setattr(mail, "TIMEOUT_SECONDS", 0.5)
    async with ScriptedMailServer(**{silent: SILENCE}) as server:
        failure = await failure_of(server.url)

    assert (str(failure), failure.kind) == ("The mail server took too long.", "time-out")
    assert failure.consequence is consequence


async def test_a_plain_server_behind_an_encrypted_address_is_put_off() -> None:
    async with ScriptedMailServer() as server:
        failure = await failure_of(server.url.replace("smtp://", "smtps://"))

    assert (failure.consequence, failure.kind) == (Consequence.PUT_OFF, "TLS")
    assert str(failure) == "The encrypted connection to the mail server failed."


@pytest.mark.parametrize(
    ("answers", "consequence"),
    [
        ({"RCPT": b"550 5.1.1 nobody"}, Consequence.REFUSED),
        ({"RCPT": b"552 5.2.2 mailbox full"}, Consequence.REFUSED),
        ({"RCPT": b"552 5.3.4 too large"}, Consequence.WITHOUT_FILE),
        ({"RCPT": b"421 4.7.0 try later"}, Consequence.LATER),
        ({"RCPT": b"what?"}, Consequence.LATER),
        ({"TAKEN": b"554 5.7.1 spam"}, Consequence.REFUSED),
        ({"TAKEN": b"552 5.3.4 too large"}, Consequence.WITHOUT_FILE),
        ({"TAKEN": b"552 5.2.2 mailbox full"}, Consequence.REFUSED),
        ({"MAIL": b"552 5.3.4 too large"}, Consequence.WITHOUT_FILE),
        ({"MAIL": b"452 4.3.1 disk full"}, Consequence.PUT_OFF),
        ({"EHLO": b"250-here\r\n250 SIZE 1000"}, Consequence.WITHOUT_FILE),
    ],
)
async def test_an_answer_has_its_consequence(answers: dict[str, bytes], consequence: Consequence) -> None:
    async with ScriptedMailServer(**answers) as server:
        failure = await failure_of(server.url)

    assert failure.consequence is consequence
    assert server.messages == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"550 5.1.1 Empf\xe4nger unbekannt", "The mail server said 550: 5.1.1 Empf�nger unbekannt"),
        (b"550 bad\x00thing", "The mail server said 550: bad�thing"),
        (b"550 5.7.1 \x1b[31mred\x1b[0m \xe2\x80\xaeevil", "The mail server said 550: 5.7.1 �[31mred�[0m evil"),
        (b"550 " + b"x" * 900, "The mail server said 550: " + "x" * 499 + "…"),
        (b"550-first\r\n550 second", "The mail server said 550: first second"),
    ],
)
async def test_an_answer_that_is_not_text_is_recorded_as_text(
    owner: Caller, database: Database, database_url: str, settings: Settings, answer: bytes, error: str
) -> None:
    async with (
        ScriptedMailServer(RCPT=answer) as server,
        working(database, database_url, through(settings, server.url)),
    ):
        export = await finished(owner, await ask_for_report(owner))

    assert [(d["status"], d["error"]) for d in export["deliveries"]] == [("REFUSED", error)]


async def test_mail_that_cannot_be_sent_waits_with_a_warning_and_is_sent_when_it_can_be(
    owner: Caller, database: Database, database_url: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        ScriptedMailServer(BANNER=b"554 go away ana@example.com") as server,
        working(database, database_url, through(settings, server.url)),
    ):
        export_id = await ask_for_report(owner, recipients=[ANA, BO])
        waiting = await comes_true(lambda: has_error(owner, export_id))
        tried = len(server.said)
        server.answers["BANNER"] = [b"220 welcome"]
        await make_retries_due(database)
        done = await finished(owner, export_id)

    assert (waiting["status"], waiting["error"]) == ("SENDING", "The mail server said 554: go away ana@example.com")
    assert [(d["status"], d["error"]) for d in waiting["deliveries"]] == [("WAITING", waiting["error"])] * 2
    assert tried == 0
    assert (done["status"], len(server.messages)) == ("DONE", 2)
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "export" in r.getMessage()]
    assert warning == f"export {export_id}: no message can be sent now: answer 554"


async def test_mail_that_cannot_be_sent_is_given_up_after_a_day(
    owner: Caller, database: Database, database_url: str, settings: Settings
) -> None:
    async with working(database, database_url, through(settings, f"smtp://127.0.0.1:{free_port()}")):
        export_id = await ask_for_report(owner, recipients=[ANA, BO])
        await comes_true(lambda: has_error(owner, export_id))
        await database.execute(
            "update session_export set finished_at = now() - interval '1 day' where status = 'SENDING'"
        )
        await make_retries_due(database)
        export = await finished(owner, export_id)

    assert export["status"] == "FAILED"
    assert [d["status"] for d in export["deliveries"]] == ["GIVEN_UP"] * 2
    assert export["error"].endswith("The mail server refuses connections.")


async def test_a_message_that_cannot_be_made_is_final_for_its_recipient_alone(
    owner: Caller,
    database: Database,
    database_url: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail_for_ana(content: MailContent, recipient: str, settings: Settings) -> Message:
        if recipient == ANA:
            raise LookupError("secret")
        return compose(content, recipient, settings)

    async with ScriptedMailServer() as server, working(database, database_url, through(settings, server.url)):
        monkeypatch.setattr(delivery, "compose", fail_for_ana)
        export = await finished(owner, await ask_for_report(owner, recipients=[ANA, BO]))
        row = await database.fetchrow("select attempts from export_delivery where recipient = $1", ANA)

    assert row
    assert (export["status"], row["attempts"]) == ("DONE", 1)
    outcomes = {d["recipient"]: (d["status"], d["error"]) for d in export["deliveries"]}
    assert outcomes == {ANA: ("REFUSED", CANNOT_COMPOSE), BO: ("ACCEPTED", None)}
    (line,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert line.exc_info is None
    assert "LookupError in test_mail_failures.py, line" in line.getMessage()
    assert "secret" not in line.getMessage()


@pytest.mark.parametrize("poison", ["=?utf-8?q?a=0Ab?=@example.com", "zoë@example.com", "|/bin/sh@example.com"])
async def test_a_stored_address_that_no_mailbox_has_is_refused_and_the_others_get_their_mail(
    owner: Caller, database: Database, database_url: str, settings: Settings, poison: str
) -> None:
    export_id = await ask_for_report(owner, recipients=[ANA, BO])
    await database.execute("update export_delivery set recipient = $1 where recipient = $2", poison, ANA)
    async with ScriptedMailServer() as server, working(database, database_url, through(settings, server.url)):
        export = await finished(owner, export_id)

    assert export["status"] == "DONE"
    outcomes = {d["recipient"]: (d["status"], d["error"]) for d in export["deliveries"]}
    assert outcomes == {poison: ("REFUSED", NO_MAILBOX), BO: ("ACCEPTED", None)}
    assert len(server.messages) == 1


async def test_a_stored_name_that_looks_like_a_header_is_only_text(
    owner: Caller, account: Account, database: Database, database_url: str, settings: Settings
) -> None:
    poison = "A =?utf-8?q?x=0ABcc:_victim@example.org?=\nBcc: victim@example.org"
    await database.execute("update account set name = $1 where id = $2", poison, account.id)
    async with ScriptedMailServer() as server, working(database, database_url, through(settings, server.url)):
        export = await finished(owner, await ask_for_report(owner))

    assert export["status"] == "DONE"
    (data,) = server.messages
    part = read_message(data)
    assert part.fields["subject"].startswith(f"Session report of {poison.replace(chr(10), ' ')}: ")
    assert "bcc" not in part.fields


async def test_an_unexpected_error_of_the_transport_is_put_off_with_one_line(
    owner: Caller,
    database: Database,
    database_url: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: object) -> str:
        raise LookupError("secret")

    monkeypatch.setattr(SmtpTransport, "deliver", fail)
    async with working(database, database_url, through(settings, "smtp://127.0.0.1")):
        export_id = await ask_for_report(owner)
        waiting = await comes_true(lambda: has_error(owner, export_id))

    assert (waiting["status"], waiting["error"]) == ("SENDING", COULD_NOT_SEND)
    (line,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert (line.exc_info, "secret" in line.getMessage()) == (None, False)


@pytest.mark.parametrize(
    "answers",
    [
        {"EHLO": SMALL_SIZE},
        {"MAIL": [b"552 5.3.4 too large", b"250 ok"]},
        {"TAKEN": [b"552 5.3.4 too large", b"250 ok"]},
    ],
)
async def test_a_message_that_is_too_large_is_sent_without_its_attachment(
    owner: Caller, database: Database, database_url: str, settings: Settings, answers: dict[str, Any]
) -> None:
    async with ScriptedMailServer(**answers) as server, working(database, database_url, through(settings, server.url)):
        export = await finished(owner, await ask_for_report(owner))

    assert (export["status"], export["error"]) == ("DONE", None)
    (message,) = server.messages
    assert b"text/csv" not in message
    assert export["id"].encode() in message.replace(b"=\r\n", b"")


async def test_switched_off_mail_is_not_sent_and_says_so(
    client: httpx.AsyncClient,
    owner: Caller,
    database: Database,
    database_url: str,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptedMailServer() as server:
        off = through(settings, server.url).model_copy(update={"mail": False})
        async with working(database, database_url, off):
            export_id = await ask_for_report(owner)
            export = await comes_true(lambda: has_error(owner, export_id))

    assert server.said == []
    assert (export["status"], export["error"]) == ("SENDING", SWITCHED_OFF)
    assert [(d["status"], d["error"]) for d in export["deliveries"]] == [("WAITING", SWITCHED_OFF)]
    assert (await download(client, owner, export_id)).status_code == 200
    warnings = [r.getMessage() for r in caplog.records if r.name == worker.LOGGER.name]
    assert warnings == ["Mail is switched off (SESSION_GRAPH_MAIL=off): exports are written, and no message is sent"]


@pytest.mark.parametrize(
    "sender",
    [
        "not an address",
        "a@example.com, b@example.com",
        "a@example.com\nBcc: b@example.com",
        "a@example.com\r\n\r\nhello",
        "Zoë <zoë@example.com>",
        "<>",
        "Reports <reports@example.com",
        "",
    ],
)
def test_a_sender_that_is_not_one_address_is_refused_at_the_start(settings: Settings, sender: str) -> None:
    with pytest.raises(SettingError) as caught:
        choose_transport(settings.model_copy(update={"mail_from": sender}))

    assert caught.value.message.startswith("SESSION_GRAPH_MAIL_FROM must be one e-mail address")


@pytest.mark.parametrize("sender", ["a@example.com", "Zoë's Bistro <a@example.com>", '"Bistro, Inc." <a@example.com>'])
def test_a_sender_may_have_a_name(settings: Settings, sender: str) -> None:
    update = {"mail_from": sender, "smtp_url": SecretStr("smtp://127.0.0.1")}

    transport = choose_transport(settings.model_copy(update=update))

    assert isinstance(transport, SmtpTransport)
    assert transport.sender == "a@example.com"
