"""Content negotiation: what a request's headers ask for, and the headers that every response has."""

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
JSON_LINES = "application/x-ndjson"

SAFE_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""A response belongs to one account: no cache may store it, and no browser may render it as a page."""

PREFLIGHT_SECONDS = 600

READ_HEADERS = (
    *("authorization", "content-type", "content-encoding", "accept", "x-request-id", "last-event-id"),
    "graphql-cost",
)
"""The headers that the server reads, of those that a page may set."""
CLIENT_HEADERS = (
    *("apollographql-client-name", "apollographql-client-version", "apollo-require-preflight"),
    *("x-apollo-operation-name", "x-apollo-operation-id", "x-apollo-operation-type"),
    *("graphql-preflight", "graphql-require-preflight", "x-graphql-client-name", "x-graphql-client-version"),
    *("traceparent", "tracestate", "baggage", "sentry-trace", "b3", "x-b3-traceid", "x-b3-spanid"),
    *("x-b3-parentspanid", "x-b3-sampled", "x-datadog-origin", "x-datadog-parent-id", "x-datadog-sampling-priority"),
    *("x-datadog-trace-id", "newrelic", "x-correlation-id", "x-requested-with", "cache-control", "pragma"),
)
"""Headers that GraphQL clients and tracers add by themselves. The server ignores them, but must allow them by name:
`*` does not cover `authorization`, and a browser sends nothing if one header is not allowed."""
EXPOSED_HEADERS = ("x-request-id", "retry-after", "ratelimit", "ratelimit-policy")
"""The headers of a response that a page may read, besides those that every page may."""

HeaderFields = Mapping[str, str]
"""The headers of a request by their names in lower case."""

_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", re.ASCII)


class NotAcceptable(BadUserInput):
    """Accept must allow application/graphql-response+json, application/json or text/event-stream."""

    status = 406


class UnsupportedMediaType(BadUserInput):
    """The body must have the Content-Type application/json."""

    status = 415


def cors(settings: Settings) -> list[Middleware]:
    """Let pages of the origins in the settings, none by default, read responses. Cookies are never allowed."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=(*READ_HEADERS, *CLIENT_HEADERS),
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )
    ]


def is_allowed_origin(headers: Headers, settings: Settings) -> bool:
    """Return whether a WebSocket is opened by our own page, by one of an allowed origin, or by no browser.

    Browsers send the page's origin, but let any page connect: the server must check it (RFC 6455, section 10.2).
    """
    origin = headers.get("origin")
    if origin is None or origin in settings.cors_origins:
        return True
    scheme, _, host = origin.lower().partition("://")
    own = {f"{own_scheme}://{headers.get('host', '')}".lower() for own_scheme in ("http", "https")}
    if settings.public_url:
        own.add("/".join(settings.public_url.lower().split("/")[:3]))
    return f"{scheme}://{host}" in own


def header_fields(scope: Scope) -> HeaderFields:
    """Return the headers of a request; repeated ones become one list (RFC 9110, section 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def choose_media_type(headers: HeaderFields) -> str:
    """Return JSON, GRAPHQL or, only if Accept names it, EVENTS. Raises NotAcceptable."""
    accept = headers.get("accept", "")
    chosen = _negotiate(accept) if accept.strip() else JSON
    if chosen is None:
        raise NotAcceptable
    return chosen


def accepts_events(headers: HeaderFields) -> bool:
    """Return whether Accept names EVENTS, even after others: frontends name all that they can read."""
    return _accepts_events(headers.get("accept", ""))


@lru_cache(maxsize=128)
def _accepts_events(accept: str) -> bool:
    return _weigh(EVENTS, [_parse_media_type(part) for part in accept.split(",")])[0] > 0


def check_content(headers: HeaderFields) -> None:
    """Raise UnsupportedMediaType unless the body is plain application/json in UTF-8."""
    _check_content(headers.get("content-type", ""), headers.get("content-encoding", "identity"))


@lru_cache(maxsize=128)
def _check_content(content_type: str, encoding: str) -> None:
    media_type, parameters = _parse_media_type(content_type)
    if media_type != JSON:
        raise UnsupportedMediaType
    _check_charset(parameters)
    if encoding.lower() != "identity":
        raise UnsupportedMediaType("The body must not have a Content-Encoding.")


def check_records(headers: HeaderFields) -> bool:
    """Return whether the body is gzip. Raises UnsupportedMediaType unless it is JSON Lines in UTF-8."""
    media_type, parameters = _parse_media_type(headers.get("content-type", ""))
    if media_type not in (JSON_LINES, "application/jsonl"):
        raise UnsupportedMediaType("The body must have the Content-Type application/x-ndjson or application/jsonl.")
    _check_charset(parameters)
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise UnsupportedMediaType("The Content-Encoding of the body must be gzip, or none.")
    return encoding != "identity"


def _check_charset(parameters: Mapping[str, str]) -> None:
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("The charset of the body must be utf-8.")


@lru_cache(maxsize=128)
def _negotiate(accept: str) -> str | None:
    """Return the best type (RFC 9110, section 12.5.1), or None. Of equals: the most exact, the first, JSON."""
    ranges = [_parse_media_type(part) for part in accept.split(",")]
    offers = [(offer, *_weigh(offer, ranges)) for offer in (JSON, GRAPHQL, EVENTS)]
    best, quality, *_ = max(offers, key=lambda offer: offer[1:])
    return best if quality > 0 else None


def _weigh(offer: str, ranges: Sequence[tuple[str, dict[str, str]]]) -> tuple[float, int, int]:
    """Return the offer's rank: its quality by the most exact range, how exact that is, and how early it comes."""
    exactness = {offer: 3} if offer == EVENTS else {"*/*": 1, "application/*": 2, offer: 3}
    found = (0, 0, 0.0)
    for index, (media_range, parameters) in enumerate(ranges):
        quality = parameters.get("q", "1")
        if media_range in exactness and _QUALITY.fullmatch(quality):
            found = max(found, (exactness[media_range], -index, float(quality)))
    exact, position, quality_found = found
    return quality_found, exact, position


def _parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the type and parameters of `text/plain; a=b`: names in lower case, values without quotes."""
    media_type, *rest = value.split(";")
    pairs = (part.partition("=") for part in rest)
    return media_type.strip().lower(), {name.strip().lower(): text.strip().strip('"') for name, _, text in pairs}
