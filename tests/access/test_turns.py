"""Heavy operations of an account take turns, in order; other accounts are not concerned."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from session_graph.access.turns import TooManyHeavyQueries, Turns

pytestmark = pytest.mark.anyio

ONE, OTHER = UUID(int=1), UUID(int=2)
NEVER = 60.0


@dataclass
class Runs:
    """Operations that run until they are ended, by name."""

    turns: Turns
    began: list[str] = field(default_factory=list)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    ends: dict[str, asyncio.Event] = field(default_factory=dict)

    async def start(self, names: Sequence[str], account: UUID = ONE) -> None:
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._run(name, account))
        await self.settle()

    async def end(self, name: str) -> None:
        self.ends[name].set()
        await self.tasks[name]
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _run(self, name: str, account: UUID) -> None:
        async with self.turns.turn(account):
            self.began.append(name)
            await self.ends[name].wait()


async def test_the_operations_of_an_account_run_a_few_at_a_time_in_their_order() -> None:
    runs = Runs(Turns(2, 10, NEVER))
    await runs.start("abcde")

    assert runs.began == [*"ab"]
    await runs.end("b")
    assert runs.began == [*"abc"]
    await runs.end("a")
    await runs.end("c")
    assert runs.began == [*"abcde"]
    await runs.end("d")
    await runs.end("e")
    assert len(runs.turns) == 0


async def test_another_account_does_not_wait() -> None:
    runs = Runs(Turns(1, 10, NEVER))
    await runs.start("abc")
    await runs.start("x", OTHER)

    assert runs.began == [*"ax"]
    for name in "axbc":
        await runs.end(name)


async def test_what_comes_too_late_for_the_queue_is_refused_at_once() -> None:
    runs = Runs(Turns(1, 2, NEVER))
    await runs.start("abc")

    with pytest.raises(TooManyHeavyQueries) as refused:
        async with runs.turns.turn(ONE):
            raise AssertionError

    assert refused.value.extensions == {"code": "RATE_LIMITED", "retryAfter": 60}
    assert refused.value.status == 429
    for name in "abc":
        await runs.end(name)
    await runs.start("d")
    assert runs.began == [*"abcd"]
    await runs.end("d")


async def test_what_has_waited_too_long_is_refused_and_the_next_has_its_turn() -> None:
    runs = Runs(Turns(1, 10, 0.05))
    await runs.start("ab")

    with pytest.raises(TooManyHeavyQueries):
        await runs.tasks["b"]

    await runs.start("c")
    await runs.end("a")
    assert runs.began == [*"ac"]
    await runs.end("c")
    assert len(runs.turns) == 0


async def test_who_leaves_the_queue_keeps_no_place() -> None:
    runs = Runs(Turns(1, 2, NEVER))
    await runs.start("abc")
    runs.tasks["b"].cancel()
    await runs.start("d")

    assert runs.began == ["a"]
    await runs.end("a")
    assert runs.began == [*"ac"]
    await runs.end("c")
    assert runs.began == [*"acd"]
    await runs.end("d")
    assert len(runs.turns) == 0


async def test_an_operation_that_fails_ends_its_turn() -> None:
    turns = Turns(1, 0, NEVER)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.turn(ONE):
                raise ZeroDivisionError

    assert len(turns) == 0
