"""The fields that people may set on a session, and what follows from setting them, as pure functions.

Sources: domain.md, "How the numbers are made"; access.md for the roles. The database derives the metrics.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field, StrictBool, model_validator
from pydantic.alias_generators import to_camel

from session_graph.access.viewer import Role
from session_graph.errors import InvalidInput, Problem
from session_graph.parsing import fold
from session_graph.sessions.closing import is_opportunity
from session_graph.sessions.enums import Assessment
from session_graph.sessions.input_model import (
    InputModel,
    Name,
    OptionalText,
    Printable,
    normalised_or_none,
    parse_input,
    problem,
)
from session_graph.sessions.record import MAX_TAG, MAX_TAGS, ExternalId, Stars

EDITORS = frozenset({Role.BUILDER, Role.ADMIN})

WRITERS: dict[str, frozenset[Role]] = {
    **dict.fromkeys(
        ("isArchived", "isLead", "isOpportunity", "isTest", "humanAssessment", "addTags", "removeTags"), EDITORS
    ),
    **dict.fromkeys(("isTodo", "isDone", "conversationQuality", "comment"), EDITORS | {Role.PORTAL}),
    "externalId": EDITORS | {Role.PARTNER},
}
"""The roles that may set each field of a patch."""

EDITED = {
    name: to_camel(name)
    for name in (
        *("is_archived", "is_lead", "is_opportunity", "is_test", "is_todo", "is_done"),
        *("human_assessment", "conversation_quality", "comment", "external_id", "tags"),
    )
}
"""The columns that people set, with their names in a session's history."""

FACTS = ("refused", "unavailable", "phone", "email")
"""The columns that decide whether a lead is an opportunity."""

CLEARABLE = frozenset({"humanAssessment", "conversationQuality", "comment", "externalId"})

Tags = Annotated[list[Annotated[Name, Field(max_length=MAX_TAG)]], Field(max_length=MAX_TAGS)]
OptionalExternalId = Annotated[Annotated[ExternalId, Printable] | None, BeforeValidator(normalised_or_none)]


class SessionPatch(InputModel):
    """The fields to set; an absent one stays as it is. Null clears a field of CLEARABLE, and is invalid elsewhere."""

    is_archived: StrictBool | None = Field(None, description="Leave it out of active reporting.")
    is_lead: StrictBool | None = Field(
        None,
        description="Not a lead ends the opportunity; a lead decides it again from the facts that were kept.",
    )
    is_opportunity: StrictBool | None = Field(None, description="An opportunity is a lead, too.")
    is_test: StrictBool | None = Field(None, description="Tests never count in ASR.")
    is_todo: StrictBool | None = Field(None, description="Someone must follow up.")
    is_done: StrictBool | None = Field(None, description="Nothing is left to do.")
    conversation_quality: Stars | None = Field(None, description="1 to 5 stars.")
    comment: OptionalText = Field(None, description="A comment.")
    add_tags: Tags = Field([], description="Tags that it shall have.")
    remove_tags: Tags = Field([], description="Tags that it shall not have.")
    human_assessment: Assessment | None = Field(None, description="A person's verdict.")
    external_id: OptionalExternalId = Field(None, description="The outside system's own identifier.")

    @model_validator(mode="before")
    @classmethod
    def _nulls_clear(cls, data: Any) -> Any:
        for name, value in data.items():
            if value is None and name not in CLEARABLE:
                raise problem(name, "must not be null; leave it out to leave it as it is")
        return data

    @model_validator(mode="after")
    def _hangs_together(self) -> "SessionPatch":
        if self.is_lead is False and self.is_opportunity:
            raise problem("isOpportunity", "cannot be true for what is not a lead")
        if both := sorted(set(self.add_tags) & set(self.remove_tags)):
            raise problem("removeTags", f"cannot also be added: {', '.join(both)}")
        return self


def parse_patch(raw: Mapping[str, Any]) -> SessionPatch:
    """Raises InvalidInput with every problem, each with its path by GraphQL name."""
    return parse_input(SessionPatch, raw)


def revise(session: Mapping[str, Any], patch: SessionPatch) -> dict[str, Any]:
    """Return the columns that the patch changes, with their new values; empty if all are set already.

    `session` has the columns of EDITED and FACTS. Raises InvalidInput if there would be too many tags.
    """
    new = {name: getattr(patch, name) for name in patch.model_fields_set - {"add_tags", "remove_tags"}}
    new["tags"] = sorted((set(session["tags"]) | set(patch.add_tags)) - set(patch.remove_tags))
    if len(new["tags"]) > MAX_TAGS:
        raise InvalidInput([Problem(("addTags",), f"a session has at most {MAX_TAGS} tags")])
    return {name: value for name, value in (new | _decide_lead(session, new)).items() if value != session[name]}


def _decide_lead(session: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, bool]:
    """Return what follows: no lead, no opportunity; a new lead decides it from the facts; an opportunity is a lead."""
    if new.get("is_opportunity"):
        return {"is_lead": True}
    if new.get("is_lead") is False:
        return {"is_opportunity": False}
    if new.get("is_lead") and not session["is_lead"] and "is_opportunity" not in new:
        return {"is_opportunity": _decide_opportunity(session)}
    return {}


def _decide_opportunity(session: Mapping[str, Any]) -> bool:
    return is_opportunity(
        True,
        refused=session["refused"],
        unavailable=session["unavailable"],
        reachable=bool(session["phone"] or session["email"]),
    )


def folded_columns(changes: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the folded columns of the changed texts, for search and order."""
    texts = {name: changes[name] for name in ("comment", "external_id") if name in changes}
    return {f"{name}_folded": text and fold(text) for name, text in texts.items()}


def write_value(value: Any) -> str | None:
    """Return the value as the history has it: true, 4, YES_A, a text; tags as a JSON list."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
