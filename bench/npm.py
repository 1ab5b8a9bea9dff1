"""The peers from npm, and a Node that is new enough for them, in a folder of the benchmark."""

import json
import platform
import shutil
import subprocess
import sys

from bench.places import NODE, PEERS

FILES = ("package.json", "postgraphile.mjs", "mercurius.mjs")


def install() -> str | None:
    """Install everything. Return None, or why it cannot be installed."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return "the package with Node itself is for Linux on x86-64"
    if shutil.which("npm") is None:
        return "npm is not installed"
    NODE.mkdir(parents=True, exist_ok=True)
    wanted = (PEERS / "package.json").read_text()
    stamp = NODE / "installed.json"
    for name in FILES:
        shutil.copy(PEERS / name, NODE / name)
    if stamp.exists() and stamp.read_text() == wanted:
        return None
    command = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error")
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        return f"npm could not install them: {done.stderr.strip()[-300:]}"
    stamp.write_text(wanted)
    return None


def read_versions() -> dict[str, object]:
    """Return the versions of the peers; empty if they are not installed."""
    if not (NODE / "installed.json").exists():
        return {}
    wanted: dict[str, object] = json.loads((NODE / "installed.json").read_text())["dependencies"]
    return wanted
