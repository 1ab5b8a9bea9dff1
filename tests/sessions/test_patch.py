"""What an edit makes of a session: the truth tables of `revise`, and what holds for every patch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_graph.errors import InvalidInput
from session_graph.sessions.closing import is_opportunity
from session_graph.sessions.enums import Assessment
from session_graph.sessions.patch import EDITED, folded_columns, parse_patch, revise, write_value
from session_graph.sessions.record import MAX_TAGS

NEITHER: dict[str, Any] = {
    "is_archived": False,
    "is_lead": False,
    "is_opportunity": False,
    "is_test": False,
    "is_todo": False,
    "is_done": False,
    "human_assessment": None,
    "conversation_quality": None,
    "comment": None,
    "external_id": None,
    "tags": [],
    "refused": False,
    "unavailable": False,
    "phone": "+14155550134",
    "email": None,
}
LEAD = {**NEITHER, "is_lead": True}
BOTH = {**LEAD, "is_opportunity": True}
TAGGED = {**NEITHER, "tags": ["b", "d"]}
RATED = {**NEITHER, "human_assessment": "NO", "conversation_quality": 2, "comment": "late", "external_id": "crm-1"}
REFUSED = {"refused": True}
UNAVAILABLE = {"unavailable": True}
UNREACHABLE = {"phone": None}
BY_MAIL = {"phone": None, "email": "ana@example.com"}


def change(session: dict[str, Any], **patch: Any) -> dict[str, Any]:
    return revise(session, parse_patch(patch))


def problem_of(**patch: Any) -> str:
    with pytest.raises(InvalidInput) as refusal:
        parse_patch(patch)
    (problem,) = refusal.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("session", "facts", "patch", "changes"),
    [
        # A new lead decides the opportunity from the facts that it keeps.
        (NEITHER, {}, {"isLead": True}, {"is_lead": True, "is_opportunity": True}),
        (NEITHER, BY_MAIL, {"isLead": True}, {"is_lead": True, "is_opportunity": True}),
        (NEITHER, REFUSED, {"isLead": True}, {"is_lead": True}),
        (NEITHER, UNAVAILABLE, {"isLead": True}, {"is_lead": True}),
        (NEITHER, UNREACHABLE, {"isLead": True}, {"is_lead": True}),
        # Not a lead ends the opportunity.
        (BOTH, {}, {"isLead": False}, {"is_lead": False, "is_opportunity": False}),
        (LEAD, {}, {"isLead": False}, {"is_lead": False}),
        # An opportunity is a lead, whatever the facts say.
        (NEITHER, {}, {"isOpportunity": True}, {"is_lead": True, "is_opportunity": True}),
        (NEITHER, REFUSED, {"isOpportunity": True}, {"is_lead": True, "is_opportunity": True}),
        (LEAD, UNREACHABLE, {"isOpportunity": True}, {"is_opportunity": True}),
        # Not an opportunity says nothing of the lead.
        (BOTH, {}, {"isOpportunity": False}, {"is_opportunity": False}),
        (NEITHER, {}, {"isOpportunity": False}, {}),
        # What is set to what it is already decides nothing: a person's word about the opportunity stays.
        (LEAD, {}, {"isLead": True}, {}),
        (BOTH, REFUSED, {"isLead": True}, {}),
        (NEITHER, {}, {"isLead": False}, {}),
        (BOTH, REFUSED, {"isOpportunity": True}, {}),
        # Both at once: each is as it was said.
        (NEITHER, {}, {"isLead": True, "isOpportunity": False}, {"is_lead": True}),
        (BOTH, {}, {"isLead": True, "isOpportunity": False}, {"is_opportunity": False}),
        (NEITHER, REFUSED, {"isLead": True, "isOpportunity": True}, {"is_lead": True, "is_opportunity": True}),
        (BOTH, {}, {"isLead": False, "isOpportunity": False}, {"is_lead": False, "is_opportunity": False}),
    ],
)
def test_lead_and_opportunity_decide_each_other(
    session: dict[str, Any], facts: dict[str, Any], patch: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert change({**session, **facts}, **patch) == changes


def test_an_opportunity_that_is_not_a_lead_is_a_contradiction() -> None:
    assert problem_of(isLead=False, isOpportunity=True) == "isOpportunity cannot be true for what is not a lead"


@pytest.mark.parametrize(
    ("patch", "tags"),
    [
        ({"addTags": ["c", "a"]}, ["a", "b", "c", "d"]),
        ({"addTags": ["b", "e", "e"]}, ["b", "d", "e"]),
        ({"removeTags": ["b", "unknown"]}, ["d"]),
        ({"addTags": ["é"], "removeTags": ["b", "d"]}, ["é"]),
        ({"removeTags": ["d", "b"]}, []),
    ],
)
def test_tags_are_added_and_removed_and_stay_in_order(patch: dict[str, Any], tags: list[str]) -> None:
    assert change(TAGGED, **patch) == {"tags": tags}


@pytest.mark.parametrize("patch", [{"addTags": ["d", "b"]}, {"removeTags": ["c"]}, {"addTags": [], "removeTags": []}])
def test_tags_that_are_as_wanted_are_no_change(patch: dict[str, Any]) -> None:
    assert change(TAGGED, **patch) == {}


def test_a_session_holds_a_hundred_tags_and_no_more() -> None:
    full = {**NEITHER, "tags": sorted(f"tag {i}" for i in range(MAX_TAGS))}

    assert len(change(full, addTags=["new"], removeTags=["tag 0"])["tags"]) == MAX_TAGS
    with pytest.raises(InvalidInput, match="addTags a session has at most 100 tags"):
        change(full, addTags=["new"])


def test_a_tag_cannot_be_added_and_removed() -> None:
    assert problem_of(addTags=["a", "b"], removeTags=["b"]) == "removeTags cannot also be added: b"


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("humanAssessment", "human_assessment"),
        ("conversationQuality", "conversation_quality"),
        ("comment", "comment"),
        ("externalId", "external_id"),
    ],
)
def test_null_clears_what_can_be_empty(field: str, column: str) -> None:
    assert change(RATED, **{field: None}) == {column: None}
    assert change(NEITHER, **{field: None}) == {}


@pytest.mark.parametrize(
    "field",
    ["isArchived", "isLead", "isOpportunity", "isTest", "isTodo", "isDone", "addTags", "removeTags"],
)
def test_null_is_refused_where_nothing_can_be_empty(field: str) -> None:
    assert problem_of(**{field: None}) == f"{field} must not be null; leave it out to leave it as it is"


@pytest.mark.parametrize(("field", "column"), [("comment", "comment"), ("externalId", "external_id")])
def test_a_blank_text_clears_as_null_does(field: str, column: str) -> None:
    assert change(RATED, **{field: " \n"}) == {column: None}


def test_what_is_left_out_stays() -> None:
    assert change(RATED) == {}
    assert change(RATED, isDone=True) == {"is_done": True}


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ({"conversationQuality": 0}, "conversationQuality must be at least 1"),
        ({"conversationQuality": 6}, "conversationQuality must be at most 5"),
        ({"conversationQuality": True}, "conversationQuality must be a whole number"),
        ({"comment": "a\0b"}, "comment must not have control characters other than tab and line breaks"),
        ({"comment": "x" * 10_001}, "comment must have at most 10,000 characters"),
        ({"externalId": "x" * 501}, "externalId must have at most 500 characters"),
        ({"isDone": "yes"}, "isDone must be true or false"),
        ({"addTags": [" "]}, "addTags.0 must not be empty"),
        ({"addTags": ["a", "x" * 101]}, "addTags.1 must have at most 100 characters"),
        ({"addTags": [f"{i}" for i in range(300)]}, "addTags must have at most 100 entries"),
        ({"humanAssessment": "MAYBE"}, "humanAssessment must be one of YES_A, YES_B, NO"),
        ({"summary": "mine"}, "summary is not a known field"),
    ],
)
def test_a_bad_patch_is_refused_with_its_place(patch: dict[str, Any], problem: str) -> None:
    assert problem_of(**patch) == problem


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (False, "false"),
        (4, "4"),
        (Assessment.YES_A, "YES_A"),
        ("Called back.", "Called back."),
        ([], "[]"),
        (["é", 'a "quoted" tag'], '["é","a \\"quoted\\" tag"]'),
    ],
)
def test_history_says_values_as_text(value: Any, text: str | None) -> None:
    assert write_value(value) == text


def test_only_changed_texts_are_folded_again() -> None:
    assert folded_columns({"comment": "ÜNAL", "is_done": True}) == {"comment_folded": "unal"}
    assert folded_columns({"external_id": None}) == {"external_id_folded": None}


def hangs_together(patch: dict[str, Any]) -> bool:
    contradicts = patch.get("isLead") is False and patch.get("isOpportunity")
    return not contradicts and not set(patch.get("addTags", ())) & set(patch.get("removeTags", ()))


flags = st.booleans()
tags = st.lists(st.sampled_from("abcdef"), max_size=4, unique=True)
optional_texts = st.none() | st.sampled_from(["", "late", "LATE", "crm-1"])
patches: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        **{EDITED[name]: flags for name in EDITED if name.startswith("is_")},
        "humanAssessment": st.none() | st.sampled_from(list(Assessment)),
        "conversationQuality": st.none() | st.integers(1, 5),
        "comment": optional_texts,
        "externalId": optional_texts,
        "addTags": tags,
        "removeTags": tags,
    },
).filter(hangs_together)
sessions = st.fixed_dictionaries(
    {
        **{name: flags for name in EDITED if name.startswith("is_")},
        "human_assessment": st.none() | st.sampled_from([*map(str, Assessment)]),
        "conversation_quality": st.none() | st.integers(1, 5),
        "comment": st.none() | st.just("late"),
        "external_id": st.none() | st.just("crm-1"),
        "tags": tags.map(sorted),
        "refused": flags,
        "unavailable": flags,
        "phone": st.none() | st.just("+14155550134"),
        "email": st.none() | st.just("ana@example.com"),
    }
).map(lambda session: {**session, "is_lead": session["is_lead"] or session["is_opportunity"]})


@given(sessions, patches)
def test_a_patch_that_is_applied_twice_changes_nothing_the_second_time(
    session: dict[str, Any], raw: dict[str, Any]
) -> None:
    patch = parse_patch(raw)

    assert revise({**session, **revise(session, patch)}, patch) == {}


@given(sessions, patches)
def test_every_opportunity_is_a_lead_after_every_edit(session: dict[str, Any], raw: dict[str, Any]) -> None:
    after = {**session, **revise(session, parse_patch(raw))}

    assert after["is_lead"] or not after["is_opportunity"]


@given(sessions, patches)
def test_only_what_differs_is_a_change_and_nothing_else_is_touched(
    session: dict[str, Any], raw: dict[str, Any]
) -> None:
    changes = revise(session, parse_patch(raw))

    assert all(session[name] != value for name, value in changes.items())
    decided = {"isLead", "isOpportunity"} if {"isLead", "isOpportunity"} & raw.keys() else set()
    tagged = {"tags"} if {"addTags", "removeTags"} & raw.keys() else set()
    assert {EDITED[name] for name in changes} <= raw.keys() | decided | tagged


@given(sessions)
def test_a_session_that_becomes_a_lead_is_an_opportunity_as_it_would_have_been_at_close(
    session: dict[str, Any],
) -> None:
    before = {**session, "is_lead": False, "is_opportunity": False}

    after = {**before, **change(before, isLead=True)}

    reachable = bool(session["phone"] or session["email"])
    assert after["is_opportunity"] is is_opportunity(
        True, refused=session["refused"], unavailable=session["unavailable"], reachable=reachable
    )
