"""Keeps a dashboard from telling what a role may not read: a metric of one session would be that session's column.

A metric is guarded from a role that may not read a column it rests on (`Metric.guarded_roles`). For such a role it is
null

- of one to four sessions: in a dashboard, its previous span, an interval of a series or a slice of a group;
- of the next larger intervals or slices, as long as the null ones together have fewer than five sessions: what is null
  could be reckoned from the others and the whole;
- of any sessions, if a condition of NAME_SESSIONS stands in the filter, at any depth.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

from session_graph.access.viewer import Role
from session_graph.sessions.filters import Filter
from session_graph.sessions.metrics import METRICS

SMALLEST = 5
"""Fewest sessions whose guarded metrics are shown."""

COUNT = "total_session_count"

NAME_SESSIONS = frozenset({"ids", "search", "contact", "externalIds", "sourceIds"})
"""The conditions that choose single sessions or persons."""


class Part(Protocol):
    """An interval of a series or a slice of a group, a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def metrics(self) -> Mapping[str, Any]: ...


P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class Guard:
    """What one dashboard keeps from its viewer: `metrics` by name; all of them if `names_sessions`.

    Guarded metrics come with COUNT, the number of their sessions.
    """

    metrics: frozenset[str]
    names_sessions: bool

    @classmethod
    def of(cls, role: Role, filter_: Filter, names: Iterable[str]) -> "Guard":
        """Return the guard of these metrics; it keeps nothing from a role that reads all columns."""
        guarded = frozenset(name for name in names if role in METRICS[name].guarded_roles)
        return cls(guarded, not NAME_SESSIONS.isdisjoint(filter_.names()))

    def whole(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the metrics of a dashboard or of its previous span."""
        return self._null(metrics) if self.metrics and self._choose([metrics[COUNT]]) else metrics

    def parts(self, parts: Sequence[P]) -> list[P]:
        """Return the parts that make up a whole, each with its metrics."""
        hidden = self._choose([part.metrics[COUNT] for part in parts]) if self.metrics else ()
        return [
            replace(part, metrics=self._null(part.metrics)) if index in hidden else part
            for index, part in enumerate(parts)
        ]

    def _choose(self, counts: Sequence[int]) -> Collection[int]:
        """Return the positions of the counts whose metrics are null, smallest counts first."""
        hidden: list[int] = []
        together = 0
        for index in sorted((index for index, count in enumerate(counts) if count), key=counts.__getitem__):
            is_enough = counts[index] >= SMALLEST and (together == 0 or together >= SMALLEST)
            if is_enough and not self.names_sessions:
                break
            hidden.append(index)
            together += counts[index]
        return frozenset(hidden)

    def _null(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**metrics, **dict.fromkeys(self.metrics)}
