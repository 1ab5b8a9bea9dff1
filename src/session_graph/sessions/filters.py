"""The filter of sessions, which lists, dashboards, exports, bulk edits and live updates share.

Each condition is one row of `CONDITIONS`: its name in GraphQL, the kind of its value, the columns it reads and its SQL.
Conditions combine by AND, the values within one by OR. An empty list matches nothing. `not` is the exact complement,
nulls included (domain.md, "Filters").
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson

from session_graph.access.countries import country_of_zone
from session_graph.access.viewer import Role, Viewer
from session_graph.errors import PathSegment
from session_graph.sessions.columns import COLUMNS
from session_graph.sessions.contacts import read_contact
from session_graph.sessions.parameters import Parameters
from session_graph.sessions.scope import held_by, scope_sessions
from session_graph.sessions.search import Search, search_sql

REVIEW = ("human_assessment", "history")
"""The columns that the conditions about a review read."""

Path = tuple[PathSegment, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included; None is an open end."""

    low: Decimal | int | None
    high: Decimal | int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a map; `value` is None for any value under the key."""

    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions by name, parsed and checked by `parse_filter`; each value has the type that its SQL takes.

    `agents` are the path and the idn of each agent that the caller named, at any depth.
    """

    conditions: Mapping[str, Any]
    agents: Sequence[tuple[Path, str]] = field(default=(), compare=False)

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """The start (included) and end (excluded) of `startedAt` at the filter's top level; None is an open end."""
        if "period" in self.conditions:
            start, end = self.conditions["period"]
            return start, end
        return self.conditions.get("from"), self.conditions.get("to")

    def with_span(self, start: datetime, end: datetime) -> "Filter":
        """Return the same filter with another span."""
        rest = {name: value for name, value in self.conditions.items() if name not in ("period", "from", "to")}
        return Filter({**rest, "from": start, "to": end})

    def is_everything(self) -> bool:
        """Return whether the filter has no condition, however that is written: `{}`, `{anyOf: [{}]}`."""
        return all(
            name == "anyOf" and any(inner.is_everything() for inner in value) for name, value in self.conditions.items()
        )

    def names(self) -> Iterator[str]:
        """Yield the name of each condition, at every depth."""
        for name, value in self.conditions.items():
            yield name
            for inner in nested_filters(name, value):
                yield from inner.names()


EVERYTHING = Filter({})


class ValueKind(StrEnum):
    """The kind of a condition's value; `schema.inputs` maps each to a GraphQL type."""

    FLAG = "FLAG"
    SEARCH = "SEARCH"
    IDS = "IDS"
    TEXTS = "TEXTS"
    CHANNELS = "CHANNELS"
    LENGTHS = "LENGTHS"
    DIRECTIONS = "DIRECTIONS"
    ASSESSMENTS = "ASSESSMENTS"
    LANGUAGES = "LANGUAGES"
    CONTACT = "CONTACT"
    UTMS = "UTMS"
    METADATA = "METADATA"
    PERIOD = "PERIOD"
    INSTANT = "INSTANT"
    DECIMALS = "DECIMALS"
    INTEGERS = "INTEGERS"
    FILTERS = "FILTERS"
    FILTER = "FILTER"


Sql = Callable[[Any, Parameters, Viewer], str]


@dataclass(frozen=True, slots=True)
class Condition:
    """`columns` are the session columns that it reads; `sql` returns a condition over `session s`."""

    name: str
    kind: ValueKind
    columns: tuple[str, ...]
    sql: Sql
    description: str


def _flag(column: str) -> Sql:
    return lambda value, parameters, viewer: f"s.{column}" if value else f"not s.{column}"


def _present(column: str) -> Sql:
    return lambda value, parameters, viewer: f"s.{column} is {'not ' if value else ''}null"


def _one_of(expression: str) -> Sql:
    return lambda options, parameters, viewer: parameters.equals_any(expression, options) if options else "false"


def _contact(text: str, parameters: Parameters, viewer: Viewer) -> str:
    """A number without a country code is one of the account's country, since a filter names no agent's."""
    country = viewer.account.country or country_of_zone(viewer.account.time_zone)
    contact = read_contact(text, country)
    if contact is None:
        return "false"
    return f"{'s.email' if '@' in contact else _NUMBER} = {parameters.bind(contact)}"


_NUMBER = "split_part(s.phone, ';', 1)"
"""The phone without its extension."""


def _agents(options: Sequence[str], parameters: Parameters, viewer: Viewer) -> str:
    return held_by(options, parameters) if options else "false"


def _tags(options: Sequence[str], parameters: Parameters, viewer: Viewer) -> str:
    return f"s.tags && {parameters.bind(list(options))}"


def _any_entry(column: str) -> Sql:
    def sql(options: Sequence[Entry], parameters: Parameters, viewer: Viewer) -> str:
        return f"({' or '.join(_has_entry(column, entry, parameters) for entry in options) or 'false'})"

    return sql


def _has_entry(column: str, entry: Entry, parameters: Parameters) -> str:
    if entry.value is None:
        return f"s.{column} ? {parameters.bind(entry.key)}"
    return f"s.{column} @> {parameters.bind(orjson.dumps({entry.key: entry.value}).decode())}"


def _from(expression: str) -> Sql:
    return lambda moment, parameters, viewer: f"{expression} >= {parameters.bind(moment)}"


def _to(expression: str) -> Sql:
    return lambda moment, parameters, viewer: f"{expression} < {parameters.bind(moment)}"


def _review(column: str) -> str:
    """Return the column of the last change of the human assessment, null if the session has none now."""
    last = (
        f"select h.{column} from session_change h where h.account_id = s.account_id and h.session_id = s.id"
        " and h.field = 'humanAssessment' order by h.version desc limit 1"
    )
    return f"case when s.human_assessment is not null then ({last}) end"


def _period(span: tuple[datetime, datetime], parameters: Parameters, viewer: Viewer) -> str:
    return f"s.started_at >= {parameters.bind(span[0])} and s.started_at < {parameters.bind(span[1])}"


def _range(column: str, type_: str) -> Sql:
    def sql(bounds: Range, parameters: Parameters, viewer: Viewer) -> str:
        parts = [f"s.{column} is not null"]
        if bounds.low is not None:
            parts.append(f"s.{column} >= {parameters.bind(bounds.low)}::{type_}")
        if bounds.high is not None:
            parts.append(f"s.{column} <= {parameters.bind(bounds.high)}::{type_}")
        return " and ".join(parts)

    return sql


def _search(search: Search, parameters: Parameters, viewer: Viewer) -> str:
    role = viewer.role
    return search_sql(search, parameters, everywhere=_searches_everywhere(role), reads_phones=_reads_phones(role))


def _reads_phones(role: Role) -> bool:
    return role in COLUMNS["phone"].roles


def _searches_everywhere(role: Role) -> bool:
    return role is Role.PORTAL


def _any_of(filters: Sequence[Filter], parameters: Parameters, viewer: Viewer) -> str:
    return " or ".join(f"({conditions_sql(inner, parameters, viewer)})" for inner in filters) or "false"


def _not(inner: Filter, parameters: Parameters, viewer: Viewer) -> str:
    return f"({conditions_sql(inner, parameters, viewer)}) is not true"


# fmt: off
CONDITIONS: dict[str, Condition] = {
    row.name: row
    for row in (
        Condition("search", ValueKind.SEARCH, (), _search, "A phone number, however it is spelt: any four or more consecutive digits of it, or all of a shorter one. Otherwise words, each a part of the contact's name, in any order, ignoring case and accents. For a PORTAL, summaries and comments are searched too, and a phone number is found by the last seven or more digits of it alone."),
        Condition("ids", ValueKind.IDS, ("id",), _one_of("s.id"), "The id is one of these."),
        Condition("contact", ValueKind.CONTACT, ("phone", "email"), _contact, "The phone or the e-mail address is this one, however it is spelt; extensions do not matter."),
        Condition("isLead", ValueKind.FLAG, ("is_lead",), _flag("is_lead"), "true: leads; false: all others."),
        Condition("isOpportunity", ValueKind.FLAG, ("is_opportunity",), _flag("is_opportunity"), "true: opportunities; false: all others."),
        Condition("isTest", ValueKind.FLAG, ("is_test",), _flag("is_test"), "true: test sessions; false: live sessions."),
        Condition("isTodo", ValueKind.FLAG, ("is_todo",), _flag("is_todo"), "true: sessions that someone must follow up; false: all others."),
        Condition("isDone", ValueKind.FLAG, ("is_done",), _flag("is_done"), "true: sessions with nothing left to do; false: all others."),
        Condition("isArchived", ValueKind.FLAG, ("is_archived",), _flag("is_archived"), "true: archived sessions; false: all others."),
        Condition("isReviewed", ValueKind.FLAG, ("human_assessment",), _present("human_assessment"), "true: sessions with a human assessment; false: sessions without one."),
        Condition("reviewedBy", ValueKind.TEXTS, REVIEW, _one_of(_review("changed_by")), "The human assessment that the session has was set by one of these: as `history.by` names them."),
        Condition("reviewedFrom", ValueKind.INSTANT, REVIEW, _from(_review("changed_at")), "The human assessment that the session has was set at this instant or later."),
        Condition("reviewedTo", ValueKind.INSTANT, REVIEW, _to(_review("changed_at")), "The human assessment that the session has was set before this instant."),
        Condition("workingHours", ValueKind.FLAG, ("working_hours",), _flag("working_hours"), "true: sessions that began in working hours; false: all others."),
        Condition("autoAssessments", ValueKind.ASSESSMENTS, ("auto_assessment",), _one_of("s.auto_assessment"), "The automatic assessment is one of these."),
        Condition("humanAssessments", ValueKind.ASSESSMENTS, ("human_assessment",), _one_of("s.human_assessment"), "The human assessment is one of these."),
        Condition("assessments", ValueKind.ASSESSMENTS, ("assessment",), _one_of("s.assessment"), "The assessment that counts is one of these."),
        Condition("channels", ValueKind.CHANNELS, ("channel",), _one_of("s.channel"), "The channel is one of these."),
        Condition("sessionLengths", ValueKind.LENGTHS, ("session_length",), _one_of("s.session_length"), "The category of duration is one of these."),
        Condition("sessionTypes", ValueKind.TEXTS, ("session_type",), _one_of("s.session_type"), "The intent category is exactly one of these."),
        Condition("agents", ValueKind.TEXTS, ("agent",), _agents, "The agent's idn is one of these."),
        Condition("integrations", ValueKind.TEXTS, ("integration",), _one_of("s.integration"), "The integration is one of these."),
        Condition("connectors", ValueKind.TEXTS, ("connector",), _one_of("s.connector"), "The connector is one of these."),
        Condition("externalIds", ValueKind.TEXTS, ("external_id",), _one_of("s.external_id"), "The External ID is exactly one of these."),
        Condition("hasExternalId", ValueKind.FLAG, ("external_id",), _present("external_id"), "true: sessions with an External ID; false: sessions without one."),
        Condition("tags", ValueKind.TEXTS, ("tags",), _tags, "The session has at least one of these tags."),
        Condition("utms", ValueKind.UTMS, ("utms",), _any_entry("utms"), "The session has at least one of these UTM parameters."),
        Condition("sources", ValueKind.TEXTS, ("source",), _one_of("s.source"), "The source is one of these."),
        Condition("sourceIds", ValueKind.TEXTS, ("source_id",), _one_of("s.source_id"), "The source's own identifier is exactly one of these."),
        Condition("directions", ValueKind.DIRECTIONS, ("direction",), _one_of("s.direction"), "The direction is one of these."),
        Condition("endReasons", ValueKind.TEXTS, ("end_reason",), _one_of("s.end_reason"), "The reason of the end is exactly one of these."),
        Condition("languages", ValueKind.LANGUAGES, ("language",), _one_of("s.language"), "The language is exactly one of these, in any case of letters."),
        Condition("metadata", ValueKind.METADATA, ("metadata",), _any_entry("metadata"), "The session has at least one of these entries of metadata."),
        Condition("period", ValueKind.PERIOD, ("started_at",), _period, "The session began in this span, which ends now. Cannot be combined with from or to."),
        Condition("from", ValueKind.INSTANT, ("started_at",), _from("s.started_at"), "The session began at this instant or later."),
        Condition("to", ValueKind.INSTANT, ("started_at",), _to("s.started_at"), "The session began before this instant."),
        Condition("updatedFrom", ValueKind.INSTANT, ("updated_at",), _from("s.updated_at"), "The session was recorded or last changed at this instant or later."),
        Condition("updatedTo", ValueKind.INSTANT, ("updated_at",), _to("s.updated_at"), "The session was recorded or last changed before this instant."),
        Condition("leadValue", ValueKind.DECIMALS, ("lead_value",), _range("lead_value", "numeric"), "The lead value is in this range, ends included."),
        Condition("asr", ValueKind.DECIMALS, ("asr",), _range("asr", "numeric"), "The ASR is in this range, ends included."),
        Condition("conversationQuality", ValueKind.INTEGERS, ("conversation_quality",), _range("conversation_quality", "integer"), "The stars are in this range, ends included. Unrated sessions do not match."),
        Condition("anyOf", ValueKind.FILTERS, (), _any_of, "At least one of these filters matches. An empty list matches nothing."),
        Condition("not", ValueKind.FILTER, (), _not, "This filter does not match: the exact complement, empty values included."),
    )
}
# fmt: on

_FLAGS = frozenset(row.name for row in CONDITIONS.values() if row.kind is ValueKind.FLAG)
GENERIC_PLAN_SAFE = _FLAGS | {"anyOf", "not", "agents"}
"""The conditions whose values never change which plan is best, so that a generic plan is safe."""
GENERIC_PLAN_SAFE_BY_START = GENERIC_PLAN_SAFE | {"period", "from", "to"}
"""The same for lists ordered by `startedAt`: the index that gives the order also bounds the span."""


def where(viewer: Viewer, filter_: Filter, parameters: Parameters) -> str:
    """Return the viewer's scope and the filter as one condition over `session s`."""
    return f"{scope_sessions(viewer, parameters)} and {conditions_sql(filter_, parameters, viewer)}"


def conditions_sql(filter_: Filter, parameters: Parameters, viewer: Viewer) -> str:
    """Return the filter without the viewer's scope; `true` if it has no condition."""
    parts = [CONDITIONS[name].sql(value, parameters, viewer) for name, value in filter_.conditions.items()]
    return " and ".join(f"({part})" for part in parts) or "true"


def columns_named(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield the session columns that a filter reads, at every depth; `raw` is the caller's, not yet parsed."""
    for name, value in raw.items():
        yield from CONDITIONS[name].columns
        for inner in nested_filters(name, value):
            yield from columns_named(inner or {})


def columns_searched(raw: Mapping[str, Any], role: Role) -> Iterator[str]:
    """Yield the session columns that the searches of a filter read for this role, at every depth.

    These are no columns of the condition: every role may search, and each searches what it reads.
    """
    for name, value in raw.items():
        if name == "search":
            yield "contact"
            yield from ("phone",) if _reads_phones(role) else ()
            yield from ("summary", "comment") if _searches_everywhere(role) else ()
        for inner in nested_filters(name, value):
            yield from columns_searched(inner or {}, role)


def nested_filters(name: str, value: Any) -> Sequence[Any]:
    """Return the filters within a condition of this name."""
    if value is None:
        return []
    return value if name == "anyOf" else [value] if name == "not" else []
