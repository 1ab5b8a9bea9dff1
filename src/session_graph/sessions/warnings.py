"""Warnings: what of a record was taken with a loss. Source: domain.md, "What is recorded"."""

from dataclasses import dataclass
from enum import StrEnum

from session_graph.errors import PathSegment


class WarningCode(StrEnum):
    """The kind of a loss."""

    CONTACT_WITHHELD = "CONTACT_WITHHELD"
    CONTACT_MOVED = "CONTACT_MOVED"
    UNREACHABLE = "UNREACHABLE"
    TEXT_REPLACED = "TEXT_REPLACED"
    TEXT_CUT = "TEXT_CUT"
    LIST_CUT = "LIST_CUT"
    VALUE_DROPPED = "VALUE_DROPPED"
    TURN_SKIPPED = "TURN_SKIPPED"
    TIME_DROPPED = "TIME_DROPPED"
    CLOCK_SKEW = "CLOCK_SKEW"


@dataclass(frozen=True, slots=True)
class RecordWarning:
    """A loss, with its path in the record by GraphQL names; the message continues the path, as in an error."""

    path: tuple[PathSegment, ...]
    code: WarningCode
    message: str
