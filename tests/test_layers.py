"""The house: a module imports only from its own room or from floors below. Map and imports are read from the source."""

import ast
import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import session_graph

PROJECT = Path(__file__).parents[1]
SOURCE = PROJECT / "src"
HOUSE = "session_graph"
MAP = re.findall(r"^    (\d)  (\w+) +(.+)$", session_graph.__doc__ or "", re.MULTILINE)
FLOORS = {room: int(floor) for floor, room, _ in MAP}
GROUND = [room for room, floor in FLOORS.items() if floor == 0]
"""From the top: each may import those that stand below it."""
BESIDE = ("demo", "web")

FILES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}
READERS_OF_THE_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "BaseSettings"}


def room_of(module: str) -> str:
    """Empty for the house itself."""
    return module.removeprefix(HOUSE).removeprefix(".").partition(".")[0]


def may_import(importer: str, imported: str) -> bool:
    own, other = room_of(importer), room_of(imported)
    if own == other:
        return True
    if other == "demo":
        return own == "cli"
    if own == "demo":
        return other == "zones"
    if own in GROUND and other in GROUND:
        return GROUND.index(own) < GROUND.index(other)
    return own in FLOORS and other in FLOORS and FLOORS[other] < FLOORS[own] and (own, other) != ("engine", "sessions")


def find_imports(source: str, package: str, modules: Iterable[str]) -> Iterator[str]:
    """Our modules that `source`, a file of `package`, imports: wherever in the file, and for types alone too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            targets = [name if (name := f"{base}.{alias.name}") in modules else base for alias in node.names]
        else:
            continue
        yield from (target for target in targets if target.partition(".")[0] == HOUSE)


def reads_environment(source: str) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in READERS_OF_THE_ENVIRONMENT)
        or (isinstance(node, ast.alias) and node.name in READERS_OF_THE_ENVIRONMENT)
        for node in ast.walk(ast.parse(source))
    )


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    return {
        module: set(find_imports(path.read_text("utf-8"), package_of(module, path), FILES))
        for module, path in FILES.items()
    }


def package_of(module: str, path: Path) -> str:
    return module if path.name == "__init__.py" else module.rpartition(".")[0]


def test_every_module_stands_in_a_room_of_the_house() -> None:
    rooms = {room_of(module) for module in FILES}

    assert rooms | {"web"} == {*FLOORS, *BESIDE, ""}


def test_no_module_imports_from_above_itself(imports: dict[str, set[str]]) -> None:
    forbidden = [
        f"{importer} imports {imported}"
        for importer, all_imported in imports.items()
        for imported in all_imported
        if not may_import(importer, imported)
    ]

    assert forbidden == []


def test_no_modules_import_each_other_in_a_circle(imports: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_the_web_has_pages_and_no_code() -> None:
    assert [module for module in FILES if room_of(module) == "web" and module != f"{HOUSE}.web"] == []


def test_only_the_settings_read_the_environment() -> None:
    """And the embedded server, of whose folders and programs the operating system's own variables tell."""
    readers = {module for module, path in FILES.items() if reads_environment(path.read_text("utf-8"))}

    assert readers == {f"{HOUSE}.settings", f"{HOUSE}.store.embedded.server", f"{HOUSE}.store.embedded.os_users"}


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("session_graph.sessions.reading", "session_graph.store.database", True),
        ("session_graph.sessions.reading", "session_graph.sessions.pagination", True),
        ("session_graph.access.api_keys", "session_graph.store.database", True),
        ("session_graph.store.database", "session_graph.access.viewer", False),
        ("session_graph.settings", "session_graph.errors", True),
        ("session_graph.errors", "session_graph.settings", False),
        ("session_graph.sessions.reading", "session_graph.schema.sessions", False),
        ("session_graph.schema.sessions", "session_graph.exports.requests", True),
        ("session_graph.schema.sessions", "session_graph.http.app", False),
        ("session_graph.engine.plans", "session_graph.sessions.columns", False),
        ("session_graph.engine.plans", "session_graph.exports.requests", False),
        ("session_graph.exports.requests", "session_graph.engine.plans", False),
        ("session_graph.engine.plans", "session_graph.schema.schema", False),
        ("session_graph.engine.plans", "session_graph.store.database", True),
        ("session_graph.schema.sessions", "session_graph.demo", False),
        ("session_graph.cli.demo", "session_graph.demo.people", True),
        ("session_graph.demo.people", "session_graph.parsing", False),
        ("session_graph.demo.scenario", "session_graph.zones", True),
        ("session_graph.parsing", "session_graph.zones", False),
        ("session_graph.web", "session_graph.parsing", False),
        ("session_graph", "session_graph.cli", False),
        ("session_graph.cellar", "session_graph.errors", False),
    ],
)
def test_a_room_imports_from_below_alone(importer: str, imported: str, allowed: bool) -> None:
    assert may_import(importer, imported) is allowed


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import session_graph.store.ids", "session_graph.store.ids"),
        ("from session_graph.store import ids", "session_graph.store.ids"),
        ("from session_graph.store.ids import new_id", "session_graph.store.ids"),
        ("from session_graph.store import anything", "session_graph.store"),
        ("from . import ids", "session_graph.store.ids"),
        ("from ..store.ids import new_id", "session_graph.store.ids"),
        ("def late():\n    import session_graph.http.app", "session_graph.http.app"),
    ],
)
def test_an_import_is_found_however_it_is_written(source: str, found: str) -> None:
    assert list(find_imports(source, "session_graph.store", {"session_graph.store.ids"})) == [found]


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['HOME']", "import os as o\no.getenv('HOME')", "from os import environ as e"]
)
def test_reading_the_environment_is_found_however_it_is_written(source: str) -> None:
    assert reads_environment(source)


FILES_FOR_PRIVATE_NAMES = {
    f"{HOUSE}.{module}"
    for module in ("store.internals", "store.tortoise_client", "engine.internals", "http.uvicorn_protocols")
}
"""One file for each library, two for asyncpg: an upgrade of the library is a review of its file."""


def find_private_names(source: str) -> Iterator[str]:
    """Private attributes of anything but `self`, `cls` and `super()`, and private arguments of a call."""
    for node in ast.walk(ast.parse(source)):
        name = node.attr if isinstance(node, ast.Attribute) else node.arg if isinstance(node, ast.keyword) else None
        is_private = name is not None and name.startswith("_") and not name.endswith("__")
        owner = ast.unparse(node.value) if isinstance(node, ast.Attribute) else ""
        if is_private and owner not in ("self", "cls", "super()"):
            yield ast.unparse(node)


def test_private_names_of_a_library_stand_in_its_one_file() -> None:
    users = {module for module, path in FILES.items() if list(find_private_names(path.read_text("utf-8")))}

    assert users - FILES_FOR_PRIVATE_NAMES == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("schema._schema", ["schema._schema"]),
        ("self._view._schema", ["self._view._schema"]),
        ("open(home)._path = 1", ["open(home)._path"]),
        ("init(_fallback=True)", ["_fallback=True"]),
        ("self._pool", []),
        ("cls._registry", []),
        ("super()._close()", []),
        ("kind.__name__", []),
        ("init(fallback=_fallback)", []),
    ],
)
def test_a_private_name_is_found_however_it_is_used(source: str, found: list[str]) -> None:
    assert list(find_private_names(source)) == found
