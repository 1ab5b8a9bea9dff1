"""`/.well-known/security.txt` (RFC 9116): where to report a vulnerability of this installation."""

from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from session_graph.settings import Settings

PATH = "/.well-known/security.txt"
VALID = timedelta(days=90)
"""RFC 9116 recommends less than a year. The file is made for each request, so what is served has not expired."""


def security_routes(settings: Settings) -> list[BaseRoute]:
    """Return the route, or none without a contact in the settings."""
    contact = settings.security_contact
    if not contact:
        return []

    async def show(request: Request) -> Response:
        expires = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + VALID
        fields = [f"Contact: {contact}", f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}", "Preferred-Languages: en"]
        if settings.public_url and settings.public_url.startswith("https://"):
            fields.append(f"Canonical: {settings.public_url.rstrip('/')}{PATH}")
        return PlainTextResponse("".join(f"{field}\n" for field in fields))

    return [Route(PATH, show)]
