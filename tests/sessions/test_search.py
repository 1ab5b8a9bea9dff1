"""The search for a contact, by part of the name or of the number, however it is written (domain.md, "Filters")."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.errors import InvalidInput
from session_graph.sessions.editing import edit_session
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.pagination import PageRequest
from session_graph.sessions.reading import SessionList, read_pages
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.records import make_agent, record
from support.viewers import make_viewer
from support.walks import NOW, id_of

pytestmark = pytest.mark.anyio

PEOPLE: dict[str, Mapping[str, Any]] = {
    "maria": {"contactName": "María José", "phone": "+14155550134", "summary": "Asked for Ünal"},
    "unal": {"contactName": "ÜNAL Straße", "phone": "+49 30 1234567"},
    "percent": {"contactName": "100% Bob", "phone": None},
    "underscore": {"contactName": "a_b\\c", "phone": None},
    "user": {"contactName": "Peter User", "phone": None},
    "nameless": {"contactName": None, "phone": "+14155559999", "summary": "Called from 415-555-0134, paid 50%"},
    "silent": {"contactName": None, "phone": None, "summary": None},
}


@pytest.fixture(scope="module")
async def people(database: Database) -> tuple[Account, dict[Any, str]]:
    """Return the account, and the key in PEOPLE of each session's id."""
    account = await find_or_create_account(f"people-{uuid4().hex[:12]}")
    await make_agent(account)
    ids = await record(database, account, *PEOPLE.values())
    comment = {"comment": "Ring back: (415) 555-0134, ask for JOSÉ_2"}
    await edit_session(database, make_viewer(account), ids[-1], comment, None, frozenset())
    return account, dict(zip(ids, PEOPLE, strict=True))


async def find(
    database: Database, people: tuple[Account, dict[Any, str]], text: str, role: Role = Role.BUILDER
) -> set[str]:
    account, names = people
    sessions = SessionList(make_viewer(account, role), parse_filter({"search": text}, NOW))
    page = (await read_pages(database, sessions, frozenset(), PageRequest(200)))[None]
    return {names[id_of(row)] for row in page.rows}


People = tuple[Account, dict[Any, str]]


@pytest.mark.parametrize(
    "spelling",
    [
        *("(415) 555-0134", "415-555-0134", "4155550134", "+14155550134", "+1 415 555 0134", "1-415-555-0134"),
        *("415.555.0134", "415/555/0134", "555-0134", "0134", "  4155550134  ", "４１５５５５０１３４"),
    ],
)
async def test_a_phone_number_is_found_however_it_is_written(database: Database, people: People, spelling: str) -> None:
    assert await find(database, people, spelling) == {"maria"}


async def test_a_part_of_a_number_finds_all_who_have_it(database: Database, people: People) -> None:
    assert await find(database, people, "415555") == {"maria", "nameless"}
    assert await find(database, people, "1234") == {"unal"}
    assert await find(database, people, "99999") == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, {"maria"}) for text in ("maria", "MARÍA", "María José", "ía jo", "JOSE", "jose\u0301", " maria ")),
        *((text, {"unal"}) for text in ("ünal", "Unal", "UNAL", "strasse", "STRASSE", "straße")),
        ("bob", {"percent"}),
        ("mariajose", set()),
        ("nobody", set()),
    ],
)
async def test_a_part_of_a_name_is_found_without_regard_to_case_and_accents(
    database: Database, people: People, text: str, expected: set[str]
) -> None:
    assert await find(database, people, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100% b", {"percent"}),
        ("0%b", set()),
        ("%bob", set()),
        ("a_b", {"underscore"}),
        ("a_b\\c", {"underscore"}),
        ("b\\c", {"underscore"}),
        ("a%c", set()),
        ("m_ria", set()),
        ("a\\b", set()),
        ("mar%", set()),
        ("'; drop table session; --", set()),
        ("$1 a", set()),
        ("{a}", set()),
    ],
)
async def test_a_wildcard_of_sql_is_an_ordinary_character(
    database: Database, people: People, text: str, expected: set[str]
) -> None:
    assert await find(database, people, text) == expected


async def test_user_does_not_find_contacts_without_a_name(database: Database, people: People) -> None:
    assert await find(database, people, "user") == {"user"}
    assert await find(database, people, "User", Role.PORTAL) == {"user"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unal", {"maria", "unal"}),
        ("asked for", {"maria"}),
        ("jose_2", {"silent"}),
        ("josé", {"maria", "silent"}),
        ("415-555-0134", {"maria", "nameless"}),
        ("(415) 555-0134", {"maria", "silent"}),
        ("4155550134", {"maria"}),
        ("paid 50%", {"nameless"}),
        ("paid 50_", set()),
    ],
)
async def test_a_portal_searches_summaries_and_comments_too(
    database: Database, people: People, text: str, expected: set[str]
) -> None:
    assert await find(database, people, text, Role.PORTAL) == expected


@pytest.mark.parametrize("text", ["0134", "550134", "555013", "1415555", "4155550", "1555013", "911", "+1 415 555"])
async def test_a_portal_finds_no_number_by_a_part_that_would_spell_it_out(
    database: Database, people: People, text: str
) -> None:
    assert await find(database, people, text, Role.PORTAL) <= {"nameless", "silent"}, "by its summary or comment"
    assert "maria" not in await find(database, people, text, Role.PORTAL)


@pytest.mark.parametrize("text", ["5550134", "555-0134", "(415) 555-0134", "+14155550134", "001 415 555 0134"])
async def test_a_portal_finds_a_number_by_its_last_seven_digits_or_more(
    database: Database, people: People, text: str
) -> None:
    assert "maria" in await find(database, people, text, Role.PORTAL)


@pytest.mark.parametrize("role", [Role.BUILDER, Role.ADMIN, Role.PARTNER])
@pytest.mark.parametrize("text", ["asked for", "jose_2", "paid 50%"])
async def test_no_other_role_searches_summaries_and_comments(
    database: Database, people: People, role: Role, text: str
) -> None:
    assert await find(database, people, text, role) == set()


@pytest.mark.parametrize("text", ["", "   ", "%", "_", "+", "()", "-- --", "!?", "😀"])
async def test_neither_a_name_nor_a_number_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(InvalidInput, match="must have a letter of a name, or a digit of a phone number") as refusal:
        parse_filter({"search": text}, NOW)

    assert refusal.value.problems[0].path == ("filter", "search")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x" * 201, "at most 200 characters"),
        ("x" * 100_000, "at most 200"),
    ],
)
async def test_a_text_that_cannot_be_searched_for_is_an_error(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse_filter({"not": {"search": text}}, NOW)
