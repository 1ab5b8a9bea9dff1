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
    NOT_NULL,
    RECORD,
    UUID,
    Admin,
    Json,
    assert_clear,
    assert_refused,
    mutation_of,
    put_session,
)
from tools.reference import MUTATION_CODES

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_is_written")]


CONTROL = "control characters"
MONDAY = "workingHours.MON"

WRONG_RECORDS: list[tuple[dict[str, Json], str, str]] = [
    ({"agent": "nobody"}, "agent", "of this account"),
    ({"agent": ""}, "agent", "empty"),
    ({"agent": "x" * 201}, "agent", "200"),
    ({"endedAt": "2026-11-16T14:59:57Z"}, "endedAt", "before"),
    ({"endedAt": "2027-12-21T15:00:00Z"}, "endedAt", "366 days"),
    ({"startedAt": "1969-12-31T23:59:59Z"}, "startedAt", "from 2000"),
    ({"endedAt": "2200-01-01T00:00:00Z"}, "endedAt", "2199"),
    ({"id": "x"}, "id", UUID),
    ({"conversationQuality": 0}, "conversationQuality", "at least 1"),
    ({"conversationQuality": 6}, "conversationQuality", "at most 5"),
    ({"externalId": "x" * 501}, "externalId", "500"),
    ({"units": -1}, "units", "at least 0"),
    ({"units": "999999999999999"}, "units", "10^15"),
    ({"leadValue": "-0.01"}, "leadValue", "at least 0"),
]
WRONG_PATCHES: list[tuple[dict[str, Json], str, str]] = [
    ({"conversationQuality": 0}, "conversationQuality", "at least 1"),
    ({"conversationQuality": 6}, "conversationQuality", "at most 5"),
    ({"addTags": [f"t{i}" for i in range(300)]}, "addTags", "100"),
    ({"addTags": [f"t{i}" for i in range(100)]}, "addTags", "100"),
    ({"addTags": [" "]}, "addTags.0", "empty"),
    ({"removeTags": ["x" * 101]}, "removeTags.0", "100"),
    ({"addTags": ["vip"], "removeTags": ["vip"]}, "removeTags", "vip"),
    ({"comment": "a\x00"}, "comment", CONTROL),
    ({"comment": "x" * 10_001}, "comment", "10,000"),
    ({"externalId": "x" * 501}, "externalId", "500"),
    ({"isLead": False, "isOpportunity": True}, "isOpportunity", "lead"),
    *(
        ({name: None}, name, NOT_NULL)
        for name in ("isArchived", "isLead", "isOpportunity", "isTest", "isTodo", "isDone", "addTags", "removeTags")
    ),
]
WRONG_AGENTS: list[tuple[dict[str, Json], str, str]] = [
    ({"name": " "}, "name", "empty"),
    ({"name": "x" * 201}, "name", "200"),
    ({"name": "a\x00"}, "name", CONTROL),
    ({"timeZone": "Mars/Phobos"}, "timeZone", "IANA"),
    ({"timeZone": "EST"}, "timeZone", "IANA"),
    ({"conversionRatio": "1.01"}, "conversionRatio", "at most 1"),
    ({"recognition": -1}, "recognition", "at least 0"),
    ({"averageLeadValue": "-0.01"}, "averageLeadValue", "at least 0"),
    ({"unitValue": -1}, "unitValue", "at least 0"),
    ({"shortUnderSeconds": -1}, "shortUnderSeconds", "at least 0"),
    ({"longFromSeconds": 86_401}, "longFromSeconds", "86400"),
    ({"shortUnderSeconds": 301}, "longFromSeconds", "shortUnderSeconds"),
    ({"testContacts": ["x"] * 1001}, "testContacts", "1,000"),
    ({"testContacts": [""]}, "testContacts.0", "empty"),
    ({"workingHours": {"MON": "9-17"}}, MONDAY, "list"),
    ({"workingHours": {"MON": [["09:00"]]}}, f"{MONDAY}.0.1", "required"),
    ({"workingHours": {"MON": [["09:00", 17]]}}, f"{MONDAY}.0.1", "text"),
    ({"workingHours": {"MON": [["09:00", None]]}}, f"{MONDAY}.0.1", NOT_NULL),
    ({"workingHours": {"MON": [["09:00", "12:00", "17:00"]]}}, f"{MONDAY}.0", "2"),
    ({"workingHours": {"MON": [["9:00", "17:00"]]}}, "workingHours", "span"),
    ({"workingHours": {"MON": [["24:00", "17:00"]]}}, "workingHours", "span"),
    ({"workingHours": {"MON": [["09:00", "09:00"]]}}, "workingHours", "span"),
    ({"workingHours": {"MONDAY": []}}, "workingHours", "MON, TUE, WED, THU, FRI, SAT, SUN"),
    ({"workingHours": {"MON": [["09:00", "13:00"], ["12:00", "17:00"]]}}, "workingHours", "overlap"),
    ({"workingHours": {"SUN": [["18:00", "02:00"]], "MON": [["01:00", "03:00"]]}}, "workingHours", "overlap"),
]
WRONG_EXPORTS: list[tuple[dict[str, Json], str, list[str], str]] = [
    ({"recipients": []}, "INVALID", ["recipients"], "empty"),
    ({"recipients": ["x@example.com"] * 11}, "LIMIT", ["recipients"], "10"),
    ({"recipients": ["x"]}, "INVALID", ["recipients", "0"], "address"),
    ({"recipients": ["A <a@b.c>"]}, "INVALID", ["recipients", "0"], "address"),
    ({"recipients": ["x@example.com"]}, "INVALID", ["recipients", "0"], "list of recipients"),
    ({"columns": []}, "INVALID", ["columns"], "empty"),
    ({"columns": ["ID", "ASR", "ID"]}, "INVALID", ["columns"], "twice"),
    ({"columns": ["ID", "TRANSCRIPT"]}, "INVALID", ["columns", "1"], "cannot"),
    ({"timeZone": "Nowhere"}, "INVALID", ["timeZone"], "IANA"),
    ({"idempotencyKey": ""}, "INVALID", ["idempotencyKey"], "200"),
    ({"idempotencyKey": "x" * 201}, "INVALID", ["idempotencyKey"], "200"),
]
AGENT_NULLS = ("name", "timeZone", "workingHours", "redirection", "conversionRatio", "recognition", "testContacts")


def wrong_payloads() -> Iterator[tuple[str, Json, str, str, str]]:
    """Yield a mutation, its input, and the code, the path and a keyword of its one error."""
    session = {"sessionId": "@session"}
    for wrong, path, keyword in WRONG_RECORDS:
        yield "recordSession", RECORD | wrong, "INVALID", f"input.{path}", keyword
    for wrong, path, keyword in WRONG_PATCHES:
        yield "updateSession", session | {"patch": wrong}, "INVALID", f"input.patch.{path}", keyword
        bulk = {"target": {"ids": ["@session"]}, "patch": wrong}
        yield "updateSessions", bulk, "INVALID", f"input.patch.{path}", keyword
    for wrong, path, keyword in WRONG_AGENTS:
        agent = {"idn": "new", "name": "New", "timeZone": "UTC"}
        yield "createAgent", agent | wrong, "INVALID", f"input.{path}", keyword
        yield "updateAgent", {"idn": "bistro"} | wrong, "INVALID", f"input.{path}", keyword
    for idn in ("", " ", "x" * 101, "-x", "a b", "a\n", "ä", "a\x00"):
        agent = {"idn": idn, "name": "New", "timeZone": "UTC"}
        yield "createAgent", agent, "INVALID", "input.idn", "100"
        yield "updateAgent", {"idn": idn}, "NOT_FOUND", "input.idn", "of this account"
    agent = {"idn": "bistro", "name": "Again", "timeZone": "UTC"}
    yield "createAgent", agent, "DUPLICATE", "input.idn", "already"
    for name in AGENT_NULLS:
        yield "updateAgent", {"idn": "bistro", name: None}, "INVALID", f"input.{name}", "must "
    stranger = str(uuid4())
    verdict = {"humanAssessment": "NO"}
    for id_, code, keyword in ((stranger, "NOT_FOUND", "may see"), ("x", "INVALID", UUID)):
        yield "overrideAssessment", verdict | {"sessionId": id_}, code, "input.sessionId", keyword
        yield "updateSession", {"sessionId": id_, "patch": {"isTodo": True}}, code, "input.sessionId", keyword
    stale = {"expectedVersion": 7}
    yield "overrideAssessment", session | verdict | stale, "CONFLICT", "input.expectedVersion", "version"
    yield "updateSession", session | {"patch": {}} | stale, "CONFLICT", "input.expectedVersion", "version"
    yield "overrideAssessment", session, "INVALID", "input.humanAssessment", NOT_NULL
    yield "overrideAssessment", session | verdict | {"comment": "\x00"}, "INVALID", "input.comment", CONTROL
    bulk = {"patch": {"isTodo": True}}
    yield "updateSessions", bulk | {"target": {"filter": {}}}, "INVALID", "input.target.filter", "empty"
    yield "updateSessions", bulk | {"target": {"ids": ["x"]}}, "INVALID", "input.target.ids.0", UUID
    many = {"target": {"ids": [stranger] * 10_001}}
    yield "updateSessions", bulk | many, "LIMIT", "input.target.ids", "10,000"
    yield "recordSessions", {"records": [RECORD] * 501}, "LIMIT", "input.records", "500"
    strange = {"records": [RECORD | {"agent": "nobody"}]}
    yield "recordSessions", strange, "INVALID", "input.records.0.agent", "of this account"
    yield "updateAccount", {"name": ""}, "INVALID", "input.name", "blank"
    yield "updateAccount", {"name": "a\nb"}, "INVALID", "input.name", "one line"
    yield "updateAccount", {"name": "a\x00b"}, "INVALID", "input.name", CONTROL
    yield "updateAccount", {"currency": "XAU"}, "INVALID", "input.currency", "ISO 4217"
    yield "updateAccount", {"currency": "EUR"}, "INVALID", "input.currency", "sessions"
    yield "updateAccount", {"timeZone": "Nowhere"}, "INVALID", "input.timeZone", "time zone"
    for listing in ("addExportRecipients", "removeExportRecipients"):
        nowhere = {listing: ["ana@example.com", "nowhere"]}
        yield "updateAccount", nowhere, "INVALID", f"input.{listing}.1", "address"
    for wrong, code, steps, keyword in WRONG_EXPORTS:
        yield "requestSessionExport", wrong, code, ".".join(["input", *steps]), keyword
    for name in ("cancelSessionExport", "retrySessionExport"):
        yield name, {"id": stranger}, "NOT_FOUND", "input.id", "may see"
        yield name, {"id": "x"}, "INVALID", "input.id", UUID
    for id_, code, keyword in ((stranger, "NOT_FOUND", "may see"), ("x", "INVALID", UUID)):
        yield "revokeSessionExportLink", {"id": id_, "recipient": "ana@example.com"}, code, "input.id", keyword
    for name in ("name", "currency", "timeZone"):
        yield "updateAccount", {name: None}, "INVALID", f"input.{name}", NOT_NULL


def name_payload(case: Json) -> str | None:
    return case if isinstance(case, str) and len(case) < 60 else None


@pytest.mark.parametrize(("mutation", "given_", "code", "path", "keyword"), list(wrong_payloads()), ids=name_payload)
async def test_what_a_person_can_put_right_is_in_the_payload(
    admin: Admin, mutation: str, given_: Json, code: str, path: str, keyword: str
) -> None:
    answer = await admin.ask(*mutation_of(mutation), i=put_session(given_, admin))

    (error,) = answer.data[mutation]["errors"]
    assert error["code"] == code
    assert code in MUTATION_CODES[mutation]
    assert error["path"] == path.split(".")
    assert keyword in error["message"]
    assert_clear(error["message"])


@pytest.mark.parametrize(
    ("given_", "keyword"),
    [
        ({"agent": None}, "at .agent: "),
        ({"startedAt": "2026-11-16T15:00:00"}, "at .startedAt: "),
        ({"units": 4.5}, "at .units: "),
        ({"leadValue": "NaN"}, "at .leadValue: "),
        ({"conversationQuality": True}, "at .conversationQuality: "),
        ({"channel": "FAX"}, "at .channel: "),
        ({"utms": {"a": 1}}, "at .utms: "),
        ({"utms": [None]}, "at .utms: "),
        ({"tags": [None]}, "at .tags[0]: "),
        ({"transcript": [{"text": "a"}]}, "'speaker'"),
        ({"durationSeconds": 1.5}, "at .durationSeconds: "),
        ({"direction": "in"}, "at .direction: "),
        ({"metadata": {"a": 1}}, "at .metadata: "),
        ({"transcript": [{"text": 7, "speaker": "USER"}]}, "at .transcript[0].text: "),
        ({"weather": None}, "'weather'"),
    ],
)
async def test_a_record_of_another_shape_is_refused(
    admin: Admin, statements: Statements, given_: dict[str, Json], keyword: str
) -> None:
    answer = await admin.ask(*mutation_of("recordSession"), i=RECORD | given_)

    assert_refused(answer, keyword, statements)


@pytest.mark.parametrize(
    ("target", "path", "keyword"),
    [
        ({}, "", "SessionTarget"),
        ({"ids": [], "filter": {}}, "", "SessionTarget"),
        ({"ids": None}, "", "non-null"),
        ({"filter": None}, "", "non-null"),
        ({"filter": {"isLead": None}}, "input.target.filter.isLead", NOT_NULL),
    ],
)
async def test_a_wrong_target_of_a_bulk_edit_is_refused(
    admin: Admin, statements: Statements, target: Json, path: str, keyword: str
) -> None:
    answer = await admin.ask(*mutation_of("updateSessions"), i={"target": target, "patch": {"isTodo": True}})

    assert_refused(answer, keyword, statements, path)


async def test_every_record_with_a_wrong_type_is_named_at_once(admin: Admin, statements: Statements) -> None:
    bad: list[dict[str, Json]] = [
        {"channel": "FAX"},
        {"units": 4.5, "intentToBuy": "yes"},
        {"transcript": [{"speaker": "GHOST", "text": "a"}]},
    ]
    records = [RECORD | (bad[i % 3] if i % 2 else {}) for i in range(240)]

    answer = await admin.ask(*mutation_of("recordSessions"), i={"records": records})

    assert_refused(answer, "", statements)
    paths = [error["extensions"]["path"] for error in answer.errors]
    assert ["input", "records", "3", "channel"] in paths
    assert ["input", "records", "5", "transcript", "0", "speaker"] in paths
    assert {int(path[2]) for path in paths} == {i for i in range(240) if i % 2}
    assert len(paths) == 120 + 40


@pytest.mark.parametrize(
    ("given_", "path"),
    [
        ({"endedAt": None}, "endedAt"),
        ({"sourceId": "1"}, "source"),
    ],
)
async def test_a_record_that_does_not_hang_together_is_refused_with_its_path(
    admin: Admin, nothing_is_written: None, given_: dict[str, Json], path: str
) -> None:
    (error,) = (await admin.ask(*mutation_of("recordSession"), i=RECORD | given_)).data["recordSession"]["errors"]

    assert (error["code"], ".".join(error["path"])) == ("INVALID", f"input.{path}")
    assert_clear(error["message"])


async def test_every_problem_of_an_input_is_told_at_once(admin: Admin) -> None:
    record = RECORD | {"conversationQuality": 9, "units": "-1", "id": "x"}

    errors = (await admin.ask(*mutation_of("recordSession"), i=record)).data["recordSession"]["errors"]

    places = {".".join(error["path"]) for error in errors}
    assert places == {"input.conversationQuality", "input.units", "input.id"}


async def test_a_bad_record_does_not_keep_the_good_ones_out(caller: MakeCaller, account: Account) -> None:
    await make_agent(account)
    ask = await caller(Role.RECORDER)
    bad = [RECORD | {"agent": "nobody"}, RECORD | {"units": "-1"}, RECORD | {"id": "x"}]
    query = """mutation($i: RecordSessionsInput!) { recordSessions(input: $i) {
        recordedCount duplicateCount results { sessionId status } errors { code path }
    } }"""

    payload = (await ask(query, i={"records": [bad[0], RECORD, bad[1], bad[2], RECORD]})).data["recordSessions"]

    statuses = [result["status"] for result in payload["results"]]
    assert statuses == ["REFUSED", "RECORDED", "REFUSED", "REFUSED", "RECORDED"]
    assert (payload["recordedCount"], payload["duplicateCount"]) == (2, 0)
    paths = sorted(".".join(error["path"]) for error in payload["errors"])
    assert paths == ["input.records.0.agent", "input.records.2.units", "input.records.3.id"]


async def test_more_than_ten_mutations_are_too_many(admin: Admin, statements: Statements) -> None:
    edits = " ".join(
        f'm{i}: updateSession(input: {{sessionId: "{admin.session}", patch: {{isTodo: true}}}}) {{ errors {{ code }} }}'
        for i in range(11)
    )

    answer = await admin.ask(f"mutation {{ {edits} }}")

    assert (answer.status, answer.code) == (400, "TOO_LARGE")
    assert "10 mutations" in answer.errors[0]["message"]
    assert [statement for statement in statements if "api_key" not in statement] == []
