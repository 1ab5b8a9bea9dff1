"""POST /records as a stream: results while the body is sent, backpressure, and clients that stall or leave."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
import pytest

from session_graph.access.api_keys import revoke_key
from session_graph.access.viewer import Role
from session_graph.http import records
from session_graph.sessions.recording import record_sessions
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.heartbeat import heartbeat
from support.live import Served, serving, until
from support.records import MONDAY_IN_HOURS, PARTY_OF_FOUR

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
RECORD = {**PARTY_OF_FOUR, **MONDAY_IN_HOURS}
SECONDS = 10


def line(**changes: Any) -> bytes:
    return orjson.dumps({"id": str(uuid4()), **RECORD, **changes}, option=orjson.OPT_APPEND_NEWLINE)


@pytest.fixture
async def hasty_server(database: Database, database_url: str, settings: Settings) -> AsyncIterator[Served]:
    """A server that waits half a second for a client."""
    hasty = settings.model_copy(update={"live_send_seconds": 0.5, "record_idle_seconds": 0.5})
    async with serving(database, database_url, hasty) as served:
        yield served


class Upload:
    """A request whose body is sent in chunks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def finish(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def status(self) -> int:
        async with asyncio.timeout(SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def next(self) -> list[Json]:
        """The results of one chunk of the response; none at its end."""
        async with asyncio.timeout(SECONDS):
            size = int(await self.reader.readline(), 16)
            chunk = await self.reader.readexactly(size + 2)
        return [orjson.loads(text) for text in chunk.splitlines() if text]

    async def rest(self) -> list[Json]:
        results = []
        while found := await self.next():
            results += found
        return results


@asynccontextmanager
async def uploading(address: str, key: str, **headers: str) -> AsyncIterator[Upload]:
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=2**24)
    fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson", **headers}
    head = ["POST /records HTTP/1.1", "Host: here", "Transfer-Encoding: chunked"]
    head += [f"{name}: {value}" for name, value in fields.items()]
    writer.write("\r\n".join([*head, "", ""]).encode())
    try:
        yield Upload(reader, writer)
    finally:
        writer.transport.abort()


async def count(database: Database, account: Account) -> int:
    row = await database.fetchrow("select count(*) from session where account_id = $1", account.id)
    assert row
    return int(row[0])


async def test_results_arrive_while_the_body_is_sent(served: Served, bistro: Account) -> None:
    async with uploading(served.address, await make_key(bistro, Role.RECORDER)) as upload:
        for number in (1, 2, 3):
            await upload.send(line())
            if number == 1:
                assert await upload.status() == 200
            (result,) = await upload.next()
            assert (result["line"], result["status"]) == (number, "RECORDED")
        await upload.finish()

        assert await upload.rest() == []


async def test_a_client_that_waits_to_be_asked_for_the_body_is_asked(served: Served, bistro: Account) -> None:
    async with uploading(served.address, await make_key(bistro), Expect="100-continue") as upload:
        assert await upload.status() == 100
        await upload.send(line())
        await upload.finish()

        assert await upload.status() == 200
        assert [result["status"] for result in await upload.rest()] == ["RECORDED"]


async def test_a_client_that_sends_nothing_is_told_and_ended(hasty_server: Served, bistro: Account) -> None:
    async with uploading(hasty_server.address, await make_key(bistro)) as upload:
        await upload.send(line() + b'{"agent"')
        assert await upload.status() == 200

        first, last = await upload.rest()

    assert first["status"] == "RECORDED"
    assert (last["error"]["code"], last["error"]["line"]) == ("TIMEOUT", 2)


async def test_a_client_that_leaves_ends_the_work_after_the_running_batch(
    served: Served, database: Database, bistro: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole body is there before the first batch ends: packed, it is less than a buffer holds."""
    packed = gzip.compress(b"".join(line() for _ in range(20 * records.BATCH)))
    began, go_on = asyncio.Event(), asyncio.Event()

    async def record(*arguments: Any, **options: Any) -> Any:
        began.set()
        await go_on.wait()
        return await record_sessions(*arguments, **options)

    monkeypatch.setattr("session_graph.sessions.record_batch.record_sessions", record)
    async with uploading(served.address, await make_key(bistro), **{"Content-Encoding": "gzip"}) as upload:
        await upload.send(packed[:60_000])
        async with asyncio.timeout(SECONDS):
            await began.wait()
    await until(lambda: not served.server.server_state.connections)
    go_on.set()
    await until(lambda: not served.server.server_state.tasks)

    assert await count(database, bistro) == records.BATCH


async def test_a_revoked_key_ends_the_stream(served: Served, database: Database, bistro: Account) -> None:
    key = await make_key(bistro, Role.RECORDER)
    async with uploading(served.address, key) as upload:
        await upload.send(line())
        assert await upload.status() == 200
        await upload.next()

        await revoke_key(bistro, key)
        await upload.send(line())
        (last,) = await upload.rest()

    assert last["error"]["code"] == "UNAUTHENTICATED"
    assert last["error"]["line"] == 2
    assert await count(database, bistro) == 1


async def test_a_client_that_reads_no_results_is_held_back_and_then_disconnected(
    hasty_server: Served, bistro: Account
) -> None:
    """Its lines are refused, each with a result, so that results outgrow every buffer of the connection."""
    bad = b"{}\n" * 20_000
    sent = 0
    async with uploading(hasty_server.address, await make_key(bistro)) as upload:
        upload.reader._transport.pause_reading()  # type: ignore[attr-defined]
        tracemalloc.start()
        try:
            with suppress(ConnectionError):
                for _ in range(1000):
                    await upload.send(bad)
                    sent += len(bad)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert sent < 30_000_000
    assert peak < 30_000_000
    await until(lambda: not hasty_server.server.server_state.connections)


async def test_nobody_waits_long_while_large_sessions_are_recorded(
    served: Served, database: Database, bistro: Account
) -> None:
    turns = [{"speaker": "USER", "text": "x" * 500}] * 60
    lines = [line(transcript=turns) for _ in range(300)]

    async with uploading(served.address, await make_key(bistro)) as upload, heartbeat() as gaps:

        async def send() -> None:
            for text in lines:
                await upload.send(text)
            await upload.finish()

        sending = asyncio.create_task(send())
        assert await upload.status() == 200
        results = await upload.rest()
        await sending

    assert len(results) == await count(database, bistro) == len(lines)
    assert len(gaps) > 5
    assert max(gaps) < 0.25


async def test_nobody_waits_long_for_a_body_of_blank_lines(served: Served, bistro: Account) -> None:
    packed = gzip.compress(b"\n" * 3_000_000 + line())

    async with (
        uploading(served.address, await make_key(bistro), **{"Content-Encoding": "gzip"}) as upload,
        heartbeat() as gaps,
    ):
        await upload.send(packed)
        await upload.finish()
        assert await upload.status() == 200
        (result,) = await upload.rest()

    assert (result["line"], result["status"]) == (3_000_001, "RECORDED")
    assert len(gaps) > 5
    assert max(gaps) < 0.25
