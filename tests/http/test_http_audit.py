"""The public audits of GraphQL over HTTP, against a real server.

They come with the npm package `graphql-http`, from the folder named by GRAPHQL_HTTP_HOME or else installed once.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.toy import KEY, ToyApp, serve

PACKAGES = ("graphql-http@1.23.1", "graphql@16.15.0")
AUDITS = 61


@pytest.fixture(scope="module")
def node_home(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that has the package in its node_modules."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs node and npm")
    if given := os.environ.get("GRAPHQL_HTTP_HOME"):
        return Path(given)
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)
    home = cache.mkdir("graphql-http") if cache else tmp_path_factory.mktemp("node")
    if not (home / "node_modules" / "graphql-http").is_dir():
        install(home)
    return home


def install(home: Path) -> None:
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(home), *PACKAGES]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install graphql-http: {error}")


def audit(home: Path, url: str) -> list[dict[str, Any]]:
    command = ["node", str(Path(__file__).with_name("audit.mjs")), str(home), url, KEY]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    results = json.loads(done.stdout)
    assert isinstance(results, list)
    return results


def test_every_audit_of_graphql_over_http_passes(node_home: Path) -> None:
    with serve(ToyApp().build()) as url:
        results = audit(node_home, f"{url}/graphql")

    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) >= AUDITS


def test_the_audits_can_fail(node_home: Path) -> None:
    with serve(ToyApp().build()) as url:
        results = audit(node_home, f"{url}/nowhere")

    assert any(result["status"] == "error" for result in results)
