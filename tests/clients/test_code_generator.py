"""GraphQL Code Generator with its client preset, checked by TypeScript."""

from pathlib import Path

import pytest

from clients.conftest import EXPLICIT_NULL, HERE, WRONG_KEY, Business, Report, errors_of, run

BIN = HERE / "node_modules" / ".bin"


@pytest.fixture(scope="module")
def generated(node_modules: Path, business: Business) -> None:
    business.run(BIN / "graphql-codegen", "--config", "codegen/config.mjs")


@pytest.fixture(scope="module")
def report(generated: None, business: Business) -> Report:
    script = ".build/codegen.mjs"
    run(BIN / "esbuild", "codegen/main.ts", "--bundle", "--format=esm", "--log-level=warning", f"--outfile={script}")
    return business.report("node", script)


@pytest.mark.usefixtures("generated")
def test_typescript_knows_the_fields_and_refuses_unknown_ones() -> None:
    run(BIN / "tsc", "--project", "codegen")


def test_lists_are_read_page_by_page(report: Report) -> None:
    assert report["pages"] == [10, 10, 5]


def test_money_is_the_text_that_its_type_says(report: Report) -> None:
    assert report["money"] == "string"


def test_a_mutation_answers_with_the_changed_row(report: Report) -> None:
    assert report["overridden"]["errors"] == []
    assert report["overridden"]["session"]["assessment"] == "NO"


def test_a_refused_input_is_in_the_payload(report: Report) -> None:
    assert errors_of(report["refused"]) == [("NOT_FOUND", ["input", "sessionId"])]


def test_an_unknown_value_is_named(report: Report) -> None:
    (error,) = report["unknownValue"]["errors"]
    assert "Value 'MAYBE' does not exist in 'Assessment' enum" in error["message"]


@pytest.mark.parametrize(
    ("mistake", "code", "message"),
    [("explicitNull", "BAD_USER_INPUT", EXPLICIT_NULL), ("wrongKey", "UNAUTHENTICATED", WRONG_KEY)],
)
def test_a_refused_request_has_code_and_message(report: Report, mistake: str, code: str, message: str) -> None:
    (error,) = report[mistake]["errors"]
    assert (error["extensions"]["code"], error["message"]) == (code, message)


def test_a_document_is_sent_once_and_then_its_hash(report: Report) -> None:
    assert [request["hasText"] for request in report["requests"]][:4] == [False, True, False, False]
