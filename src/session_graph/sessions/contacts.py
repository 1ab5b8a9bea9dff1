"""How phone numbers and e-mail addresses are written here, so that the same contact is the same text."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from session_graph.parsing import digits

_GROUPS = re.compile(r"(?<=\d)(?=(?:\d{3})*\d{4}$)")
_DIALLED = re.compile(r"\+?[\d\s().\-/\u2010-\u2015\u00a0]+")


def normalise_phone(text: str) -> str:
    """`+1 (415) 555-0134` → `+14155550134`; what is not just a number (an extension, a word) stays as it is."""
    text = text.strip()
    if not _DIALLED.fullmatch(text) or not digits(text):
        return text
    return ("+" if text.startswith("+") else "") + digits(text)


def display_phone(phone: str) -> str:
    """A normalised number as people read it, and as no spreadsheet takes it for a number: `+1 415 555 0134`.

    Without a country code in groups of three, the last of four where it comes out so; what is no number stays as it is.
    """
    if not _DIALLED.fullmatch(phone):
        return phone
    if not phone.startswith("+"):
        return _GROUPS.sub(" ", phone)
    try:
        number = phonenumbers.parse(phone)
    except NumberParseException:
        return "+" + _GROUPS.sub(" ", phone[1:])
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL).replace("-", " ")


def normalise_email(text: str) -> str:
    """Lower case: mailboxes that differ by case alone do not occur in practice."""
    return text.strip().lower()


def normalise_contact(text: str) -> str:
    """A phone number or an e-mail address, whichever it is."""
    return normalise_email(text) if "@" in text else normalise_phone(text)
