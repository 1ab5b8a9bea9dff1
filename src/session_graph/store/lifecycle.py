"""Opening the database that the settings name: the given one or the embedded one, migrated where that is allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from session_graph.errors import StoreError
from session_graph.settings import Settings
from session_graph.store.database import Database, open_database
from session_graph.store.embedded.server import EmbeddedServer, start_embedded
from session_graph.store.migration import migrate

WATCH_SECONDS = 0.5


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Database]:
    """The open database. Raises StoreError where there is none that can be used."""
    async with store_url(settings) as url, open_url(url, settings) as database:
        yield database


@asynccontextmanager
async def open_url(url: str, settings: Settings) -> AsyncIterator[Database]:
    """The database at this address, migrated where that is allowed."""
    if settings.migrate_on_start:
        await migrate(url)
    database = await open_database(url, settings)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def store_url(settings: Settings) -> AsyncIterator[str]:
    """The address of a server that answers; the embedded one runs as long as the context."""
    if settings.database_url:
        yield settings.database_url.get_secret_value()
        return
    keeper = ServerSupervisor(await asyncio.to_thread(start_embedded, settings.home), settings.home)
    watch = asyncio.create_task(keeper.watch())
    try:
        yield keeper.server.url
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await asyncio.to_thread(keeper.server.stop)


class ServerSupervisor:
    """Starts the embedded server again when it dies, or when the process that owned it ends."""

    def __init__(self, server: EmbeddedServer, home: Path) -> None:
        self.server = server
        self._home = home

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not await asyncio.to_thread(self.server.is_alive):
                await asyncio.to_thread(self.server.stop)
                with suppress(StoreError):  # tried again as long as we run
                    self.server = await asyncio.to_thread(start_embedded, self._home)
