"""The parts put together: an ASGI application that opens the database when it starts and closes it when it ends."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import resources

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from session_graph.access.door import Door
from session_graph.access.tokens import TokenVerifier
from session_graph.access.viewer import Viewer
from session_graph.exports.download import Downloads
from session_graph.exports.links import LinkSigner
from session_graph.graph.context import Context
from session_graph.graph.headers import SAFE_HEADERS, cors
from session_graph.graph.inspection import Inspector
from session_graph.graph.live import Live
from session_graph.graph.log import AccessLog
from session_graph.graph.plans import Plans
from session_graph.graph.schema import build_schema
from session_graph.graph.sockets import GraphQLSockets
from session_graph.graph.streams import EventStreams
from session_graph.graph.view import GraphQLView
from session_graph.settings import Settings
from session_graph.store.database import Database

WEB = resources.files("session_graph") / "web"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(settings: Settings, database: Database, live: Live | None = None) -> Starlette:
    """The application over a database that is open as long as it is served; for subscriptions `live` must run, too.

    Raises SettingError where a setting about tokens cannot be used.
    """
    schema = build_schema()
    door = Door(TokenVerifier.from_settings(settings))
    signer = LinkSigner(database, settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what is there now stays until the end: looking at it again took a fifth of a large recording
        yield
        await door.close()

    def make_context(viewer: Viewer) -> Context:
        return Context(viewer, database, datetime.now(UTC), settings, signer, live)

    async def show_readiness(request: Request) -> Response:
        ready = await database.is_ready()
        return JSONResponse({"ready": ready}, 200 if ready else 503, headers=SAFE_HEADERS)

    inspect = Inspector(schema._schema).inspect
    streams = EventStreams(live, door) if live else None
    view = GraphQLView(schema, door.admit, make_context, inspect, settings, Plans(schema._schema).answer, streams)
    sockets = [WebSocketRoute("/graphql", GraphQLSockets(view, live, door, settings))] if live else []
    routes = [
        Route("/", _show_page),
        Mount("/assets", StaticFiles(directory=str(WEB / "assets"))),
        Route("/healthz", _show_health),
        Route("/readyz", show_readiness),
        Route("/graphql", view),
        *sockets,
        *Downloads(database, door, signer).routes(),
    ]
    return Starlette(routes=routes, middleware=[Middleware(AccessLog), *cors(settings)], lifespan=lifespan)


async def _show_page(request: Request) -> Response:
    return FileResponse(str(WEB / "index.html"), headers=PAGE_HEADERS)


async def _show_health(request: Request) -> Response:
    return JSONResponse({"alive": True}, headers=SAFE_HEADERS)
