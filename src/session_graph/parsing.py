"""How text becomes a value: exact decimals, instants, ids, folded text. Shared by every way in.

Each function raises ValueError with a sentence for the person who sent the text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from uuid import UUID

from session_graph.errors import BadUserInput, InvalidInput, PathSegment

DECIMAL_LIMIT = Decimal(10) ** 15
DECIMAL_PLACES = 10
EXACT = Context(prec=100)
"""Decimals are reckoned with in here: Python's own context rounds to 28 digits, and two of ours multiply to 50."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
FORBIDDEN_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters other than tab, line feed and carriage return; and lone surrogates, which no encoding can carry.
"""


def parse_decimal(value: object) -> Decimal:
    """An exact decimal below 10¹⁵ with at most ten places, from a string, an int or a Decimal; never from a float."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError('must be a decimal in a string, such as "70.20", or a whole number')
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError('must be a plain decimal number, such as "70.20"')
    if isinstance(value, int) and abs(value) >= DECIMAL_LIMIT:
        raise ValueError("must be below 10^15")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError('must be a plain decimal number, such as "70.20"') from None
    if not number.is_finite():
        raise ValueError("must be a finite number")
    if abs(number) >= DECIMAL_LIMIT:
        raise ValueError("must be below 10^15")
    number = plain(number)
    if -int(number.as_tuple().exponent) > DECIMAL_PLACES:
        raise ValueError(f"must have at most {DECIMAL_PLACES} decimal places")
    return number


def plain(number: Decimal) -> Decimal:
    """The same number without an exponent, a sign on zero, or zeros at the end: 4.00 and 4 are both 4."""
    number = EXACT.add(number.normalize(EXACT), 0)
    return number.quantize(Decimal(1), context=EXACT) if int(number.as_tuple().exponent) > 0 else number


def parse_instant(value: object) -> datetime:
    """An instant in UTC, to the microsecond, from RFC 3339 text with an offset or an aware datetime."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("must have an offset, such as 2026-11-21T14:03:05Z")
        return value.astimezone(UTC)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an RFC 3339 date and time with an offset, such as 2026-11-21T14:03:05Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a date and time that exists") from None


def format_instant(moment: datetime) -> str:
    """RFC 3339 in UTC; a fraction only where there is one."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()[: -len("+00:00")] + "Z"


def parse_id(value: object) -> UUID:
    """A UUID in its usual spelling with hyphens."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise ValueError("must be a UUID, such as 018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61")
    return UUID(value)


def check_text(value: str) -> str:
    """The text as it is; refused where it has characters that no text may have."""
    if FORBIDDEN_CHARACTERS.search(value):
        raise ValueError("must not have control characters other than tab and line breaks")
    return value


def fold(text: str) -> str:
    """The text as searching and ordering see it: without case, accents and compatibility forms (Ünal, ÜNAL → unal)."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def digits(text: str) -> str:
    """Only the digits, as ASCII: `(415) 555-0134` → `4155550134`."""
    return "".join(str(unicodedata.digit(c)) for c in text if c.isdigit())


@contextmanager
def at_path(
    *path: PathSegment, error: Callable[[str, Sequence[PathSegment]], Exception] = BadUserInput
) -> Iterator[None]:
    """Turn a ValueError of the block into an error that names the input's path.

        with at_path("by", "id"):
            agent_id = parse_id(text)

    Raises BadUserInput, or what `error` makes of the message and the path (`InvalidInput.at`).
    """
    try:
        yield
    except ValueError as problem:
        raise error(str(problem), path) from None


@contextmanager
def below(*path: PathSegment) -> Iterator[None]:
    """Put the path before those of an InvalidInput that the block raises."""
    try:
        yield
    except InvalidInput as error:
        raise error.below(path) from None
