"""Messages made so that no text in their headers is ever read as anything else.

The `email` package writes headers in two ways. The newer one parses a text first and decodes what looks like an encoded
word (RFC 2047), line breaks included; on some versions of Python that makes headers and bodies out of a name
(CVE-2024-6923). Here is the older one, the policy `compat32` and the class `Header`, which only ever encodes.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.policy import Compat32
from email.utils import format_datetime

from session_graph.exports.mail_address import Sender
from session_graph.parsing import write_on_one_line

SUBJECT_LIMIT = 200
NAME_LIMIT = 100
LINE = 76
"""Most characters of a line with an encoded word (RFC 2047, section 2)."""
POLICY = Compat32(mangle_from_=False, max_line_length=LINE)

_PLAIN_WORD = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_PLAIN_NAME = re.compile(rf"{_PLAIN_WORD}( {_PLAIN_WORD})*")
"""A display name that needs no quotes (RFC 5322, section 3.2.3)."""


def add_headers(
    message: Message, sender: Sender, recipient: str, subject: str, date: datetime, message_id: str
) -> None:
    """Give the message its headers. `recipient` is an address that `check_email` accepts.

    Subject and display name arrive as these characters, on one line and cut at SUBJECT_LIMIT and NAME_LIMIT.
    """
    message["From"] = _encode_sender(sender)  # type: ignore[assignment]
    message["To"] = recipient
    message["Subject"] = _encode(write_on_one_line(subject, SUBJECT_LIMIT), "Subject")  # type: ignore[assignment]
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"


def text_part(text: str, subtype: str = "plain") -> MIMEText:
    """Return a part of UTF-8 text in quoted-printable."""
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return MIMEText(text, subtype, charset, policy=POLICY)  # type: ignore[arg-type]


def file_part(data: bytes, content_type: str, name: str, parameters: Mapping[str, str]) -> MIMENonMultipart:
    """Return an attached file in base64. Its name is ASCII without quotes."""
    main_type, _, subtype = content_type.partition("/")
    part = MIMENonMultipart(main_type, subtype, policy=POLICY, **parameters)
    part.set_payload(data)
    encode_base64(part)
    part.add_header("Content-Disposition", "attachment", filename=name)
    return part


def join_parts(subtype: str, parts: list[MIMEBase]) -> MIMEMultipart:
    """Return the parts as one, of the type multipart/mixed or multipart/alternative."""
    for part in parts:
        del part["MIME-Version"]  # only the message has it
    return MIMEMultipart(subtype, None, parts, policy=POLICY)


def fix_boundaries(message: Message) -> None:
    """Derive the boundaries between the parts from the Message-ID; by default they are random.

    None is in a part: `=_` is in no text that is encoded for mail.
    """
    parts = [part for part in message.walk() if part.is_multipart()]
    for number, part in enumerate(parts):
        digest = hashlib.sha256(f"{message['Message-ID']} {number}".encode()).hexdigest()
        part.set_boundary(f"=_{digest[:32]}")


def _encode(text: str, header: str) -> Header:
    """Return the value of the header: as it is if it is a short line of ASCII without `=?`, else as encoded words."""
    is_plain = text.isascii() and "=?" not in text and len(header) + len(": ") + len(text) <= LINE
    return Header(text, "us-ascii" if is_plain else "utf-8", LINE, header)


def _encode_sender(sender: Sender) -> Header:
    address = f"<{sender.address}>"
    name = write_on_one_line(sender.name or "", NAME_LIMIT)
    if not name:
        return Header(sender.address, "us-ascii", LINE, "From")
    if _PLAIN_NAME.fullmatch(name):
        return _encode(f"{name} {address}", "From")
    value = Header(name, "utf-8", LINE, "From")
    value.append(address, "us-ascii")
    return value
