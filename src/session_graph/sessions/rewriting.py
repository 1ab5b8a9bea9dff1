"""Rewrites of stored sessions that no SQL can make, after the migrations. One that is killed goes on where it was.

A rewrite goes through all sessions in the order of their keys, a batch a transaction, and writes down how far it came.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from session_graph.parsing import clean_text, fold
from session_graph.sessions.agents import terms_of
from session_graph.sessions.closing import AgentTerms
from session_graph.sessions.contacts import contact_columns, is_one_of, read_contacts
from session_graph.sessions.event_log import EventKind, write_events
from session_graph.store.database import Connection, Database, Row
from session_graph.store.models import Account, Agent

BATCH = 1_000

Progress = Callable[[int, int], object]
"""Called with the number of sessions that are done, of those that there are."""

_TEXTS = (
    *("session_type", "integration", "connector", "external_id", "contact_name", "summary"),
    *("actual_result", "expected_result", "comment"),
)
_FOLDED = {
    "session_type_folded": "session_type",
    "external_id_folded": "external_id",
    "contact_folded": "contact_name",
    "summary_folded": "summary",
    "comment_folded": "comment",
}
_SHOWN = (*_TEXTS, "phone", "email", "other_contact", "tags", "utms", "is_opportunity", "is_test")
"""The columns whose change is a change of the session, with a version and an event."""
_TYPES = {
    **dict.fromkeys((*_TEXTS, *_FOLDED, "phone", "phone_display", "phone_search", "email", "other_contact"), "text"),
    **dict.fromkeys(("tags", "utms"), "jsonb"),
    **dict.fromkeys(("is_opportunity", "is_test"), "boolean"),
}

_POSITION = "select r.last_account, r.last_row, r.is_done from data_rewrite r where r.name = $1 for update"
_READ = f"""
select s.account_id, s.id, s.agent_id, s.is_lead, {", ".join(f"s.{name}" for name in _TYPES if name != "tags")},
    to_jsonb(s.tags)::text as tags,
    array(select h.field from session_change h where h.account_id = s.account_id and h.session_id = s.id
        and h.field in ('isLead', 'isOpportunity', 'isTest')) as edited
from session s
where $1::uuid is null or (s.account_id, s.id) > ($1, $2)
order by s.account_id, s.id
limit {BATCH}
for update
"""
_UPDATE = f"""
update session s
set {", ".join(f"{name} = u.{name}" for name in _TYPES if name != "tags")},
    tags = array(select t.tag from jsonb_array_elements_text(u.tags) t (tag)),
    version = s.version + u.is_change::integer,
    updated_at = case when u.is_change then now() else s.updated_at end
from jsonb_to_recordset($1::jsonb)
     u (account_id uuid, id uuid, is_change boolean, {", ".join(f"{name} {type_}" for name, type_ in _TYPES.items())})
where s.account_id = u.account_id and s.id = u.id
"""
_TRANSCRIPTS = """
update transcript t set turns = normalize(t.turns::text)::jsonb
from unnest($1::uuid[], $2::uuid[]) k (account_id, session_id)
where t.account_id = k.account_id and t.session_id = k.session_id and t.turns::text is not normalized
"""
_ADVANCE = "update data_rewrite set last_account = $2, last_row = $3, is_done = $4 where name = $1"


async def is_rewrite_pending(database: Database) -> bool:
    """Return whether stored sessions are still to be rewritten, by a migration that has run."""
    return await database.fetchrow("select from data_rewrite r where not r.is_done") is not None


async def rewrite_pending(database: Database, progress: Progress) -> None:
    """Rewrite contacts and texts as they are kept now, if that was not finished. Safe to call concurrently."""
    if not await is_rewrite_pending(database):
        return
    total = (await database.fetch("select count(*) from session"))[0][0]
    done = 0
    while count := await _rewrite_batch(database, "contacts_and_texts"):
        done += count
        progress(done, max(done, total))


async def _rewrite_batch(database: Database, name: str) -> int:
    """Rewrite the next sessions and return how many that were; 0 at the end."""
    async with database.transaction() as connection:
        position = await connection.fetchrow(_POSITION, name)
        if position is None or position["is_done"]:
            return 0
        rows = await connection.fetch(_READ, position["last_account"], position["last_row"])
        if not rows:
            await connection.execute(_ADVANCE, name, position["last_account"], position["last_row"], True)
            return 0
        await _rewrite(connection, rows)
        await connection.execute(_ADVANCE, name, rows[-1]["account_id"], rows[-1]["id"], False)
        return len(rows)


async def _rewrite(connection: Connection, rows: Sequence[Row]) -> None:
    terms = await _read_terms({row["agent_id"] for row in rows})
    changed = [new for row in rows if (new := _rewritten(row, terms[row["agent_id"]]))]
    if changed:
        await connection.execute(_UPDATE, orjson.dumps(changed, default=str).decode())
    keys = [row["account_id"] for row in rows], [row["id"] for row in rows]
    await connection.execute(_TRANSCRIPTS, *keys)
    for account_id in {new["account_id"] for new in changed if new["is_change"]}:
        ids = [new["id"] for new in changed if new["is_change"] and new["account_id"] == account_id]
        await write_events(connection, account_id, EventKind.CHANGED, ids)


async def _read_terms(agent_ids: Iterable[UUID]) -> dict[UUID, AgentTerms]:
    agents = await Agent.filter(id__in=list(agent_ids))
    accounts = await Account.filter(id__in=[agent.account_id for agent in agents])
    countries = {account.id: account.country for account in accounts}
    return {agent.id: terms_of(agent, countries[agent.account_id]) for agent in agents}


def _rewritten(row: Row, terms: AgentTerms) -> dict[str, Any] | None:
    """Return all columns of a row that changes; None if it does not."""
    old = {name: row[name] for name in _TYPES} | {name: orjson.loads(row[name]) for name in ("tags", "utms")}
    contacts, _ = read_contacts(old["phone"], old["email"], old["other_contact"], terms.country)
    new: dict[str, Any] = {name: old[name] and (clean_text(old[name]) or None) for name in _TEXTS}
    new |= {folded: new[name] and fold(new[name]) for folded, name in _FOLDED.items()}
    new |= contact_columns(contacts)
    new["tags"] = sorted({clean_text(tag) for tag in old["tags"]})
    new["utms"] = {clean_text(key): clean_text(value) for key, value in old["utms"].items()}
    new |= _decide_again(old, new, row["edited"], terms)
    if new == old:
        return None
    is_change = any(new[name] != old[name] for name in _SHOWN)
    return {"account_id": row["account_id"], "id": row["id"], "is_change": is_change, **new}


def _decide_again(
    old: Mapping[str, Any], new: Mapping[str, Any], edited: Sequence[str], terms: AgentTerms
) -> dict[str, bool]:
    """Return the flags that contacts decide; what a person has set stays."""
    reachable = bool(new["phone"] or new["email"])
    kept = {"isLead", "isOpportunity"} & set(edited)
    contacts = [contact for contact in (new["phone"], new["email"]) if contact]
    is_test = "isTest" not in edited and any(is_one_of(contact, terms.test_contacts) for contact in contacts)
    return {
        "is_opportunity": old["is_opportunity"] and (reachable or bool(kept)),
        "is_test": old["is_test"] or is_test,
    }
