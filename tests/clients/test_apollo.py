"""Apollo Client."""

from pathlib import Path

import pytest

from clients.conftest import EXPLICIT_NULL, UNKNOWN_FIELD, WRONG_KEY, Business, Report, errors_of


@pytest.fixture(scope="module")
def report(node_modules: Path, business: Business) -> Report:
    return business.report("node", "scripts/apollo.mjs")


def test_the_pages_of_a_list_are_one_list_in_the_cache(report: Report) -> None:
    assert report["pages"] == [10, 20, 25]


def test_a_mutation_updates_the_row_in_the_cached_list(report: Report) -> None:
    assert report["overridden"]["errors"] == []
    assert report["cachedAssessment"] == report["overridden"]["session"]["assessment"] == "NO"


def test_two_queries_add_to_an_object_without_an_id(report: Report) -> None:
    assert report["cachedRole"] == "ADMIN"


def test_a_refused_input_is_in_the_payload(report: Report) -> None:
    assert report["refused"]["session"] is None
    assert errors_of(report["refused"]) == [("NOT_FOUND", ["input", "sessionId"])]


@pytest.mark.parametrize(
    ("mistake", "code", "message"),
    [
        ("unknownField", "BAD_USER_INPUT", UNKNOWN_FIELD),
        ("explicitNull", "BAD_USER_INPUT", EXPLICIT_NULL),
        ("wrongKey", "UNAUTHENTICATED", WRONG_KEY),
    ],
)
def test_a_refused_request_has_code_and_message(report: Report, mistake: str, code: str, message: str) -> None:
    assert report[mistake] == {"name": "CombinedGraphQLErrors", "message": message, "codes": [code]}


def test_a_document_is_sent_once_and_then_its_hash(report: Report) -> None:
    assert [request["hasText"] for request in report["persistedRequests"]] == [False, True, False]


def test_a_subscription_over_a_websocket_receives_an_edit(report: Report) -> None:
    assert report["event"] == {"kind": "CHANGED", "sameSession": True}


def test_a_wrong_key_closes_the_websocket(report: Report) -> None:
    assert report["wrongKeyOverSocket"] == {
        "name": "Error",
        "message": f"Socket closed with event 4401 {WRONG_KEY}",
    }


def test_a_page_of_another_origin_may_send_its_headers(business: Business, report: Report) -> None:
    business.let_browsers_send(report)
