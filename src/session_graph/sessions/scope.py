"""The one condition that limits sessions to those a viewer may see."""

from collections.abc import Sequence

from session_graph.access.viewer import Role, Viewer
from session_graph.sessions.parameters import Parameters


def scope_sessions(viewer: Viewer, parameters: Parameters) -> str:
    """Return a condition on `session s`. Every statement that reads or changes sessions has it."""
    conditions = [f"s.account_id = {parameters.account}"]
    if viewer.role is Role.RECORDER:
        conditions.append("false")
    if viewer.role is Role.PARTNER:
        conditions.append(parameters.equals_any("s.integration", viewer.integrations))
    if viewer.agents:
        conditions.append(held_by(viewer.agents, parameters))
    return " and ".join(conditions)


def held_by(agents: Sequence[str], parameters: Parameters) -> str:
    """Return the condition that one of these agents (idn, at least one) held `session s`."""
    is_chosen = parameters.equals_any("a.idn", agents)
    ids = f"select a.id from agent a where a.account_id = {parameters.account} and {is_chosen}"
    return f"s.agent_id = ({ids})" if len(agents) == 1 else f"s.agent_id = any(array({ids}))"
