"""The arguments of fields, and the functions that parse them for `sessions` (see `engine.fields`).

All readers raise InvalidInput, with every problem at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Optional
from uuid import UUID

import strawberry

from session_graph.engine.fields import Coordinate, FieldRequest, Raw, reader
from session_graph.errors import InvalidInput, PathSegment, Problem
from session_graph.parsing import at_path, clean_text, gather_problems, parse_id
from session_graph.schema.context import Context
from session_graph.schema.inputs import AgentLookup, SessionFilter, SessionOrder
from session_graph.schema.selections import select_dashboard, select_list, session_columns
from session_graph.sessions.agents import check_agents
from session_graph.sessions.dashboard_request import DashboardSelection
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.filters import Filter
from session_graph.sessions.identity import SourceKey
from session_graph.sessions.list_request import (
    ListRequest,
    ListSelection,
    check_list_size,
    max_size,
    parse_list_request,
)
from session_graph.sessions.pagination import DEFAULT_SIZE, check_size
from session_graph.sessions.permissions import column_name

MAX_EXTERNAL_IDS = 100
MAX_NODES = 100
MAX_PER_EXTERNAL_ID = 100
DEFAULT_PER_EXTERNAL_ID = 20

FILTER = ("filter",)

Request = FieldRequest[Context, None]


def read_filter(
    request: FieldRequest[Context, Any], raw: Mapping[str, Any] | None, path: tuple[PathSegment, ...] = FILTER
) -> Filter:
    """Parse the filter at this path, and let its agents be checked."""
    parsed = parse_filter(raw, request.context.now, path)
    _require_agents(request, parsed)
    return parsed


def _require_agents(request: FieldRequest[Context, Any], filter_: Filter) -> None:
    if filter_.agents:
        request.checks.append(partial(check_agents, request.context.viewer, filter_.agents))


def argument(description: str) -> Any:
    """Describe an argument in its annotation."""
    return strawberry.argument(description=description)


IdArgument = Annotated[strawberry.ID, argument("A UUID.")]
IdsArgument = Annotated[list[strawberry.ID], argument("At most 100 UUIDs.")]
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


def read_page(
    request: FieldRequest[Context, Any],
    first: int | None,
    after: str | None,
    read_cursor: Callable[[str, UUID], tuple[datetime, UUID]],
) -> tuple[int, tuple[datetime, UUID] | None]:
    """Return the size of a page of a list by time, and the position that it starts after.

    Raises InvalidInput with all problems.
    """
    size, position, problems = DEFAULT_SIZE, None, list[Problem]()
    if first is not None:
        with gather_problems(problems):
            size = check_size("first", first)
    if after is not None:
        with gather_problems(problems):
            position = read_cursor(after, request.context.viewer.account.id)
    if problems:
        raise InvalidInput(problems)
    return size, position


@reader()
def read_id(request: Request, id: IdArgument) -> UUID:
    with at_path("id", error=InvalidInput.at):
        return parse_id(id)


@reader(selects=session_columns)
def read_ids(request: FieldRequest[Context, frozenset[str]], ids: IdsArgument) -> list[UUID]:
    limit = max_size(request.selected, MAX_NODES)
    if len(ids) > limit:
        reason = " if transcript is selected" if limit < MAX_NODES else ""
        raise InvalidInput.at(f"must have at most {limit} entries{reason}", ["ids"])
    parsed: list[UUID] = []
    problems: list[Problem] = []
    for index, text in enumerate(ids):
        with gather_problems(problems, "ids", index):
            parsed.append(parse_id(text))
    if problems:
        raise InvalidInput(problems)
    return parsed


@reader()
def read_lookup(request: Request, by: LookupArgument) -> dict[str, Any]:
    """Return the arguments of `find_agent`: `id` or `idn`."""
    if "id" not in by:
        return {"idn": clean_text(by["idn"])}
    with at_path("by", "id", error=InvalidInput.at):
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
    parsed = parse_list_request(
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
    _require_agents(request, parsed.filter)
    return parsed


@reader(selects=select_dashboard)
def read_dashboard(
    request: FieldRequest[Context, DashboardSelection],
    filter: FilterArgument = None,
    time_zone: ZoneArgument = None,
    include_test: TestArgument = False,
    include_archived: ArchivedArgument = False,
) -> DashboardArguments:
    parsed = read_filter(request, filter)
    return DashboardArguments(request.selected, parsed, time_zone, bool(include_test), bool(include_archived))


def _source_names(raw: Raw) -> Iterator[Coordinate]:
    yield from (column_name("source"), column_name("source_id"))


@reader(names=_source_names)
def read_source(request: Request, source: SourceArgument, source_id: SourceIdArgument) -> SourceKey:
    return clean_text(source), clean_text(source_id)


def _external_names(raw: Raw) -> Iterator[Coordinate]:
    yield column_name("external_id")
    if raw.get("integration") is not None:
        yield column_name("integration")


@reader(names=_external_names)
def read_external(
    request: Request, external_ids: ExternalIdsArgument, integration: IntegrationArgument = None
) -> ExternalArguments:
    problems: list[Problem] = []
    if len(external_ids) > MAX_EXTERNAL_IDS:
        problems.append(Problem(("externalIds",), f"must have at most {MAX_EXTERNAL_IDS} entries"))
    if problems:
        raise InvalidInput(problems)
    conditions = {} if integration is None else {"integrations": [clean_text(integration)]}
    return ExternalArguments(external_ids, Filter(conditions))


@reader(selects=session_columns)
def read_size_of_each(
    request: FieldRequest[Context, frozenset[str]], first: FirstOfEachArgument = DEFAULT_PER_EXTERNAL_ID
) -> int:
    if first is None:
        return DEFAULT_PER_EXTERNAL_ID
    return check_list_size("first", first, request.selected, MAX_PER_EXTERNAL_ID)
