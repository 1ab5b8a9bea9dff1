"""The people who call: names from many places, and contact details that reach nobody."""

import unicodedata
from dataclasses import dataclass
from random import Random
from typing import NamedTuple


class Names(NamedTuple):
    language: str
    share: int
    """People in a hundred who have such names."""
    first: str
    family: str


_NAMES = (
    Names(
        "en",
        28,
        "Grace, Owen, Hazel, Theo, Ruby, Caleb, Nora, Julian, Wendy, Marcus, Ivy, Desmond, Paige, Elliot, Joan",
        "Whitlock, Barrow, Tennant, Ashby, Okafor-Reed, Lindqvist, Marsh, Delaney, Quill, Hargrove, Pryor, Voss",
    ),
    Names(
        "en",
        8,
        "Siobhán, Cillian, Aoife, Rhys, Eilidh, Niamh, Angus",
        "Ó Faoláin, Gallagher, Pugh, MacAskill, Byrne, Kerr",
    ),
    Names(
        "es",
        12,
        "Lucía, Mateo, Ximena, Andrés, Inés, Joaquín, Marisol, Tomás",
        "Ibáñez, Peña, Castellanos, Rentería, Muñoz, Salcedo",
    ),
    Names(
        "fr",
        7,
        "Chloé, Étienne, Maëlle, Benoît, Solène, Loïc, Aurélie",
        "Lefèvre, Garnier, Bérard, Delacroix, Noël, Chastain",
    ),
    Names(
        "de",
        6,
        "Jürgen, Annika, Sönke, Käthe, Lukas, Friederike",
        "Müller-Brandt, Köhler, Strauß, Weidlich, Böhm, Hägele",
    ),
    Names("pl", 4, "Małgorzata, Paweł, Zofia, Łukasz", "Wójcik, Gąsior, Śliwa, Brzęczek"),
    Names("sv", 4, "Åsa, Björn, Søren, Ingrid", "Sjöberg, Åkesson, Rødland, Kjær"),
    Names("tr", 4, "Ayşe, Emre, Çiğdem, Volkan", "Yıldırım, Güneş, Şahin, Özkan"),
    Names(
        "hi", 6, "Priya, Arjun, Meera, Rohan, Kavita, Farhan", "Iyer, Bhattacharya, Chaudhry, Menon, Kapoor, Siddiqui"
    ),
    Names("zh", 6, "Wei, Mei-Ling, Jiahao, Xiuying, Kevin, Joyce", "Zhang, Ouyang, Liu, Tsai, Cheung, Fong"),
    Names("vi", 4, "Thảo, Minh, Lan Anh, Quốc", "Nguyễn, Trần, Đặng, Phạm"),
    Names("yo", 5, "Adaeze, Tunde, Folasade, Chidi, Kwame", "Adéyẹmí, Nwosu, Balogun, Owusu, Ezeudu"),
    Names("ar", 4, "Yasmin, Omar, Nadia, Karim", "Haddad, El-Sayed, Bensaïd, Mansour"),
    Names("pt", 3, "João, Conceição, Thiago", "Magalhães, Araújo, Brandão"),
)

_OTHER_SCRIPTS: tuple[tuple[str, str, str, bool], ...] = (
    # first name, family name, the part before the @, whether the family name comes first
    ("Ελένη", "Παππά", "eleni.pappa", False),
    ("Дмитро", "Коваленко", "d.kovalenko", False),
    ("花子", "山本", "hanako.yamamoto", True),
    ("서연", "김", "seoyeon.kim", True),
    ("ليلى", "حداد", "laila.haddad", False),
    ("Мария", "Соколова", "maria.sokolova", False),
    ("志明", "陳", "chiming.chan", True),
    ("נועה", "ברק", "noa.barak", False),
)

_PLAIN = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "æ": "ae", "đ": "d", "Đ": "D", "ı": "i"})


@dataclass(frozen=True)
class Person:
    first: str
    name: str
    """The full name, in its own script and order."""
    mailbox: str
    """The part of an e-mail address before the @."""


def meet(rng: Random, language: str = "en", *, in_writing: bool = False) -> Person:
    """Return a new person. English speakers come from everywhere; names in other scripts occur only in writing."""
    if in_writing and language == "en" and rng.random() < 0.12:
        first, family, mailbox, family_first = rng.choice(_OTHER_SCRIPTS)
        return Person(first, f"{family} {first}" if family_first else f"{first} {family}", mailbox)
    places = [names for names in _NAMES if language in ("en", names.language)]
    (names,) = rng.choices(places, [place.share for place in places])
    first, family = rng.choice(names.first.split(", ")), rng.choice(names.family.split(", "))
    return Person(first, f"{first} {family}", f"{_plain(first)}.{_plain(family)}")


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.translate(_PLAIN)).encode("ascii", "ignore").decode()
    return "".join(c for c in folded.lower() if c.isalnum())


def list_phones(stems: tuple[str, ...]) -> list[str]:
    """Return all E.164 numbers of ranges reserved for fiction, except each first and last one, which are for tests.

    +1 NPA 555 01xx (North American Numbering Plan), +44 20 7946 0xxx and +44 7700 900xxx (Ofcom).
    """
    width = {"+1": 12, "+44": 13}
    numbers = []
    for stem in stems:
        missing = width["+1" if stem.startswith("+1") else "+44"] - len(stem)
        numbers += [f"{stem}{n:0{missing}}" for n in range(1, 10**missing - 1)]
    return numbers


def say_phone(phone: str) -> str:
    """Return the number as people of its country write it."""
    if phone.startswith("+1"):
        return f"{phone[2:5]}-{phone[5:8]}-{phone[8:]}"
    if phone.startswith("+4420"):
        return f"020 {phone[5:9]} {phone[9:]}"
    return f"0{phone[3:7]} {phone[7:]}"
