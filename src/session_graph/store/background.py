"""Background work that runs as long as the process, also while the database is unavailable."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg
from tortoise.exceptions import BaseORMException

LOGGER = logging.getLogger(__name__)

STORE_FAILED = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException)
"""What a statement can raise while the database is unavailable."""
CONNECTION_ERRORS = (
    *(OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError),
    *(asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError),
)
"""The same without what the statement itself can cause, such as a time-out. asyncpg raises InternalClientError if a
connection dies while it is taken from the pool."""
RETRY_SECONDS = 2.0


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
            LOGGER.warning("The database is unavailable: %s", type(error).__name__)
        except Exception:
            failed = True
            LOGGER.exception("A background step failed")
        if task.cancelling():
            raise asyncio.CancelledError
        if failed or pause:
            await asyncio.sleep(pause or RETRY_SECONDS)
