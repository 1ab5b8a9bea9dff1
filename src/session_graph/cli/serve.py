"""The commands that run until they are stopped: the API, the demo, the worker."""

import asyncio
import logging
import signal
import socket
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Protocol

import uvicorn

from session_graph.cli.demo import prepare_demo
from session_graph.cli.upgrading import upgrade_data
from session_graph.errors import SettingError
from session_graph.exports.requests import QUEUE
from session_graph.exports.sweeping import Sweeper
from session_graph.exports.worker import Worker
from session_graph.http.access_log import configure_logging
from session_graph.http.app import create_app
from session_graph.http.client_address import ClientAddresses
from session_graph.http.connections import (
    Connections,
    accept_backlog,
    fit_descriptors,
    most_connections,
    raise_descriptor_limit,
)
from session_graph.http.explorer import BUNDLE
from session_graph.http.uvicorn_protocols import make_protocols
from session_graph.ingestion.deliveries import QUEUE as INLETS
from session_graph.ingestion.deliveries import DeliverySweeper
from session_graph.ingestion.worker import InletWorker
from session_graph.schema.subscription_hub import CHANNELS, SubscriptionHub
from session_graph.sessions.event_log import EventCompactor
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.lifecycle import open_url, store_url
from session_graph.store.notifications import Listener
from session_graph.store.transport import describe_transport

LOGGER = logging.getLogger(__name__)
DRAIN_SECONDS = 10
STOP_SECONDS = 1.0
MOST_STOP_SECONDS = 12.0
"""From the signal to the end of the process."""
EXIT_SECONDS = 0.5
"""Of those, for the end of the interpreter."""
DEMO_LOG_LEVEL = "WARNING"
OUTBOX = "outbox"

Prepare = Callable[[Settings, Database], Awaitable[str]]
"""Prepares the open database and returns the text to print when the server accepts requests."""
Stop = Callable[[], None]


class _Service(Protocol):
    """What runs as long as a command."""

    async def run(self) -> None: ...


async def serve(settings: Settings, arguments: Namespace) -> int:
    """Serve the API, and unless `--no-worker` run exports and record what inlets took, until SIGINT or SIGTERM."""
    configure_logging(settings.log_level)
    _log_transport(settings)
    return await _serve(settings, _announce, with_worker=not arguments.no_worker)


async def demo(settings: Settings, arguments: Namespace) -> int:
    """Serve the API with a demo account, and print how to try it."""
    configure_logging(DEMO_LOG_LEVEL)
    _log_transport(settings)
    defaults = {"outbox": settings.outbox or settings.home / OUTBOX, "explorer": settings.explorer or BUNDLE}
    return await _serve(settings.model_copy(update=defaults), prepare_demo, with_worker=True)


async def work(settings: Settings, arguments: Namespace) -> int:
    """Run exports and record what inlets took, until SIGINT or SIGTERM."""
    configure_logging(settings.log_level)
    _log_transport(settings)
    stop_time = _StopTime()
    async with store_url(settings, stop_time.left) as url, open_url(url, settings) as database:
        await upgrade_data(database, settings)
        listener = _make_listener(settings, url, [QUEUE, INLETS])
        worker = Worker(database, url, settings, listener)
        inlets = InletWorker(database, listener)
        async with _running(database, listener, worker, inlets, *_housekeeping(database, settings)):
            stopped = _catch_stop_signals()
            print("Writing and sending exports", flush=True)
            await stopped.wait()
            stop_time.begin()
    return 0


def _log_transport(settings: Settings) -> None:
    for remark in describe_transport(settings):
        LOGGER.log(remark.level, remark.text)


def _housekeeping(database: Database, settings: Settings) -> tuple[_Service, ...]:
    """Return what every process does, so that each alone is enough."""
    return Sweeper(database, settings), DeliverySweeper(database, settings), EventCompactor(database, settings)


async def _announce(settings: Settings, database: Database) -> str:
    return f"Serving {settings.public_url}/graphql"


async def _serve(settings: Settings, prepare: Prepare, *, with_worker: bool) -> int:
    with _bind(settings) as bound:
        raise_descriptor_limit()
        settings = fit_descriptors(_with_address(settings, bound))
        stop_time = _StopTime()
        async with store_url(settings, stop_time.left) as url, open_url(url, settings) as database:
            await upgrade_data(database, settings)
            announcement = await prepare(settings, database)
            hub = SubscriptionHub(database, _make_listener(settings, url, CHANNELS), settings)
            exports, inlets = Worker(database, url, settings, hub.listener), InletWorker(database, hub.listener)
            workers: tuple[_Service, ...] = (exports, inlets) if with_worker else ()
            async with _running(database, hub, *_housekeeping(database, settings), *workers) as stop:
                server = _Server(make_config(settings, database, hub), announcement, hub, stop, stop_time)
                await server.serve(sockets=[bound])
    return 0


class _StopTime:
    """How much of MOST_STOP_SECONDS is left, counted from the signal to stop."""

    def __init__(self) -> None:
        self._began: float | None = None

    def begin(self) -> None:
        self._began = monotonic()

    def left(self) -> float:
        """Return the seconds in which the embedded database has to stop."""
        waited = monotonic() - self._began if self._began is not None else 0.0
        return MOST_STOP_SECONDS - EXIT_SECONDS - waited


@asynccontextmanager
async def _running(database: Database, *services: _Service) -> AsyncIterator[Stop]:
    """Run the services while the block runs, then cancel them and wait until they have ended.

    Yield what cancels them earlier, and lets whoever still waits for the database fail when requests should have ended.
    A database that does not answer what the services have to say at their end is not waited for.
    """
    tasks = [asyncio.create_task(service.run()) for service in services]

    def stop() -> None:
        for task in tasks:
            task.cancel()
        asyncio.get_running_loop().call_later(DRAIN_SECONDS - STOP_SECONDS / 2, database.terminate)

    try:
        yield stop
    finally:
        for task in tasks:
            task.cancel()
        _, waiting = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        if waiting:
            database.terminate()
            await asyncio.wait(waiting, timeout=STOP_SECONDS / 2)


def _make_listener(settings: Settings, url: str, channels: Sequence[str]) -> Listener:
    return Listener(settings.listen_url.get_secret_value() if settings.listen_url else url, channels)


def _catch_stop_signals() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set from now on."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _bind(settings: Settings) -> socket.socket:
    """Return a listening socket, made before anything else is started, so that a port in use is reported at once.

    Raises SettingError if the address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        reason = error.strerror or error
        message = f"Cannot listen on {settings.host}, port {settings.port}: {reason}."
        advice = "Choose others with --host and --port, or SESSION_GRAPH_HOST and SESSION_GRAPH_PORT."
        raise SettingError(f"{message} {advice}") from error


def _with_address(settings: Settings, bound: socket.socket) -> Settings:
    """Return the settings with the socket's port, and its address as the public URL if none is set."""
    port: int = bound.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.model_copy(update={"public_url": settings.public_url or f"http://{host}:{port}", "port": port})


def make_config(settings: Settings, database: Database, hub: SubscriptionHub) -> uvicorn.Config:
    """Return how uvicorn serves the application."""
    connections = Connections(
        most_connections(settings), settings.request_head_seconds, per_address=settings.connections_per_address
    )
    http, websocket = make_protocols(connections, ClientAddresses(settings.trusted_proxies), settings)
    return uvicorn.Config(
        create_app(settings, database, hub),
        http=http,
        ws=websocket,
        backlog=accept_backlog(),
        ws_max_size=settings.live_message_bytes,
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
    """Prints an announcement when it serves, and returns after SIGINT or SIGTERM, so that the caller can clean up."""

    def __init__(
        self, config: uvicorn.Config, announcement: str, hub: SubscriptionHub, stop: Stop, stop_time: _StopTime
    ) -> None:
        super().__init__(config)
        self._stop = stop
        self._stop_time = stop_time
        self._announcement = announcement
        self._hub = hub

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._announcement, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the subscriptions first: they never end by themselves, and uvicorn waits for open connections.

        The worker hands back its jobs at once, so that another takes them.
        """
        self._stop_time.begin()
        self._hub.end()
        self._stop()
        await asyncio.sleep(0)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
