"""A mail server that answers as it is told, on a port of the loopback."""

import asyncio
import socket
import ssl
import threading
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

OK = "250 2.0.0 taken"
HANG_UP = "hang up"
HOLD = "hold"


class Mailbox:
    """What the server does with the next messages, and what it has taken.

    `answers` are given in turn to the recipients of this address, `data_answers` to the messages, then OK. HANG_UP is
    to take the message, and not say; HOLD is to take it, and keep the client waiting until it has gone.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}
        self.data_answers: list[str] = []
        self.seconds = 0.0
        self.slow_recipients: set[str] = set()
        self.released = threading.Event()
        self.taken: list[tuple[str, EmailMessage]] = []
        self.senders: list[str] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = _next(self.answers.get(address))
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.seconds)
        if not self.slow_recipients.isdisjoint(envelope.rcpt_tos):
            while not self.released.is_set():  # noqa: ASYNC110 - the test sets it in another thread
                await asyncio.sleep(0.02)
        answer = _next(self.data_answers)
        if answer in (OK, HANG_UP, HOLD):
            message = message_from_bytes(cast(bytes, envelope.content), policy=default)
            self.taken += [(recipient, message) for recipient in envelope.rcpt_tos]
            self.senders.append(str(envelope.mail_from))
        if answer == HANG_UP:
            cast(asyncio.Transport, server.transport).abort()
        if answer == HOLD:
            await asyncio.Event().wait()
        return answer if answer != HANG_UP else OK

    def to(self, recipient: str) -> list[EmailMessage]:
        return [message for address, message in self.taken if address == recipient]

    def message_ids(self) -> Counter[str]:
        return Counter(str(message["Message-ID"]) for _, message in self.taken)


def _next(answers: list[str] | None) -> str:
    return answers.pop(0) if answers else OK


class MailServer:
    """Serves within its block."""

    def __init__(self, mailbox: Mailbox, port: int | None = None, **options: Any) -> None:
        self.port = port or free_port()
        self._controller = Controller(mailbox, hostname="127.0.0.1", port=self.port, **options)

    def url(self, security: str = "smtp", credentials: str = "") -> str:
        return f"{security}://{credentials}127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def refuse_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=False, handled=False)


def accept_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.login == b"user" and data.password == b"pass word")


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
