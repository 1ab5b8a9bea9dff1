"""Arguments that several fields take, and how they are read.

A reader's parameters, after the request, are the arguments of its fields in the schema. Input objects come as mappings
by GraphQL name; what `sessions` takes goes out. All readers raise BadUserInput.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry

from session_graph.access.viewer import Viewer
from session_graph.engine.fields import Coordinate, FieldRequest, Raw, reader
from session_graph.errors import BadUserInput, PathSegment
from session_graph.parsing import at_path, check_text, parse_id
from session_graph.schema.context import Context
from session_graph.schema.inputs import AgentLookup, SessionFilter, SessionOrder
from session_graph.schema.selected_columns import list_columns, session_columns
from session_graph.sessions.cursors import read_cursor
from session_graph.sessions.filters import Filter, parse_filter
from session_graph.sessions.ordering import NEWEST_FIRST, ORDER_FIELDS, Order
from session_graph.sessions.pagination import DEFAULT_SIZE, MAX_SIZE, PageRequest, check_size
from session_graph.sessions.permissions import column_name

MAX_WITH_TRANSCRIPTS = 50
MAX_EXTERNAL_IDS = 100
MAX_PER_EXTERNAL_ID = 100
DEFAULT_PER_EXTERNAL_ID = 20
MAX_TEXT = 500

Request = FieldRequest[Context]


def argument(description: str) -> Any:
    """Describe an argument in its annotation."""
    return strawberry.argument(description=description)


IdArgument = Annotated[strawberry.ID, argument("A UUID.")]
LookupArgument = Annotated[AgentLookup, argument("By id or by idn.")]
FilterArgument = Annotated[Optional[SessionFilter], argument("Which sessions.")]  # noqa: UP045
OrderArgument = Annotated[Optional[SessionOrder], argument("In which order; by default the newest first.")]  # noqa: UP045
FirstArgument = Annotated[int | None, argument("The first so many, 1 to 200; 50 by default.")]
AfterArgument = Annotated[str | None, argument("With first: go on behind this cursor.")]
LastArgument = Annotated[int | None, argument("Instead of first: the last so many, 1 to 200.")]
BeforeArgument = Annotated[str | None, argument("With last: go back from this cursor.")]
FirstOfEachArgument = Annotated[int | None, argument("At most so many, 1 to 100.")]
ExternalIdsArgument = Annotated[list[str], argument("At most 100; each is answered where it stands.")]
IntegrationArgument = Annotated[str | None, argument("Only sessions of this integration.")]
ZoneArgument = Annotated[str | None, argument("The zone of its days (IANA), instead of its own.")]
TestArgument = Annotated[bool | None, argument("Count test sessions in.")]
ArchivedArgument = Annotated[bool | None, argument("Count archived sessions in.")]


@dataclass(frozen=True, slots=True)
class ListArguments:
    """A page of a list. `now` is what its filter's period counts back from; cursors carry it on."""

    filter: Filter
    order: Order
    page: PageRequest
    now: datetime


@dataclass(frozen=True, slots=True)
class DashboardArguments:
    """What a dashboard counts. The time zone is checked when it is used, since the database knows the zones."""

    filter: Filter
    time_zone: str | None
    include_test: bool
    include_archived: bool


@dataclass(frozen=True, slots=True)
class ExternalArguments:
    """External IDs in the order asked, and a filter for the integration."""

    external_ids: Sequence[str]
    filter: Filter


@reader()
def read_id(request: Request, id: IdArgument) -> UUID:
    with at_path("id"):
        return parse_id(id)


@reader()
def read_lookup(request: Request, by: LookupArgument) -> dict[str, Any]:
    """Return how the agent is looked up: by `id` or by `idn`."""
    if "id" not in by:
        return {"idn": _check_text(by["idn"], "by", "idn")}
    with at_path("by", "id"):
        return {"id": parse_id(by["id"])}


@reader()
def read_list(
    request: Request,
    filter: FilterArgument = None,
    order_by: OrderArgument = None,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> ListArguments:
    context = request.context
    order = read_order(order_by)
    most = MAX_WITH_TRANSCRIPTS if "transcript" in list_columns(request.selected) else MAX_SIZE
    page = _read_page(context.viewer, order, most, first, after, last, before)
    now = page.cursor.now if page.cursor else context.now
    return ListArguments(parse_filter(filter, now), order, page, now)


@reader()
def read_dashboard(
    request: Request,
    filter: FilterArgument = None,
    time_zone: ZoneArgument = None,
    include_test: TestArgument = False,
    include_archived: ArchivedArgument = False,
) -> DashboardArguments:
    parsed = parse_filter(filter, request.context.now)
    return DashboardArguments(parsed, time_zone, bool(include_test), bool(include_archived))


def _external_names(raw: Raw) -> Iterator[Coordinate]:
    yield column_name("external_id")
    if raw.get("integration") is not None:
        yield column_name("integration")


@reader(names=_external_names)
def read_external(
    request: Request, external_ids: ExternalIdsArgument, integration: IntegrationArgument = None
) -> ExternalArguments:
    if len(external_ids) > MAX_EXTERNAL_IDS:
        raise BadUserInput(f"must have at most {MAX_EXTERNAL_IDS} entries", ["externalIds"])
    for index, text in enumerate(external_ids):
        _check_text(text, "externalIds", index)
    conditions = {} if integration is None else {"integrations": [_check_text(integration, "integration")]}
    return ExternalArguments(external_ids, Filter(conditions))


@reader()
def read_size_of_each(request: Request, first: FirstOfEachArgument = DEFAULT_PER_EXTERNAL_ID) -> int:
    has_transcripts = "transcript" in session_columns(request.selected)
    most = MAX_WITH_TRANSCRIPTS if has_transcripts else MAX_PER_EXTERNAL_ID
    return DEFAULT_PER_EXTERNAL_ID if first is None else check_size("first", first, most)


def read_order(raw: Mapping[str, Any] | None) -> Order:
    """Return the order that a SessionOrder asks for; newest first without one."""
    return Order(ORDER_FIELDS[raw["field"].value], raw["direction"]) if raw else NEWEST_FIRST


def _check_text(text: str, *path: PathSegment) -> str:
    if len(text) > MAX_TEXT:
        raise BadUserInput(f"must have at most {MAX_TEXT} characters", path)
    with at_path(*path):
        return check_text(text)


def _read_page(
    viewer: Viewer,
    order: Order,
    most: int,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> PageRequest:
    if first is not None and last is not None:
        raise BadUserInput("cannot be combined with first", ["last"])
    backwards = last is not None or (before is not None and first is None)
    if backwards and after is not None:
        raise BadUserInput("goes with first; last goes with before", ["after"])
    if not backwards and before is not None:
        raise BadUserInput("goes with last; first goes with after", ["before"])
    name, size, cursor_name, cursor = (
        ("last", last, "before", before) if backwards else ("first", first, "after", after)
    )
    return PageRequest(
        size=DEFAULT_SIZE if size is None else check_size(name, size, most),
        backwards=backwards,
        cursor=None if cursor is None else read_cursor(cursor, order, viewer.account.id, cursor_name),
    )
