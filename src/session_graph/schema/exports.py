"""The types of exports, and the reader of their list's arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from session_graph.engine.fields import FieldRequest, reader
from session_graph.engine.row_types import RowBacked, backed
from session_graph.exports.requests import DeliveryStatus, ExportStatus, list_deliveries
from session_graph.schema.arguments import AfterArgument, FirstArgument, read_page
from session_graph.schema.context import Context, Info
from session_graph.schema.enums import SessionColumn, describe
from session_graph.schema.nodes import Node, PageInfo
from session_graph.schema.scalars import BigInt
from session_graph.sessions.cursors import read_export_cursor, write_export_cursor
from session_graph.store.database import Row

describe(
    ExportStatus,
    "The state of an export.",
    QUEUED="The export waits for its turn.",
    RUNNING="The file is being written.",
    SENDING="The file is complete and is being sent.",
    DONE="All mail servers have answered, and at least one has accepted the message.",
    FAILED="The file could not be written, or no mail server accepted the message; error says why.",
    CANCELLED="The export was cancelled, or withdrawn after it was done.",
    EXPIRED="The file has been deleted.",
)
describe(
    DeliveryStatus,
    "The state of the message to a recipient.",
    WAITING="The message has not been accepted yet.",
    ACCEPTED="The mail server accepted the message.",
    REFUSED="The mail server refused the message permanently, or the recipient may not receive it any more.",
    GIVEN_UP="The attempts ended after a day.",
)


@strawberry.type(description="The message to one recipient.")
class Delivery:
    recipient: str = strawberry.field(description="The e-mail address.")
    status: DeliveryStatus = strawberry.field(description="The state of the message.")
    at: datetime | None = strawberry.field(description="The time of the last attempt.")
    link_expires_at: datetime | None = strawberry.field(
        description="When the link in the message ends: with the file, or earlier if it was revoked. Null if there is"
        " no file yet."
    )
    error: str | None = strawberry.field(description="The reason if the message was not accepted.")


@strawberry.type(description="An export: sessions as CSV, sent by e-mail.")
class SessionExport(RowBacked, Node):
    row: strawberry.Private[Row]
    status: ExportStatus = backed("The state of the export.")
    requested_by: str = backed("The name of the key, or `token` and the subject of the token.")
    requested_at: datetime = backed("The time of the request; a period in the filter ends here.")
    as_of: datetime | None = backed("The moment whose state the file shows.")
    finished_at: datetime | None = backed("When the file was complete, or the export ended without it.")
    expires_at: datetime | None = backed("When the file is deleted.")
    row_count: int | None = backed("The number of sessions; known once writing begins.")
    rows_written: int = backed("The number of sessions written so far.")
    bytes: BigInt | None = backed("The size of the CSV in bytes.")
    sha256: str | None = backed("The SHA-256 of the CSV, in hexadecimal.")
    error: str | None = backed("The reason why the export failed or cannot be sent yet.")

    backed_by = "row"

    @strawberry.field(description="The columns, in order.", graphql_type=list[SessionColumn])
    def columns(self) -> list[Any]:
        return [SessionColumn(name) for name in self.row["columns"]]

    @strawberry.field(
        description='The time zone of the file (IANA), or "local" if each session is in its agent\'s zone.'
    )
    def time_zone(self) -> str:
        return str(self.row["time_zone_label"])

    @strawberry.field(description="The messages, one for each recipient.")
    async def deliveries(self, info: Info) -> list[Delivery]:
        context = info.context
        rows = await context.loader("deliveries", lambda ids: _load_deliveries(context, ids)).load(self.row["id"])
        return [self._delivery(row) for row in rows]

    def _delivery(self, row: Row) -> Delivery:
        ends = [moment for moment in (row["link_expires_at"], self.row["expires_at"]) if moment]
        return Delivery(
            recipient=row["recipient"],
            status=row["status"],
            at=row["at"],
            link_expires_at=min(ends, default=None),
            error=row["error"],
        )

    @strawberry.field(description="The share of sessions written, 0 to 1.")
    def progress(self) -> float:
        if self.row["finished_at"] and self.row["sha256"]:
            return 1.0
        count = self.row["row_count"]
        return min(1.0, self.row["rows_written"] / count) if count else 0.0

    @strawberry.field(
        description="A link that opens the file in a browser, without a key; null if there is no file. It works for"
        " five minutes (a setting of the server) and ends earlier with your key or token: ask for it when it is needed."
    )
    async def download_url(self, info: Info) -> str | None:
        if self.row["file_claim"] is None or self.row["status"] not in ("SENDING", "DONE", "FAILED"):
            return None
        context = info.context
        return await context.signer.make_bearer_link(context.viewer, self.row["id"])


@strawberry.type(description="An export and its position in the list.")
class SessionExportEdge:
    cursor: str = strawberry.field(description="The position in the list, for after.")
    node: SessionExport = strawberry.field(description="The export.")


@dataclass(frozen=True, slots=True)
class ExportListArguments:
    """The size of a page, and the position that it starts after."""

    size: int
    after: tuple[datetime, UUID] | None


@strawberry.type(description="A page of exports, newest first.")
class SessionExportConnection:
    edges: list[SessionExportEdge] = strawberry.field(description="The exports with their cursors.")
    nodes: list[SessionExport] = strawberry.field(description="The exports.")
    page_info: PageInfo = strawberry.field(description="The position of the page in the list.")

    @classmethod
    def of(cls, rows: Sequence[Row], page: ExportListArguments) -> "SessionExportConnection":
        """Make the page of its rows and, if there is one, the row after it."""
        nodes = [SessionExport(row=row) for row in rows[: page.size]]
        edges = [SessionExportEdge(cursor=write_export_cursor(node.row), node=node) for node in nodes]
        page_info = PageInfo.of(
            [edge.cursor for edge in edges], has_next=len(rows) > page.size, has_previous=page.after is not None
        )
        return cls(edges=edges, nodes=nodes, page_info=page_info)


@reader()
def read_export_list(
    request: FieldRequest[Context, None], first: FirstArgument = None, after: AfterArgument = None
) -> ExportListArguments:
    size, position = read_page(request, first, after, read_export_cursor)
    return ExportListArguments(size, position)


async def _load_deliveries(context: Context, ids: Sequence[UUID]) -> list[list[Row]]:
    found = await list_deliveries(context.database, context.viewer.account.id, ids)
    return [found[id_] for id_ in ids]
