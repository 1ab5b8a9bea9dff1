"""The rules of graphql-eslint: its recommended ones and Relay's for the schema, its recommended ones for operations."""

from pathlib import Path

from graphql import build_schema, lexicographic_sort_schema, print_schema

from clients.conftest import HERE, Business, run

ESLINT = HERE / "node_modules" / ".bin" / "eslint"
SCHEMA = HERE.parents[1] / "schema.graphql"
OPERATIONS = "tests/clients/operations.graphql"


def test_the_schema_and_the_operations_keep_the_rules(node_modules: Path) -> None:
    command = (ESLINT, "--max-warnings", "0", "--config", "tests/clients/eslint.config.js")
    run(*command, "schema.graphql", OPERATIONS, cwd=HERE.parents[1])


def test_the_server_tells_the_published_schema(node_modules: Path, business: Business, tmp_path: Path) -> None:
    business.run("node", "scripts/read_schema.mjs", tmp_path / "told.graphql")

    assert normalised(tmp_path / "told.graphql") == normalised(SCHEMA)


def normalised(path: Path) -> str:
    return print_schema(lexicographic_sort_schema(build_schema(path.read_text("utf-8"))))
