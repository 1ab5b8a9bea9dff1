"""The connection to a mail server: who may read a password or a report on the way, and whose certificate is trusted."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from session_graph.errors import SettingError
from session_graph.exports.mail import (
    Consequence,
    MailTransport,
    NotDelivered,
    OutboxTransport,
    SmtpTransport,
    choose_transport,
)
from session_graph.settings import Settings
from support.smtp import Mailbox, MailServer, accept_login, tls_context
from support.smtp_script import ScriptedMailServer

pytestmark = pytest.mark.anyio

ANA = "ana@example.com"
NOT_TRUSTED = ("The mail server's certificate is not trusted.", Consequence.PUT_OFF)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a self-signed certificate for 127.0.0.1, one for another name, and their keys."""
    folder = tmp_path_factory.mktemp("certificates")
    here = x509.IPAddress(ip_address("127.0.0.1"))
    for file, name in (("here", here), ("elsewhere", x509.DNSName("mail.example.com"))):
        _make_certificate(folder, file, x509.SubjectAlternativeName([name]))
    return folder


def _make_certificate(folder: Path, file: str, names: x509.SubjectAlternativeName) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, file)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / f"{file}.pem").write_bytes(made.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{file}.key").write_bytes(secret)


def encrypting(certificates: Path, security: str, name: str = "here", **options: Any) -> dict[str, Any]:
    """Return the options of a server with the certificate of this name."""
    context = tls_context(str(certificates / f"{name}.pem"), str(certificates / f"{name}.key"))
    return options | ({"ssl_context": context} if security == "smtps" else {"tls_context": context})


def trusting(settings: Settings, url: str, authorities: Path | None) -> MailTransport:
    return choose_transport(settings.model_copy(update={"smtp_url": SecretStr(url), "smtp_ca_file": authorities}))


def a_message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "reports@example.com", ANA, "Grüße"
    message["Message-ID"] = "<1@session-graph>"
    message.set_content("x")
    return message


async def refusal_of(transport: MailTransport) -> tuple[str, Consequence]:
    with pytest.raises(NotDelivered) as caught:
        await transport.deliver(a_message(), ANA)
    return str(caught.value), caught.value.consequence


async def test_nothing_is_sent_without_the_required_starttls(settings: Settings, mailbox: Mailbox) -> None:
    with MailServer(mailbox) as server:
        sentence, consequence = await refusal_of(trusting(settings, server.url("smtp+starttls"), None))

    assert (consequence, mailbox.taken) == (Consequence.PUT_OFF, [])
    assert sentence == "The mail server does not offer the encryption or the login that is set up here."


@pytest.mark.parametrize("security", ["smtp", "smtp+starttls", "smtps"])
async def test_a_certificate_that_is_not_trusted_is_refused(
    settings: Settings, mailbox: Mailbox, certificates: Path, security: str
) -> None:
    with MailServer(mailbox, **encrypting(certificates, security)) as server:
        refusal = await refusal_of(trusting(settings, server.url(security), None))

    assert refusal == NOT_TRUSTED
    assert mailbox.taken == []


@pytest.mark.parametrize("security", ["smtp", "smtp+starttls", "smtps"])
async def test_a_certificate_for_another_name_is_refused(
    settings: Settings, mailbox: Mailbox, certificates: Path, security: str
) -> None:
    with MailServer(mailbox, **encrypting(certificates, security, "elsewhere")) as server:
        transport = trusting(settings, server.url(security), certificates / "elsewhere.pem")
        refusal = await refusal_of(transport)

    assert refusal == NOT_TRUSTED
    assert mailbox.taken == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("security", ["smtp", "smtp+starttls", "smtps"])
async def test_an_encrypted_connection_is_used_if_its_certificate_is_from_the_authority_in_the_settings(
    settings: Settings, mailbox: Mailbox, certificates: Path, security: str
) -> None:
    options = encrypting(certificates, security, authenticator=accept_login, auth_required=True)
    options["auth_require_tls"] = security != "smtps"  # this server does not count its own kind of encryption
    with MailServer(mailbox, **options) as server:
        transport = trusting(settings, server.url(security, "user:pass%20word@"), certificates / "here.pem")
        way = await transport.deliver(a_message(), ANA)

    assert way.startswith("The connection was encrypted (TLSv1.")
    assert len(mailbox.to(ANA)) == 1


async def test_no_password_is_said_before_the_offered_encryption(settings: Settings) -> None:
    async with ScriptedMailServer(EHLO=b"250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN", STAR=b"454 not now") as server:
        url = server.url.replace("smtp://", "smtp://user:geheim@")
        refusal = await refusal_of(trusting(settings, url, None))

    assert refusal == ("The mail server said 454: not now", Consequence.PUT_OFF)
    assert [line.split()[0] for line in server.said] in (["EHLO", "STARTTLS"], ["EHLO", "STARTTLS", "QUIT"])


@pytest.mark.parametrize("host", ["mail.example.com", "192.0.2.1", "[2001:db8::1]", "localhost.example.com", "0.0.0.0"])
@pytest.mark.parametrize("credentials", ["user:geheim@", "user@", ":geheim@"])
def test_a_password_for_another_host_needs_an_address_with_encryption(
    settings: Settings, host: str, credentials: str
) -> None:
    with pytest.raises(SettingError) as caught:
        trusting(settings, f"smtp://{credentials}{host}", None)

    assert "use smtp+starttls:// or smtps://" in caught.value.message
    assert "geheim" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        *("smtp://user:geheim@localhost", "smtp://user:geheim@127.0.0.1", "smtp://user:geheim@[::1]"),
        *(
            "smtp://mail.example.com",
            "smtp+starttls://user:geheim@mail.example.com",
            "smtps://user:geheim@mail.example.com",
        ),
    ],
)
def test_these_addresses_are_accepted(settings: Settings, url: str) -> None:
    transport = trusting(settings, url, None)

    assert isinstance(transport, SmtpTransport)
    assert (transport.trusted.verify_mode, transport.trusted.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"], ids=["missing", "empty", "text"])
def test_a_file_of_authorities_that_is_not_one_is_named(
    settings: Settings, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingError, match="SESSION_GRAPH_SMTP_CA_FILE must be a readable file of certificates"):
        trusting(settings, "smtp://mail.example.com", path)


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_a_file_of_the_outbox_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    way = await OutboxTransport(folder).deliver(a_message(), ANA)

    (path,) = files_in(folder)
    assert way == f"It is in {path}."
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, path)] == [0o700, 0o600]
    assert b"Subject" in path.read_bytes()


async def test_a_file_of_the_outbox_follows_no_link_and_replaces_what_a_stopped_run_left(tmp_path: Path) -> None:
    outbox = OutboxTransport(tmp_path)
    await outbox.deliver(a_message(), ANA)
    (path,) = files_in(tmp_path)
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    path.with_suffix(".part").symlink_to(other)

    await outbox.deliver(a_message(), ANA)

    assert other.read_bytes() == b"mine"
    assert files_in(tmp_path) == sorted([other, path])
