"""The arguments of fields, and the functions that parse them for `sessions` (see `engine.fields`).

All readers raise BadUserInput.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry

from session_graph.engine.fields import Coordinate, FieldRequest, Raw, reader
from session_graph.errors import BadUserInput, PathSegment
from session_graph.parsing import at_path, check_text, parse_id
from session_graph.schema.context import Context
from session_graph.schema.inputs import AgentLookup, SessionFilter, SessionOrder
from session_graph.schema.selections import select_dashboard, select_list, session_columns
from session_graph.sessions.dashboard import DashboardSelection
from session_graph.sessions.filters import Filter, parse_filter
from session_graph.sessions.identity import SourceKey
from session_graph.sessions.list_request import ListRequest, ListSelection, max_size, parse_list_request
from session_graph.sessions.pagination import check_size
from session_graph.sessions.permissions import column_name

MAX_EXTERNAL_IDS = 100
MAX_PER_EXTERNAL_ID = 100
DEFAULT_PER_EXTERNAL_ID = 20
MAX_TEXT = 500

Request = FieldRequest[Context, None]


def argument(description: str) -> Any:
    """Describe an argument in its annotation."""
    return strawberry.argument(description=description)


IdArgument = Annotated[strawberry.ID, argument("A UUID.")]
LookupArgument = Annotated[AgentLookup, argument("The id or the idn of the agent.")]
FilterArgument = Annotated[Optional[SessionFilter], argument("A filter; without one, all sessions.")]  # noqa: UP045
OrderArgument = Annotated[Optional[SessionOrder], argument("The order; newest first by default.")]  # noqa: UP045
FirstArgument = Annotated[int | None, argument("The number of entries from the start, 1 to 200; 50 by default.")]
AfterArgument = Annotated[str | None, argument("With first: start after this cursor.")]
LastArgument = Annotated[int | None, argument("Instead of first: the number of entries from the end, 1 to 200.")]
BeforeArgument = Annotated[str | None, argument("With last: end before this cursor.")]
FirstOfEachArgument = Annotated[int | None, argument("The maximum number of sessions, 1 to 100.")]
ExternalIdsArgument = Annotated[list[str], argument("At most 100 External IDs.")]
IntegrationArgument = Annotated[str | None, argument("Only sessions of this integration.")]
SourceArgument = Annotated[str, argument("The system that held the session.")]
SourceIdArgument = Annotated[str, argument("The source's own identifier of the session.")]
ZoneArgument = Annotated[str | None, argument("The time zone of the days (IANA), instead of the default.")]
TestArgument = Annotated[bool | None, argument("Include test sessions.")]
ArchivedArgument = Annotated[bool | None, argument("Include archived sessions.")]


@dataclass(frozen=True, slots=True)
class DashboardArguments:
    """The arguments of a dashboard. The resolver checks the time zone, since only the database knows the zones."""

    selection: DashboardSelection
    filter: Filter
    time_zone: str | None
    include_test: bool
    include_archived: bool


@dataclass(frozen=True, slots=True)
class ExternalArguments:
    """The External IDs in the requested order, and a filter for the integration."""

    external_ids: Sequence[str]
    filter: Filter


@reader()
def read_id(request: Request, id: IdArgument) -> UUID:
    with at_path("id"):
        return parse_id(id)


@reader()
def read_lookup(request: Request, by: LookupArgument) -> dict[str, Any]:
    """Return the arguments of `find_agent`: `id` or `idn`."""
    if "id" not in by:
        return {"idn": _check_text(by["idn"], "by", "idn")}
    with at_path("by", "id"):
        return {"id": parse_id(by["id"])}


@reader(selects=select_list)
def read_list(
    request: FieldRequest[Context, ListSelection],
    filter: FilterArgument = None,
    order_by: OrderArgument = None,
    first: FirstArgument = None,
    after: AfterArgument = None,
    last: LastArgument = None,
    before: BeforeArgument = None,
) -> ListRequest:
    return parse_list_request(
        request.context.viewer.account.id,
        request.context.now,
        request.selected,
        filter=filter,
        order_by=order_by,
        first=first,
        after=after,
        last=last,
        before=before,
    )


@reader(selects=select_dashboard)
def read_dashboard(
    request: FieldRequest[Context, DashboardSelection],
    filter: FilterArgument = None,
    time_zone: ZoneArgument = None,
    include_test: TestArgument = False,
    include_archived: ArchivedArgument = False,
) -> DashboardArguments:
    parsed = parse_filter(filter, request.context.now)
    return DashboardArguments(request.selected, parsed, time_zone, bool(include_test), bool(include_archived))


def _source_names(raw: Raw) -> Iterator[Coordinate]:
    yield from (column_name("source"), column_name("source_id"))


@reader(names=_source_names)
def read_source(request: Request, source: SourceArgument, source_id: SourceIdArgument) -> SourceKey:
    return _check_text(source, "source"), _check_text(source_id, "sourceId")


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


@reader(selects=session_columns)
def read_size_of_each(
    request: FieldRequest[Context, frozenset[str]], first: FirstOfEachArgument = DEFAULT_PER_EXTERNAL_ID
) -> int:
    limit = max_size(request.selected, MAX_PER_EXTERNAL_ID)
    return DEFAULT_PER_EXTERNAL_ID if first is None else check_size("first", first, limit)


def _check_text(text: str, *path: PathSegment) -> str:
    if len(text) > MAX_TEXT:
        raise BadUserInput(f"must have at most {MAX_TEXT} characters", path)
    with at_path(*path):
        return check_text(text)
