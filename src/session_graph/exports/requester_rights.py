"""The rights that an export runs with: stored when it is requested or retried, checked whenever it is used.

The requester is the bearer who answers for the export, with the role, agents and integrations that its rows are of. A
key is looked up again when the export is written, sent and downloaded. A token cannot be looked up: its export keeps
the rights that the token had, until it is retried.
"""

from collections.abc import Sequence
from dataclasses import replace
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


def dump_requester(viewer: Viewer) -> str:
    """Return the requester as JSON, with the rights of the viewer."""
    return _dump(viewer, viewer.role, viewer.integrations, viewer.agents)


def dump_retrier(viewer: Viewer, export: Row) -> str:
    """Return the requester of an export that the viewer, who may see it, retries, as JSON.

    The viewer answers for the export from now on, with its own rights; an ADMIN with no more of them than the export
    had, so that its recipients are sent no other rows. A key answers for what it requested whoever retries: it is
    looked up again.
    """
    requester = orjson.loads(export["requester"])
    if requester["key_id"] and export["identity"] != viewer.identity:
        return str(export["requester"])
    if viewer.role is not Role.ADMIN:
        return dump_requester(viewer)
    return _dump(viewer, Role(requester["role"]), requester["integrations"], requester["agents"])


async def find_requester(export: Row) -> Viewer | None:
    """Return the requester, or None if a key's rights do not cover the export any more, or the account is gone."""
    requester = orjson.loads(export["requester"])
    key_id = requester["key_id"]
    viewer = await (find_bearer(parse_id(key_id)) if key_id else _find_subject(export["account_id"], requester))
    if viewer is None or not _covers(viewer, export, requester):
        return None
    if viewer.role is not Role.ADMIN:
        return viewer
    integrations, agents = tuple(requester["integrations"]), tuple(requester["agents"])
    return replace(viewer, role=Role(requester["role"]), integrations=integrations, agents=agents)


def _covers(viewer: Viewer, export: Row, requester: dict[str, Any]) -> bool:
    """Return whether the viewer may read all of the export: its columns, its agents and its integrations."""
    if viewer.role is Role.ADMIN:
        return True
    reads = export["columns"] if export["reads"] is None else export["reads"]
    is_known = export["reads"] is not None or viewer.role == requester["role"]
    has_limits = all(set(getattr(viewer, limit)) == set(requester[limit]) for limit in ("agents", "integrations"))
    return has_limits and is_known and all(viewer.role in COLUMNS[name].roles for name in reads)


def _dump(viewer: Viewer, role: Role, integrations: Sequence[str], agents: Sequence[str]) -> str:
    key_id = str(viewer.key_id) if viewer.key_id else None
    identity = {"name": viewer.name, "role": role.value, "email": viewer.email, "key_id": key_id}
    return orjson.dumps(identity | {"integrations": integrations, "agents": agents}).decode()


async def _find_subject(account_id: UUID, requester: dict[str, Any]) -> Viewer | None:
    """Return the viewer of a token, with the rights that are stored."""
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
