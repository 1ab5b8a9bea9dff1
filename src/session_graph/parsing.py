"""Parsing and checking of single values: decimals, instants, ids, names, e-mail addresses, folded text.

Needs no database. Each function raises ValueError with a message for the person who sent the value.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import orjson
from email_validator import EmailNotValidError, validate_email

from session_graph.errors import BadUserInput, InvalidInput, PathSegment, Problem

T = TypeVar("T")

DECIMAL_LIMIT = Decimal(10) ** 15
DECIMAL_PLACES = 10
EXACT = Context(prec=100)
"""For all arithmetic on decimals: Python's default context rounds to 28 digits, and a product of two of ours has 50."""
NAME_LIMIT = 200
EMAIL_LIMIT = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""
LINE_LIMIT = 100
"""Most characters of a caller's text on a line that a person reads between lines of ours."""

MAX_WITH_LONE_SURROGATES = 8 * 1024 * 1024
"""A longer JSON text is not read if it names half of a pair: the parser that can takes too long; bytes."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
"""What a browser's e-mail field accepts (HTML Living Standard, 4.10.5.1.5): no display name, no quotes, one line."""
_MAILBOX = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._+'&~=-]*")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
FORBIDDEN_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters except tab, line feed and carriage return; and lone surrogates, which UTF-8 cannot encode."""
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def parse_decimal(value: object) -> Decimal:
    """Return an exact decimal below 10¹⁵ with at most ten places, from a string, an int or a Decimal; never a float."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError('must be a decimal in a string, such as "70.20", or a whole number')
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError('must be a plain decimal number, such as "70.20"')
    if isinstance(value, int) and abs(value) >= DECIMAL_LIMIT:
        raise ValueError("must be below 10^15")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("must be a finite number")
    if abs(number) >= DECIMAL_LIMIT:
        raise ValueError("must be below 10^15")
    number = plain(number)
    if -int(number.as_tuple().exponent) > DECIMAL_PLACES:
        raise ValueError(f"must have at most {DECIMAL_PLACES} decimal places")
    return number


def plain(number: Decimal) -> Decimal:
    """Return the number without an exponent, a sign on zero, or trailing zeros: 4.00 and 4 are both 4."""
    number = EXACT.add(number.normalize(EXACT), 0)
    return number.quantize(Decimal(1), context=EXACT) if int(number.as_tuple().exponent) > 0 else number


def parse_instant(value: object) -> datetime:
    """Return an instant in UTC, to the microsecond, from RFC 3339 text with an offset or an aware datetime."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return _in_utc(datetime.fromisoformat(value.upper()))
        except (ValueError, OverflowError):
            raise ValueError("is not a date and time that exists") from None
    if not isinstance(value, datetime):
        raise ValueError("must be an RFC 3339 date and time with an offset, such as 2026-11-21T14:03:05Z")
    if value.tzinfo is None:
        raise ValueError("must have an offset, such as 2026-11-21T14:03:05Z")
    return _in_utc(value)


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def format_instant(moment: datetime) -> str:
    """Return RFC 3339 text in UTC, with a fraction of a second only if there is one."""
    return _in_utc(moment).isoformat()[: -len("+00:00")] + "Z"


def parse_id(value: object) -> UUID:
    """Return the UUID from its usual spelling, with hyphens."""
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise ValueError("must be a UUID, such as 018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61")
    return UUID(value)


def has_forbidden_characters(text: str) -> bool:
    """Return whether the text has one of FORBIDDEN_CHARACTERS, none of which is printable."""
    return not text.isprintable() and FORBIDDEN_CHARACTERS.search(text) is not None


def check_text(value: str) -> str:
    """Return the text unchanged. Raises ValueError if it has one of FORBIDDEN_CHARACTERS."""
    if has_forbidden_characters(value):
        raise ValueError("must not have control characters other than tab and line breaks")
    return value


def check_name(value: str, limit: int = NAME_LIMIT) -> str:
    """Return the text without surrounding spaces. Raises ValueError unless it is a line of 1 to `limit` characters."""
    name = check_text(normalise_text(value))
    if not name:
        raise ValueError("must not be blank")
    if len(name) > limit:
        raise ValueError(f"must have at most {limit} characters")
    if len(name.splitlines()) > 1:
        raise ValueError("must be one line")
    return name


def check_email(value: str) -> str:
    """Return the address of a mailbox, its domain in ASCII and lower case. Raises ValueError if it cannot be one.

    Nothing is asked of the DNS. The part before the @ is ASCII, so every mail server takes it (no RFC 6531), and has
    none of the characters that a mail program may read as a command, a file, a route or an encoded word.
    """
    address = _read_mailbox(value) if len(value) <= EMAIL_LIMIT else None
    if address is None:
        raise ValueError(
            "must be one e-mail address, such as ana@example.com: ASCII letters, digits and . _ + ' & ~ = - before the"
            " @, and a domain of the internet after it"
        )
    return address


@lru_cache(maxsize=4096)
def _read_mailbox(text: str) -> str | None:
    try:
        address = validate_email(text, strict=True, allow_smtputf8=False, check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{address.local_part}@{address.ascii_domain}" if _MAILBOX.fullmatch(address.local_part) else None


def has_email_form(text: str) -> bool:
    """Return whether the text looks like exactly one address, as browsers judge it; mail may not be sent to it."""
    return len(text) <= EMAIL_LIMIT and _EMAIL.fullmatch(text) is not None


def write_on_one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """Return the text as one line of at most `limit` visible characters; a longer one is cut and ends with an ellipsis.

    White space becomes single spaces, and what is no text U+FFFD. Characters that show nothing or change the direction
    of the text after them are left out, but for the joiners of emoji and scripts.
    """
    read = text[: 10 * limit]
    line = read if read.isprintable() else "".join(map(_show, read))
    line = " ".join(line.split())
    is_cut = len(line) > limit or len(read) < len(text)
    return line[: limit - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}" if is_cut else line


def _show(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) == "Cf" else "\N{REPLACEMENT CHARACTER}"


def normalise_text(text: str) -> str:
    """Return the text in NFC and without surrounding white space, as it is kept and compared."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def clean_text(text: str) -> str:
    """Return the normalised text without NUL, and with U+FFFD in place of the other FORBIDDEN_CHARACTERS."""
    text = normalise_text(text)
    if has_forbidden_characters(text):
        text = FORBIDDEN_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\0", "")).strip()
    return text


def fold(text: str) -> str:
    """Return the text as search and order compare it: `Łukasz  Ünal` → `lukasz unal`.

    It has no case, marks, compatibility forms or invisible characters; apostrophes and dashes are ASCII, and runs of
    white space one space. Letters are equal that the Unicode collation's first level holds equal, such as ø and o.
    Source: domain.md, "Contacts".
    """
    if text.isascii():
        return " ".join(text.lower().replace("`", "'").split())
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.translate(_MARKS)).casefold())
    return " ".join("".join(map(_fold_character, decomposed)).split())


_APOSTROPHES = "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02cb\u2018\u2019\u201a\u201b\u2032\u2035\uff07\uff40"
_MARKS = str.maketrans(dict.fromkeys(_APOSTROPHES, "'"))
_LETTERS = {**dict.fromkeys(_APOSTROPHES, "'"), "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i"}
_VARIANT = re.compile("LATIN SMALL LETTER ([A-Z]) WITH ")
"""What Unicode calls a letter with a stroke, a hook or a tail, which has no decomposition."""


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    category = unicodedata.category(character)
    if unicodedata.combining(character) or category == "Cf":
        return ""
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    variant = _VARIANT.match(unicodedata.name(character, ""))
    return variant[1].lower() if variant else _LETTERS.get(character, character)


def digits(text: str) -> str:
    """Return only the digits, as ASCII: `(415) 555-0134` → `4155550134`."""
    return "".join(str(unicodedata.digit(c)) for c in text if c.isdigit())


def load_json(text: bytes) -> Any:
    """Return the value of a JSON text, which may name lone surrogates if it is not too long.

    Raises ValueError if it is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if len(text) > MAX_WITH_LONE_SURROGATES or not _SURROGATE_ESCAPE.search(text):
            raise
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise error from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


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
def gather_problems(problems: list[Problem], *path: PathSegment) -> Iterator[None]:
    """Add the block's ValueError at this path, or the problems of its InvalidInput below it, to `problems`.

    So the caller can report all problems at once.
    """
    try:
        yield
    except ValueError as error:
        problems.append(Problem(path, str(error)))
    except InvalidInput as error:
        problems += error.below(path).problems


def parse_each(
    parse: Callable[[Any, tuple[PathSegment, ...]], T], items: Sequence[Any], path: tuple[PathSegment, ...]
) -> list[T]:
    """Parse each item, given with its path. Raises InvalidInput with the problems of all."""
    parsed: list[T] = []
    problems: list[Problem] = []
    for index, item in enumerate(items):
        try:
            parsed.append(parse(item, (*path, index)))
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    return parsed


@contextmanager
def below(*path: PathSegment) -> Iterator[None]:
    """Put this path before the paths of an InvalidInput that the block raises."""
    try:
        yield
    except InvalidInput as error:
        raise error.below(path) from None
