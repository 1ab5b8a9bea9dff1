"""Mail transports: a mail server, an outbox folder, or none. A refusal says why, and whether it is final.

Worth a retry: a server that cannot be reached, hangs up, takes too long or answers 4xx. Final: a 5xx answer, a
certificate that is not trusted, encryption or a login that the server does not offer.
"""

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from session_graph.errors import SettingError
from session_graph.settings import Settings

TIMEOUT_SECONDS = 120
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class NotDelivered(Exception):
    """The message was not accepted; `is_final` if a retry cannot help."""

    def __init__(self, reason: str, *, is_final: bool) -> None:
        super().__init__(reason)
        self.is_final = is_final


class MailTransport(Protocol):
    """Delivers one message to one recipient, or raises NotDelivered."""

    async def deliver(self, message: EmailMessage, recipient: str) -> None: ...


def choose_transport(settings: Settings) -> MailTransport:
    """Return the transport that the settings name: the mail server, else the outbox, else one that refuses everything.

    Raises SettingError if the mail server's URL is not valid.
    """
    if settings.smtp_url:
        return SmtpTransport.from_url(settings.smtp_url.get_secret_value(), settings.mail_from)
    return OutboxTransport(settings.outbox) if settings.outbox else NullTransport()


@dataclass(frozen=True, slots=True)
class SmtpTransport:
    """A mail server; `security` is smtp, smtp+starttls or smtps."""

    security: str
    host: str
    port: int
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def from_url(cls, url: str, sender: str) -> "SmtpTransport":
        try:
            parts = urlsplit(url)
            if parts.scheme not in PORTS or not parts.hostname:
                raise ValueError
            port = parts.port or PORTS[parts.scheme]
        except ValueError:
            raise SettingError(
                "SESSION_GRAPH_SMTP_URL must be smtp://, smtp+starttls:// or smtps:// with a host, such as"
                " smtp+starttls://user:password@mail.example.com:587."
            ) from None
        user, password = (part and unquote(part) for part in (parts.username, parts.password))
        return cls(parts.scheme, parts.hostname, port, user, password, sender)

    async def deliver(self, message: EmailMessage, recipient: str) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await aiosmtplib.send(
                    await asyncio.to_thread(message.as_bytes, policy=SMTP),
                    sender=parseaddr(self.sender)[1],
                    recipients=[recipient],
                    hostname=self.host,
                    port=self.port,
                    username=self.user,
                    password=self.password,
                    use_tls=self.security == "smtps",
                    start_tls=self.security == "smtp+starttls",
                )
        except (aiosmtplib.SMTPException, OSError) as error:
            reason = error.__cause__ if isinstance(error.__cause__, ssl.SSLCertVerificationError) else error
            explanation, is_final = _explain(reason)
            raise NotDelivered(explanation, is_final=is_final) from error


@dataclass(frozen=True, slots=True)
class OutboxTransport:
    """A folder that gets one `.eml` file for each Message-ID; any mail program opens it."""

    folder: Path

    async def deliver(self, message: EmailMessage, recipient: str) -> None:
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise NotDelivered(f"The outbox cannot be written to: {error.strerror}.", is_final=False) from error

    def _write(self, message: EmailMessage) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:16]
        part = self.folder / f"{name}.part"
        part.write_bytes(message.as_bytes())
        part.replace(self.folder / f"{name}.eml")


class NullTransport:
    """Refuses every message: neither a mail server nor an outbox is set."""

    async def deliver(self, message: EmailMessage, recipient: str) -> None:
        raise NotDelivered("No mail server is set up here; the file can be downloaded.", is_final=True)


def _explain(error: Exception) -> tuple[str, bool]:
    """Return a sentence for the requester, which quotes none of our settings, and whether the refusal is final."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            replies = "; ".join(f"The mail server said {r.code}: {r.message}" for r in error.recipients)[:500]
            return replies, all(_is_final(refusal.code) for refusal in error.recipients)
        case aiosmtplib.SMTPAuthenticationError():
            return f"The mail server did not accept our credentials ({error.code}).", _is_final(error.code)
        case aiosmtplib.SMTPResponseException():
            return f"The mail server said {error.code}: {error.message}"[:500], _is_final(error.code)
        case ssl.SSLCertVerificationError():
            return "The mail server's certificate is not trusted.", True
        case aiosmtplib.SMTPConnectError():
            return "The mail server cannot be reached.", False
        case aiosmtplib.SMTPServerDisconnected():
            return "The mail server hung up.", False
        case TimeoutError() | aiosmtplib.SMTPTimeoutError():
            return "The mail server took too long.", False
        case aiosmtplib.SMTPException():
            return "The mail server does not offer the encryption or the login that is set up here.", True
    return "The message could not be handed to the mail server.", False


def _is_final(code: int) -> bool:
    return not 400 <= code < 500
