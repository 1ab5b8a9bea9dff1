"""The inputs and payloads of mutations. Each input is a pydantic model, of which its type in the schema is made."""

from enum import StrEnum
from typing import Annotated, Any

import strawberry
from pydantic import Field, model_validator

from session_graph.errors import InvalidInput, Problem
from session_graph.schema.accounts import Account
from session_graph.schema.enums import SessionColumn, describe
from session_graph.schema.exports import SessionExport
from session_graph.schema.input_types import GraphQLType, graphql_input, input_type
from session_graph.schema.inputs import SessionFilter, SessionOrder
from session_graph.schema.sessions import Agent, Session
from session_graph.sessions.agents import AgentDefinition
from session_graph.sessions.enums import Assessment
from session_graph.sessions.input_model import Id, InputModel, problem
from session_graph.sessions.patch import SessionPatch
from session_graph.sessions.record import SessionRecord, TurnRecord
from session_graph.sessions.recording import Status


class UserErrorCode(StrEnum):
    """Kinds of what a person can put right."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    DUPLICATE = "DUPLICATE"
    LIMIT = "LIMIT"


describe(
    UserErrorCode,
    "Kinds of what a person can put right.",
    INVALID="The input breaks a rule.",
    NOT_FOUND="There is none that you may see.",
    CONFLICT="Somebody else changed it first, or its id has other content.",
    DUPLICATE="It is already there.",
    LIMIT="More than a request, or an account, may have.",
)
describe(
    Status,
    "What became of a record.",
    "RecordStatus",
    RECORDED="It is recorded now.",
    DUPLICATE="It was recorded before, with the same content.",
    REFUSED="It was not recorded; an error with its index says why.",
)


@strawberry.type(description="What a person can put right. Everything else is a top-level error with extensions.code.")
class UserError:
    code: UserErrorCode = strawberry.field(description="What kind of thing is wrong.")
    message: str = strawberry.field(description="What is wrong, as a sentence.")
    path: list[str] = strawberry.field(description="Where in the arguments.")


def _errors(description: str = "Why nothing was done; empty where it was.") -> Any:
    return strawberry.field(default_factory=list, description=description)


@strawberry.type(description="An edited or recorded session.")
class SessionPayload:
    session: Session | None = strawberry.field(
        default=None, description="The session as it is now, also with CONFLICT."
    )
    errors: list[UserError] = _errors()


@graphql_input("OverrideAssessmentInput", "A human assessment, set or cleared.")
class OverrideAssessment(InputModel):
    session_id: Id = Field(description="The session's UUID.")
    human_assessment: Assessment | None = Field(None, description="Must be there; null clears the override.")
    comment: str | None = Field(None, description="A comment to set with it; null clears the one that is there.")
    expected_version: int | None = Field(
        None, description="Refuses to overwrite somebody else's change: the version that you have seen."
    )

    @model_validator(mode="before")
    @classmethod
    def _says_the_assessment(cls, data: Any) -> Any:
        if "humanAssessment" not in data:
            raise problem("humanAssessment", "must be there; null clears the override")
        return data

    @property
    def patch(self) -> dict[str, Any]:
        """The fields of a SessionPatch that were sent, by GraphQL name."""
        fields = {"humanAssessment": self.human_assessment, "comment": self.comment}
        return fields if "comment" in self.model_fields_set else {"humanAssessment": self.human_assessment}


SessionPatchInput = input_type(
    SessionPatch,
    "SessionPatch",
    "What to set; what is left out stays. Null clears humanAssessment, conversationQuality, comment and externalId, and"
    " is an error elsewhere.",
)


@graphql_input("UpdateSessionInput", "An edit of one session.")
class UpdateSession(InputModel):
    """The patch stays raw: it is parsed after the version is compared."""

    session_id: Id = Field(description="The session's UUID.")
    patch: Annotated[dict[str, Any], GraphQLType(SessionPatchInput)] = Field(description="What to set.")
    expected_version: int | None = Field(
        None, description="Refuses to overwrite somebody else's change: the version that you have seen."
    )


@graphql_input("SessionTarget", "Which sessions.", one_of=True)
class SessionTarget(InputModel):
    ids: list[Id] | None = Field(None, description="At most 10,000; those you may not see are passed over.")
    filter: Annotated[dict[str, Any] | None, GraphQLType(SessionFilter)] = Field(
        None, description="All that a filter leaves that is not empty."
    )


@graphql_input("UpdateSessionsInput", "The same edit of many sessions, all or nothing.")
class UpdateSessions(InputModel):
    target: SessionTarget = Field(description="Which sessions.")
    patch: SessionPatch = Field(description="What to set.")
    dry_run: bool = Field(False, description="Only say how many would change.")


@strawberry.type(description="What a bulk edit did, or with dryRun would do.")
class UpdateSessionsPayload:
    matched_count: int = strawberry.field(default=0, description="How many sessions were meant.")
    changed_count: int = strawberry.field(default=0, description="How many of them were not as wanted before.")
    errors: list[UserError] = _errors()


TurnInput = input_type(TurnRecord, "TurnInput", "One utterance.")
RecordSessionInput = input_type(
    SessionRecord, "RecordSessionInput", "A closed session, as the runtime that held the conversation reports it."
)


@strawberry.type(description="What became of a record.")
class RecordResult:
    id: strawberry.ID | None = strawberry.field(description="The session's UUID, where it has one.")
    status: Status = strawberry.field(description="Whether it is recorded.")


@strawberry.type(description="What became of a batch.")
class RecordSessionsPayload:
    recorded_count: int = strawberry.field(default=0, description="How many were recorded now.")
    duplicate_count: int = strawberry.field(default=0, description="How many had been recorded before.")
    results: list[RecordResult] = strawberry.field(
        default_factory=list, description="One entry for each record, in order."
    )
    errors: list[UserError] = _errors("Why records were refused; each path has the record's index.")


@graphql_input("CreateAgentInput", "An agent to make.")
class CreateAgent(AgentDefinition):
    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None}


UpdateAgentInput = input_type(
    AgentDefinition,
    "UpdateAgentInput",
    "What to change of an agent; sessions that are closed stay as they are. Null clears industry, averageLeadValue,"
    " unitName and unitValue, and is an error elsewhere.",
    required=("idn",),
)


@strawberry.type(description="An agent that was made or changed.")
class AgentPayload:
    agent: Agent | None = strawberry.field(default=None, description="The agent as it is now.")
    errors: list[UserError] = _errors()


@graphql_input("UpdateAccountInput", "What to change of the account.")
class UpdateAccount(InputModel):
    name: str | None = Field(None, description="Its name.")
    currency: str | None = Field(
        None, description="The currency of its money (ISO 4217); settled by the first session."
    )
    time_zone: str | None = Field(None, description="The zone of its dashboard's days (IANA).")
    add_export_recipients: list[str] = Field([], description="Addresses and domains that reports may go to.")
    remove_export_recipients: list[str] = Field(
        [], description="Addresses and domains that they may not go to any more."
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_null(cls, data: Any) -> Any:
        if nulls := [name for name, value in data.items() if value is None]:
            raise InvalidInput([Problem((name,), "must not be null") for name in nulls])
        return data


@strawberry.type(description="The account as it is now.")
class AccountPayload:
    account: Account | None = strawberry.field(default=None, description="The account.")
    errors: list[UserError] = _errors()


@graphql_input(
    "RequestSessionExportInput",
    "A report to ask for. Recipients default to the caller's own verified address (of its key or token); every other"
    " one must be on the account's list.",
)
class RequestSessionExport(InputModel):
    filter: Annotated[dict[str, Any] | None, GraphQLType(SessionFilter)] = Field(None, description="Which sessions.")
    order_by: Annotated[dict[str, Any] | None, GraphQLType(SessionOrder)] = Field(
        None, description="In which order; newest first by default."
    )
    columns: Annotated[list[Any] | None, GraphQLType(list[SessionColumn])] = Field(
        None, description="Which columns, in order; the report's 24 that you may see by default."
    )
    recipients: list[str] | None = Field(None, description="To whom; at most 10.")
    time_zone: str | None = Field(None, description="The zone of its times (IANA), instead of the agents'.")
    escape_formulas: bool = Field(
        True, description="Put an apostrophe before what a spreadsheet would take for a formula; false is for machines."
    )
    idempotency_key: str | None = Field(None, description="The same key again gives the same report.")


@strawberry.type(description="A report that was asked for, cancelled or queued again.")
class SessionExportPayload:
    export: SessionExport | None = strawberry.field(default=None, description="The report as it is now.")
    errors: list[UserError] = _errors()
