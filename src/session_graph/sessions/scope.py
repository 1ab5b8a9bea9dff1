"""The only SQL that says which sessions a viewer may see."""

from collections.abc import Sequence

from session_graph.access.viewer import Role, Viewer
from session_graph.sessions.parameters import Parameters


def scope_sessions(viewer: Viewer, values: Parameters) -> str:
    """A condition over `session s`. Every statement that reads or changes sessions has it."""
    conditions = [f"s.account_id = {values.account}"]
    if viewer.role is Role.RECORDER:
        conditions.append("false")
    if viewer.role is Role.PARTNER:
        conditions.append(values.equals_any("s.integration", viewer.integrations))
    if viewer.agents:
        conditions.append(held_by(viewer.agents, values))
    return " and ".join(conditions)


def held_by(agents: Sequence[str], values: Parameters) -> str:
    """One of these agents (idn, at least one) held `session s`."""
    chosen = f"select a.id from agent a where a.account_id = {values.account} and {values.equals_any('a.idn', agents)}"
    return f"s.agent_id = ({chosen})" if len(agents) == 1 else f"s.agent_id = any(array({chosen}))"
