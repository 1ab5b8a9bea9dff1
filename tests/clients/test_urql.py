"""urql, with Graphcache."""

from pathlib import Path

import pytest

from clients.conftest import EXPLICIT_NULL, UNKNOWN_FIELD, WRONG_KEY, Business, Report, errors_of


@pytest.fixture(scope="module")
def report(node_modules: Path, business: Business) -> Report:
    return business.report("node", "scripts/urql.mjs")


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
    ("mistake", "status", "code", "message"),
    [
        ("unknownField", 400, "BAD_USER_INPUT", UNKNOWN_FIELD),
        ("explicitNull", 400, "BAD_USER_INPUT", EXPLICIT_NULL),
        ("wrongKey", 401, "UNAUTHENTICATED", WRONG_KEY),
    ],
)
def test_a_refused_request_has_code_and_message(
    report: Report, mistake: str, status: int, code: str, message: str
) -> None:
    expected = {"name": "CombinedError", "message": f"[GraphQL] {message}", "status": status, "codes": [code]}
    assert report[mistake] == expected


def test_a_document_is_sent_once_and_then_its_hash_by_get(report: Report) -> None:
    sent = [(request["method"], request["hasText"]) for request in report["persistedRequests"]]
    assert sent == [("GET", False), ("GET", True), ("GET", False)]
    assert report["persistedSizes"] == [3, 4]


@pytest.mark.parametrize("transport", ["socket", "sse"])
def test_a_subscription_receives_an_edit(report: Report, transport: str) -> None:
    assert report["events"][transport] == {"kind": "CHANGED", "sameSession": True}


def test_a_wrong_key_closes_the_websocket(report: Report) -> None:
    assert report["wrongKeyOverSocket"] == 4401


def test_graphcache_finds_the_identity_of_every_object(report: Report) -> None:
    assert report["warnings"] == []


def test_a_page_of_another_origin_may_send_its_headers(business: Business, report: Report) -> None:
    business.let_browsers_send(report)
