"""What every kind of object with an id has, and where a page lies in its list."""

from typing import Protocol

import strawberry

from session_graph.engine.row_types import backed


@strawberry.interface(description="What has an id of its own.")
class Node:
    id: strawberry.ID = backed("A UUID, unique across kinds.")


class Paged(Protocol):
    """A page that knows where it lies."""

    async def goes_on(self, *, backwards: bool) -> bool: ...

    def start_cursor(self) -> str | None: ...

    def end_cursor(self) -> str | None: ...


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    paged: strawberry.Private[Paged]

    @strawberry.field(description="Whether the list goes on behind the page.")
    async def has_next_page(self) -> bool:
        return await self.paged.goes_on(backwards=False)

    @strawberry.field(description="Whether the list goes on before the page.")
    async def has_previous_page(self) -> bool:
        return await self.paged.goes_on(backwards=True)

    @strawberry.field(description="The cursor of the page's first entry; null where it is empty.")
    def start_cursor(self) -> str | None:
        return self.paged.start_cursor()

    @strawberry.field(description="The cursor of the page's last entry; null where it is empty.")
    def end_cursor(self) -> str | None:
        return self.paged.end_cursor()
