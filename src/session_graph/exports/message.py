"""The mail that brings an export: its text, and the file attached, zipped, or only linked."""

import hashlib
import html
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import orjson

from session_graph.exports.requests import LOCAL
from session_graph.parsing import parse_instant
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import CONDITIONS, ValueKind
from session_graph.settings import Settings
from session_graph.store.database import Row
from session_graph.zones import find_offset, write_offset, zone_of

EVERYTHING = "all sessions"


@dataclass(frozen=True, slots=True)
class MailContent:
    """A written export, its account's name and zone, and its link. `csv` is None if the file is too large to attach."""

    export: Row
    account: str
    account_time_zone: str
    link: str
    csv: bytes | None

    @property
    def time_zone(self) -> str:
        return zone_of_export(self.export, self.account_time_zone)


def zone_of_export(export: Row, account_time_zone: str) -> str:
    """Return the zone of the export's times; if its agents have several, the account's, for all but the cells."""
    label: str = export["time_zone_label"]
    return account_time_zone if label == LOCAL else label


def compose(content: MailContent, recipient: str, settings: Settings) -> EmailMessage:
    """Return the message, the same bytes each time for an export and a recipient."""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = recipient
    message["Subject"] = f"Session report of {content.account}: {_count(content.export)}"
    message["Date"] = format_datetime(_local(content.export["finished_at"], content.time_zone))
    message["Message-ID"] = message_id(content.export, recipient)
    message["Auto-Submitted"] = "auto-generated"
    facts = _facts(content)
    message.set_content(_plain(content, facts))
    message.add_alternative(_html(content, facts), subtype="html")
    if content.csv is not None:
        _attach(message, content, settings)
    _fix_boundaries(message)
    return message


def _fix_boundaries(message: EmailMessage) -> None:
    """Derive the boundaries between the parts from the Message-ID; by default they are random.

    None is in a part: `=_` is in no text that is encoded for mail.
    """
    parts = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(parts):
        digest = hashlib.sha256(f"{message['Message-ID']} {number}".encode()).hexdigest()
        part.set_boundary(f"=_{digest[:32]}")


def message_id(export: Row, recipient: str) -> str:
    """Return an id that is fixed for an export and a recipient, so that mail programs recognise a repeated message.

    Header and id fit on one line: some servers lose a folded one.
    """
    return f"<{export['id'].hex}.{hashlib.sha256(recipient.encode()).hexdigest()[:16]}@session-graph>"


def file_name(export: Row, account_time_zone: str) -> str:
    """Return `sessions-2026-11-21-America-New_York.csv`: the day of the snapshot in the zone of its times, and that."""
    as_of = _local(export["as_of"], zone_of_export(export, account_time_zone))
    return f"sessions-{as_of:%Y-%m-%d}-{export['time_zone_label'].replace('/', '-')}.csv"


def write_local(moment: datetime, zone: str) -> str:
    """Return the local date and time with its offset from UTC: `2026-11-21 14:03:05 -05:00`.

    A moment whose local time is beyond the calendar is in UTC.
    """
    try:
        local = _local(moment, zone)
    except OverflowError:
        return write_local(moment, "UTC")
    offset = write_offset(find_offset(zone, moment).utc_offset)
    return f"{local.replace(tzinfo=None).isoformat(' ', 'seconds')} {offset}"


def _local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(zone_of(zone))


def _count(export: Row) -> str:
    return "1 session" if export["row_count"] == 1 else f"{export['row_count']:,} sessions"


def _facts(content: MailContent) -> list[tuple[str, str]]:
    export, zone = content.export, content.time_zone
    is_mixed = export["time_zone_label"] == LOCAL
    return [
        ("Account", content.account),
        ("Filter", describe_filter(orjson.loads(export["stored_filter"]), export, zone)),
        ("Rows", _count(export)),
        ("As of", write_local(export["as_of"], zone)),
        ("Times", f"each in its agent's time zone; in this message {zone}" if is_mixed else zone),
        ("Asked for by", export["requested_by"]),
        ("Available until", write_local(export["expires_at"], zone)),
    ]


def describe_filter(raw: Mapping[str, Any], export: Row, zone: str) -> str:
    """Return the filter as people read it: `isLead: true, channels: VOICE or SMS`.

    Instants are in the zone, and `from` stands before `to`.
    """
    names = sorted(raw, key=_place)
    return ", ".join(f"{name}: {_describe(name, raw[name], export, zone)}" for name in names) or EVERYTHING


def _place(name: str) -> tuple[str, bool]:
    return {"to": ("from", True), "updatedTo": ("updatedFrom", True)}.get(name, (name, False))


def _describe(name: str, value: Any, export: Row, zone: str) -> str:
    match CONDITIONS[name].kind:
        case ValueKind.INSTANT:
            return write_local(parse_instant(value), zone)
        case ValueKind.PERIOD:
            start, end = parse_filter({name: value}, export["filter_now"]).span
            assert start
            assert end
            return f"{value} (from {write_local(start, zone)} to {write_local(end, zone)})"
        case ValueKind.FILTER:
            return f"({describe_filter(value, export, zone)})"
        case ValueKind.FILTERS:
            return _join_options(f"({describe_filter(inner, export, zone)})" for inner in value)
    return _write_value(value)


def _write_value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return _join_options(map(_write_value, value))
        case dict():
            return f"({', '.join(f'{name}: {_write_value(inner)}' for name, inner in value.items())})"
    return str(value)


def _join_options(options: Iterable[str]) -> str:
    return " or ".join(options) or "none of anything"


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
    name = file_name(content.export, content.account_time_zone)
    if len(content.csv) > settings.zip_above_bytes:
        message.add_attachment(_zipped(name, content), maintype="application", subtype="zip", filename=f"{name}.zip")
    else:
        message.add_attachment(
            content.csv, maintype="text", subtype="csv", filename=name, params={"charset": "utf-8", "header": "present"}
        )


def _zipped(name: str, content: MailContent) -> bytes:
    """Return the archive, the same bytes each time: its entry has the local time of the snapshot."""
    buffer = io.BytesIO()
    entry = zipfile.ZipInfo(name, _local(content.export["as_of"], content.time_zone).timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, content.csv or b"")
    return buffer.getvalue()
