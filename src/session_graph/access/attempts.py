"""Attempts to authenticate without a valid key, bounded by address before they reach the database.

A header that was valid when it was last checked is never held up: many people can share an address with an attacker.
While an address floods, a header that this process has not seen yet shares RESERVED look-ups a second with the flood.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from cachetools import FIFOCache

from session_graph.access.authentication_cache import digest_header
from session_graph.errors import TryLater, Unauthenticated
from session_graph.token_bucket import Clock, TokenBuckets

BURST_SECONDS = 10.0
"""The attempts of so many seconds may come at once."""
RESERVED = 5.0
"""Look-ups a second of headers that are not known yet, for each address that floods."""
REFUSED_SECONDS = 0.5
"""How long a refused key is refused again without a look-up. A key that is made meanwhile works within a second."""
MOST_KNOWN = 10_000
"""Headers that are remembered as valid, and again as refused."""


class TooManyAttempts(TryLater):
    """This address sends too many requests without a valid key; try again later."""

    code = "RATE_LIMITED"
    status = 429


class Attempts:
    """What an address may still try. `per_second` is its number of attempts without a valid key in the long run."""

    def __init__(self, per_second: float, clock: Clock = monotonic) -> None:
        self._attempts = TokenBuckets(max(1.0, BURST_SECONDS * per_second), per_second, clock=clock)
        self._reserved = TokenBuckets(RESERVED, RESERVED, clock=clock)
        self._valid: FIFOCache[bytes, None] = FIFOCache(MOST_KNOWN)
        self._refused: FIFOCache[bytes, float] = FIFOCache(MOST_KNOWN)
        self._trying: set[bytes] = set()
        self._clock = clock

    @contextmanager
    def attempt(self, address: str, header: str | None) -> Iterator[None]:
        """Count the block unless it authenticates the header; None stands for one that cannot be valid.

        A client may begin with many requests at once, so while one tries the header, the others are counted only when
        they are refused. Raises TooManyAttempts, and Unauthenticated if the header was refused a moment ago.
        """
        digest = None if header is None else digest_header(header)
        is_refused = digest is None or self._clock() < self._refused.get(digest, 0.0)
        is_known = digest in self._valid or (digest in self._trying and self._has_attempts(address))
        is_counted = not is_known and self._count(address, may_use_reserve=not is_refused)
        if is_refused and digest is not None:
            raise Unauthenticated
        if digest is not None and not is_known:
            self._trying.add(digest)
        try:
            yield
        except Unauthenticated:
            if digest is not None:
                self._valid.pop(digest, None)
            if is_known:
                self._attempts.owe(address)
            raise
        except BaseException:
            self._uncount(address, is_counted)
            raise
        else:
            self._uncount(address, is_counted)
            if digest is not None:
                self._valid[digest] = None
        finally:
            if digest is not None and not is_known:
                self._trying.discard(digest)

    def refuse(self, header: str) -> None:
        """Remember that a look-up refused the header."""
        self._refused[digest_header(header)] = self._clock() + REFUSED_SECONDS

    def _count(self, address: str, *, may_use_reserve: bool) -> bool:
        """Return whether the attempt was counted; not if it is one of the reserved ones. Raises TooManyAttempts."""
        wait = self._attempts.take(address)
        if wait and (not may_use_reserve or self._reserved.take(address)):
            raise TooManyAttempts(retry_after=wait)
        return not wait

    def _has_attempts(self, address: str) -> bool:
        return self._attempts.bucket(address).tokens >= 1.0

    def _uncount(self, address: str, is_counted: bool) -> None:
        if is_counted:
            self._attempts.put(address)
