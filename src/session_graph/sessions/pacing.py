"""Long computations on the event loop, in slices between which everybody else has a turn.

    pacer = Pacer()
    for line in lines:
        parse(line)
        await pacer.pause()

A thread would not help: it shares the interpreter's lock, for which the event loop would wait at every turn.
"""

import asyncio
from time import monotonic

SLICE_SECONDS = 0.002


class Pacer:
    """Yields to the event loop once a slice of work has been done."""

    def __init__(self) -> None:
        self._began = monotonic()

    async def pause(self) -> None:
        """Let the event loop turn if the slice is over."""
        if monotonic() - self._began > SLICE_SECONDS:
            await asyncio.sleep(0)
            self._began = monotonic()
