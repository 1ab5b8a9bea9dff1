"""The mail that brings an export: its text, and the file attached, zipped, or only linked."""

import hashlib
import html
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.mime.base import MIMEBase
from typing import Any

import orjson

from session_graph.exports.mail_address import read_sender
from session_graph.exports.mime import add_headers, file_part, fix_boundaries, join_parts, text_part
from session_graph.exports.requests import LOCAL
from session_graph.parsing import parse_instant, write_on_one_line
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import CONDITIONS, ValueKind
from session_graph.settings import Settings
from session_graph.store.database import Row
from session_graph.zones import find_offset, write_offset, zone_of

EVERYTHING = "all sessions"
GREETING = "The session report that you asked for."
MOST_OPTIONS = 10
"""Most values of a list in a filter that a message names."""
MOST_CHARACTERS = 1000
"""Most characters of a line of a message."""

_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._+-]")


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


def compose(content: MailContent, recipient: str, settings: Settings) -> Message:
    """Return the message, the same bytes each time for an export and a recipient.

    Every text of a caller stands on one line and below the lines of this program. Raises SettingError.
    """
    body = join_parts("alternative", [text_part(_plain(content)), text_part(_html(content), "html")])
    message = body if content.csv is None else join_parts("mixed", [body, _attachment(content, settings)])
    add_headers(
        message,
        read_sender(settings.mail_from),
        recipient,
        f"Session report of {write_on_one_line(content.account)}: {_count(content.export)}",
        _local(content.export["finished_at"], content.time_zone),
        message_id(content.export, recipient),
    )
    fix_boundaries(message)
    return message


def message_id(export: Row, recipient: str) -> str:
    """Return an id that is fixed for an export and a recipient, so that mail programs recognise a repeated message.

    Header and id fit on one line: some servers lose a folded one.
    """
    return f"<{export['id'].hex}.{hashlib.sha256(recipient.encode()).hexdigest()[:14]}@session-graph>"


def file_name(export: Row, account_time_zone: str) -> str:
    """Return `sessions-2026-11-21-America-New_York.csv`: the day of the snapshot in the zone of its times, and that."""
    as_of = _local(export["as_of"], zone_of_export(export, account_time_zone))
    return f"sessions-{as_of:%Y-%m-%d}-{_NO_FILE_NAME.sub('-', export['time_zone_label'])}.csv"


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
    """Return what the message says of its export, each text on one line, those that callers wrote last."""
    export, zone = content.export, content.time_zone
    is_mixed = export["time_zone_label"] == LOCAL
    facts = [
        ("Rows", _count(export)),
        ("As of", write_local(export["as_of"], zone)),
        ("Available until", write_local(export["expires_at"], zone)),
        ("Times", f"each in its agent's time zone; in this message {zone}" if is_mixed else zone),
        ("Account", write_on_one_line(content.account)),
        ("Asked for by", write_on_one_line(export["requested_by"])),
        ("Filter", describe_filter(orjson.loads(export["stored_filter"]), export, zone)),
    ]
    return [(name, write_on_one_line(text, MOST_CHARACTERS)) for name, text in facts]


def describe_filter(raw: Mapping[str, Any], export: Row, zone: str) -> str:
    """Return the filter as people read it: `isLead: true, channels: VOICE or SMS`.

    Instants are in the zone, and `from` stands before `to`. Each text is on one line, and of a list only the first
    MOST_OPTIONS are named.
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
            return _join_options([f"({describe_filter(inner, export, zone)})" for inner in value])
    return _write_value(value)


def _write_value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return _join_options([_write_value(inner) for inner in value])
        case dict():
            pairs = (f"{write_on_one_line(name)}: {_write_value(inner)}" for name, inner in value.items())
            return f"({', '.join(pairs)})"
    return write_on_one_line(str(value))


def _join_options(options: Sequence[str]) -> str:
    shown = " or ".join(options[:MOST_OPTIONS])
    more = len(options) - MOST_OPTIONS
    return f"{shown} and {more:,} more" if more > 0 else shown or "none of anything"


def _plain(content: MailContent) -> str:
    lines = "\n".join(f"{name}: {text}" for name, text in _facts(content))
    return f"{GREETING}\n\nDownload it: {content.link}\n\n{lines}\n"


def _html(content: MailContent) -> str:
    rows = "".join(
        f'<tr><th align="left">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>'
        for name, text in _facts(content)
    )
    link = html.escape(content.link, quote=True)
    return (
        f'<!doctype html><html lang="en"><body><p>{GREETING}</p><p><a href="{link}">Download it</a></p>'
        f'<table cellpadding="4">{rows}</table></body></html>'
    )


def _attachment(content: MailContent, settings: Settings) -> MIMEBase:
    assert content.csv is not None
    name = file_name(content.export, content.account_time_zone)
    if len(content.csv) > settings.zip_above_bytes:
        return file_part(_zipped(name, content), "application/zip", f"{name}.zip", {})
    return file_part(content.csv, "text/csv", name, {"charset": "utf-8", "header": "present"})


def _zipped(name: str, content: MailContent) -> bytes:
    """Return the archive, the same bytes each time: its entry has the local time of the snapshot."""
    buffer = io.BytesIO()
    entry = zipfile.ZipInfo(name, _local(content.export["as_of"], content.time_zone).timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, content.csv or b"")
    return buffer.getvalue()
