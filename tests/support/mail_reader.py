"""A strict reader of messages by RFC 5322, RFC 2045 and RFC 2047, without the package `email` that wrote them.

It takes only what our messages may have, and raises Malformed at anything else.
"""

import base64
import binascii
import quopri
import re
from dataclasses import dataclass, field

_FIELD = re.compile(rb"([!-9;-~]+): ([ -~]*(?:\r\n [ -~]*)*)")
_WORD = re.compile(r"=\?([A-Za-z0-9-]+)\?([bBqQ])\?([!->@-~]*)\?=")
_PARAMETER = re.compile(r'; ?([a-z]+)=(?:"([^"\\]*)"|([A-Za-z0-9._+-]+))')


class Malformed(Exception):
    """The message breaks a rule."""


@dataclass(frozen=True)
class Part:
    """A message or a part of one: its fields as they are decoded, by name; and its parts, or its content."""

    fields: dict[str, str]
    content_type: str
    parameters: dict[str, str]
    parts: list["Part"] = field(default_factory=list)
    content: bytes = b""

    def walk(self) -> list["Part"]:
        return [self, *(inner for part in self.parts for inner in part.walk())]


def read_message(data: bytes) -> Part:
    """Read a message whose lines end with CR LF and have at most 998 bytes."""
    lines = data.split(b"\r\n")
    if any(b"\r" in line or b"\n" in line or b"\0" in line or len(line) > 998 or not line.isascii() for line in lines):
        raise Malformed("a line")
    return _read_part(data)


def _read_part(data: bytes) -> Part:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        raise Malformed("no empty line")
    fields = _read_fields(head)
    content_type, parameters = _read_parameters(fields.get("content-type", "text/plain"))
    if content_type.startswith("multipart/"):
        return Part(fields, content_type, parameters, _split(body, parameters["boundary"].encode()))
    return Part(
        fields, content_type, parameters, content=_decode(body, fields.get("content-transfer-encoding", "7bit"))
    )


def _read_fields(head: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    at = 0
    while at < len(head):
        match = _FIELD.match(head, at)
        if match is None or match[1].decode().lower() in fields:
            raise Malformed(f"a field: {head[at : at + 80]!r}")
        fields[match[1].decode().lower()] = decode_words(match[2].decode())
        at = match.end()
        if head[at : at + 2] not in (b"\r\n", b""):
            raise Malformed("the end of a field")
        at += 2
    return fields


def decode_words(value: str) -> str:
    """Decode encoded words as mail programs do: anywhere between white space, also where RFC 2047 has none."""
    pieces: list[str] = []
    last_was_encoded = False
    for space, word in re.findall(r"([ \t\r\n]*)([^ \t\r\n]+)", value):
        match = _WORD.fullmatch(word)
        if match is None and "=?" in word:
            raise Malformed(f"a half encoded word: {word}")
        if not (match and last_was_encoded):
            pieces.append(" " if space else "")
        pieces.append(_decode_word(match) if match else word)
        last_was_encoded = match is not None
    return "".join(pieces)


def _decode_word(match: re.Match[str]) -> str:
    if len(match[0]) > 75 or match[1].lower() != "utf-8":
        raise Malformed("an encoded word")
    if match[2] in "bB":
        return base64.b64decode(match[3], validate=True).decode()
    return quopri.decodestring(match[3].encode(), header=True).decode()


def _read_parameters(value: str) -> tuple[str, dict[str, str]]:
    content_type, _, rest = value.partition(";")
    parameters: dict[str, str] = {}
    at, text = 0, f";{rest}" if rest else ""
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1] in parameters:
            raise Malformed(f"a parameter: {value}")
        parameters[match[1]] = match[3] if match[2] is None else match[2]
        at = match.end()
    return content_type, parameters


def _split(body: bytes, boundary: bytes) -> list[Part]:
    first, *rest = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if first.strip(b"\r\n") or not rest or rest[-1].strip(b"\r\n") != b"--":
        raise Malformed("the boundaries")
    parts = rest[:-1]
    if any(not part.startswith(b"\r\n") for part in parts):
        raise Malformed("a boundary")
    return [_read_part(part[2:]) for part in parts]


def _decode(body: bytes, encoding: str) -> bytes:
    match encoding:
        case "7bit":
            return body
        case "quoted-printable":
            if re.search(rb"=(?![0-9A-F]{2}|\r\n)", body) or max(map(len, body.split(b"\r\n"))) > 76:
                raise Malformed("quoted-printable")
            return quopri.decodestring(body)
        case "base64":
            try:
                return base64.b64decode(body.replace(b"\r\n", b""), validate=True)
            except binascii.Error as error:
                raise Malformed("base64") from error
    raise Malformed(f"the encoding {encoding}")
