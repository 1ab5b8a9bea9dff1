import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from session_graph.engine.operation import GraphQLParams
from session_graph.http.bodies import Bodies, BodyReading
from session_graph.http.negotiation import GRAPHQL, JSON, header_fields
from session_graph.http.request import (
    BodyTooLarge,
    OnlyByPost,
    check_method,
    parse_body,
)
from session_graph.settings import Settings
from support.toy import VIEWER, ToyApp

pytestmark = pytest.mark.anyio

BIG = "9" * 30


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with ToyApp().client() as client:
        yield client


async def post(client: httpx.AsyncClient, body: bytes | str, **headers: str) -> httpx.Response:
    return await client.post("/graphql", content=body, headers={"Content-Type": JSON, **headers})


def sentence_of(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert list(response.json()) == ["errors"]
    return str(error["message"])


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("", "The body is empty; "),
        ("{", "The body is not valid JSON: "),
        ('{"query": "{ hello }"} x', "The body is not valid JSON: "),
        (b'\xef\xbb\xbf{"query": "{ hello }"}', "The body is not valid JSON: UTF-8 byte order mark"),
        (b'{"query": "\xff"}', "The body is not UTF-8: its byte 11 is invalid."),
        ('{"query": "{ hello }"}'.encode("utf-16"), "The body is not UTF-8: its byte 0 is invalid."),
        ('{"query": "{ hello }", "variables": {"a": NaN}}', "The body is not valid JSON: unexpected character"),
        ('{"query": "{ hello }", "variables": {"a": -Infinity}}', "The body is not valid JSON: "),
        ('{"query": "{ hello }", "variables": {"a": 1e999}}', "The body is not valid JSON: number is infinity"),
        (f'{{"variables": {{"a": {BIG}}}}}', "The body has a whole number of more than 64 bits; send it as a string."),
        ('{"variables": {"a": -9223372036854775809}}', "The body has a whole number of more than 64 bits"),
        ('{"variables": {"a": 18446744073709551616}}', "The body has a whole number of more than 64 bits"),
        ("[" * 10_000, "The body is not valid JSON: depth limit exceeded"),
        ('{"a":' * 10_000, "The body is not valid JSON: depth limit exceeded"),
        (f'{{"a": {"[" * 1000 + "]" * 1000}, "b": {BIG}}}', "The body "),
        (f'{{"query": 1, "query": {"[" * 1000 + "]" * 1000}}}', ""),
        ("[]", "The body is a list; send one GraphQL request at a time."),
        ('[{"query": "{ hello }"}]', "The body is a list; send one GraphQL request at a time."),
        ("null", 'The body must be a JSON object with a "query".'),
        ('"{ hello }"', 'The body must be a JSON object with a "query".'),
        ("{}", '"query" must be a string: the GraphQL document.'),
        ('{"query": null}', '"query" must be a string: the GraphQL document.'),
        ('{"query": ["{ hello }"]}', '"query" must be a string: the GraphQL document.'),
        ('{"query": "{ hello }", "operationName": 1}', '"operationName" must be a string or null.'),
        ('{"query": "{ hello }", "variables": []}', '"variables" must be a JSON object or null.'),
        ('{"query": "{ hello }", "variables": "{}"}', '"variables" must be a JSON object or null.'),
        ('{"query": "{ hello }", "extensions": 0}', '"extensions" must be a JSON object or null.'),
        ('{"query": "{ hello }", "query": "{ toys }"}', '"query" appears twice.'),
        ('{"query": "{ hello }", "variables": {}, "variables": {}}', '"variables" appears twice.'),
    ],
)
async def test_an_invalid_body_is_refused_with_its_reason(body: bytes | str, sentence: str) -> None:
    app = ToyApp()
    app.settings = app.settings.model_copy(update={"max_body_bytes": 10**6})

    response = await post(app.client(), body)

    assert response.status_code == 400
    assert sentence_of(response).startswith(sentence)


@pytest.mark.parametrize(
    "body",
    [
        '{"query": "{ hello }", "variables": null, "operationName": null, "extensions": null, "more": 1}',
        ' \n{"query": "{ hello }"}\t ',
        '{"query": "query A { hello } query B { toys { name } }", "operationName": "A"}',
        '{"query": "{ hello }", "operationName": ""}',
        '{"query": "query A { hello }", "operationName": ""}',
        '{"query": "{ hello }", "variables": {"query": 1, "a": {"query": 2}}}',
        '{"query": "{ hello }", "variables": {"a": 18446744073709551615, "b": -9223372036854775808}}',
        '{"query": "{ hello }", "variables": {"a": 0.1000000000000000055511151231257827}}',
        f'{{"query": "{{ hello }}", "variables": {{"a": "{BIG}"}}}}',
        r'{"query": "{ hello }", "variables": {"a": "\ud83d\ude00"}}',
    ],
)
async def test_a_valid_body_is_answered(client: httpx.AsyncClient, body: str) -> None:
    response = await post(client, body)

    assert response.json() == {"data": {"hello": "Hello world"}}


async def test_the_parameters_are_passed_on_unchanged() -> None:
    body = {"query": "{ a }", "operationName": "A", "variables": {"b": [1, 2.5, None, "ü"]}, "extensions": {"c": {}}}

    params = await read(request_of([json.dumps(body).encode()]), 1000)

    assert params == GraphQLParams("{ a }", "A", {"b": [1, 2.5, None, "ü"]}, {"c": {}})


@pytest.mark.parametrize("name", ["", None])
@pytest.mark.parametrize("query", ["query A { hello }", "query A { hello } query B { hello }", "{"])
async def test_an_empty_operation_name_is_none(client: httpx.AsyncClient, query: str, name: str | None) -> None:
    without = await post(client, json.dumps({"query": query}))
    by_post = await post(client, json.dumps({"query": query, "operationName": name}))
    by_get = await get(client, query=query, operationName=name or "")

    assert without.json() == by_post.json() == by_get.json()


@pytest.mark.parametrize("name", [" ", "B", "\u200b"])
async def test_another_operation_name_must_be_in_the_document(client: httpx.AsyncClient, name: str) -> None:
    response = await post(client, json.dumps({"query": "query A { hello }", "operationName": name}))

    assert sentence_of(response) == f"The document has no operation named '{name}'."


async def get(client: httpx.AsyncClient, **params: str) -> httpx.Response:
    return await client.get("/graphql", params=params)


async def test_a_query_is_answered_by_get(client: httpx.AsyncClient) -> None:
    query = "query A($name: String!) { hello(name: $name) } query B { toys { name } }"

    response = await get(client, query=query, operationName="A", variables='{"name": "Zoë & Co"}', extensions="{}")

    assert response.json() == {"data": {"hello": "Hello Zoë & Co"}}


@pytest.mark.parametrize(
    ("query_string", "sentence"),
    [
        ("", '"query" must be a string: the GraphQL document.'),
        ("variables=%7B%7D", '"query" must be a string: the GraphQL document.'),
        ("query=%7Bhello%7D&variables=", 'The parameter "variables" is not valid JSON: '),
        ("query=%7Bhello%7D&variables=%7B", 'The parameter "variables" is not valid JSON: '),
        ("query=%7Bhello%7D&variables=%5B%5D", '"variables" must be a JSON object or null.'),
        (f"query=%7Bhello%7D&variables=%7B%22a%22%3A{BIG}%7D", 'The parameter "variables" has a whole number of'),
        ("query=%7Bhello%7D&extensions=1", '"extensions" must be a JSON object or null.'),
        ("query=%7Bhello%7D&query=%7Bhello%7D", '"query" appears twice.'),
        ("query=%FF", "The query string is not percent-encoded UTF-8."),
        ("query=%ED%A0%80", "The query string is not percent-encoded UTF-8."),
        ("&".join(f"a{i}=1" for i in range(101)), "The query string has too many parameters."),
    ],
)
async def test_an_invalid_query_string_is_refused_with_its_reason(
    client: httpx.AsyncClient, query_string: str, sentence: str
) -> None:
    response = await client.get(f"/graphql?{query_string}")

    assert response.status_code == 400
    assert sentence_of(response).startswith(sentence)


@pytest.mark.parametrize(
    "text", ['mutation { rename(name: "a") }', 'query A { hello } mutation B { rename(name: "a") }']
)
async def test_a_mutation_is_not_executed_by_get(client: httpx.AsyncClient, text: str) -> None:
    response = await get(client, query=text, **({"operationName": "B"} if "B" in text else {}))

    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert sentence_of(response) == OnlyByPost().message


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql", json={"query": "{ hello }"})

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, POST"
    assert sentence_of(response) == "GraphQL is served by POST, and queries by GET."


async def test_head_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.head("/graphql?query=%7Bhello%7D")).status_code == 405


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/json; charset=utf-16"])
async def test_another_media_type_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/graphql", content=b'{"query": "{ hello }"}', headers={"Content-Type": content_type})

    assert response.status_code == 415
    assert sentence_of(response)


def request_of(chunks: list[bytes], headers: dict[str, str] | None = None, *, gone: bool = False) -> Request:
    """Return a POST with a body of these chunks; `gone`: it disconnects after them. Reading beyond its end fails."""
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        + ([{"type": "http.disconnect"}] if gone else [{"type": "http.request", "body": b""}])
    )

    async def receive() -> Message:
        return next(messages)

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "POST", "headers": raw, "query_string": b""}, receive)


async def read(request: Request, max_bytes: int) -> GraphQLParams:
    bodies = Bodies(Settings())
    headers = header_fields(request.scope)
    return await parse_body(await BodyReading(bodies).read(request.receive, headers, VIEWER, max_bytes), 1000)


async def test_a_body_of_the_largest_size_is_read() -> None:
    body = b'{"query": "{ a }"}'

    params = await read(request_of([body[:5], body[5:]], {"content-length": "18"}), 18)

    assert params.query == "{ a }"


async def test_a_body_that_is_declared_too_large_is_not_read() -> None:
    request = request_of([], {"content-length": "19"})

    with pytest.raises(BodyTooLarge, match="may have 18 bytes; this one has 19"):
        await read(request, 18)


@pytest.mark.parametrize("declared", [{}, {"content-length": "2"}, {"content-length": "x"}, {"content-length": "-1"}])
async def test_reading_stops_when_a_body_is_too_large(declared: dict[str, str]) -> None:
    request = request_of([b"x" * 10] * 100, declared)

    with pytest.raises(BodyTooLarge, match="may have 18 bytes; this one has more"):
        await read(request, 18)

    assert (await request.receive())["body"] == b"x" * 10


async def test_an_absurdly_long_content_length_is_too_large() -> None:
    with pytest.raises(BodyTooLarge):
        await read(request_of([], {"content-length": "9" * 5000}), 18)


@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_body_that_is_too_large_is_refused_with_413(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, b" " * 2049, Accept=accept)

    assert response.status_code == 413
    assert response.headers["Connection"] == "close"
    assert response.json()["errors"][0]["extensions"] == {"code": "TOO_LARGE"}


async def test_a_client_that_disconnects_within_its_body_gets_no_answer() -> None:
    with pytest.raises(ClientDisconnect):
        await read(request_of([b"{"], gone=True), 100)


def test_a_get_has_no_media_type() -> None:
    check_method("GET", {})


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (r"cut \ud83d", "cut \ufffd"),
        (r"\udfff cut", "\ufffd cut"),
        (r"\uD83D\uDE00 \ud83d", "\U0001f600 \ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
async def test_a_lone_surrogate_becomes_a_replacement_character(sent: str, expected: str) -> None:
    body = f'{{"query": "{{ hello }}", "variables": {{"a": "{sent}"}}}}'.encode()

    assert (await parse_body(body, 1000)).variables == {"a": expected}
