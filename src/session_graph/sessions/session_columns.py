"""The columns of `session` that follow from a record: its facts, what is decided from them, and folded texts.

Recording writes them once; an amendment makes them again, from all that is known.
"""

from dataclasses import replace
from typing import Any

import orjson

from session_graph.parsing import fold
from session_graph.sessions.closing import AgentTerms, Decisions, Facts, close, recognised_share
from session_graph.sessions.history_record import FIGURES, carries_figures
from session_graph.sessions.phones import display_phone, searchable_digits
from session_graph.sessions.record import SessionRecord
from session_graph.store import models

DECIDED = Decisions.__slots__
"""Columns that are decided when the session closes."""

_WRITTEN = {
    each["name"]: each["field_type"] for each in models.Session.describe()["data_fields"] if not each["generated"]
}
MAPS = tuple(name for name in SessionRecord.model_fields if _WRITTEN.get(name) == "JSONField")
"""Columns that are copied from the record as JSON."""
_COPIED = tuple(name for name in SessionRecord.model_fields if name in _WRITTEN.keys() - {"id", *DECIDED, *MAPS})
"""Columns that are copied from the record."""
PAST_FLAGS = ("is_done", "is_archived")
_PAST_TEXTS = ("human_assessment", "comment")
"""Columns that only a record of the past carries."""
_FOLDED = {
    "session_type_folded": "session_type",
    "external_id_folded": "external_id",
    "contact_folded": "contact_name",
    "summary_folded": "summary",
    "comment_folded": "comment",
}


COLUMNS = (
    *(*_COPIED, *MAPS, *DECIDED, *_PAST_TEXTS, *PAST_FLAGS, *_FOLDED),
    *("phone_display", "phone_search", "stated_test", "stated_lead_value"),
)
"""The columns that `columns_of` returns."""


def decide(record: SessionRecord, terms: AgentTerms) -> Decisions:
    """Return the decisions of the session; those that a record of the past carries count."""
    decisions = close(Facts(**{name: getattr(record, name) for name in Facts.__slots__}), terms)
    if not carries_figures(record):
        return decisions
    kept = {name: value for name in FIGURES if (value := getattr(record, name)) is not None}
    in_hours = kept.get("working_hours", decisions.working_hours)
    return replace(decisions, **{"recognition": recognised_share(in_hours, terms), **kept})


def columns_of(record: SessionRecord, decisions: Decisions) -> dict[str, Any]:
    """Return the values of the columns, maps as JSON text."""
    columns: dict[str, Any] = {name: getattr(record, name) for name in _COPIED}
    columns |= {name: orjson.dumps(getattr(record, name) or {}).decode() for name in MAPS}
    columns |= {name: getattr(decisions, name) for name in DECIDED}
    columns |= {name: getattr(record, name, None) for name in _PAST_TEXTS}
    columns |= {name: bool(getattr(record, name, None)) for name in PAST_FLAGS}
    columns |= {folded: text and fold(text) for folded, name in _FOLDED.items() for text in [_text(record, name)]}
    columns["phone_display"] = record.phone and display_phone(record.phone)
    columns["phone_search"] = record.phone and searchable_digits(record.phone)
    columns["stated_test"] = record.is_test
    columns["stated_lead_value"] = record.lead_value
    return columns


def _text(record: SessionRecord, name: str) -> str | None:
    text: str | None = getattr(record, name, None)
    return text
