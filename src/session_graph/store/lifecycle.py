"""Opens the database of the settings, a given or the embedded one, and migrates it if the settings allow that."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from session_graph.errors import StoreError
from session_graph.settings import PREFIX, Settings
from session_graph.store.database import Database, open_database
from session_graph.store.embedded.server import STOP_SECONDS, EmbeddedServer, has_database, start_embedded
from session_graph.store.migration import check_schema, migrate

WATCH_SECONDS = 0.5


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Database]:
    """Yield the open database of the settings. Raises StoreError if it cannot be used."""
    async with store_url(settings) as url, open_url(url, settings) as database:
        yield database


@asynccontextmanager
async def open_existing_store(settings: Settings) -> AsyncIterator[Database]:
    """Like `open_store`, but never creates an embedded database. Raises StoreError if there is none."""
    await require_database(settings)
    async with open_store(settings) as database:
        yield database


async def require_database(settings: Settings) -> None:
    """Raise StoreError if the settings name no server and the home has no embedded database."""
    if not settings.database_url and not await asyncio.to_thread(has_database, settings.home):
        raise StoreError(
            f"There is no database: {PREFIX}DATABASE_URL is not set, and {settings.home.resolve()} "
            f"({PREFIX}HOME) has no embedded one. Set one of the two variables, or create the database with "
            "`session-graph serve` or `session-graph demo`."
        )


@asynccontextmanager
async def open_url(url: str, settings: Settings) -> AsyncIterator[Database]:
    """Yield the open database at this URL, migrated if the settings allow that."""
    await (migrate(url) if settings.migrate_on_start else check_schema(url))
    database = await open_database(url, settings)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def store_url(settings: Settings, stop_seconds: Callable[[], float] = lambda: STOP_SECONDS) -> AsyncIterator[str]:
    """Yield the URL of a running server. An embedded one stops with the context, within `stop_seconds`."""
    if settings.database_url:
        yield settings.database_url.get_secret_value()
        return
    is_stopping = threading.Event()
    try:
        server = await asyncio.to_thread(start_embedded, settings.home, give_up=is_stopping)
        supervisor = ServerSupervisor(server, settings.home, is_stopping)
        watch = asyncio.create_task(supervisor.watch())
        try:
            yield server.url
        finally:
            is_stopping.set()
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            await asyncio.to_thread(supervisor.server.stop, stop_seconds())
    finally:
        is_stopping.set()


@dataclass(slots=True)
class ServerSupervisor:
    """Restarts the embedded server if it dies, or if the process that owned it ends."""

    server: EmbeddedServer
    home: Path
    is_stopping: threading.Event = field(default_factory=threading.Event)

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if not await asyncio.to_thread(self.server.is_alive):
                await asyncio.to_thread(self.server.stop)
                with suppress(StoreError):  # the next round tries again
                    self.server = await asyncio.to_thread(start_embedded, self.home, give_up=self.is_stopping)
