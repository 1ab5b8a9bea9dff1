"""Long work in slices, between which the event loop has its turn."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

SLICE = 500
"""The number of objects in a slice."""
SECONDS = 0.005
"""How long a coroutine works before others have their turn."""


class Pacer:
    """Gives others their turn whenever SECONDS have passed: `await pacer.pause()` as often as possible."""

    def __init__(self) -> None:
        self._until = time.monotonic() + SECONDS

    async def pause(self) -> None:
        if time.monotonic() > self._until:
            await asyncio.sleep(0)
            self._until = time.monotonic() + SECONDS


async def in_slices(work: Callable[[Sequence[Any]], Iterable[Any]], objects: Sequence[Any]) -> list[Any]:
    """Return the results of `work` on all objects, which it is given in slices."""
    if len(objects) <= SLICE:
        return list(work(objects))
    pacer, results = Pacer(), list[Any]()
    for start in range(0, len(objects), SLICE):
        results += work(objects[start : start + SLICE])
        await pacer.pause()
    return results
