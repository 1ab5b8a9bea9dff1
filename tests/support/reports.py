"""Reports as their callers ask for them, workers to write them, and the files read back."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from session_graph.exports.csv_file import read_file
from session_graph.exports.requests import QUEUE
from session_graph.exports.worker import Worker
from session_graph.settings import Settings
from session_graph.store.database import Database, Row
from session_graph.store.notifications import Listener
from support.api import Caller

EXPORT = """
id status requestedBy requestedAt asOf finishedAt expiresAt columns timeZone rowCount rowsWritten progress bytes sha256
error downloadUrl deliveries { recipient status at error }
"""
REQUEST = f"""
mutation ($input: RequestSessionExportInput!) {{
  requestSessionExport(input: $input) {{ export {{ {EXPORT} }} errors {{ code message path }} }}
}}
"""
PAYLOAD = f"{{ export {{ {EXPORT} }} errors {{ code message }} }}"
CANCEL = f"mutation ($id: ID!) {{ cancelSessionExport(input: {{id: $id}}) {PAYLOAD} }}"
RETRY = f"mutation ($id: ID!) {{ retrySessionExport(input: {{id: $id}}) {PAYLOAD} }}"
SHOW = f"query ($id: ID!) {{ export(id: $id) {{ {EXPORT} }} }}"
FINAL = ("DONE", "FAILED", "CANCELLED", "EXPIRED")
SECONDS = 30.0

Export = dict[str, Any]


async def ask_for_report(ask: Caller, **given: Any) -> str:
    """Its id; there must be no error."""
    payload = (await ask(REQUEST, input=given)).data["requestSessionExport"]
    assert payload["errors"] == []
    export_id: str = payload["export"]["id"]
    return export_id


async def problems_of(ask: Caller, **given: Any) -> list[tuple[str, list[str]]]:
    """Code and path of what is wrong with a request."""
    payload = (await ask(REQUEST, input=given)).data["requestSessionExport"]
    assert payload["export"] is None
    return [(error["code"], error["path"]) for error in payload["errors"]]


async def show_report(ask: Caller, export_id: str) -> Export:
    export: Export = (await ask(SHOW, id=export_id)).data["export"]
    return export


async def comes_true(condition: Callable[[], Awaitable[Any]], seconds: float = SECONDS) -> Any:
    """What the condition gives as soon as it is something."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 - what is waited for is elsewhere
            await asyncio.sleep(0.02)
    return found


async def finished(ask: Caller, export_id: str, *statuses: str) -> Export:
    """The report, once it has one of these statuses, or any final one."""

    async def look() -> Export | None:
        export = await show_report(ask, export_id)
        return export if export["status"] in (statuses or FINAL) else None

    found: Export = await comes_true(look)
    return found


@asynccontextmanager
async def working(database: Database, url: str, settings: Settings) -> AsyncIterator[Worker]:
    """A worker for as long as the block."""
    listener = Listener(url, [QUEUE])
    worker = Worker(database, url, settings, listener)
    tasks = [asyncio.create_task(listener.run()), asyncio.create_task(worker.run())]
    try:
        yield worker
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def read_row(database: Database, export_id: str | UUID) -> Row:
    row = await database.fetchrow("select e.* from session_export e where e.id = $1", UUID(str(export_id)))
    assert row is not None
    return row


async def read_csv(database: Database, export_id: str | UUID) -> bytes:
    return b"".join([piece async for piece in read_file(database, await read_row(database, export_id))])


async def download(client: httpx.AsyncClient, ask: Caller, export_id: str) -> httpx.Response:
    return await client.get(f"/exports/{export_id}", headers={"Authorization": f"Bearer {ask.key}"})


def parse_csv(data: bytes) -> list[dict[str, str]]:
    """The rows by their headers, as Python's csv reads them."""
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


async def cancel_everything(database: Database) -> None:
    """Of all accounts: workers serve them all."""
    await database.execute(
        "update session_export set status = 'CANCELLED' where status in ('QUEUED', 'RUNNING', 'SENDING')"
    )


async def make_retries_due(database: Database) -> None:
    """Let the messages of all accounts be sent again at once."""
    await database.execute("update export_delivery set run_at = now() where status = 'WAITING'")
    await database.execute("update session_export set run_at = now() where status = 'SENDING' and lease_until is null")
    await database.execute("select pg_notify($1, '')", QUEUE)
