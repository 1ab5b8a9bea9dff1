"""By what means a user can be reached: withheld markers, e-mails, what is neither, and names. Source: domain.md."""

import unicodedata
from collections.abc import Callable
from itertools import product

import pytest

from session_graph.parsing import fold
from session_graph.sessions.contacts import Contacts, is_withheld, read_contact, read_contacts, read_email
from session_graph.sessions.warnings import WarningCode

MARKERS = (
    *("anonymous", "restricted", "private", "unknown", "unavailable", "withheld", "blocked", "no caller id", "n/a"),
    *("none", "null", "undefined", "not provided", "private number", "unknown caller", "out of area", "hidden", "nil"),
    *("+266696687", "+7378742883", "+2562533", "+8656696", "+86282452253"),
    *("-", "--", "—", "?", ".", "/", "_", "+", "()", "0", "00", "000-000-0000", "+0000", "0 0", "０", ""),
    *("sip:anonymous@anonymous.invalid", "sip:anonymous@pbx.example", "anonymous@anonymous.invalid", "x@y.invalid"),
    *("tel:anonymous", "<sip:unavailable@unknown.invalid>", "sip:Restricted@10.0.0.1", "NO_CALLER_ID", "no-caller-id"),
)
CASES: tuple[Callable[[str], str], ...] = (
    str.lower,
    str.upper,
    str.title,
    str.capitalize,
    lambda text: f"  {text} ",
    lambda text: f"\u200e{text}\u200e",
)


@pytest.mark.parametrize(
    ("marker", "change"), list(product(MARKERS, CASES)), ids=lambda each: getattr(each, "__name__", each)
)
def test_a_withheld_contact_is_none_in_every_case(marker: str, change: Callable[[str], str]) -> None:
    assert is_withheld(change(marker))


@pytest.mark.parametrize(
    "text",
    [
        *("+14155550134", "112", "(415) 555-0134", "sip:desk@pbx.example", "ana@example.com", "none@example.com"),
        *("Anna Nym", "private dining room 4", "+100", "unknown@example.com", "0800 000 000", "+26 669 668 71"),
    ],
)
def test_what_says_something_is_not_withheld(text: str) -> None:
    assert not is_withheld(text)


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("Ana@Example.COM", "ana@example.com"),
        (" ana@example.com ", "ana@example.com"),
        ("mailto:ana@example.com", "ana@example.com"),
        ("ａｎａ@example.com", "ana@example.com"),
        ("josé@exämple.com", "josé@exämple.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        *((text, None) for text in ("ana(at)example.com", "@", "ana@", "ana", "a b@example.com", "a@b.c, d@e.f")),
    ],
)
def test_an_email_is_one_address_in_lower_case(text: str, email: str | None) -> None:
    assert read_email(text) == email


@pytest.mark.parametrize(
    ("phone", "email", "other", "expected", "codes"),
    [
        ("+1 (415) 555-0134", "Ana@Example.com", None, Contacts("+14155550134", "ana@example.com", None), []),
        ("anonymous", "n/a", None, Contacts(None, None, None), ["CONTACT_WITHHELD", "CONTACT_WITHHELD"]),
        ("room 12", None, "at the bar", Contacts(None, None, "at the bar, room 12"), ["CONTACT_MOVED"]),
        (None, "ana(at)example.com", None, Contacts(None, None, "ana(at)example.com"), ["CONTACT_MOVED"]),
        ("ask Ana", "ask Bo", None, Contacts(None, None, "ask Ana, ask Bo"), ["CONTACT_MOVED", "CONTACT_MOVED"]),
        (None, None, "by post", Contacts(None, None, "by post"), []),
        (None, None, None, Contacts(None, None, None), []),
    ],
)
def test_what_is_no_contact_is_kept_elsewhere_or_is_none(
    phone: str | None, email: str | None, other: str | None, expected: Contacts, codes: list[str]
) -> None:
    contacts, warnings = read_contacts(phone, email, other, "US")

    assert contacts == expected
    assert contacts.reachable is bool(expected.phone or expected.email)
    assert [warning.code for warning in warnings] == [WarningCode(code) for code in codes]


def test_a_contact_is_read_without_its_extension() -> None:
    assert read_contact("(415) 555-0134 ext. 7", "US") == "+14155550134"
    assert read_contact(" QA@Example.com", "US") == "qa@example.com"
    assert read_contact("nobody", "US") is None


NAMES = {
    **dict.fromkeys(("Łukasz Wójcik", "ŁUKASZ WÓJCIK"), "lukasz wojcik"),
    "Søren Ærø": "soren aero",
    "Đorđe Petrović": "dorde petrovic",
    "Nguyễn Văn Đức": "nguyen van duc",
    "Œuvrard": "oeuvrard",
    "Işık Yılmaz": "isik yilmaz",
    "İbrahim Çağrı": "ibrahim cagri",
    "Þór Æsir": "thor aesir",
    "Guðrún": "gudrun",
    "Straße": "strasse",
    "STRASSE": "strasse",
    "Ħamrun": "hamrun",
    "Ünal Öz": "unal oz",
    "Ana\u00a0 \tMaria": "ana maria",
    "Żółć": "zolc",
    "Řehoř": "rehor",
    "Ţîrlea": "tirlea",
    "Șerban": "serban",
    **{f"O{mark}Brien": "o'brien" for mark in "'’‘ʼʹ′`´＇"},
    **{f"Jean{mark}Luc": "jean-luc" for mark in "-‐‑‒–—―−－﹣"},
    **{f"Ma{mark}ria": "maria" for mark in "\u00ad\u200b\u200d\u2060\ufeff"},
    "ﬁlip": "filip",
    "Ｍａｒｉａ": "maria",
    "Björk": "bjork",
    "ΑΘΗΝΑ": "αθηνα",
    "Ёлка": "елка",
    "Jürgen": "jurgen",
}
BASES = ("Müller", "Đukić", "Østergård", "Łoś", "Çelik", "Nuñez", "Škoda", "Ælfred", "Œdipe", "Weiß", "Åse", "Ağa")
LETTERS = "łøđħðþæœßı"


@pytest.mark.parametrize(("name", "folded"), list(NAMES.items()))
def test_a_name_is_folded_to_the_first_level(name: str, folded: str) -> None:
    assert fold(name) == folded
    assert fold(unicodedata.normalize("NFD", name)) == folded


@pytest.mark.parametrize(("first", "last"), list(product(BASES, BASES)))
def test_a_name_folds_the_same_in_every_form(first: str, last: str) -> None:
    name = f"{first} {last}"
    spellings = [unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]

    assert len({fold(spelling) for spelling in (*spellings, name.upper(), name.lower(), f"  {first}\n{last} ")}) == 1
    assert fold(name).replace(" ", "").isascii()


@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_is_equal_to_its_plain_one(letter: str) -> None:
    assert fold(letter) == fold(letter.upper())
    assert fold(letter).isascii()
