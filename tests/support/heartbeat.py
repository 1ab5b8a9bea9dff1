"""How long the event loop leaves everybody else waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time


@asynccontextmanager
async def heartbeat() -> AsyncIterator[list[float]]:
    """Collect the seconds of work between two turns of the event loop; other programs' work does not count."""
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            before = thread_time()
            await asyncio.sleep(0.001)
            gaps.append(thread_time() - before)

    task = asyncio.create_task(beat())
    yield gaps
    task.cancel()
