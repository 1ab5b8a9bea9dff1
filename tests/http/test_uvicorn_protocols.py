"""What is written to a connection goes out together where it belongs together, and never stays behind."""

import asyncio
from typing import Any, cast

import pytest

from session_graph.http.uvicorn_protocols import CoalescingTransport

pytestmark = pytest.mark.anyio


class Recorded:
    """A transport that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.done.append(parts)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
async def joining(recorded: Recorded) -> CoalescingTransport:
    return CoalescingTransport(cast(asyncio.Transport, recorded), asyncio.get_running_loop())


async def test_two_writes_of_one_turn_are_one(joining: CoalescingTransport, recorded: Recorded) -> None:
    joining.write(b"head")
    joining.write(b"body")
    await asyncio.sleep(0)

    assert recorded.done == [(b"head", b"body")]


async def test_a_single_write_goes_out_at_the_end_of_the_turn(joining: CoalescingTransport, recorded: Recorded) -> None:
    joining.write(b"head")
    assert recorded.done == []

    await asyncio.sleep(0)

    assert recorded.done == [b"head"]


async def test_what_is_empty_holds_nothing_back(joining: CoalescingTransport, recorded: Recorded) -> None:
    joining.write(b"")
    joining.write(b"head")
    joining.write(b"")
    await asyncio.sleep(0)

    assert recorded.done == [(b"head", b"")]


async def test_three_writes_keep_their_order(joining: CoalescingTransport, recorded: Recorded) -> None:
    for part in (b"1", b"2", b"3"):
        joining.write(part)
    await asyncio.sleep(0)

    assert recorded.done == [(b"1", b"2"), b"3"]


async def test_closing_sends_what_was_held_back_first(joining: CoalescingTransport, recorded: Recorded) -> None:
    joining.write(b"head")

    joining.close()
    await asyncio.sleep(0)

    assert recorded.done == [b"head", "closed"]
    assert joining.is_closing()
