"""Bounded loops of faults; each module is a command."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # for what the loops share with the tests
