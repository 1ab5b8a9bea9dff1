"""The search for a contact, by part of the name or of the phone number (domain.md, "Filters")."""

from dataclasses import dataclass

from session_graph.errors import InvalidInput, PathSegment
from session_graph.parsing import at_path, check_text, digits, fold
from session_graph.sessions.parameters import Parameters

MAX_LENGTH = 200
MIN_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Search:
    """`folded` is the whole text, folded; `digits` are those of a phone number, None if the text has a letter."""

    folded: str
    digits: str | None


def parse_search(text: str, path: tuple[PathSegment, ...]) -> Search:
    """Raises InvalidInput if the text is too long, or has neither a letter nor four digits."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise InvalidInput.at(f"must have at most {MAX_LENGTH} characters", path)
    with at_path(*path, error=InvalidInput.at):
        check_text(text)
    if any(character.isalpha() for character in text):
        return Search(fold(text), None)
    if len(digits(text)) < MIN_DIGITS:
        raise InvalidInput.at(f"must have a letter of a name, or at least {MIN_DIGITS} digits of a phone number", path)
    return Search(fold(text), digits(text))


def search_sql(search: Search, parameters: Parameters, *, everywhere: bool) -> str:
    """Return a condition over `session s`; `everywhere` also searches summaries and comments."""
    column, text = ("contact_folded", search.folded) if search.digits is None else ("phone_digits", search.digits)
    parts = [f"s.{column} like {_substring_pattern(text, parameters)}"]
    if everywhere:
        pattern = _substring_pattern(search.folded, parameters)
        parts += [f"s.summary_folded like {pattern}", f"s.comment_folded like {pattern}"]
    return " or ".join(parts)


def _substring_pattern(text: str, parameters: Parameters) -> str:
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return parameters.bind(f"%{escaped}%")
