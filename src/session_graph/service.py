"""The commands that serve until they are told to stop."""

import asyncio
import signal
import socket
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from session_graph.app import create_app
from session_graph.demonstration import describe_demo, prepare_demo
from session_graph.errors import SettingError
from session_graph.graph.log import configure_logging
from session_graph.opening import open_store
from session_graph.settings import Settings
from session_graph.store.database import Database

DRAIN_SECONDS = 10
DEMO_LOG_LEVEL = "WARNING"

Announce = Callable[[str], None]


async def serve(settings: Settings, arguments: Namespace) -> int:
    """Serve the API until SIGINT or SIGTERM."""
    configure_logging(settings.log_level)
    async with open_store(settings) as database:
        await _serve(settings, database, lambda address: print(f"Serving {address}/graphql", flush=True))
    return 0


async def demo(settings: Settings, arguments: Namespace) -> int:
    """Serve the API with a demo account, and say how to try it."""
    configure_logging(DEMO_LOG_LEVEL)
    async with open_store(settings) as database:
        keys = await prepare_demo(database, settings.home)
        await _serve(settings, database, lambda address: print(describe_demo(address, keys, settings.home), flush=True))
    return 0


async def _serve(settings: Settings, database: Database, announce: Announce) -> None:
    listener = _listen(settings.host, settings.port)
    port: int = listener.getsockname()[1]
    config = uvicorn.Config(
        create_app(settings, database),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config, lambda: announce(f"http://{_in_address(settings.host)}:{port}"))
    with listener:
        await server.serve(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket; before anything else is started, so that a port in use is told at once."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingError(f"Cannot listen on {host}, port {port}: {error.strerror or error}.") from error


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Server(uvicorn.Server):
    """Says when it serves, and after SIGINT or SIGTERM returns to its caller, who has a database to close."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
