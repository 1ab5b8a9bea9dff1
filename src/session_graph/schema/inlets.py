"""The types of what inlets were delivered, and the reader of their list's arguments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import orjson
import strawberry

from session_graph.engine.batching import batched
from session_graph.engine.fields import FieldRequest, reader
from session_graph.engine.row_types import RowBacked, backed
from session_graph.ingestion.deliveries import Outcome
from session_graph.ingestion.delivery_list import DeliveryListRequest, read_payloads
from session_graph.parsing import clean_text
from session_graph.schema.arguments import AfterArgument, FirstArgument, argument, read_page
from session_graph.schema.context import Context, Info
from session_graph.schema.enums import describe
from session_graph.schema.nodes import Node, PageInfo
from session_graph.sessions.cursors import read_delivery_cursor, write_delivery_cursor
from session_graph.store.database import Row

describe(
    Outcome,
    "What became of a delivery.",
    "InletOutcome",
    WAITING="It is to be recorded.",
    RECORDED="Its sessions are recorded, or were already.",
    IGNORED="The mapping takes it for no record.",
    FAILED="It could not be read, or a record was refused; problems say why.",
)

SourcesArgument = Annotated[list[str] | None, argument("The names of sources; without them, all.")]
OutcomesArgument = Annotated[list[Outcome] | None, argument("The outcomes; without them, all.")]


@strawberry.type(description="Why a delivery failed, or what of it was left out.")
class InletProblem:
    message: str = strawberry.field(description="The problem, as a sentence.")
    path: list[str] = strawberry.field(description="The position in the record.")


@strawberry.type(description="What the inlet of a source was delivered: a payload of a vendor's webhook.")
class InletDelivery(RowBacked, Node):
    row: strawberry.Private[Row]
    source: str = backed("The name of the source.")
    received_at: datetime = backed("When it was received.")
    outcome: Outcome = backed("What became of it.")
    attempts: int = backed("How often it was tried to record it.")
    finished_at: datetime | None = backed("When it was recorded, ignored or failed.")
    payload_bytes: int = backed("The size of the payload; bytes.")

    backed_by = "row"

    @strawberry.field(description="The ids of the sessions that it told of.")
    def session_ids(self) -> list[strawberry.ID]:
        return [strawberry.ID(str(id_)) for id_ in self.row["session_ids"]]

    @strawberry.field(description="Why it failed, or a record of it was refused.")
    def problems(self) -> list[InletProblem]:
        return _read_problems(self.row["problems"])

    @strawberry.field(description="What was left out.")
    def warnings(self) -> list[InletProblem]:
        return _read_problems(self.row["warnings"])

    @batched("The payload as text; its first 100,000 bytes.")
    async def payload(deliveries: Sequence["InletDelivery"], info: Info) -> list[str | None]:
        context = info.context
        ids = [delivery.row["id"] for delivery in deliveries]
        return await read_payloads(context.database, context.viewer.account.id, ids)


def _read_problems(text: str) -> list[InletProblem]:
    return [InletProblem(message=each["message"], path=each["path"]) for each in orjson.loads(text)]


@strawberry.type(description="A delivery and its position in the list.")
class InletDeliveryEdge:
    cursor: str = strawberry.field(description="The position in the list, for after.")
    node: InletDelivery = strawberry.field(description="The delivery.")


@strawberry.type(description="A page of deliveries, newest first.")
class InletDeliveryConnection:
    edges: list[InletDeliveryEdge] = strawberry.field(description="The deliveries with their cursors.")
    nodes: list[InletDelivery] = strawberry.field(description="The deliveries.")
    page_info: PageInfo = strawberry.field(description="The position of the page in the list.")

    @classmethod
    def of(cls, rows: Sequence[Row], request: DeliveryListRequest) -> "InletDeliveryConnection":
        """Make the page of its rows and, if there is one, the row after it."""
        nodes = [InletDelivery(row=row) for row in rows[: request.size]]
        edges = [InletDeliveryEdge(cursor=write_delivery_cursor(node.row), node=node) for node in nodes]
        page_info = PageInfo.of(
            [edge.cursor for edge in edges], has_next=len(rows) > request.size, has_previous=request.after is not None
        )
        return cls(edges=edges, nodes=nodes, page_info=page_info)


@reader()
def read_delivery_list(
    request: FieldRequest[Context, None],
    first: FirstArgument = None,
    after: AfterArgument = None,
    sources: SourcesArgument = None,
    outcomes: OutcomesArgument = None,
) -> DeliveryListRequest:
    size, position = read_page(request, first, after, read_delivery_cursor)
    names = None if sources is None else [clean_text(name) for name in sources]
    return DeliveryListRequest(size, position, names, outcomes)
