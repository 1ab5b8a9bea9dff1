"""Which session a record is of: ids that follow from what a record says, and the sessions that a batch names.

A session is named by its id, and by its source and the source's own id, which no two sessions of an account share
(domain.md, "What is recorded").
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from session_graph.errors import Problem
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.terms import StoredTerms, store_terms
from session_graph.store.database import Connection
from session_graph.store.ids import new_id

SourceKey = tuple[str, str]
"""A source and its own id of a session."""

_BY_ID = """
select 'session' as kind, s.id, s.content_hash, s.source, s.source_id
from session s where s.account_id = $1 and s.id = any($2)
union all
select 'terms', t.id, null, null, null from agent_terms t where t.account_id = $1 and t.id = any($3)
union all
select 'other', o.id, null, null, null
from (
    select $1 as id
    union all
    select a.id from agent a where a.account_id = $1 and a.id = any($2)
    union all
    select e.id from session_export e where e.account_id = $1 and e.id = any($2)
    union all
    select v.id from saved_view v where v.account_id = $1 and v.id = any($2)
    union all
    select d.id from inlet_delivery d where d.account_id = $1 and d.id = any($2)
) o
"""
"""The sessions of these ids; of these terms those that are stored; and the ids that the account, one of its agents,
exports, saved views or deliveries has."""
_BY_ID_OR_SOURCE = f"""
{_BY_ID}
union all
select 'session', s.id, s.content_hash, s.source, s.source_id
from unnest($4::text[], $5::text[]) k (source, source_id)
join session s on s.account_id = $1 and s.source = k.source and s.source_id = k.source_id and s.source_id is not null
"""


def id_by_source(account_id: UUID, source: str, source_id: str) -> UUID:
    """Return the id of the session that the source calls so: a UUIDv5 of the account's id, source, NUL, source's id."""
    return uuid5(account_id, f"{source}\0{source_id}")


def id_by_content(account_id: UUID, record: SessionRecord) -> UUID:
    """Return the id of a record that has none: a UUIDv5 of the account's id and the SHA-256 of the content."""
    return uuid5(account_id, record.content_hash().hex())


def with_id(account_id: UUID, record: SessionRecord) -> SessionRecord:
    """Return the record with an id that is the same whenever the same record is read."""
    if record.id or record.source_id:
        return record
    return record.model_copy(update={"id": id_by_content(account_id, record)})


def source_key(record: SessionRecord) -> SourceKey | None:
    return (record.source, record.source_id) if record.source and record.source_id else None


@dataclass(slots=True)
class KnownSessions:
    """The sessions that a batch's records name: the hash of what each was recorded with, and its id by its source's.

    `others` are ids that are not a session's: an id names one object of the account, whatever its type.
    """

    account_id: UUID
    others: set[UUID] = field(default_factory=set)
    hashes: dict[UUID, bytes] = field(default_factory=dict)
    ids: dict[SourceKey, UUID] = field(default_factory=dict)
    keys: dict[UUID, SourceKey] = field(default_factory=dict)

    def identify(self, record: SessionRecord) -> tuple[UUID, Problem | None]:
        """Return the id of the record's session, and a problem if its id and its source's id name two sessions, or if
        its id is not a session's.
        """
        key = source_key(record)
        if record.id in self.others and record.id not in self.hashes:
            return record.id, Problem(("id",), "is already the id of another object of this account")
        known = self.ids.get(key) if key else None
        if known and record.id and record.id != known:
            return record.id, Problem(("id",), f"differs from {known}, the id of the session with this sourceId")
        if key and record.id and self.keys.get(record.id, key) != key:
            return record.id, Problem(("sourceId",), "differs from that of the session with this id")
        return known or record.id or (id_by_source(self.account_id, *key) if key else new_id()), None

    def add(self, id_: UUID, content_hash: bytes, key: SourceKey | None) -> None:
        self.hashes[id_] = content_hash
        if key:
            self.ids[key], self.keys[id_] = id_, key


async def find_known(
    connection: Connection, account_id: UUID, records: Sequence[SessionRecord], terms: Sequence[StoredTerms]
) -> KnownSessions:
    """Return the sessions that the records name by id or by source, and store terms that are new.

    One statement, and one more for new terms.
    """
    keys = [key for record in records if (key := source_key(record))]
    ids = [record.id for record in records if record.id] + [id_by_source(account_id, *key) for key in keys]
    parameters: list[object] = [ids, [each.id for each in terms]]
    if keys:
        parameters += [[key[0] for key in keys], [key[1] for key in keys]]
    known, stored = KnownSessions(account_id), set[UUID]()
    for row in await connection.fetch(_BY_ID_OR_SOURCE if keys else _BY_ID, account_id, *parameters):
        match row["kind"]:
            case "session":
                key = (row["source"], row["source_id"]) if row["source_id"] else None
                known.add(row["id"], bytes(row["content_hash"]), key)
            case "terms":
                stored.add(row["id"])
            case _:
                known.others.add(row["id"])
    if new := [each for each in terms if each.id not in stored]:
        await store_terms(connection, account_id, new)
    return known
