"""Two versions on one database, both ready, and the old one's tests green on the new one's schema.

    python -m bench.faults.upgrade OLD [NEW] [-- PYTEST ARGUMENTS]

OLD and NEW are commits; NEW is the working tree by default. Where NEW has no migration that OLD lacks, it gets a
fictitious one that adds a column, so that the two always differ. The steps, each counted:

1. OLD migrates a database and serves it; NEW migrates it beside the running server and serves it too. Both must be
   ready and answer a query and record a session, the old one after it was started again, which is a rollback.
2. The tests of OLD run on a server whose template database NEW has migrated. By default those of SELECTION.

Prints a line for each step; exits with 1 if one failed. If a migration of NEW says that it breaks OLD, OLD must be not
ready and refuse to start instead, and its tests do not run. Versions before 0030 of `docs/decisions` are never ready on
a newer schema, so OLD must be a later one.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import httpx

from session_graph.store.embedded.server import start_embedded
from session_graph.store.migration import Migration
from support.databases import execute, with_database

PROJECT = Path(__file__).parents[2]
MIGRATIONS = Path("src", "session_graph", "store", "migrations")
SELECTION = ("tests/sessions", "tests/schema", "tests/access")
TEST_SECONDS = 3600
COMMAND_SECONDS = 300
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
FICTITIOUS = "alter table session add column fictitious text;\n"
AGENT = '{{idn: "desk{n}", name: "Desk", timeZone: "UTC"}}'


def check_out(commit: str | None, folder: Path) -> Path:
    """Write the files of a commit, or of the working tree, into a folder."""
    folder.mkdir()
    if commit is None:
        names = git("ls-files", "-z", "-co", "--exclude-standard").split(b"\0")
        present = b"\0".join(name for name in names if name and (PROJECT / os.fsdecode(name)).exists())
        command = ["tar", "-c", "--null", "-T", "-"]
        archive = subprocess.run(command, cwd=PROJECT, input=present, capture_output=True, check=True).stdout  # noqa: S603
    else:
        archive = git("archive", "--format=tar", commit)
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, check=True).stdout  # noqa: S603, S607


class Version:
    """A checkout of one version, and the commands of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self, url: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SESSION_GRAPH_")}
        ours = {"SESSION_GRAPH_DATABASE_URL": url, "SESSION_GRAPH_PORT": "0"}
        return {**inherited, "PYTHONPATH": str(self.folder / "src"), **ours}

    def list_migrations(self) -> list[Migration]:
        files = sorted((self.folder / MIGRATIONS).glob("*.sql"))
        return [Migration(file.stem, file.read_text("utf-8")) for file in files]

    def run(self, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "session_graph.cli.main", *arguments],
            cwd=self.folder,
            env=self.environment(url),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    @contextmanager
    def serving(self, url: str) -> Iterator[str]:
        """Yield the address of a server of this version. Raises RuntimeError if it does not start."""
        with subprocess.Popen(
            [sys.executable, "-m", "session_graph.cli.main", "serve", "--no-worker"],
            cwd=self.folder,
            env=self.environment(url),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            try:
                assert server.stdout
                found = ADDRESS.search(server.stdout.readline())
                if found is None:
                    raise RuntimeError("the server does not start")
                yield found[0]
            finally:
                server.terminate()
                server.wait(60)

    def test(self, url: str, arguments: Sequence[str]) -> int:
        """Run tests of this version on the server of `url`. Return pytest's exit code."""
        environment = self.environment(url) | {"SESSION_GRAPH_TEST_DATABASE_URL": url}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, timeout=TEST_SECONDS, check=False)  # noqa: S603
        return done.returncode


def is_usable(address: str, key: str, number: int) -> bool:
    """Return whether a server is ready, creates an agent and lists sessions."""
    query = f"mutation {{ createAgent(input: {AGENT.format(n=number)}) {{ agent {{ idn }} errors {{ message }} }} }}"
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        ready = client.get("/readyz").status_code == 200
        listed = client.post("/graphql", json={"query": "{ sessions(first: 1) { totalCount } }"}).json()
        made = client.post("/graphql", json={"query": query}).json()
    return ready and "errors" not in listed and "errors" not in made


def is_ready(address: str) -> bool:
    return httpx.get(f"{address}/readyz", timeout=30).status_code == 200


class Steps:
    """What was tried, and whether all of it went well."""

    def __init__(self) -> None:
        self.failed = 0

    def note(self, what: str, is_good: bool) -> None:
        self.failed += not is_good
        print(f"{'good' if is_good else 'BAD '}  {what}", flush=True)


def run_side_by_side(old: Version, new: Version, url: str, is_broken: bool, steps: Steps) -> None:
    key = (
        old.run(url, "migrate").returncode == 0
        and old.run(url, "key", "create", "--account", "shop", "--role", "ADMIN", "--quiet").stdout.strip()
    )
    assert key, "the old version does not create a key"
    with old.serving(url) as old_address:
        steps.note("the old version serves its own schema", is_usable(old_address, key, 1))
        steps.note("the new version migrates beside it", new.run(url, "migrate").returncode == 0)
        with new.serving(url) as new_address:
            steps.note("the new version serves", is_usable(new_address, key, 2))
            if is_broken:
                steps.note("the old version is not ready, as a migration breaks it", not is_ready(old_address))
            else:
                steps.note("the old version serves the new schema", is_usable(old_address, key, 3))
    if is_broken:
        refused = old.run(url, "serve", "--no-worker")
        steps.note("the old version refuses to start", refused.returncode == 1 and "Traceback" not in refused.stderr)
        return
    with old.serving(url) as rolled_back:
        steps.note("the old version starts on the new schema", is_usable(rolled_back, key, 4))


def main() -> int:
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    refs, selection = arguments[:split], arguments[split + 1 :] or list(SELECTION)
    if not 1 <= len(refs) <= 2:
        print(__doc__)
        return 2
    steps = Steps()
    with tempfile.TemporaryDirectory() as scratch, start_embedded(Path(scratch, "home")) as server:
        old = Version(check_out(refs[0], Path(scratch, "old")))
        new = Version(check_out(refs[1] if len(refs) == 2 else None, Path(scratch, "new")))
        known = [each.name for each in old.list_migrations()]
        if not [each for each in new.list_migrations() if each.name not in known]:
            number = int(known[-1][:4]) + 1
            (new.folder / MIGRATIONS / f"{number:04}_fictitious.sql").write_text(FICTITIOUS)
        added = [each for each in new.list_migrations() if each.name not in known]
        print("migrations that the old version lacks:", ", ".join(each.name for each in added), flush=True)
        is_broken = any((each.breaks_before or "") > known[-1] for each in added)
        execute(server.url, "create database beside")
        run_side_by_side(old, new, with_database(server.url, "beside"), is_broken, steps)
        if not is_broken:
            migrated = new.run(with_database(server.url, "template1"), "migrate")
            steps.note("the new version migrates the template of all databases", migrated.returncode == 0)
            steps.note(f"the old version's tests: {' '.join(selection)}", old.test(server.url, selection) == 0)
    return int(steps.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
