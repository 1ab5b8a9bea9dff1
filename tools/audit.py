"""Look up the known vulnerabilities of all packages in the hashed requirements.

    python -m tools.audit

`uv audit` asks the database of OSV (https://osv.dev), which has the advisories of PyPI and GitHub. Exits with 1 if a
package has a vulnerability that `.ci/accepted-vulnerabilities.toml` does not accept, or if an entry there has expired.
Where the database cannot be reached, the last line says so, and nothing fails. A mirror that knows no advisories at all
counts as not reached: the question includes a package that is known to be vulnerable.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ("requirements*.txt", "tests/clients/python/*.txt")
ACCEPTED = ROOT / ".ci" / "accepted-vulnerabilities.toml"
LONGEST = timedelta(days=184)
"""For which a vulnerability may be accepted."""
KNOWN = ("django", "1.2")
"""A release with many advisories since 2010."""
SECONDS = 15.0
"""For everything that is asked; without a network the answer comes within some seconds."""

_SOURCE = 'source = { registry = "./packages" }'  # never read

Package = tuple[str, str]
"""Name and version."""


class NotReached(Exception):
    """The database of advisories does not answer, or has no advisories."""


class WrongEntry(Exception):
    """An entry of the accepted vulnerabilities has expired, or is not complete."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    package: str
    version: str
    ids: tuple[str, ...]
    """Its id, then its aliases."""
    summary: str
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fix = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {' '.join(self.ids)}: {self.summary} ({fix})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.audit", description=__doc__.partition("\n")[0])
    parser.add_argument("--service-url", help="another service with the interface of OSV")
    parsed = parser.parse_args(arguments)
    files = [path for pattern in REQUIREMENTS for path in sorted(ROOT.glob(pattern))]
    return audit(files, ACCEPTED, datetime.now(UTC).date(), parsed.service_url)


def audit(files: Iterable[Path], accepted_file: Path, today: date, service_url: str | None = None) -> int:
    """Print what was found, and return the exit code."""
    packages = read_packages(files)
    try:
        accepted = read_accepted(accepted_file.read_text("utf-8"), today)
        found = find_vulnerabilities(packages, service_url)
    except WrongEntry as error:
        print(f"{accepted_file.name}: {error}")
        return 1
    except NotReached as error:
        print(f"Dependencies were not audited: the advisories cannot be reached ({error}).")
        return 0
    unknown = [vulnerability for vulnerability in found if not accepted & set(vulnerability.ids)]
    for vulnerability in unknown:
        print(vulnerability)
    for idle in sorted(accepted - {name for vulnerability in found for name in vulnerability.ids}):
        print(f"{accepted_file.name}: {idle} concerns no package any more; remove it.")
    print(f"Audited {len(packages)} packages: {len(unknown)} vulnerabilities, {len(found) - len(unknown)} accepted.")
    return 1 if unknown else 0


def read_packages(files: Iterable[Path]) -> list[Package]:
    """Return the pinned packages of requirements files."""
    texts = [path.read_text("utf-8") for path in files]
    pins = [pin for text in texts for pin in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", text, re.MULTILINE)]
    return sorted(set(pins))


def read_accepted(text: str, today: date) -> set[str]:
    """Return the accepted ids. Raises WrongEntry if one lacks its id, reason or end, or if that is past or far."""
    accepted = set()
    for entry in tomllib.loads(text).get("accepted", []):
        name, reason, until = (entry.get(field) for field in ("id", "reason", "until"))
        if not (isinstance(name, str) and name and isinstance(reason, str) and reason.strip() and type(until) is date):
            raise WrongEntry(f"{name or entry} needs an id, a reason, and a date `until`.")
        if until < today:
            raise WrongEntry(f"{name} was accepted until {until}. Upgrade, or judge it again and give a new date.")
        if until > today + LONGEST:
            raise WrongEntry(f"{name} is accepted until {until}; at most half a year is allowed.")
        accepted.add(name)
    return accepted


def find_vulnerabilities(packages: Iterable[Package], service_url: str | None = None) -> list[Vulnerability]:
    """Ask the database about the packages. Raises NotReached."""
    answer = _run_uv([*packages, KNOWN], service_url)
    found = [_read_vulnerability(each) for each in answer["vulnerabilities"]]
    others = [vulnerability for vulnerability in found if (vulnerability.package, vulnerability.version) != KNOWN]
    if len(others) == len(found):
        raise NotReached(f"what answers knows no vulnerability of {' '.join(KNOWN)}")
    return others


def _run_uv(packages: Sequence[Package], service_url: str | None) -> dict[str, Any]:
    """Return what `uv audit` says about a project that has exactly these packages."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "pyproject.toml").write_text('[project]\nname = "audited"\nversion = "0"\n', "utf-8")
        Path(folder, "uv.lock").write_text(_write_lock(packages), "utf-8")
        options = ["--frozen", "--no-cache", "--no-config", "--output-format=json"]
        options += [f"--service-url={service_url}"] if service_url else []
        environment = {**os.environ, "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "5", "UV_PYTHON": sys.executable}
        command = [find_uv_bin(), "audit", "--preview-features=audit-command,json-output", *options]
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotReached("no answer in time") from None
    if done.returncode not in (0, 1) or not done.stdout:
        reason = done.stderr.strip().rpartition("\n")[2].strip().removeprefix("cause: ")
        raise NotReached(reason or f"uv ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _write_lock(packages: Sequence[Package]) -> str:
    wanted = ", ".join(f'{{ name = "{name}", version = "{version}", {_SOURCE} }}' for name, version in packages)
    project = f'name = "audited"\nversion = "0"\nsource = {{ virtual = "." }}\ndependencies = [{wanted}]'
    tables = [project, *(f'name = "{name}"\nversion = "{version}"\n{_SOURCE}' for name, version in packages)]
    head = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n'
    return head + "\n".join(f"[[package]]\n{table}\n" for table in tables)


def _read_vulnerability(each: dict[str, Any]) -> Vulnerability:
    package = each["dependency"]
    summary = str(each["summary"] or "no summary").strip().partition("\n")[0]
    ids = (each["id"], *each["aliases"])
    return Vulnerability(package["name"], package["version"], ids, summary, tuple(each["fix_versions"]))


if __name__ == "__main__":
    sys.exit(main())
