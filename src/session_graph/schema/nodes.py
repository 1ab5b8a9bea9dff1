"""Types that several kinds of objects share: Node and PageInfo."""

from collections.abc import Sequence

import strawberry

from session_graph.engine.row_types import backed


@strawberry.interface(description="An object with an id of its own.")
class Node:
    id: strawberry.ID = backed("A UUID, unique across all types.")


@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    """A flag is None if it is not selected: then it costs no statement."""

    has_next_page: bool = strawberry.field(description="Whether the list has entries after the page.")
    has_previous_page: bool = strawberry.field(description="Whether the list has entries before the page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first entry; null if the page is empty.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last entry; null if the page is empty.")

    @classmethod
    def of(cls, cursors: Sequence[str], *, has_next: bool, has_previous: bool) -> "PageInfo":
        """Make the position of a page whose entries have these cursors."""
        start, end = (cursors[0], cursors[-1]) if cursors else (None, None)
        return cls(has_next_page=has_next, has_previous_page=has_previous, start_cursor=start, end_cursor=end)
