"""The root of mutations. A payload with errors means that nothing was written, except in a batch of records."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import strawberry
from tortoise.transactions import in_transaction

from session_graph.access.accounts import change_account, facts_of
from session_graph.access.authentication_cache import wait_until_expired_everywhere
from session_graph.access.viewer import Role
from session_graph.engine.fields import selected
from session_graph.errors import InvalidInput, LimitReached, NotFound, PathSegment
from session_graph.exports.changes import cancel_export, retry_export, revoke_link
from session_graph.exports.recipients import change_recipients
from session_graph.exports.requests import ExportRequest, find_export, request_export
from session_graph.ingestion.delivery_list import find_deliveries, retry_delivery
from session_graph.pacing import Pacer
from session_graph.parsing import below, parse_id
from session_graph.schema import mutation_types as types
from session_graph.schema.accounts import Account
from session_graph.schema.context import Info
from session_graph.schema.exports import SessionExport
from session_graph.schema.inlets import InletDelivery
from session_graph.schema.mutation_fields import (
    INPUT,
    input_of,
    mutation,
    raw_input,
    record_warning,
    roles_by_mutation,
    to_user_errors,
    user_error,
)
from session_graph.schema.saved_views import SavedView
from session_graph.schema.selections import session_columns
from session_graph.schema.sessions import Agent, Session
from session_graph.sessions.agents import change_agent, create_agent
from session_graph.sessions.columns import ALL
from session_graph.sessions.editing import MAX_IDS, Refusal, edit_session, edit_sessions
from session_graph.sessions.filter_parsing import parse_filter
from session_graph.sessions.ordering import parse_order
from session_graph.sessions.patch import EDITORS
from session_graph.sessions.reading import read_recorded
from session_graph.sessions.record import SessionRecord
from session_graph.sessions.record_reading import parse_record
from session_graph.sessions.recording import Outcome, Status, record_sessions
from session_graph.sessions.saved_views import ViewDefinition, delete_view, save_view
from session_graph.store.models import Account as AccountModel

MOST_RECORDS = 500

ADMINS = frozenset({Role.ADMIN})
RECORDERS = frozenset({Role.ADMIN, Role.RECORDER})
STAFF = EDITORS | {Role.PORTAL, Role.PARTNER}

Path = tuple[PathSegment, ...]

RECORDS: Path = (INPUT, "records")
"""The path of a batch's records."""


@strawberry.type(description="The fields that write data.")
class Mutation:
    @mutation(
        "Set or clear the human assessment. Every metric that depends on it changes at once.",
        EDITORS,
        input_of(types.OverrideAssessment, "The assessment."),
    )
    async def override_assessment(self, info: Info, edit: types.OverrideAssessment) -> types.SessionPayload:
        with below(INPUT):
            return await _edit(info, edit)

    @mutation("Edit a session.", STAFF, input_of(types.UpdateSession, "The edit."))
    async def update_session(self, info: Info, edit: types.UpdateSession) -> types.SessionPayload:
        with below(INPUT, "patch"):
            return await _edit(info, edit)

    @mutation(
        "Make one edit of many sessions, all or nothing.",
        STAFF,
        input_of(types.UpdateSessions, "The edit.", filter_at=("target", "filter")),
    )
    async def update_sessions(self, info: Info, edit: types.UpdateSessions) -> types.UpdateSessionsPayload:
        context, target = info.context, edit.target
        if target.ids is not None and len(target.ids) > MAX_IDS:
            raise LimitReached.at(f"must have at most {MAX_IDS:,} entries", (INPUT, "target", "ids"))
        filter_ = parse_filter(target.filter, context.now)
        if target.ids is None and filter_.is_everything():
            raise InvalidInput.at("must not be empty: it would mean every session", (INPUT, "target", "filter"))
        with below(INPUT, "patch"):
            done = await edit_sessions(
                context.database, context.viewer, filter_, target.ids, edit.patch, dry_run=edit.dry_run
            )
        return types.UpdateSessionsPayload(matched_count=done.matched, changed_count=done.changed)

    @mutation(
        "Record a closed session, or with whenKnown: AMEND amend one. To repeat a record with the same id and content"
        " is no error.",
        RECORDERS,
        input_of(SessionRecord, "The session.", parse=parse_record),
    )
    async def record_session(self, info: Info, record: SessionRecord) -> types.RecordSessionPayload:
        context = info.context
        (outcome,) = await record_sessions(context.database, context.viewer.account.id, [record], context.viewer.author)
        is_known = outcome.status is not Status.REFUSED or outcome.is_conflict
        session = await _read_recorded(info, outcome.id) if is_known and outcome.id else None
        return types.RecordSessionPayload(
            session=session,
            warnings=[record_warning(warning) for warning in outcome.warnings],
            errors=_outcome_errors(outcome, (INPUT,)),
        )

    @mutation(
        "Record up to 500 closed sessions in one transaction. Records that are refused do not affect the others.",
        RECORDERS,
        raw_input(types.RecordSessionsInput, "The sessions."),
    )
    async def record_sessions(self, info: Info, batch: Mapping[str, Any]) -> types.RecordSessionsPayload:
        records = batch["records"]
        if len(records) > MOST_RECORDS:
            raise LimitReached.at(f"must have at most {MOST_RECORDS} entries", RECORDS)
        parsed, errors = await _parse_records(records)
        viewer = info.context.viewer
        recorded = await record_sessions(info.context.database, viewer.account.id, list(parsed.values()), viewer.author)
        outcomes = dict(zip(parsed, recorded, strict=True))
        errors += [error for i, outcome in outcomes.items() for error in _outcome_errors(outcome, (*RECORDS, i))]
        results = [outcomes.get(i) or Outcome(Status.REFUSED, _given_id(raw)) for i, raw in enumerate(records)]
        return types.RecordSessionsPayload(
            recorded_count=sum(result.status is Status.RECORDED for result in results),
            amended_count=sum(result.status is Status.AMENDED for result in results),
            duplicate_count=sum(result.status is Status.DUPLICATE for result in results),
            results=[_record_result(result) for result in results],
            errors=errors,
        )

    @mutation("Create an agent.", ADMINS, input_of(types.CreateAgent, "The agent."))
    async def create_agent(self, info: Info, agent: types.CreateAgent) -> types.AgentPayload:
        with below(INPUT):
            return types.AgentPayload(agent=Agent(model=await create_agent(info.context.viewer.account.id, agent)))

    @mutation(
        "Change an agent. Closed sessions keep the attributes that they were closed with.",
        ADMINS,
        raw_input(types.UpdateAgentInput, "The change."),
    )
    async def update_agent(self, info: Info, change: Mapping[str, Any]) -> types.AgentPayload:
        changes = dict(change)
        with below(INPUT):
            agent = await change_agent(info.context.viewer.account.id, changes.pop("idn"), changes)
            if agent is None:
                raise NotFound.at("is not the idn of an agent of this account", ("idn",))
        return types.AgentPayload(agent=Agent(model=agent))

    @mutation("Change the account.", ADMINS, input_of(types.UpdateAccount, "The change."))
    async def update_account(self, info: Info, change: types.UpdateAccount) -> types.AccountPayload:
        with below(INPUT):
            account = await _change_account(info.context.viewer.account.id, change)
        return types.AccountPayload(account=Account(facts=facts_of(account)))

    @mutation(
        "Request an export, which is written and sent in the background.",
        ALL,
        input_of(types.RequestSessionExport, "The export.", filter_at=("filter",)),
    )
    async def request_session_export(
        self, info: Info, export: types.RequestSessionExport
    ) -> types.SessionExportPayload:
        context = info.context
        request = ExportRequest(
            filter=export.filter or {},
            now=context.now,
            order=parse_order(export.order_by),
            columns=None if export.columns is None else [column.value for column in export.columns],
            recipients=export.recipients,
            time_zone=export.time_zone,
            escape_formulas=export.escape_formulas,
            idempotency_key=export.idempotency_key,
        )
        with below(INPUT):
            export_id = await request_export(context.database, context.viewer, context.settings, request)
        return await _export_payload(info, export_id)

    @mutation(
        "Cancel an export. It is not sent any more, and if it is done it is withdrawn: its file and all its links end"
        " at once.",
        ALL,
        input_of(types.CancelSessionExport, "The export."),
    )
    async def cancel_session_export(self, info: Info, export: types.CancelSessionExport) -> types.SessionExportPayload:
        await cancel_export(info.context.database, info.context.viewer, export.id)
        return await _export_payload(info, export.id)

    @mutation(
        "Queue an export again that has failed, expired or been cancelled, with the rights that you have now. Counts"
        " like a request. Recipients that have their message get no second one.",
        ALL,
        input_of(types.RetrySessionExport, "The export."),
    )
    async def retry_session_export(self, info: Info, export: types.RetrySessionExport) -> types.SessionExportPayload:
        context = info.context
        with below(INPUT):
            await retry_export(context.database, context.viewer, context.settings, export.id)
        return await _export_payload(info, export.id)

    @mutation(
        "End the link in the mail to one recipient of an export. A message that waits is not sent.",
        ALL,
        input_of(types.RevokeSessionExportLink, "The export and the recipient."),
    )
    async def revoke_session_export_link(
        self, info: Info, link: types.RevokeSessionExportLink
    ) -> types.SessionExportPayload:
        with below(INPUT):
            await revoke_link(info.context.database, info.context.viewer, link.id, link.recipient)
        return await _export_payload(info, link.id)

    @mutation(
        "Save a view: a filter, an order and columns under a name.",
        ALL,
        input_of(types.SaveView, "The view.", filter_at=("filter",)),
    )
    async def save_view(self, info: Info, view: types.SaveView) -> types.SavedViewPayload:
        definition = ViewDefinition(
            name=view.name,
            is_shared=view.is_shared,
            filter=view.filter or {},
            order=parse_order(view.order_by),
            columns=[column.value for column in view.columns],
        )
        with below(INPUT):
            saved = await save_view(info.context.database, info.context.viewer, definition, view.id)
        return types.SavedViewPayload(view=SavedView.of(saved))

    @mutation(
        "Delete a view that you have saved; an ADMIN may delete any shared one.",
        ALL,
        input_of(types.DeleteView, "The view."),
    )
    async def delete_view(self, info: Info, view: types.DeleteView) -> types.DeletePayload:
        if not await delete_view(info.context.database, info.context.viewer, view.id):
            raise NotFound.at("is not the id of a view that you may delete", (INPUT, "id"))
        return types.DeletePayload(deleted_id=_text_id(view.id))

    @mutation(
        "Try again to record a delivery of an inlet that failed, such as after its source was given a mended mapping.",
        ADMINS,
        input_of(types.RetryInletDelivery, "The delivery."),
    )
    async def retry_inlet_delivery(self, info: Info, retry: types.RetryInletDelivery) -> types.InletDeliveryPayload:
        database, account_id = info.context.database, info.context.viewer.account.id
        await retry_delivery(database, account_id, retry.id)
        found = await find_deliveries(database, account_id, [retry.id])
        if not found:
            raise NotFound.at("is not the id of a delivery of this account", (INPUT, "id"))
        return types.InletDeliveryPayload(delivery=InletDelivery(row=found[retry.id]))


MUTATIONS = roles_by_mutation(Mutation)
"""The roles that may call each mutation."""


async def _edit(info: Info, edit: types.OverrideAssessment | types.UpdateSession) -> types.SessionPayload:
    """Edit a session. Raises InvalidInput with paths below the patch."""
    columns = session_columns(selected(info).below(("SessionPayload", "session")))
    done = await edit_session(
        info.context.database, info.context.viewer, edit.session_id, edit.patch, edit.expected_version, columns
    )
    session, errors = Session(row=done.session) if done.session else None, []
    if done.refusal is Refusal.NOT_FOUND:
        message = "is not the id of a session that you may see"
        errors = [user_error((INPUT, "sessionId"), message, types.UserErrorCode.NOT_FOUND)]
    elif done.refusal is Refusal.CONFLICT:
        message = "is not the session's version: somebody else has changed it"
        errors = [user_error((INPUT, "expectedVersion"), message, types.UserErrorCode.CONFLICT)]
    return types.SessionPayload(session=session, errors=errors)


async def _change_account(account_id: UUID, change: types.UpdateAccount) -> AccountModel:
    """Change the account in one transaction. Return when no process has the old facts in a cache."""
    async with in_transaction():
        await change_recipients(account_id, change.add_export_recipients, change.remove_export_recipients)
        account = await change_account(
            await AccountModel.get(id=account_id),
            name=change.name,
            currency=change.currency,
            time_zone=change.time_zone,
            country=change.country,
        )
    if change.model_fields_set & {"name", "currency", "time_zone", "country"}:
        await wait_until_expired_everywhere()
    return account


async def _export_payload(info: Info, export_id: UUID) -> types.SessionExportPayload:
    row = await find_export(info.context.database, info.context.viewer, export_id)
    if row is None:
        raise NotFound.at("is not the id of an export that you may see", (INPUT, "id"))
    return types.SessionExportPayload(export=SessionExport(row=row))


async def _read_recorded(info: Info, session_id: UUID) -> Any:
    context, columns = info.context, session_columns(selected(info).below(("RecordSessionPayload", "session")))
    row = await read_recorded(context.database, context.viewer.account.id, session_id, columns)
    return Session(row=row) if row else None


async def _parse_records(
    records: Sequence[Mapping[str, Any]],
) -> tuple[dict[int, SessionRecord], list[types.UserError]]:
    """Return the valid records by index, and the errors of the others."""
    parsed: dict[int, SessionRecord] = {}
    errors: list[types.UserError] = []
    pacer = Pacer()
    for index, raw in enumerate(records):
        await pacer.pause()
        try:
            with below(*RECORDS, index):
                parsed[index] = parse_record(raw)
        except InvalidInput as error:
            errors += to_user_errors(error)
    return parsed, errors


def _record_result(outcome: Outcome) -> types.RecordResult:
    warnings = [record_warning(warning) for warning in outcome.warnings]
    return types.RecordResult(session_id=_text_id(outcome.id), status=outcome.status, warnings=warnings)


def _outcome_errors(outcome: Outcome, path: Path) -> list[types.UserError]:
    if outcome.problem is None:
        return []
    code = types.UserErrorCode.CONFLICT if outcome.is_conflict else types.UserErrorCode.INVALID
    return [user_error((*path, *outcome.problem.path), outcome.problem.message, code)]


def _given_id(raw: Mapping[str, Any]) -> UUID | None:
    """Return the id that a refused record was sent with; None if it has none or no valid one."""
    with suppress(ValueError):
        return parse_id(raw.get("id"))
    return None


def _text_id(id_: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(str(id_)) if id_ else None
