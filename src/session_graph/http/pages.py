"""The Sessions page and its assets: static files of the package that call the API as any client does.

Nothing is rendered here and nothing needs a key: the API decides what a page may show. The explorer's files are served
by the same functions.
"""

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

WEB = Path(str(resources.files("session_graph"))) / "web"

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""A page may load its own scripts and styles and call the API. No text can become markup or script."""

ASSET_HEADERS = {
    "Cache-Control": "no-cache",  # cached, but revalidated by its ETag: a new version shows at the next visit
    "Content-Security-Policy": "frame-ancestors 'none'",  # a worker that is an asset obeys its own policy
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Fixed here, as the machine's own table may differ, and with nosniff a wrong type makes an empty page."""


def page_routes() -> list[BaseRoute]:
    """Return the routes `/` and `/assets/…`."""
    return [Route("/", _show_page), Mount("/assets", Assets(directory=WEB / "assets"))]


async def _show_page(request: Request) -> Response:
    return show_page(WEB / "index.html", POLICY)


def show_page(path: Path, policy: Mapping[str, str]) -> Response:
    """Return the page with a Content-Security-Policy of these directives."""
    headers = {
        "Content-Security-Policy": "; ".join(f"{directive} {value}" for directive, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
    return FileResponse(path, headers=ASSET_HEADERS | headers)


class Assets(StaticFiles):
    """Serves the files of a folder with ASSET_HEADERS."""

    def file_response(self, full_path: Any, *args: Any, **options: Any) -> Response:
        response = super().file_response(full_path, *args, **options)
        response.headers.update(ASSET_HEADERS)
        media_type = MEDIA_TYPES.get(os.path.splitext(full_path)[1])
        if media_type and response.status_code == 200:
            response.headers["Content-Type"] = f"{media_type}; charset=utf-8"
        return response
