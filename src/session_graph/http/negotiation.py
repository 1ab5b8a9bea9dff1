"""What the headers of a request ask for, and those that every response has."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from session_graph.errors import BadUserInput
from session_graph.settings import Settings

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENTS = "text/event-stream"

SAFE_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Answers are one account's own: nothing between us and the client may keep them, or take them for a page."""

PREFLIGHT_SECONDS = 600

HeaderFields = Mapping[str, str]
"""Of a request's header, by their names in lower case."""

_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", re.ASCII)


class NotAcceptable(BadUserInput):
    """Accept wants none of application/graphql-response+json, application/json and text/event-stream."""

    status = 406


class UnsupportedMediaType(BadUserInput):
    """The body must have the Content-Type application/json."""

    status = 415


def cors(settings: Settings) -> list[Middleware]:
    """Lets the pages of the origins that were named read answers; none are, by default. No cookies either way."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type"),
            max_age=PREFLIGHT_SECONDS,
        )
    ]


def is_allowed_origin(headers: Headers, settings: Settings) -> bool:
    """Whether a WebSocket is not opened by a browser on a page of somebody else's.

    Browsers say in Origin whose page it is, and hold nobody back: RFC 6455, section 10.2.
    """
    origin = headers.get("origin")
    if origin is None or origin in settings.cors_origins:
        return True
    scheme, _, host = origin.lower().partition("://")
    own = {f"{own}://{headers.get('host', '')}".lower() for own in ("http", "https")}
    if settings.public_url:
        own.add("/".join(settings.public_url.lower().split("/")[:3]))
    return f"{scheme}://{host}" in own


def header_fields(scope: Scope) -> HeaderFields:
    """The header fields of a request; one that came several times is one list (RFC 9110, section 5.3)."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def choose_media_type(fields: HeaderFields) -> str:
    """JSON, GRAPHQL or, only where it is named, EVENTS, by the Accept header. Raises NotAcceptable."""
    accept = fields.get("accept", "")
    chosen = _negotiate(accept) if accept.strip() else JSON
    if chosen is None:
        raise NotAcceptable
    return chosen


def accepts_events(fields: HeaderFields) -> bool:
    """Whether Accept names EVENTS, be it after others: frontends name all that they can read."""
    return _accepts_events(fields.get("accept", ""))


@lru_cache(maxsize=128)
def _accepts_events(accept: str) -> bool:
    return _weigh(EVENTS, [_parse_media_type(part) for part in accept.split(",")])[0] > 0


def check_content(fields: HeaderFields) -> None:
    """Raise UnsupportedMediaType unless the body is plain application/json in UTF-8."""
    _check_content(fields.get("content-type", ""), fields.get("content-encoding", "identity"))


@lru_cache(maxsize=128)
def _check_content(content_type: str, encoding: str) -> None:
    media_type, parameters = _parse_media_type(content_type)
    if media_type != JSON:
        raise UnsupportedMediaType
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("The charset of the body must be utf-8.")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType("The body must not have a Content-Encoding.")


@lru_cache(maxsize=128)
def _negotiate(accept: str) -> str | None:
    """RFC 9110, section 12.5.1. Of equals, the one that is named wins, then the one that is named first, then JSON."""
    ranges = [_parse_media_type(part) for part in accept.split(",")]
    offers = [(offer, *_weigh(offer, ranges)) for offer in (JSON, GRAPHQL, EVENTS)]
    best, quality, *_ = max(offers, key=lambda offer: offer[1:])
    return best if quality > 0 else None


def _weigh(offer: str, ranges: Sequence[tuple[str, dict[str, str]]]) -> tuple[float, int, int]:
    """How much the offer is wanted: quality, how exactly it is named, how early. The most exact range decides."""
    exactness = {offer: 3} if offer == EVENTS else {"*/*": 1, "application/*": 2, offer: 3}
    found = (0, 0, 0.0)
    for index, (media_range, parameters) in enumerate(ranges):
        quality = parameters.get("q", "1")
        if media_range in exactness and _QUALITY.fullmatch(quality):
            found = max(found, (exactness[media_range], -index, float(quality)))
    exact, position, quality_found = found
    return quality_found, exact, position


def _parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """`text/plain; a=b` → `text/plain` and its parameters; names in lower case, values without quotes."""
    media_type, *rest = value.split(";")
    pairs = (part.partition("=") for part in rest)
    return media_type.strip().lower(), {name.strip().lower(): text.strip().strip('"') for name, _, text in pairs}
