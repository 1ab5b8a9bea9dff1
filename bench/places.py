"""Where the benchmark keeps what it makes: everything but its results is in one folder that git ignores."""

from pathlib import Path

BENCH = Path(__file__).parent
WORK = BENCH / ".work"
PEERS = BENCH / "peers"
NODE = WORK / "node"
RESULTS = BENCH / "results"


def data_home(rows: int, bin_dir: Path | None) -> Path:
    """The home of an embedded PostgreSQL with so many sessions; another one for other programs than the wheel's."""
    return WORK / f"data-{rows}{'-given' if bin_dir else ''}"


def log_file(name: str) -> Path:
    """What a server says, of the last run alone."""
    WORK.mkdir(exist_ok=True)
    return WORK / f"{name}.log"
