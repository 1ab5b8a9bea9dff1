import logging
from uuid import UUID

import asyncpg
import httpx
import pytest

from session_graph.engine.error_format import MAX_MESSAGE, as_request_error
from session_graph.engine.fields import declare_bulk
from session_graph.engine.internals import graphql_schema
from session_graph.engine.variable_errors import MAX_VARIABLE_ERRORS
from session_graph.errors import StatementTimeout
from session_graph.store.database import Database
from support.toy import FAILURES, Happened, ToyApp, ask, refuse

pytestmark = pytest.mark.anyio


@pytest.fixture
def client() -> httpx.AsyncClient:
    return ToyApp().client()


@pytest.mark.parametrize(
    ("how", "told_as", "extensions"),
    [
        ("statement", StatementTimeout(), {"code": "TIMEOUT"}),
        ("pool", StatementTimeout(), {"code": "TIMEOUT"}),
        ("group", StatementTimeout(), {"code": "TIMEOUT"}),
        ("input", FAILURES["input"](), {"code": "BAD_USER_INPUT", "path": ["first"]}),
        ("field", FAILURES["field"](), {"code": "FORBIDDEN_FIELD", "fields": ["asr"]}),
        ("person", FAILURES["person"](), {"code": "BAD_USER_INPUT", "path": ["tags", "0"]}),
    ],
)
async def test_a_field_fails_with_a_code_of_ours_and_its_place(
    client: httpx.AsyncClient, how: str, told_as: Exception, extensions: dict[str, object]
) -> None:
    response = await ask(client, f'{{ hello fails(how: "{how}") }}')

    place = {"locations": [{"line": 1, "column": 9}], "path": ["fails"]}
    assert response.status_code == 200
    assert response.json() == {
        "errors": [{"message": str(told_as), "extensions": extensions, **place}],
        "data": {"hello": "Hello world", "fails": None},
    }


async def test_each_problem_of_an_input_is_an_error_of_its_own(client: httpx.AsyncClient) -> None:
    response = await ask(client, '{ hello fails(how: "persons") }')

    assert [(error["message"], error["extensions"]["path"], error["path"]) for error in response.json()["errors"]] == [
        ("a is wrong", ["a"], ["fails"]),
        ("b is wrong too", ["b"], ["fails"]),
    ]


@pytest.mark.parametrize("how", ["bug", "value", "graphql", "several"])
async def test_what_is_internal_is_logged_once_and_shown_only_as_its_id(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    error = await refuse(client, f'{{ fails(how: "{how}") }}')

    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    error_id = error["extensions"]["id"]
    assert UUID(error_id).version == 7
    assert error["extensions"] == {"code": "INTERNAL", "id": error_id}
    assert error_id in error["message"]
    assert record.__dict__["error_id"] == error_id
    assert record.exc_info is not None
    assert type(record.exc_info[1]) is type(FAILURES[how]())
    assert "support/toy.py" in caplog.text


async def test_a_value_that_its_type_cannot_hold_is_internal(client: httpx.AsyncClient) -> None:
    error = await refuse(client, "{ large }")

    assert error["extensions"]["code"] == "INTERNAL"
    assert error["path"] == ["large"]


async def test_a_long_message_is_cut(client: httpx.AsyncClient) -> None:
    error = await refuse(client, '{ fails(how: "long") }')

    assert error["message"] == "x" * (MAX_MESSAGE - 1) + "…"


@pytest.mark.parametrize(
    ("query", "variables", "message"),
    [
        ("{ hello(name: 1) }", None, "String cannot represent a non string value: 1"),
        ("{ even(number: 3) }", None, "Expected value of type 'Even', but encountered error 'must be even'; found: 3."),
        (
            "query($n: Even!) { even(number: $n) }",
            {"n": 3},
            "Variable '$n' has invalid value: "
            "Expected value of type 'Even', but encountered error 'must be even'; found: 3.",
        ),
        (
            "query($n: Even!) { even(number: $n) }",
            {},
            "Variable '$n' has invalid value: Expected a value of non-null type 'Even!' to be provided.",
        ),
        (
            "query($n: Even!) { even(number: $n) }",
            {"n": None},
            "Variable '$n' has invalid value: Expected value of non-null type 'Even!' not to be null.",
        ),
        (
            "query($n: Int = 1) { toys(first: $n) { name } }",
            {"n": None},
            "Argument 'first' has invalid value: "
            "Expected variable '$n' provided to non-null type 'Int!' not to be null.",
        ),
        ("{ wish(wish: {text: null}) }", None, "Field 'text' may be left out, but must not be null."),
        ("query($w: Wish!) { wish(wish: $w) }", {"w": {"text": None}}, "An optional field must not be null."),
        (
            "query($b: By) { toy(by: $b) { name } }",
            {"b": {}},
            "Variable '$b' has invalid value: Within OneOf Input Object type 'By', exactly one field must be specified,"
            " and the value for that field must be non-null.",
        ),
        ("{ hello", None, "Syntax Error: Expected Name, found <EOF>."),
    ],
)
async def test_what_is_wrong_with_an_input_is_said_in_the_words_of_graphql(
    client: httpx.AsyncClient, query: str, variables: object, message: str
) -> None:
    error = await refuse(client, query, variables)

    assert error["message"] == message
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_a_wrong_value_of_a_variable_has_its_place_in_the_arguments(client: httpx.AsyncClient) -> None:
    query = """query($n: Even!, $id: Int!, $all: [Even!]!) {
        even(number: $n)  ...Toys  many(numbers: $all)
    } fragment Toys on Query { toy(by: {id: $id}) { name } }"""

    response = await ask(client, query, {"n": None, "id": "x", "all": [2, 3, 4, 5]})

    errors = response.json()["errors"]
    assert [error["extensions"]["path"] for error in errors] == [
        ["number"],
        ["by", "id"],
        ["numbers", "1"],
        ["numbers", "3"],
    ]
    assert all(error["locations"] for error in errors)


@pytest.mark.parametrize("query", ["{ even(number: 1.5) }", "query($n: Even!) { even(number: $n) }"])
async def test_a_flaw_of_a_scalar_is_internal(client: httpx.AsyncClient, query: str) -> None:
    error = await refuse(client, query, {"n": 1.5} if "$n" in query else None)

    assert error["extensions"]["code"] == "INTERNAL"


async def test_what_was_sent_is_not_echoed_at_length() -> None:
    app = ToyApp()
    app.settings = app.settings.model_copy(update={"max_body_bytes": 10**6})

    error = await refuse(app.client(), "query($n: Int) { toys(first: $n) { name } }", {"n": "x" * 100_000})

    assert len(error["message"]) <= MAX_MESSAGE


async def test_errors_in_variables_are_counted_and_not_all_told() -> None:
    app = ToyApp()
    app.settings = app.settings.model_copy(update={"max_body_bytes": 10**6})

    declare_bulk(graphql_schema(app.schema), "Even", 10_000)
    query = "query($n: [Even!]!) { many(numbers: $n) }"
    response = await ask(app.client(), query, {"n": [1] * (MAX_VARIABLE_ERRORS + 1)})

    errors = response.json()["errors"]
    assert len(errors) == MAX_VARIABLE_ERRORS + 1
    assert "more errors" in errors[-1]["message"]


async def test_a_statement_that_takes_too_long_is_a_timeout(database: Database) -> None:
    async def sleep() -> None:
        async with database.transaction() as connection:
            await connection.execute("set local statement_timeout = 50")
            await connection.execute("select pg_sleep(30)")

    error = await refuse(ToyApp(happened=Happened(wait=sleep)).client(), "{ slow }")

    assert error["extensions"] == {"code": "TIMEOUT"}


def test_an_error_of_ours_is_told_as_it_is() -> None:
    error = FAILURES["field"]()

    assert as_request_error(ExceptionGroup("in a group", [error])) is error


def test_other_errors_of_the_database_are_internal() -> None:
    assert as_request_error(asyncpg.UniqueViolationError("Key (phone)=(+49 30 …) already exists.")).code == "INTERNAL"
