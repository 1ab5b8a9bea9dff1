"""A whole answer, as ASGI sends one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from session_graph.http.negotiation import SAFE_HEADERS

_SAFE = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]


@dataclass(frozen=True, slots=True)
class GraphQLResponse:
    """JSON with a status; `headers` are further ones."""

    body: bytes
    status: int
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"%b; charset=utf-8" % self.media_type.encode()),
            *_SAFE,
            *((name.lower().encode(), value.encode()) for name, value in self.headers.items()),
            (b"content-length", b"%d" % len(self.body)),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})
