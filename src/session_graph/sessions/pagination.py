"""Keyset pagination: the request for a page, the SQL that reads only that page, and the page itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from session_graph.errors import InvalidInput
from session_graph.sessions.cursors import Cursor
from session_graph.sessions.enums import Direction
from session_graph.sessions.ordering import Order
from session_graph.sessions.parameters import Parameters
from session_graph.store.database import Row

DEFAULT_SIZE = 50
MAX_SIZE = 200
ORDER_VALUE = "order_value"
ORDER_ID = "order_id"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the list's order; `has_more` if the list continues in the direction of reading."""

    rows: Sequence[Row]
    has_more: bool


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`size` rows after the cursor, or before it if `backwards`; `inclusive` adds the cursor's own row."""

    size: int = DEFAULT_SIZE
    backwards: bool = False
    cursor: Cursor | None = None
    inclusive: bool = False

    def cut(self, rows: Sequence[Row]) -> Page:
        """Return the page, given the rows in reading order with one to spare (`limit_sql`)."""
        kept = rows[: self.size]
        return Page(kept[::-1] if self.backwards else kept, len(rows) > self.size)

    def opposite_direction(self) -> "PageRequest":
        """Return a request for one row in the opposite direction, the cursor's own row included."""
        return replace(self, size=0, backwards=not self.backwards, inclusive=True)


def check_size(argument: str, size: int, maximum: int = MAX_SIZE, reason: str = "") -> int:
    """Raises InvalidInput if the size is not from 1 to `maximum`; `reason` says why the maximum is lower than usual."""
    if not 1 <= size <= maximum:
        raise InvalidInput.at(f"must be from 1 to {maximum}{reason}", [argument])
    return size


def limit_sql(request: PageRequest, parameters: Parameters, *, use_generic_plan: bool) -> str:
    """Return the limit of one row more than the page has, which shows whether the list continues.

    As a literal, it lets the server keep a generic plan. A bound limit is estimated as a tenth of all rows, so the
    server plans each execution for its values.
    """
    rows = request.size + 1
    return f"limit {parameters.literal(rows) if use_generic_plan else parameters.bind(rows)}"


def page_sql(
    select: str, condition: str, order: Order, request: PageRequest, parameters: Parameters, limit: str
) -> str:
    """Return the SQL of one page. `select` names ORDER_VALUE and ORDER_ID if the order's value may be null.

    A nullable order is read as two branches, each in its own order: the values and, last, the nulls. The cursor comes
    before the condition because PostgreSQL 18, given two bounds of a column, starts reading the index at the one named
    first: started at the end of a filter's span, it would read past all the pages before.
    """
    direction = _reading_direction(order, request)
    by_value = f"order by {order.field.sql} {direction}, s.id {direction} {limit}"
    if not order.field.nullable:
        return f"{select} where {_after_cursor(order, request, parameters)}{condition} {by_value}"
    branches = []
    if _includes_values(request):
        has_value = f"{condition} and {order.field.sql} is not null"
        branches.append(f"({select} where {_after_cursor(order, request, parameters)}{has_value} {by_value})")
    if _includes_nulls(request):
        is_null = f"{condition} and {order.field.sql} is null"
        by_id = f"order by s.id {direction} {limit}"
        branches.append(f"({select} where {_after_cursor_null(order, request, parameters)}{is_null} {by_id})")
    nulls = "first" if request.backwards else "last"
    return (
        f"select * from ({' union all '.join(branches)}) u"
        f" order by u.{ORDER_VALUE} {direction} nulls {nulls}, u.{ORDER_ID} {direction} {limit}"
    )


def _reading_direction(order: Order, request: PageRequest) -> str:
    return "asc" if (order.direction is Direction.ASC) != request.backwards else "desc"


def _comparison(order: Order, request: PageRequest) -> str:
    sign = ">" if _reading_direction(order, request) == "asc" else "<"
    return f"{sign}=" if request.inclusive else sign


def _after_cursor(order: Order, request: PageRequest, parameters: Parameters) -> str:
    """A value that may be shared is a subselect, to hide it from the planner.

    The planner estimates a row comparison by its first column alone and expects no rows for the ties of a common value,
    so it would not use the order's own index.
    """
    if request.cursor is None or request.cursor.value is None:
        return ""
    value = f"{parameters.bind(request.cursor.value)}::{order.field.type}"
    if order.field.is_shared:
        value = f"(select {value})"
    position = f"({value}, {parameters.bind(request.cursor.id)}::uuid)"
    return f"({order.field.sql}, s.id) {_comparison(order, request)} {position} and "


def _after_cursor_null(order: Order, request: PageRequest, parameters: Parameters) -> str:
    if request.cursor is None or request.cursor.value is not None:
        return ""
    return f"s.id {_comparison(order, request)} {parameters.bind(request.cursor.id)}::uuid and "


def _includes_values(request: PageRequest) -> bool:
    return request.cursor is None or request.cursor.value is not None or request.backwards


def _includes_nulls(request: PageRequest) -> bool:
    return request.cursor is None or request.cursor.value is None or not request.backwards
