"""Types that several kinds of objects share: Node and PageInfo."""

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
