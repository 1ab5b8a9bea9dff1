"""Clients that speak no protocol: connections that send these very bytes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from support.live import Served


@asynccontextmanager
async def raw(served: Served, sent: bytes = b"") -> AsyncIterator[socket.socket]:
    """Connect and send these bytes."""
    place, loop = urlsplit(served.address), asyncio.get_running_loop()
    own = socket.socket()
    own.setblocking(False)
    with own:
        await loop.sock_connect(own, (place.hostname, place.port))
        await loop.sock_sendall(own, sent)
        yield own


async def read_to_end(own: socket.socket, seconds: float = 10) -> bytes:
    """Return what arrives until the server closes the connection. Raises TimeoutError."""
    loop, read = asyncio.get_running_loop(), b""
    async with asyncio.timeout(seconds):
        with contextlib.suppress(ConnectionResetError):
            while data := await loop.sock_recv(own, 4096):
                read += data
    return read
