"""Sources of tests, and what is delivered to them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from session_graph.ingestion import deliveries
from session_graph.ingestion.agents import UnknownAgents
from session_graph.ingestion.mapping import Mapping, load_mapping
from session_graph.ingestion.sources import Source, SourceInput, create_source
from session_graph.ingestion.worker import InletWorker, process
from session_graph.store.database import Database, Row
from session_graph.store.models import Account
from session_graph.store.notifications import Listener

SECRET = b"a secret of the tests"


async def make_source(
    account: Account,
    mapping: str | Mapping = "retell",
    *,
    name: str = "calls",
    secret: bytes | None = None,
    agent_map: dict[str, str] | None = None,
    unknown: UnknownAgents = UnknownAgents.CREATE,
) -> Source:
    loaded = load_mapping(mapping) if isinstance(mapping, str) else mapping
    return await create_source(account.id, SourceInput(name, loaded, agent_map or {}, unknown, secret))


async def deliver(database: Database, source: Source, payload: Any) -> bool:
    """Store a payload; return whether it is new."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return await deliveries.store_delivery(database, source, body)


async def work_off(database: Database) -> None:
    """Record everything that is due, as a worker does."""
    while rows := await deliveries.claim(database):
        await deliveries.finish(database, await process(database, rows))


async def make_due(database: Database) -> None:
    """Let every pause and every lease be over."""
    await database.execute("update inlet_delivery set run_at = now() where outcome = 'WAITING'")


async def read_deliveries(database: Database, source: Source) -> list[Row]:
    """Return the deliveries in the order in which they came."""
    sql = "select d.* from inlet_delivery d where d.account_id = $1 and d.source_id = $2 order by d.id"
    return await database.fetch(sql, source.account_id, source.id)


async def outcomes_of(database: Database, source: Source) -> list[str]:
    return [row["outcome"] for row in await read_deliveries(database, source)]


def messages_of(row: Row) -> list[str]:
    return [problem["message"] for problem in orjson.loads(row["problems"])]


@asynccontextmanager
async def working(database: Database, url: str) -> AsyncIterator[InletWorker]:
    """Run a worker while the block runs."""
    listener = Listener(url, [deliveries.QUEUE])
    worker = InletWorker(database, listener)
    tasks = [asyncio.create_task(each.run()) for each in (listener, worker)]
    try:
        yield worker
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
