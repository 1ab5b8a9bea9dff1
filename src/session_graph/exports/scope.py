"""The exports that a viewer may see, by the rights that the viewer has now (access.md, "Exports").

The own exports of a key or token are those that it requested and whose every column its role reads, in the agents and
integrations that it has. An ADMIN sees all of the account, a RECORDER none. Nothing else exists for the viewer.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson

from session_graph.access.viewer import Role, Viewer
from session_graph.sessions.columns import ALL, COLUMNS
from session_graph.sessions.filters import columns_named, columns_searched
from session_graph.sessions.ordering import ORDER_FIELDS
from session_graph.sessions.parameters import Parameters


def scope_exports(viewer: Viewer, values: Parameters) -> str:
    """Return a condition over `session_export e`: the viewer's own exports, or for an ADMIN the account's."""
    if viewer.role is Role.ADMIN:
        return f"e.account_id = {values.account}"
    return own_exports(viewer, values)


def own_exports(viewer: Viewer, values: Parameters) -> str:
    """Return a condition over `session_export e`: those that the viewer requested and that its rights cover now.

    Agents and integrations must be the same; more of them are another scope too.
    """
    if viewer.role not in ALL:
        return f"e.account_id = {values.account} and false"
    readable, role = values.bind(_readable(viewer.role)), values.bind(viewer.role.value)
    conditions = [
        f"e.account_id = {values.account}",
        f"e.identity = {values.bind(viewer.identity)}",
        f"coalesce(e.reads <@ {readable}, e.requester ->> 'role' = {role})",
        _has_equal("agents", viewer.agents, values),
        _has_equal("integrations", viewer.integrations, values),
    ]
    return " and ".join(conditions)


def columns_read(role: Role, filter_: Mapping[str, Any], order_field: str, columns: Iterable[str]) -> list[str]:
    """Return the session columns that a file rests on if a viewer of this role has it written.

    `filter_` is as the caller sent it, by GraphQL name.
    """
    names = {*columns, *columns_named(filter_), *columns_searched(filter_, role), ORDER_FIELDS[order_field].column}
    return sorted(names)


@cache
def _readable(role: Role) -> list[str]:
    return [name for name, column in COLUMNS.items() if role in column.roles]


def _has_equal(limit: str, names: Sequence[str], values: Parameters) -> str:
    """Return that the export was requested with just these agents or integrations, in any order."""
    given = f"{values.bind(orjson.dumps(names).decode())}::jsonb"
    return f"e.requester -> '{limit}' @> {given} and e.requester -> '{limit}' <@ {given}"
