"""A closed session as the runtime that held it reports it: shape, limits, normal form and hash of its content.

The same for a line of an import and an input of a mutation. Source: interface.graphql, `RecordSessionInput`.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from session_graph.sessions.contacts import normalise_email, normalise_phone
from session_graph.sessions.enums import Assessment, Channel, Speaker
from session_graph.sessions.input_model import (
    Amount,
    Id,
    InputModel,
    Instant,
    Name,
    OptionalName,
    OptionalText,
    Printable,
    Text,
    parse_input,
    problem,
    stripped_or_none,
)

LONGEST = timedelta(days=366)
MAX_TURNS = 5_000
MAX_TRANSCRIPT = 1_000_000
MAX_TAGS = 100
MAX_UTMS = 50


def _phone(text: str | None) -> str | None:
    return text and normalise_phone(text)


def _email(text: str | None) -> str | None:
    return text and normalise_email(text)


def _in_order(tags: list[str]) -> list[str]:
    return sorted(set(tags))


ExternalId = Annotated[str, Field(strict=True, max_length=500), Printable]
OptionalExternalId = Annotated[ExternalId | None, BeforeValidator(stripped_or_none)]
Tag = Annotated[Name, Field(max_length=100)]
Stars = Annotated[int, Field(strict=True, ge=1, le=5)]
Utms = dict[Annotated[Name, Field(max_length=100)], Annotated[Text, Field(max_length=1000)]]


class TurnRecord(InputModel):
    """One utterance; its time may be unknown."""

    speaker: Speaker
    text: Annotated[str, Field(strict=True, max_length=MAX_TRANSCRIPT), Printable]
    at: Instant | None = None


class SessionRecord(InputModel):
    """A closed session. Without an id nothing is recognised as a repeat."""

    id: Id | None = None
    agent: Name
    channel: Channel
    started_at: Instant
    ended_at: Instant
    session_type: OptionalName = None
    integration: OptionalName = None
    connector: OptionalName = None
    external_id: OptionalExternalId = None
    contact_name: OptionalName = None
    phone: Annotated[OptionalName, AfterValidator(_phone)] = None
    email: Annotated[OptionalName, AfterValidator(_email)] = None
    other_contact: OptionalText = None
    summary: OptionalText = None
    intent_to_buy: StrictBool = False
    refused: StrictBool = False
    unavailable: StrictBool = False
    is_todo: StrictBool = False
    is_test: StrictBool = False
    units: Amount | None = None
    lead_value: Amount | None = None
    auto_assessment: Assessment | None = None
    conversation_quality: Stars | None = None
    actual_result: OptionalText = None
    expected_result: OptionalText = None
    utms: Annotated[Utms, Field(max_length=MAX_UTMS)] = {}
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_in_order)] = []
    transcript: Annotated[list[TurnRecord], Field(max_length=MAX_TURNS)] = []

    @model_validator(mode="before")
    @classmethod
    def _absent_is_null(cls, data: Any) -> Any:
        """A null is an absent value, also where the normal form is false or an empty collection."""
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
        """SHA-256 of the normal form without the id: what two reports of the same session share."""
        content = self.model_dump(exclude={"id"}, exclude_none=True)
        return hashlib.sha256(orjson.dumps(content, default=_decimal_text, option=orjson.OPT_SORT_KEYS)).digest()


def parse_record(raw: object) -> SessionRecord:
    """Raises InvalidInput with every problem, each with its path in GraphQL's names."""
    return parse_input(SessionRecord, raw)


def _decimal_text(value: object) -> str:
    assert isinstance(value, Decimal)
    return format(value, "f")
