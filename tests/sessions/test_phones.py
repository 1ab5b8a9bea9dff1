"""Phone numbers in every spelling: read, shown and found. Source: domain.md, "Contacts"."""

from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from session_graph.sessions.contacts import is_one_of
from session_graph.sessions.phones import display_phone, read_phone, searchable_digits, spell_phone
from session_graph.sessions.search import parse_search

COUNTRIES = (
    *("US", "GB", "DE", "FR", "IT", "ES", "PT", "PL", "CZ", "SE", "NO", "FI", "DK", "NL", "BE", "AT", "CH", "GR", "TR"),
    *("RO", "HU", "IE", "JP", "IN", "AU", "NZ", "BR", "AR", "ZA", "KW", "AE", "IL", "RU", "UA", "SG"),
)
FULL_WIDTH = str.maketrans("0123456789+-() ", "０１２３４５６７８９＋－（）\u3000")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def numbers_of(country: str) -> Iterator[PhoneNumber]:
    """Yield six numbers that the country has: its examples, and their neighbours."""
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
        example = phonenumbers.example_number_for_type(country, kind)
        assert example
        assert example.national_number
        for step in (0, 1, 2):
            number = PhoneNumber()
            number.merge_from(example)
            number.national_number = example.national_number - step
            if phonenumbers.is_possible_number(number):
                yield number


NUMBERS = [(country, number) for country in COUNTRIES for number in numbers_of(country)]


def spellings_of(number: PhoneNumber) -> list[str]:
    """Return the number in twelve spellings with its country code, and in four without."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    spaced = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    return [
        *(e164, spaced, spaced.replace(" ", "-"), spaced.replace(" ", "."), spaced.replace(" ", "\u00a0")),
        *(f"tel:{e164}", f"whatsapp:{e164}", f"\u202a{e164}\u202c", spaced.translate(FULL_WIDTH)),
        *(f" {spaced} ", "00" + e164[1:], e164.translate(ARABIC)),
        *(national, national.replace(" ", ""), national.translate(FULL_WIDTH), national.translate(ARABIC)),
    ]


def is_found(text: str, phone: str) -> bool:
    """Return whether the search for the text finds the number, as the statement compares the two."""
    search = parse_search(text, ())
    return search.phone == phone or any(run in searchable_digits(phone) for run in search.numbers)


def test_there_are_two_hundred_numbers_of_thirty_countries() -> None:
    assert (len(NUMBERS), len(COUNTRIES)) >= (200, 30)


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_number_is_the_same_in_every_spelling(country: str) -> None:
    for number in numbers_of(country):
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for spelling in spellings_of(number):
            assert read_phone(spelling, country) == e164, (spelling, country)
            assert is_one_of(read_phone(spelling, country) or "", {e164})


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_number_is_found_by_every_spelling_and_by_what_the_report_prints(country: str) -> None:
    for number in numbers_of(country):
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for spelling in [*spellings_of(number), display_phone(e164)]:
            assert is_found(spelling, e164), (spelling, e164)
        for start in range(len(e164) - 4):
            assert is_found(e164[start + 1 : start + 5], e164)


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_number_is_shown_with_a_space_and_hyphens(country: str) -> None:
    for number in numbers_of(country):
        shown = display_phone(phonenumbers.format_number(number, PhoneNumberFormat.E164))
        code, _, rest = shown.partition(" ")
        assert code == f"+{number.country_code}"
        assert rest.replace("-", "") == phonenumbers.national_significant_number(number)
        assert "-" in rest


@pytest.mark.parametrize(
    "mark", [" ext. 22", " ext 22", "x22", " x 22", ";ext=22", "#22", ",22", ",,22", " extension 22"]
)
def test_an_extension_is_set_apart(mark: str) -> None:
    kept = read_phone(f"+1 415 555 0134{mark}", "US")

    assert kept == "+14155550134;ext=22"
    assert display_phone(kept) == "+1 415-555-0134 ext. 22"
    assert is_one_of(kept, {"+14155550134"})
    assert is_found(f"+1 415 555 0134{mark}", kept)


@pytest.mark.parametrize(
    ("text", "country", "kept"),
    [
        ("+44 (0)20 7946 0018", "US", "+442079460018"),
        ("+49 (0) 30 901820", "US", "+4930901820"),
        ("+91 098765 43210", "US", "+919876543210"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("0044 20 7946 0018", "GB", "+442079460018"),
        ("0044 20 7946 0018", None, "+442079460018"),
        ("011 44 20 7946 0018", "US", "+442079460018"),
        ("14155550134", "GB", "+14155550134"),
        ("(415) 555-0134", "US", "+14155550134"),
        ("(415) 555-0134", None, "4155550134"),
        ("555-0134", "US", "5550134"),
        ("０９０－１２３４－５６７９", "US", "09012345679"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("+52 1 55 1234 5678", "MX", "+525512345678"),
        ("112", "DE", "112"),
        ("*98", "US", "*98"),
        ("sip:desk@pbx.example", "US", "sip:desk@pbx.example"),
        ("SIP:Desk@PBX.example;transport=tcp", "US", "sip:Desk@pbx.example"),
        ("sip:+14155550134@gateway.example", "GB", "+14155550134"),
    ],
)
def test_what_a_text_means_depends_on_the_country(text: str, country: str | None, kept: str) -> None:
    assert read_phone(text, country) == kept
    assert is_found(text, kept) or text == "1-800-FLOWERS"


@pytest.mark.parametrize(
    "text", ["call me", "@ana", "room 12", "+1 415 55", "+999 1234567", "9" * 16, "front desk", "x22"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_phone(text, "US") is None


def test_a_number_that_its_country_does_not_have_is_compared_by_its_national_digits() -> None:
    dialled_abroad = read_phone("(415) 555-0134", "GB")

    assert dialled_abroad == "+444155550134"
    assert is_one_of(dialled_abroad, {"+14155550134"})
    assert not is_one_of("+442079460018", {"+12079460018"})


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("+1 (415) 555-0134", "+14155550134"),
        ("(415) 555-0134", "4155550134"),
        ("tel:415.555.0134", "4155550134"),
        ("٤١٥", "415"),
        ("call me", "call me"),
    ],
)
def test_the_spelling_of_a_number_has_no_punctuation(text: str, spelling: str) -> None:
    assert spell_phone(text) == spelling
    assert spell_phone(spelling) == spelling
