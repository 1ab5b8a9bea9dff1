"""What the arguments of a field mean. Mappings by GraphQL's names come in, what `sessions` takes goes out.

The same functions check a request before anything is executed and serve its resolvers. All raise BadUserInput.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from session_graph.access.viewer import Viewer
from session_graph.errors import BadUserInput
from session_graph.parsing import check_text, parse_id
from session_graph.sessions.cursors import read_cursor
from session_graph.sessions.filters import Filter, parse_filter
from session_graph.sessions.ordering import NEWEST_FIRST, ORDER_FIELDS, Order
from session_graph.sessions.pagination import DEFAULT_SIZE, MAX_SIZE, PageRequest, check_size

MAX_WITH_TRANSCRIPTS = 50
MAX_EXTERNAL_IDS = 100
MAX_PER_EXTERNAL_ID = 100
DEFAULT_PER_EXTERNAL_ID = 20
MAX_TEXT = 500

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DashboardArguments:
    """The arguments of a `dashboard` field; the zone is checked when it is used."""

    filter: Filter
    time_zone: str | None
    include_test: bool
    include_archived: bool


@dataclass(frozen=True, slots=True)
class ExternalArguments:
    """The arguments of `sessionsByExternalId`."""

    external_ids: Sequence[str]
    filter: Filter


@dataclass(frozen=True, slots=True)
class ExportListArguments:
    """The arguments of `exports`."""

    size: int
    after: tuple[datetime, UUID] | None


@dataclass(frozen=True, slots=True)
class ListArguments:
    """A page of a list. `now` is what its filter's period counts back from; cursors carry it on."""

    filter: Filter
    order: Order
    page: PageRequest
    now: datetime


def read_list(viewer: Viewer, arguments: Arguments, now: datetime, *, with_transcripts: bool = False) -> ListArguments:
    """The arguments of a `sessions` field."""
    order = read_order(arguments.get("orderBy"))
    page = _read_page(viewer, arguments, order, MAX_WITH_TRANSCRIPTS if with_transcripts else MAX_SIZE)
    now = page.cursor.now if page.cursor else now
    return ListArguments(parse_filter(arguments.get("filter"), now), order, page, now)


def read_order(raw: Arguments | None) -> Order:
    """The order that was asked for; newest first by default."""
    return Order(ORDER_FIELDS[raw["field"].value], raw["direction"]) if raw else NEWEST_FIRST


def read_uuid(value: str, *path: str) -> UUID:
    try:
        return parse_id(value)
    except ValueError as error:
        raise BadUserInput(str(error), path) from None


def read_dashboard(arguments: Arguments, now: datetime) -> DashboardArguments:
    """The arguments of a `dashboard` field."""
    return DashboardArguments(
        parse_filter(arguments.get("filter"), now),
        arguments.get("timeZone"),
        include_test=bool(arguments.get("includeTest")),
        include_archived=bool(arguments.get("includeArchived")),
    )


def read_lookup(by: Arguments) -> dict[str, Any]:
    """How an agent is looked up: `id` or `idn`."""
    return {"id": read_uuid(by["id"], "by", "id")} if "id" in by else {"idn": read_text(by["idn"], "by", "idn")}


def read_external(arguments: Arguments) -> ExternalArguments:
    """The arguments of `sessionsByExternalId`: at most a hundred External IDs."""
    external_ids: list[str] = arguments["externalIds"]
    if len(external_ids) > MAX_EXTERNAL_IDS:
        raise BadUserInput(f"must have at most {MAX_EXTERNAL_IDS} entries", ["externalIds"])
    for index, text in enumerate(external_ids):
        read_text(text, "externalIds", index)
    integration = arguments.get("integration")
    only = {} if integration is None else {"integrations": [read_text(integration, "integration")]}
    return ExternalArguments(external_ids, Filter(only))


def read_size_of_each(first: int | None, *, with_transcripts: bool) -> int:
    """The `first` of an External ID's sessions."""
    most = MAX_WITH_TRANSCRIPTS if with_transcripts else MAX_PER_EXTERNAL_ID
    return DEFAULT_PER_EXTERNAL_ID if first is None else check_size("first", first, most)


def read_text(text: str, *path: str | int) -> str:
    """A text that is only compared."""
    if len(text) > MAX_TEXT:
        raise BadUserInput(f"must have at most {MAX_TEXT} characters", path)
    try:
        return check_text(text)
    except ValueError as error:
        raise BadUserInput(str(error), path) from None


def _read_page(viewer: Viewer, arguments: Arguments, order: Order, most: int) -> PageRequest:
    first, after, last, before = (arguments.get(name) for name in ("first", "after", "last", "before"))
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
