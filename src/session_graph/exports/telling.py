"""Telling those who follow a report that it has changed: in the transaction that changes it."""

from uuid import UUID

from session_graph.store.database import Connection, Database

PROGRESS = "session_graph_progress"
"""Tells that a report, whose id is the payload, has changed."""


async def tell_progress(connection: Connection, export_id: UUID) -> None:
    await connection.execute("select pg_notify($1, $2)", PROGRESS, str(export_id))


async def execute_and_notify(database: Database, sql: str, account_id: UUID, export_id: UUID, *values: object) -> str:
    """Run one statement about a report; PostgreSQL's word for what it did. Where it did something, that is told."""
    async with database.transaction() as connection:
        done = await connection.execute(sql, account_id, export_id, *values)
        if not done.endswith(" 0"):
            await tell_progress(connection, export_id)
        return done
