"""The scenarios of the demo's businesses, one TOML file for each theme: dialogues are text, not code."""

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

from session_graph.demo.scenario import Scenario


def load_scenarios(*names: str) -> tuple[Scenario, ...]:
    """Return the scenarios of these files, in order. A table `[[scenario]]` has the fields of Scenario."""
    return tuple(scenario for name in names for scenario in _load(name))


def _load(name: str) -> Iterator[Scenario]:
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text("utf-8")
    for table in tomllib.loads(text)["scenario"]:
        fields: dict[str, Any] = {field: _freeze(value) for field, value in table.items()}
        if fields.get("verdict") == "":  # TOML has no null
            fields["verdict"] = None
        yield Scenario(**fields)


def _freeze(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _freeze(each) for key, each in value.items()}
    return tuple(map(_freeze, value)) if isinstance(value, list) else value
