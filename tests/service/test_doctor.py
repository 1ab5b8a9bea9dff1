"""`session-graph doctor`: a test message and an exit code show whether the mail settings work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from session_graph.cli.main import main
from support.smtp import Mailbox, MailServer, accept_login, free_port, refuse_login

ANA = "ana@example.com"
PUT_OFF = "This concerns every recipient: exports wait, for up to a day, until it works."
LOGIN: dict[str, Any] = {"auth_require_tls": False, "auth_required": True}

Doctor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Doctor:
    """Return a function that runs the command with a mail server's URL: exit code, output and error output."""

    def ask(smtp_url: str | None, sender: str = "Reports <reports@example.com>") -> tuple[int, str, str]:
        monkeypatch.setenv("SESSION_GRAPH_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("SESSION_GRAPH_MAIL_FROM", sender)
        monkeypatch.setenv("SESSION_GRAPH_SMTP_URL", smtp_url or "")
        code = main(["doctor", ANA])
        assert not (tmp_path / "home").exists()
        return code, *capsys.readouterr()

    return ask


def test_an_accepted_message_is_reported_and_delivered(doctor: Doctor, mailbox: Mailbox) -> None:
    with MailServer(mailbox) as server:
        result = doctor(server.url())

    assert result == (0, f"The message to {ANA} was accepted. The connection was not encrypted.\n", "")
    (message,) = mailbox.to(ANA)
    assert message["From"] == "Reports <reports@example.com>"
    assert message["Subject"] == "session_graph can send mail"
    assert mailbox.senders == ["reports@example.com"]


def test_a_server_that_cannot_be_reached_is_reported_in_a_sentence(doctor: Doctor) -> None:
    result = doctor(f"smtp://user:secret@127.0.0.1:{free_port()}")

    assert result == (1, "", f"The mail server refuses connections. {PUT_OFF}\n")


@pytest.mark.parametrize(
    ("answer", "consequence"),
    [("550 5.1.1 nobody of this name", "This is final."), ("451 4.3.0 later", "An export would be sent again later.")],
)
def test_a_refusal_quotes_the_server(doctor: Doctor, mailbox: Mailbox, answer: str, consequence: str) -> None:
    mailbox.answers = {ANA: [answer]}
    with MailServer(mailbox) as server:
        result = doctor(server.url())

    code, _, words = answer.partition(" ")
    assert result == (1, "", f"The mail server said {code}: {words} {consequence}\n")
    assert mailbox.taken == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_refused_login_is_reported_without_the_password(doctor: Doctor, mailbox: Mailbox) -> None:
    with MailServer(mailbox, authenticator=refuse_login, **LOGIN) as server:
        result = doctor(server.url(credentials="user:secret@"))

    assert result == (1, "", f"The mail server did not accept our credentials (535). {PUT_OFF}\n")
    assert mailbox.taken == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_the_login_in_the_setting_is_used(doctor: Doctor, mailbox: Mailbox) -> None:
    with MailServer(mailbox, authenticator=accept_login, **LOGIN) as server:
        code, _, errors = doctor(server.url(credentials="user:pass%20word@"))

    assert (code, errors, len(mailbox.to(ANA))) == (0, "", 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "smtp://", "smtp://u:secret@host:port", "mail.example.com:25"])
def test_a_setting_that_is_not_valid_is_named(doctor: Doctor, url: str) -> None:
    code, printed, errors = doctor(url)

    assert (code, printed, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("SESSION_GRAPH_SMTP_URL must be smtp://")
    assert "secret" not in errors


def test_mail_that_is_switched_off_is_reported_and_not_sent(
    doctor: Doctor, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_GRAPH_MAIL", "off")
    with MailServer(mailbox) as server:
        code, printed, errors = doctor(server.url())

    assert (code, printed, mailbox.taken) == (1, "", [])
    assert errors == f"Mail is switched off here (SESSION_GRAPH_MAIL=off); the file can be downloaded. {PUT_OFF}\n"


def test_a_name_that_cannot_be_resolved_is_told_apart(doctor: Doctor) -> None:
    result = doctor("smtp://mail.invalid")

    assert result == (1, "", f"The name of the mail server cannot be resolved. {PUT_OFF}\n")


def test_a_sender_that_is_not_an_address_is_named(doctor: Doctor) -> None:
    code, printed, errors = doctor("smtp://127.0.0.1", "a@example.com\nBcc: b@example.com")

    assert (code, printed, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("SESSION_GRAPH_MAIL_FROM must be one e-mail address")


def test_a_recipient_that_is_not_an_address_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "ana@example.com\nBcc: bo@example.com"])

    assert code == 1
    assert capsys.readouterr().err.startswith("recipient must be one e-mail address, such as ana@example.com: ")


def test_a_missing_mail_server_is_reported(doctor: Doctor) -> None:
    result = doctor(None)

    message = "No mail server is set up: SESSION_GRAPH_SMTP_URL names one. Exports can only be downloaded.\n"
    assert result == (1, "", message)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://u:secret@db.example/n", "Warning: SESSION_GRAPH_DATABASE_URL: the connection to db.example"),
        ("postgresql://u:secret@db.example/n?sslmode=require", "Info: SESSION_GRAPH_DATABASE_URL: the connection to"),
    ],
    ids=["not encrypted", "not checked"],
)
def test_a_database_that_is_reached_without_all_checks_is_remarked_on(
    doctor: Doctor, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.setenv("SESSION_GRAPH_DATABASE_URL", address)
    with MailServer(mailbox) as server:
        code, _, errors = doctor(server.url())

    assert (code, errors.count("\n")) == (0, 1)
    assert errors.startswith(said)
    assert "secret" not in errors
