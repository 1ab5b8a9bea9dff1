"""The audit of dependencies: what it finds, what it accepts for a time, and what it says if it cannot ask."""

import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools import audit as module
from tools.audit import ACCEPTED, KNOWN, LONGEST, REQUIREMENTS, ROOT, audit, read_accepted, read_packages

TODAY = date(2026, 6, 30)
HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"
CLOSED = "http://127.0.0.1:1/"


class Advisories:
    """What a database of advisories knows, and how it answers."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], list[str]] = {KNOWN: ["PYSEC-2010-1"]}
        self.asked: set[tuple[str, str]] = set()
        self.status = 200
        self.seconds = 0.0
        self.url = ""

    def answer(self, questions: list[Any]) -> dict[str, Any]:
        packages = [(question["package"]["name"], question["version"]) for question in questions]
        self.asked |= set(packages)
        found = [self.known.get(package, []) for package in packages]
        return {
            "results": [{"vulns": [{"id": name, "modified": "2026-01-01T00:00:00Z"} for name in ids]} for ids in found]
        }

    def describe(self, name: str) -> dict[str, Any]:
        affected = [
            {
                "package": {"name": package, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}],
            }
            for (package, _), names in self.known.items()
            if name in names
        ]
        times = {"modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z"}
        aliases = [name.replace("PYSEC", "CVE")]
        return {"id": name, "aliases": aliases, "summary": f"About {name}", "affected": affected, **times}


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    database = Advisories()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            questions = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            self.send(database.answer(questions))

        def do_GET(self) -> None:
            self.send(database.describe(self.path.rpartition("/")[2]))

        def send(self, answer: object) -> None:
            time.sleep(database.seconds)
            body = json.dumps(answer).encode()
            self.send_response(database.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        database.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield database
        server.shutdown()
        thread.join()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of hashed requirements, with a package in both and one in two versions."""
    texts = [
        f"alpha==1.0{HASH}beta[extra]==2.0 ; python_full_version < '3.12'{HASH}",
        f"alpha==1.0{HASH}beta==2.1{HASH}# gamma==3.0\n",
    ]
    paths = [tmp_path / f"requirements-{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    path = tmp_path / "accepted.toml"
    path.write_text("")
    return path


def entry(name: str, until: date) -> str:
    return f'[[accepted]]\nid = "{name}"\nreason = "It is not reached."\nuntil = {until}\n'


def test_every_package_of_every_file_is_asked_about(
    advisories: Advisories, files: list[Path], accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(files, accepted, TODAY, advisories.url) == 0

    assert advisories.asked == {("alpha", "1.0"), ("beta", "2.0"), ("beta", "2.1"), KNOWN}
    assert capsys.readouterr().out == "Audited 3 packages: 0 vulnerabilities, 0 accepted.\n"


def test_a_vulnerability_fails_and_says_what_fixes_it(
    advisories: Advisories, files: list[Path], accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    advisories.known["beta", "2.0"] = ["PYSEC-2026-7"]

    assert audit(files, accepted, TODAY, advisories.url) == 1

    first, last = capsys.readouterr().out.splitlines()
    assert first == "beta 2.0: PYSEC-2026-7 CVE-2026-7: About PYSEC-2026-7 (fixed in 9.9)"
    assert last == "Audited 3 packages: 1 vulnerabilities, 0 accepted."


@pytest.mark.parametrize("name", ["PYSEC-2026-7", "CVE-2026-7"])
@pytest.mark.parametrize(("days", "code"), [(0, 0), (1, 0), (LONGEST.days, 0), (-1, 1), (LONGEST.days + 1, 1)])
def test_a_vulnerability_is_accepted_for_a_time(
    advisories: Advisories, files: list[Path], accepted: Path, name: str, days: int, code: int
) -> None:
    advisories.known["beta", "2.0"] = ["PYSEC-2026-7"]
    accepted.write_text(entry(name, TODAY + timedelta(days)))

    assert audit(files, accepted, TODAY, advisories.url) == code


def test_an_entry_accepts_no_other_vulnerability(
    advisories: Advisories, files: list[Path], accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    advisories.known["beta", "2.0"] = ["PYSEC-2026-7", "PYSEC-2026-8"]
    accepted.write_text(entry("PYSEC-2026-7", TODAY) + entry("PYSEC-2025-1", TODAY))

    assert audit(files, accepted, TODAY, advisories.url) == 1

    said = capsys.readouterr().out
    assert said.startswith("beta 2.0: PYSEC-2026-8 ")
    assert "accepted.toml: PYSEC-2025-1 concerns no package any more; remove it.\n" in said
    assert said.endswith("Audited 3 packages: 1 vulnerabilities, 1 accepted.\n")


@pytest.mark.parametrize(
    "text",
    [
        '[[accepted]]\nid = "A-1"\nuntil = 2026-07-01\n',
        '[[accepted]]\nid = "A-1"\nreason = " "\nuntil = 2026-07-01\n',
        '[[accepted]]\nid = "A-1"\nreason = "why"\n',
        '[[accepted]]\nid = "A-1"\nreason = "why"\nuntil = "2026-07-01"\n',
        '[[accepted]]\nid = "A-1"\nreason = "why"\nuntil = 2026-07-01T00:00:00Z\n',
        '[[accepted]]\nreason = "why"\nuntil = 2026-07-01\n',
    ],
    ids=["no reason", "empty reason", "no end", "end as text", "end as instant", "no id"],
)
def test_an_entry_that_lacks_a_part_fails(text: str) -> None:
    with pytest.raises(module.WrongEntry, match="needs an id, a reason, and a date"):
        read_accepted(text, TODAY)


def test_an_expired_entry_fails_without_a_network_too(
    files: list[Path], accepted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted.write_text(entry("PYSEC-2026-7", TODAY - timedelta(1)))

    assert audit(files, accepted, TODAY, CLOSED) == 1

    assert "was accepted until 2026-06-29" in capsys.readouterr().out


def is_said_not_to_be_reached(said: str) -> bool:
    """One line, which does not read as if nothing had been found."""
    pattern = r"Dependencies were not audited: the advisories cannot be reached \(.+\)\.\n"
    return re.fullmatch(pattern, said) is not None


@pytest.mark.parametrize("status", [200, 403, 404, 500, 503])
def test_what_knows_no_advisories_counts_as_not_reached(
    advisories: Advisories, files: list[Path], accepted: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    advisories.known = {}
    advisories.status = status

    assert audit(files, accepted, TODAY, advisories.url) == 0

    assert is_said_not_to_be_reached(capsys.readouterr().out)


@pytest.mark.parametrize("seconds", [0.0, 30.0], ids=["refused", "silent"])
def test_without_an_answer_the_audit_ends_soon(
    advisories: Advisories,
    files: list[Path],
    accepted: Path,
    seconds: float,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECONDS", 2.0)
    advisories.seconds = min(seconds, 3.0)
    began = time.monotonic()

    assert audit(files, accepted, TODAY, advisories.url if seconds else CLOSED) == 0

    assert time.monotonic() - began < 3
    assert is_said_not_to_be_reached(capsys.readouterr().out)


def test_the_hashed_requirements_are_read_completely() -> None:
    files = [path for pattern in REQUIREMENTS for path in ROOT.glob(pattern)]
    hashed = [line for path in files for line in path.read_text("utf-8").splitlines() if re.match(r"[\w.-]+.*==", line)]

    assert {path.name for path in files} >= {"requirements.txt", "requirements-server.txt", "requirements-dev.txt"}
    assert len(read_packages(files)) == len({line.split(" ")[0].replace("[crypto]", "") for line in hashed})
    assert len(hashed) > 100


def test_the_accepted_vulnerabilities_of_this_project_are_complete() -> None:
    assert read_accepted(ACCEPTED.read_text("utf-8"), date.today()) is not None  # noqa: DTZ011


def test_the_example_in_that_file_is_a_right_entry() -> None:
    text = ACCEPTED.read_text("utf-8")
    example = "\n".join(line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   "))

    assert read_accepted(example, date(2026, 12, 1)) == {"PYSEC-2026-1"}
