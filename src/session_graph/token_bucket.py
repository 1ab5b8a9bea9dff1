"""Token buckets: how much a caller may use at once, and how fast that comes back.

buckets = TokenBuckets(capacity=20, per_second=5)
if wait := buckets.take(address):
    raise Refused(retry_after=wait)
"""

from collections.abc import Callable, Hashable
from math import inf
from time import monotonic

MOST_BUCKETS = 10_000

Clock = Callable[[], float]
"""Seconds that never go back."""


class TokenBucket:
    """Starts with `capacity` tokens, and regains `per_second` of them up to its capacity."""

    __slots__ = ("_clock", "_filled_at", "_tokens", "capacity", "per_second")

    def __init__(self, capacity: float, per_second: float, clock: Clock = monotonic) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._clock = clock
        self._tokens = capacity
        self._filled_at = clock()

    def take(self, amount: float = 1.0) -> float:
        """Take this many tokens and return 0; if there are too few, take none and return the seconds until there are.

        These are infinite for an amount above the capacity.
        """
        self._fill()
        if amount <= self._tokens:
            self._tokens -= amount
            return 0.0
        return (amount - self._tokens) / self.per_second if amount <= self.capacity else inf

    def put(self, amount: float = 1.0) -> None:
        """Give tokens back, up to the capacity."""
        self._tokens = min(self.capacity, self._tokens + amount)

    def is_full(self) -> bool:
        """Return whether the bucket is as good as new."""
        self._fill()
        return self._tokens >= self.capacity

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self.capacity, self._tokens + (now - self._filled_at) * self.per_second)
        self._filled_at = now


class TokenBuckets:
    """A bucket for each key. Forgets buckets that are full again, and the one used longest ago beyond `most`."""

    def __init__(self, capacity: float, per_second: float, most: int = MOST_BUCKETS, clock: Clock = monotonic) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._most = most
        self._clock = clock
        self._buckets: dict[Hashable, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable, amount: float = 1.0) -> float:
        """Take tokens from the key's bucket; returns what TokenBucket.take returns."""
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            self._forget()
            bucket = TokenBucket(self.capacity, self.per_second, self._clock)
        self._buckets[key] = bucket  # at the end: the dictionary is in the order of use
        return bucket.take(amount)

    def put(self, key: Hashable, amount: float = 1.0) -> None:
        """Give tokens back to the key's bucket."""
        if bucket := self._buckets.get(key):
            bucket.put(amount)

    def _forget(self) -> None:
        """Drop buckets from the one used longest ago on, while they are full or there are too many."""
        while self._buckets:
            key = next(iter(self._buckets))
            if len(self._buckets) < self._most and not self._buckets[key].is_full():
                return
            del self._buckets[key]
