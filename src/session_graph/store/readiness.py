"""Whether the database can be used, and if not, why: answered within PROBE_SECONDS whatever happens.

The probe has a connection of its own, so that a busy pool does not look like a database that is away.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import asyncpg

from session_graph.errors import StoreError
from session_graph.store.background import STORE_FAILED
from session_graph.store.connections import Limits, connect
from session_graph.store.migration import pending

PROBE_SECONDS = 1.25
KEPT_CONNECTION_SECONDS = 0.5
"""How long the kept connection may take before a new one is tried: its other end may have vanished."""
REMEMBER_FULL_SECONDS = 30.0

SILENT = "The database does not answer."
BEHIND = "The database is older than this version: run `session-graph migrate`."
STANDBY = "The database is a standby: it can be read, but nothing can be stored."
READ_ONLY = "The database is read-only: nothing can be stored."
FULL = "The database had no room left for a change a moment ago."

_WRITABLE = "select pg_is_in_recovery() as is_standby, current_setting('transaction_read_only') = 'on' as is_read_only"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be served, whether changes can be stored, and what is wrong if anything is."""

    is_ready: bool
    is_writable: bool
    reason: str | None = None


class ReadinessProbe:
    """Asks the database over a connection of its own. Close it at the end."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._url = url
        self._limits = limits
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._used_at = 0.0
        self._full_at = -REMEMBER_FULL_SECONDS

    def note_full(self) -> None:
        """Remember that a change was refused because the disk is full."""
        self._full_at = monotonic()

    async def check(self) -> Readiness:
        """Return within PROBE_SECONDS how the database is."""
        try:
            async with asyncio.timeout(PROBE_SECONDS), self._lock:
                return await self._ask_kept() or await self._ask_new()
        except StoreError as error:
            return Readiness(False, False, error.message)
        except TimeoutError:
            return Readiness(False, False, SILENT)
        except STORE_FAILED as error:
            return Readiness(False, False, f"The database cannot be reached: {type(error).__name__}.")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _ask_kept(self) -> Readiness | None:
        """Return what the kept connection says; None if there is none, or it does not answer at once."""
        connection = self._connection
        if connection is None or connection.is_closed() or monotonic() - self._used_at > self._limits.idle:
            return None
        with suppress(*STORE_FAILED):
            async with asyncio.timeout(KEPT_CONNECTION_SECONDS):
                return await self._ask(connection)
        return None

    async def _ask_new(self) -> Readiness:
        self.close()
        options = {**self._limits.options, "statement_cache_size": 0}
        self._connection = await connect(self._url, **options)
        return await self._ask(self._connection)

    async def _ask(self, connection: asyncpg.Connection) -> Readiness:
        is_behind = bool(await pending(connection))
        row = await connection.fetchrow(_WRITABLE)
        assert row is not None
        self._used_at = monotonic()
        if is_behind:
            return Readiness(False, False, BEHIND)
        if row["is_standby"]:
            return Readiness(True, False, STANDBY)
        if row["is_read_only"]:
            return Readiness(True, False, READ_ONLY)
        if monotonic() - self._full_at < REMEMBER_FULL_SECONDS:
            return Readiness(True, False, FULL)
        return Readiness(True, True)
