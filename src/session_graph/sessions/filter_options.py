"""The options of filter panels: the values that occur in the sessions that the viewer may see."""

from collections.abc import Iterable

from session_graph.access.viewer import Viewer
from session_graph.sessions.filters import EVERYTHING, where
from session_graph.sessions.parameters import Parameters
from session_graph.store.database import Database

OPTIONS: dict[str, tuple[str, str]] = {
    "sessionTypes": ("session_type", "select distinct s.session_type from session s where {scope}"),
    "integrations": ("integration", "select distinct s.integration from session s where {scope}"),
    "connectors": ("connector", "select distinct s.connector from session s where {scope}"),
    "tags": ("tags", "select distinct t.tag from session s cross join unnest(s.tags) t (tag) where {scope}"),
    "utmKeys": (
        "utms",
        "select distinct k.key from session s cross join jsonb_object_keys(s.utms) k (key) where {scope}",
    ),
}
"""For each list, by its name in GraphQL: the session column that it reads, and the SQL of its values."""


async def read_options(database: Database, viewer: Viewer, names: Iterable[str]) -> dict[str, list[str]]:
    """Return the named lists, each in code-point order, read in one statement."""
    parameters = Parameters(viewer.account.id)
    scope = where(viewer, EVERYTHING, parameters)
    lists = ", ".join(
        f"array(select o.value from ({OPTIONS[name][1].format(scope=scope)}) o (value)"
        f' where o.value is not null order by o.value collate "C") as "{name}"'
        for name in names
    )
    row = await database.fetchrow(f"select {lists}", *parameters)
    return dict(row) if row else {}
