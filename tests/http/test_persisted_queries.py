"""Automatic persisted queries, as Apollo's clients speak them: https://www.apollographql.com/docs/apollo-server/performance/apq."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest

from session_graph.access.viewer import Viewer
from session_graph.engine.limits import MAX_CHARACTERS
from session_graph.engine.operation import GraphQLParams
from session_graph.errors import BadUserInput, Unauthenticated
from session_graph.http import persisted_queries
from session_graph.http.negotiation import GRAPHQL, JSON
from session_graph.http.persisted_queries import (
    MAX_ACCOUNT_CHARACTERS,
    MIN_TEXT_CHARACTERS,
    HashedParams,
    PersistedQueries,
    PersistedQueryNotFound,
)
from session_graph.http.request import parse_params
from session_graph.store.models import Account
from support.api import make_key
from support.live import Served, connected
from support.toy import VIEWER, ToyApp

pytestmark = pytest.mark.anyio

QUERY = "query Greet($name: String!) { hello(name: $name) }"
NOT_FOUND = {"errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]}
ZOE = {"data": {"hello": "Hello Zoë"}}


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def persisted(text: str, **changes: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text), **changes}}


async def send(client: httpx.AsyncClient, method: str, headers: dict[str, str] | None = None, **parameters: Any) -> Any:
    """Send a request by POST or GET; over GET, objects are JSON in the query string."""
    if method == "POST":
        return await client.post("/graphql", json=parameters, headers=headers)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    return await client.get("/graphql", params=texts, headers=headers)


METHODS = pytest.mark.parametrize("method", ["POST", "GET"])


@METHODS
@pytest.mark.parametrize("registered_by", ["POST", "GET"])
async def test_a_document_is_registered_once_and_then_found_by_its_hash(method: str, registered_by: str) -> None:
    client = ToyApp().client()
    request: dict[str, Any] = {"variables": {"name": "Zoë"}, "extensions": persisted(QUERY)}

    assert (await send(client, method, **request)).json() == NOT_FOUND
    assert (await send(client, registered_by, query=QUERY, **request)).json() == ZOE
    for _ in range(2):
        assert (await send(client, method, **request)).json() == ZOE
    other = await send(client, method, variables={"name": "Bo"}, extensions=persisted(QUERY))
    assert other.json() == {"data": {"hello": "Hello Bo"}}


@METHODS
@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), ("*/*", 200), (GRAPHQL, 400)])
async def test_an_unknown_hash_has_the_status_that_clients_expect(method: str, accept: str, status: int) -> None:
    response = await send(ToyApp().client(), method, {"Accept": accept}, extensions=persisted(QUERY))

    assert (response.status_code, response.json()) == (status, NOT_FOUND)


@METHODS
@pytest.mark.parametrize("prefix", ["", "sha256:"])
async def test_a_document_id_is_the_hash_of_a_registered_document(method: str, prefix: str) -> None:
    client = ToyApp().client()
    request: dict[str, Any] = {"documentId": prefix + hash_of(QUERY), "variables": {"name": "Zoë"}}

    assert (await send(client, method, **request)).json() == NOT_FOUND
    await send(client, method, query=QUERY, variables={"name": "Bo"}, extensions=persisted(QUERY))
    assert (await send(client, method, **request)).json() == ZOE


async def test_a_document_id_beside_a_query_is_ignored_and_registers_nothing() -> None:
    client = ToyApp().client()

    for document_id in (hash_of("{ toys { name } }"), "7", 7, hash_of("{ hello }")):
        response = await send(client, "POST", query="{ hello }", documentId=document_id)
        assert response.json() == {"data": {"hello": "Hello world"}}

    assert (await send(client, "POST", documentId=hash_of("{ hello }"))).json() == NOT_FOUND


@METHODS
async def test_a_hash_of_another_query_is_refused_and_registers_nothing(method: str) -> None:
    client = ToyApp().client()

    response = await send(client, method, query="{ hello }", extensions=persisted(QUERY))

    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}
    for text in ("{ hello }", QUERY):
        assert (await send(client, method, extensions=persisted(text))).json() == NOT_FOUND


@METHODS
@pytest.mark.parametrize("known", ["{ hello }", None])
async def test_a_known_hash_does_not_let_another_query_in(method: str, known: str | None) -> None:
    client = ToyApp().client()
    if known:
        await send(client, method, query=known, extensions=persisted(known))

    response = await send(client, method, query="{ hello toys { name } }", extensions=persisted("{ hello }"))

    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


@METHODS
@pytest.mark.parametrize("query", ["{", "{ nothing }", "query A { hello } query B { hello }", QUERY, "{ hello " * 300])
async def test_an_invalid_request_registers_nothing(method: str, query: str) -> None:
    client = ToyApp().client()

    refused = await send(client, method, query=query, extensions=persisted(query))

    assert refused.json().keys() == {"errors"}
    assert (await send(client, method, extensions=persisted(query))).json() == NOT_FOUND


MALFORMED: dict[str, Any] = {
    "no object": "x",
    "a list": [],
    "empty": {},
    "no version": {"sha256Hash": hash_of(QUERY)},
    "version 2": {"version": 2, "sha256Hash": hash_of(QUERY)},
    "version as text": {"version": "1", "sha256Hash": hash_of(QUERY)},
    "no hash": {"version": 1},
    "a number": {"version": 1, "sha256Hash": 7},
    "too short": {"version": 1, "sha256Hash": hash_of(QUERY)[1:]},
    "too long": {"version": 1, "sha256Hash": hash_of(QUERY) + "0"},
    "no digits": {"version": 1, "sha256Hash": "g" * 64},
    "other digits": {"version": 1, "sha256Hash": "٣" * 64},
    "a line break": {"version": 1, "sha256Hash": hash_of(QUERY) + "\n"},
    "a prefix": {"version": 1, "sha256Hash": "sha256:" + hash_of(QUERY)},
}


@METHODS
@pytest.mark.parametrize("query", [{}, {"query": "{ hello }"}])
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_extension_is_refused(method: str, query: dict[str, Any], case: str) -> None:
    response = await send(ToyApp().client(), method, extensions={"persistedQuery": MALFORMED[case]}, **query)

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize("document_id", ["", "7", 7, {}, hash_of(QUERY)[1:], "md5:" + hash_of(QUERY)])
def test_a_document_id_that_is_no_hash_is_refused(document_id: object) -> None:
    with pytest.raises(BadUserInput, match="documentId"):
        parse_params({"documentId": document_id})


@pytest.mark.parametrize("fields", [{}, {"documentId": None}, {"extensions": {"persistedQuery": None}}])
def test_a_request_without_query_and_hash_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BadUserInput, match='"query" must be a string'):
        parse_params(fields)
    assert parse_params({"query": "{ a }", **fields}).query == "{ a }"


@pytest.mark.parametrize("query", [{}, {"query": None}, {"query": ""}])
def test_a_request_with_a_hash_needs_no_query(query: dict[str, object]) -> None:
    params = parse_params({"extensions": persisted(QUERY, sha256Hash=hash_of(QUERY).upper()), **query})

    assert params == HashedParams("", None, {}, persisted(QUERY, sha256Hash=hash_of(QUERY).upper()), hash_of(QUERY))


async def test_a_mutation_is_found_by_post_and_not_executed_by_get() -> None:
    client = ToyApp().client()
    text = 'mutation { rename(name: "a") }'
    await send(client, "POST", query=text, extensions=persisted(text))

    assert (await send(client, "POST", extensions=persisted(text))).json() == {"data": {"rename": "a"}}
    assert (await send(client, "GET", extensions=persisted(text))).status_code == 405


async def test_a_found_document_is_inspected_like_a_sent_one() -> None:
    client = ToyApp().client()
    text = "query Forbidden { hello }"
    refused = await send(client, "POST", query=text, extensions=persisted(text))

    again = await send(client, "POST", extensions=persisted(text))

    assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN_FIELD"
    assert refused.json() == again.json()


async def authenticate(authorization: str | None, address: str) -> Viewer:
    if not authorization:
        raise Unauthenticated
    return replace(VIEWER, account=replace(VIEWER.account, id=UUID(int=int(authorization))))


async def test_accounts_do_not_share_their_documents() -> None:
    client = ToyApp(authenticate=authenticate).client()
    one, other = {"Authorization": "1"}, {"Authorization": "2"}
    request: dict[str, Any] = {"variables": {"name": "Zoë"}, "extensions": persisted(QUERY)}

    for _ in range(2):  # the second time, the same bodies as before
        await send(client, "POST", one, query=QUERY, **request)
        assert (await send(client, "POST", one, **request)).json() == ZOE
        assert (await send(client, "POST", other, **request)).json() == NOT_FOUND
    await send(client, "POST", other, query=QUERY, **request)
    assert (await send(client, "POST", other, **request)).json() == ZOE


async def test_over_a_websocket_documents_are_registered_and_found_as_over_http(
    served: Served, bistro: Account
) -> None:
    text = "{ viewer { role } }"
    async with connected(served.address, await make_key(bistro)) as socket:
        await socket.send(type="subscribe", id="1", payload={"extensions": persisted(text)})
        assert [await socket.refusal()] == NOT_FOUND["errors"]

        for payload in (
            {"query": text, "operationName": "", "extensions": persisted(text)},
            {"extensions": persisted(text)},
            {"documentId": hash_of(text)},
        ):
            await socket.send(type="subscribe", id="1", payload=payload)
            assert await socket.data() == {"viewer": {"role": "ADMIN"}}
            assert (await socket.receive())["type"] == "complete"


def params_of(text: str, *, sent: bool = True) -> HashedParams:
    return HashedParams(text if sent else "", None, {}, {}, hash_of(text))


def has(queries: PersistedQueries, account: int, text: str) -> bool:
    try:
        return queries.resolve(UUID(int=account), params_of(text, sent=False)).query == text
    except PersistedQueryNotFound:
        return False


def test_parameters_without_a_hash_are_neither_changed_nor_registered() -> None:
    queries = PersistedQueries()
    params = GraphQLParams(QUERY, None, {}, {})

    queries.register(UUID(int=1), params)

    assert queries.resolve(UUID(int=1), params) is params
    assert not has(queries, 1, QUERY)


def test_an_account_that_registers_too_much_loses_what_it_used_longest_ago() -> None:
    queries = PersistedQueries()
    most = MAX_ACCOUNT_CHARACTERS // MIN_TEXT_CHARACTERS
    for number in range(most):
        queries.register(UUID(int=1), params_of(str(number)))
    assert has(queries, 1, "0")

    queries.register(UUID(int=1), params_of("one more"))

    assert [number for number in range(most) if not has(queries, 1, str(number))] == [1]


def test_the_longest_document_can_be_registered() -> None:
    queries = PersistedQueries()

    queries.register(UUID(int=1), params_of("x" * MAX_CHARACTERS))

    assert has(queries, 1, "x" * MAX_CHARACTERS)


def test_accounts_that_register_much_do_not_push_out_what_others_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisted_queries, "MAX_REGISTERED_CHARACTERS", 20 * MIN_TEXT_CHARACTERS)
    queries = PersistedQueries()
    own = [f"own {number}" for number in range(5)]  # a quarter, of four accounts
    for text in own:
        queries.register(UUID(int=1), params_of(text))

    for number in range(100):
        for account in (2, 3, 4):
            queries.register(UUID(int=account), params_of(f"{number}"))

    assert all(has(queries, 1, text) for text in own)
    kept = sum(has(queries, account, f"{number}") for number in range(100) for account in (2, 3, 4))
    assert kept == 15
    assert all(has(queries, account, "99") for account in (2, 3, 4))


def test_an_account_that_lost_everything_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisted_queries, "MAX_REGISTERED_CHARACTERS", 3 * MIN_TEXT_CHARACTERS)
    queries = PersistedQueries()

    for account in range(100):
        queries.register(UUID(int=account), params_of(QUERY))

    assert len(queries._texts) == 3
