"""graphql-ws, without another client around it."""

from pathlib import Path

import pytest

from clients.conftest import UNKNOWN_FIELD, WRONG_KEY, Business, Report, errors_of


@pytest.fixture(scope="module")
def report(node_modules: Path, business: Business) -> Report:
    return business.report("node", "scripts/graphql_ws.mjs")


def test_lists_are_read_page_by_page(report: Report) -> None:
    assert report["pages"] == [10, 10, 5]


def test_a_mutation_answers_with_the_changed_row(report: Report) -> None:
    assert report["overridden"]["errors"] == []
    assert report["overridden"]["session"]["assessment"] == "NO"


def test_a_refused_input_is_in_the_payload(report: Report) -> None:
    assert errors_of(report["refused"]) == [("NOT_FOUND", ["input", "sessionId"])]


def test_an_unknown_field_is_an_error_of_its_operation(report: Report) -> None:
    assert report["unknownField"] == {"messages": [UNKNOWN_FIELD], "codes": ["BAD_USER_INPUT"]}


def test_a_wrong_key_closes_the_connection(report: Report) -> None:
    assert report["wrongKey"] == {"code": 4401, "reason": WRONG_KEY}


def test_a_subscription_receives_an_edit(report: Report) -> None:
    assert report["event"] == {"kind": "CHANGED", "sameSession": True}


def test_a_subscription_resumes_with_its_last_cursor(report: Report) -> None:
    assert report["missed"] == "While nobody listened"


def test_a_registered_document_is_found_by_its_hash(report: Report) -> None:
    assert report["persisted"] == {"before": ["PERSISTED_QUERY_NOT_FOUND"], "after": 3}
