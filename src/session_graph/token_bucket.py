"""Token buckets: how much a caller may use at once, and how fast that comes back.

buckets = TokenBuckets(capacity=20, per_second=5)
if wait := buckets.take(address):
    raise Refused(retry_after=wait)
"""

from collections.abc import Callable, Hashable
from math import ceil, inf
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

    def take(self, amount: float = 1.0, *, may_owe: bool = False, keep: float = 0.0) -> float:
        """Take this many tokens and return 0; if there are too few, take none and return the seconds until there are.

        There must be `keep` tokens more than the amount. If that is above the capacity, the seconds are infinite; with
        `may_owe` a full bucket suffices, which then owes what it has not.
        """
        self._fill()
        needed = amount + keep
        if may_owe and needed > self.capacity:
            needed = self.capacity
        if needed <= self._tokens:
            self._tokens -= amount
            return 0.0
        return (needed - self._tokens) / self.per_second if needed <= self.capacity else inf

    def put(self, amount: float = 1.0) -> None:
        """Give tokens back, up to the capacity."""
        self._tokens = min(self.capacity, self._tokens + amount)

    def owe(self, amount: float = 1.0) -> None:
        """Take tokens that were used already, whether there are any or not."""
        self._fill()
        self._tokens -= amount

    def level(self) -> tuple[int, int]:
        """Return how many whole tokens there are, 0 if some are owed, and the seconds until it is full, rounded up."""
        self._fill()
        tokens = self._tokens
        return int(tokens) if tokens > 0 else 0, ceil((self.capacity - tokens) / self.per_second)

    @property
    def tokens(self) -> float:
        """Return how many tokens there are; negative if some are owed."""
        self._fill()
        return self._tokens

    def is_full(self) -> bool:
        """Return whether the bucket is as good as new."""
        return self.tokens >= self.capacity

    def _fill(self) -> None:
        now = self._clock()
        tokens = self._tokens + (now - self._filled_at) * self.per_second
        self._tokens = tokens if tokens < self.capacity else self.capacity
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
        return self.bucket(key).take(amount)

    def charge(self, key: Hashable, amount: float, keep: float = 0.0) -> tuple[TokenBucket, float]:
        """Take tokens that the bucket may owe. Return the bucket, and what its `take` returns."""
        bucket = self.bucket(key)
        return bucket, bucket.take(amount, may_owe=True, keep=keep)

    def bucket(self, key: Hashable) -> TokenBucket:
        """Return the key's bucket, to be used at once: it may be forgotten later."""
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            self._forget()
            bucket = TokenBucket(self.capacity, self.per_second, self._clock)
        self._buckets[key] = bucket  # at the end: the dictionary is in the order of use
        return bucket

    def put(self, key: Hashable, amount: float = 1.0) -> None:
        """Give tokens back to the key's bucket."""
        if bucket := self._buckets.get(key):
            bucket.put(amount)

    def owe(self, key: Hashable, amount: float = 1.0) -> None:
        """Take tokens from the key's bucket that were used already."""
        self.bucket(key).owe(amount)

    def _forget(self) -> None:
        """Drop buckets from the one used longest ago on, while they are full or there are too many."""
        while self._buckets:
            key = next(iter(self._buckets))
            if len(self._buckets) < self._most and not self._buckets[key].is_full():
                return
            del self._buckets[key]
