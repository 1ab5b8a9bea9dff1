"""The rules of graphql-eslint: its recommended ones and Relay's for the schema, its recommended ones for operations."""

from pathlib import Path

from clients.conftest import HERE, run

ESLINT = HERE / "node_modules" / ".bin" / "eslint"
OPERATIONS = "tests/clients/operations.graphql"


def test_the_schema_and_the_operations_keep_the_rules(node_modules: Path) -> None:
    command = (ESLINT, "--max-warnings", "0", "--config", "tests/clients/eslint.config.js")
    run(*command, "schema.graphql", OPERATIONS, cwd=HERE.parents[1])
