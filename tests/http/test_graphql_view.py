from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
import strawberry
from graphql import get_introspection_query
from strawberry.extensions import SchemaExtension

from session_graph.access.viewer import Viewer
from session_graph.engine.documents import PreparedDocument
from session_graph.engine.executor import OperationExecutor
from session_graph.engine.limits import Limits
from session_graph.engine.operation import Operation, Response
from session_graph.errors import Forbidden
from session_graph.http.negotiation import GRAPHQL, JSON
from session_graph.settings import Settings, load_settings
from support.toy import KEY, VIEWER, Toy, ToyApp, ask, build_toy_schema, inspect, refuse, serve

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("accept", [JSON, GRAPHQL])


async def test_a_query_is_answered() -> None:
    response = await ask(ToyApp().client(), "query($n: Int!) { toys(first: $n) { name friends { name } } }", {"n": 1})

    friends = [{"name": "bear"}, {"name": "bear"}]
    assert response.status_code == 200
    assert response.content == orjson.dumps({"data": {"toys": [{"name": "bear", "friends": friends}]}})


async def test_a_mutation_is_answered() -> None:
    response = await ask(ToyApp().client(), 'mutation { rename(name: "Zoë") }')

    assert response.json() == {"data": {"rename": "Zoë"}}


@BOTH
async def test_a_response_has_the_media_type_of_the_accept_header(accept: str) -> None:
    client = ToyApp().client(Accept=accept)

    for query in ("{ hello }", "{", "query Forbidden { hello }"):
        assert (await ask(client, query)).headers["Content-Type"] == f"{accept}; charset=utf-8"


async def test_a_request_that_accepts_no_json_is_refused_with_406() -> None:
    response = await ask(ToyApp().client(), "{ hello }", Accept="text/html")

    assert response.status_code == 406
    assert response.headers["Content-Type"] == f"{JSON}; charset=utf-8"
    assert response.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


INVALID: list[tuple[str, Any]] = [
    ("{", None),
    ("{ nothing }", None),
    ("query A { hello } query B { hello }", None),
    ("query($n: Int!) { toys(first: $n) { name } }", {"n": "two"}),
    ("query($n: Int!) { toys(first: $n) { name } }", {"n": 2**31}),
]


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL, 400)])
@pytest.mark.parametrize(("query", "variables"), INVALID)
async def test_an_invalid_request_has_the_status_of_its_media_type_and_no_data(
    accept: str, status: int, query: str, variables: Any
) -> None:
    response = await ask(ToyApp().client(), query, variables, Accept=accept)

    assert response.status_code == status
    assert response.json().keys() == {"errors"}
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


REFUSED: list[tuple[str, str, int]] = [
    ("query Forbidden { hello }", "FORBIDDEN_FIELD", 403),
    ("{ " + "hello " * 21 + "}", "TOO_LARGE", 400),
    ("subscription { ticks }", "BAD_USER_INPUT", 400),
]


@BOTH
@pytest.mark.parametrize(("query", "code", "status"), REFUSED)
async def test_a_refused_operation_has_status_200_as_json_else_its_own(
    accept: str, query: str, code: str, status: int
) -> None:
    response = await ask(ToyApp().client(), query, Accept=accept)

    assert response.status_code == (200 if accept == JSON else status)
    assert response.json().keys() == {"errors"}
    assert response.json()["errors"][0]["extensions"]["code"] == code


@BOTH
async def test_an_executed_request_has_status_200_even_if_a_field_failed(accept: str) -> None:
    response = await ask(ToyApp().client(), '{ fails(how: "statement") }', Accept=accept)

    assert response.status_code == 200
    assert response.json()["data"] == {"fails": None}


@BOTH
@pytest.mark.parametrize("query", ["{ hello }", get_introspection_query(), "{", ""])
@pytest.mark.parametrize("authorization", ["", "Bearer wrong", KEY + "x"])
async def test_every_request_without_a_valid_key_gets_401(accept: str, query: str, authorization: str) -> None:
    response = await ask(ToyApp().client(), query, Accept=accept, Authorization=authorization)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json() == {
        "errors": [
            {
                "message": "A valid API key or token is needed, as `Authorization: Bearer …`.",
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }


async def test_a_request_is_authenticated_before_its_body_is_read() -> None:
    response = (
        await ToyApp()
        .client(Authorization="Bearer wrong")
        .post("/graphql", content=b"x" * 10**6, headers={"Content-Type": JSON})
    )

    assert response.status_code == 401


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(Forbidden(), 403, "FORBIDDEN"), (TimeoutError(), 503, "TIMEOUT"), (OSError("secret"), 500, "INTERNAL")],
)
async def test_an_error_of_the_authenticator_is_answered_as_any_error(error: Exception, status: int, code: str) -> None:
    async def fail(authorization: str | None, address: str) -> Viewer:
        raise error

    response = await ask(ToyApp(authenticate=fail).client(), "{ hello }")

    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert "secret" not in response.text


async def test_a_result_that_cannot_be_encoded_is_an_internal_error() -> None:
    response = await ask(ToyApp().client(), "{ oddText }")

    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"


class Broken(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        raise LookupError("secret")
        yield


async def test_a_failing_extension_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    schema = strawberry.Schema(Toy, extensions=[PreparedDocument, Broken])

    response = await ask(ToyApp(schema=schema).client(), "{ name }")

    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in response.text
    assert "secret" in caplog.text


@pytest.mark.parametrize(("hide", "sentence"), [(False, "Did you mean 'text'?"), (True, "unknown field 'tex', found:")])
async def test_names_are_suggested_only_if_the_schema_allows_it(hide: bool, sentence: str) -> None:
    client = ToyApp(schema=build_toy_schema(hide_suggestions=hide)).client()

    error = await refuse(client, "query($w: Wish!) { wish(wish: $w) }", {"w": {"tex": "a"}})

    assert sentence in error["message"]


async def test_introspection_is_answered() -> None:
    app = ToyApp(load_settings(max_body_bytes=10_000))

    response = await ask(app.client(), get_introspection_query())

    assert response.json()["data"]["__schema"]["queryType"] == {"kind": "OBJECT", "name": "Query"}


async def test_the_inspected_operation_has_all_its_parts() -> None:
    seen: list[Operation] = []
    app = ToyApp()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app.view(seen.append)), base_url="http://toys")
    text = "query A($n: Int = 2) { ...F } fragment F on Query { toys(first: $n) { name } }"

    await ask(client, text, {}, Authorization=KEY)

    (operation,) = seen
    assert operation.viewer is VIEWER
    assert operation.context is app.happened
    assert operation.definition.name is not None
    assert operation.definition.name.value == "A"
    assert operation.prepared.document.fragments.keys() == {"F"}
    assert operation.prepared.variables.coerced == {"n": 2}
    assert operation.prepared.params.variables == {}


def test_a_schema_without_prepared_document_is_refused(settings: Settings) -> None:
    with pytest.raises(TypeError, match="PreparedDocument"):
        OperationExecutor(strawberry.Schema(Toy), Limits.of(settings), inspect)


async def test_a_plan_answers_instead_of_the_executor() -> None:
    async def plan(operation: Operation) -> Response | None:
        return Response(b'{"data":{"hello":"planned"}}') if operation.prepared.document.text == "{ hello }" else None

    client = ToyApp(plan=plan).client()

    assert (await ask(client, "{ hello }")).json() == {"data": {"hello": "planned"}}
    assert (await ask(client, "{ a: hello }")).json() == {"data": {"a": "Hello world"}}


async def test_a_repeated_query_is_answered_by_its_variables_each_time() -> None:
    client = ToyApp().client()

    for name in ("Ada", "Bo", "Cy"):
        response = await ask(client, "query($n: String!) { hello(name: $n) }", {"n": name})
        assert response.json() == {"data": {"hello": f"Hello {name}"}}


async def test_a_repeated_body_is_parsed_once_and_inspected_each_time() -> None:
    seen: list[Operation] = []
    app = ToyApp()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app.view(seen.append)), base_url="http://toys")

    for variables in ({"n": 1}, {"n": 1}, {"n": 2}):
        await ask(client, "query($n: Int) { toys(first: $n) { name } }", variables, Authorization=KEY)

    first, again, other = seen
    assert again.prepared is first.prepared
    assert other.prepared is not first.prepared
    assert [operation.prepared.variables.coerced["n"] for operation in seen] == [1, 1, 2]


async def test_a_repeated_mutation_is_executed_each_time() -> None:
    client = ToyApp().client()

    answers = [(await ask(client, 'mutation { rename(name: "a") }')).json() for _ in range(3)]

    assert answers == [{"data": {"rename": "a"}}] * 3


async def test_a_repeated_body_is_refused_each_time() -> None:
    client = ToyApp().client()

    refusals = [await refuse(client, "query($n: Int!) { toys(first: $n) { name } }") for _ in range(3)]

    assert refusals[0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert refusals == [refusals[0]] * 3


async def test_a_refusal_is_the_same_with_a_plan() -> None:
    async def plan(operation: Operation) -> Response | None:
        raise AssertionError("a refused operation was planned")

    error = await refuse(ToyApp(plan=plan).client(), "query Forbidden { hello }")

    assert error["extensions"]["code"] == "FORBIDDEN_FIELD"


def test_an_endless_body_is_refused_while_it_is_sent() -> None:
    def endless() -> Any:
        while True:
            yield b" " * 1000

    with serve(ToyApp().build()) as url, httpx.Client(base_url=url, headers={"Authorization": KEY}) as client:
        try:
            response = client.post("/graphql", content=endless(), headers={"Content-Type": JSON})
        except httpx.WriteError:
            return  # closed before it was read: a refusal as well
        assert response.status_code == 413
