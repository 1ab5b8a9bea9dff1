"""Relay: its compiler and its runtime."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from clients.conftest import EXPLICIT_NULL, HERE, WRONG_KEY, Business, Report, errors_of, run

COMPILER = HERE / "node_modules" / ".bin" / "relay-compiler"


@pytest.fixture(scope="module")
def report(node_modules: Path, business: Business) -> Report:
    artifacts = HERE / ".build" / "relay"
    shutil.rmtree(artifacts, ignore_errors=True)
    artifacts.mkdir(parents=True)
    (artifacts / "persisted.json").write_text("{}")  # the compiler writes into an existing file
    business.run("node", "scripts/read_schema.mjs", ".build/schema.graphql")
    run(COMPILER, "relay.config.json", cwd=HERE / "relay")
    run("node", "relay/build.mjs")
    return business.report("node", ".build/relay.mjs")


def test_the_compiler_names_an_unknown_field(node_modules: Path, tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("graphql`query pageQuery { viewer { weather } }`")
    shutil.copy(HERE.parents[1] / "schema.graphql", tmp_path)
    config = {"src": ".", "schema": "schema.graphql", "language": "javascript", "noSourceControl": True}
    (tmp_path / "relay.json").write_text(json.dumps(config))

    done = subprocess.run([COMPILER, "relay.json"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "The type `Viewer` has no field `weather`" in done.stdout + done.stderr


def test_the_pages_of_a_connection_are_one_list_in_the_store(report: Report) -> None:
    assert report["pages"] == [10, 20, 25]


def test_a_mutation_updates_the_row_in_the_stored_list(report: Report) -> None:
    assert report["overridden"]["errors"] == []
    assert report["storedAssessment"] == report["overridden"]["session"]["assessment"] == "NO"


def test_a_row_is_refetched_by_its_id(report: Report) -> None:
    assert report["refetched"] == report["overridden"]["session"]


def test_a_refused_input_is_in_the_payload(report: Report) -> None:
    assert errors_of(report["refused"]) == [("NOT_FOUND", ["input", "sessionId"])]


@pytest.mark.parametrize(
    ("mistake", "code", "message"),
    [("explicitNull", "BAD_USER_INPUT", EXPLICIT_NULL), ("wrongKey", "UNAUTHENTICATED", WRONG_KEY)],
)
def test_a_refused_request_has_code_and_message(report: Report, mistake: str, code: str, message: str) -> None:
    assert report[mistake]["codes"] == [code]
    assert message in report[mistake]["message"]


def test_a_document_is_sent_once_and_then_its_hash(report: Report) -> None:
    assert [request["hasText"] for request in report["requests"]][:4] == [False, True, False, False]


def test_a_wrong_key_closes_the_websocket(report: Report) -> None:
    assert report["wrongKeyOverSocket"] == 4401


def test_a_subscription_over_a_websocket_receives_an_edit(report: Report) -> None:
    assert report["event"] == {"kind": "CHANGED", "sameSession": True}
