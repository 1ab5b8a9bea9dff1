"""What every kind of object with an id has, and where a page lies in its list."""

import strawberry

from session_graph.engine.row_types import backed


@strawberry.interface(description="What has an id of its own.")
class Node:
    id: strawberry.ID = backed("A UUID, unique across kinds.")


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """A flag is None if nobody asked for it, which costs no statement then."""

    has_next_page: bool = strawberry.field(description="Whether the list goes on behind the page.")
    has_previous_page: bool = strawberry.field(description="Whether the list goes on before the page.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the page's first entry; null where it is empty."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the page's last entry; null where it is empty."
    )
