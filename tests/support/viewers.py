"""Viewers as the door makes them, for what is asked below the API."""

from typing import Any

from session_graph.access.accounts import facts_of
from session_graph.access.viewer import Role, Viewer
from session_graph.store.models import Account


def make_viewer(account: Account, role: Role = Role.ADMIN, **limits: Any) -> Viewer:
    """`limits` are `integrations` and `agents`; a PARTNER's integration is `crm` by default."""
    limits = limits or ({"integrations": ("crm",)} if role is Role.PARTNER else {})
    return Viewer(facts_of(account), role, f"{role.lower()}'s key", **limits)
