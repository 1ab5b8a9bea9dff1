"""The search for a contact, by words of the name or by a part of the phone number (domain.md, "Contacts")."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from session_graph.errors import InvalidInput, PathSegment
from session_graph.parsing import clean_text, digits, fold
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.phones import is_spelled_as_phone, read_phone, spell_phone, spellings

MAX_LENGTH = 200
MIN_DIGITS = 4
MIN_LAST_DIGITS = 7
"""Fewest digits by which a viewer who may not read phone numbers finds one."""

_SIP = re.compile("sips?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Search:
    """A search for a name, a part of a number or a whole phone.

    `words` is the folded text, in words. `numbers` are runs of digits, any of which a number may have. `phone` is a
    number too short to be searched by its parts, or a SIP address.
    """

    words: Sequence[str]
    numbers: Sequence[str] = ()
    phone: str | None = None


def parse_search(text: str, path: tuple[PathSegment, ...]) -> Search:
    """Raises InvalidInput if the text is too long, or has neither a letter nor a digit."""
    text = clean_text(text)
    if len(text) > MAX_LENGTH:
        raise InvalidInput.at(f"must have at most {MAX_LENGTH} characters", path)
    words = fold(text).split()
    if _SIP.match(text):
        return Search(words, phone=read_phone(text, None))
    if is_spelled_as_phone(text) or not any(character.isalpha() for character in text):
        numbers = [run for run in spellings(text) if len(run) >= MIN_DIGITS]
        if not numbers and not digits(text):
            raise InvalidInput.at("must have a letter of a name, or a digit of a phone number", path)
        return Search(words, numbers) if numbers else Search(words, phone=spell_phone(text))
    return Search(words)


def search_sql(search: Search, parameters: Parameters, *, everywhere: bool, reads_phones: bool) -> str:
    """Return a condition over `session s`; `everywhere` also searches summaries and comments.

    Without `reads_phones` a number is found by its end alone, of MIN_LAST_DIGITS or more, or by a whole SIP address:
    parts in any place would spell the number out, digit by digit.
    """
    parts = _phone_sql(search, parameters) if reads_phones else _phone_end_sql(search, parameters)
    columns: tuple[str, ...] = () if search.phone or search.numbers else ("contact_folded",)
    if everywhere:
        columns += ("summary_folded", "comment_folded")
    if columns:
        patterns = [_substring_pattern(word, parameters) for word in search.words]
        parts += [" and ".join(f"s.{column} like {pattern}" for pattern in patterns) for column in columns]
    return " or ".join(parts) or "false"


def _phone_sql(search: Search, parameters: Parameters) -> list[str]:
    if search.phone:
        return [f"s.phone = {parameters.bind(search.phone)}"]
    return [f"s.phone_search like {_substring_pattern(run, parameters)}" for run in search.numbers]


def _phone_end_sql(search: Search, parameters: Parameters) -> list[str]:
    """`phone_search` has the forms of a number with spaces between them."""
    if search.phone and _SIP.match(search.phone):
        return [f"s.phone = {parameters.bind(search.phone)}"]
    runs = [run for run in search.numbers if len(run) >= MIN_LAST_DIGITS]
    ends = [pattern for run in runs for pattern in (f"%{run}", f"%{run} %")]
    return [f"s.phone_search like {parameters.bind(pattern)}" for pattern in ends]


def _substring_pattern(text: str, parameters: Parameters) -> str:
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return parameters.bind(f"%{escaped}%")
