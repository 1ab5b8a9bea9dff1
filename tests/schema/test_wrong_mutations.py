"""Wrong input of a mutation: what a person can put right is in the payload, and nothing is written."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from conftest import MakeCaller
from session_graph.access.viewer import Role
from session_graph.store.models import Account
from support.records import make_agent
from support.statements import Statements
from support.wrong_input import (
    NO_NULL,
    OFFSET,
    PLAIN,
    QUOTED,
    RECORD,
    TURN,
    UUID,
    Admin,
    Json,
    assert_clear,
    assert_refused,
    mutation_of,
    place,
)
from tools.reference import GIVES

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_is_written")]


CONTROL = "must not have control characters other than tab and line breaks"
MONDAY = "workingHours.MON"

WRONG_RECORDS: list[tuple[dict[str, Json], str, str]] = [
    ({"agent": "nobody"}, "agent", "agent is not the idn of an agent of this account"),
    ({"agent": ""}, "agent", "agent must not be empty"),
    ({"agent": "x" * 201}, "agent", "agent must have at most 200 characters"),
    ({"endedAt": "2026-11-16T14:59:59Z"}, "endedAt", "endedAt must not be before startedAt"),
    ({"endedAt": "2027-12-21T15:00:00Z"}, "endedAt", "endedAt must be within 366 days of startedAt"),
    ({"startedAt": "1969-12-31T23:59:59Z"}, "startedAt", "startedAt must be in the years 1970 to 2199"),
    ({"endedAt": "2200-01-01T00:00:00Z"}, "endedAt", "endedAt must be in the years 1970 to 2199"),
    ({"id": "x"}, "id", f"id {UUID}"),
    ({"conversationQuality": 0}, "conversationQuality", "conversationQuality must be at least 1"),
    ({"conversationQuality": 6}, "conversationQuality", "conversationQuality must be at most 5"),
    ({"tags": [f"t{i}" for i in range(300)]}, "tags", "tags must have at most 100 entries"),
    ({"tags": ["ok", ""]}, "tags.1", "tags.1 must not be empty"),
    ({"tags": ["x" * 101]}, "tags.0", "tags.0 must have at most 100 characters"),
    ({"summary": "a\x00b"}, "summary", f"summary {CONTROL}"),
    ({"summary": "a\x1b[31m"}, "summary", f"summary {CONTROL}"),
    ({"contactName": "a\x07"}, "contactName", f"contactName {CONTROL}"),
    ({"phone": "4\x855"}, "phone", f"phone {CONTROL}"),
    ({"summary": "x" * 10_001}, "summary", "summary must have at most 10,000 characters"),
    ({"externalId": "x" * 501}, "externalId", "externalId must have at most 500 characters"),
    ({"utms": {f"u{i}": "v" for i in range(51)}}, "utms", "utms must have at most 50 entries"),
    ({"utms": {"a": "x" * 1001}}, "utms.a", "utms.a must have at most 1,000 characters"),
    ({"utms": {"x" * 101: "v"}}, f"utms.{'x' * 101}", "must have at most 100 characters"),
    ({"units": -1}, "units", "units must be at least 0"),
    ({"units": "999999999999999"}, "units", "units makes a lead value of 10^15 or more"),
    ({"leadValue": "-0.01"}, "leadValue", "leadValue must be at least 0"),
    ({"transcript": [TURN | {"text": "x" * 10_000_000}]}, "transcript.0.text", "at most 1,000,000 characters"),
    ({"transcript": [TURN | {"text": "x" * 100_000}] * 11}, "transcript", "at most 1,000,000 characters in all"),
    ({"transcript": [TURN] * 5001}, "transcript", "transcript must have at most 5,000 entries"),
    ({"transcript": [TURN, TURN | {"text": "\x00"}]}, "transcript.1.text", f"transcript.1.text {CONTROL}"),
    ({"transcript": [TURN | {"at": "1960-01-01T00:00:00Z"}]}, "transcript.0.at", "in the years 1970 to 2199"),
]
WRONG_PATCHES: list[tuple[dict[str, Json], str, str]] = [
    ({"conversationQuality": 0}, "conversationQuality", "must be at least 1"),
    ({"conversationQuality": 6}, "conversationQuality", "must be at most 5"),
    ({"addTags": [f"t{i}" for i in range(300)]}, "addTags", "addTags must have at most 100 entries"),
    ({"addTags": [f"t{i}" for i in range(100)]}, "addTags", "a session has at most 100 tags"),
    ({"addTags": [" "]}, "addTags.0", "addTags.0 must not be empty"),
    ({"removeTags": ["x" * 101]}, "removeTags.0", "must have at most 100 characters"),
    ({"addTags": ["vip"], "removeTags": ["vip"]}, "removeTags", "removeTags cannot also be added: vip"),
    ({"comment": "a\x00"}, "comment", f"comment {CONTROL}"),
    ({"comment": "x" * 10_001}, "comment", "comment must have at most 10,000 characters"),
    ({"externalId": "x" * 501}, "externalId", "externalId must have at most 500 characters"),
    ({"isLead": False, "isOpportunity": True}, "isOpportunity", "cannot be true for what is not a lead"),
    *(
        ({name: None}, name, "must not be null; leave it out to leave it as it is")
        for name in ("isArchived", "isLead", "isOpportunity", "isTest", "isTodo", "isDone", "addTags", "removeTags")
    ),
]
WRONG_AGENTS: list[tuple[dict[str, Json], str, str]] = [
    ({"name": " "}, "name", "name must not be empty"),
    ({"name": "x" * 201}, "name", "name must have at most 200 characters"),
    ({"name": "a\x00"}, "name", f"name {CONTROL}"),
    ({"timeZone": "Mars/Phobos"}, "timeZone", "must be a time zone of the IANA database"),
    ({"timeZone": "EST"}, "timeZone", "must be a time zone of the IANA database"),
    ({"conversionRatio": "1.01"}, "conversionRatio", "conversionRatio must be at most 1"),
    ({"recognition": -1}, "recognition", "recognition must be at least 0"),
    ({"averageLeadValue": "-0.01"}, "averageLeadValue", "averageLeadValue must be at least 0"),
    ({"unitValue": -1}, "unitValue", "unitValue must be at least 0"),
    ({"shortUnderSeconds": -1}, "shortUnderSeconds", "shortUnderSeconds must be at least 0"),
    ({"longFromSeconds": 86_401}, "longFromSeconds", "longFromSeconds must be at most 86400"),
    ({"shortUnderSeconds": 301}, "longFromSeconds", "longFromSeconds must not be below shortUnderSeconds"),
    ({"testContacts": ["x"] * 1001}, "testContacts", "testContacts must have at most 1,000 entries"),
    ({"testContacts": [""]}, "testContacts.0", "testContacts.0 must not be empty"),
    ({"workingHours": {"MON": "9-17"}}, MONDAY, "workingHours.MON must be a list"),
    ({"workingHours": {"MON": [["09:00"]]}}, f"{MONDAY}.0.1", "workingHours.MON.0.1 is required"),
    ({"workingHours": {"MON": [["09:00", 17]]}}, f"{MONDAY}.0.1", "workingHours.MON.0.1 must be a text"),
    ({"workingHours": {"MON": [["09:00", None]]}}, f"{MONDAY}.0.1", "workingHours.MON.0.1 must not be null"),
    ({"workingHours": {"MON": [["09:00", "12:00", "17:00"]]}}, f"{MONDAY}.0", "must have at most 2 entries"),
    ({"workingHours": {"MON": [["9:00", "17:00"]]}}, "workingHours", 'is not a span such as ["09:00", "17:00"]'),
    ({"workingHours": {"MON": [["24:00", "17:00"]]}}, "workingHours", 'is not a span such as ["09:00", "17:00"]'),
    ({"workingHours": {"MON": [["09:00", "09:00"]]}}, "workingHours", 'is not a span such as ["09:00", "17:00"]'),
    ({"workingHours": {"MONDAY": []}}, "workingHours", "is not one of MON, TUE, WED, THU, FRI, SAT, SUN"),
    ({"workingHours": {"MON": [["09:00", "13:00"], ["12:00", "17:00"]]}}, "workingHours", "spans of MON overlap"),
    ({"workingHours": {"SUN": [["18:00", "02:00"]], "MON": [["01:00", "03:00"]]}}, "workingHours", "overlap"),
]
WRONG_EXPORTS: list[tuple[dict[str, Json], str, list[str], str]] = [
    ({"recipients": []}, "INVALID", ["recipients"], "recipients must not be empty"),
    ({"recipients": ["x@example.com"] * 11}, "LIMIT", ["recipients"], "recipients must have at most 10 entries"),
    ({"recipients": ["x"]}, "INVALID", ["recipients", "0"], "recipients.0 must be one e-mail address"),
    ({"recipients": ["A <a@b.c>"]}, "INVALID", ["recipients", "0"], "recipients.0 must be one e-mail address"),
    ({"recipients": ["x@example.com"]}, "INVALID", ["recipients", "0"], "is not on the account's list of recipients"),
    ({"columns": []}, "INVALID", ["columns"], "columns must not be empty"),
    ({"columns": ["ID", "ASR", "ID"]}, "INVALID", ["columns"], "columns must not name a column twice"),
    ({"columns": ["ID", "TRANSCRIPT"]}, "INVALID", ["columns", "1"], "columns.1 cannot stand in a report"),
    ({"timeZone": "Nowhere"}, "INVALID", ["timeZone"], "timeZone must be a time zone of the IANA database"),
    ({"idempotencyKey": ""}, "INVALID", ["idempotencyKey"], "idempotencyKey must have 1 to 200 characters"),
    ({"idempotencyKey": "x" * 201}, "INVALID", ["idempotencyKey"], "idempotencyKey must have 1 to 200 characters"),
]
AGENT_NULLS = ("name", "timeZone", "workingHours", "redirection", "conversionRatio", "recognition", "testContacts")


def wrong_payloads() -> Iterator[tuple[str, Json, str, str, str]]:
    """A mutation, its input, and of the one error that it gives: code, path and a part of the sentence."""
    session = {"sessionId": "@session"}
    for wrong, path, phrase in WRONG_RECORDS:
        yield "recordSession", RECORD | wrong, "INVALID", f"input.{path}", phrase
    for wrong, path, phrase in WRONG_PATCHES:
        yield "updateSession", session | {"patch": wrong}, "INVALID", f"input.patch.{path}", phrase
        bulk = {"target": {"ids": ["@session"]}, "patch": wrong}
        yield "updateSessions", bulk, "INVALID", f"input.patch.{path}", phrase
    for wrong, path, phrase in WRONG_AGENTS:
        agent = {"idn": "new", "name": "New", "timeZone": "UTC"}
        yield "createAgent", agent | wrong, "INVALID", f"input.{path}", phrase
        yield "updateAgent", {"idn": "bistro"} | wrong, "INVALID", f"input.{path}", phrase
    for idn in ("", " ", "x" * 101, "-x", "a b", "a\n", "ä", "a\x00"):
        agent = {"idn": idn, "name": "New", "timeZone": "UTC"}
        yield "createAgent", agent, "INVALID", "input.idn", "idn must be 1 to 100 letters, digits, dots, hyphens and"
        yield "updateAgent", {"idn": idn}, "NOT_FOUND", "input.idn", "idn is not the idn of an agent of this account"
    agent = {"idn": "bistro", "name": "Again", "timeZone": "UTC"}
    yield "createAgent", agent, "DUPLICATE", "input.idn", "idn is already the idn of an agent of this account"
    for name in AGENT_NULLS:
        yield "updateAgent", {"idn": "bistro", name: None}, "INVALID", f"input.{name}", f"{name} must "
    stranger, conflict = str(uuid4()), "expectedVersion is not the session's version: somebody else has changed it"
    no_session = "sessionId is not the id of a session that you may see"
    verdict = {"humanAssessment": "NO"}
    for id_, code, phrase in ((stranger, "NOT_FOUND", no_session), ("x", "INVALID", f"sessionId {UUID}")):
        yield "overrideAssessment", verdict | {"sessionId": id_}, code, "input.sessionId", phrase
        yield "updateSession", {"sessionId": id_, "patch": {"isTodo": True}}, code, "input.sessionId", phrase
    stale = {"expectedVersion": 7}
    yield "overrideAssessment", session | verdict | stale, "CONFLICT", "input.expectedVersion", conflict
    yield "updateSession", session | {"patch": {}} | stale, "CONFLICT", "input.expectedVersion", conflict
    missing = "humanAssessment must be there; null clears the override"
    yield "overrideAssessment", session, "INVALID", "input.humanAssessment", missing
    yield (
        "overrideAssessment",
        session | verdict | {"comment": "\x00"},
        "INVALID",
        "input.comment",
        f"comment {CONTROL}",
    )
    bulk = {"patch": {"isTodo": True}}
    every = "target.filter must not be empty: it would mean every session"
    yield "updateSessions", bulk | {"target": {"filter": {}}}, "INVALID", "input.target.filter", every
    yield "updateSessions", bulk | {"target": {"ids": ["x"]}}, "INVALID", "input.target.ids.0", UUID
    many = {"target": {"ids": [stranger] * 10_001}}
    yield "updateSessions", bulk | many, "LIMIT", "input.target.ids", "target.ids must have at most 10,000 entries"
    yield "recordSessions", [RECORD] * 501, "LIMIT", "input", "must have at most 500 records"
    yield "recordSessions", [RECORD | {"agent": "nobody"}], "INVALID", "input.0.agent", "0.agent is not the idn of"
    yield "updateAccount", {"name": ""}, "INVALID", "input.name", "name must not be blank"
    yield "updateAccount", {"name": "a\nb"}, "INVALID", "input.name", "name must be one line"
    yield "updateAccount", {"name": "a\x00b"}, "INVALID", "input.name", f"name {CONTROL}"
    yield "updateAccount", {"currency": "XAU"}, "INVALID", "input.currency", "currency must be a currency of ISO 4217"
    yield (
        "updateAccount",
        {"currency": "EUR"},
        "INVALID",
        "input.currency",
        "cannot change once the account has sessions",
    )
    yield "updateAccount", {"timeZone": "Nowhere"}, "INVALID", "input.timeZone", "timeZone must be a time zone of"
    for listing in ("addExportRecipients", "removeExportRecipients"):
        nowhere = {listing: ["ana@example.com", "nowhere"]}
        yield "updateAccount", nowhere, "INVALID", f"input.{listing}.1", "must be an address, such as ana@example.com"
    for wrong, code, steps, phrase in WRONG_EXPORTS:
        yield "requestSessionExport", wrong, code, ".".join(["input", *steps]), phrase
    for name in ("cancelSessionExport", "retrySessionExport"):
        yield name, stranger, "NOT_FOUND", "id", "id is not the id of a report that you may see"
        yield name, "x", "INVALID", "id", f"id {UUID}"
    for name in ("name", "currency", "timeZone"):
        yield "updateAccount", {name: None}, "INVALID", f"input.{name}", f"{name} must not be null"


def name_payload(case: Json) -> str | None:
    return case if isinstance(case, str) and len(case) < 60 else None


@pytest.mark.parametrize(("mutation", "given_", "code", "path", "phrase"), list(wrong_payloads()), ids=name_payload)
async def test_what_a_person_can_put_right_is_in_the_payload(
    admin: Admin, mutation: str, given_: Json, code: str, path: str, phrase: str
) -> None:
    answer = await admin.ask(*mutation_of(mutation), i=place(given_, admin))

    (error,) = answer.data[mutation]["errors"]
    assert error["code"] == code
    assert code in GIVES[mutation]
    assert error["path"] == path.split(".")
    assert phrase in error["message"]
    assert_clear(error["message"])


@pytest.mark.parametrize(
    ("given_", "phrase"),
    [
        ({"intentToBuy": None}, "at .intentToBuy: Expected value of non-null type 'Boolean!' not to be null."),
        ({"agent": None}, "at .agent: Expected value of non-null type 'String!' not to be null."),
        ({"startedAt": "2026-11-16T15:00:00"}, f"at .startedAt: {OFFSET}"),
        ({"endedAt": None}, "at .endedAt: Expected value of non-null type 'DateTime!' not to be null."),
        ({"units": 4.5}, f"at .units: {QUOTED}"),
        ({"leadValue": "NaN"}, f"at .leadValue: {PLAIN}"),
        ({"conversationQuality": True}, "at .conversationQuality: Int cannot represent non-integer value: true"),
        ({"channel": "FAX"}, "at .channel: Value 'FAX' does not exist in 'Channel' enum."),
        ({"utms": {"a": 1}}, "at .utms: must be an object whose values are texts"),
        ({"utms": [None]}, "at .utms: must be an object whose values are texts"),
        ({"tags": [None]}, "at .tags[0]: Expected value of non-null type 'String!' not to be null."),
        ({"transcript": [{"text": "a"}]}, "required field 'speaker', found: {'text': 'a'}"),
        (
            {"transcript": [{"text": None, "speaker": "USER"}]},
            "at .transcript[0].text: Expected value of non-null type",
        ),
        ({"weather": None}, "unknown field 'weather'"),
    ],
)
async def test_a_record_of_another_shape_is_refused(
    admin: Admin, statements: Statements, given_: dict[str, Json], phrase: str
) -> None:
    answer = await admin.ask(*mutation_of("recordSession"), i=RECORD | given_)

    assert_refused(answer, phrase, statements)


@pytest.mark.parametrize(
    ("target", "phrase"),
    [
        ({}, "OneOf Input Object 'SessionTarget' must specify exactly one key."),
        ({"ids": [], "filter": {}}, "OneOf Input Object 'SessionTarget' must specify exactly one key."),
        ({"ids": None}, "must be non-null"),
        ({"filter": None}, "must be non-null"),
        ({"filter": {"isLead": None}}, f"input.target.filter.isLead {NO_NULL}"),
    ],
)
async def test_a_wrong_target_of_a_bulk_edit_is_refused(
    admin: Admin, statements: Statements, target: Json, phrase: str
) -> None:
    answer = await admin.ask(*mutation_of("updateSessions"), i={"target": target, "patch": {"isTodo": True}})

    assert_refused(answer, phrase, statements)


async def test_every_problem_of_an_input_is_told_at_once(admin: Admin) -> None:
    given = RECORD | {"conversationQuality": 9, "tags": [""], "units": "-1", "id": "x"}

    errors = (await admin.ask(*mutation_of("recordSession"), i=given)).data["recordSession"]["errors"]

    places = {".".join(error["path"]) for error in errors}
    assert places == {"input.conversationQuality", "input.tags.0", "input.units", "input.id"}


async def test_a_bad_record_does_not_keep_the_good_ones_out(caller: MakeCaller, account: Account) -> None:
    await make_agent(account)
    ask = await caller(Role.RECORDER)
    bad = [RECORD | {"agent": "nobody"}, RECORD | {"tags": [""]}, RECORD | {"id": "x"}]
    query = """mutation($i: [RecordSessionInput!]!) { recordSessions(input: $i) {
        recordedCount duplicateCount results { id status } errors { code path }
    } }"""

    payload = (await ask(query, i=[bad[0], RECORD, bad[1], bad[2], RECORD])).data["recordSessions"]

    statuses = [result["status"] for result in payload["results"]]
    assert statuses == ["REFUSED", "RECORDED", "REFUSED", "REFUSED", "RECORDED"]
    assert (payload["recordedCount"], payload["duplicateCount"]) == (2, 0)
    paths = sorted(".".join(error["path"]) for error in payload["errors"])
    assert paths == ["input.0.agent", "input.2.tags.0", "input.3.id"]


async def test_more_than_ten_mutations_are_too_many(admin: Admin, statements: Statements) -> None:
    edits = " ".join(
        f'm{i}: updateSession(input: {{sessionId: "{admin.session}", patch: {{isTodo: true}}}}) {{ errors {{ code }} }}'
        for i in range(11)
    )

    answer = await admin.ask(f"mutation {{ {edits} }}")

    assert (answer.status, answer.code) == (400, "TOO_LARGE")
    assert answer.errors[0]["message"] == "A request has at most 10 mutations; this one has 11."
    assert [statement for statement in statements if "api_key" not in statement] == []
