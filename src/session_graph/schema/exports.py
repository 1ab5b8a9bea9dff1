"""The report in the graph: its types, and what the arguments of its fields mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from session_graph.engine.fields import FieldRequest, reader
from session_graph.engine.row_types import RowBacked, backed
from session_graph.exports.requests import DeliveryStatus, ExportStatus, list_deliveries
from session_graph.schema.arguments import AfterArgument, FirstArgument
from session_graph.schema.context import Context, Info
from session_graph.schema.enums import SessionColumn, describe
from session_graph.schema.nodes import Node, PageInfo
from session_graph.sessions.cursors import read_export_cursor, write_export_cursor
from session_graph.sessions.pagination import DEFAULT_SIZE, check_size
from session_graph.store.database import Row

describe(
    ExportStatus,
    "Where a report stands.",
    QUEUED="It waits for its turn.",
    RUNNING="Its file is being written.",
    SENDING="Its file is written, and being sent.",
    DONE="Everybody's mail server has answered, and at least one has accepted it.",
    FAILED="It could not be written, or nobody's mail server accepted it; error says why.",
    CANCELLED="Somebody cancelled it.",
    EXPIRED="Its file is gone.",
)
describe(
    DeliveryStatus,
    "Where the message to a recipient stands.",
    WAITING="It has not been accepted yet.",
    ACCEPTED="The recipient's mail server has it.",
    REFUSED="The mail server refused it for good.",
    GIVEN_UP="It was tried for a day.",
)


@strawberry.type(description="The message to one recipient.")
class Delivery:
    recipient: str = strawberry.field(description="The address.")
    status: DeliveryStatus = strawberry.field(description="Where it stands.")
    at: datetime | None = strawberry.field(description="When it was last tried.")
    error: str | None = strawberry.field(description="Why it was not accepted.")


@strawberry.type(description="A report: sessions as CSV, by e-mail.")
class SessionExport(RowBacked, Node):
    row: strawberry.Private[Row]
    status: ExportStatus = backed("Where it stands.")
    requested_by: str = backed("The name of the key or the subject of the token.")
    requested_at: datetime = backed("When it was asked for; what a period counts back from.")
    as_of: datetime | None = backed("The moment whose state it shows.")
    finished_at: datetime | None = backed("When its file was written, or it ended otherwise.")
    expires_at: datetime | None = backed("Until when the file is kept.")
    row_count: int | None = backed("How many sessions it has; known once the writing begins.")
    rows_written: int = backed("How many of them are written.")
    bytes: int | None = backed("The size of the CSV.")
    sha256: str | None = backed("The SHA-256 of the CSV, in hexadecimal.")
    error: str | None = backed("Why it failed, or what keeps it from being sent.")

    backed_by = "row"

    @strawberry.field(description="Its columns, in order.", graphql_type=list[SessionColumn])
    def columns(self) -> list[Any]:
        return [SessionColumn(name) for name in self.row["columns"]]

    @strawberry.field(description='The zone of its times (IANA), or "local" where each session is in its agent\'s.')
    def time_zone(self) -> str:
        return str(self.row["time_zone_label"])

    @strawberry.field(description="What became of its messages, by recipient.")
    async def deliveries(self, info: Info) -> list[Delivery]:
        context = info.context
        rows = await context.loader("deliveries", lambda ids: _load_deliveries(context, ids)).load(self.row["id"])
        return [Delivery(recipient=d["recipient"], status=d["status"], at=d["at"], error=d["error"]) for d in rows]

    @strawberry.field(description="Rows written of rows counted, 0 to 1.")
    def progress(self) -> float:
        if self.row["finished_at"] and self.row["sha256"]:
            return 1.0
        count = self.row["row_count"]
        return min(1.0, self.row["rows_written"] / count) if count else 0.0

    @strawberry.field(description="Opens the file in a browser, without a key; null where there is none.")
    async def download_url(self, info: Info) -> str | None:
        if self.row["file_claim"] is None or self.row["status"] not in ("SENDING", "DONE", "FAILED"):
            return None
        context = info.context
        return await context.signer.make_link(self.row["account_id"], self.row["id"], context.viewer.identity)


@strawberry.type(description="A report and its place in the list.")
class SessionExportEdge:
    cursor: str = strawberry.field(description="Where the report is in the list; for after.")
    node: SessionExport = strawberry.field(description="The report.")


@dataclass(frozen=True, slots=True)
class ExportPage:
    """A page of reports, as PageInfo asks for it."""

    rows: Sequence[Row]
    has_more: bool
    has_before: bool

    async def goes_on(self, *, backwards: bool) -> bool:
        return self.has_before if backwards else self.has_more

    def start_cursor(self) -> str | None:
        return write_export_cursor(self.rows[0]) if self.rows else None

    def end_cursor(self) -> str | None:
        return write_export_cursor(self.rows[-1]) if self.rows else None


@strawberry.type(description="A page of the reports, newest first.")
class SessionExportConnection:
    page: strawberry.Private[ExportPage]

    @strawberry.field(description="The reports with their cursors.")
    def edges(self) -> list[SessionExportEdge]:
        return [
            SessionExportEdge(cursor=write_export_cursor(row), node=SessionExport(row=row)) for row in self.page.rows
        ]

    @strawberry.field(description="The reports.")
    def nodes(self) -> list[SessionExport]:
        return [SessionExport(row=row) for row in self.page.rows]

    @strawberry.field(description="Where the page lies in the list.")
    def page_info(self) -> PageInfo:
        return PageInfo(paged=self.page)


@dataclass(frozen=True, slots=True)
class ExportListArguments:
    """A page of the exports, after a position."""

    size: int
    after: tuple[datetime, UUID] | None


@reader()
def read_export_list(
    request: FieldRequest[Context], first: FirstArgument = None, after: AfterArgument = None
) -> ExportListArguments:
    size = DEFAULT_SIZE if first is None else check_size("first", first)
    return ExportListArguments(
        size, None if after is None else read_export_cursor(after, request.context.viewer.account.id)
    )


async def _load_deliveries(context: Context, ids: Sequence[UUID]) -> list[list[Row]]:
    found = await list_deliveries(context.database, context.viewer.account.id, ids)
    return [found[id_] for id_ in ids]
