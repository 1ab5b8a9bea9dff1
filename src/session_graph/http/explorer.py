"""The explorer at `/explore`: GraphiQL for this API, with examples, if the settings turn it on.

Its page, script and examples are files of the package. GraphiQL is a bundle that `make explorer` writes to a folder;
if that is missing, the page says how to get it. Nothing here needs a key: the page calls the API as any client does.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from session_graph.http.pages import ASSET_HEADERS, WEB, Assets, show_page
from session_graph.settings import Settings

BUNDLE = Path("explorer/bundle")
"""Where `make explorer` writes it, in the project's folder."""
FILES = WEB / "explore"

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",  # GraphiQL's editor, Monaco, writes its styles itself
    "font-src": "'self' data:",  # its style sheet contains its fonts
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
"""Everything is loaded from this server, and nothing is sent elsewhere."""


@dataclass(frozen=True, slots=True)
class Example:
    """A named document with variables; the page replaces `@session` and `@externalId` by one of the account's own."""

    name: str
    query: str
    variables: Mapping[str, Any]


def load_examples() -> list[Example]:
    """Return the examples in menu order. The first comment of a file is its name, the second its variables as JSON."""
    return [_parse(path.read_text("utf-8")) for path in sorted((FILES / "examples").glob("*.graphql"))]


def _parse(text: str) -> Example:
    name, variables, query = text.split("\n", 2)
    return Example(name.removeprefix("# "), query, orjson.loads(variables.removeprefix("# ")))


def explorer_routes(settings: Settings) -> list[BaseRoute]:
    """Return no routes if the explorer is off."""
    if settings.explorer is None:
        return []
    bundle = settings.explorer
    examples = orjson.dumps([asdict(example) for example in load_examples()])

    async def show(request: Request) -> Response:
        page = "index.html" if (bundle / "graphiql.js").is_file() else "missing.html"
        return show_page(FILES / page, POLICY)

    async def show_examples(request: Request) -> Response:
        return Response(examples, media_type="application/json", headers=ASSET_HEADERS)

    return [
        Route("/explore", show),
        Route("/explore/examples", show_examples),
        Mount("/explore/assets", Assets(directory=FILES / "assets")),
        Mount("/explore/bundle", Assets(directory=bundle, check_dir=False)),
    ]
