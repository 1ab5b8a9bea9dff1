"""Log lines that anybody can cause without a key: the first of each kind, and then how many more there were.

So a flood of requests neither fills the disk nor hides what else the log has.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from session_graph.token_bucket import Clock, TokenBucket, TokenBuckets

LINES_AT_ONCE, LINES_PER_SECOND = 20, 1.0
"""Of one key: an address, or a kind of line."""
ALL_LINES_AT_ONCE, ALL_LINES_PER_SECOND = 200, 20.0
SUMMARY_SECONDS = 1.0
MOST_COUNTED = 10_000
"""Keys that a summary tells apart."""

NOISY = frozenset(
    {"uvicorn.error", "session_graph.access.api_keys", "session_graph.access.tokens", "session_graph.http.inlets"}
)
"""The loggers of such lines, apart from the access log."""

LOGGER = logging.getLogger(__name__)


class LineSampler:
    """Decides which lines are logged. `summarise` is called with the numbers of lines and keys that were left out."""

    def __init__(self, summarise: Callable[[int, int], None], clock: Clock = monotonic) -> None:
        self._summarise = summarise
        self._lines = TokenBuckets(LINES_AT_ONCE, LINES_PER_SECOND, clock=clock)
        self._all_lines = TokenBucket(ALL_LINES_AT_ONCE, ALL_LINES_PER_SECOND, clock)
        self._left_out = 0
        self._keys: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def admits(self, key: str) -> bool:
        """Return whether a line is logged; if not, a summary follows within SUMMARY_SECONDS."""
        if not self._lines.take(key) and not self._all_lines.take():
            return True
        self._left_out += 1
        if len(self._keys) < MOST_COUNTED:
            self._keys.add(key)
        if self._timer is None:
            with suppress(RuntimeError):  # no event loop runs in this thread: the next line in one starts the timer
                self._timer = asyncio.get_running_loop().call_later(SUMMARY_SECONDS, self._end)
        return False

    def _end(self) -> None:
        left_out, keys = self._left_out, len(self._keys)
        self._left_out, self._timer = 0, None
        self._keys.clear()
        self._summarise(left_out, keys)


class NoiseFilter(logging.Filter):
    """Samples the lines of NOISY by their message without its values. Errors pass."""

    def __init__(self) -> None:
        super().__init__()
        self._sampler = LineSampler(_summarise_noise)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name not in NOISY or record.levelno >= logging.ERROR or self._sampler.admits(str(record.msg))


def summarise_requests(lines: int, addresses: int) -> None:
    """Log how many lines of requests without a valid key were left out."""
    LOGGER.info("%s more requests without a valid key (addresses: %s)", f"{lines:,}", f"{addresses:,}")


def _summarise_noise(lines: int, kinds: int) -> None:
    LOGGER.info("%s more lines about refused requests (kinds: %s)", f"{lines:,}", f"{kinds:,}")
