"""The product's statements and answer for a request: its own view over a database that records."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from bench.cases import Request
from session_graph.access.viewer import Viewer
from session_graph.engine.analysis import Analyzer
from session_graph.engine.executor import OperationExecutor
from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import Limits
from session_graph.engine.plans import Plans
from session_graph.exports.links import LinkSigner
from session_graph.http.graphql_view import GraphQLView
from session_graph.schema.authorization import NAMED_BY, ROLES
from session_graph.schema.context import Context
from session_graph.schema.costs import COSTS
from session_graph.schema.schema import build_schema
from session_graph.settings import Settings
from session_graph.store.database import Database, Row


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    values: tuple[object, ...]


@dataclass(slots=True)
class RecordingDatabase(Database):
    """Passes statements on and records them."""

    database: Database
    statements: list[Statement] = field(default_factory=list)

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        self.statements.append(Statement(sql, values))
        return await self.database.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: object) -> Row | None:
        self.statements.append(Statement(sql, values))
        return await self.database.fetchrow(sql, *values)


class StatementReader:
    """The product without authentication: requests in, statements and answers out."""

    def __init__(self, viewer: Viewer, database: Database, settings: Settings) -> None:
        self._database = RecordingDatabase(database)
        schema, signer = build_schema(), LinkSigner(database, settings)

        async def admit(authorization: str | None) -> Viewer:
            return viewer

        def make_context(viewer: Viewer) -> Context:
            return Context(viewer, self._database, datetime.now(UTC), settings, signer)

        core = graphql_schema(schema)
        analyze = Analyzer(core, NAMED_BY, ROLES, COSTS, settings.max_cost).analyze
        executor = OperationExecutor(
            schema, Limits.of(settings), analyze, Plans(core, settings.max_answer_bytes).execute
        )
        self._view = GraphQLView(executor, admit, make_context, settings)

    async def ask(self, request: Request) -> tuple[list[Statement], dict[str, Any]]:
        self._database.statements.clear()
        answer: dict[str, Any] = orjson.loads(await self._post(request))
        assert "errors" not in answer, answer["errors"]
        return list(self._database.statements), answer["data"]

    async def _post(self, request: Request) -> bytes:
        body = orjson.dumps({"query": request.query, "variables": dict(request.variables)})
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
        incoming: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        incoming.put_nowait({"type": "http.request", "body": body})
        sent = bytearray()

        async def send(message: Any) -> None:
            sent.extend(message.get("body", b""))

        await self._view(scope, incoming.get, send)  # type: ignore[arg-type]
        return bytes(sent)
