"""docs/clients.md names the versions that are tested, and every script."""

import json
import re

from clients.conftest import HERE

PAGE = (HERE.parents[1] / "docs" / "clients.md").read_text("utf-8")
PACKAGES = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]
NAMES = {
    "Apollo Client": ["@apollo/client"],
    "urql with Graphcache": ["@urql/core", "@urql/exchange-graphcache"],
    "Relay": ["relay-compiler"],
    "graphql-ws": ["graphql-ws"],
    "graphql-sse": ["graphql-sse"],
    "GraphQL Code Generator": ["@graphql-codegen/cli", "@graphql-codegen/client-preset"],
    "gql (Python)": ["gql"],
    "ariadne-codegen (Python)": ["ariadne-codegen"],
}


def version_of(package: str) -> str:
    if package in PACKAGES:
        return str(PACKAGES[package])
    requirement = (HERE / "python" / f"{package}.in").read_text("utf-8")
    return requirement.strip().partition("==")[2]


def test_the_page_names_the_versions_that_are_tested() -> None:
    rows = dict(re.findall(r"^\| (.+?) \| ([^|]*\d+\.\d+\.\d+[^|]*) \|", PAGE, re.MULTILINE))

    assert {name: re.findall(r"\d+\.\d+\.\d+", row) for name, row in rows.items()} == {
        name: [version_of(package) for package in packages] for name, packages in NAMES.items()
    }


def test_the_page_links_every_script() -> None:
    scripts = {path.name for path in (HERE / "scripts").iterdir() if path.is_file()} - {"common.mjs"}

    assert scripts <= set(re.findall(r"tests/clients/scripts/([\w.]+)", PAGE))
