"""Background work that runs as long as the process, also while the database is unavailable."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

import asyncpg
from tortoise.exceptions import BaseORMException

from session_graph.errors import OutcomeUnknown, Unavailable

LOGGER = logging.getLogger(__name__)

BUSY = "The server has more to do than it can; try again."
TAKES_NO_CHANGES = "Nothing can be stored at present, only read; try again."
MAX_REASON = 300


class NoAnswer(ConnectionError):
    """The database did not answer in time; the connection was given up."""


class NotConnected(ConnectionError):
    """No connection to the database could be opened."""


class PoolExhausted(ConnectionError):
    """All connections to the database were in use for as long as a statement may wait for one."""

    def __init__(self) -> None:
        super().__init__("all connections are in use")


STORE_FAILED = (
    *(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(BaseORMException, OutcomeUnknown),
)
"""What a statement can raise while the database is unavailable."""
CONNECTION_ERRORS = (
    *(OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError),
    *(asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError),
    *(asyncpg.IdleSessionTimeoutError, asyncpg.IdleInTransactionSessionTimeoutError),
    *(asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError, OutcomeUnknown),
)
"""The same without what the statement itself can cause, such as a time-out. asyncpg raises InternalClientError if a
connection dies while it is taken from the pool, and if no host has the `target_session_attrs`."""
RETRY_SECONDS = 2.0


def find_unavailable(error: BaseException) -> Unavailable | None:
    """Return what a caller is told if this error says that the database cannot be used at present, else None.

    Tortoise wraps errors of asyncpg.
    """
    if isinstance(error, BaseORMException) and error.__cause__ is not None:
        error = error.__cause__
    match error:
        case Unavailable():
            return error
        case asyncpg.InterfaceError() if isinstance(error, ValueError):
            return None  # the values of the statement are to blame
        case OSError() if not isinstance(error, ConnectionError):
            return None  # not about the database: `connect` raises NotConnected
        case PoolExhausted():
            return Unavailable(BUSY, retry_after=1)
        case asyncpg.ReadOnlySQLTransactionError() | asyncpg.DiskFullError():
            return Unavailable(TAKES_NO_CHANGES, retry_after=5)
        case error if isinstance(error, CONNECTION_ERRORS):
            return Unavailable(retry_after=RETRY_SECONDS)
        case _:
            return None


class UnavailableLog:
    """Logs that the database is unavailable, in one line a second at most however many tasks notice it."""

    def __init__(self) -> None:
        self._next = 0.0
        self._count = 0

    def warn(self, error: BaseException, what: str = "A statement failed") -> None:
        self._count += 1
        if (now := monotonic()) < self._next:
            return
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_REASON]
        LOGGER.warning(
            "The database is unavailable. %s (%d times since the last such line): %s", what, self._count, reason
        )
        self._next, self._count = now + 1, 0


unavailable_log = UnavailableLog()


async def run_forever(step: Callable[[], Awaitable[None]], pause: float = 0) -> None:
    """Repeat a step until the task is cancelled, whatever the step raises, with `pause` seconds between two steps.

    Whether to stop is read from the task: asyncpg, if cancelled while it connects, may raise another error instead,
    and a step may raise a late CancelledError of a job whose lease was lost.
    """
    task = asyncio.current_task()
    assert task is not None
    while True:
        failed = False
        try:
            await step()
        except asyncio.CancelledError:
            if task.cancelling():
                raise
        except STORE_FAILED as error:
            failed = True
            unavailable_log.warn(error, "A background step failed")
        except Exception:
            failed = True
            LOGGER.exception("A background step failed")
        if task.cancelling():
            raise asyncio.CancelledError
        if failed or pause:
            await asyncio.sleep(pause or RETRY_SECONDS)
