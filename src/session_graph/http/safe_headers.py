"""The headers that every response has, whatever answers it: 404 and 500 too (OWASP, "HTTP Headers Cheat Sheet")."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from session_graph.http.negotiation import SAFE_HEADERS
from session_graph.http.response import encode_headers

DEFAULTS = SAFE_HEADERS | {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
"""For responses that do not say otherwise. A page, its assets and downloads have some of their own."""

_STARTS = ("http.response.start", "websocket.http.response.start")


def safe_fields(hsts_seconds: int) -> list[tuple[bytes, bytes]]:
    """Return DEFAULTS; with `hsts_seconds`, also that browsers use https for so long (RFC 6797)."""
    headers = dict(DEFAULTS)
    if hsts_seconds:
        headers["Strict-Transport-Security"] = f"max-age={hsts_seconds}"
    return encode_headers(headers)


class SafeHeaders:
    """ASGI middleware that adds those of `safe_fields` that a response lacks."""

    def __init__(self, app: ASGIApp, hsts_seconds: int) -> None:
        self._app = app
        self._headers = safe_fields(hsts_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                message["headers"] = headers + [header for header in self._headers if header[0] not in present]
            await send(message)

        await self._app(scope, receive, send_safely)
