"""The record of a session of the past, which also carries what people and an earlier system had decided.

Only an import takes it (domain.md, "Bringing history"): so a back-fill keeps its old figures.
"""

from pydantic import Field, StrictBool

from session_graph.sessions.enums import Assessment
from session_graph.sessions.input_model import Ratio
from session_graph.sessions.record import CleanText, SessionRecord

FIGURES = ("conversion_rate", "recognition", "working_hours")
"""The decisions that a record of the past may carry."""


class HistoryRecord(SessionRecord):
    """A closed session, with decisions that count instead of those that the agent's attributes would give."""

    human_assessment: Assessment | None = Field(None, description="A person's verdict.")
    comment: CleanText | None = Field(None, description="A person's comment.")
    is_done: StrictBool | None = Field(None, description="Nothing is left to do.")
    is_archived: StrictBool | None = Field(None, description="Leave it out of active reporting.")
    conversion_rate: Ratio | None = Field(None, description="The conversion ratio when it closed, 0 to 1.")
    recognition: Ratio | None = Field(None, description="The share that was credited to the agent, 0 to 1.")
    working_hours: StrictBool | None = Field(None, description="It began in the agent's working hours.")


def carries_figures(record: SessionRecord) -> bool:
    """Return whether the record carries decisions of the past: then the agent's terms do not decide its figures."""
    return isinstance(record, HistoryRecord) and any(getattr(record, name) is not None for name in FIGURES)
