"""ariadne-codegen for Python: the client that it generates from schema.graphql."""

import shutil
from pathlib import Path

import pytest

from clients.conftest import EXPLICIT_NULL, HERE, UNKNOWN_FIELD, WRONG_KEY, Business, Report, errors_of


@pytest.fixture(scope="module")
def report(python_of_ariadne_codegen: Path, business: Business) -> Report:
    build = HERE / ".build"
    build.mkdir(exist_ok=True)
    shutil.rmtree(build / "session_graph_client", ignore_errors=True)
    generator = python_of_ariadne_codegen.with_name("ariadne-codegen")
    business.run(generator, "--config", "python/ariadne-codegen.toml")
    return business.report(python_of_ariadne_codegen, "scripts/with_ariadne_codegen.py")


def test_lists_are_read_page_by_page(report: Report) -> None:
    assert report["pages"] == [10, 10, 5]


def test_scalars_have_the_types_of_python(report: Report) -> None:
    assert report["types"] == {"startedAt": "datetime", "asr": "Decimal"}


def test_a_filter_leaves_out_what_is_not_set(report: Report) -> None:
    assert report["filtered"] == 1


def test_a_mutation_answers_with_the_changed_row(report: Report) -> None:
    assert report["overridden"]["errors"] == []
    assert report["overridden"]["session"]["assessment"] == "NO"


def test_a_refused_input_is_in_the_payload(report: Report) -> None:
    assert errors_of(report["refused"]) == [("NOT_FOUND", ["input", "sessionId"])]


def test_an_unknown_field_has_its_message(report: Report) -> None:
    assert report["unknownField"]["name"] == "GraphQLClientGraphQLMultiError"
    assert report["unknownField"]["message"] == UNKNOWN_FIELD


def test_an_explicit_null_has_its_message(report: Report) -> None:
    error = {"name": "GraphQLClientGraphQLMultiError", "message": EXPLICIT_NULL, "messages": []}
    assert report["explicitNull"] == error


def test_of_an_error_status_the_message_is_in_the_response(report: Report) -> None:
    error = {"name": "GraphQLClientHttpError", "message": "HTTP status code: 401", "messages": [WRONG_KEY]}
    assert report["wrongKey"] == error


def test_a_subscription_over_a_websocket_receives_an_edit(report: Report) -> None:
    assert report["event"] == {"kind": "CHANGED", "sameSession": True}


def test_a_wrong_key_closes_the_websocket(report: Report) -> None:
    assert report["wrongKeyOverSocket"].startswith("ConnectionClosedError: received 4401")
