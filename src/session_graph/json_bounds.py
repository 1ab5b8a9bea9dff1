"""Bounds of JSON texts, checked before they are parsed.

A parser of JSON holds the interpreter's lock from the first byte to the last, in a thread too. How long that takes
follows from the number of values: so they are counted first, by counting bytes, slice by slice.
"""

import re
from collections.abc import Iterator

from session_graph.errors import TooLarge

SLICE_BYTES = 128 * 1024
LONGEST_ESCAPE = len(r"\ud83d\ude00")

_NUMBER_PART = re.compile(rb"[-+.0-9eE]{0,2000}+")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG_INTEGER = b"0" * 19
"""Integers of fewer digits fit 64 bits."""
_MANY_DIGITS = b"0" * 400
"""So many digits in a row are in no number that a float can be, and in every number longer than _NUMBER_PART."""
_INTEGER = re.compile(rb"(?<![-+.0-9eE])-?([0-9]{19,}+)(?![.eE])")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in a JSON string; a pair of surrogates is one."""
_NAME_OR_BRACKET = re.compile(rb'("(?:[^"\\]++|\\.)*+")(\s*+:)?|[\[\]{}]', re.DOTALL)


def check_values(text: bytes, limit: int, subject: str) -> None:
    """Raise TooLarge if a JSON text has more than `limit` values, those in lists and objects included."""
    if count := count_beyond(text, limit):
        raise TooLarge(f"{subject} may have {limit:,} values in all; this one has {count:,}.")


def count_beyond(text: bytes, limit: int) -> int:
    """Return how many values a JSON text has if it has more than `limit`, else 0."""
    if len(text) < 2 * limit or _count_roughly(text) <= limit:
        return 0
    count = count_values(text)
    return count if count > limit else 0


def count_values(text: bytes) -> int:
    """Return how many values a JSON text has, itself included; of a text that is not valid, any number."""
    count, opened = 1, b""
    for outside in _without_strings(text):
        bare = opened + outside.translate(None, b" \t\r\n")
        count += bare.count(b",") + bare.count(b"[", len(opened)) + bare.count(b"{", len(opened))
        count -= bare.count(b"[]") + bare.count(b"{}")
        opened = bare[-1:] if bare.endswith((b"[", b"{")) else b""
    return count


def has_large_number(text: bytes) -> bool:
    """Return whether a valid JSON text has an integer beyond 64 bits, which orjson reads as a float, or a number with
    hundreds of digits."""
    if len(text) <= SLICE_BYTES and _LONG_INTEGER not in text.translate(_ZEROS):
        return False
    return any(map(_has_large_number, _without_strings(text)))


def _has_large_number(outside: bytes) -> bool:
    zeros = outside.translate(_ZEROS)
    if _LONG_INTEGER not in zeros:
        return False
    return _MANY_DIGITS in zeros or any(
        len(digits[1]) > 20 or not -(2**63) <= int(digits[0]) < 2**64 for digits in _INTEGER.finditer(outside)
    )


def outermost_names(text: bytes) -> Iterator[bytes]:
    """Yield the names of the outermost object of a valid JSON text, in their quotation marks, duplicates included."""
    depth = 0
    for token in _NAME_OR_BRACKET.finditer(text):
        if token[1] is None:
            depth += 1 if token[0] in b"[{" else -1
        elif depth == 1 and token[2] is not None:
            yield token[1]


def replace_lone_surrogates(text: bytes) -> bytes:
    """Return a JSON text with U+FFFD in place of each surrogate that is named without its other half."""
    pieces, start = [], 0
    while start < len(text):
        end = _find_end_of_escape(text, start, start + SLICE_BYTES)
        pieces.append(_ESCAPE.sub(lambda escape: b"\\ufffd" if escape["lone"] else escape[0], text[start:end]))
        start = end
    return b"".join(pieces)


def _find_end_of_escape(text: bytes, start: int, position: int) -> int:
    """Return the position, or the end of the escape that it is in; no escape begins before `start`."""
    last = text.rfind(b"\\", max(start, position - LONGEST_ESCAPE), position)
    run = last + 1 - len(text[start : last + 1].rstrip(b"\\")) - start
    if last < 0 or run % 2 == 0 or (escape := _ESCAPE.match(text, last)) is None:
        return position
    return max(position, escape.end())


def _count_roughly(text: bytes) -> int:
    """Return at least the number of values: what strings have in them counts too."""
    slices = (text[start : start + SLICE_BYTES] for start in range(0, len(text), SLICE_BYTES))
    return 1 + sum(each.count(b",") + each.count(b"[") + each.count(b"{") for each in slices)


def _without_strings(text: bytes) -> Iterator[bytes]:
    """Yield the text in slices, none of which ends within a number, with a quotation mark in place of each string."""
    start, is_in_string = 0, False
    while start < len(text):
        part = _take_slice(text, start)
        pieces = part.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
        yield (b'"' if is_in_string else b"") + b'"'.join(pieces[is_in_string::2])
        is_in_string ^= len(pieces) % 2 == 0
        start += len(part)


def _take_slice(text: bytes, start: int) -> bytes:
    """Return a slice that ends neither within a number nor within an escape."""
    found = _NUMBER_PART.match(text, min(start + SLICE_BYTES, len(text)))
    assert found is not None, "the pattern matches the empty text"
    part = text[start : found.end()]
    backslashes = len(part) - len(part.rstrip(b"\\"))
    return text[start : found.end() + 1] if backslashes % 2 else part
