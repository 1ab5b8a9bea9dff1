"""The columns of `session` that follow from a record: its facts, what is decided from them, and folded texts.

Recording writes them once; an amendment makes them again, from all that is known.
"""

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter, itemgetter
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


_read_copied = itemgetter(*_COPIED)
_read_facts = attrgetter(*Facts.__slots__)
_read_decided = attrgetter(*DECIDED)

COLUMNS = (
    *(*_COPIED, *MAPS, *DECIDED, *_PAST_TEXTS, *PAST_FLAGS, *_FOLDED),
    *("phone_display", "phone_search", "stated_test", "stated_lead_value"),
)
"""The columns that `columns_of` returns."""


def decide(record: SessionRecord, terms: AgentTerms) -> Decisions:
    """Return the decisions of the session; those that a record of the past carries count."""
    decisions = close(Facts(*_read_facts(record)), terms)
    if not carries_figures(record):
        return decisions
    kept = {name: value for name in FIGURES if (value := getattr(record, name)) is not None}
    in_hours = kept.get("working_hours", decisions.working_hours)
    return replace(decisions, **{"recognition": recognised_share(in_hours, terms), **kept})


def columns_of(record: SessionRecord, decisions: Decisions) -> dict[str, Any]:
    """Return the values of the columns, maps as JSON text."""
    return dict(zip(COLUMNS, row_of(record, decisions), strict=True))


def row_of(record: SessionRecord, decisions: Decisions) -> tuple[Any, ...]:
    """Return the values in the order of COLUMNS. What only a record of the past carries may be absent."""
    values = vars(record)
    return (
        *_read_copied(values),
        *(_write_map(values[name]) for name in MAPS),
        *_read_decided(decisions),
        *(values.get(name) for name in _PAST_TEXTS),
        *(bool(values.get(name)) for name in PAST_FLAGS),
        *(text and fold(text) for text in map(values.get, _FOLDED.values())),
        record.phone and display_phone(record.phone),
        record.phone and searchable_digits(record.phone),
        record.is_test,
        record.lead_value,
    )


def _write_map(values: Mapping[str, str] | None) -> str:
    return orjson.dumps(values).decode() if values else "{}"
