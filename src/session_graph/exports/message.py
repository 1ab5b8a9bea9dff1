"""The mail that brings an export: its text, and the file attached, zipped, or only linked."""

import hashlib
import html
import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import orjson

from session_graph.settings import Settings
from session_graph.store.database import Row

EVERYTHING = "all sessions"


@dataclass(frozen=True, slots=True)
class MailContent:
    """A written export, its account's name and its link. `csv` is None if the file is too large to attach."""

    export: Row
    account: str
    link: str
    csv: bytes | None


def compose(content: MailContent, recipient: str, settings: Settings) -> EmailMessage:
    """Return the message, the same each time for an export and a recipient, including its Message-ID."""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = recipient
    message["Subject"] = f"Session report of {content.account}: {_count(content.export)}"
    message["Date"] = format_datetime(content.export["finished_at"])
    message["Message-ID"] = message_id(content.export, recipient)
    message["Auto-Submitted"] = "auto-generated"
    facts = _facts(content)
    message.set_content(_plain(content, facts))
    message.add_alternative(_html(content, facts), subtype="html")
    if content.csv is not None:
        _attach(message, content, settings)
    return message


def message_id(export: Row, recipient: str) -> str:
    """Return an id that is fixed for an export and a recipient, so that mail programs recognise a repeated message.

    Header and id fit on one line: some servers lose a folded one.
    """
    return f"<{export['id'].hex}.{hashlib.sha256(recipient.encode()).hexdigest()[:16]}@session-graph>"


def file_name(export: Row) -> str:
    """Return `sessions-2026-11-21-America-New_York.csv`: the UTC day of the snapshot and the zone of its times."""
    as_of: datetime = export["as_of"]
    return f"sessions-{as_of:%Y-%m-%d}-{export['time_zone_label'].replace('/', '-')}.csv"


def _count(export: Row) -> str:
    return "1 session" if export["row_count"] == 1 else f"{export['row_count']:,} sessions"


def _facts(content: MailContent) -> list[tuple[str, str]]:
    export = content.export
    local = export["time_zone_label"] == "local"
    return [
        ("Account", content.account),
        ("Filter", describe_filter(orjson.loads(export["stored_filter"]))),
        ("Rows", _count(export)),
        ("As of", f"{export['as_of']:%Y-%m-%d %H:%M:%S} UTC"),
        ("Times", "each in its agent's time zone" if local else export["time_zone_label"]),
        ("Asked for by", export["requested_by"]),
        ("Available until", f"{export['expires_at']:%Y-%m-%d %H:%M} UTC"),
    ]


def describe_filter(raw: dict[str, Any]) -> str:
    """Return the filter as people read it: `isLead: true, channels: VOICE or SMS`."""
    return ", ".join(f"{name}: {_describe(value)}" for name, value in raw.items()) or EVERYTHING


def _describe(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return " or ".join(_describe(item) for item in value) or "none of anything"
        case dict():
            return f"({describe_filter(value)})"
    return str(value)


def _plain(content: MailContent, facts: list[tuple[str, str]]) -> str:
    lines = "\n".join(f"{name}: {text}" for name, text in facts)
    return f"The session report that you asked for.\n\n{lines}\n\nDownload it: {content.link}\n"


def _html(content: MailContent, facts: list[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><th align="left">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>' for name, text in facts
    )
    link = html.escape(content.link, quote=True)
    return (
        '<!doctype html><html lang="en"><body><p>The session report that you asked for.</p>'
        f'<table cellpadding="4">{rows}</table><p><a href="{link}">Download it</a></p></body></html>'
    )


def _attach(message: EmailMessage, content: MailContent, settings: Settings) -> None:
    assert content.csv is not None
    name = file_name(content.export)
    if len(content.csv) > settings.zip_above_bytes:
        message.add_attachment(_zipped(name, content), maintype="application", subtype="zip", filename=f"{name}.zip")
    else:
        message.add_attachment(
            content.csv, maintype="text", subtype="csv", filename=name, params={"charset": "utf-8", "header": "present"}
        )


def _zipped(name: str, content: MailContent) -> bytes:
    """Return the archive, the same bytes each time: its entry has the time of the snapshot."""
    buffer = io.BytesIO()
    entry = zipfile.ZipInfo(name, content.export["as_of"].timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, content.csv or b"")
    return buffer.getvalue()
