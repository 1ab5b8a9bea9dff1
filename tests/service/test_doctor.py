"""`session-graph doctor`: whether the mail setting works, told by one message and an exit code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from session_graph.cli.main import main
from support.smtp import Mailbox, MailServer, accept_login, free_port, refuse_login

ANA = "ana@example.com"
LOGIN: dict[str, Any] = {"auth_require_tls": False, "auth_required": True}

Doctor = Callable[[str | None], tuple[int, str, str]]


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Doctor:
    """Asks with this address of a mail server: exit code, what is printed, what is said on standard error."""

    def ask(smtp_url: str | None) -> tuple[int, str, str]:
        monkeypatch.setenv("SESSION_GRAPH_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("SESSION_GRAPH_MAIL_FROM", "Reports <reports@example.com>")
        monkeypatch.setenv("SESSION_GRAPH_SMTP_URL", smtp_url or "")
        code = main(["doctor", ANA])
        assert not (tmp_path / "home").exists()
        return code, *capsys.readouterr()

    return ask


def test_a_message_that_is_accepted_is_told_and_is_there(doctor: Doctor, mailbox: Mailbox) -> None:
    with MailServer(mailbox) as server:
        told = doctor(server.url())

    assert told == (0, f"The message to {ANA} was accepted.\n", "")
    (message,) = mailbox.to(ANA)
    assert message["From"] == "Reports <reports@example.com>"
    assert message["Subject"] == "session_graph can send mail"
    assert mailbox.senders == ["reports@example.com"]


def test_a_server_that_cannot_be_reached_is_a_sentence(doctor: Doctor) -> None:
    told = doctor(f"smtp://user:secret@127.0.0.1:{free_port()}")

    assert told == (1, "", "The mail server cannot be reached. An export would be sent again later.\n")


@pytest.mark.parametrize(
    ("answer", "consequence"),
    [("550 5.1.1 nobody of this name", "This is final."), ("451 4.3.0 later", "An export would be sent again later.")],
)
def test_a_refusal_is_told_in_the_servers_words(
    doctor: Doctor, mailbox: Mailbox, answer: str, consequence: str
) -> None:
    mailbox.answers = {ANA: [answer]}
    with MailServer(mailbox) as server:
        told = doctor(server.url())

    code, _, words = answer.partition(" ")
    assert told == (1, "", f"The mail server said {code}: {words} {consequence}\n")
    assert mailbox.taken == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_login_that_is_refused_is_told_without_the_password(doctor: Doctor, mailbox: Mailbox) -> None:
    with MailServer(mailbox, authenticator=refuse_login, **LOGIN) as server:
        told = doctor(server.url(credentials="user:secret@"))

    assert told == (1, "", "The mail server did not accept our credentials (535). This is final.\n")
    assert mailbox.taken == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_the_login_of_the_setting_is_used(doctor: Doctor, mailbox: Mailbox) -> None:
    with MailServer(mailbox, authenticator=accept_login, **LOGIN) as server:
        code, _, said = doctor(server.url(credentials="user:pass%20word@"))

    assert (code, said, len(mailbox.to(ANA))) == (0, "", 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "smtp://", "smtp://u:secret@host:port", "mail.example.com:25"])
def test_a_setting_that_cannot_be_understood_is_named(doctor: Doctor, url: str) -> None:
    code, printed, said = doctor(url)

    assert (code, printed, said.count("\n")) == (1, "", 1)
    assert said.startswith("SESSION_GRAPH_SMTP_URL must be smtp://")
    assert "secret" not in said


def test_without_a_mail_server_it_says_so(doctor: Doctor) -> None:
    code, printed, said = doctor(None)

    assert (code, printed) == (1, "")
    assert said.startswith("No mail server is set up here")
