"""The request for a dashboard: which sessions, and which of their metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from session_graph.access.viewer import Viewer
from session_graph.sessions.filters import Filter
from session_graph.sessions.intervals import Interval, previous_start


class Group(StrEnum):
    """What sessions are grouped by."""

    CHANNEL = "CHANNEL"
    SESSION_TYPE = "SESSION_TYPE"
    WORKING_HOURS = "WORKING_HOURS"
    AGENT = "AGENT"
    INTEGRATION = "INTEGRATION"
    ASSESSMENT = "ASSESSMENT"
    SESSION_LENGTH = "SESSION_LENGTH"

    @property
    def column(self) -> str:
        """The session column that the group reads."""
        return self.value.lower()

    @property
    def stored(self) -> str:
        """The column of `session s` that has the group's key."""
        return "agent_id" if self is Group.AGENT else self.column


@dataclass(frozen=True, slots=True)
class DashboardSelection:
    """The metrics to compute, by name; `previous` is None if the previous span is not selected. `is_counted` adds the
    number of sessions to all of them.
    """

    totals: frozenset[str] = frozenset()
    previous: frozenset[str] | None = None
    series: Mapping[Interval, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[Group, frozenset[str]] = field(default_factory=dict)
    is_counted: bool = False


@dataclass(frozen=True, slots=True)
class DashboardRequest:
    """`now` ends an open span. Test and archived sessions count only if included here or named by the filter."""

    viewer: Viewer
    filter: Filter
    selection: DashboardSelection
    now: datetime
    include_test: bool = False
    include_archived: bool = False

    def effective_filter(self) -> Filter:
        """Return the filter, without test and archived sessions unless they are included or named."""
        defaults = {}
        if not self.include_test and "isTest" not in self.filter.conditions:
            defaults["isTest"] = False
        if not self.include_archived and "isArchived" not in self.filter.conditions:
            defaults["isArchived"] = False
        return Filter({**self.filter.conditions, **defaults})

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the filter's span, which ends now if it has no end; None if it has no start."""
        start, end = self.filter.span
        return None if start is None else (start, max(start, end or self.now))

    def previous_span(self, time_zone: str) -> tuple[datetime, datetime] | None:
        """Return the span just before, by the zone's calendar; None if the filter's span has no start."""
        span = self.span()
        return span and (previous_start(*span, time_zone), span[0])
