"""Viewers as the door makes them, for what is asked below the API."""

from typing import Any
from uuid import uuid5

from session_graph.access.accounts import facts_of
from session_graph.access.viewer import Role, Viewer
from session_graph.store.models import Account


def make_viewer(account: Account, role: Role = Role.ADMIN, **limits: Any) -> Viewer:
    """`limits` are `integrations` and `agents`; a PARTNER's integration is `crm` by default."""
    limits = limits or ({"integrations": ("crm",)} if role is Role.PARTNER else {})
    return Viewer(facts_of(account), role, f"{role.lower()}'s key", key_id=uuid5(account.id, role), **limits)


VIEWERS: dict[str, tuple[Role, dict[str, tuple[str, ...]]]] = {
    "an admin": (Role.ADMIN, {}),
    "a builder": (Role.BUILDER, {}),
    "a builder of one agent": (Role.BUILDER, {"agents": ("clinic",)}),
    "a builder of two agents": (Role.BUILDER, {"agents": ("bistro", "desk")}),
    "a portal": (Role.PORTAL, {}),
    "a portal of one agent": (Role.PORTAL, {"agents": ("bistro",)}),
    "a partner of one integration": (Role.PARTNER, {"integrations": ("crm",)}),
    "a partner of two integrations": (Role.PARTNER, {"integrations": ("pos", "sandbox/web")}),
    "a partner of an integration without sessions": (Role.PARTNER, {"integrations": ("elsewhere",)}),
}


def viewer_of(account: Account, who: str) -> Viewer:
    role, limits = VIEWERS[who]
    return make_viewer(account, role, **limits) if limits else make_viewer(account, role)
