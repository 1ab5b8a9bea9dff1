"""The inputs and payloads of mutations. Each input is a pydantic model, from which its input type is made."""

from enum import StrEnum
from typing import Annotated, Any

import strawberry
from pydantic import Field, field_validator, model_validator

from session_graph.errors import InvalidInput, Problem
from session_graph.schema.accounts import Account
from session_graph.schema.enums import SessionColumn, describe
from session_graph.schema.exports import SessionExport
from session_graph.schema.inlets import InletDelivery
from session_graph.schema.input_types import GraphQLType, graphql_input, input_type
from session_graph.schema.inputs import SessionFilter, SessionOrder
from session_graph.schema.saved_views import SavedView
from session_graph.schema.sessions import Agent, Session
from session_graph.sessions.agents import AgentDefinition
from session_graph.sessions.enums import Assessment
from session_graph.sessions.input_model import Id, InputModel, Name, problem
from session_graph.sessions.patch import SessionPatch
from session_graph.sessions.record import SessionRecord, TurnRecord
from session_graph.sessions.recording import Status
from session_graph.sessions.warnings import WarningCode


class UserErrorCode(StrEnum):
    """The kind of an error that the caller can correct."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    DUPLICATE = "DUPLICATE"
    LIMIT = "LIMIT"


describe(
    UserErrorCode,
    "The kind of an error that the caller can correct.",
    INVALID="The input breaks a rule.",
    NOT_FOUND="No such object exists that you may see.",
    CONFLICT="The version has changed, or the id was recorded with other content.",
    DUPLICATE="The object already exists.",
    LIMIT="A limit of the request or of the account is exceeded.",
)
describe(
    Status,
    "The outcome of a record.",
    "RecordStatus",
    RECORDED="The record is now stored.",
    AMENDED="The session was recorded before; the record changed it.",
    DUPLICATE="The record was stored before, with the same content, or changes nothing.",
    REFUSED="The record was not stored; an error with its index says why.",
)


describe(
    WarningCode,
    "The kind of a loss.",
    CONTACT_WITHHELD="The contact only says that there is none, and is null.",
    CONTACT_MOVED="The contact is not of its kind, and was added to otherContact.",
    UNREACHABLE="The lead has neither a phone nor an e-mail, and is no opportunity.",
    TEXT_REPLACED="Characters that no text may have were replaced.",
    TEXT_CUT="The text was cut to its limit.",
    LIST_CUT="The list was cut to its limit.",
    VALUE_DROPPED="The language or the recording's address is malformed, and was left out.",
    TURN_SKIPPED="The turn has no text, and was left out.",
    TIME_DROPPED="The time of the turn is far from the session, and was left out.",
    CLOCK_SKEW="The end was just before the start, and was set to it.",
)


@strawberry.type(description="An error that the caller can correct. Other errors are top-level, with extensions.code.")
class UserError:
    code: UserErrorCode = strawberry.field(description="The kind of the error.")
    message: str = strawberry.field(description="The error, as a sentence.")
    path: list[str] = strawberry.field(description="The position in the arguments.")
    retry_after: int | None = strawberry.field(
        default=None, description="The seconds until a limit ends that ends by itself; null with every other error."
    )


def _errors(description: str = "The reasons why nothing was written; empty if it was.") -> Any:
    return strawberry.field(default_factory=list, description=description)


@strawberry.type(description="An edited or recorded session.")
class SessionPayload:
    session: Session | None = strawberry.field(
        default=None, description="The session as it is now, also after a CONFLICT."
    )
    errors: list[UserError] = _errors()


class SessionEdit(InputModel):
    """The fields that all edits of one session have."""

    session_id: Id = Field(description="The session's UUID.")
    expected_version: int | None = Field(
        None, description="The version that you have read; any other version is a CONFLICT."
    )


@graphql_input("OverrideAssessmentInput", "A human assessment to set or clear.")
class OverrideAssessment(SessionEdit):
    human_assessment: Assessment | None = Field(None, description="The assessment, which must be sent; null clears it.")
    comment: str | None = Field(None, description="A comment to set; null clears the comment.")

    @model_validator(mode="before")
    @classmethod
    def _require_assessment(cls, data: Any) -> Any:
        if "humanAssessment" not in data:
            raise problem("humanAssessment", "must be sent; null clears the override")
        return data

    @property
    def patch(self) -> dict[str, Any]:
        """The fields of a SessionPatch that were sent, by GraphQL name."""
        fields = {"humanAssessment": self.human_assessment, "comment": self.comment}
        return fields if "comment" in self.model_fields_set else {"humanAssessment": self.human_assessment}


SessionPatchInput = input_type(
    SessionPatch,
    "SessionPatch",
    "The fields to set; the others stay unchanged. Null clears humanAssessment, conversationQuality, comment and"
    " externalId, and is an error elsewhere.",
)


@graphql_input("UpdateSessionInput", "An edit of one session.")
class UpdateSession(SessionEdit):
    """The patch stays raw: it is parsed after the version is checked."""

    patch: Annotated[dict[str, Any], GraphQLType(SessionPatchInput)] = Field(description="The fields to set.")


@graphql_input("SessionTarget", "Sessions, named by id or by filter.", one_of=True)
class SessionTarget(InputModel):
    ids: list[Id] | None = Field(None, description="At most 10,000 ids; sessions that you may not see are skipped.")
    filter: Annotated[dict[str, Any] | None, GraphQLType(SessionFilter)] = Field(
        None, description="A filter, which must not be empty."
    )


@graphql_input("UpdateSessionsInput", "One edit of many sessions, all or nothing.")
class UpdateSessions(InputModel):
    target: SessionTarget = Field(description="The sessions to edit.")
    patch: SessionPatch = Field(description="The fields to set.")
    dry_run: bool = Field(False, description="Count the changes without writing them.")


@strawberry.type(description="The result of a bulk edit; with dryRun, of one that was not written.")
class UpdateSessionsPayload:
    matched_count: int = strawberry.field(default=0, description="The number of sessions that the target matched.")
    changed_count: int = strawberry.field(default=0, description="The number of sessions that the edit changed.")
    errors: list[UserError] = _errors()


TurnInput = input_type(TurnRecord, "TurnInput", "One utterance in a transcript.")
RecordSessionInput: Any = input_type(
    SessionRecord, "RecordSessionInput", "A closed session, as the runtime reports it."
)


@strawberry.input(description="Closed sessions to record.")
class RecordSessionsInput:
    records: list[RecordSessionInput] = strawberry.field(description="The sessions, at most 500.")


@strawberry.type(description="What of a record was taken with a loss.")
class RecordWarning:
    code: WarningCode = strawberry.field(description="The kind of the loss.")
    message: str = strawberry.field(description="The loss, as a sentence.")
    path: list[str] = strawberry.field(description="The position in the record.")


def _warnings() -> Any:
    return strawberry.field(default_factory=list, description="What of the record was taken with a loss.")


@strawberry.type(description="A recorded session.")
class RecordSessionPayload:
    session: Session | None = strawberry.field(default=None, description="The session as it is now.")
    warnings: list[RecordWarning] = _warnings()
    errors: list[UserError] = _errors()


@strawberry.type(description="The outcome of a record.")
class RecordResult:
    session_id: strawberry.ID | None = strawberry.field(
        description="The session's UUID; of a refused record the one that it was sent with, null without one."
    )
    status: Status = strawberry.field(description="The outcome.")
    warnings: list[RecordWarning] = _warnings()


@strawberry.type(description="The outcomes of a batch.")
class RecordSessionsPayload:
    recorded_count: int = strawberry.field(default=0, description="The number of records that are now stored.")
    amended_count: int = strawberry.field(default=0, description="The number of sessions that records have amended.")
    duplicate_count: int = strawberry.field(default=0, description="The number of records that were stored before.")
    results: list[RecordResult] = strawberry.field(
        default_factory=list, description="One entry for each record, in order."
    )
    errors: list[UserError] = _errors("The reasons why records were refused; each path has the record's index.")


@graphql_input("CreateAgentInput", "An agent to create.")
class CreateAgent(AgentDefinition):
    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None}


UpdateAgentInput = input_type(
    AgentDefinition,
    "UpdateAgentInput",
    "The attributes of an agent to change; closed sessions stay unchanged. Null clears industry, averageLeadValue,"
    " unitName and unitValue, and is an error elsewhere.",
    required=("idn",),
)


@strawberry.type(description="A created or changed agent.")
class AgentPayload:
    agent: Agent | None = strawberry.field(default=None, description="The agent as it is now.")
    errors: list[UserError] = _errors()


@graphql_input("UpdateAccountInput", "The attributes of the account to change.")
class UpdateAccount(InputModel):
    name: str | None = Field(None, description="The name.")
    currency: str | None = Field(None, description="The currency (ISO 4217); fixed once a session is recorded.")
    time_zone: str | None = Field(None, description="The time zone of the dashboard's days (IANA).")
    country: str | None = Field(
        None, description="The country of the agents that have none of their own (ISO 3166-1 alpha-2); empty for none."
    )
    add_export_recipients: list[str] = Field([], description="Addresses and domains to allow for exports.")
    remove_export_recipients: list[str] = Field([], description="Addresses and domains to remove from the list.")

    @model_validator(mode="before")
    @classmethod
    def _refuse_nulls(cls, data: Any) -> Any:
        if nulls := [name for name, value in data.items() if value is None]:
            raise InvalidInput([Problem((name,), "must not be null") for name in nulls])
        return data


@strawberry.type(description="A changed account.")
class AccountPayload:
    account: Account | None = strawberry.field(default=None, description="The account as it is now.")
    errors: list[UserError] = _errors()


@graphql_input(
    "RequestSessionExportInput",
    "An export to request. The default recipient is the verified address of the caller's key or token; every other"
    " recipient must be on the account's list.",
)
class RequestSessionExport(InputModel):
    filter: Annotated[dict[str, Any] | None, GraphQLType(SessionFilter)] = Field(
        None, description="A filter; without one, all sessions."
    )
    order_by: Annotated[dict[str, Any] | None, GraphQLType(SessionOrder)] = Field(
        None, description="The order; newest first by default."
    )
    columns: Annotated[list[Any] | None, GraphQLType(list[SessionColumn])] = Field(
        None, description="The columns, in order; by default those of the 24 standard columns that you may see."
    )
    recipients: list[str] | None = Field(None, description="The addresses to send to; at most 10.")
    time_zone: str | None = Field(None, description="The time zone of the file (IANA), instead of the agents' zones.")
    escape_formulas: bool = Field(
        True,
        description="Put an apostrophe before text that a spreadsheet would run as a formula. False, for machines,"
        " needs your own address as the only recipient.",
    )
    idempotency_key: str | None = Field(None, description="A second request with the same key returns the same export.")


class NamedExport(InputModel):
    """The field that names an export."""

    id: Id = Field(description="The export's UUID.")


@graphql_input("CancelSessionExportInput", "An export to cancel.")
class CancelSessionExport(NamedExport):
    pass


@graphql_input("RetrySessionExportInput", "An export to queue again.")
class RetrySessionExport(NamedExport):
    pass


@graphql_input("RevokeSessionExportLinkInput", "The link of a recipient to end.")
class RevokeSessionExportLink(NamedExport):
    recipient: str = Field(description="The recipient's e-mail address, as in deliveries.")


@strawberry.type(description="A requested or changed export.")
class SessionExportPayload:
    export: SessionExport | None = strawberry.field(default=None, description="The export as it is now.")
    errors: list[UserError] = _errors()


@graphql_input("SaveViewInput", "A view to save: a new one, or with an id instead of one that you have saved.")
class SaveView(InputModel):
    id: Id | None = Field(None, description="The UUID of the view to replace.")
    name: Annotated[Name, Field(max_length=100)] = Field(description="The name, unique among your views.")
    is_shared: bool = Field(False, description="Whether others of the account may see it.")
    filter: Annotated[dict[str, Any] | None, GraphQLType(SessionFilter)] = Field(
        None, description="The filter; without one, all sessions. A period goes on counting back from each use."
    )
    order_by: Annotated[dict[str, Any] | None, GraphQLType(SessionOrder)] = Field(
        None, description="The order; newest first by default."
    )
    columns: Annotated[list[Any], GraphQLType(list[SessionColumn]), Field(min_length=1)] = Field(
        description="The columns, in order; each once."
    )

    @field_validator("columns")
    @classmethod
    def _name_each_once(cls, columns: list[Any]) -> list[Any]:
        if len(set(columns)) != len(columns):
            raise ValueError("must not name a column twice")
        return columns


@graphql_input("DeleteViewInput", "A saved view to delete.")
class DeleteView(InputModel):
    id: Id = Field(description="The view's UUID.")


@strawberry.type(description="A saved view.")
class SavedViewPayload:
    view: SavedView | None = strawberry.field(default=None, description="The view as it is now.")
    errors: list[UserError] = _errors()


@strawberry.type(description="The result of a deletion.")
class DeletePayload:
    deleted_id: strawberry.ID | None = strawberry.field(default=None, description="The id of what was deleted.")
    errors: list[UserError] = _errors("The reasons why nothing was deleted; empty if it was.")


@graphql_input("RetryInletDeliveryInput", "A delivery of an inlet to record again.")
class RetryInletDelivery(InputModel):
    id: Id = Field(description="The delivery's UUID.")


@strawberry.type(description="A delivery that is tried again; one that has not failed stays as it is.")
class InletDeliveryPayload:
    delivery: InletDelivery | None = strawberry.field(default=None, description="The delivery as it is now.")
    errors: list[UserError] = _errors()
