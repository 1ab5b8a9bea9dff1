"""Who may read and do what, in every way that it can be named.

`access.md` is written out here a second time, on purpose: nothing below is taken from the source's own tables, so that
neither can be wrong alone. A field that is new in the schema belongs here, too, before these tests pass again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Answer, Caller, make_caller
from support.records import make_agent, record, state_of
from support.schema import SCHEMA, as_json
from support.statements import Statements

pytestmark = pytest.mark.anyio

BUILDER, ADMIN, PORTAL, PARTNER, RECORDER = Role.BUILDER, Role.ADMIN, Role.PORTAL, Role.PARTNER, Role.RECORDER
ROLES = (BUILDER, ADMIN, PORTAL, PARTNER, RECORDER)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SESSION = words(
    """
    isArchived sessionType isLead isOpportunity asr isTest isTodo contact contactInformation summary leadValue
    conversionRate recognition sessionLength autoAssessment humanAssessment conversationQuality workingHours comment
    units integration externalId actualResult expectedResult id utms
    startedAt endedAt durationSeconds channel connector agent contactName phone email isDone tags version updatedAt
    assessment asrFactors transcript history
    """
)
AGENT = words(
    """
    id idn name industry timeZone workingHours redirection conversionRatio recognition averageLeadValue unitName
    unitValue testContacts shortUnderSeconds longFromSeconds
    """
)
METRICS = words(
    """
    totalSessionCount totalLeadCount totalLeadValue totalOpportunityCount totalOpportunityValue
    totalAdditionalDealCount totalAsr opportunitySuccessScore conversationSuccessScore leadSuccessScore
    """
)
OPTIONS = words("sessionTypes integrations connectors tags utmKeys")
PARTNERS_FIGURES = words(
    """
    totalSessionCount totalLeadCount totalLeadValue totalOpportunityCount totalOpportunityValue leadSuccessScore
    """
)
NOTHING: frozenset[str] = frozenset()

READABLE: dict[str, dict[Role, frozenset[str]]] = {
    "Session": {
        BUILDER: SESSION,
        ADMIN: SESSION,
        PORTAL: words(
            """
            startedAt endedAt durationSeconds isDone isTodo sessionType summary asr tags comment conversationQuality
            channel contact id version updatedAt isTest isArchived agent transcript
            """
        ),
        PARTNER: SESSION - words("asr asrFactors conversionRate recognition conversationQuality comment tags history"),
        RECORDER: words("id version"),
    },
    # An id is what an agent is named by; it stands in every role's `node`.
    "Agent": {
        BUILDER: AGENT,
        ADMIN: AGENT,
        PORTAL: words("id idn name timeZone workingHours"),
        PARTNER: words("id idn name timeZone"),
        RECORDER: NOTHING,
    },
    "Dashboard": {
        BUILDER: METRICS,
        ADMIN: METRICS,
        PORTAL: METRICS,
        PARTNER: PARTNERS_FIGURES,
        RECORDER: NOTHING,
    },
    "FilterOptions": {
        BUILDER: OPTIONS,
        ADMIN: OPTIONS,
        PORTAL: words("sessionTypes tags"),
        PARTNER: OPTIONS - words("tags"),
        RECORDER: NOTHING,
    },
}
READABLE["DashboardTotals"] = READABLE["Dashboard"]

LIMITED = {"Session": SESSION, "Agent": AGENT, "Dashboard": METRICS, "FilterOptions": OPTIONS}
UNLIMITED = {
    "Session": NOTHING,
    "Agent": words("sessions dashboard"),
    "Dashboard": words("currency timeZone series groups previous"),
    "FilterOptions": NOTHING,
}
"""Fields that say nothing of their own: what is selected below them is limited itself."""

FILTERS: dict[str, tuple[str, frozenset[str]]] = {
    "search": ('"Ana"', NOTHING),
    "isLead": ("true", words("isLead")),
    "isOpportunity": ("true", words("isOpportunity")),
    "isTest": ("false", words("isTest")),
    "isTodo": ("true", words("isTodo")),
    "isDone": ("true", words("isDone")),
    "isArchived": ("false", words("isArchived")),
    "isReviewed": ("true", words("humanAssessment")),
    "workingHours": ("true", words("workingHours")),
    "autoAssessments": ("[YES_A]", words("autoAssessment")),
    "humanAssessments": ("[NO]", words("humanAssessment")),
    "assessments": ("[YES_A, NO]", words("assessment")),
    "channels": ("[VOICE]", words("channel")),
    "sessionLengths": ("[SHORT]", words("sessionLength")),
    "sessionTypes": ('["order"]', words("sessionType")),
    "agents": ('["bistro"]', words("agent")),
    "integrations": ('["crm"]', words("integration")),
    "connectors": ('["main"]', words("connector")),
    "externalIds": ('["e1"]', words("externalId")),
    "hasExternalId": ("true", words("externalId")),
    "tags": ('["vip"]', words("tags")),
    "utms": ('[{key: "utm_source", value: "ads"}]', words("utms")),
    "period": ("LAST_7_DAYS", words("startedAt")),
    "from": ('"2026-01-01T00:00:00Z"', words("startedAt")),
    "to": ('"2027-01-01T00:00:00Z"', words("startedAt")),
    "updatedFrom": ('"2026-01-01T00:00:00Z"', words("updatedAt")),
    "updatedTo": ('"2030-01-01T00:00:00Z"', words("updatedAt")),
    "leadValue": ('{from: "1.00"}', words("leadValue")),
    "asr": ("{to: 100}", words("asr")),
    "conversationQuality": ("{from: 4}", words("conversationQuality")),
}
"""A value of each condition, and the session's fields that it reads."""

ORDERS = {
    "STARTED_AT": "startedAt",
    "ENDED_AT": "endedAt",
    "UPDATED_AT": "updatedAt",
    "DURATION": "durationSeconds",
    "CONTACT": "contact",
    "SESSION_TYPE": "sessionType",
    "LEAD_VALUE": "leadValue",
    "ASR": "asr",
    "CONVERSATION_QUALITY": "conversationQuality",
    "AUTO_ASSESSMENT": "autoAssessment",
    "HUMAN_ASSESSMENT": "humanAssessment",
    "EXTERNAL_ID": "externalId",
}
GROUPS = {
    "CHANNEL": "channel",
    "SESSION_TYPE": "sessionType",
    "WORKING_HOURS": "workingHours",
    "AGENT": "agent",
    "INTEGRATION": "integration",
    "ASSESSMENT": "assessment",
    "SESSION_LENGTH": "sessionLength",
}

PATCH = {
    "isArchived": "true",
    "isLead": "true",
    "isOpportunity": "true",
    "isTest": "true",
    "isTodo": "true",
    "isDone": "true",
    "conversationQuality": "4",
    "comment": '"Called back."',
    "addTags": '["vip"]',
    "removeTags": '["old"]',
    "humanAssessment": "YES_A",
    "externalId": '"e2"',
}
EDITABLE = {
    BUILDER: frozenset(PATCH),
    ADMIN: frozenset(PATCH),
    PORTAL: words("isDone isTodo comment conversationQuality"),
    PARTNER: words("externalId"),
}

RECORD = '{agent: "bistro", channel: SMS, startedAt: "2026-11-16T15:00:00Z", endedAt: "2026-11-16T15:01:00Z"}'
ALL_BUT_RECORDER = frozenset({BUILDER, ADMIN, PORTAL, PARTNER})
MUTATIONS: dict[str, tuple[frozenset[Role], str]] = {
    "overrideAssessment": (frozenset({BUILDER, ADMIN}), 'input: {sessionId: "@session", humanAssessment: NO}'),
    "updateSession": (frozenset(EDITABLE), 'input: {sessionId: "@session", patch: {}}'),
    "updateSessions": (frozenset(EDITABLE), 'input: {target: {ids: ["@session"]}, patch: {}}'),
    "recordSession": (frozenset({ADMIN, RECORDER}), f"input: {RECORD}"),
    "recordSessions": (frozenset({ADMIN, RECORDER}), f"input: [{RECORD}]"),
    "createAgent": (frozenset({ADMIN}), 'input: {idn: "@new", name: "New", timeZone: "UTC"}'),
    "updateAgent": (frozenset({ADMIN}), 'input: {idn: "bistro", name: "Renamed"}'),
    "updateAccount": (frozenset({ADMIN}), 'input: {name: "Renamed"}'),
    "requestSessionExport": (ALL_BUT_RECORDER, "input: {recipients: []}"),
    "cancelSessionExport": (ALL_BUT_RECORDER, 'id: "@session"'),
    "retrySessionExport": (ALL_BUT_RECORDER, 'id: "@session"'),
}
"""Who may call what, with arguments to call it with."""


def code_of(field: str) -> str:
    """The column's value of the enum SessionColumn."""
    return re.sub(r"(?=[A-Z])", "_", field).upper()


def literals(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{name}: {FILTERS[name][0]}" for name in sorted(names)) + "}"


def refused_of(role: Role, type_name: str, fields: Iterable[str]) -> set[str]:
    """As the error names them."""
    return {f"{type_name}.{field}" for field in fields if field not in READABLE[type_name][role]}


@dataclass(frozen=True, slots=True)
class Callers:
    """An account with an agent and a session, and a caller of every role."""

    account: Account
    by_role: Mapping[Role, Caller]
    names: Mapping[str, str]

    async def ask(self, role: Role, query: str, **variables: Any) -> Answer:
        for token, value in {**self.names, "@new": f"n{uuid4().hex}"}.items():
            query = query.replace(token, value)
        return await self.by_role[role](query, **variables)


@pytest.fixture(scope="module")
async def callers(client: httpx.AsyncClient, database: Database) -> Callers:
    account = await find_or_create_account(f"a{uuid4().hex[:12]}")
    agent = await make_agent(account)
    (session,) = await record(database, account, {"externalId": "e1", "integration": "crm", "sessionType": "order"})
    by_role = {role: await make_caller(client, account, role) for role in ROLES}
    return Callers(account, by_role, {"@session": str(session), "@agent": str(agent.id), "@account": str(account.id)})


def assert_refused(answer: Answer, role: Role, fields: set[str], statements: Statements) -> None:
    """One error that names each of these fields, and nothing was asked of the database but who it is."""
    assert answer.status == 403
    assert answer.body.keys() == {"errors"}
    assert answer.code == "FORBIDDEN_FIELD"
    assert answer.errors[0]["extensions"]["fields"] == sorted(fields)
    assert answer.errors[0]["message"].startswith(f"The role {role} may not read or set {min(fields)}")
    assert [statement for statement in statements if "api_key" not in statement] == []


def select(type_name: str, fields: Iterable[str], *, aliased: bool = False) -> str:
    """The fields as a selection; of those that have fields themselves, only the type's name."""
    found = SCHEMA.type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    parts = []
    for index, name in enumerate(sorted(fields)):
        kind = str(found.fields[name].type).strip("[]!")
        below = " { __typename }" if isinstance(SCHEMA.type_map[kind], GraphQLObjectType) else ""
        parts.append((f"a{index}: " if aliased else "") + name + below)
    return " ".join(["__typename", *parts])


WAYS: dict[str, list[str]] = {
    "Session": [
        '{ session(id: "@session") { FIELDS } }',
        '{ node(id: "@session") { ... on Session { FIELDS } } }',
        '{ node(id: "@session") { ...a } } fragment a on Node { ... on Session { FIELDS } }',
        "{ sessions { nodes { FIELDS } } }",
        "{ sessions { edges { node { FIELDS } } } }",
        '{ sessionsByExternalId(externalIds: ["e1"]) { sessions { FIELDS } } }',
        "{ agents { sessions { nodes { FIELDS } } } }",
        '{ agent(by: {idn: "bistro"}) { sessions { edges { node { FIELDS } } } } }',
        '{ node(id: "@agent") { ... on Agent { sessions { nodes { FIELDS } } } } }',
        "{ sessions { nodes { ALIASED } } }",
        "{ sessions { nodes { ...a } } } fragment a on Session { FIELDS }",
        "{ ...a } fragment a on Query { x: sessions { ...b } } fragment b on SessionConnection { nodes { FIELDS } }",
        "{ sessions { nodes { ... { FIELDS } } } }",
        "{ sessions { nodes { ... on Node { ... on Session { FIELDS } } } } }",
        "{ sessions { nodes { id } } sessions { nodes { FIELDS } } }",
        '{ a: session(id: "@session") { id } b: session(id: "@session") { FIELDS } }',
        "{ sessions { nodes { ... @include(if: true) { FIELDS } } } }",
        "query($no: Boolean! = false) { sessions { nodes @skip(if: $no) { FIELDS } } }",
    ],
    "Agent": [
        "{ agents { FIELDS } }",
        '{ agent(by: {idn: "bistro"}) { FIELDS } }',
        '{ agent(by: {id: "@agent"}) { FIELDS } }',
        '{ node(id: "@agent") { ... on Agent { FIELDS } } }',
        "{ agents { ALIASED } }",
        "{ agents { ...a } } fragment a on Agent { FIELDS }",
        "{ sessions { nodes { agent { FIELDS } } } }",
        "{ sessions { edges { node { agent { FIELDS } } } } }",
        '{ session(id: "@session") { agent { FIELDS } } }',
        "{ agents { sessions { nodes { agent { FIELDS } } } } }",
    ],
    "Dashboard": [
        "{ dashboard { FIELDS } }",
        "{ dashboard { ALIASED } }",
        "{ dashboard { ...a } } fragment a on Dashboard { FIELDS }",
        "{ agents { dashboard { FIELDS } } }",
        '{ agent(by: {idn: "bistro"}) { dashboard { FIELDS } } }',
        '{ node(id: "@agent") { ... on Agent { dashboard { FIELDS } } } }',
        "{ sessions { nodes { agent { dashboard { FIELDS } } } } }",
    ],
    "DashboardTotals": [
        "{ dashboard(filter: {period: LAST_7_DAYS}) { previous { FIELDS } } }",
        "{ dashboard { series { totals { FIELDS } } } }",
        "{ dashboard { groups(by: CHANNEL) { key totals { FIELDS } } } }",
        "{ dashboard { groups(by: CHANNEL) { totals { ALIASED } } } }",
        "{ dashboard { series { ...a } } } fragment a on DashboardPoint { totals { FIELDS } }",
        "{ agents { dashboard { groups(by: AGENT) { totals { FIELDS } } } } }",
    ],
    "FilterOptions": [
        "{ viewer { account { filterOptions { FIELDS } } } }",
        "{ viewer { account { filterOptions { ALIASED } } } }",
        '{ node(id: "@account") { ... on Account { filterOptions { FIELDS } } } }',
    ],
}
NAMED_BY_THE_WAY = {
    "sessionsByExternalId": "externalId",
    "agent {": "agent",
    "groups(by: CHANNEL)": "channel",
    "groups(by: AGENT)": "agent",
    "period": "startedAt",
}
"""Fields of a session that a way names itself."""


def named_by(way: str) -> set[str]:
    found = {field for mark, field in NAMED_BY_THE_WAY.items() if mark in way}
    return found | ({"id"} if re.search(r"\{ id \}", way) else set())


def ask_for(way: str, type_name: str, fields: Iterable[str]) -> str:
    aliased = select(type_name, fields, aliased=True)
    return way.replace("ALIASED", aliased).replace("FIELDS", select(type_name, fields))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("type_name", "way"), [(type_name, way) for type_name in WAYS for way in WAYS[type_name]])
async def test_a_field_is_read_or_refused_however_it_is_selected(
    callers: Callers, statements: Statements, type_name: str, way: str, role: Role
) -> None:
    fields = LIMITED[type_name.replace("Totals", "")]
    readable = READABLE[type_name][role]
    of_the_way = refused_of(role, "Session", named_by(way))
    refused = refused_of(role, type_name, fields) | of_the_way

    whole = await callers.ask(role, ask_for(way, type_name, fields))
    if refused:
        assert_refused(whole, role, refused, statements)
    else:
        assert whole.data

    await statements.restart()
    rest = await callers.ask(role, ask_for(way, type_name, readable))
    if of_the_way:
        assert_refused(rest, role, of_the_way, statements)
    else:
        assert rest.data


@pytest.mark.parametrize("role", ROLES)
async def test_a_field_alone_is_refused_like_among_others(callers: Callers, statements: Statements, role: Role) -> None:
    for field in sorted(SESSION):
        await statements.restart()
        answer = await callers.ask(role, f'{{ session(id: "@session") {{ {select("Session", [field])} }} }}')

        if field in READABLE["Session"][role]:
            assert answer.data.keys() == {"session"}
            assert any("from session" in statement for statement in statements)
        else:
            assert_refused(answer, role, {f"Session.{field}"}, statements)


@pytest.mark.parametrize("role", EDITABLE)
async def test_a_payload_is_read_like_any_session(callers: Callers, statements: Statements, role: Role) -> None:
    edit = 'mutation {{ updateSession(input: {{sessionId: "@session", patch: {{}}}}) {{ session {{ {} }} }} }}'
    refused = refused_of(role, "Session", SESSION)

    whole = await callers.ask(role, edit.format(select("Session", SESSION)))
    if refused:
        assert_refused(whole, role, refused, statements)

    readable = await callers.ask(role, edit.format(select("Session", READABLE["Session"][role])))
    assert readable.data["updateSession"]["session"]["id"] == callers.names["@session"]


@pytest.mark.parametrize(
    "query",
    [
        "{ sessions { nodes { id comment @skip(if: true) } } }",
        "{ sessions { nodes { id comment @include(if: false) } } }",
        "{ sessions { nodes { id ... @skip(if: true) { comment } } } }",
        "{ sessions { nodes { id ...a @include(if: false) } } } fragment a on Session { comment }",
        "query($no: Boolean = false) { sessions { nodes { id comment @include(if: $no) } } }",
        "query($no: Boolean!) { sessions { nodes { id comment @include(if: $no) } } }",
        "query($no: Boolean!) { sessions @include(if: $no) { nodes { comment } } }",
        "query($no: Boolean!) { sessions(orderBy: {field: ASR}) @include(if: $no) { nodes { comment } } }",
        "{ agents { ... on Agent @skip(if: true) { conversionRatio } } }",
    ],
)
async def test_what_is_skipped_does_not_count(callers: Callers, query: str) -> None:
    answer = await callers.ask(PARTNER, query, **({"no": False} if "$no: Boolean!" in query else {}))

    assert answer.status == 200
    assert "comment" not in str(answer.data)


async def test_only_the_operation_that_is_run_counts(client: httpx.AsyncClient, callers: Callers) -> None:
    query = "query Mine { sessions { nodes { id } } } query Other { sessions { nodes { comment } } }"
    headers = {"Authorization": f"Bearer {callers.by_role[PARTNER].key}"}

    mine, other = [
        await client.post("/graphql", json={"query": query, "operationName": name}, headers=headers)
        for name in ("Mine", "Other")
    ]

    assert (mine.status_code, other.status_code) == (200, 403)


async def test_a_get_is_no_other_way(client: httpx.AsyncClient, callers: Callers) -> None:
    headers = {"Authorization": f"Bearer {callers.by_role[PARTNER].key}"}

    answer = await client.get("/graphql", params={"query": "{ sessions { nodes { comment } } }"}, headers=headers)

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["fields"] == ["Session.comment"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", FILTERS)
async def test_a_condition_reads_its_columns(callers: Callers, statements: Statements, name: str, role: Role) -> None:
    literal, fields = FILTERS[name]
    refused = refused_of(role, "Session", fields)
    filter_ = SCHEMA.type_map["SessionFilter"]
    assert isinstance(filter_, GraphQLInputObjectType)
    type_ = filter_.fields[name].type

    for query, variables in (
        (f"{{ sessions(filter: {{{name}: {literal}}}) {{ totalCount }} }}", {}),
        (f"query($v: {type_}) {{ sessions(filter: {{{name}: $v}}) {{ totalCount }} }}", {"v": as_json(literal)}),
    ):
        await statements.restart()
        answer = await callers.ask(role, query, **variables)
        if refused:
            assert_refused(answer, role, refused, statements)
        else:
            assert answer.data["sessions"].keys() == {"totalCount"}


FILTER_WAYS = [
    "{ sessions(filter: FILTER) { totalCount } }",
    "{ sessions(filter: {anyOf: [{}, FILTER]}) { totalCount } }",
    "{ sessions(filter: {not: FILTER}) { totalCount } }",
    "{ sessions(filter: {not: {anyOf: [{}, {not: FILTER}]}}) { totalCount } }",
    "{ agents { sessions(filter: FILTER) { totalCount } } }",
    '{ agent(by: {idn: "bistro"}) { sessions(filter: {not: FILTER}) { totalCount } } }',
    "{ dashboard(filter: FILTER) { currency } }",
    "{ dashboard(filter: {anyOf: [FILTER]}) { currency } }",
    "{ agents { dashboard(filter: FILTER) { currency } } }",
    "{ a: sessions { totalCount } b: sessions(filter: FILTER) { totalCount } }",
    "query($f: SessionFilter) { sessions(filter: $f) { totalCount } }",
    "query($f: SessionFilter!) { sessions(filter: {anyOf: [$f]}) { totalCount } }",
    "query($f: [SessionFilter!]) { sessions(filter: {anyOf: $f}) { totalCount } }",
    "query($f: SessionFilter!) { sessions(filter: {not: $f}) { totalCount } }",
    "query($f: SessionFilter) { agents { dashboard(filter: {not: $f}) { currency } } }",
    "query($g: SessionFilter = FILTER) { sessions(filter: $g) { totalCount } }",
]
BULK_EDITS = [
    "mutation { updateSessions(input: {target: {filter: FILTER}, patch: {}, dryRun: true}) { matchedCount } }",
    "mutation { updateSessions(input: {target: {filter: {not: {anyOf: [FILTER]}}}, patch: {}, dryRun: true})"
    " { matchedCount } }",
    "mutation($f: SessionFilter!) { updateSessions(input: {target: {filter: $f}, patch: {}, dryRun: true})"
    " { matchedCount } }",
    "mutation($t: SessionTarget!) { updateSessions(input: {target: $t, patch: {}, dryRun: true}) { matchedCount } }",
    "mutation($i: UpdateSessionsInput!) { updateSessions(input: $i) { matchedCount } }",
]
REPORTS = [
    "mutation { requestSessionExport(input: {recipients: [], filter: FILTER}) { errors { code } } }",
    "mutation { requestSessionExport(input: {recipients: [], filter: {not: FILTER}}) { errors { code } } }",
    "mutation($f: SessionFilter) { requestSessionExport(input: {recipients: [], filter: $f}) { errors { code } } }",
]


def filter_variables(way: str, literal: str) -> dict[str, Any]:
    value = as_json(literal)
    all_of_them = {"f": value, "t": {"filter": value}, "i": {"target": {"filter": value}, "patch": {}, "dryRun": True}}
    return {name: value for name, value in all_of_them.items() if f"${name}:" in way}


@pytest.mark.parametrize(
    ("way", "role"),
    [(way, role) for way in FILTER_WAYS for role in ROLES]
    + [(way, role) for way in BULK_EDITS + REPORTS for role in EDITABLE],
)
async def test_conditions_count_wherever_a_filter_stands(
    callers: Callers, statements: Statements, way: str, role: Role
) -> None:
    used = FILTERS.keys() - {"from", "to"}  # a period excludes them
    allowed = {name for name in used if not refused_of(role, "Session", FILTERS[name][1])}
    refused = refused_of(role, "Session", {field for name in used for field in FILTERS[name][1]})

    whole = literals(used)
    answer = await callers.ask(role, way.replace("FILTER", whole), **filter_variables(way, whole))
    if refused:
        assert_refused(answer, role, refused, statements)

    rest = literals(allowed)
    assert (await callers.ask(role, way.replace("FILTER", rest), **filter_variables(way, rest))).data


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ORDERS)
async def test_an_order_reads_its_column(callers: Callers, statements: Statements, name: str, role: Role) -> None:
    refused = refused_of(role, "Session", {ORDERS[name]})

    for query, variables in (
        (f"{{ sessions(orderBy: {{field: {name}}}) {{ totalCount }} }}", {}),
        (f"{{ agents {{ sessions(orderBy: {{field: {name}, direction: ASC}}) {{ totalCount }} }} }}", {}),
        ("query($o: SessionOrder) { sessions(orderBy: $o) { totalCount } }", {"o": {"field": name}}),
        ("query($f: SessionOrderField!) { sessions(orderBy: {field: $f}) { totalCount } }", {"f": name}),
    ):
        await statements.restart()
        answer = await callers.ask(role, query, **variables)
        if refused:
            assert_refused(answer, role, refused, statements)
        else:
            assert answer.data


@pytest.mark.parametrize("role", EDITABLE)
async def test_a_report_is_asked_for_in_orders_and_columns_that_may_be_read(
    callers: Callers, statements: Statements, role: Role
) -> None:
    reports = [
        *((f"orderBy: {{field: {name}}}", frozenset({field})) for name, field in ORDERS.items()),
        *((f"columns: [{code_of(field)}]", frozenset({field})) for field in SESSION),
        (f"columns: [{', '.join(map(code_of, sorted(SESSION)))}]", SESSION),
    ]
    for arguments, fields in reports:
        refused = refused_of(role, "Session", fields)
        await statements.restart()
        answer = await callers.ask(
            role, f"mutation {{ requestSessionExport(input: {{recipients: [], {arguments}}}) {{ errors {{ path }} }} }}"
        )
        if refused:
            assert_refused(answer, role, refused, statements)
        else:
            assert answer.data["requestSessionExport"]["errors"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", GROUPS)
async def test_a_group_reads_its_column(callers: Callers, statements: Statements, name: str, role: Role) -> None:
    refused = refused_of(role, "Session", {GROUPS[name]})

    for query, variables in (
        (f"{{ dashboard {{ groups(by: {name}) {{ key }} }} }}", {}),
        (f"{{ agents {{ dashboard {{ x: groups(by: {name}) {{ key }} }} }} }}", {}),
        ("query($g: DashboardGroup!) { dashboard { groups(by: $g) { __typename } } }", {"g": name}),
    ):
        await statements.restart()
        answer = await callers.ask(role, query, **variables)
        if refused:
            assert_refused(answer, role, refused, statements)
        else:
            assert answer.data


PATCH_WAYS = [
    'mutation { updateSession(input: {sessionId: "@session", patch: PATCH}) { errors { code } } }',
    'mutation { updateSessions(input: {target: {ids: ["@session"]}, patch: PATCH, dryRun: true}) { errors { code } } }',
    'mutation { a: updateSession(input: {sessionId: "@session", patch: {}}) { session { id } }'
    ' b: updateSession(input: {sessionId: "@session", patch: PATCH}) { errors { code } } }',
    "mutation { ...a } fragment a on Mutation"
    ' { updateSession(input: {sessionId: "@session", patch: PATCH}) { errors { code } } }',
    'mutation($p: SessionPatch!) { updateSession(input: {sessionId: "@session", patch: $p}) { errors { code } } }',
    "mutation($i: UpdateSessionInput!) { updateSession(input: $i) { errors { code } } }",
]


def patch_variables(callers: Callers, way: str, literal: str) -> dict[str, Any]:
    patch = as_json(literal)
    all_of_them = {"p": patch, "i": {"sessionId": callers.names["@session"], "patch": patch}}
    return {name: value for name, value in all_of_them.items() if f"${name}:" in way}


def patch_of(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{name}: {PATCH[name]}" for name in sorted(names)) + "}"


@pytest.mark.parametrize("role", EDITABLE)
@pytest.mark.parametrize("way", PATCH_WAYS)
async def test_a_field_is_set_or_refused_however_it_is_patched(
    callers: Callers, database: Database, statements: Statements, way: str, role: Role
) -> None:
    refused = {f"SessionPatch.{name}" for name in PATCH.keys() - EDITABLE[role]}
    before = await state_of(database, callers.account)

    await statements.restart()
    whole = patch_of(PATCH)
    if refused:
        answer = await callers.ask(role, way.replace("PATCH", whole), **patch_variables(callers, way, whole))
        assert_refused(answer, role, refused, statements)
        assert await state_of(database, callers.account) == before

    rest = patch_of(EDITABLE[role])
    answer = await callers.ask(role, way.replace("PATCH", rest), **patch_variables(callers, way, rest))
    assert all(payload.get("errors", []) == [] for payload in answer.data.values())


MUTATION_WAYS = [
    "mutation { NAME(ARGUMENTS) { __typename } }",
    "mutation { a: NAME(ARGUMENTS) { __typename } }",
    "mutation { ... on Mutation { ...a } } fragment a on Mutation { NAME(ARGUMENTS) { __typename } }",
    "mutation($yes: Boolean! = true) { __typename NAME(ARGUMENTS) @include(if: $yes) { __typename } }",
]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", MUTATIONS)
async def test_a_mutation_is_called_or_forbidden(
    callers: Callers, database: Database, statements: Statements, name: str, role: Role
) -> None:
    allowed, arguments = MUTATIONS[name]
    before = await state_of(database, callers.account)

    for way in MUTATION_WAYS:
        await statements.restart()
        answer = await callers.ask(role, way.replace("NAME", name).replace("ARGUMENTS", arguments))
        if role in allowed:
            assert answer.data
        else:
            assert (answer.status, answer.code) == (403, "FORBIDDEN")
            assert answer.body == {
                "errors": [
                    {"message": f"The role {role} may not call {name}.", "extensions": {"code": "FORBIDDEN"}},
                ]
            }
            assert [statement for statement in statements if "api_key" not in statement] == []
            assert await state_of(database, callers.account) == before


async def test_a_mutation_that_is_skipped_is_not_called(callers: Callers) -> None:
    answer = await callers.ask(
        PARTNER,
        'mutation { __typename updateAccount(input: {name: "x"}) @skip(if: true) { errors { code } } }',
    )

    assert answer.data == {"__typename": "Mutation"}


async def test_what_stands_before_a_forbidden_mutation_is_not_done_either(callers: Callers, database: Database) -> None:
    before = await state_of(database, callers.account)

    answer = await callers.ask(
        PARTNER,
        'mutation { updateSession(input: {sessionId: "@session", patch: {externalId: "mine"}}) { errors { code } }'
        ' updateAccount(input: {name: "mine"}) { errors { code } } }',
    )

    assert answer.code == "FORBIDDEN"
    assert await state_of(database, callers.account) == before


@pytest.mark.parametrize("role", ROLES)
async def test_a_viewer_is_told_the_columns_that_it_may_read(callers: Callers, role: Role) -> None:
    answer = await callers.ask(role, "{ viewer { role visibleColumns } }")

    assert set(answer.data["viewer"]["visibleColumns"]) == {code_of(field) for field in READABLE["Session"][role]}
    assert answer.data["viewer"]["role"] == role


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ('{ session(id: "@session") { id version } }', {"session": None}),
        ('{ node(id: "@session") { ... on Session { id version } } }', {"node": None}),
        ('{ node(id: "@agent") { __typename } }', {"node": None}),
        ("{ agents { __typename } }", {"agents": []}),
        ('{ agent(by: {idn: "bistro"}) { __typename } }', {"agent": None}),
        ('{ agent(by: {id: "@agent"}) { sessions { totalCount } } }', {"agent": None}),
        ("{ sessions(orderBy: null) { totalCount } }", {"sessions": {"totalCount": 0}}),
        ("{ sessions { nodes { id } edges { cursor } } }", {"sessions": {"nodes": [], "edges": []}}),
        ('{ sessions(filter: {search: "user"}) { totalCount } }', {"sessions": {"totalCount": 0}}),
        ("{ sessions(filter: {not: {anyOf: []}}) { totalCount } }", {"sessions": {"totalCount": 0}}),
        ("{ sessions(last: 5) { pageInfo { endCursor } } }", {"sessions": {"pageInfo": {"endCursor": None}}}),
        ("{ exports { nodes { id } } }", {"exports": {"nodes": []}}),
        ('{ export(id: "@session") { id } }', {"export": None}),
        ("{ dashboard { currency series { from } } }", {"dashboard": {"currency": "USD", "series": []}}),
        ("{ dashboard(includeTest: true) { previous { __typename } } }", {"dashboard": {"previous": None}}),
    ],
)
async def test_a_recorder_sees_no_session_by_any_way(callers: Callers, query: str, answer: dict[str, Any]) -> None:
    assert (await callers.ask(RECORDER, query)).data == answer


async def test_a_recorder_is_told_id_and_version_of_what_it_records(
    callers: Callers, database: Database, statements: Statements
) -> None:
    record_it = (
        "mutation($i: RecordSessionInput!) {{ recordSession(input: $i) {{ session {{ {} }} errors {{ code }} }} }}"
    )
    given = as_json(RECORD) | {"id": str(uuid4()), "summary": "private"}
    before = await state_of(database, callers.account)

    await statements.restart()
    refused = await callers.ask(RECORDER, record_it.format(select("Session", SESSION)), i=given)
    assert_refused(refused, RECORDER, refused_of(RECORDER, "Session", SESSION), statements)
    assert await state_of(database, callers.account) == before

    told = await callers.ask(RECORDER, record_it.format("id version"), i=given)
    assert told.data["recordSession"] == {"session": {"id": given["id"], "version": 1}, "errors": []}


def test_this_transcription_is_of_the_whole_schema() -> None:
    for name, limited in LIMITED.items():
        found = SCHEMA.type_map[name]
        assert isinstance(found, GraphQLObjectType)
        assert set(found.fields) == limited | UNLIMITED[name]
    assert fields_of("DashboardTotals") == METRICS
    assert fields_of("SessionFilter") == FILTERS.keys() | {"anyOf", "not"}
    assert fields_of("SessionPatch") == PATCH.keys()
    assert fields_of("Mutation") == MUTATIONS.keys()
    assert values_of("SessionColumn") == {code_of(field) for field in SESSION}
    assert values_of("SessionOrderField") == ORDERS.keys()
    assert values_of("DashboardGroup") == GROUPS.keys()
    assert values_of("Role") == set(ROLES)


def fields_of(name: str) -> set[str]:
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLObjectType | GraphQLInputObjectType)
    return set(found.fields)


def values_of(name: str) -> set[str]:
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLEnumType)
    return set(found.values)
