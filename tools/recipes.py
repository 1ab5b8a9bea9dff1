"""Puts the recipes that the tests run into the guide: `python -m tools.recipes` rewrites docs/sync.md."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
GUIDE = PROJECT / "docs" / "sync.md"
FOLDER = PROJECT / "tests" / "clients" / "sync"

_BLOCK = re.compile(r"<!-- recipe: (\w+\.(mjs|py)) -->\n(?:\n```.*?\n```\n\n<!-- end -->\n)?", re.DOTALL)
_LANGUAGES = {"mjs": "js", "py": "python"}


def rewrite(guide: str) -> str:
    """Return the guide with the present text of each recipe that it names."""
    return _BLOCK.sub(_show, guide)


def _show(mark: re.Match[str]) -> str:
    name, kind = mark.groups()
    code = (FOLDER / name).read_text("utf-8")
    return f"<!-- recipe: {name} -->\n\n```{_LANGUAGES[kind]}\n{code}```\n\n<!-- end -->\n"


if __name__ == "__main__":
    GUIDE.write_text(rewrite(GUIDE.read_text("utf-8")), "utf-8")
