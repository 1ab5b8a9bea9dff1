"""Work that goes on in the background as long as the process serves, whatever becomes of the database meanwhile."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import asyncpg
from tortoise.exceptions import BaseORMException

LOGGER = logging.getLogger(__name__)

STORE_FAILED = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException)
"""What a statement raises while the database is away."""
CONNECTION_ERRORS = (
    *(OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError),
    *(asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError),
)
"""The same without what the statement itself can be to blame for, such as a time-out. The driver has an internal error
for a connection that dies as it is taken from the pool."""
RETRY_SECONDS = 2.0


async def run_forever(step: Callable[[], Awaitable[None]], pause: float = 0) -> None:
    """A step again and again until the task is cancelled, whatever the step raises: the database may be away.

    A driver that is cancelled while it connects may raise something of its own instead, and the cancellation of a job
    whose lease is lost may come late; so it is the task that is asked whether it is over.
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
            LOGGER.warning("the database is away: %s", type(error).__name__)
        except Exception:
            failed = True
            LOGGER.exception("a step in the background failed")
        if task.cancelling():
            raise asyncio.CancelledError
        if failed or pause:
            await asyncio.sleep(pause or RETRY_SECONDS)
