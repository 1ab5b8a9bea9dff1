"""Phone numbers: read from any spelling, kept in one form, and written for people, spreadsheets and searches.

The kept form is E.164 (`+14155550134`), with an extension as in RFC 3966 (`+14155550134;ext=22`); the digits as they
were written, if no country is known in which they are a number (`112`); or a SIP address (`sip:desk@pbx.example`).
Source: domain.md, "Contacts".
"""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    ValidationResult,
)

MAX_DIGITS = 15
"""Of a number in E.164, without the plus sign."""
SHORTEST_UNMARKED = 11
"""Digits of an international number that is recognised without its plus sign."""

_SCHEME = re.compile(r"(tel|whatsapp|callto|sms):(//)?", re.IGNORECASE)
_EXTENSION = re.compile(
    r"(?:\s*;\s*ext\s*=|[\s,;]*(?:extension|extn|ext|x)[\s.:]*|\s*[#,;]+\s*)(\d{1,8})#?$", re.IGNORECASE
)
_SIP = re.compile(r"<?\s*(sips?):([^@\s<>;]+)@([^\s<>;?]+)[^<>\s]*>?", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[\d\s().\-/*#]*\d[\d\s().\-/*#]*")
_PUNCTUATION = re.compile(r"[\s().\-/]+")
_GROUPS = re.compile(r"(?<=\d)(?=(?:\d{3})*\d{4}$)")
_NOT_DIGITS = re.compile(r"\D+")
_EXIT_PREFIXES = ("00", "011", "0011", "010")
"""What is dialled before a country code: in most countries, North America, Australia and Japan."""
_OLD_MEXICAN_MOBILE = re.compile(r"\+521(\d{10})")
"""Mexico dropped the 1 before mobile numbers in 2019; WhatsApp still sends it."""


@lru_cache(maxsize=4096)
def spell_phone(text: str) -> str:
    """Return the text in plain characters: full-width and Arabic digits as ASCII, without scheme and invisible marks.

    `tel:` and `whatsapp:` are schemes. A mere number loses its punctuation: `(415) 555-0134` → `4155550134`.
    """
    plain = _strip_scheme(text)
    if not _NUMBER.fullmatch(plain):
        return plain
    if plain.startswith("+") and (number := _parse_possible(plain, None)):
        return _write(number)
    return _PUNCTUATION.sub("", plain)


def read_phone(text: str, country: str | None) -> str | None:
    """Return the kept form of the number or SIP address in the text; None if there is neither.

    A number without a country code is one of `country` (ISO 3166-1 alpha-2). If no country is given, or it is not a
    possible number there, its digits are kept as they were written.
    """
    plain = _strip_scheme(text)
    if sip := _SIP.fullmatch(plain):
        user = sip[2]
        return read_phone(user, None) if user.startswith("+") else f"{sip[1].lower()}:{user}@{sip[3].lower()}"
    return _read_number(plain, country)


def without_extension(phone: str) -> str:
    """Return the kept form without its extension: what two spellings of one contact share."""
    return phone.partition(";ext=")[0]


@lru_cache(maxsize=4096)
def display_phone(phone: str) -> str:
    """Return a kept form for people to read, which no spreadsheet takes for a number or a formula: `+1 415-555-0134`.

    Digits without a country code are returned as they are; a report puts an apostrophe before them.
    """
    number = _parse_kept(phone)
    if number is None:
        return phone.replace(";ext=", " ext. ")
    code = f"+{number.country_code} "
    national = phonenumbers.format_number(_without_extension(number), PhoneNumberFormat.INTERNATIONAL)
    national = _NOT_DIGITS.sub("-", national.removeprefix(code))
    if "-" not in national:
        national = _GROUPS.sub("-", national)
    return f"{code}{national}" + (f" ext. {number.extension}" if number.extension else "")


@lru_cache(maxsize=4096)
def searchable_digits(phone: str) -> str:
    """Return the digits that a search may name a part of: of E.164, and of the forms that are dialled in the country.

    They are separated by spaces: `+442079460018` → `442079460018 02079460018`.
    """
    number = _parse_kept(phone)
    if number is None:
        return _NOT_DIGITS.sub("", without_extension(phone))
    significant = phonenumbers.national_significant_number(number)
    national = phonenumbers.format_number(_without_extension(number), PhoneNumberFormat.NATIONAL)
    forms = [f"{number.country_code}{significant}"]
    for form in (_trunk_prefix(number.country_code) + significant, _NOT_DIGITS.sub("", national)):
        if not any(form in other for other in forms):
            forms.append(form)
    return " ".join(forms)


def misread_digits(phone: str) -> str | None:
    """Return the national digits of a kept form that may be a number of another country; None if it is none.

    It is if its country does not have such a number, or if it was written without a country code.
    """
    number = _parse_kept(phone)
    if number is None:
        return phone if phone.isdigit() else None
    return None if phonenumbers.is_valid_number(number) else phonenumbers.national_significant_number(number)


def national_digits(phone: str) -> str | None:
    """Return the digits of a kept form after the country code; None if it has no country code."""
    number = _parse_kept(phone)
    return phonenumbers.national_significant_number(number) if number else None


def spellings(text: str) -> list[str]:
    """Return the runs of digits by which a search means a number: as written, and as it is kept if that differs."""
    plain = _EXTENSION.sub("", _strip_scheme(text))
    written = _NOT_DIGITS.sub("", plain)
    international = [plain] if plain.startswith("+") else []
    international += [f"+{written.removeprefix(prefix)}" for prefix in _EXIT_PREFIXES if written.startswith(prefix)]
    kept = [phone.removeprefix("+") for each in international if (phone := read_phone(each, None))]
    return list(dict.fromkeys([written, *kept]))


def is_spelled_as_phone(text: str) -> bool:
    """Return whether the text is a number with nothing but punctuation, a scheme or an extension around it."""
    return _NUMBER.fullmatch(_EXTENSION.sub("", _strip_scheme(text))) is not None


def _strip_scheme(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    if not plain.isascii():
        plain = "".join(_plain_character(c) for c in plain if unicodedata.category(c) != "Cf")
    plain = plain.strip()
    scheme = _SCHEME.match(plain)
    return plain[scheme.end() :].strip() if scheme else plain


def _plain_character(character: str) -> str:
    if unicodedata.category(character) == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    return str(unicodedata.digit(character)) if character.isdigit() else character


@lru_cache(maxsize=4096)
def _read_number(plain: str, country: str | None) -> str | None:
    match = _EXTENSION.search(plain)
    base, extension = (plain[: match.start()], match[1]) if match else (plain, None)
    if not _NUMBER.fullmatch(base):
        return _read_vanity(base, country, extension)
    written = _PUNCTUATION.sub("", base)
    if number := _find_number(base, written, country):
        return _write(number, extension)
    if written.startswith("+") or len(written) > MAX_DIGITS:
        return None
    return f"{written};ext={extension}" if extension else written


def _find_number(base: str, written: str, country: str | None) -> PhoneNumber | None:
    if written.startswith("+"):
        return _parse_possible(_OLD_MEXICAN_MOBILE.sub(r"+52\1", written) if "521" in written else base, None)
    if written.startswith("00") and (number := _parse_valid(f"+{written[2:]}")):
        return number
    if number := _parse_possible(base, country):
        return number
    return _parse_valid(f"+{written}") if country and len(written) >= SHORTEST_UNMARKED else None


def _read_vanity(text: str, country: str | None, extension: str | None) -> str | None:
    """Return a number that is spelt with letters, such as 1-800-FLOWERS, if it is a valid one."""
    number = _parse_possible(text, country) if any(c.isdigit() for c in text) else None
    return _write(number, extension) if number and phonenumbers.is_valid_number(number) else None


@lru_cache(maxsize=4096)
def _parse_possible(text: str, country: str | None) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    is_possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if is_possible else None


def _parse_valid(text: str) -> PhoneNumber | None:
    number = _parse_possible(text, None)
    return number if number and phonenumbers.is_valid_number(number) else None


def _parse_kept(phone: str) -> PhoneNumber | None:
    return _parse_possible(phone, None) if phone.startswith("+") else None


def _write(number: PhoneNumber, extension: str | None = None) -> str:
    extension = extension or number.extension
    e164 = f"+{number.country_code}{phonenumbers.national_significant_number(number)}"
    return f"{e164};ext={extension}" if extension else e164


def _without_extension(number: PhoneNumber) -> PhoneNumber:
    if not number.extension:
        return number
    plain = PhoneNumber()
    plain.merge_from(number)
    plain.extension = None
    return plain


@lru_cache(maxsize=512)
def _trunk_prefix(country_code: int) -> str:
    metadata = PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(country_code), None)
    return (metadata and metadata.national_prefix) or ""
