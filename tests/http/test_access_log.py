import json
import logging
import re
import subprocess
import sys
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message

from session_graph.http.access_log import LOGGER, MAX_NAME, AccessLog
from support.toy import KEY, VIEWER, ToyApp, ask

pytestmark = pytest.mark.anyio

COMMON = {"request_id", "client", "method", "path", "status", "duration_ms"}


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOGGER.name)
    return caplog


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    ordinary = logging.makeLogRecord({}).__dict__.keys() | {"message", "asctime"}
    return {name: value for name, value in record.__dict__.items() if name not in ordinary}


async def test_a_request_has_one_line(logged: pytest.LogCaptureFixture) -> None:
    response = await ask(ToyApp().client(), "query Greet($n: String!) { hello(name: $n) }", {"n": "Petra"})

    (record,) = logged.records
    fields = fields_of(record)
    assert re.fullmatch("[0-9a-f]{32}", fields["request_id"])
    assert fields.pop("request_id") == response.headers["X-Request-Id"]
    assert 0 < fields.pop("duration_ms") < 10_000
    assert fields == {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "account": "toys",
        "role": "BUILDER",
        "caller": VIEWER.name,
        "operation_type": "query",
        "operation_name": "Greet",
    }


async def test_a_line_has_no_query_text_variables_or_key(logged: pytest.LogCaptureFixture) -> None:
    client = ToyApp().client()

    await ask(client, 'query($n: String!) { hello(name: $n) secret: hello(name: "literal") }', {"n": "variable"})
    await client.get("/graphql", params={"query": "{ wrong }"})

    text = " ".join(str(record.__dict__) for record in logged.records)
    assert not any(word in text for word in ("hello", "secret", "literal", "variable", "wrong", KEY))


@pytest.mark.parametrize(
    ("query", "status", "codes"),
    [
        ("{", 200, ["BAD_USER_INPUT"]),
        ("{ " + "hello " * 21 + "}", 200, ["TOO_LARGE"]),
        ("query Forbidden { hello }", 200, ["FORBIDDEN_FIELD"]),
        ('{ a: fails(how: "pool") b: fails(how: "input") c: fails(how: "pool") }', 200, ["TIMEOUT", "BAD_USER_INPUT"]),
    ],
)
async def test_a_line_has_the_codes_of_all_errors(
    logged: pytest.LogCaptureFixture, query: str, status: int, codes: list[str]
) -> None:
    await ask(ToyApp().client(), query)

    assert logged.records[-1].__dict__["status"] == status
    assert logged.records[-1].__dict__["codes"] == codes


async def test_an_unauthenticated_request_has_no_account(logged: pytest.LogCaptureFixture) -> None:
    await ask(ToyApp().client(), "{ hello }", Authorization="Bearer wrong")

    assert fields_of(logged.records[0]).keys() == COMMON | {"codes"}


async def test_a_long_name_is_cut(logged: pytest.LogCaptureFixture) -> None:
    await ask(ToyApp().client(), "query " + "x" * 1000 + " { hello }")

    assert logged.records[0].__dict__["operation_name"] == "x" * MAX_NAME


async def test_an_internal_error_and_its_request_are_both_logged(logged: pytest.LogCaptureFixture) -> None:
    await ask(ToyApp().client(), '{ fails(how: "bug") }')

    error, line = logged.records
    assert error.levelno == logging.ERROR
    assert line.__dict__["codes"] == ["INTERNAL"]


async def other(request: Request) -> PlainTextResponse:
    if request.path_params["id"] == "broken":
        raise RuntimeError
    return PlainTextResponse("")


def others() -> httpx.AsyncClient:
    app = AccessLog(Starlette(routes=[Route("/exports/{id}", other)]))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://toys")


@pytest.mark.parametrize(
    ("path", "shown", "status"),
    [
        ("/exports/a-secret", "/exports/{id}", 200),
        ("/exports/e", "/exports/{id}", 200),
        ("/exports/broken", "/exports/{id}", 500),
        ("/unknown?key=a-secret", "/unknown", 404),
        ("/" + "x" * 1000, "/" + "x" * 199, 404),
    ],
)
async def test_a_path_is_logged_as_its_pattern(
    logged: pytest.LogCaptureFixture, path: str, shown: str, status: int
) -> None:
    response = await others().get(path)

    assert response.headers["X-Request-Id"] == logged.records[-1].__dict__["request_id"]
    assert (logged.records[-1].__dict__["path"], logged.records[-1].__dict__["status"]) == (shown, status)
    assert fields_of(logged.records[-1]).keys() == COMMON


@pytest.mark.parametrize("sent", ["x", "a" * 128, "Az09._-", "...", "3f2a7d4e-5b1c-4c7e-9a57-0d8e1b6f2c33"])
@pytest.mark.parametrize("path", ["/graphql", "/unknown"])
async def test_the_id_of_a_request_is_sent_back_and_logged(
    logged: pytest.LogCaptureFixture, sent: str, path: str
) -> None:
    response = await ToyApp().client().post(path, json={"query": "{ hello }"}, headers={"X-Request-Id": sent})

    assert response.headers.get_list("X-Request-Id") == [sent]
    assert [record.__dict__["request_id"] for record in logged.records] == [sent]


@pytest.mark.parametrize(
    "sent", ["", " ", "a" * 129, "a b", "a,b", "a/b", "a:b", "é", "٣", "a\n", '"', "{}", "<b>", "%0a", "a\tb"]
)
async def test_an_id_that_is_unsafe_or_too_long_is_replaced(logged: pytest.LogCaptureFixture, sent: str) -> None:
    raw = [(b"x-request-id", sent.encode()), (b"authorization", KEY.encode())]

    (used,) = await ids_of(raw)

    assert re.fullmatch("[0-9a-f]{32}", used)
    assert logged.records[-1].__dict__["request_id"] == used


async def test_of_several_ids_none_is_taken() -> None:
    (used,) = await ids_of([(b"x-request-id", b"one"), (b"x-request-id", b"two")])

    assert re.fullmatch("[0-9a-f]{32}", used)


async def ids_of(headers: list[tuple[bytes, bytes]]) -> list[str]:
    """The ids in the response to a request with exactly these headers: an HTTP client would refuse some of them."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/unknown", "query_string": b"", "headers": headers}
    await ToyApp().build()(scope, receive, send)
    return [value.decode() for name, value in sent[0]["headers"] if name == b"x-request-id"]


PROGRAM = """
import asyncio, logging
from session_graph.http.access_log import configure_logging
from support.toy import ToyApp, ask

configure_logging("INFO")
logging.getLogger("uvicorn.error").info("Started\\nserver")
logging.getLogger("session_graph.other").debug("unseen")
asyncio.run(ask(ToyApp().client(), '{ fails(how: "bug") }'))
"""


def test_everything_is_logged_as_lines_of_json() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    started, error, request = (line for line in lines if line["logger"] != "httpx")
    assert done.stdout == ""
    assert (started["level"], started["logger"], started["message"]) == ("INFO", "uvicorn.error", "Started\nserver")
    assert started["time"].endswith("+00:00")
    assert error["logger"] == "session_graph.errors"
    assert "unexpected keyword argument 'secret'" in error["exc_info"]
    assert request["logger"] == "session_graph.access"
    assert error["request_id"] == request["request_id"]
