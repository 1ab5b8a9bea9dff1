"""Records closed sessions, for imports and mutations alike: by COPY, and each session once.

The caller's id identifies a session. The same id with the same content is a duplicate and succeeds; with other content
it is refused. A batch is one transaction; a record that is refused does not stop the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from session_graph.errors import Problem
from session_graph.parsing import DECIMAL_LIMIT, fold
from session_graph.sessions.agents import terms_of
from session_graph.sessions.closing import AgentTerms, Decisions, Facts, close
from session_graph.sessions.contacts import display_phone
from session_graph.sessions.event_log import EventKind, write_events
from session_graph.sessions.record import SessionRecord, TurnRecord
from session_graph.store import models
from session_graph.store.database import Connection, Database
from session_graph.store.ids import new_id

ATTEMPTS = 5

_ACCOUNT = "select a.money_scale from account a where a.id = $1 for key share"
_ACCOUNT_ALONE = "select a.money_scale from account a where a.id = $1 for update"
_KNOWN = "select s.id, s.content_hash from session s where s.account_id = $1 and s.id = any($2)"


class Status(StrEnum):
    """The result of a record."""

    RECORDED = "RECORDED"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`problem` is why a record was refused, with its path in the record; `is_conflict` if its id has other content."""

    status: Status
    id: UUID | None
    problem: Problem | None = None
    is_conflict: bool = False


@dataclass(frozen=True, slots=True)
class _Agent:
    id: UUID
    terms: AgentTerms


async def record_sessions(database: Database, account_id: UUID, records: Sequence[SessionRecord]) -> list[Outcome]:
    """Record all valid records in one transaction, and return an outcome for each record, in order.

    On a conflict with another batch, retry while holding the account row FOR UPDATE.
    """
    for attempt in range(ATTEMPTS):
        try:
            async with database.transaction() as connection:
                money_scale = await connection.fetchval(_ACCOUNT_ALONE if attempt else _ACCOUNT, account_id)
                return await _record(connection, account_id, money_scale, records)
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def _record(
    connection: Connection, account_id: UUID, money_scale: int, records: Sequence[SessionRecord]
) -> list[Outcome]:
    agents = await _find_agents(account_id, {record.agent for record in records})
    ids = [record.id for record in records if record.id]
    known = {row["id"]: bytes(row["content_hash"]) for row in await connection.fetch(_KNOWN, account_id, ids)}
    batch = _Batch(account_id, money_scale, datetime.now(UTC), agents, known)
    outcomes = [batch.take(record) for record in records]
    await _copy(connection, "session", sorted(batch.sessions, key=lambda row: row["id"]))
    await _copy(connection, "transcript", batch.transcripts)
    await write_events(connection, account_id, EventKind.RECORDED, [row["id"] for row in batch.sessions])
    return outcomes


async def _find_agents(account_id: UUID, idns: set[str]) -> dict[str, _Agent]:
    found = await models.Agent.filter(account_id=account_id, idn__in=idns)
    return {agent.idn: _Agent(agent.id, terms_of(agent)) for agent in found}


async def _copy(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        columns = list(rows[0])
        await connection.copy_records_to_table(table, records=[tuple(row.values()) for row in rows], columns=columns)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The rows to write, collected record by record; `known` are content hashes by the id of their session."""

    account_id: UUID
    money_scale: int
    now: datetime
    agents: Mapping[str, _Agent]
    known: dict[UUID, bytes]
    sessions: list[dict[str, Any]] = field(default_factory=list)
    transcripts: list[dict[str, object]] = field(default_factory=list)

    def take(self, record: SessionRecord) -> Outcome:
        agent = self.agents.get(record.agent)
        content_hash = record.content_hash()
        if record.id in self.known:
            return self._compare(record.id, content_hash)
        if agent is None:
            return _refuse(record, "agent", "is not the idn of an agent of this account")
        decisions = close(_facts(record), agent.terms)
        if decisions.potential_value >= DECIMAL_LIMIT:
            return _refuse(record, "units", "makes a lead value of 10^15 or more")
        id_ = record.id or new_id()
        self.known[id_] = content_hash
        self.sessions.append(self._session_row(id_, record, agent, decisions, content_hash))
        if record.transcript:
            turns = orjson.dumps([_turn(turn) for turn in record.transcript], option=orjson.OPT_UTC_Z).decode()
            self.transcripts.append({"account_id": self.account_id, "session_id": id_, "turns": turns})
        return Outcome(Status.RECORDED, id_)

    def _compare(self, id_: UUID, content_hash: bytes) -> Outcome:
        if self.known[id_] == content_hash:
            return Outcome(Status.DUPLICATE, id_)
        conflict = Problem(("id",), "is already the id of a session with other content")
        return Outcome(Status.REFUSED, id_, conflict, is_conflict=True)

    def _session_row(
        self, id_: UUID, record: SessionRecord, agent: _Agent, decisions: Decisions, content_hash: bytes
    ) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "id": id_,
            "agent_id": agent.id,
            **{name: getattr(record, name) for name in _COPIED},
            **{name: orjson.dumps(getattr(record, name) or {}).decode() for name in _MAPS},
            "content_hash": content_hash,
            **{name: getattr(decisions, name) for name in _DECIDED},
            "stated_test": record.is_test,
            "stated_lead_value": record.lead_value,
            "phone_display": record.phone and display_phone(record.phone),
            "money_scale": self.money_scale,
            "session_type_folded": record.session_type and fold(record.session_type),
            "external_id_folded": record.external_id and fold(record.external_id),
            "contact_folded": record.contact_name and fold(record.contact_name),
            "summary_folded": record.summary and fold(record.summary),
            "recorded_at": self.now,
            "updated_at": self.now,
        }


_DECIDED = Decisions.__slots__
"""Columns that are decided when the session closes."""
_WRITTEN = {
    each["name"]: each["field_type"] for each in models.Session.describe()["data_fields"] if not each["generated"]
}
_MAPS = tuple(name for name in SessionRecord.model_fields if _WRITTEN.get(name) == "JSONField")
"""Columns that are copied from the record as JSON."""
_COPIED = tuple(name for name in SessionRecord.model_fields if name in _WRITTEN.keys() - {*_DECIDED, *_MAPS})
"""Columns that are copied from the record."""


def _refuse(record: SessionRecord, name: str, message: str) -> Outcome:
    return Outcome(Status.REFUSED, record.id, Problem((name,), message))


def _facts(record: SessionRecord) -> Facts:
    return Facts(**{name: getattr(record, name) for name in Facts.__slots__})


def _turn(turn: TurnRecord) -> dict[str, str | datetime | None]:
    """Return the turn for orjson, which writes `at` as `format_instant` does."""
    named = {"name": turn.name} if turn.name else {}
    return {"speaker": turn.speaker, "text": turn.text, "at": turn.at, **named}
