"""Long computations on the event loop, in slices between which everybody else has a turn.

    pacer = Pacer()
    for line in lines:
        parse(line)
        await pacer.pause()

A thread is for the rest (`beside`): it shares the interpreter's lock, for which the event loop waits at every turn.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")

SLICE_SECONDS = 0.002
SLICE = 200
"""The number of objects that are worked on before the time is looked at."""
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter's lock from the event loop: the server's `sys.setswitchinterval`."""


class Precedence:
    """A block of one task that goes before the work of another: a Pacer `after` it waits until the block is left."""

    def __init__(self) -> None:
        self._is_free = asyncio.Event()
        self._is_free.set()

    def __enter__(self) -> None:
        self._is_free.clear()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._is_free.set()

    async def wait(self) -> None:
        """Wait while a task is in the block."""
        await self._is_free.wait()


class Pacer:
    """Yields to the event loop once a slice of work has been done, and to what it comes `after`."""

    def __init__(self, after: Precedence | None = None) -> None:
        self._after = after
        self._began = monotonic()

    async def pause(self) -> None:
        """Let the event loop turn if the slice is over."""
        if monotonic() - self._began > SLICE_SECONDS:
            await asyncio.sleep(0)
            if self._after:
                await self._after.wait()
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


_SIDE = ThreadPoolExecutor(1, "side")


async def beside(call: Callable[..., T], *arguments: Any) -> T:
    """Return the result of a call that cannot be cut into slices, from a thread of its own.

    The event loop waits for the interpreter's lock at each turn, but at most for SWITCH_SECONDS, since all such calls
    share one thread.
    """
    return await asyncio.get_running_loop().run_in_executor(_SIDE, partial(call, *arguments))
