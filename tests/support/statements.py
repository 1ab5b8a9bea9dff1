"""The statements that reach the database."""

import asyncio

from asyncpg.connection import LoggedQuery

_OF_THE_DRIVER = ("typeinfo", "current_setting('jit')", "pg_advisory", "BEGIN", "COMMIT", "ROLLBACK")


class Statements(list[str]):
    """In order; without those by which the driver learns types, and without transaction control."""

    def note(self, query: LoggedQuery) -> None:
        if not any(mark in query.query for mark in _OF_THE_DRIVER):
            self.append(query.query)

    async def so_far(self) -> list[str]:
        """With those that are about to be noted: the driver tells of a statement a turn after its rows."""
        await asyncio.sleep(0)
        return self

    async def restart(self) -> None:
        """Forget those so far."""
        (await self.so_far()).clear()
