"""The options about a vendor's payloads that `import` and `source` share."""

import tomllib
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

import orjson

from session_graph.errors import InvalidInput
from session_graph.ingestion.agents import AgentDirectory, UnknownAgents, read_agent_map
from session_graph.ingestion.mapping import Mapping, load_mapping
from session_graph.store.models import Account


@dataclass(frozen=True, slots=True)
class PayloadOptions:
    """A mapping, and how the agents of its payloads are found."""

    mapping: Mapping
    agent_map: dict[str, str]
    unknown_agents: UnknownAgents

    def directory(self, account: Account) -> AgentDirectory:
        return AgentDirectory(account.id, self.agent_map, self.unknown_agents)


def add_payload_options(
    parser: ArgumentParser, *, needs_mapping: bool, unknown_agents: UnknownAgents | None = UnknownAgents.CREATE
) -> None:
    """Add the options; `unknown_agents` is what applies without the option."""
    parser.add_argument(
        "--mapping",
        required=needs_mapping,
        metavar="M",
        help="how a vendor's payloads become records: a shipped mapping's name, or a TOML file",
    )
    parser.add_argument(
        "--agent-map", type=Path, metavar="FILE", help="JSON or TOML: the idn for each of the vendor's agents"
    )
    parser.add_argument(
        "--unknown-agents",
        type=UnknownAgents,
        choices=list(UnknownAgents),
        default=unknown_agents,
        help="what becomes of an agent that the account does not have"
        + (f" (default: {unknown_agents})" if unknown_agents else ""),
    )


def read_payload_options(arguments: Namespace) -> PayloadOptions | None:
    """Return the options, or None if there is no `--mapping`. Raises InvalidInput with every problem of a file."""
    if arguments.mapping is None:
        if arguments.agent_map:
            raise InvalidInput.at("needs --mapping", ["--agent-map"])
        return None
    agent_map = load_agent_map(arguments.agent_map) if arguments.agent_map else {}
    return PayloadOptions(load_mapping(arguments.mapping), agent_map, arguments.unknown_agents)


def load_agent_map(path: Path) -> dict[str, str]:
    """Return the agent map in a file. Raises InvalidInput with each problem, and OSError."""
    text = path.read_bytes()
    try:
        values = tomllib.loads(text.decode("utf-8")) if path.suffix == ".toml" else orjson.loads(text)
    except (orjson.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput.at(f"cannot be read: {error}", [str(path)]) from None
    return read_agent_map(values, str(path))
