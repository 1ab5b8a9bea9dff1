"""The record of a closed session, as a runtime sends it: fields, limits, normal form, and hash of the content.

A line of an import and an input of a mutation are the same. Source: interface.graphql, `RecordSessionInput`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Required, Self

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    model_validator,
    with_config,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from typing_extensions import TypedDict

from session_graph.parsing import NAME_LIMIT, parse_instant
from session_graph.sessions.contacts import Contacts, spell_email
from session_graph.sessions.enums import Assessment, CallDirection, Channel, Speaker, WhenKnown
from session_graph.sessions.input_model import (
    DEFAULTED,
    EARLIEST,
    NULLABLE,
    Amount,
    Id,
    InputModel,
    Instant,
    ParsedInstant,
    problem,
)
from session_graph.sessions.languages import parse_language
from session_graph.sessions.phones import spell_phone
from session_graph.sessions.warnings import RecordWarning

LONGEST = timedelta(days=366)
EARLIEST_START = datetime(2000, 1, 1, tzinfo=UTC)
"""Seconds that are taken for milliseconds lie in 1970."""
LATEST_AHEAD = timedelta(days=1)
IDENTIFIERS = frozenset({"id", "agent", "externalId", "source", "sourceId"})
"""The fields that are refused rather than cut: two of them could become the same."""
MAX_TURNS = 5_000
MAX_TRANSCRIPT = 1_000_000
MAX_TAGS = 100
MAX_TAG = 100
"""Characters, as of a name in UTM parameters and metadata."""
MAX_UTMS = 50
MAX_METADATA = 100
MAX_URL = 2000


def _phone(text: str | None) -> str | None:
    return text and spell_phone(text)


def _email(text: str | None) -> str | None:
    return text and spell_email(text)


def _language(text: str | None) -> str | None:
    return text and parse_language(text)


def check_url(text: str | None) -> str | None:
    """Return the text unchanged. Raises ValueError if it is not the address of a secure page."""
    if text and not _HTTPS.fullmatch(text):
        raise ValueError("must be an address that begins with https://")
    if text and len(text) > MAX_URL:
        raise ValueError(f"must have at most {MAX_URL:,} characters")
    return text


def _closed_between(moment: datetime) -> datetime:
    if not EARLIEST_START <= moment <= datetime.now(UTC) + LATEST_AHEAD:
        raise ValueError(f"must be from {EARLIEST_START.year} to a day from now")
    return moment


def _none_if_empty(value: object) -> object:
    return None if value == {} else value


def _in_order(tags: list[str]) -> list[str]:
    return sorted(set(tags))


_HTTPS = re.compile(r"https://[^\s/?#]+([/?#]\S*)?", re.IGNORECASE)

CleanText = Annotated[str, Field(strict=True, max_length=10_000)]
"""A text that reading the record has normalised: only its length is left to be checked, as for the other types here."""
CleanName = Annotated[str, Field(strict=True, min_length=1, max_length=NAME_LIMIT)]
ExternalId = Annotated[str, Field(strict=True, max_length=500)]
Source = Annotated[str, Field(strict=True, min_length=1, max_length=100)]
"""Shorter than other names, so that it fits into an index with the source's own id."""
Url = Annotated[str, Field(strict=True, max_length=MAX_URL), AfterValidator(check_url)]
Key = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_TAG)]
Flag = Annotated[StrictBool, NULLABLE]
Start = Annotated[datetime, BeforeValidator(parse_instant), AfterValidator(_closed_between)]
Stars = Annotated[int, Field(strict=True, ge=1, le=5)]
Utms = dict[Key, Annotated[str, Field(strict=True, max_length=1000)]]
Metadata = dict[Key, Annotated[str, Field(strict=True, max_length=4000)]]
Duration = Annotated[int, Field(strict=True, ge=0, le=int(LONGEST.total_seconds()))]


NOT_CONTENT = {"id", "duration_seconds", "when_known", "as_of"}
"""The fields of a record that are not of its session, or that others stand for."""


@with_config(ConfigDict(extra="forbid", hide_input_in_errors=True))
class TurnRecord(TypedDict, total=False):
    """One utterance of a transcript, as `parse_record` reads it; what is not known is left out.

    A dictionary, as there are many: a model of each would cost a fifth of the time of an import.
    """

    speaker: Required[Annotated[Speaker, Field(description="Who said it.")]]
    name: Annotated[CleanName | None, Field(description="The speaker's name, such as a colleague's or a tool's.")]
    text: Required[
        Annotated[
            Annotated[str, Field(strict=True, max_length=MAX_TRANSCRIPT), NULLABLE],
            Field(description="What was said; a TOOL may leave it out."),
        ]
    ]
    at: Annotated[ParsedInstant | None, Field(description="When, where it is known.")]


class SessionRecord(InputModel):
    """A closed session. A record without an id, or a source and its id, is new each time it is sent.

    `parse_record` normalises the texts and drops the empty ones; the model checks what is left. A field that has a
    column of the same name in `session` is copied there as it is.
    """

    id: Id | None = Field(
        None,
        description="Any UUID; without one it follows from source and sourceId. Without these a new one is made and"
        " nothing is recognised as a repeat.",
    )
    source: Source | None = Field(None, description="The system that held it, such as retell.")
    source_id: ExternalId | None = Field(None, description="The source's own identifier, unique in the account.")
    agent: CleanName = Field(description="The agent's idn.")
    channel: Channel = Field(description="Through what it was held.")
    started_at: Start = Field(description="When it began: from the year 2000 to a day from now.")
    ended_at: Annotated[Instant, NULLABLE] = Field(
        description="When it ended, at most 366 days later; durationSeconds may stand instead."
    )
    duration_seconds: Duration | None = Field(None, description="How long it was; counts where endedAt is left out.")
    direction: CallDirection | None = Field(None, description="Whether the user or the agent's side began it.")
    end_reason: CleanName | None = Field(None, description="Why it ended, as the source says it.")
    language: Annotated[CleanName | None, AfterValidator(_language)] = Field(
        None, description="The language that was spoken (BCP 47)."
    )
    recording_url: Url | None = Field(None, description="Where the recording is; https.")
    agent_contact: CleanName | None = Field(None, description="The agent's own number or address that was reached.")
    session_type: CleanName | None = Field(None, description="The intent category.")
    integration: CleanName | None = Field(
        None, description="The outside system it came through; sandbox makes it a test."
    )
    connector: CleanName | None = Field(
        None, description="The named connection to the integration; sandbox makes it a test."
    )
    external_id: ExternalId | None = Field(None, description="The outside system's own identifier.")
    contact_name: CleanName | None = Field(None, description="The user's name.")
    phone: Annotated[CleanName | None, AfterValidator(_phone)] = Field(None, description="The user's phone number.")
    email: Annotated[CleanName | None, AfterValidator(_email)] = Field(None, description="The user's e-mail address.")
    other_contact: CleanText | None = Field(None, description="Other details for reaching the user.")
    summary: CleanText | None = Field(None, description="What happened.")
    intent_to_buy: Flag = Field(False, description="Makes it a lead.")
    refused: Flag = Field(False, description="The user refused, or hung up.")
    unavailable: Flag = Field(False, description="There was no availability.")
    is_todo: Flag = Field(False, description="Someone must follow up.")
    is_test: Flag = Field(False, description="True makes it a test whatever else says; otherwise that is decided.")
    units: Amount | None = Field(None, description="Industry units, such as guests.")
    lead_value: Amount | None = Field(
        None, description="What the lead would pay; wins over what the agent's attributes say."
    )
    auto_assessment: Assessment | None = Field(None, description="The machine's verdict.")
    conversation_quality: Stars | None = Field(None, description="1 to 5 stars.")
    actual_result: CleanText | None = Field(None, description="What happened, as the AI judged it.")
    expected_result: CleanText | None = Field(None, description="What should have happened.")
    utms: Annotated[Utms, Field(max_length=MAX_UTMS)] = Field({}, description="UTM parameters, at most 50.")
    metadata: Annotated[Annotated[Metadata, Field(max_length=MAX_METADATA)] | None, BeforeValidator(_none_if_empty)] = (
        Field(None, description="What else the source knows of it, by name; at most 100 entries.")
    )
    tags: Annotated[list[Key], Field(max_length=MAX_TAGS), AfterValidator(_in_order)] = Field(
        [], description="At most 100."
    )
    transcript: Annotated[list[TurnRecord], Field(max_length=MAX_TURNS)] = Field(
        [], description="What was said, in order; at most 1,000,000 characters."
    )

    when_known: Annotated[WhenKnown, DEFAULTED] = Field(
        WhenKnown.CONFLICT, description="What to do if the session is recorded already."
    )
    as_of: Instant | None = Field(
        None, description="When the source knew this; an older report does not replace what a newer one said."
    )
    _cleared: frozenset[str] = PrivateAttr(frozenset())
    _warnings: tuple[RecordWarning, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _null_is_absent(cls, data: Any, validate: ModelWrapValidatorHandler["SessionRecord"]) -> "SessionRecord":
        """Drop nulls: an absent field gets its default, such as false or an empty list. Keep which were null."""
        if not isinstance(data, Mapping):
            return validate(data)
        given = {name: value for name, value in data.items() if value is not None}
        record = validate(_with_end(given))
        if len(given) < len(data):
            names = _names_by_alias(cls)
            record.remember_cleared(names[alias] for alias, value in data.items() if value is None and alias in names)
        return record

    @model_validator(mode="after")
    def _hangs_together(self) -> "SessionRecord":
        if self.ended_at < self.started_at:
            raise problem("endedAt", "must not be before startedAt")
        if self.ended_at - self.started_at > LONGEST:
            raise problem("endedAt", f"must be within {LONGEST.days} days of startedAt")
        if self.source_id and not self.source:
            raise problem("source", "is required with sourceId")
        return self

    def content_hash(self) -> bytes:
        """Return the SHA-256 of the normal form: two records of one session have the same."""
        content = {name: value for name, value in vars(self).items() if value is not None and name not in NOT_CONTENT}
        return hashlib.sha256(orjson.dumps(content, default=_decimal_text, option=orjson.OPT_SORT_KEYS)).digest()

    @property
    def warnings(self) -> Sequence[RecordWarning]:
        """What was lost when the record was read; not a part of its content."""
        return self._warnings

    def warn(self, *warnings: RecordWarning) -> None:
        self._warnings += warnings

    def with_contacts(self, contacts: Contacts, warnings: Sequence[RecordWarning]) -> Self:
        """Return the record with contacts as they are kept, and with these warnings too.

        A contact that turned out to be none counts as left out: an amendment does not clear what is known.
        """
        kept = {"phone": contacts.phone, "email": contacts.email, "other_contact": contacts.other}
        changed = {name: value for name, value in kept.items() if value != getattr(self, name)}
        if not changed and not warnings:
            return self
        record = self.model_copy(update=changed)
        record.model_fields_set.difference_update(name for name, value in changed.items() if value is None)
        record.warn(*warnings)
        return record

    def remember_cleared(self, names: Iterable[str]) -> None:
        """Keep which fields were sent as null: they have their defaults, as if they had been left out."""
        self._cleared = frozenset(names)

    def given(self) -> dict[str, Any]:
        """Return the fields that were sent; one that was null has its default."""
        fields = type(self).model_fields
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return sent | {name: fields[name].get_default(call_default_factory=True) for name in self._cleared}


@cache
def _names_by_alias(model: type[SessionRecord]) -> dict[str, str]:
    return {field.alias or name: name for name, field in model.model_fields.items()}


def write_turns(transcript: Sequence[TurnRecord]) -> str:
    """Return the turns as they are stored: JSON text, with instants as `format_instant` writes them."""
    return orjson.dumps([{"at": None, **turn} for turn in transcript], option=orjson.OPT_UTC_Z).decode()


def _with_end(data: dict[str, Any]) -> dict[str, Any]:
    """Add the end that follows from the start and the duration, if only these are given.

    If one of them is wrong, any end will do: the record is refused for what is wrong.
    """
    if "endedAt" in data or "durationSeconds" not in data:
        return data
    try:
        end = parse_instant(data.get("startedAt")) + timedelta(seconds=data["durationSeconds"])
    except (ValueError, TypeError, OverflowError):
        end = EARLIEST
    return {**data, "endedAt": end}


def _decimal_text(value: object) -> str:
    assert isinstance(value, Decimal)
    return format(value, "f")
