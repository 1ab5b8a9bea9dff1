"""The limit: for each case the statements of the product, by hand and by nothing else, and the same JSON.

    PGURL=… BENCH_ROWS=500000 BENCH_CURSORS='{}' uvicorn bench.peers.limit:app

Every answer is a function of its own over rows that are addressed by position; ids and decimals come from PostgreSQL as
text, JSON goes through as it is. No GraphQL, no filter, no limits, no log; `/graphql` asks for no key, `/keyed` looks
it up for each request, where the product does so once a second.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import asyncpg
import orjson

from bench.cases import LIMIT, METRICS, POINT, SMALL, WIDE, Case, column_of, list_cases
from bench.dataset import Dataset, find
from bench.statements import Statement, StatementReader
from session_graph.access.api_keys import _FIND as FIND_KEY
from session_graph.sessions.metrics import METRICS as KNOWN_FIGURES
from session_graph.settings import load_settings
from session_graph.store.database import open_database
from session_graph.store.tortoise_client import StatelessConnection

HEADERS = [(b"content-type", b"application/json; charset=utf-8")]
NODES = {
    "small": SMALL,
    "wide": WIDE,
    "far": SMALL,
    "unusual": (*SMALL, "durationSeconds"),
    "search digits": (*SMALL, "phone"),
    "search name": (*SMALL, "phone"),
}

Rows = Sequence[Any]
Answer = Callable[[asyncpg.Pool], Awaitable[Any]]


class Limit:
    """The ASGI application."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self._pool: asyncpg.Pool

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        if scope["path"] == "/keyed":
            await self._check_key(scope["headers"])
        answer = await self._answers[orjson.loads(body)["query"]](self._pool)
        content = orjson.dumps({"data": answer}, option=orjson.OPT_UTC_Z)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*HEADERS, (b"content-length", b"%d" % len(content))],
            }
        )
        await send({"type": "http.response.body", "body": content})

    async def _check_key(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        key = dict(headers)[b"authorization"].removeprefix(b"Bearer ")
        row = await self._pool.fetchrow(FIND_KEY, key[3:13].decode())
        if not row or not compare_digest(row["secret_hash"], sha256(key).digest()):
            raise PermissionError
        if row["is_revoked"] or row["is_expired"]:
            raise PermissionError

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        url = os.environ["PGURL"]
        data = await find(url, int(os.environ["BENCH_ROWS"]))
        cases = list_cases(data, orjson.loads(os.environ.get("BENCH_CURSORS", "{}")))
        self._answers = await prepare_answers(data, [case for case in cases if LIMIT in case.requests])
        self._pool = await asyncpg.create_pool(
            url,
            min_size=10,
            max_size=10,
            connection_class=StatelessConnection,
            init=set_codecs,
            server_settings={"jit": "off", "timezone": "UTC"},
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def set_codecs(connection: Any) -> None:
    for name in ("uuid", "numeric"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=str, format="text")
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=str, decoder=lambda text: orjson.Fragment(text), format="text"
    )


async def prepare_answers(data: Dataset, cases: Sequence[Case]) -> dict[str, Answer]:
    settings = load_settings()
    database = await open_database(data.url, settings)
    reader = StatementReader(data.viewer, database, settings)
    answers = {}
    for case in cases:
        request = case.requests[LIMIT]
        statements, answer = await reader.ask(request)
        names = [list(await _attributes(data.url, statement)) for statement in statements]
        answers[request.query] = _prepare(case, statements, names, answer)
    await database.close()
    return answers


async def _attributes(url: str, statement: Statement) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [attribute.name for attribute in (await connection.prepare(statement.sql)).get_attributes()]
    finally:
        await connection.close()


def _prepare(case: Case, statements: Sequence[Statement], names: Sequence[Sequence[str]], answer: Any) -> Answer:
    variables = case.requests[LIMIT].variables
    if case.name == "connection":
        return _connection(statements, names[0], variables["first"])
    if case.name == "external IDs":
        return _external(statements[0], names[0], variables["ids"])
    if case.name.startswith("dashboard"):
        return _dashboard(statements[0], answer["dashboard"])
    return _nodes(statements[0], names[0], NODES[case.name], variables["first"])


def _nodes(statement: Statement, names: Sequence[str], fields: Sequence[str], first: int) -> Answer:
    rows_of, sql, values = _row_writer(fields, names), statement.sql, statement.values

    async def answer(pool: asyncpg.Pool) -> Any:
        return {"sessions": {"nodes": rows_of((await pool.fetch(sql, *values))[:first])}}

    return answer


def _connection(statements: Sequence[Statement], names: Sequence[str], first: int) -> Answer:
    page, count = statements
    cursor = names.index("cursor")
    edges_of = eval(f"lambda rows: [{{'cursor': r[{cursor}], 'node': {_display(WIDE, names)}}} for r in rows]")  # noqa: S307

    async def answer(pool: asyncpg.Pool) -> Any:
        rows = await pool.fetch(page.sql, *page.values)
        kept = rows[:first]
        info = {"hasNextPage": len(rows) > first, "endCursor": kept[-1][cursor]}
        total = await pool.fetchval(count.sql, *count.values)
        return {"sessions": {"edges": edges_of(kept), "pageInfo": info, "totalCount": total}}

    return answer


def _external(statement: Statement, names: Sequence[str], ids: Sequence[str]) -> Answer:
    rows_of, parent = _row_writer((*SMALL, "externalId"), names), names.index("parent")

    async def answer(pool: asyncpg.Pool) -> Any:
        found: dict[str, list[Any]] = {text: [] for text in ids}
        for row in await pool.fetch(statement.sql, *statement.values):
            found[row[parent]].append(row)
        entries = [{"externalId": text, "sessions": rows_of(rows[:20])} for text, rows in found.items()]
        return {"sessionsByExternalId": entries}

    return answer


def _dashboard(statement: Statement, model: Any) -> Answer:
    """`model` is an answer of the product: the beginnings of the days stay as they are."""
    starts = [point["from"] for point in model["series"]]
    column = {figure.field: name for name, figure in KNOWN_FIGURES.items()}
    empty = {"totalSessionCount": 0, "totalAsr": "0.00"}
    totals, point = ([(name, column[name]) for name in names] for names in (METRICS, POINT))

    async def answer(pool: asyncpg.Pool) -> Any:
        board: dict[str, Any] = {}
        days, groups = {}, []
        for row in await pool.fetch(statement.sql, *statement.values):
            _, block, day, group, *_ = row
            match block:
                case 3:
                    board = {name: row[key] for name, key in totals}
                case 1:
                    days[int(day)] = {name: row[key] for name, key in point}
                case 2:
                    groups.append({"key": group, "totals": {name: row[key] for name, key in point}})
        groups.sort(key=lambda g: (-g["totals"]["totalSessionCount"], g["key"] is None, g["key"]))
        board["series"] = [{"from": start, "totals": days.get(i, empty)} for i, start in enumerate(starts, 1)]
        return {"dashboard": board | {"groups": groups}}

    return answer


def _display(fields: Sequence[str], names: Sequence[str]) -> str:
    return "{" + ", ".join(f"{name!r}: r[{names.index(column_of(name))}]" for name in fields) + "}"


def _row_writer(fields: Sequence[str], names: Sequence[str]) -> Callable[[Rows], list[dict[str, Any]]]:
    """What one would type: one dictionary display for each row."""
    writer: Callable[[Rows], list[dict[str, Any]]] = eval(f"lambda rows: [{_display(fields, names)} for r in rows]")  # noqa: S307
    return writer


app = Limit()
