"""graphql-sse, in its distinct connections mode."""

from pathlib import Path

import pytest

from clients.conftest import UNKNOWN_FIELD, WRONG_KEY, Business, Report, errors_of


@pytest.fixture(scope="module")
def report(node_modules: Path, business: Business) -> Report:
    return business.report("node", "scripts/graphql_sse.mjs")


def test_lists_are_read_page_by_page(report: Report) -> None:
    assert report["pages"] == [10, 10, 5]


def test_a_mutation_answers_with_the_changed_row(report: Report) -> None:
    assert report["overridden"]["errors"] == []
    assert report["overridden"]["session"]["assessment"] == "NO"


def test_a_refused_input_is_in_the_payload(report: Report) -> None:
    assert errors_of(report["refused"]) == [("NOT_FOUND", ["input", "sessionId"])]


def test_an_unknown_field_is_an_error_in_the_stream(report: Report) -> None:
    (error,) = report["unknownField"]
    assert (error["message"], error["extensions"]) == (UNKNOWN_FIELD, {"code": "BAD_USER_INPUT"})


def test_a_wrong_key_is_refused_before_the_stream(report: Report) -> None:
    assert report["wrongKey"]["name"] == "NetworkError"
    assert report["wrongKey"]["message"] == "Server responded with 401: Unauthorized"
    (error,) = report["wrongKey"]["answer"]["errors"]
    assert error == {"message": WRONG_KEY, "extensions": {"code": "UNAUTHENTICATED"}}


def test_a_subscription_receives_an_edit(report: Report) -> None:
    assert report["event"] == {"kind": "CHANGED", "sameSession": True}


def test_a_subscription_resumes_with_its_last_cursor(report: Report) -> None:
    assert report["missed"] == "While nobody listened"


def test_a_page_of_another_origin_may_send_its_headers(business: Business, report: Report) -> None:
    business.let_browsers_send(report)
