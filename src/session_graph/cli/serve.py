"""The commands that serve until they are told to stop."""

import asyncio
import signal
import socket
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

import uvicorn

from session_graph.cli.demo import describe_demo, prepare_demo
from session_graph.errors import SettingError
from session_graph.exports.requests import QUEUE
from session_graph.exports.worker import Worker
from session_graph.http.access_log import configure_logging
from session_graph.http.app import create_app
from session_graph.http.explorer import BUNDLE
from session_graph.http.uvicorn_protocols import Http, WebSocket
from session_graph.schema.subscription_hub import CHANNELS, SubscriptionHub
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.lifecycle import open_url, store_url
from session_graph.store.notifications import Listener

DRAIN_SECONDS = 10


class Runs(Protocol):
    """What works in the background."""

    async def run(self) -> None: ...


DEMO_LOG_LEVEL = "WARNING"
OUTBOX = "outbox"


async def serve(settings: Settings, arguments: Namespace) -> int:
    """Serve the API, and write reports unless `--no-worker` leaves that to others, until SIGINT or SIGTERM."""
    configure_logging(settings.log_level)
    with _listen(settings) as listener:
        settings = _with_address(settings, listener)
        async with store_url(settings) as url, open_url(url, settings) as database:
            hub = SubscriptionHub(database, _listener(settings, url, CHANNELS), settings)
            worker = None if arguments.no_worker else Worker(database, url, settings, hub.listener)
            async with _running(hub, worker):
                await _serve(settings, database, hub, listener, f"Serving {settings.public_url}/graphql")
    return 0


async def demo(settings: Settings, arguments: Namespace) -> int:
    """Serve the API with a demo account, and say how to try it."""
    configure_logging(DEMO_LOG_LEVEL)
    with _listen(settings) as listener:
        settings = _with_address(settings, listener)
        given = {"outbox": settings.outbox or settings.home / OUTBOX, "explorer": settings.explorer or BUNDLE}
        settings = settings.model_copy(update=given)
        async with store_url(settings) as url, open_url(url, settings) as database:
            keys = await prepare_demo(database, settings.home)
            hub = SubscriptionHub(database, _listener(settings, url, CHANNELS), settings)
            async with _running(hub, Worker(database, url, settings, hub.listener)):
                await _serve(settings, database, hub, listener, describe_demo(keys, settings))
    return 0


async def work(settings: Settings, arguments: Namespace) -> int:
    """Write and send reports until SIGINT or SIGTERM."""
    configure_logging(settings.log_level)
    async with store_url(settings) as url, open_url(url, settings) as database:
        listener = _listener(settings, url, [QUEUE])
        async with _running(listener, Worker(database, url, settings, listener)):
            print("Working on reports", flush=True)
            await _until_told_to_stop()
    return 0


@asynccontextmanager
async def _running(*workers: Runs | None) -> AsyncIterator[None]:
    """They run as long as the block; then each hands back what it has."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers if worker]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _listener(settings: Settings, url: str, channels: Sequence[str]) -> Listener:
    return Listener(settings.listen_url.get_secret_value() if settings.listen_url else url, channels)


async def _until_told_to_stop() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    await told.wait()


def _listen(settings: Settings) -> socket.socket:
    """A bound socket; before anything else is started, so that a port in use is told at once."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        reason = error.strerror or error
        raise SettingError(f"Cannot listen on {settings.host}, port {settings.port}: {reason}.") from error


def _with_address(settings: Settings, listener: socket.socket) -> Settings:
    """Where people reach the server, if nobody has said, is where it listens."""
    port: int = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.model_copy(update={"public_url": settings.public_url or f"http://{host}:{port}", "port": port})


async def _serve(
    settings: Settings, database: Database, hub: SubscriptionHub, listener: socket.socket, announcement: str
) -> None:
    await _Server(make_config(settings, database, hub), announcement, hub).serve(sockets=[listener])


def make_config(settings: Settings, database: Database, hub: SubscriptionHub) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        create_app(settings, database, hub),
        http=Http,
        ws=WebSocket,
        ws_max_size=settings.max_body_bytes,
        ws_ping_interval=settings.live_keep_alive_seconds,
        ws_ping_timeout=settings.live_keep_alive_seconds,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


class _Server(uvicorn.Server):
    """Says when it serves, and after SIGINT or SIGTERM returns to its caller, who has a database to close."""

    def __init__(self, config: uvicorn.Config, announcement: str, hub: SubscriptionHub) -> None:
        super().__init__(config)
        self._announcement = announcement
        self._hub = hub

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._announcement, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who follows would keep us: they are sent away before the others are waited for."""
        self._hub.end()
        await asyncio.sleep(0)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
