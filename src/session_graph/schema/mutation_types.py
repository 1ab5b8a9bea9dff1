"""The inputs and payloads of mutations."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import strawberry
from strawberry import UNSET

from session_graph.schema.accounts import Account
from session_graph.schema.enums import describe
from session_graph.schema.exports import SessionExport
from session_graph.schema.inputs import SessionFilter
from session_graph.schema.scalars import StringMap, WorkingHours
from session_graph.schema.sessions import Agent, Session
from session_graph.sessions.enums import Assessment, Channel, Redirection, Speaker
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


def optional(description: str) -> Any:
    """A field of an input that may be left out, which is told apart from null."""
    return strawberry.field(default=UNSET, description=description)


@strawberry.type(description="What a person can put right. Everything else is a top-level error with extensions.code.")
class UserError:
    code: UserErrorCode = strawberry.field(description="What kind of thing is wrong.")
    message: str = strawberry.field(description="What is wrong, as a sentence.")
    path: list[str] = strawberry.field(description="Where in the arguments.")


@strawberry.type(description="An edited or recorded session.")
class SessionPayload:
    session: Session | None = strawberry.field(description="The session as it is now, also with CONFLICT.")
    errors: list[UserError] = strawberry.field(description="Why nothing was done; empty where it was.")


@strawberry.input(description="A human assessment, set or cleared.")
class OverrideAssessmentInput:
    session_id: strawberry.ID = strawberry.field(description="The session's UUID.")
    human_assessment: Assessment | None = optional("Must be there; null clears the override.")
    comment: str | None = optional("A comment to set with it; null clears the one that is there.")
    expected_version: int | None = optional(
        "Refuses to overwrite somebody else's change: the version that you have seen."
    )


@strawberry.input(
    description="What to set; what is left out stays. Null clears humanAssessment, conversationQuality, comment and"
    " externalId, and is an error elsewhere."
)
class SessionPatch:
    is_archived: bool | None = optional("Leave it out of active reporting.")
    is_lead: bool | None = optional(
        "Not a lead ends the opportunity; a lead decides it again from the facts that were kept."
    )
    is_opportunity: bool | None = optional("An opportunity is a lead, too.")
    is_test: bool | None = optional("Tests never count in ASR.")
    is_todo: bool | None = optional("Someone must follow up.")
    is_done: bool | None = optional("Nothing is left to do.")
    conversation_quality: int | None = optional("1 to 5 stars.")
    comment: str | None = optional("A comment.")
    add_tags: list[str] | None = optional("Tags that it shall have.")
    remove_tags: list[str] | None = optional("Tags that it shall not have.")
    human_assessment: Assessment | None = optional("A person's verdict.")
    external_id: str | None = optional("The outside system's own identifier.")


@strawberry.input(description="An edit of one session.")
class UpdateSessionInput:
    session_id: strawberry.ID = strawberry.field(description="The session's UUID.")
    patch: SessionPatch = strawberry.field(description="What to set.")
    expected_version: int | None = optional(
        "Refuses to overwrite somebody else's change: the version that you have seen."
    )


@strawberry.input(one_of=True, description="Which sessions.")
class SessionTarget:
    ids: strawberry.Maybe[list[strawberry.ID]] = strawberry.field(
        description="At most 10,000; those you may not see are passed over."
    )
    filter: strawberry.Maybe[SessionFilter] = strawberry.field(
        description="All that a filter leaves that is not empty."
    )


@strawberry.input(description="The same edit of many sessions, all or nothing.")
class UpdateSessionsInput:
    target: SessionTarget = strawberry.field(description="Which sessions.")
    patch: SessionPatch = strawberry.field(description="What to set.")
    dry_run: bool = strawberry.field(default=False, description="Only say how many would change.")


@strawberry.type(description="What a bulk edit did, or with dryRun would do.")
class UpdateSessionsPayload:
    matched_count: int = strawberry.field(description="How many sessions were meant.")
    changed_count: int = strawberry.field(description="How many of them were not as wanted before.")
    errors: list[UserError] = strawberry.field(description="Why nothing was done; empty where it was.")


@strawberry.input(description="One utterance.")
class TurnInput:
    speaker: Speaker = strawberry.field(description="Who said it.")
    text: str = strawberry.field(description="What was said.")
    at: datetime | None = optional("When, where it is known.")


@strawberry.input(description="A closed session, as the runtime that held the conversation reports it.")
class RecordSessionInput:
    id: strawberry.ID | None = optional(
        "Any UUID; without one a new one is made and nothing is recognised as a repeat."
    )
    agent: str = strawberry.field(description="The agent's idn.")
    channel: Channel = strawberry.field(description="Through what it was held.")
    started_at: datetime = strawberry.field(description="When it began.")
    ended_at: datetime = strawberry.field(description="When it ended, at most 366 days later.")
    session_type: str | None = optional("The intent category.")
    integration: str | None = optional("The outside system it came through; sandbox makes it a test.")
    connector: str | None = optional("The named connection to the integration; sandbox makes it a test.")
    external_id: str | None = optional("The outside system's own identifier.")
    contact_name: str | None = optional("The user's name.")
    phone: str | None = optional("The user's phone number.")
    email: str | None = optional("The user's e-mail address.")
    other_contact: str | None = optional("Other details for reaching the user.")
    summary: str | None = optional("What happened.")
    intent_to_buy: bool = strawberry.field(default=False, description="Makes it a lead.")
    refused: bool = strawberry.field(default=False, description="The user refused, or hung up.")
    unavailable: bool = strawberry.field(default=False, description="There was no availability.")
    is_todo: bool = strawberry.field(default=False, description="Someone must follow up.")
    is_test: bool | None = optional("True makes it a test whatever else says; otherwise that is decided.")
    units: Decimal | None = optional("Industry units, such as guests.")
    lead_value: Decimal | None = optional("What the lead would pay; wins over what the agent's attributes say.")
    auto_assessment: Assessment | None = optional("The machine's verdict.")
    conversation_quality: int | None = optional("1 to 5 stars.")
    actual_result: str | None = optional("What happened, as the AI judged it.")
    expected_result: str | None = optional("What should have happened.")
    utms: StringMap | None = optional("UTM parameters, at most 50.")
    tags: list[str] | None = optional("At most 100.")
    transcript: list[TurnInput] | None = optional("What was said, in order; at most 1,000,000 characters.")


@strawberry.type(description="What became of a record.")
class RecordResult:
    id: strawberry.ID | None = strawberry.field(description="The session's UUID, where it has one.")
    status: Status = strawberry.field(description="Whether it is recorded.")


@strawberry.type(description="What became of a batch.")
class RecordSessionsPayload:
    recorded_count: int = strawberry.field(description="How many were recorded now.")
    duplicate_count: int = strawberry.field(description="How many had been recorded before.")
    results: list[RecordResult] = strawberry.field(description="One entry for each record, in order.")
    errors: list[UserError] = strawberry.field(
        description="Why records were refused; each path has the record's index."
    )


@strawberry.input(description="An agent to make.")
class CreateAgentInput:
    idn: str = strawberry.field(description="Its short identifier, unique in the account.")
    name: str = strawberry.field(description="Its name.")
    time_zone: str = strawberry.field(description="Its time zone (IANA).")
    industry: str | None = optional("Its industry.")
    working_hours: WorkingHours | None = optional("When it is open; without any day it always is.")
    redirection: Redirection | None = optional("Who answers first in working hours; AGENT_FIRST by default.")
    conversion_ratio: Decimal | None = optional("The share of leads that convert, 0 to 1; 1 by default.")
    recognition: Decimal | None = optional("The share of calls that used to be missed, 0 to 1; 1 by default.")
    average_lead_value: Decimal | None = optional("What a lead is worth where units do not tell.")
    unit_name: str | None = optional("What its units are, such as guests.")
    unit_value: Decimal | None = optional("What a unit is worth.")
    test_contacts: list[str] | None = optional("Phones and e-mails whose sessions are tests.")
    short_under_seconds: int | None = optional("A shorter session is SHORT; 60 by default.")
    long_from_seconds: int | None = optional("A session of this length or more is LONG; 300 by default.")


@strawberry.input(
    description="What to change of an agent; sessions that are closed stay as they are. Null clears industry,"
    " averageLeadValue, unitName and unitValue, and is an error elsewhere."
)
class UpdateAgentInput:
    idn: str = strawberry.field(description="The agent's idn.")
    name: str | None = optional("Its name.")
    industry: str | None = optional("Its industry.")
    time_zone: str | None = optional("Its time zone (IANA).")
    working_hours: WorkingHours | None = optional("When it is open; without any day it always is.")
    redirection: Redirection | None = optional("Who answers first in working hours.")
    conversion_ratio: Decimal | None = optional("The share of leads that convert, 0 to 1.")
    recognition: Decimal | None = optional("The share of calls that used to be missed, 0 to 1.")
    average_lead_value: Decimal | None = optional("What a lead is worth where units do not tell.")
    unit_name: str | None = optional("What its units are, such as guests.")
    unit_value: Decimal | None = optional("What a unit is worth.")
    test_contacts: list[str] | None = optional("Phones and e-mails whose sessions are tests.")
    short_under_seconds: int | None = optional("A shorter session is SHORT.")
    long_from_seconds: int | None = optional("A session of this length or more is LONG.")


@strawberry.type(description="An agent that was made or changed.")
class AgentPayload:
    agent: Agent | None = strawberry.field(description="The agent as it is now.")
    errors: list[UserError] = strawberry.field(description="Why nothing was done; empty where it was.")


@strawberry.input(description="What to change of the account.")
class UpdateAccountInput:
    name: str | None = optional("Its name.")
    currency: str | None = optional("The currency of its money (ISO 4217); settled by the first session.")
    time_zone: str | None = optional("The zone of its dashboard's days (IANA).")
    add_export_recipients: list[str] | None = optional("Addresses and domains that reports may go to.")
    remove_export_recipients: list[str] | None = optional("Addresses and domains that they may not go to any more.")


@strawberry.type(description="A report that was asked for, cancelled or queued again.")
class SessionExportPayload:
    export: SessionExport | None = strawberry.field(description="The report as it is now.")
    errors: list[UserError] = strawberry.field(description="Why nothing was done; empty where it was.")


@strawberry.type(description="The account as it is now.")
class AccountPayload:
    account: Account | None = strawberry.field(description="The account.")
    errors: list[UserError] = strawberry.field(description="Why nothing was done; empty where it was.")
