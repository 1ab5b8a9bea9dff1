"""Concurrency of one request: a race between coroutines, and a block that ends when the client disconnects."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")

WATCH_AFTER_SECONDS = 0.05
"""How long a block runs before a task watches for its client to disconnect: most blocks end earlier and need none."""


class while_connected:
    """Cancels the block, and with it its statements, when the client disconnects. Raises ClientDisconnect then."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._disconnected = False
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        block = asyncio.current_task(loop)
        assert block is not None
        self._block, self._cancelled_before = block, block.cancelling()
        self._timer = loop.call_later(WATCH_AFTER_SECONDS, self._start_watcher)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._timer.cancel()
        if self._watcher:
            self._watcher.cancel()
        cancelled_here = self._disconnected and isinstance(error, asyncio.CancelledError)
        if cancelled_here and self._block.uncancel() <= self._cancelled_before:
            raise ClientDisconnect from None

    def _start_watcher(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._disconnected = True
        self._block.cancel()


async def race(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run until the first ends, then cancel the others and wait for them. Raises what any of them raises."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        errors = [task.exception() for task in tasks if not task.cancelled()]
        del task, tasks
    try:
        for error in errors:
            if error is not None:
                raise error
    finally:
        del errors
        error = (
            None  # an error holds this frame: a frame that holds the error would keep both, and all they hold, alive
        )


async def single(value: T) -> AsyncGenerator[T, None]:
    """Yield one value, where a stream is expected."""
    yield value
