import httpx
import pytest

from session_graph.http.negotiation import (
    CLIENT_HEADERS,
    EVENTS,
    GRAPHQL,
    JSON,
    READ_HEADERS,
    NotAcceptable,
    UnsupportedMediaType,
    check_content,
    header_fields,
)
from session_graph.http.negotiation import choose_media_type as choose
from session_graph.settings import load_settings
from support.toy import KEY, ORIGIN, ToyApp, ask

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (GRAPHQL.upper(), GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{GRAPHQL};q=0.8, {JSON};q=0.9", JSON),
        (f"{GRAPHQL};q=0.8,*/*", JSON),
        (f"{GRAPHQL},*/*;q=0.1", GRAPHQL),
        (f"{GRAPHQL},*/*", GRAPHQL),
        (f"{JSON};q=0,*/*", GRAPHQL),
        (f"{JSON};q=0,application/*;q=0.5", GRAPHQL),
        (f"{GRAPHQL};q=broken,{JSON};q=0.1", JSON),
        (EVENTS, EVENTS),
        (f"{EVENTS}, {JSON};q=0.9", EVENTS),
        (f"{JSON}, {EVENTS}", JSON),
        (f"{EVENTS};q=0.5, */*", JSON),
        ("text/event-stream, */*;q=0.1", EVENTS),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
    ],
)
def test_the_preferred_media_type_is_chosen(accept: str | None, chosen: str) -> None:
    assert choose({} if accept is None else {"accept": accept}) == chosen


def test_repeated_accept_headers_are_joined() -> None:
    scope = {"type": "http", "headers": [(b"accept", b"text/html"), (b"accept", GRAPHQL.encode())]}

    assert choose(header_fields(scope)) == GRAPHQL


@pytest.mark.parametrize(
    "accept",
    ["text/html", "*/*;q=0", f"{JSON};q=0", "application/json5", ",", "x", "text/*", f"{EVENTS};q=0", f"{JSON};q=2"],
)
def test_an_accept_header_without_our_types_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        choose({"accept": accept})


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        'application/json; charset="utf8"; x=y',
    ],
)
def test_json_in_utf_8_is_accepted(content_type: str) -> None:
    check_content({"content-type": content_type, "content-encoding": "identity"})


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "The body must have the Content-Type application/json."),
        ({"content-type": "text/plain"}, "The body must have the Content-Type application/json."),
        (
            {"content-type": "application/x-www-form-urlencoded"},
            "The body must have the Content-Type application/json.",
        ),
        ({"content-type": "multipart/form-data; boundary=x"}, "The body must have the Content-Type application/json."),
        ({"content-type": "application/graphql"}, "The body must have the Content-Type application/json."),
        ({"content-type": "application/json; charset=latin-1"}, "The charset of the body must be utf-8."),
        ({"content-type": JSON, "content-encoding": "gzip"}, "The body must not have a Content-Encoding."),
    ],
)
def test_other_media_types_of_a_body_are_refused(headers: dict[str, str], sentence: str) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        check_content(headers)

    assert refused.value.message == sentence


PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


async def preflight(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    del client.headers["Authorization"]
    return await client.options("/graphql", headers={**PREFLIGHT, **headers})


async def test_a_preflight_of_an_allowed_origin_needs_no_key() -> None:
    response = await preflight(ToyApp().client(), Origin=ORIGIN)

    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert "authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in response.headers


SENT_BY_CLIENTS = {
    "Apollo Client": "authorization,content-type,accept,apollographql-client-name,apollographql-client-version",
    "Apollo Client by GET": "authorization,apollo-require-preflight",
    "Apollo for phones": "x-apollo-operation-name,x-apollo-operation-id,x-apollo-operation-type",
    "OpenTelemetry": "authorization,baggage,content-type,traceparent,tracestate",
    "Sentry": "authorization,baggage,content-type,sentry-trace",
    "Datadog": "x-datadog-origin,x-datadog-parent-id,x-datadog-sampling-priority,x-datadog-trace-id",
    "Zipkin": "b3,x-b3-traceid,x-b3-spanid,x-b3-parentspanid,x-b3-sampled",
    "others": "graphql-preflight,graphql-require-preflight,x-request-id,x-requested-with,cache-control,pragma",
    "all": ",".join((*READ_HEADERS, *CLIENT_HEADERS)),
}


@pytest.mark.parametrize("client", SENT_BY_CLIENTS)
async def test_a_page_may_send_the_headers_of_common_clients(client: str) -> None:
    headers = {"Access-Control-Request-Headers": SENT_BY_CLIENTS[client]}

    response = await preflight(ToyApp().client(), Origin=ORIGIN, **headers)

    assert response.status_code == 200
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(SENT_BY_CLIENTS[client].split(",")) <= set(allowed)


@pytest.mark.parametrize("name", ["cookie", "x-forwarded-for", "x-anything"])
async def test_a_page_may_not_send_other_headers(name: str) -> None:
    response = await preflight(ToyApp().client(), Origin=ORIGIN, **{"Access-Control-Request-Headers": name})

    assert response.status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", f"{ORIGIN}.evil.com", "http://app.example.com"])
async def test_a_preflight_of_another_origin_is_refused(origin: str) -> None:
    response = await preflight(ToyApp().client(), Origin=origin)

    assert response.status_code == 400
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_page_of_an_allowed_origin_may_read_answers_and_refusals() -> None:
    client = ToyApp().client(Origin=ORIGIN)

    for response in (await ask(client, "{ hello }"), await ask(client, "{ hello }", Authorization="Bearer wrong")):
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert response.headers["Vary"] == "Origin"
        assert (
            response.headers["Access-Control-Expose-Headers"]
            == "x-request-id, retry-after, ratelimit, ratelimit-policy"
        )
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_no_origin_is_allowed_by_default() -> None:
    client = ToyApp(load_settings(cors_origins="")).client()

    answer = await ask(client, "{ hello }", Origin=ORIGIN)
    refusal = await client.options("/graphql", headers={**PREFLIGHT, "Origin": ORIGIN})

    assert "Access-Control-Allow-Origin" not in answer.headers
    assert refusal.status_code == 405


@pytest.mark.parametrize("authorization", [KEY, "Bearer wrong"])
async def test_no_response_is_cached_or_sniffed_or_sets_a_cookie(authorization: str) -> None:
    response = await ask(ToyApp().client(), "{ hello }", Authorization=authorization)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in response.headers
