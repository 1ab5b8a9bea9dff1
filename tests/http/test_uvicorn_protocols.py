"""Writes of one event loop iteration are coalesced, and none is left unsent."""

import asyncio
from typing import Any, cast

import pytest

from session_graph.http.uvicorn_protocols import CoalescingTransport

pytestmark = pytest.mark.anyio


class Recorded:
    """A transport that records the calls of its methods."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.calls.append(parts)

    def close(self) -> None:
        self.calls.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.calls


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
async def coalescing(recorded: Recorded) -> CoalescingTransport:
    return CoalescingTransport(cast(asyncio.Transport, recorded), asyncio.get_running_loop())


async def test_two_writes_of_one_iteration_are_one(coalescing: CoalescingTransport, recorded: Recorded) -> None:
    coalescing.write(b"head")
    coalescing.write(b"body")
    await asyncio.sleep(0)

    assert recorded.calls == [(b"head", b"body")]


async def test_a_single_write_is_sent_at_the_end_of_the_iteration(
    coalescing: CoalescingTransport, recorded: Recorded
) -> None:
    coalescing.write(b"head")
    assert recorded.calls == []

    await asyncio.sleep(0)

    assert recorded.calls == [b"head"]


async def test_an_empty_write_holds_nothing_back(coalescing: CoalescingTransport, recorded: Recorded) -> None:
    coalescing.write(b"")
    coalescing.write(b"head")
    coalescing.write(b"")
    await asyncio.sleep(0)

    assert recorded.calls == [(b"head", b"")]


async def test_three_writes_keep_their_order(coalescing: CoalescingTransport, recorded: Recorded) -> None:
    for part in (b"1", b"2", b"3"):
        coalescing.write(part)
    await asyncio.sleep(0)

    assert recorded.calls == [(b"1", b"2"), b"3"]


async def test_what_is_held_back_is_dropped_if_the_connection_is_lost(
    coalescing: CoalescingTransport, recorded: Recorded
) -> None:
    coalescing.write(b"head")
    recorded.close()
    coalescing.write(b"body")
    await asyncio.sleep(0)

    assert recorded.calls == ["closed"]


async def test_closing_first_sends_what_was_held_back(coalescing: CoalescingTransport, recorded: Recorded) -> None:
    coalescing.write(b"head")

    coalescing.close()
    await asyncio.sleep(0)

    assert recorded.calls == [b"head", "closed"]
    assert coalescing.is_closing()
