"""The normal form of phone numbers and e-mail addresses, so that the same contact is always the same text."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from session_graph.parsing import digits

_GROUPS = re.compile(r"(?<=\d)(?=(?:\d{3})*\d{4}$)")
_PHONE_NUMBER = re.compile(r"\+?[\d\s().\-/\u2010-\u2015\u00a0]+")


def normalise_phone(text: str) -> str:
    """`+1 (415) 555-0134` → `+14155550134`; text that is more than a number (an extension, a word) stays as it is."""
    text = text.strip()
    if not _PHONE_NUMBER.fullmatch(text) or not digits(text):
        return text
    return ("+" if text.startswith("+") else "") + digits(text)


def display_phone(phone: str) -> str:
    """Return a normalised number for people to read, which no spreadsheet takes for a number: `+1 415 555 0134`.

    Without a country code, in groups of three digits and a last one of four. Other text stays as it is.
    """
    if not _PHONE_NUMBER.fullmatch(phone):
        return phone
    if not phone.startswith("+"):
        return _GROUPS.sub(" ", phone)
    try:
        number = phonenumbers.parse(phone)
    except NumberParseException:
        return "+" + _GROUPS.sub(" ", phone[1:])
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL).replace("-", " ")


def normalise_email(text: str) -> str:
    """Lower case, because mailboxes that differ only by case do not occur in practice."""
    return text.strip().lower()


def normalise_contact(text: str) -> str:
    """Normalise a phone number or an e-mail address."""
    return normalise_email(text) if "@" in text else normalise_phone(text)
