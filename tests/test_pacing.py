"""Long work lets the event loop turn."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from session_graph import pacing
from session_graph.pacing import SLICE, SLICE_SECONDS, Pacer, Precedence, beside, in_slices, one_by_one

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that moves on by a step whenever it is read."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


async def turns_during(work: asyncio.Task[object]) -> int:
    """Return how often the event loop turned while the work was done."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


async def pause_often(pacer: Pacer, number: int) -> None:
    for _ in range(number):
        await pacer.pause()


async def test_a_pause_turns_the_loop_once_a_slice_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "monotonic", Clock(SLICE_SECONDS / 2.5))

    turns = await turns_during(asyncio.create_task(pause_often(Pacer(), 30)))

    assert 30 // 4 <= turns <= 30 // 2


async def test_a_pause_within_a_slice_costs_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "monotonic", Clock(0))

    assert await turns_during(asyncio.create_task(pause_often(Pacer(), 1000))) == 1


async def test_what_comes_after_waits_for_the_block_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "monotonic", Clock(2 * SLICE_SECONDS))
    first = Precedence()

    with first:
        second = asyncio.create_task(Pacer(after=first).pause())
        await asyncio.sleep(0.01)
        assert not second.done()
    await second


async def test_slices_are_of_bounded_size_and_keep_the_order() -> None:
    sizes: list[int] = []

    def double(numbers: Sequence[int]) -> list[int]:
        sizes.append(len(numbers))
        return [2 * number for number in numbers]

    numbers = range(2 * SLICE + 1)
    assert await in_slices(double, numbers) == [2 * number for number in numbers]
    assert sizes == [SLICE, SLICE, 1]
    assert await one_by_one(str, numbers) == [str(number) for number in numbers]


async def test_calls_beside_the_loop_run_in_one_thread_of_their_own() -> None:
    threads = await asyncio.gather(*(beside(threading.get_ident) for _ in range(20)))

    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_an_error_of_a_call_beside_the_loop_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await beside(divmod, 1, 0)
