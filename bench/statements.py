"""The statements that the product makes of a question, and its answer: its own view over a database that listens."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from bench.cases import Question
from session_graph.access.viewer import Viewer
from session_graph.engine.analysis import Analyzer
from session_graph.engine.plans import Plans
from session_graph.exports.links import LinkSigner
from session_graph.http.graphql_view import GraphQLView
from session_graph.schema.context import Context
from session_graph.schema.schema import build_schema
from session_graph.settings import Settings
from session_graph.store.database import Database, Row


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    values: tuple[object, ...]


@dataclass(slots=True)
class Recorder(Database):
    """Passes on what is read, and notes it."""

    database: Database
    noted: list[Statement] = field(default_factory=list)

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        self.noted.append(Statement(sql, values))
        return await self.database.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: object) -> Row | None:
        self.noted.append(Statement(sql, values))
        return await self.database.fetchrow(sql, *values)


class Listener:
    """The product without its door: requests in; statements and answers out."""

    def __init__(self, viewer: Viewer, database: Database, settings: Settings) -> None:
        self._recorder = Recorder(database)
        schema, signer = build_schema(), LinkSigner(database, settings)

        async def admit(authorization: str | None) -> Viewer:
            return viewer

        def make_context(viewer: Viewer) -> Context:
            return Context(viewer, self._recorder, datetime.now(UTC), settings, signer)

        plan = Plans(schema._schema).execute
        self._view = GraphQLView(schema, admit, make_context, Analyzer(schema._schema).inspect, settings, plan)

    async def ask(self, question: Question) -> tuple[list[Statement], dict[str, Any]]:
        self._recorder.noted.clear()
        answer: dict[str, Any] = orjson.loads(await self._post(question))
        assert "errors" not in answer, answer["errors"]
        return list(self._recorder.noted), answer["data"]

    async def _post(self, question: Question) -> bytes:
        body = orjson.dumps({"query": question.query, "variables": dict(question.variables)})
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
        incoming: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        incoming.put_nowait({"type": "http.request", "body": body})
        sent = bytearray()

        async def send(message: Any) -> None:
            sent.extend(message.get("body", b""))

        await self._view(scope, incoming.get, send)  # type: ignore[arg-type]
        return bytes(sent)
