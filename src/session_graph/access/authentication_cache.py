"""Who was admitted a moment ago: taken for KEPT_SECONDS without asking the database.

What is kept counts from before its look-up was sent. Whoever ends a key, or changes what a Viewer says of its account,
waits as long after the commit: what was asked before it has run out by then, what was asked after it has read what is
true now. So the answer holds in every process, and none has to hear of anything.
"""

import asyncio
from collections import OrderedDict
from hashlib import sha256
from math import inf
from time import monotonic

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connection

from session_graph.access.viewer import Viewer

KEPT_SECONDS = 1.0
MOST_KEPT = 10_000
"""Headers; of more, those that were looked up longest ago are forgotten first."""

_MARGIN = 1.01
"""Timers end up to a millisecond early, and no two clocks go quite alike."""

_NOBODY = (None, -inf)


class AuthenticationCache:
    """Viewers by the header that admitted them, of which only a digest is kept. Refusals are not."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[Viewer | None, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, header: str) -> Viewer | None:
        """Whom exactly this header admits yet, as far as is known without asking."""
        viewer, until = self._kept.get(_digest(header), _NOBODY)
        return viewer if monotonic() < until else None

    def keep(self, header: str, viewer: Viewer, asked_at: float, seconds_left: float) -> None:
        """`asked_at` is `monotonic()` from before the look-up was sent, `seconds_left` what that said of the key."""
        digest = _digest(header)
        self._kept[digest] = viewer, asked_at + min(seconds_left, KEPT_SECONDS)
        self._kept.move_to_end(digest)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def forget(self, header: str) -> None:
        self._kept.pop(_digest(header), None)


async def wait_until_expired_everywhere() -> None:
    """Wait until no process takes what it read before now. For after the commit, hence never within a transaction."""
    assert not is_in_transaction(), "the wait begins after the commit"
    await asyncio.sleep(_MARGIN * KEPT_SECONDS)


def is_in_transaction() -> bool:
    return isinstance(get_connection("default"), TransactionalDBClient)


def _digest(header: str) -> bytes:
    return sha256(header.encode(errors="surrogatepass")).digest()  # a header in JSON can have half a character
