"""The request for a page of a list of sessions: filter, order, page and columns, within their limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from session_graph.errors import BadUserInput
from session_graph.sessions.cursors import read_cursor
from session_graph.sessions.filters import Filter, parse_filter
from session_graph.sessions.ordering import Order, parse_order
from session_graph.sessions.pagination import DEFAULT_SIZE, MAX_SIZE, PageRequest, check_size

MAX_WITH_TRANSCRIPTS = 50


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
    """Check the arguments of a list. Raises BadUserInput with the path of what is wrong."""
    order = parse_order(order_by)
    if first is not None and last is not None:
        raise BadUserInput("cannot be combined with first", ["last"])
    backwards = last is not None or (before is not None and first is None)
    if backwards and after is not None:
        raise BadUserInput("goes with first; last goes with before", ["after"])
    if not backwards and before is not None:
        raise BadUserInput("goes with last; first goes with after", ["before"])
    name, size, cursor_name, text = ("last", last, "before", before) if backwards else ("first", first, "after", after)
    size = DEFAULT_SIZE if size is None else check_size(name, size, max_size(selection.columns))
    cursor = None if text is None else read_cursor(text, order, account_id, cursor_name)
    now = cursor.now if cursor else now
    return ListRequest(parse_filter(filter, now), order, PageRequest(size, backwards, cursor), now, selection)
