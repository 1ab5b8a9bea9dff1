"""The benchmark's folders: everything but its results is in one that git ignores."""

from pathlib import Path

BENCH = Path(__file__).parent
WORK = BENCH / ".work"
PEERS = BENCH / "peers"
NODE = WORK / "node"
RESULTS = BENCH / "results"


def data_home(rows: int, bin_dir: Path | None) -> Path:
    """Return the home of the embedded PostgreSQL for this number of sessions, a separate one for other programs."""
    return WORK / f"data-{rows}{'-given' if bin_dir else ''}"


def log_file(name: str) -> Path:
    """Return the log file of a server; it has the last run only."""
    WORK.mkdir(exist_ok=True)
    return WORK / f"{name}.log"
