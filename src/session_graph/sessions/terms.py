"""The terms of agents as they are stored: each set of attributes once, named by an id that follows from its content."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import lru_cache
from uuid import UUID, uuid5

import orjson
from pydantic import TypeAdapter

from session_graph.sessions.closing import AgentTerms
from session_graph.store.database import Connection

_LOAD = TypeAdapter(AgentTerms).validate_json
MAX_CACHED = 256
_STORE = """
insert into agent_terms (account_id, id, agent_id, terms)
select $1, t.id, t.agent_id, t.terms::jsonb
from unnest($2::uuid[], $3::uuid[], $4::text[]) t (id, agent_id, terms)
order by t.id
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class StoredTerms:
    """The terms of an agent, as the row that keeps them."""

    id: UUID
    agent_id: UUID
    text: str


def stored_terms(agent_id: UUID, terms: AgentTerms) -> StoredTerms:
    """Return the row of the terms: equal terms of an agent have the same id."""
    text = orjson.dumps(asdict(terms), default=_plain, option=orjson.OPT_SORT_KEYS).decode()
    return StoredTerms(uuid5(agent_id, text), agent_id, text)


@lru_cache(MAX_CACHED)
def load_terms(text: str) -> AgentTerms:
    return _LOAD(text)


async def store_terms(connection: Connection, account_id: UUID, terms: Sequence[StoredTerms]) -> None:
    """Store those that are not stored yet."""
    ids, agents, texts = ([getattr(each, name) for each in terms] for name in ("id", "agent_id", "text"))
    await connection.execute(_STORE, account_id, ids, agents, texts)


def _plain(value: object) -> str | list[str]:
    return format(value, "f") if isinstance(value, Decimal) else sorted(value)  # type: ignore[call-overload]
