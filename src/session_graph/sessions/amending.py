"""Amendments: what a machine learns of a session after it was recorded (domain.md, "What a machine learns later").

`merge` and `revise` decide what an amendment changes, without the database; `amend_sessions` locks the sessions, as
edits do, and writes the changes. A field that a person has set stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from pydantic.alias_generators import to_camel

from session_graph.errors import Problem
from session_graph.parsing import DECIMAL_LIMIT, format_instant, parse_instant
from session_graph.sessions.closing import AgentTerms, is_opportunity
from session_graph.sessions.editing import HISTORY_COLUMNS, ChangeKind
from session_graph.sessions.event_log import EventKind, write_events
from session_graph.sessions.history_record import FIGURES, HistoryRecord, carries_figures
from session_graph.sessions.patch import EDITED, write_value
from session_graph.sessions.record import NOT_CONTENT, SessionRecord, write_turns
from session_graph.sessions.session_columns import COLUMNS, DECIDED, MAPS, PAST_FLAGS, columns_of, decide
from session_graph.sessions.terms import load_terms
from session_graph.store.database import Connection, Row

_SOURCE = ("source", "source_id")
"""Fields that say which session a record is of; an amendment may add them."""
FACTS = tuple(name for name in HistoryRecord.model_fields if name not in {*NOT_CONTENT, "agent", *_SOURCE})
"""The fields of a record that an amendment may replace."""

_FLAGS = ("is_lead", "is_opportunity", "is_test")
_UNLISTED = {"is_test", *FIGURES}
"""Facts that the history does not list: it lists the flag, and no derived values."""
_STATED = {"is_test": "stated_test", "lead_value": "stated_lead_value"}
"""The columns of facts whose own name is that of a decision."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The facts of a session by field, and when the source knew those of which a record says so.

    A transcript is the list of its turns as they are stored.
    """

    facts: Mapping[str, Any]
    times: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class SessionState:
    """A session before an amendment. `columns` are as `columns_of` returns them, with maps parsed.

    `terms` are those of its first close; None if they are not kept, and then its figures stay. `held` are the columns
    that a person has set.
    """

    agent: str
    version: int
    knowledge: Knowledge
    columns: Mapping[str, Any]
    terms: AgentTerms | None
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Amendment:
    """A record of a session that is recorded already. `terms` are the agent's current ones."""

    session_id: UUID
    record: SessionRecord
    terms: AgentTerms


@dataclass(frozen=True, slots=True)
class Result:
    """Whether an amendment changed its session, or the problem for which it was refused."""

    is_changed: bool
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a session's history."""

    field: str
    before: str | None
    after: str | None


def times_of(record: SessionRecord) -> dict[str, datetime]:
    """Return when the source knew the fields that were sent; none if the record does not say so."""
    return {name: record.as_of for name in record.given() if name in FACTS} if record.as_of else {}


def merge(known: Knowledge, record: SessionRecord, held: frozenset[str] = frozenset()) -> Knowledge:
    """Return what is known after the record: of each field what the newest report says.

    A report with `asOf` yields to fields that a newer one has given, also if it cleared them. A report without it
    counts as the newest, and what it gives yields to any later one. So reports with `asOf` may come in any order.
    """
    facts, times = dict(known.facts), dict(known.times)
    for name, value in record.given().items():
        if name not in FACTS or name in held:
            continue
        if record.as_of is None:
            times.pop(name, None)
        elif name in times and record.as_of < times[name]:
            continue
        else:
            times[name] = record.as_of
        facts[name] = _fact(name, value)
    return Knowledge(facts, times)


def revise(state: SessionState, record: SessionRecord, current_terms: AgentTerms) -> SessionState | Problem:
    """Return the session after the amendment, with the same version if nothing differs; or why it is refused."""
    if record.agent != state.agent:
        return Problem(("agent",), "must be the agent that held the session; an amendment cannot change it")
    known = {name: state.columns[name] for name in _SOURCE}
    source = known | {name: value for name in _SOURCE if (value := getattr(record, name))}
    if known["source_id"] and source != known:
        return Problem(("sourceId",), "differs from that of the session with this id; an amendment cannot change it")
    knowledge = merge(state.knowledge, record, state.held)
    columns = _columns_after(state, knowledge, current_terms) | source
    if columns["potential_value"] >= DECIMAL_LIMIT:
        return Problem(("units",), "makes a lead value of 10^15 or more")
    is_same = all(columns[name] == state.columns[name] for name in (*DECIDED, *_SOURCE))
    is_same = is_same and knowledge.facts == state.knowledge.facts
    terms = None if carries_figures(_record_of(knowledge.facts)) else state.terms
    version = state.version if is_same else state.version + 1
    return replace(state, version=version, knowledge=knowledge, columns=columns, terms=terms)


def list_changes(before: SessionState, after: SessionState) -> list[Entry]:
    """Return the history of an amendment: each fact and flag that differs. Derived values are not listed."""
    old, new = before.knowledge.facts, after.knowledge.facts
    values = {name: (old[name], new[name]) for name in FACTS if name not in _UNLISTED}
    values |= {name: (before.columns[name], after.columns[name]) for name in (*_FLAGS, *_SOURCE)}
    return [
        Entry(to_camel(name), *(_count_turns(*pair) if name == "transcript" else map(_write, pair)))
        for name, pair in values.items()
        if pair[0] != pair[1]
    ]


def _columns_after(state: SessionState, knowledge: Knowledge, current_terms: AgentTerms) -> dict[str, Any]:
    """Return the columns of what is known now. A decision changes only if the facts that changed change it."""
    terms = state.terms or current_terms
    record, known = _record_of(knowledge.facts), _record_of(state.knowledge.facts)
    after, before = decide(record, terms), decide(known, terms)
    columns = parsed(columns_of(record, after))
    for name in DECIDED:
        if getattr(before, name) == getattr(after, name):
            columns[name] = state.columns[name]
    return columns | _flags_after(state, columns, known, record)


def _flags_after(
    state: SessionState, columns: Mapping[str, Any], known: SessionRecord, record: SessionRecord
) -> dict[str, bool]:
    """Return the flags: those that a person has set, and what follows from them and the facts.

    What a person sets as an opportunity is a lead; the opportunity of a lead is decided from the facts.
    """
    was, held = state.columns, state.held
    is_lead = was["is_lead"] if "is_lead" in held else columns["is_lead"]
    opportunity = was["is_opportunity"]
    if "is_opportunity" in held:
        is_lead = is_lead or opportunity
    elif _opportunity(is_lead, record) != _opportunity(was["is_lead"], known):
        opportunity = _opportunity(is_lead, record)
    is_test = was["is_test"] if "is_test" in held else columns["is_test"]
    return {"is_lead": is_lead, "is_opportunity": opportunity, "is_test": is_test}


def _opportunity(is_lead: bool, record: SessionRecord) -> bool:
    return is_opportunity(
        is_lead,
        refused=record.refused,
        unavailable=record.unavailable,
        reachable=bool(record.phone or record.email),
    )


def _record_of(facts: Mapping[str, Any]) -> HistoryRecord:
    return HistoryRecord.model_construct(**facts)


def _fact(name: str, value: Any) -> Any:
    """Return the value in the form that facts of the database have."""
    if name == "transcript":
        return orjson.loads(write_turns(value))
    if name in PAST_FLAGS:
        return bool(value)
    return (value or None) if name == "metadata" else value


def parsed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns with their maps parsed."""
    return {**columns, **{name: orjson.loads(columns[name]) for name in MAPS}}


def _write(value: Any) -> str | None:
    if isinstance(value, datetime):
        return format_instant(value)
    return format(value, "f") if isinstance(value, Decimal) else write_value(value)


def _count_turns(before: Sequence[Any], after: Sequence[Any]) -> tuple[str, str]:
    """Return the numbers of turns; a transcript is too long for the history."""
    other = " other" if len(before) == len(after) else ""
    return f"{len(before)} turns", f"{len(after)}{other} turns"


_LOCK = "select s.id from session s where s.account_id = $1 and s.id = any($2) order by s.id for update"
_READ = f"""
select s.id, s.version, {", ".join(f"s.{name}" for name in COLUMNS)}, s.terms_id, a.idn, t.terms, r.turns, f.times,
    array(
        select c.field from session_change c
        where c.account_id = s.account_id and c.session_id = s.id and c.kind <> '{ChangeKind.AMENDED}'
        group by c.field
        having max(c.version) = max(c.version) filter (where c.kind = '{ChangeKind.SET}')
    ) as held
from session s
join agent a on a.account_id = s.account_id and a.id = s.agent_id
left join agent_terms t on t.account_id = s.account_id and t.id = s.terms_id
left join transcript r on r.account_id = s.account_id and r.session_id = s.id
left join fact_times f on f.account_id = s.account_id and f.session_id = s.id
where s.account_id = $1 and s.id = any($2)
"""
_UPDATE = f"""
update session s
set {", ".join(f"{name} = u.{name}" for name in (*COLUMNS, "version", "terms_id"))}, updated_at = $3
from jsonb_populate_recordset(null::session, $2) u
where s.account_id = $1 and s.id = u.id
"""
_WRITE_TIMES = """
insert into fact_times (account_id, session_id, times)
select $1, u.session_id, u.times from jsonb_populate_recordset(null::fact_times, $2) u
on conflict (account_id, session_id) do update set times = excluded.times
"""
_WRITE_TURNS = """
insert into transcript (account_id, session_id, turns)
select $1, u.session_id, u.turns from jsonb_populate_recordset(null::transcript, $2) u
on conflict (account_id, session_id) do update set turns = excluded.turns
"""
_DELETE_TURNS = "delete from transcript r where r.account_id = $1 and r.session_id = any($2)"
_HELD = {field: name for name, field in EDITED.items()}
_ERASED = Problem(("id",), "is of a session that was erased meanwhile; send it again")


async def amend_sessions(
    connection: Connection, account_id: UUID, amendments: Sequence[Amendment], recorder: str, now: datetime
) -> list[Result]:
    """Make the amendments in order, and return the result of each. `recorder` is their author in the history.

    The sessions are locked until the transaction ends, in the order of their ids.
    """
    if not amendments:
        return []
    ids = sorted({amendment.session_id for amendment in amendments})
    await connection.fetch(_LOCK, account_id, ids)
    rows = {row["id"]: row for row in await connection.fetch(_READ, account_id, ids)}
    known = {id_: _state_of(row) for id_, row in rows.items()}
    states = dict(known)
    results, history = list[Result](), list[tuple[Any, ...]]()
    for amendment in amendments:
        result, entries = _amend(states, amendment)
        results.append(result)
        key = (account_id, amendment.session_id)
        history += [
            (*key, states[key[1]].version, entry.field, entry.before, entry.after, now, recorder, ChangeKind.AMENDED)
            for entry in entries
        ]
    changed = {id_: state for id_, state in states.items() if state.version > known[id_].version}
    await _write_sessions(connection, account_id, rows, changed, now)
    await _write_transcripts(connection, account_id, known, changed)
    await _write_times(connection, account_id, known, states)
    await connection.copy_records_to_table("session_change", records=history, columns=HISTORY_COLUMNS)
    await write_events(connection, account_id, EventKind.CHANGED, list(changed))
    return results


def _amend(states: dict[UUID, SessionState], amendment: Amendment) -> tuple[Result, list[Entry]]:
    """Make the amendment to its state among `states`. Return the result and the history."""
    before = states.get(amendment.session_id)
    if before is None:
        return Result(is_changed=False, problem=_ERASED), []
    after = revise(before, amendment.record, amendment.terms)
    if isinstance(after, Problem):
        return Result(is_changed=False, problem=after), []
    states[amendment.session_id] = after
    return Result(is_changed=after.version > before.version), list_changes(before, after)


def _state_of(row: Row) -> SessionState:
    """Return the state that a row of `_READ` has. Of a session that was recorded before amendments, facts that its row
    does not have follow from the decisions."""
    columns = parsed({name: row[name] for name in COLUMNS})
    if columns["intent_to_buy"] is None:
        columns |= {"intent_to_buy": columns["is_lead"], "stated_test": columns["is_test"]}
    facts = {name: _fact(name, columns[_STATED.get(name, name)]) for name in FACTS if name != "transcript"}
    facts["transcript"] = orjson.loads(row["turns"]) if row["turns"] else []
    if row["terms"]:
        facts |= dict.fromkeys(FIGURES)
    times = {name: parse_instant(text) for name, text in orjson.loads(row["times"] or "{}").items()}
    return SessionState(
        agent=row["idn"],
        version=row["version"],
        knowledge=Knowledge(facts, times),
        columns=columns,
        terms=load_terms(row["terms"]) if row["terms"] else None,
        held=frozenset(_HELD[field] for field in row["held"]),
    )


async def _write_sessions(
    connection: Connection,
    account_id: UUID,
    rows: Mapping[UUID, Row],
    changed: Mapping[UUID, SessionState],
    now: datetime,
) -> None:
    values = [
        {**state.columns, "id": id_, "version": state.version, "terms_id": state.terms and rows[id_]["terms_id"]}
        for id_, state in changed.items()
    ]
    if values:
        await connection.execute(_UPDATE, account_id, _to_json(values), now)


async def _write_transcripts(
    connection: Connection,
    account_id: UUID,
    known: Mapping[UUID, SessionState],
    changed: Mapping[UUID, SessionState],
) -> None:
    turns = {id_: state.knowledge.facts["transcript"] for id_, state in changed.items()}
    turns = {id_: new for id_, new in turns.items() if new != known[id_].knowledge.facts["transcript"]}
    if written := [{"session_id": id_, "turns": new} for id_, new in turns.items() if new]:
        await connection.execute(_WRITE_TURNS, account_id, _to_json(written))
    if emptied := [id_ for id_, new in turns.items() if not new]:
        await connection.execute(_DELETE_TURNS, account_id, emptied)


async def _write_times(
    connection: Connection, account_id: UUID, known: Mapping[UUID, SessionState], states: Mapping[UUID, SessionState]
) -> None:
    """Write the times also of amendments that change nothing else, so that an older report still yields."""
    times = {id_: state.knowledge.times for id_, state in states.items()}
    changed = [{"session_id": id_, "times": new} for id_, new in times.items() if new != known[id_].knowledge.times]
    if changed:
        await connection.execute(_WRITE_TIMES, account_id, _to_json(changed))


def _to_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows, default=lambda value: format(value, "f" if isinstance(value, Decimal) else "")).decode()
