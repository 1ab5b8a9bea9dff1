"""The request for a page of a list of sessions: filter, order, page and columns, within their limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from session_graph.errors import InvalidInput, Problem
from session_graph.sessions.cursors import read_cursor
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import Filter
from session_graph.sessions.ordering import Order, parse_order
from session_graph.sessions.pagination import DEFAULT_SIZE, MAX_SIZE, PageRequest, check_size

MAX_WITH_TRANSCRIPTS = 50

_FIRST_PAGE = PageRequest()


@dataclass(frozen=True, slots=True)
class ListSelection:
    """The columns that a request selects, whether it selects cursors, and the fields of PageInfo that it selects."""

    columns: frozenset[str]
    has_cursors: bool = False
    page_info: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A valid request. The filter's period counts back from `now`, which cursors carry to the next page."""

    filter: Filter
    order: Order
    page: PageRequest
    now: datetime
    selection: ListSelection

    @property
    def asks_opposite(self) -> bool:
        """Whether it selects if the list continues on the other side of the page."""
        return ("hasNextPage" if self.page.backwards else "hasPreviousPage") in self.selection.page_info


def max_size(columns: frozenset[str], largest: int = MAX_SIZE) -> int:
    """Return the largest size of a page with these columns."""
    return MAX_WITH_TRANSCRIPTS if "transcript" in columns else largest


def parse_list_request(
    account_id: UUID,
    now: datetime,
    selection: ListSelection,
    *,
    filter: Mapping[str, Any] | None,
    order_by: Mapping[str, Any] | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> ListRequest:
    """Check the arguments of a list. Raises InvalidInput with every problem, each with its path."""
    problems: list[Problem] = []
    order, page = parse_order(order_by), _FIRST_PAGE
    try:
        page = _parse_page(account_id, selection.columns, order, first, after, last, before)
    except InvalidInput as error:
        problems += error.problems
    now = page.cursor.now if page.cursor else now
    try:
        parsed = parse_filter(filter, now)
    except InvalidInput as error:
        raise InvalidInput([*problems, *error.problems]) from None
    if problems:
        raise InvalidInput(problems)
    return ListRequest(parsed, order, page, now, selection)


def check_list_size(argument: str, size: int, columns: frozenset[str], largest: int = MAX_SIZE) -> int:
    """Raises InvalidInput if a page with these columns may not have this size."""
    maximum = max_size(columns, largest)
    return check_size(argument, size, maximum, " if transcript is selected" if maximum < largest else "")


def _parse_page(
    account_id: UUID,
    columns: frozenset[str],
    order: Order,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> PageRequest:
    if first is not None and last is not None:
        raise InvalidInput.at("cannot be combined with first", ["last"])
    backwards = last is not None or (before is not None and first is None)
    if backwards and after is not None:
        raise InvalidInput.at("goes with first; last goes with before", ["after"])
    if not backwards and before is not None:
        raise InvalidInput.at("goes with last; first goes with after", ["before"])
    name, size, cursor_name, text = ("last", last, "before", before) if backwards else ("first", first, "after", after)
    problems: list[Problem] = []
    try:
        size = DEFAULT_SIZE if size is None else check_list_size(name, size, columns)
    except InvalidInput as error:
        problems += error.problems
    try:
        cursor = None if text is None else read_cursor(text, order, account_id, cursor_name)
    except InvalidInput as error:
        raise InvalidInput([*problems, *error.problems]) from None
    if problems:
        raise InvalidInput(problems)
    return PageRequest(size or DEFAULT_SIZE, backwards, cursor)
