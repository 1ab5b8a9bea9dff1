"""A connection to a server that can be lost and found: a port that passes everything on while the wire is whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 65536


class Wire:
    """In front of one server; the same address before it is cut and after it is mended."""

    def __init__(self, address: str) -> None:
        self._target = urlsplit(address)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Nobody answers, and whoever is connected is cut off."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = writer
        far_reader, far = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {near, far}
        try:
            await asyncio.gather(_copy(reader, far), _copy(far_reader, near))
        finally:
            self._writers -= {near, far}
            near.close()
            far.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def wired(address: str) -> AsyncIterator[Wire]:
    wire = Wire(address)
    await wire.mend()
    try:
        yield wire
    finally:
        await wire.cut()
