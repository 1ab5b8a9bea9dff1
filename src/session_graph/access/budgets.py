"""What one caller may take: a budget of cost for each API key or token subject, which refills all the time.

The budgets are those of this process. A caller is identified by the id of its key, or by its account and the subject of
its token, so that a new token of the same subject has the same budget.
"""

import asyncio
from collections.abc import Hashable
from math import ceil
from time import monotonic
from typing import Self

from session_graph.access.viewer import Viewer
from session_graph.errors import TryLater
from session_graph.settings import Settings
from session_graph.token_bucket import MOST_BUCKETS, Clock, TokenBucket, TokenBuckets

KEPT = 0.5
"""The part of a budget that live updates leave for requests."""


class OutOfBudget(TryLater):
    """The budget of this key or token does not suffice for the operation at present."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(self, charge: int, bucket: TokenBucket, seconds: float) -> None:
        """`seconds` is the time until the operation fits."""
        left, capacity = max(0, int(bucket.tokens)), int(bucket.capacity)
        super().__init__(
            f"The operation costs {charge:,}; {left:,} of the {capacity:,} that this key or token may take at once are"
            f" left. It fits in {ceil(seconds)} s.",
            retry_after=seconds,
        )
        self.extensions |= {"cost": charge, "remaining": left, "capacity": capacity}


class Budgets:
    """The budgets of all callers: at most MOST_BUCKETS, without those that are full.

    An operation dearer than the capacity needs a full budget, and leaves it owing the rest.
    """

    def __init__(self, capacity: float, per_second: float, most: int = MOST_BUCKETS, clock: Clock = monotonic) -> None:
        self.capacity = int(capacity)
        self.per_second = per_second
        self._buckets = TokenBuckets(capacity, per_second, most, clock)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.budget_capacity, settings.budget_per_second)

    def __len__(self) -> int:
        return len(self._buckets)

    def bucket(self, viewer: Viewer) -> TokenBucket:
        """Return the viewer's budget, to be used at once."""
        return self._buckets.bucket(_identify(viewer))

    def charge(self, viewer: Viewer, amount: int) -> TokenBucket:
        """Take this amount, and return the budget. Raises OutOfBudget, and takes nothing then."""
        bucket, seconds = self._buckets.charge(_identify(viewer), amount)
        if seconds:
            raise OutOfBudget(amount, bucket, seconds)
        return bucket

    def refund(self, viewer: Viewer, amount: int) -> None:
        """Give back what an operation was charged that does not run after all."""
        self._buckets.put(_identify(viewer), amount)

    async def charge_when_possible(self, viewer: Viewer, amount: int) -> None:
        """Take this amount, after waiting until it fits and leaves KEPT of the budget for what cannot wait."""
        keep = KEPT * self.capacity
        while seconds := self._buckets.charge(_identify(viewer), amount, keep)[1]:  # noqa: ASYNC110 - it refills by time alone
            await asyncio.sleep(seconds)


def _identify(viewer: Viewer) -> Hashable:
    key_id = viewer.key_id
    return key_id.int if key_id else (viewer.account.id, viewer.name)
