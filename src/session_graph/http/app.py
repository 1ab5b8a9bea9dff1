"""Puts the ASGI application together. It is handed an open database and a running hub; `cli.serve` owns both."""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from session_graph.access.attempts import Attempts
from session_graph.access.authentication import Authenticator
from session_graph.access.budgets import Budgets
from session_graph.access.tokens import TokenVerifier
from session_graph.access.turns import Turns
from session_graph.access.viewer import Viewer
from session_graph.engine.admission import Admission
from session_graph.engine.analysis import Analyzer
from session_graph.engine.executor import OperationExecutor
from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import Limits
from session_graph.engine.plans import Plans
from session_graph.exports.links import LinkSigner
from session_graph.http.access_log import AccessLog
from session_graph.http.bodies import Bodies
from session_graph.http.client_address import ClientAddresses
from session_graph.http.downloads import Downloads
from session_graph.http.explorer import explorer_routes
from session_graph.http.graphql_view import GraphQLView
from session_graph.http.inlets import ROUTE, Inlets
from session_graph.http.negotiation import SAFE_HEADERS, cors
from session_graph.http.pages import page_routes
from session_graph.http.records import Records
from session_graph.http.safe_headers import DEFAULTS, SafeHeaders
from session_graph.http.security_txt import security_routes
from session_graph.http.sse import EventStreams
from session_graph.http.websocket import GraphQLSockets
from session_graph.pacing import SWITCH_SECONDS
from session_graph.schema.authorization import NAMED_BY, ROLES
from session_graph.schema.context import Context
from session_graph.schema.costs import COSTS, HEAVY
from session_graph.schema.schema import build_schema
from session_graph.schema.subscription_hub import SubscriptionHub
from session_graph.settings import Settings
from session_graph.store.database import Database

PATH = "/graphql"


def create_app(settings: Settings, database: Database, hub: SubscriptionHub | None = None) -> Starlette:
    """Return the application. The database must be open, and the hub running, while it serves.

    Without a hub it has no subscriptions. Raises SettingError if a setting about tokens cannot be used.
    """
    schema = build_schema()
    authenticator = Authenticator(TokenVerifier.from_settings(settings), Attempts(settings.refusals_per_second))
    clients = ClientAddresses(settings.trusted_proxies)
    signer = LinkSigner(database, settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # start-up's objects stay: scanning them again took a fifth of the time of a large recording
        gc.set_threshold(5_000, 20, 20)  # collect less often: an answer's rows are many, without cycles, the heap large
        sys.setswitchinterval(SWITCH_SECONDS)
        yield
        await authenticator.close()

    def make_context(viewer: Viewer, last_event_id: str | None) -> Context:
        return Context(viewer, database, datetime.now(UTC), settings, signer, hub, last_event_id)

    async def show_readiness(request: Request) -> Response:
        found = await database.check_readiness()
        body = {"ready": found.is_ready, "writable": found.is_writable, "reason": found.reason}
        return JSONResponse(body, 200 if found.is_ready else 503, headers=SAFE_HEADERS)

    core = graphql_schema(schema)
    analyze = Analyzer(core, NAMED_BY, ROLES, COSTS, settings.max_cost).analyze
    plans = Plans(core, settings.max_answer_bytes)
    budgets = Budgets.of(settings)
    admission = Admission(budgets, Turns.of(settings), HEAVY)
    executor = OperationExecutor(schema, Limits.of(settings), analyze, plans.execute, admission)
    streams = EventStreams(hub, authenticator) if hub else None
    view = GraphQLView(executor, authenticator.authenticate, make_context, settings, streams, budgets)
    sockets = [WebSocketRoute(PATH, GraphQLSockets(view, hub, authenticator, clients, settings))] if hub else []
    routes = [
        *page_routes(),
        Route("/healthz", _show_health),
        Route("/readyz", show_readiness),
        *sockets,
        *Downloads(database, authenticator, signer).routes(),
        Route("/records", Records(database, authenticator, settings)),
        Route(ROUTE, Inlets(database, authenticator, Bodies(settings), settings)),
        *explorer_routes(settings),
        *security_routes(settings),
    ]
    safe_headers = Middleware(SafeHeaders, hsts_seconds=settings.hsts_seconds)
    middleware = [
        Middleware(AccessLog, clients=clients),
        safe_headers,
        *cors(settings),
        Middleware(PathBypass, path=PATH, target=view),
    ]
    handlers = {Exception: _show_failure}
    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan, exception_handlers=handlers)


class PathBypass:
    """Middleware that hands HTTP requests for one path to `target`, past the middleware and the router inside it."""

    def __init__(self, app: ASGIApp, path: str, target: ASGIApp) -> None:
        self._app, self._path, self._target = app, path, target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_target = scope["type"] == "http" and scope["path"] == self._path
        await (self._target if is_target else self._app)(scope, receive, send)


async def _show_health(request: Request) -> Response:
    return JSONResponse({"alive": True}, headers=SAFE_HEADERS)


async def _show_failure(request: Request, error: Exception) -> Response:
    """The answer to an error that nothing else caught; it is sent outside the middleware."""
    return PlainTextResponse("Internal Server Error", 500, DEFAULTS)
