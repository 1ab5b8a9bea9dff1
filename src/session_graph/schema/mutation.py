"""The roots of writing. What a person can put right comes back in the payload's errors; nothing was written then."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from tortoise.transactions import in_transaction

from session_graph.access.accounts import change_account, facts_of
from session_graph.access.authentication_cache import wait_until_expired_everywhere
from session_graph.access.viewer import Viewer
from session_graph.errors import AlreadyThere, InvalidInput, LimitReached, PathSegment, Problem
from session_graph.exports.recipients import change_recipients
from session_graph.exports.requests import ExportRequest, cancel_export, find_export, request_export, retry_export
from session_graph.parsing import parse_id
from session_graph.schema.accounts import Account
from session_graph.schema.arguments import read_order
from session_graph.schema.context import Info, nodes_of
from session_graph.schema.exports import RequestSessionExportInput, SessionExport
from session_graph.schema.mutation_types import (
    AccountPayload,
    AgentPayload,
    CreateAgentInput,
    OverrideAssessmentInput,
    RecordResult,
    RecordSessionInput,
    RecordSessionsPayload,
    SessionExportPayload,
    SessionPayload,
    UpdateAccountInput,
    UpdateAgentInput,
    UpdateSessionInput,
    UpdateSessionsInput,
    UpdateSessionsPayload,
    UserError,
    UserErrorCode,
)
from session_graph.schema.sessions import Agent, Session, session_columns
from session_graph.sessions.agents import change_agent, create_agent, parse_agent
from session_graph.sessions.editing import MAX_IDS, Refusal, edit_session, edit_sessions
from session_graph.sessions.filters import parse_filter
from session_graph.sessions.patch import parse_patch
from session_graph.sessions.reading import read_recorded
from session_graph.sessions.record import SessionRecord, parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.store.database import Database
from session_graph.store.models import Account as AccountModel

MOST_RECORDS = 500

Path = tuple[PathSegment, ...]
Given = Mapping[str, Any]

INPUT: Path = ("input",)


def _argument(description: str) -> Any:
    return strawberry.argument(description=description)


@strawberry.type(description="Everything that can be written.")
class Mutation:
    @strawberry.field(
        description="Set the human assessment, or clear it; every figure that depends on it follows at once."
    )
    async def override_assessment(
        self, info: Info, input: Annotated[OverrideAssessmentInput, _argument("The verdict.")]
    ) -> SessionPayload:
        given = _input(info)
        if "humanAssessment" not in given:
            missing = _error((*INPUT, "humanAssessment"), "must be there; null clears the override")
            return SessionPayload(session=None, errors=[missing])
        patch = {name: given[name] for name in ("humanAssessment", "comment") if name in given}
        return await _edit(info, given, patch, INPUT)

    @strawberry.field(description="Edit a session.")
    async def update_session(
        self, info: Info, input: Annotated[UpdateSessionInput, _argument("The edit.")]
    ) -> SessionPayload:
        given = _input(info)
        return await _edit(info, given, given["patch"], (*INPUT, "patch"))

    @strawberry.field(description="Make the same edit of many sessions, all or nothing.")
    async def update_sessions(
        self, info: Info, input: Annotated[UpdateSessionsInput, _argument("The edit.")]
    ) -> UpdateSessionsPayload:
        context, given = info.context, _input(info)
        filter_ = parse_filter(given["target"].get("filter"), context.now)
        try:
            ids = _read_ids(given["target"], (*INPUT, "target"))
            if ids is None and filter_.is_everything():
                raise UserErrors(
                    [_error((*INPUT, "target", "filter"), "must not be empty: it would mean every session")]
                )
            with _refusing((*INPUT, "patch")):
                patch = parse_patch(given["patch"])
                edit = await edit_sessions(
                    context.database, context.viewer, filter_, ids, patch, dry_run=given["dryRun"]
                )
        except UserErrors as refusal:
            return UpdateSessionsPayload(matched_count=0, changed_count=0, errors=refusal.errors)
        return UpdateSessionsPayload(matched_count=edit.matched, changed_count=edit.changed, errors=[])

    @strawberry.field(description="Record a closed session. The same id with the same content again succeeds, too.")
    async def record_session(
        self, info: Info, input: Annotated[RecordSessionInput, _argument("The session.")]
    ) -> SessionPayload:
        context = info.context
        try:
            with _refusing(INPUT):
                record = parse_record(_input(info))
        except UserErrors as refusal:
            return SessionPayload(session=None, errors=refusal.errors)
        (outcome,) = await record_sessions(context.database, context.viewer.account.id, [record])
        known = outcome.status is not Status.REFUSED or outcome.is_conflict
        session = await _read_recorded(info, outcome.id) if known and outcome.id else None
        return SessionPayload(session=session, errors=_outcome_errors(outcome, INPUT))

    @strawberry.field(
        description="Record up to 500 closed sessions in one transaction; those that cannot be recorded do not keep the"
        " others out."
    )
    async def record_sessions(
        self, info: Info, input: Annotated[list[RecordSessionInput], _argument("The sessions.")]
    ) -> RecordSessionsPayload:
        context, given = info.context, _input(info)
        if len(given) > MOST_RECORDS:
            limit = _error(INPUT, f"must have at most {MOST_RECORDS} records", UserErrorCode.LIMIT)
            return RecordSessionsPayload(recorded_count=0, duplicate_count=0, results=[], errors=[limit])
        records, errors = _parse_records(given)
        recorded = await record_sessions(context.database, context.viewer.account.id, list(records.values()))
        outcomes = dict(zip(records, recorded, strict=True))
        errors += [error for i, outcome in outcomes.items() for error in _outcome_errors(outcome, (*INPUT, i))]
        results = [outcomes.get(i) or Outcome(Status.REFUSED, None) for i in range(len(given))]
        return RecordSessionsPayload(
            recorded_count=sum(result.status is Status.RECORDED for result in results),
            duplicate_count=sum(result.status is Status.DUPLICATE for result in results),
            results=[RecordResult(id=_text_id(result.id), status=result.status) for result in results],
            errors=errors,
        )

    @strawberry.field(description="Make an agent.")
    async def create_agent(
        self, info: Info, input: Annotated[CreateAgentInput, _argument("The agent.")]
    ) -> AgentPayload:
        given = {name: value for name, value in _input(info).items() if value is not None}
        try:
            with _refusing(INPUT):
                agent = await create_agent(info.context.viewer.account.id, parse_agent(given))
        except UserErrors as refusal:
            return AgentPayload(agent=None, errors=refusal.errors)
        return AgentPayload(agent=Agent(model=agent), errors=[])

    @strawberry.field(description="Change an agent; sessions that are closed keep what was in force.")
    async def update_agent(
        self, info: Info, input: Annotated[UpdateAgentInput, _argument("The change.")]
    ) -> AgentPayload:
        changes = dict(_input(info))
        idn = changes.pop("idn")
        try:
            with _refusing(INPUT):
                agent = await change_agent(info.context.viewer.account.id, idn, changes)
        except UserErrors as refusal:
            return AgentPayload(agent=None, errors=refusal.errors)
        if agent is None:
            return AgentPayload(agent=None, errors=[_error((*INPUT, "idn"), *NO_AGENT)])
        return AgentPayload(agent=Agent(model=agent), errors=[])

    @strawberry.field(description="Change the account.")
    async def update_account(
        self, info: Info, input: Annotated[UpdateAccountInput, _argument("The change.")]
    ) -> AccountPayload:
        given = _input(info)
        nulls = [_error((*INPUT, name), "must not be null") for name, value in given.items() if value is None]
        try:
            if nulls:
                raise UserErrors(nulls)
            with _refusing(INPUT):
                account = await _change_account(info.context.viewer.account.id, given)
        except UserErrors as refusal:
            return AccountPayload(account=None, errors=refusal.errors)
        return AccountPayload(account=Account(facts=facts_of(account)), errors=[])

    @strawberry.field(description="Ask for a report; it is written and sent in the background.")
    async def request_session_export(
        self, info: Info, input: Annotated[RequestSessionExportInput, _argument("The report.")]
    ) -> SessionExportPayload:
        context, given = info.context, _input(info)
        try:
            with _refusing(INPUT):
                export_id = await request_export(
                    context.database, context.viewer, context.settings, _read_export(given, context.now)
                )
        except UserErrors as refusal:
            return SessionExportPayload(export=None, errors=refusal.errors)
        return await _export_payload(info, export_id)

    @strawberry.field(description="End a report that is not done yet; its links open nothing any more.")
    async def cancel_session_export(
        self, info: Info, id: Annotated[strawberry.ID, _argument("The report's UUID.")]
    ) -> SessionExportPayload:
        return await _change_export(info, cancel_export)

    @strawberry.field(description="Queue a report again that failed, was cancelled or has expired.")
    async def retry_session_export(
        self, info: Info, id: Annotated[strawberry.ID, _argument("The report's UUID.")]
    ) -> SessionExportPayload:
        return await _change_export(info, retry_export)


class UserErrors(Exception):
    """Leaves a mutation for its payload."""

    def __init__(self, errors: list[UserError]) -> None:
        super().__init__()
        self.errors = errors


NO_SESSION = ("is not the id of a session that you may see", UserErrorCode.NOT_FOUND)
NO_EXPORT = ("is not the id of a report that you may see", UserErrorCode.NOT_FOUND)
NO_AGENT = ("is not the idn of an agent of this account", UserErrorCode.NOT_FOUND)
CHANGED_MEANWHILE = ("is not the session's version: somebody else has changed it", UserErrorCode.CONFLICT)


async def _change_account(account_id: UUID, given: Given) -> AccountModel:
    """All or nothing; what a Viewer carries is seen everywhere when this returns."""
    async with in_transaction():
        await change_recipients(
            account_id, given.get("addExportRecipients", ()), given.get("removeExportRecipients", ())
        )
        account = await change_account(
            await AccountModel.get(id=account_id),
            name=given.get("name"),
            currency=given.get("currency"),
            time_zone=given.get("timeZone"),
        )
    if given.keys() & {"name", "currency", "timeZone"}:
        await wait_until_expired_everywhere()
    return account


def _read_export(given: Given, now: datetime) -> ExportRequest:
    columns = given.get("columns")
    return ExportRequest(
        filter=given.get("filter") or {},
        now=now,
        order=read_order(given.get("orderBy")),
        columns=None if columns is None else [column.value for column in columns],
        recipients=given.get("recipients"),
        time_zone=given.get("timeZone"),
        escape_formulas=given["escapeFormulas"],
        idempotency_key=given.get("idempotencyKey"),
    )


async def _change_export(
    info: Info, change: Callable[[Database, Viewer, UUID], Awaitable[bool]]
) -> SessionExportPayload:
    context = info.context
    try:
        with _refusing(()):
            export_id = _read_id(context.arguments(info)["id"], "id")
    except UserErrors as refusal:
        return SessionExportPayload(export=None, errors=refusal.errors)
    await change(context.database, context.viewer, export_id)
    return await _export_payload(info, export_id)


async def _export_payload(info: Info, export_id: UUID) -> SessionExportPayload:
    row = await find_export(info.context.database, info.context.viewer, export_id)
    if row is None:
        return SessionExportPayload(export=None, errors=[_error(("id",), *NO_EXPORT)])
    return SessionExportPayload(export=SessionExport(row=row), errors=[])


async def _edit(info: Info, given: Given, patch: Given, path: Path) -> SessionPayload:
    try:
        with _refusing(INPUT):
            session_id = _read_id(given["sessionId"], "sessionId")
        with _refusing(path):
            edit = await edit_session(
                info.context.database,
                info.context.viewer,
                session_id,
                patch,
                given.get("expectedVersion"),
                _session_columns(info),
            )
    except UserErrors as refusal:
        return SessionPayload(session=None, errors=refusal.errors)
    errors = []
    if edit.refusal is Refusal.NOT_FOUND:
        errors = [_error((*INPUT, "sessionId"), *NO_SESSION)]
    elif edit.refusal is Refusal.CONFLICT:
        errors = [_error((*INPUT, "expectedVersion"), *CHANGED_MEANWHILE)]
    return SessionPayload(session=Session(row=edit.session) if edit.session else None, errors=errors)


def _input(info: Info) -> Any:
    """What the caller sent, by GraphQL's names, without what was left out."""
    return info.context.arguments(info)["input"]


def _session_columns(info: Info) -> frozenset[str]:
    selection = info.context.selection
    return session_columns(selection, selection.below(nodes_of(info), ("SessionPayload", "session")))


async def _read_recorded(info: Info, session_id: UUID) -> Any:
    context = info.context
    row = await read_recorded(context.database, context.viewer.account.id, session_id, _session_columns(info))
    return Session(row=row) if row else None


def _parse_records(given: Sequence[Given]) -> tuple[dict[int, SessionRecord], list[UserError]]:
    records, errors = {}, []
    for index, raw in enumerate(given):
        try:
            with _refusing((*INPUT, index)):
                records[index] = parse_record(raw)
        except UserErrors as refusal:
            errors += refusal.errors
    return records, errors


def _read_ids(target: Given, path: Path) -> list[UUID] | None:
    if "ids" not in target:
        return None
    if len(target["ids"]) > MAX_IDS:
        raise UserErrors([_error((*path, "ids"), f"must have at most {MAX_IDS:,} entries", UserErrorCode.LIMIT)])
    with _refusing(path):
        return [_read_id(text, "ids", index) for index, text in enumerate(target["ids"])]


def _read_id(text: str, *path: PathSegment) -> UUID:
    try:
        return parse_id(text)
    except ValueError as error:
        raise InvalidInput([Problem(path, str(error))]) from None


_CODES = {AlreadyThere: UserErrorCode.DUPLICATE, LimitReached: UserErrorCode.LIMIT}


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turns what is invalid below the path into errors of the payload."""
    try:
        yield
    except InvalidInput as invalid:
        code = _CODES.get(type(invalid), UserErrorCode.INVALID)
        raise UserErrors(
            [_error((*path, *problem.path), problem.message, code) for problem in invalid.problems]
        ) from None


def _outcome_errors(outcome: Outcome, path: Path) -> list[UserError]:
    if outcome.problem is None:
        return []
    code = UserErrorCode.CONFLICT if outcome.is_conflict else UserErrorCode.INVALID
    return [_error((*path, *outcome.problem.path), outcome.problem.message, code)]


def _error(path: Path, message: str, code: UserErrorCode = UserErrorCode.INVALID) -> UserError:
    """The message is a sentence that begins with the place below `input`."""
    problem = Problem(path[1:] if path[:1] == INPUT else path, message)
    return UserError(code=code, message=str(problem), path=[str(segment) for segment in path])


def _text_id(id_: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(str(id_)) if id_ else None
