"""gql for Python: the transports by aiohttp, httpx and websockets."""

from pathlib import Path

import pytest

from clients.conftest import EXPLICIT_NULL, UNKNOWN_FIELD, WRONG_KEY, Business, Report, errors_of

TRANSPORTS = pytest.mark.parametrize("transport", ["aiohttp", "httpx"])


@pytest.fixture(scope="module")
def report(python_of_gql: Path, business: Business) -> Report:
    return business.report(python_of_gql, "scripts/with_gql.py")


@TRANSPORTS
def test_lists_are_read_page_by_page(report: Report, transport: str) -> None:
    assert report[transport]["pages"] == [10, 10, 5]


@TRANSPORTS
def test_a_mutation_answers_with_the_changed_row(report: Report, transport: str) -> None:
    assert report[transport]["overridden"]["errors"] == []
    assert report[transport]["overridden"]["session"]["assessment"] == "NO"


@TRANSPORTS
def test_a_refused_input_is_in_the_payload(report: Report, transport: str) -> None:
    assert errors_of(report[transport]["refused"]) == [("NOT_FOUND", ["input", "sessionId"])]


@TRANSPORTS
@pytest.mark.parametrize(
    ("mistake", "code", "message"),
    [
        ("unknownField", "BAD_USER_INPUT", UNKNOWN_FIELD),
        ("explicitNull", "BAD_USER_INPUT", EXPLICIT_NULL),
        ("wrongKey", "UNAUTHENTICATED", WRONG_KEY),
    ],
)
def test_a_refused_request_has_code_and_message(
    report: Report, transport: str, mistake: str, code: str, message: str
) -> None:
    error = {"name": "TransportQueryError", "messages": [message], "codes": [code]}
    assert report[transport][mistake] == error


@TRANSPORTS
def test_with_the_schema_an_unknown_field_is_not_sent(report: Report, transport: str) -> None:
    assert report[transport]["unknownFieldOfSchema"] == {"name": "GraphQLError", "messages": [UNKNOWN_FIELD]}


def test_a_subscription_over_a_websocket_receives_an_edit(report: Report) -> None:
    assert report["event"] == {"kind": "CHANGED", "sameSession": True}


def test_a_wrong_key_closes_the_websocket(report: Report) -> None:
    assert report["wrongKeyOverSocket"]["name"] == "TransportConnectionFailed"
    assert "4401" in report["wrongKeyOverSocket"]["cause"]
