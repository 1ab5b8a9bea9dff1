"""The contacts of a session: by what means its user can be reached. A contact is what it means, not how it is spelt.

Source: domain.md, "Contacts".
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from session_graph.parsing import has_email_form
from session_graph.sessions.phones import (
    display_phone,
    misread_digits,
    national_digits,
    read_phone,
    searchable_digits,
    spell_phone,
    without_extension,
)
from session_graph.sessions.warnings import RecordWarning, WarningCode

_WITHHELD_WORDS = (
    *("anonymous", "anonym", "anonymous caller", "restricted", "private", "private number", "private caller"),
    *("unknown", "unknown caller", "unknown number", "unavailable", "not available", "withheld", "number withheld"),
    *("caller id withheld", "blocked", "blocked number", "caller id blocked", "no caller id", "no callerid", "no id"),
    *("no number", "no phone", "no phone number", "no email", "no e mail", "no contact", "n a", "na", "nil", "none"),
    *("null", "undefined", "nan", "not provided", "not given", "not collected", "not specified", "not applicable"),
    *("not known", "unspecified", "missing", "empty", "hidden", "hidden number", "suppressed", "number suppressed"),
    *("unlisted", "secret", "out of area", "unidentified", "false", "no"),
)
_WITHHELD = frozenset(_WITHHELD_WORDS)
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_SPELT_BY_KEYPAD = frozenset(
    {f"+{word.translate(_KEYPAD)}" for word in _WITHHELD_WORDS if len(word) > 6 and word.isalpha()} | {"+7378742883"}
)
"""Networks spell "anonymous" as +266696687. The last is how "restricted" is spelt in practice."""
_NO_LETTER_OR_DIGIT = re.compile(r"[\W_]+")
_SIP_USER = re.compile(r"<?\s*sips?:([^@>]*)(?:@.*)?", re.IGNORECASE)
_INVALID_DOMAIN = re.compile(r"[@.]invalid\b\W*$", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Contacts:
    """The kept forms; None is what was not collected. `other` are details by which nobody can be reached directly."""

    phone: str | None
    email: str | None
    other: str | None

    @property
    def reachable(self) -> bool:
        return bool(self.phone or self.email)


def read_contacts(
    phone: str | None, email: str | None, other: str | None, country: str | None
) -> tuple[Contacts, list[RecordWarning]]:
    """Return what the texts of a record mean, and a warning for each that is no contact or not of its kind.

    `country` (ISO 3166-1 alpha-2) is where a number without a country code is dialled.
    """
    warnings: list[RecordWarning] = []
    kept: dict[str, str | None] = {}
    others = [other] if other else []
    for field, text in (("phone", phone), ("email", email)):
        kept[field] = None
        if not text:
            continue
        if is_withheld(text):
            warnings.append(RecordWarning((field,), WarningCode.CONTACT_WITHHELD, "says that there is none"))
            continue
        kept[field] = read_phone(text, country) if field == "phone" else read_email(text)
        if kept[field] is None:
            others.append(text)
            noun = "a phone number" if field == "phone" else "an e-mail address"
            warnings.append(RecordWarning((field,), WarningCode.CONTACT_MOVED, f"is not {noun}; kept as otherContact"))
    return Contacts(kept["phone"], kept["email"], ", ".join(others) or None), warnings


def contact_columns(contacts: Contacts) -> dict[str, str | None]:
    """Return the columns of a session that its contacts decide."""
    return {
        "phone": contacts.phone,
        "phone_display": contacts.phone and display_phone(contacts.phone),
        "phone_search": contacts.phone and searchable_digits(contacts.phone),
        "email": contacts.email,
        "other_contact": contacts.other,
    }


def is_withheld(text: str) -> bool:
    """Return whether the text only says that there is no contact: a word for it, punctuation, zeros, `…@….invalid`."""
    plain = spell_phone(text)
    if plain in _SPELT_BY_KEYPAD or _INVALID_DOMAIN.search(plain):
        return True
    user = _SIP_USER.fullmatch(plain)
    words = _NO_LETTER_OR_DIGIT.sub(" ", user[1] if user else plain).strip().casefold()
    return words in _WITHHELD or not words.replace(" ", "").strip("0")


def spell_email(text: str) -> str:
    """Return the text as it is compared: in lower case, compatibility forms folded, without `mailto:`."""
    return _MAILTO.sub("", unicodedata.normalize("NFKC", text).strip(), count=1).lower()


def read_email(text: str) -> str | None:
    """Return the address in lower case; None if it is not exactly one address."""
    address = spell_email(text)
    in_ascii = "".join("a" if not c.isascii() and c.isalnum() else c for c in address)  # RFC 6531 allows other letters
    return address if has_email_form(in_ascii) else None


def spell_contact(text: str) -> str:
    """Return a phone number or an e-mail address in plain characters."""
    return read_email(text) or spell_phone(text)


def read_contact(text: str, country: str | None) -> str | None:
    """Return the kept form of a phone number or an e-mail address, without extension; None if it is neither."""
    if email := read_email(text):
        return email
    phone = read_phone(text, country)
    return phone and without_extension(phone)


def is_one_of(contact: str, contacts: Collection[str]) -> bool:
    """Return whether a kept form is one of these, which are without extensions, by number or address.

    A number that its country does not have was dialled in another one, and is compared by its national digits.
    """
    plain = without_extension(contact)
    if plain in contacts or not contacts:
        return bool(contacts)
    digits = misread_digits(plain)
    return digits is not None and digits in map(national_digits, contacts)
