"""Long computations on the event loop, in slices between which everybody else has a turn.

    pacer = Pacer()
    for line in lines:
        parse(line)
        await pacer.pause()

A thread would not help: it shares the interpreter's lock, for which the event loop would wait at every turn.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any

SLICE_SECONDS = 0.002
SLICE = 200
"""The number of objects that are worked on before the time is looked at."""


class Pacer:
    """Yields to the event loop once a slice of work has been done."""

    def __init__(self) -> None:
        self._began = monotonic()

    async def pause(self) -> None:
        """Let the event loop turn if the slice is over."""
        if monotonic() - self._began > SLICE_SECONDS:
            await asyncio.sleep(0)
            self._began = monotonic()


async def in_slices(work: Callable[[Sequence[Any]], Iterable[Any]], objects: Sequence[Any]) -> list[Any]:
    """Return the results of `work` on all objects, which it is given SLICE at a time."""
    if len(objects) <= SLICE:
        return [*work(objects)]
    pacer, results = Pacer(), list[Any]()
    for start in range(0, len(objects), SLICE):
        results += work(objects[start : start + SLICE])
        await pacer.pause()
    return results


async def one_by_one(call: Callable[[Any], Any], objects: Sequence[Any]) -> list[Any]:
    """Return the result of `call` for each object."""
    if len(objects) == 1:
        return [call(objects[0])]
    pacer, results = Pacer(), list[Any]()
    for each in objects:
        results.append(call(each))
        await pacer.pause()
    return results
