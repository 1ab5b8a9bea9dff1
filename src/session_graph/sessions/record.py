"""The record of a closed session, as a runtime sends it: fields, limits, normal form, and hash of the content.

A line of an import and an input of a mutation are the same. Source: interface.graphql, `RecordSessionInput`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StrictBool, model_validator

from session_graph.parsing import parse_instant
from session_graph.sessions.contacts import spell_email
from session_graph.sessions.enums import Assessment, Channel, Speaker
from session_graph.sessions.input_model import (
    NULLABLE,
    Amount,
    Id,
    InputModel,
    Instant,
    Name,
    Normalised,
    OptionalName,
    OptionalText,
    Printable,
    Text,
    normalised_or_none,
    problem,
)
from session_graph.sessions.phones import spell_phone
from session_graph.sessions.warnings import RecordWarning

LONGEST = timedelta(days=366)
EARLIEST_START = datetime(2000, 1, 1, tzinfo=UTC)
"""Seconds that are taken for milliseconds lie in 1970."""
LATEST_AHEAD = timedelta(days=1)
IDENTIFIERS = frozenset({"id", "agent", "externalId"})
"""The fields that are refused rather than cut: two of them could become the same."""
MAX_TURNS = 5_000
MAX_TRANSCRIPT = 1_000_000
MAX_TAGS = 100
MAX_UTMS = 50


def _phone(text: str | None) -> str | None:
    return text and spell_phone(text)


def _email(text: str | None) -> str | None:
    return text and spell_email(text)


def _closed_between(moment: datetime) -> datetime:
    latest = datetime.now(UTC) + LATEST_AHEAD
    if not EARLIEST_START <= moment <= latest:
        raise ValueError(f"must be from {EARLIEST_START.year} to a day from now")
    return moment


def _in_order(tags: list[str]) -> list[str]:
    return sorted(set(tags))


ExternalId = Annotated[str, Field(strict=True, max_length=500), Printable]
OptionalExternalId = Annotated[ExternalId | None, BeforeValidator(normalised_or_none)]
Tag = Annotated[Name, Field(max_length=100)]
Start = Annotated[datetime, BeforeValidator(parse_instant), AfterValidator(_closed_between)]
Stars = Annotated[int, Field(strict=True, ge=1, le=5)]
Utms = dict[Annotated[Name, Field(max_length=100)], Annotated[Text, Field(max_length=1000)]]


class TurnRecord(InputModel):
    """One utterance of a transcript."""

    speaker: Speaker = Field(description="Who said it.")
    text: Annotated[str, Normalised, Field(strict=True, max_length=MAX_TRANSCRIPT), Printable] = Field(
        description="What was said."
    )
    at: Instant | None = Field(None, description="When, where it is known.")


class SessionRecord(InputModel):
    """A closed session. A record without an id is new each time it is sent.

    A field that has a column of the same name in `session` is copied there as it is.
    """

    id: Id | None = Field(
        None, description="Any UUID; without one a new one is made and nothing is recognised as a repeat."
    )
    agent: Name = Field(description="The agent's idn.")
    channel: Channel = Field(description="Through what it was held.")
    started_at: Start = Field(description="When it began: from the year 2000 to a day from now.")
    ended_at: Instant = Field(description="When it ended, at most 366 days later.")
    session_type: OptionalName = Field(None, description="The intent category.")
    integration: OptionalName = Field(None, description="The outside system it came through; sandbox makes it a test.")
    connector: OptionalName = Field(
        None, description="The named connection to the integration; sandbox makes it a test."
    )
    external_id: OptionalExternalId = Field(None, description="The outside system's own identifier.")
    contact_name: OptionalName = Field(None, description="The user's name.")
    phone: Annotated[OptionalName, AfterValidator(_phone)] = Field(None, description="The user's phone number.")
    email: Annotated[OptionalName, AfterValidator(_email)] = Field(None, description="The user's e-mail address.")
    other_contact: OptionalText = Field(None, description="Other details for reaching the user.")
    summary: OptionalText = Field(None, description="What happened.")
    intent_to_buy: StrictBool = Field(False, description="Makes it a lead.")
    refused: StrictBool = Field(False, description="The user refused, or hung up.")
    unavailable: StrictBool = Field(False, description="There was no availability.")
    is_todo: StrictBool = Field(False, description="Someone must follow up.")
    is_test: Annotated[StrictBool, NULLABLE] = Field(
        False, description="True makes it a test whatever else says; otherwise that is decided."
    )
    units: Amount | None = Field(None, description="Industry units, such as guests.")
    lead_value: Amount | None = Field(
        None, description="What the lead would pay; wins over what the agent's attributes say."
    )
    auto_assessment: Assessment | None = Field(None, description="The machine's verdict.")
    conversation_quality: Stars | None = Field(None, description="1 to 5 stars.")
    actual_result: OptionalText = Field(None, description="What happened, as the AI judged it.")
    expected_result: OptionalText = Field(None, description="What should have happened.")
    utms: Annotated[Utms, Field(max_length=MAX_UTMS)] = Field({}, description="UTM parameters, at most 50.")
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_in_order)] = Field(
        [], description="At most 100."
    )
    transcript: Annotated[list[TurnRecord], Field(max_length=MAX_TURNS)] = Field(
        [], description="What was said, in order; at most 1,000,000 characters."
    )

    _warnings: list[RecordWarning] = PrivateAttr(default_factory=list)

    @property
    def warnings(self) -> Sequence[RecordWarning]:
        """What was lost when the record was read; not a part of its content."""
        return self._warnings

    def warn(self, *warnings: RecordWarning) -> None:
        self._warnings.extend(warnings)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        """Drop nulls: an absent field gets its default, such as false or an empty list."""
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, Mapping) else data

    @model_validator(mode="after")
    def _hangs_together(self) -> "SessionRecord":
        if self.ended_at < self.started_at:
            raise problem("endedAt", "must not be before startedAt")
        if self.ended_at - self.started_at > LONGEST:
            raise problem("endedAt", f"must be within {LONGEST.days} days of startedAt")
        if sum(len(turn.text) for turn in self.transcript) > MAX_TRANSCRIPT:
            raise problem("transcript", f"must have at most {MAX_TRANSCRIPT:,} characters in all")
        return self

    def content_hash(self) -> bytes:
        """Return the SHA-256 of the normal form without the id: two records of one session have the same."""
        content = self.model_dump(exclude={"id"}, exclude_none=True)
        return hashlib.sha256(orjson.dumps(content, default=_decimal_text, option=orjson.OPT_SORT_KEYS)).digest()


def _decimal_text(value: object) -> str:
    assert isinstance(value, Decimal)
    return format(value, "f")
