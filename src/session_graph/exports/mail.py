"""Mail transports: a mail server, an outbox folder, or none.

A transport that does not deliver a message raises NotDelivered, which says why and what follows from it. What fails
before the recipient is named concerns every recipient, and is the operator's to mend: it is never final.
"""

import asyncio
import errno
import hashlib
import os
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from session_graph.errors import SettingError
from session_graph.exports.mail_address import read_sender
from session_graph.parsing import write_on_one_line
from session_graph.settings import PREFIX, Settings

TIMEOUT_SECONDS = 120
QUIT_SECONDS = 5
MOST_CHARACTERS = 500
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}

SWITCHED_OFF = f"Mail is switched off here ({PREFIX}MAIL=off); the file can be downloaded."
NO_SERVER = "No mail server is set up here; the file can be downloaded."


class Consequence(StrEnum):
    """What follows if a message is not delivered."""

    REFUSED = "A retry cannot help."
    LATER = "The message to this recipient is sent again later."
    PUT_OFF = "No recipient is concerned: the messages to all of them are sent later."
    WITHOUT_FILE = "The message is too large: it is sent again without its attachment."


class NotDelivered(Exception):
    """The message was not accepted. The text is for the requester; `kind` names the failure in the log."""

    def __init__(self, reason: str, consequence: Consequence, kind: str) -> None:
        super().__init__(reason)
        self.consequence = consequence
        self.kind = kind


class Stage(StrEnum):
    """How far a conversation with a mail server has come."""

    SESSION = "before the recipient is named"
    RECIPIENT = "the recipient"
    MESSAGE = "the message"


class MailTransport(Protocol):
    """Delivers one message to one recipient, and returns a sentence for the operator: how. Or raises NotDelivered."""

    async def deliver(self, message: Message, recipient: str) -> str: ...


def choose_transport(settings: Settings) -> MailTransport:
    """Return the transport that the settings name: the mail server, else the outbox, else one that refuses everything.

    Raises SettingError if the sender, the mail server's URL or the file of authorities is not valid, or if a password
    could be sent to another host unencrypted.
    """
    sender = read_sender(settings.mail_from)
    if not settings.mail:
        return OffTransport()
    if settings.smtp_url:
        url = settings.smtp_url.get_secret_value()
        return SmtpTransport.from_url(url, sender.address, _trust(settings.smtp_ca_file))
    return OutboxTransport(settings.outbox) if settings.outbox else NullTransport()


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    """A mail server; `security` is smtp, smtp+starttls or smtps, `sender` the address of the envelope.

    With smtp, the connection is encrypted if the server offers it. `trusted` decides about certificates in any case.
    """

    security: str
    host: str
    port: int
    user: str | None
    password: str | None
    sender: str
    trusted: ssl.SSLContext

    @classmethod
    def from_url(cls, url: str, sender: str, trusted: ssl.SSLContext | None = None) -> "SmtpTransport":
        try:
            parts = urlsplit(url)
            if parts.scheme not in PORTS or not parts.hostname:
                raise ValueError
            port = parts.port or PORTS[parts.scheme]
        except ValueError:
            raise SettingError(
                f"{PREFIX}SMTP_URL must be smtp://, smtp+starttls:// or smtps:// with a host, such as"
                " smtp+starttls://user:password@mail.example.com:587."
            ) from None
        user, password = (part and unquote(part) for part in (parts.username, parts.password))
        if parts.scheme == "smtp" and (user or password) and not _is_this_machine(parts.hostname):
            raise SettingError(
                f"{PREFIX}SMTP_URL has a password, which smtp:// would send unencrypted if the mail server offers no"
                " encryption; use smtp+starttls:// or smtps://."
            )
        return cls(parts.scheme, parts.hostname, port, user, password, sender, trusted or _trust(None))

    async def deliver(self, message: Message, recipient: str) -> str:
        data = await asyncio.to_thread(message.as_bytes, policy=message.policy.clone(linesep="\r\n"))
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.security == "smtps",
            start_tls={"smtp": None, "smtp+starttls": True, "smtps": False}[self.security],  # None: if it is offered
            tls_context=self.trusted,
            timeout=TIMEOUT_SECONDS,
        )
        stage = Stage.SESSION
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await client.connect()
                tls = client.get_transport_info("ssl_object")
                await _greet(client)
                await client.mail(self.sender, options=_announce_size(client, data))
                stage = Stage.RECIPIENT
                await client.rcpt(recipient)
                stage = Stage.MESSAGE
                await client.data(data)
            await _quit(client)
        except (aiosmtplib.SMTPException, OSError) as error:
            if isinstance(error, aiosmtplib.SMTPResponseException):
                await _quit(client)
            raise _explain(error, stage) from error
        finally:
            client.close()
        return f"The connection was encrypted ({tls.version()})." if tls else "The connection was not encrypted."


@dataclass(frozen=True, slots=True)
class OutboxTransport:
    """A folder that gets one `.eml` file for each Message-ID, readable by its owner alone.

    Any mail program opens it.
    """

    folder: Path

    async def deliver(self, message: Message, recipient: str) -> str:
        try:
            path = await asyncio.to_thread(self._write, message)
        except OSError as error:
            reason = f"The outbox cannot be written to: {error.strerror}."
            raise NotDelivered(reason, Consequence.PUT_OFF, "outbox") from error
        return f"It is in {path}."

    def _write(self, message: Message) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:16]
        part = self.folder / f"{name}.part"
        part.unlink(missing_ok=True)
        with open(part, "xb", opener=_open_privately) as file:  # does not follow a link that somebody put there
            file.write(message.as_bytes())
        return part.replace(self.folder / f"{name}.eml")


class OffTransport:
    """Puts every message off: mail is switched off."""

    async def deliver(self, message: Message, recipient: str) -> str:
        raise NotDelivered(SWITCHED_OFF, Consequence.PUT_OFF, "off")


class NullTransport:
    """Refuses every message: neither a mail server nor an outbox is set."""

    async def deliver(self, message: Message, recipient: str) -> str:
        raise NotDelivered(NO_SERVER, Consequence.REFUSED, "no mail server")


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _trust(authorities: Path | None) -> ssl.SSLContext:
    """Return the check of certificates: of name, dates and issuer, one of the authorities or of those of the system."""
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:  # ssl.SSLError is one
        raise SettingError(
            f"{PREFIX}SMTP_CA_FILE must be a readable file of certificates in PEM, and {authorities} is not"
            f" ({error.strerror})."
        ) from None


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _quit(client: aiosmtplib.SMTP) -> None:
    """Take leave of a server that has answered; how it takes that changes nothing."""
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=QUIT_SECONDS)


async def _greet(client: aiosmtplib.SMTP) -> None:
    """Send EHLO, or HELO to a server that does not know EHLO."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


def _announce_size(client: aiosmtplib.SMTP, data: bytes) -> list[str]:
    """Return the options of MAIL (RFC 1870). Raises NotDelivered if the server announces that it takes no such size."""
    if not client.supports_extension("size"):
        return []
    most = client.esmtp_extensions["size"].strip()
    if most.isdecimal() and len(most) < 20 and 0 < int(most) < len(data):
        reason = f"The mail server takes messages of at most {int(most):,} bytes; this one has {len(data):,}."
        raise NotDelivered(reason, Consequence.WITHOUT_FILE, "size")
    return [f"size={len(data)}"]


def _explain(error: Exception, stage: Stage) -> NotDelivered:
    """Return what the requester is told, which quotes none of our settings, and what follows."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return NotDelivered(
            f"The mail server did not accept our credentials ({error.code}).", Consequence.PUT_OFF, "login"
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _explain_answer(error.code, clean(error.message), stage)
    reason, kind = _explain_connection(error)
    return NotDelivered(reason, Consequence.PUT_OFF if stage is Stage.SESSION else Consequence.LATER, kind)


def _explain_answer(code: int, text: str, stage: Stage) -> NotDelivered:
    """Explain an answer; aiosmtplib gives those that are not SMTP the code -1."""
    is_smtp = code >= 0
    reason = f"The mail server said {code}: {text}" if is_smtp else f"The mail server's answer is not SMTP: {text}"
    kind = f"answer {code}" if is_smtp else "not SMTP"
    return NotDelivered(reason, _judge_answer(code, text, stage), kind)


def _judge_answer(code: int, text: str, stage: Stage) -> Consequence:
    """Return what an answer other than 2xx means. 552 to a recipient or with 5.2.2 is a full mailbox (RFC 3463)."""
    is_size = text.startswith(("5.3.4", "5.2.3")) or (
        code == 552 and stage is not Stage.RECIPIENT and not text.startswith("5.2.2")
    )
    if code >= 500 and is_size:
        return Consequence.WITHOUT_FILE
    if stage is Stage.SESSION:
        return Consequence.PUT_OFF
    return Consequence.REFUSED if code >= 500 else Consequence.LATER


def _explain_connection(error: Exception) -> tuple[str, str]:
    """Return the sentence and the kind of a failure without an answer."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    refused = f"[Errno {errno.ECONNREFUSED}]"  # several addresses, each refused, are one error with this in its text
    match cause:
        case ssl.SSLCertVerificationError():
            return "The mail server's certificate is not trusted.", "TLS"
        case ssl.SSLError():
            return "The encrypted connection to the mail server failed.", "TLS"
        case socket.gaierror():
            return "The name of the mail server cannot be resolved.", "DNS"
        case aiosmtplib.SMTPServerDisconnected():
            return "The mail server hung up.", "disconnected"
        case TimeoutError():
            return "The mail server took too long.", "time-out"
        case OSError() if isinstance(cause, ConnectionRefusedError) or refused in str(cause):
            return "The mail server refuses connections.", "refused"
        case _ if isinstance(error, aiosmtplib.SMTPServerDisconnected):
            return "The mail server hung up.", "disconnected"
        case OSError():
            return "The mail server cannot be reached.", "unreachable"
    return "The mail server does not offer the encryption or the login that is set up here.", "not offered"


def clean(text: str) -> str:
    """Return an answer as one line of at most MOST_CHARACTERS; bytes that are not UTF-8 become U+FFFD."""
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return write_on_one_line(readable, MOST_CHARACTERS)
