"""The requester's rights, checked again when an export is written, sent and downloaded."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from session_graph.access.accounts import facts_of
from session_graph.access.api_keys import find_bearer
from session_graph.access.viewer import Role, Viewer
from session_graph.parsing import parse_id
from session_graph.sessions.columns import COLUMNS
from session_graph.store.database import Row
from session_graph.store.models import Account


async def find_requester(export: Row) -> Viewer | None:
    """Return the requester, or None if the rights have changed since the request or do not cover a column.

    A requester with a token keeps the rights of that token: tokens expire by themselves.
    """
    requester = orjson.loads(export["requester"])
    key_id = requester["key_id"]
    viewer = await (find_bearer(parse_id(key_id)) if key_id else _token_viewer(export["account_id"], requester))
    if viewer is None or _rights(viewer.role, viewer.integrations, viewer.agents) != _rights(
        requester["role"], requester["integrations"], requester["agents"]
    ):
        return None
    return viewer if all(viewer.role in COLUMNS[name].roles for name in export["columns"]) else None


def _rights(role: str, integrations: Sequence[str], agents: Sequence[str]) -> tuple[str, set[str], set[str]]:
    return role, set(integrations), set(agents)


async def _token_viewer(account_id: UUID, requester: dict[str, Any]) -> Viewer | None:
    account = await Account.get_or_none(id=account_id)
    if account is None:
        return None
    return Viewer(
        facts_of(account),
        Role(requester["role"]),
        requester["name"],
        requester["email"],
        tuple(requester["integrations"]),
        tuple(requester["agents"]),
    )
