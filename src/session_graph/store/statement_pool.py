"""A connection pool for single statements: acquire and release cost no round trip and no turn of the event loop.

asyncpg's own pool hands out a proxy and takes it back in a new task, and its time-outs are a timer for each statement.
Here one timer watches all connections: it drops those whose statement is not answered, and those that were idle for too
long. Its ticks are counted, not the time, so that nothing is given up because this process was halted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import ceil

import asyncpg

from session_graph.store.background import NoAnswer, PoolExhausted
from session_graph.store.internals import is_cancelling, wait_for_cancellation

TICK_SECONDS = 0.25
CANCEL_SECONDS = 2.0
"""How long the server may take to end a statement that was cancelled."""

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class StatementPool:
    """At most `size` connections, each opened when it is first needed. The last one released is the next one used.

    A statement waits at most `wait` seconds for a connection, and at most `answer` seconds for connection and answer; a
    connection is idle for at most `idle` seconds. `on_silence` is called when a statement was not answered.
    """

    def __init__(
        self,
        connect: Connect,
        size: int,
        *,
        wait: float,
        answer: float,
        idle: float,
        on_silence: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._size = size
        self._wait = wait
        self._on_silence = on_silence
        self._idle_seconds = idle
        self._answer = answer
        self._answer_ticks = ceil(answer / TICK_SECONDS) + 1
        self._slots = asyncio.Semaphore(size)
        self._busy: dict[asyncpg.Connection, int] = {}
        self._idle: list[tuple[asyncpg.Connection, float]] = []
        self._is_closed = False
        self._ticks = 0
        self._now = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._silent: set[asyncpg.Connection] = set()
        self._cancellations: set[asyncio.Task[None]] = set()

    async def fetch(self, sql: str, *parameters: object) -> list[asyncpg.Record]:
        """Return all rows of one statement. Raises PoolExhausted, NoAnswer, and what asyncpg raises."""
        connection = await self._acquire()
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *parameters)
        except BaseException as error:
            self._release_failed(connection, error)
            raise
        self._release(connection)
        return rows

    async def fetchrow(self, sql: str, *parameters: object) -> asyncpg.Record | None:
        """Return the first row of one statement, or None. Raises what `fetch` raises."""
        connection = await self._acquire()
        try:
            row = await connection.fetchrow(sql, *parameters)
        except BaseException as error:
            self._release_failed(connection, error)
            raise
        self._release(connection)
        return row

    async def close(self) -> None:
        """Wait for running statements, then close."""
        for _ in range(self._size):
            await self._slots.acquire()
        self._is_closed = True
        self._slots.release()  # so that the next statement raises at once
        if self._timer:
            self._timer.cancel()
        while self._idle:
            await self._idle.pop()[0].close()

    def drop_idle(self) -> None:
        while self._idle:
            self._idle.pop()[0].terminate()

    def terminate(self) -> None:
        """Close at once; running statements fail."""
        self._is_closed = True
        if self._timer:
            self._timer.cancel()
        for connection in [*self._busy, *(connection for connection, _ in self._idle)]:
            connection.terminate()

    async def _acquire(self) -> asyncpg.Connection:
        """Return an idle connection or a new one, and drop those that the server has closed."""
        began, deadline = self._ticks, None
        if self._slots.locked():
            deadline = self._deadline()
            await self._wait_for_slot()
        else:
            await self._slots.acquire()
        try:
            if self._is_closed:
                raise asyncpg.InterfaceError("the database is closed")
            connection = self._pop_idle() or await self._open(deadline or self._deadline())
        except BaseException:
            self._slots.release()
            raise
        self._busy[connection] = began
        if self._timer is None:
            self._start_ticking()
        return connection

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                await self._slots.acquire()
        except TimeoutError as error:
            raise PoolExhausted from error

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._answer

    async def _open(self, deadline: float) -> asyncpg.Connection:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._connect()
        except TimeoutError as error:
            raise NoAnswer("no connection in time") from error

    def _pop_idle(self) -> asyncpg.Connection | None:
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def _release(self, connection: asyncpg.Connection) -> None:
        del self._busy[connection]
        if not connection.is_closed():
            self._idle.append((connection, self._now))
        self._slots.release()

    def _release_failed(self, connection: asyncpg.Connection, error: BaseException) -> None:
        """Drop the connection of a statement that was given up; let the server end a cancelled statement first.

        Raises NoAnswer if it was given up here.
        """
        if isinstance(error, asyncio.CancelledError | TimeoutError) and is_cancelling(connection):
            task = asyncio.create_task(self._release_cancelled(connection))
            self._cancellations.add(task)
            task.add_done_callback(self._cancellations.discard)
            return
        self._release(connection)
        if connection in self._silent:
            self._silent.discard(connection)
            raise NoAnswer("no answer to a statement") from error

    async def _release_cancelled(self, connection: asyncpg.Connection) -> None:
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await wait_for_cancellation(connection)
        except Exception:
            connection.terminate()
        finally:
            self._silent.discard(connection)
            self._release(connection)

    def _start_ticking(self) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time()
        self._timer = loop.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._ticks += 1
        for connection, began in list(self._busy.items()):
            if self._ticks - began > self._answer_ticks:
                self._silent.add(connection)
                connection.terminate()
        if self._busy or self._idle:
            self._start_ticking()
        else:
            self._timer = None
        while self._idle and self._now - self._idle[0][1] > self._idle_seconds:
            self._idle.pop(0)[0].terminate()
        if self._silent:
            self._on_silence()
