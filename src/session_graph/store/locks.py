"""The PostgreSQL advisory locks of this project, all here, so that no two of them share a number.

Each is held until its transaction ends. Behind a pooler a lock of the session would outlive the connection.
"""

from enum import IntEnum, unique

import asyncpg
from asyncpg.pool import PoolConnectionProxy


@unique
class AdvisoryLock(IntEnum):
    MIGRATION = 7_270_201
    """One process at a time reads and changes the list of migrations."""
    DEMO = 7_270_203
    """One process at a time fills the demo account and makes its keys."""


async def take_lock(connection: asyncpg.Connection | PoolConnectionProxy, lock: AdvisoryLock) -> None:
    """Wait for the lock and hold it until the transaction of the connection ends."""
    await connection.execute("select pg_advisory_xact_lock($1)", lock)


async def try_lock(connection: asyncpg.Connection | PoolConnectionProxy, lock: AdvisoryLock) -> bool:
    """Take the lock as `take_lock` does, or return False at once if another transaction holds it."""
    return bool(await connection.fetchval("select pg_try_advisory_xact_lock($1)", lock))
