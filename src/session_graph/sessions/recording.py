"""Records closed sessions, for imports and mutations alike: by COPY, and each session once.

The caller's id identifies a session. The same id with the same content is a duplicate and succeeds; with other content
it is refused. A batch is one transaction; a record that is refused does not stop the others.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from session_graph.errors import Problem
from session_graph.pacing import Pacer
from session_graph.parsing import DECIMAL_LIMIT
from session_graph.sessions.agents import terms_of
from session_graph.sessions.amending import Amendment, Result, amend_sessions, times_of
from session_graph.sessions.closing import AgentTerms, Decisions
from session_graph.sessions.contacts import read_contacts
from session_graph.sessions.enums import WhenKnown
from session_graph.sessions.event_log import EventKind, write_events
from session_graph.sessions.history_record import carries_figures
from session_graph.sessions.identity import KnownSessions, find_known, source_key
from session_graph.sessions.record import SessionRecord, write_turns
from session_graph.sessions.session_columns import COLUMNS, decide, row_of
from session_graph.sessions.terms import StoredTerms, stored_terms
from session_graph.sessions.warnings import RecordWarning, WarningCode
from session_graph.store import models
from session_graph.store.database import Connection, Database, KeepAlive, Row

ATTEMPTS = 5

_ACCOUNT = "select a.money_scale, a.country from account a where a.id = $1 for key share"
_ACCOUNT_ALONE = "select a.money_scale, a.country from account a where a.id = $1 for update"

_SESSION_COLUMNS = (
    *("account_id", "id", "agent_id", *COLUMNS),
    *("terms_id", "content_hash", "money_scale", "recorded_at", "updated_at"),
)
_Row = tuple[Any, ...]
_NOTHING = nullcontext()

UNNAMED = "import"
"""The author of amendments that no key or token sent."""


class Status(StrEnum):
    """The result of a record."""

    RECORDED = "RECORDED"
    AMENDED = "AMENDED"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`problem` is why a record was refused, with its path in the record; `is_conflict` if its id has other content.

    `warnings` say what of it was taken with a loss.
    """

    status: Status
    id: UUID | None
    problem: Problem | None = None
    is_conflict: bool = False
    warnings: Sequence[RecordWarning] = ()


@dataclass(frozen=True, slots=True)
class _Agent:
    id: UUID
    terms: AgentTerms
    stored: StoredTerms


async def record_sessions(
    database: Database,
    account_id: UUID,
    records: Sequence[SessionRecord],
    recorder: str = UNNAMED,
    computing: AbstractContextManager[None] = _NOTHING,
) -> list[Outcome]:
    """Record all valid records in one transaction, and return an outcome for each record, in order.

    `recorder` is the author of amendments in the history. `computing` is entered while the rows are made, before the
    database has its work. On a conflict with another batch, retry while holding the account row FOR UPDATE.
    """
    for attempt in range(ATTEMPTS):
        try:
            async with database.transaction() as connection:
                account = await connection.fetchrow(_ACCOUNT_ALONE if attempt else _ACCOUNT, account_id)
                assert account is not None
                return await _record(connection, account_id, account, records, recorder, computing)
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def _record(
    connection: Connection,
    account_id: UUID,
    account: Row,
    records: Sequence[SessionRecord],
    recorder: str,
    computing: AbstractContextManager[None],
) -> list[Outcome]:
    agents = await _find_agents(account_id, account["country"], {record.agent for record in records})
    known = await find_known(connection, account_id, records, [agent.stored for agent in agents.values()])
    batch = _Batch(account_id, account["money_scale"], datetime.now(UTC), agents, known)
    taken, pacer, alive = [], Pacer(), KeepAlive(connection)
    with computing:
        for record in records:
            taken.append(batch.take(record))
            await pacer.pause()
            await alive.beat()
    await _copy(connection, "session", sorted(batch.sessions, key=itemgetter(1)), _SESSION_COLUMNS)
    await _copy(connection, "transcript", batch.transcripts, ("account_id", "session_id", "turns"))
    await _copy(connection, "fact_times", batch.times, ("account_id", "session_id", "times"))
    await write_events(connection, account_id, EventKind.RECORDED, [row[1] for row in batch.sessions])
    amendments = [each for each in taken if isinstance(each, Amendment)]
    results = iter(await amend_sessions(connection, account_id, amendments, recorder, batch.now))
    return [_outcome_of(each, next(results)) if isinstance(each, Amendment) else each for each in taken]


def _outcome_of(amendment: Amendment, result: Result) -> Outcome:
    if problem := result.problem:
        return Outcome(Status.REFUSED, amendment.session_id, problem, is_conflict=problem.path == ("sourceId",))
    status = Status.AMENDED if result.is_changed else Status.DUPLICATE
    return Outcome(status, amendment.session_id, warnings=amendment.record.warnings)


async def _find_agents(account_id: UUID, country: str | None, idns: set[str]) -> dict[str, _Agent]:
    found = await models.Agent.filter(account_id=account_id, idn__in=idns)
    terms = {agent.idn: terms_of(agent, country) for agent in found}
    return {agent.idn: _Agent(agent.id, terms[agent.idn], stored_terms(agent.id, terms[agent.idn])) for agent in found}


async def _copy(connection: Connection, table: str, rows: Sequence[_Row], columns: Sequence[str]) -> None:
    if rows:
        await connection.copy_records_to_table(table, records=rows, columns=columns)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The rows to write, collected record by record."""

    account_id: UUID
    money_scale: int
    now: datetime
    agents: Mapping[str, _Agent]
    known: KnownSessions
    sessions: list[_Row] = field(default_factory=list)
    transcripts: list[_Row] = field(default_factory=list)
    times: list[_Row] = field(default_factory=list)

    def take(self, record: SessionRecord) -> Outcome | Amendment:
        agent = self.agents.get(record.agent)
        content_hash = record.content_hash()
        id_, conflict = self.known.identify(record)
        if conflict:
            return Outcome(Status.REFUSED, id_, conflict, is_conflict=True)
        if id_ in self.known.hashes and record.when_known is WhenKnown.CONFLICT:
            return self._compare(id_, record, content_hash)
        if agent is None:
            return _refuse(record, "agent", "is not the idn of an agent of this account")
        contacts, warnings = read_contacts(record.phone, record.email, record.other_contact, agent.terms.country)
        record = record.with_contacts(contacts, warnings)
        if id_ in self.known.hashes:
            self.known.add(id_, self.known.hashes[id_], source_key(record))
            return Amendment(id_, record, agent.terms)
        decisions = decide(record, agent.terms)
        if decisions.potential_value >= DECIMAL_LIMIT:
            return _refuse(record, "units", "makes a lead value of 10^15 or more")
        self.known.add(id_, content_hash, source_key(record))
        self.sessions.append(self._session_row(id_, record, agent, decisions, content_hash))
        if record.transcript:
            self.transcripts.append((self.account_id, id_, write_turns(record.transcript)))
        if times := times_of(record):
            self.times.append((self.account_id, id_, orjson.dumps(times).decode()))
        if decisions.is_lead and not contacts.reachable:
            record.warn(RecordWarning((), WarningCode.UNREACHABLE, "A lead who cannot be reached is no opportunity"))
        return Outcome(Status.RECORDED, id_, warnings=record.warnings)

    def _compare(self, id_: UUID, record: SessionRecord, content_hash: bytes) -> Outcome:
        if self.known.hashes[id_] == content_hash:
            return Outcome(Status.DUPLICATE, id_)
        path = ("id",) if record.id else ("sourceId",)
        conflict = Problem(path, "is already the id of a session with other content")
        return Outcome(Status.REFUSED, id_, conflict, is_conflict=True)

    def _session_row(
        self, id_: UUID, record: SessionRecord, agent: _Agent, decisions: Decisions, content_hash: bytes
    ) -> _Row:
        """Return the values of _SESSION_COLUMNS."""
        terms_id = None if carries_figures(record) else agent.stored.id
        written = (terms_id, content_hash, self.money_scale, self.now, self.now)
        return (self.account_id, id_, agent.id, *row_of(record, decisions), *written)


def _refuse(record: SessionRecord, name: str, message: str) -> Outcome:
    return Outcome(Status.REFUSED, record.id, Problem((name,), message))
