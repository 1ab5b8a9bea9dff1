"""All sessions of the demo: the desks of the businesses serve callers until now."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from uuid import NAMESPACE_URL, uuid5

from session_graph.demo.businesses import BUSINESSES
from session_graph.demo.desk import Desk
from session_graph.demo.scenario import Record
from session_graph.demo.timing import plan_starts

_IDS = uuid5(NAMESPACE_URL, "https://example.com/session-graph/demo")


def write_sessions(now: datetime, seed: int = 7) -> Iterator[Record]:
    """Return some 600 sessions of the 35 days up to `now`, oldest first, each an input of `recordSession` as JSON.

    The same arguments give the same sessions. Raises ValueError if `now` has no offset.
    """
    if now.utcoffset() is None:
        raise ValueError("now must have an offset")
    return _write(now.astimezone(UTC).replace(microsecond=0), seed)


def _write(now: datetime, seed: int) -> Iterator[Record]:
    rng = Random(seed)  # noqa: S311 - repeatable, nothing secret
    desks = {business.idn: Desk(business, rng) for business in BUSINESSES}
    for index, (start, business) in enumerate(plan_starts(BUSINESSES, now, rng)):
        longest = int((now - start).total_seconds()) - 60
        yield {"id": str(uuid5(_IDS, f"{seed}/{index}")), **desks[business.idn].serve(start, longest)}
