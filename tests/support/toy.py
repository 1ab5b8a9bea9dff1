"""A schema small enough to see through, behind the real view: what the HTTP door does, without what it leads to."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NewType
from uuid import UUID

import asyncpg
import httpx
import strawberry
import uvicorn
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from strawberry.schema.config import StrawberryConfig

from session_graph.access.viewer import AccountFacts, Role, Viewer
from session_graph.engine.documents import PreparedDocument
from session_graph.engine.executor import Analyze, OperationExecutor, Plan
from session_graph.engine.limits import Limits
from session_graph.engine.operation import Operation
from session_graph.errors import BadUserInput, ForbiddenField, InvalidInput, Problem, Unauthenticated
from session_graph.http.access_log import AccessLog
from session_graph.http.graphql_view import GraphQLView
from session_graph.http.negotiation import cors
from session_graph.settings import Settings, load_settings

KEY = "Bearer toy"
ORIGIN = "https://app.example.com"
VIEWER = Viewer(AccountFacts(UUID(int=1), "toys", "Toys", "EUR", 2, "Europe/Berlin"), Role.BUILDER, "Petra's key")


@dataclass
class Happened:
    """The context of every request: what `slow` waits for, and what became of it."""

    wait: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(30)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0


def parse_even(value: object) -> int:
    """With a flaw: what is not a whole number raises what no scalar should."""
    if not isinstance(value, int):
        return len(value)  # type: ignore[arg-type]
    if value % 2:
        raise ValueError("must be even")
    return value


Even = NewType("Even", int)
EVEN = strawberry.scalar(name="Even", serialize=int, parse_value=parse_even)


@strawberry.input
class Wish:
    text: strawberry.Maybe[str]


@strawberry.input(one_of=True)
class By:
    id: strawberry.Maybe[int]
    name: strawberry.Maybe[str]


@strawberry.type
class Toy:
    name: str = "bear"

    @strawberry.field
    def friends(self) -> list["Toy"]:
        return [Toy(), Toy()]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"Hello {name}"

    @strawberry.field
    def toys(self, first: int = 2) -> list[Toy]:
        return [Toy() for _ in range(first)]

    @strawberry.field
    def toy(self, by: By | None = None) -> Toy:
        return Toy()

    @strawberry.field
    def even(self, number: Even) -> Even:
        return number

    @strawberry.field
    def many(self, numbers: list[Even]) -> int:
        return len(numbers)

    @strawberry.field
    def wish(self, wish: Wish) -> str | None:
        return wish.text.value if wish.text else None

    @strawberry.field
    def large(self) -> int | None:
        return 2**40

    @strawberry.field
    def odd_text(self) -> str:
        return "\ud800"

    @strawberry.field
    def fails(self, how: str) -> str | None:
        raise FAILURES[how]()

    @strawberry.field
    async def slow(self, info: strawberry.Info[Happened, None]) -> str:
        info.context.started.set()
        try:
            await info.context.wait()
        except asyncio.CancelledError:
            info.context.cancelled += 1
            raise
        return "late"


FAILURES: dict[str, Callable[[], Exception]] = {
    "bug": lambda: TypeError("__init__() got an unexpected keyword argument 'secret'"),
    "value": lambda: ValueError("invalid literal for int() with base 10: 'secret'"),
    "graphql": lambda: GraphQLError('relation "secret" does not exist'),
    "statement": lambda: asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
    "pool": TimeoutError,
    "group": lambda: ExceptionGroup("unhandled errors in a TaskGroup", [TimeoutError()]),
    "several": lambda: ExceptionGroup("unhandled errors in a TaskGroup", [TimeoutError(), OSError("secret")]),
    "input": lambda: BadUserInput("must be smaller", ["first"]),
    "field": lambda: ForbiddenField("PORTAL", ["asr"]),
    "person": lambda: InvalidInput([Problem(("tags", 0), "must not be empty")]),
    "persons": lambda: InvalidInput([Problem(("a",), "is wrong"), Problem(("b",), "is wrong too")]),
    "long": lambda: BadUserInput("x" * 100_000),
}


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, name: str) -> str:
        return name


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1


def build_toy_schema(*, hide_suggestions: bool = False) -> strawberry.Schema:
    config = StrawberryConfig(scalar_map={Even: EVEN}, disable_field_suggestions=hide_suggestions)
    return strawberry.Schema(Query, Mutation, Subscription, extensions=[PreparedDocument], config=config)


async def authenticate(authorization: str | None, address: str) -> Viewer:
    if authorization != KEY:
        raise Unauthenticated
    return VIEWER


def inspect(operation: Operation) -> None:
    """Refuses an operation that is named Forbidden."""
    name = operation.definition.name
    if name and name.value == "Forbidden":
        raise ForbiddenField(operation.viewer.role, ["secret"])


@dataclass
class ToyApp:
    """The application as `create_app` puts it together, and what its requests did."""

    settings: Settings = field(default_factory=lambda: load_settings(cors_origins=ORIGIN, max_body_bytes=2048))
    authenticate: Callable[[str | None, str], Awaitable[Viewer]] = authenticate
    plan: Plan | None = None
    schema: strawberry.Schema = field(default_factory=build_toy_schema)
    happened: Happened = field(default_factory=Happened)

    def build(self) -> Starlette:
        view = self.view(inspect)
        return Starlette(routes=[Route("/graphql", view)], middleware=[Middleware(AccessLog), *cors(self.settings)])

    def view(self, analyze: Analyze) -> GraphQLView:
        executor = OperationExecutor(self.schema, Limits.of(self.settings), analyze, self.plan)
        return GraphQLView(executor, self.authenticate, lambda viewer, last_event_id: self.happened, self.settings)

    def client(self, **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.build(), raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://toys", headers={"Authorization": KEY, **headers})


async def ask(client: httpx.AsyncClient, query: str, variables: Any = None, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)


async def refuse(client: httpx.AsyncClient, query: str, variables: Any = None) -> dict[str, Any]:
    """The one error of what is asked."""
    (error,) = (await ask(client, query, variables)).json()["errors"]
    assert isinstance(error, dict)
    return error


@contextmanager
def serve(app: Starlette) -> Iterator[str]:
    """The address of a real server, in a thread of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
