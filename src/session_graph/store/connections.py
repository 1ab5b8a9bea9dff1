"""How connections to PostgreSQL are opened: each step is bounded, and a peer that vanishes is noticed.

`Limits.of(settings)` says for how long anything about the database may take. Statements have the server's limit, and
half a step above it ours, for a server that does not answer at all.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from session_graph.settings import Settings
from session_graph.store.background import NoAnswer, NotConnected
from session_graph.store.internals import socket_of

CONNECT_SECONDS = 5.0
NEXT_HOST_SECONDS = 0.5
"""After which the next host of a list is tried beside those that have not answered yet."""
ANSWER_SECONDS = 1.0
"""How much longer than the server's limit we wait for the answer to a statement."""
REQUEST_SECONDS = 2.0
"""How much longer than that limit a whole request may wait for the database."""
KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 25_000}
"""End a connection whose other end has vanished: seconds, seconds, probes, milliseconds."""
END_IDLE_TRANSACTION = "set local idle_in_transaction_session_timeout = '5s'"
"""The server ends a transaction that waits so long for its next statement, because its process is halted or gone: it
holds its locks, and holds back live updates. A running statement is not concerned, however long it takes. Behind a
pooler this is said in each transaction, as a pooler refuses server settings that it does not know."""
_IDLE_IN_TRANSACTION = {"idle_in_transaction_session_timeout": "5s"}
_COMMON = {"application_name": "session_graph", "timezone": "UTC", "datestyle": "ISO"}


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the connections of a process, in seconds, and the options that asyncpg connects with."""

    statement: float
    """The server's limit of one statement."""
    idle: float
    """A connection that was idle for so long is closed instead of used: a middlebox may have forgotten it."""
    is_pooled: bool
    """Whether there is a pooler in transaction mode."""
    options: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """A pooler in transaction mode, which statement_cache_size 0 stands for, refuses server settings that it does
        not know; then asyncpg, not the server, cancels statements that run too long."""
        seconds = settings.statement_timeout_ms / 1000
        is_pooled = not settings.statement_cache_size
        server = {"statement_timeout": str(settings.statement_timeout_ms), "jit": "off", **_IDLE_IN_TRANSACTION}
        options = {
            "statement_cache_size": settings.statement_cache_size,
            "server_settings": _COMMON if is_pooled else _COMMON | server,
        }
        return cls(seconds, settings.pool_idle_seconds, is_pooled, options)

    @property
    def answer(self) -> float:
        """The time in which a statement is answered, or its connection is given up."""
        return self.statement + ANSWER_SECONDS

    @property
    def command(self) -> float:
        """The time after which asyncpg ends a statement in a transaction."""
        return self.statement if self.is_pooled else self.answer

    @property
    def request(self) -> float:
        """The time in which a request has all that it needs of the database, or fails."""
        return self.statement + REQUEST_SECONDS


async def connect(url: str, **options: Any) -> asyncpg.Connection:
    """Return a connection to the first host of the URL that answers and has its `target_session_attrs`.

    The options are those of `asyncpg.connect`. Raises NoAnswer after CONNECT_SECONDS, NotConnected,
    and the error of a server that refuses.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await _connect_any(url, [options | host for host in _list_hosts(url)])
    except TimeoutError as error:
        raise NoAnswer("no connection in time") from error
    except OSError as error:
        raise NotConnected(str(error) or type(error).__name__) from error
    if own_socket := socket_of(connection):
        keep_alive(own_socket)
    return connection


async def _connect_any(url: str, attempts: Sequence[Mapping[str, Any]]) -> asyncpg.Connection:
    """Begin one attempt after the other, each at the failure of the one before or after NEXT_HOST_SECONDS."""
    if len(attempts) == 1:
        return await asyncpg.connect(url, **attempts[0])
    running: list[asyncio.Task[asyncpg.Connection]] = []
    errors: list[BaseException] = []
    winner = None
    try:
        for options in [*attempts, None]:
            if options is not None:
                running.append(asyncio.create_task(asyncpg.connect(url, **options)))
            winner = await _first_success(running, errors, NEXT_HOST_SECONDS if options is not None else None)
            if winner:
                return winner.result()
    finally:
        for task in running:
            if task is not winner:
                task.cancel()
                task.add_done_callback(_discard)
    raise _most_telling(errors)


async def _first_success(
    running: list[asyncio.Task[asyncpg.Connection]], errors: list[BaseException], seconds: float | None
) -> asyncio.Task[asyncpg.Connection] | None:
    """Return the first task that succeeds within the time; remove those that fail. Return None if there is none."""
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    while running:
        left = None if end is None else max(end - loop.time(), 0)
        done, _ = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return None
        for task in done:
            if (error := task.exception()) is None:
                return task
            errors.append(error)
            running.remove(task)
        if end is not None:
            return None
    return None


def _discard(task: asyncio.Task[asyncpg.Connection]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().terminate()


def _most_telling(errors: Sequence[BaseException]) -> BaseException:
    """Return what a server said, rather than that another host was not reached or is a standby."""
    said = [error for error in errors if isinstance(error, asyncpg.PostgresError)]
    return (said or errors)[-1]


def _list_hosts(url: str) -> list[dict[str, Any]]:
    """Return the options that choose each host of a list, or one empty dict for a URL without a list.

    asyncpg tries the hosts one after the other, so that one that does not answer would use up the time of all.
    """
    netloc = urlsplit(url).netloc.rpartition("@")[2]
    if "," not in netloc or "target_session_attrs=prefer-standby" in url:
        return [{}]
    return [_read_host(part) for part in netloc.split(",")]


def _read_host(part: str) -> dict[str, Any]:
    split = urlsplit(f"//{part}")
    return {"host": unquote(split.hostname or ""), "port": split.port or 5432}


def keep_alive(own_socket: socket.socket) -> None:
    """Turn on TCP keep-alive, for which asyncpg has no setting."""
    if own_socket.family not in (socket.AF_INET, socket.AF_INET6):
        return
    own_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if hasattr(socket, name):
            with suppress(OSError):
                own_socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
