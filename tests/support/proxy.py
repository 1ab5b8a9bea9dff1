"""A TCP proxy in front of PostgreSQL that can be told to misbehave as networks do."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class Proxy:
    """Forwards connections. Set its attributes from any thread; they hold for open and for new connections alike."""

    target: tuple[str, int] | str
    """A host and port, or the path of a Unix socket."""
    port: int = 0
    is_dark: bool = False
    """Swallow everything, and accept without ever answering: nothing tells either side."""
    idle_seconds: float = float("inf")
    """Forget a connection that was idle for so long: what is sent over it later is swallowed."""
    delay_seconds: float = 0
    """Hold each piece of data back for so long."""
    opened: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self) -> asyncio.Server:
        """Listen on a free port of this machine."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        if self.is_dark:
            await _until_closed(reader)
            writer.close()
            return
        try:
            if isinstance(self.target, str):
                back = await asyncio.open_unix_connection(self.target)
            else:
                back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        flow = _Flow(self)
        ways = [
            asyncio.create_task(flow.copy(reader, back[1])),
            asyncio.create_task(flow.copy(back[0], writer)),
        ]
        self._tasks.update(ways)
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
                self._tasks.discard(way)
            writer.close()
            back[1].close()


class _Flow:
    """The two directions of one connection."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._used_at = asyncio.get_running_loop().time()
        self._is_forgotten = False

    async def copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await source.read(65536):
                if self._proxy.is_dark or loop.time() - self._used_at > self._proxy.idle_seconds:
                    self._is_forgotten = True
                if self._is_forgotten:
                    continue
                self._used_at = loop.time()
                if self._proxy.delay_seconds:
                    await asyncio.sleep(self._proxy.delay_seconds)
                to.write(data)
                await to.drain()


async def _until_closed(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65536):
            pass


class ProxyThread:
    """A proxy in a thread of its own, for tests of processes."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        self.proxy = Proxy(target)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.proxy.serve(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _end(self) -> None:
        current = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not current]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """Yield a proxy before the server of this address, and the address through it."""
    with ProxyThread(target_of(url)) as running:
        yield running.proxy, through(url, running.proxy.port)


def target_of(url: str) -> tuple[str, int] | str:
    """Return where the server of this address listens."""
    split = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(split.query).items()}
    host, port = query.get("host", split.hostname), int(query.get("port", split.port or 5432))
    assert host
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def through(url: str, port: int) -> str:
    """Return the address with this port of this machine instead of its server's."""
    split = urlsplit(url)
    login = split.netloc.rpartition("@")[0]
    return f"{split.scheme}://{login}{'@' if login else ''}127.0.0.1:{port}{split.path}"
