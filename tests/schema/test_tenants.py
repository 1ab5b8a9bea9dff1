"""What lies outside the scope does not exist: other accounts, other integrations, other agents.

Not only is nothing shown: what is foreign is answered with the same bytes, and by the same statements, as what was
never given out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller
from support.records import TABLES, make_agent, record
from support.statements import Statements

pytestmark = pytest.mark.anyio

SHARED_ID = str(uuid4())
NEVER_GIVEN_OUT = str(uuid4())


ASK_FOR_REPORT = "mutation { requestSessionExport(input: {}) { export { id } errors { message } } }"


@dataclass(frozen=True, slots=True)
class Tenant:
    """An account with two agents, the ids that it has, and the key of its owner."""

    account: Account
    owner: Caller
    names: Mapping[str, str]


async def make_tenant(client: httpx.AsyncClient, database: Database, mark: str) -> Tenant:
    """Equal in agents, integrations, external ids and one session's id; `mark` tells the contents apart."""
    account = await find_or_create_account(f"a{uuid4().hex[:12]}")
    bistro, clinic = [await make_agent(account, idn=idn) for idn in ("bistro", "clinic")]
    await make_agent(account, idn=f"only-{mark}")
    anatomy = {"source": mark, "endReason": mark, "metadata": {mark: mark}}
    own = {
        **anatomy,
        "sessionType": mark,
        "connector": mark,
        "tags": [mark],
        "utms": {mark: mark},
        "contactName": f"{mark} Lee",
    }
    ids = await record(
        database,
        account,
        {"id": SHARED_ID, "externalId": "c-1", "integration": "crm", **own},
        {"agent": "clinic", "externalId": "c-1", "integration": "desk", **own, "leadValue": "7.50"},
        {"agent": "clinic", "externalId": f"x-{mark}", "integration": mark, **own, "isTest": True},
        {
            "externalId": "c-2",
            "integration": "crm",
            **own,
            "sourceId": f"r-{mark}",
            "transcript": [{"speaker": "USER", "text": f"{mark}!"}],
        },
    )
    owner = await make_caller(client, account, Role.ADMIN, {"email": f"{mark}@example.com"})
    export = (await owner(ASK_FOR_REPORT)).data["requestSessionExport"]["export"]["id"]
    reports = (await owner("{ exports { pageInfo { endCursor } } }")).data["exports"]["pageInfo"]
    page = (await owner("{ sessions(first: 1) { pageInfo { endCursor } } }")).data["sessions"]["pageInfo"]
    names = {
        "@account": str(account.id),
        "@agent": str(clinic.id),
        "@bistro": str(bistro.id),
        "@session": str(ids[1]),
        "@private": str(ids[2]),
        "@last": str(ids[3]),
        "@export": export,
        "@cursor": page["endCursor"],
        "@reports": reports["endCursor"],
        "@mark": mark,
    }
    return Tenant(account, owner, names)


@pytest.fixture
async def ours(client: httpx.AsyncClient, database: Database) -> Tenant:
    return await make_tenant(client, database, "ours")


@pytest.fixture
async def theirs(client: httpx.AsyncClient, database: Database) -> Tenant:
    return await make_tenant(client, database, "theirs")


async def state_of(database: Database, *tenants: Tenant) -> list[Any]:
    """Everything that is written of the accounts, but for their keys."""
    columns = [f"array(select t::text from {table} t where t.account_id = a.id order by 1)" for table in TABLES]
    ids = [tenant.account.id for tenant in tenants]
    rows = await database.fetch(f"select a::text, {', '.join(columns)} from account a where a.id = any($1)", ids)
    return sorted(map(tuple, rows))


async def fetch(client: httpx.AsyncClient, caller: Caller, query: str) -> bytes:
    response = await client.post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {caller.key}"})
    return b"%d %b" % (response.status_code, response.content)


async def assert_unknown(
    client: httpx.AsyncClient, caller: Caller, statements: Statements, query: str, foreign: str, never: str
) -> bytes:
    """What is foreign is answered like what was never given out: by the same bytes and the same statements."""
    answers, ran = [], []
    for name in (foreign, never):
        await statements.restart()
        answer = await fetch(client, caller, query.replace("@", name))
        answers.append(answer.replace(name.encode(), b"@"))
        ran.append(sorted(each for each in await statements.so_far() if "api_key" not in each))
    assert answers[0] == answers[1]
    assert ran[0] == ran[1]
    return answers[0]


SESSION = "id version summary contactName agent { idn } transcript { text } history { field }"

READS_BY_ID = [
    f'{{ session(id: "@") {{ {SESSION} }} }}',
    f'{{ nodes(ids: ["@"]) {{ id ... on Session {{ {SESSION} }} ... on Agent {{ idn }} ... on Account {{ name }} }} }}',
    f'{{ node(id: "@") {{ id ... on Session {{ {SESSION} }} ... on Agent {{ idn }} ... on Account {{ name }} }} }}',
    '{ agent(by: {id: "@"}) { idn sessions { totalCount } dashboard { totalAsr } } }',
    '{ export(id: "@") { id status deliveries { recipient } downloadUrl } }',
    '{ node(id: "@") { ... on SessionExport { requestedBy } } }',
]
EDIT = "{ session { id } errors { code message path } }"
WRITES_BY_ID = [
    f'mutation {{ overrideAssessment(input: {{sessionId: "@", humanAssessment: NO, comment: "x"}}) {EDIT} }}',
    f'mutation {{ updateSession(input: {{sessionId: "@", patch: {{isTodo: true}}}}) {EDIT} }}',
    f'mutation {{ updateSession(input: {{sessionId: "@", patch: {{isTodo: true}}, expectedVersion: 1}}) {EDIT} }}',
    f'mutation {{ updateSession(input: {{sessionId: "@", patch: {{isTodo: true}}, expectedVersion: 7}}) {EDIT} }}',
    f'mutation {{ updateSession(input: {{sessionId: "@", patch: {{conversationQuality: 9}}}}) {EDIT} }}',
    'mutation { updateSessions(input: {target: {ids: ["@"]}, patch: {isTodo: true}})'
    " { matchedCount changedCount errors { code message path } } }",
    'mutation { cancelSessionExport(input: {id: "@"}) { export { id } errors { code message path } } }',
    'mutation { retrySessionExport(input: {id: "@"}) { export { id } errors { code message path } } }',
    'mutation { revokeSessionExportLink(input: {id: "@", recipient: "ours@example.com"})'
    " { export { id } errors { code message path } } }",
]


@pytest.mark.parametrize("name", ["@session", "@private", "@agent", "@account", "@export"])
@pytest.mark.parametrize("query", READS_BY_ID + WRITES_BY_ID)
async def test_an_id_of_another_account_was_never_given_out(
    client: httpx.AsyncClient,
    database: Database,
    statements: Statements,
    ours: Tenant,
    theirs: Tenant,
    query: str,
    name: str,
) -> None:
    before = await state_of(database, ours, theirs)

    answer = await assert_unknown(client, ours.owner, statements, query, theirs.names[name], NEVER_GIVEN_OUT)

    assert answer.startswith(b"200 ")
    if query in READS_BY_ID:
        assert list(orjson.loads(answer[4:])["data"].values()) in ([None], [[None]])
    assert await state_of(database, ours, theirs) == before


async def test_an_edit_by_a_foreign_id_says_not_found(ours: Tenant, theirs: Tenant) -> None:
    query = WRITES_BY_ID[1].replace("@", theirs.names["@session"])

    payload = (await ours.owner(query)).data["updateSession"]

    assert payload["session"] is None
    assert [(e["code"], e["path"]) for e in payload["errors"]] == [("NOT_FOUND", ["input", "sessionId"])]


FILTERS = ['integrations: ["@"]', 'connectors: ["@"]', 'externalIds: ["x-@"]', 'tags: ["@"]']
FILTERS += ['sources: ["@"]', 'sourceIds: ["r-@"]', 'endReasons: ["@"]', 'metadata: [{key: "@"}]']
FILTERS += ['sessionTypes: ["@"]', 'utms: [{key: "@", value: "@"}]', 'search: "@"', 'not: {not: {search: "@ lee"}}']


@pytest.mark.parametrize("condition", FILTERS)
async def test_a_filter_by_foreign_values_finds_nothing(
    client: httpx.AsyncClient, statements: Statements, ours: Tenant, theirs: Tenant, condition: str
) -> None:
    asked = f"filter: {{{condition}}}"
    query = (
        f"{{ sessions({asked}) {{ totalCount nodes {{ id }} }} agents {{ sessions({asked}) {{ totalCount }} }}"
        f" dashboard({asked}, includeTest: true) {{ totalSessionCount groups(by: AGENT) {{ key }} }} }}"
    )

    found = await assert_unknown(client, ours.owner, statements, query, "theirs", "nobody")

    assert b'"totalSessionCount":0' in found
    own = (await ours.owner(query.replace("@", "ours"))).data["dashboard"]
    assert own["totalSessionCount"] > 0


@pytest.mark.parametrize(
    "query",
    [
        '{ sessions(filter: {agents: ["bistro", "only-@"]}) { totalCount } }',
        '{ dashboard(filter: {not: {agents: ["only-@"]}}) { totalSessionCount } }',
        '{ agents { sessions(filter: {anyOf: [{}, {agents: ["only-@"]}]}) { totalCount } } }',
        'mutation { updateSessions(input: {target: {filter: {agents: ["only-@"]}}, patch: {isTodo: true}})'
        " { matchedCount } }",
        'mutation { requestSessionExport(input: {filter: {agents: ["only-@"]}}) { export { id } } }',
    ],
)
async def test_an_agent_of_another_account_is_unknown_in_a_filter(
    client: httpx.AsyncClient, database: Database, statements: Statements, ours: Tenant, theirs: Tenant, query: str
) -> None:
    for tenant in (ours, theirs):
        assert (await tenant.owner('{ sessions(filter: {agents: ["bistro"]}) { totalCount } }')).data
    before = await state_of(database, ours, theirs)

    answer = orjson.loads((await assert_unknown(client, ours.owner, statements, query, "theirs", "nobody"))[4:])

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].endswith('is "only-@", which is not the idn of an agent that you may see')
    assert error["message"].startswith(".".join(error["extensions"]["path"]))
    assert await state_of(database, ours, theirs) == before


@pytest.mark.parametrize(
    "query",
    [
        '{ agent(by: {idn: "only-@"}) { id } }',
        '{ sessionsByExternalId(externalIds: ["x-@"]) { externalId totalCount sessions { id } } }',
        '{ sessionsByExternalId(externalIds: ["c-1"], integration: "@") { externalId totalCount sessions { id } } }',
        '{ sessionBySource(source: "@", sourceId: "r-@") { id } }',
        'mutation { updateAgent(input: {idn: "only-@", name: "x"}) { agent { id } errors { code message path } } }',
        'mutation { updateSessions(input: {target: {filter: {tags: ["@"]}}, patch: {isTodo: true}})'
        " { matchedCount changedCount errors { code message path } } }",
        'mutation { recordSession(input: {agent: "only-@", channel: SMS, startedAt: "2026-01-01T00:00:00Z",'
        ' endedAt: "2026-01-01T00:00:00Z"}) { session { id } errors { code message path } } }',
    ],
)
async def test_a_name_of_another_account_was_never_given(
    client: httpx.AsyncClient, database: Database, statements: Statements, ours: Tenant, theirs: Tenant, query: str
) -> None:
    before = await state_of(database, ours, theirs)

    await assert_unknown(client, ours.owner, statements, query, "theirs", "nobody")

    assert await state_of(database, ours, theirs) == before


@pytest.mark.parametrize("never", ["Y3Vyc29y", "no-cursor", "WyIwMDAwMDAwMDAwMDAiLDAsIiIsbnVsbF0"])
async def test_a_cursor_of_another_account_is_no_cursor(
    client: httpx.AsyncClient, statements: Statements, ours: Tenant, theirs: Tenant, never: str
) -> None:
    for page in ('after: "@"', 'first: 2, after: "@"', 'last: 2, before: "@"'):
        query = f"{{ sessions({page}) {{ nodes {{ id }} }} }}"
        refused = await assert_unknown(client, ours.owner, statements, query, theirs.names["@cursor"], never)

        assert refused.startswith(b'200 {"errors"')
        assert (await theirs.owner(query.replace("@", theirs.names["@cursor"]))).status == 200
    query = '{ exports(after: "@") { nodes { id } } }'
    await assert_unknown(client, ours.owner, statements, query, theirs.names["@reports"], never)
    assert (await theirs.owner(query.replace("@", theirs.names["@reports"]))).status == 200


async def test_equal_ids_of_two_accounts_are_two_sessions(ours: Tenant, theirs: Tenant) -> None:
    query = (
        f'{{ session(id: "{SHARED_ID}") {{ contactName }} node(id: "{SHARED_ID}") {{ ... on Session {{ tags }} }} }}'
    )

    answers = [(await tenant.owner(query)).data for tenant in (ours, theirs)]

    assert answers == [
        {"session": {"contactName": f"{mark} Lee"}, "node": {"tags": [mark]}} for mark in ("ours", "theirs")
    ]


async def test_an_edit_changes_the_own_session_of_two_with_one_id(
    database: Database, ours: Tenant, theirs: Tenant
) -> None:
    before = await state_of(database, theirs)
    edits = f"""mutation {{
        a: updateSession(input: {{sessionId: "{SHARED_ID}", patch: {{comment: "ours"}}}}) {{ errors {{ code }} }}
        b: updateSessions(input: {{target: {{ids: ["{SHARED_ID}"]}}, patch: {{isDone: true}}}}) {{ matchedCount }}
        c: updateSessions(input: {{target: {{filter: {{externalIds: ["c-1"]}}}}, patch: {{isTodo: true}}}}) {{
            matchedCount
        }}
    }}"""

    answer = await ours.owner(edits)

    assert answer.data == {"a": {"errors": []}, "b": {"matchedCount": 1}, "c": {"matchedCount": 2}}
    assert await state_of(database, theirs) == before


async def test_two_accounts_record_one_id_and_each_is_told_of_its_own(ours: Tenant, theirs: Tenant) -> None:
    query = """mutation($i: RecordSessionInput!) { recordSession(input: $i) {
        session { version summary } errors { code }
    } }"""
    moments = dict.fromkeys(("startedAt", "endedAt"), "2026-01-01T00:00:00Z")
    given = {"id": str(uuid4()), "agent": "bistro", "channel": "SMS", **moments}
    tenants = {"Of theirs.": theirs, "Of ours.": ours}

    for _ in ("recorded", "a duplicate"):
        for summary, tenant in tenants.items():
            answer = await tenant.owner(query, i={**given, "summary": summary})
            assert answer.data["recordSession"] == {"session": {"version": 1, "summary": summary}, "errors": []}


async def test_an_external_id_answers_each_account_with_its_own(ours: Tenant, theirs: Tenant) -> None:
    sessions = "totalCount sessions { contactName transcript { text } }"
    query = f'{{ sessionsByExternalId(externalIds: ["c-1", "c-2"]) {{ {sessions} }} }}'

    answers = [(await tenant.owner(query)).data["sessionsByExternalId"] for tenant in (ours, theirs)]

    for mark, (first, second) in zip(("ours", "theirs"), answers, strict=True):
        assert first == {"totalCount": 2, "sessions": [{"contactName": f"{mark} Lee", "transcript": []}] * 2}
        assert second["sessions"] == [{"contactName": f"{mark} Lee", "transcript": [{"text": f"{mark}!"}]}]


EVERYTHING = """{
    agents { id idn sessions { totalCount } dashboard(includeTest: true) { totalSessionCount } }
    sessions { totalCount nodes { id agent { id } } }
    dashboard(includeTest: true) { totalSessionCount groups(by: AGENT) { key } series { from } }
    viewer { account { id name filterOptions { sessionTypes integrations connectors utmKeys } } }
    exports { nodes { id deliveries { recipient } } }
}"""


async def test_nothing_of_another_account_is_in_any_answer(
    client: httpx.AsyncClient, ours: Tenant, theirs: Tenant
) -> None:
    shown = (await fetch(client, ours.owner, EVERYTHING)).decode()

    private = {name for key, name in theirs.names.items() if key not in ("@cursor", "@reports")}
    assert not [name for name in private if name in shown]
    assert '"sessionTypes":["ours"]' in shown
    assert orjson.loads(shown[4:])["data"]["dashboard"]["totalSessionCount"] == 4


@pytest.fixture
async def partners(client: httpx.AsyncClient, ours: Tenant) -> dict[str, Caller]:
    """By the integrations that each has."""
    integrations = (["crm"], ["desk"], ["crm", "desk"], ["nobody's"])
    return {
        "+".join(each): await make_caller(client, ours.account, Role.PARTNER, {"integrations": each})
        for each in integrations
    }


@pytest.mark.parametrize(("partner", "count"), [("crm", 2), ("desk", 1), ("crm+desk", 3), ("nobody's", 0)])
async def test_a_partner_sees_its_integrations_alone(
    ours: Tenant, partners: dict[str, Caller], partner: str, count: int
) -> None:
    answer = await partners[partner](EVERYTHING)

    assert answer.data["sessions"]["totalCount"] == len(answer.data["sessions"]["nodes"]) == count
    assert answer.data["dashboard"]["totalSessionCount"] == count
    assert sum(agent["sessions"]["totalCount"] for agent in answer.data["agents"]) == count
    assert sum(agent["dashboard"]["totalSessionCount"] for agent in answer.data["agents"]) == count
    options = answer.data["viewer"]["account"]["filterOptions"]
    assert options["integrations"] == ([] if partner == "nobody's" else partner.split("+"))
    assert options["sessionTypes"] == (["ours"] if count else [])


async def test_an_external_id_of_two_integrations_answers_each_partner_with_its_own(
    ours: Tenant, partners: dict[str, Caller]
) -> None:
    query = '{ sessionsByExternalId(externalIds: ["c-1"]) { totalCount sessions { id integration } } }'

    found = {
        name: (await caller(query)).data["sessionsByExternalId"][0]["sessions"] for name, caller in partners.items()
    }

    assert found["crm"] == [{"id": SHARED_ID, "integration": "crm"}]
    assert found["desk"] == [{"id": ours.names["@session"], "integration": "desk"}]
    assert {session["id"] for session in found["crm+desk"]} == {SHARED_ID, ours.names["@session"]}
    assert found["nobody's"] == []


PARTNERS_READS = [
    '{ session(id: "@") { id summary transcript { text } } }',
    '{ node(id: "@") { id } }',
]
PARTNERS_WRITES = [
    f'mutation {{ updateSession(input: {{sessionId: "@", patch: {{externalId: "mine"}}}}) {EDIT} }}',
    f'mutation {{ updateSession(input: {{sessionId: "@", patch: {{externalId: "m"}}, expectedVersion: 9}}) {EDIT} }}',
    'mutation { updateSessions(input: {target: {ids: ["@"]}, patch: {externalId: "mine"}})'
    " { matchedCount changedCount errors { code message path } } }",
]


@pytest.mark.parametrize("query", PARTNERS_READS + PARTNERS_WRITES)
async def test_a_session_of_another_integration_was_never_given_out(
    client: httpx.AsyncClient,
    database: Database,
    statements: Statements,
    ours: Tenant,
    partners: dict[str, Caller],
    query: str,
) -> None:
    before = await state_of(database, ours)

    await assert_unknown(client, partners["desk"], statements, query, SHARED_ID, NEVER_GIVEN_OUT)

    assert await state_of(database, ours) == before


@pytest.mark.parametrize(
    "condition", ['integrations: ["crm"]', 'not: {integrations: ["desk"]}', 'externalIds: ["c-2"]']
)
async def test_a_filter_does_not_widen_what_a_partner_sees(partners: dict[str, Caller], condition: str) -> None:
    asked = f"(filter: {{{condition}}})"

    answer = await partners["desk"](f"{{ sessions{asked} {{ totalCount }} dashboard{asked} {{ totalSessionCount }} }}")

    assert answer.data == {"sessions": {"totalCount": 0}, "dashboard": {"totalSessionCount": 0}}


async def test_a_partner_names_its_own_integration_or_another(partners: dict[str, Caller]) -> None:
    query = '{{ sessionsByExternalId(externalIds: ["c-1"], integration: "{}") {{ totalCount }} }}'

    counts = [
        (await partners["desk"](query.format(name))).data["sessionsByExternalId"][0]["totalCount"]
        for name in ("desk", "crm", "never")
    ]

    assert counts == [1, 0, 0]


async def test_a_partner_sets_the_external_id_of_its_own(ours: Tenant, partners: dict[str, Caller]) -> None:
    edit = PARTNERS_WRITES[2].replace('["@"]', f'["{SHARED_ID}", "{ours.names["@session"]}"]')

    answer = await partners["desk"](edit)

    assert answer.data["updateSessions"] == {"matchedCount": 1, "changedCount": 1, "errors": []}
    query = f'{{ a: session(id: "{SHARED_ID}") {{ externalId }} b: session(id: "@session") {{ externalId }} }}'
    after = await ours.owner(query.replace("@session", ours.names["@session"]))
    assert after.data == {"a": {"externalId": "c-1"}, "b": {"externalId": "mine"}}


@pytest.fixture(params=[Role.BUILDER, Role.PORTAL])
async def limited(request: pytest.FixtureRequest, client: httpx.AsyncClient, ours: Tenant) -> Caller:
    """Whose key is for the bistro alone; the clinic has two sessions of four."""
    return await make_caller(client, ours.account, request.param, {"agents": ["bistro"]})


async def test_who_is_limited_to_an_agent_sees_nothing_of_others(ours: Tenant, limited: Caller) -> None:
    answer = await limited("""{
        agents { id idn sessions { totalCount } dashboard(includeTest: true) { totalSessionCount } }
        sessions { totalCount nodes { id agent { id } } }
        dashboard(includeTest: true) { totalSessionCount groups(by: AGENT) { key } }
    }""")

    assert answer.data["agents"] == [
        {
            "id": ours.names["@bistro"],
            "idn": "bistro",
            "sessions": {"totalCount": 2},
            "dashboard": {"totalSessionCount": 2},
        }
    ]
    assert {node["agent"]["id"] for node in answer.data["sessions"]["nodes"]} == {ours.names["@bistro"]}
    assert {node["id"] for node in answer.data["sessions"]["nodes"]} == {SHARED_ID, ours.names["@last"]}
    assert answer.data["dashboard"] == {"totalSessionCount": 2, "groups": [{"key": "bistro"}]}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ('{ session(id: "@") { id summary transcript { text } } }', "@session"),
        ('{ node(id: "@") { __typename } }', "@session"),
        ('{ node(id: "@") { __typename } }', "@agent"),
        ('{ agent(by: {id: "@"}) { idn sessions { totalCount } dashboard { totalAsr } } }', "@agent"),
        (f'mutation {{ updateSession(input: {{sessionId: "@", patch: {{isTodo: true}}}}) {EDIT} }}', "@session"),
        (WRITES_BY_ID[5], "@session"),
        *((query, "@export") for query in (*READS_BY_ID[3:], *WRITES_BY_ID[6:])),
    ],
)
async def test_what_another_agent_held_was_never_given_out(
    client: httpx.AsyncClient,
    database: Database,
    statements: Statements,
    ours: Tenant,
    limited: Caller,
    query: str,
    name: str,
) -> None:
    before = await state_of(database, ours)

    await assert_unknown(client, limited, statements, query, ours.names[name], NEVER_GIVEN_OUT)

    assert await state_of(database, ours) == before


@pytest.mark.parametrize(
    "query", ['{ agent(by: {idn: "@"}) { id } }', '{ sessions(filter: {agents: ["@"]}) { totalCount } }']
)
async def test_the_name_of_another_agent_is_as_good_as_none(
    client: httpx.AsyncClient, statements: Statements, limited: Caller, query: str
) -> None:
    await assert_unknown(client, limited, statements, query, "clinic", "nobody")


async def test_the_offers_of_a_filter_are_those_of_the_agent(
    client: httpx.AsyncClient, database: Database, ours: Tenant, limited: Caller
) -> None:
    await record(database, ours.account, {"agent": "clinic", "sessionType": "secret", "tags": ["secret"]})

    answer = await limited("{ viewer { account { filterOptions { sessionTypes tags } } } }")

    assert answer.data["viewer"]["account"]["filterOptions"] == {"sessionTypes": ["ours"], "tags": ["ours"]}


async def test_an_external_id_answers_an_analyst_of_an_agent_with_the_agents_sessions(
    client: httpx.AsyncClient, ours: Tenant
) -> None:
    analyst = await make_caller(client, ours.account, Role.BUILDER, {"agents": ["bistro"]})

    answer = await analyst('{ sessionsByExternalId(externalIds: ["c-1", "x-ours"]) { totalCount sessions { id } } }')

    assert answer.data["sessionsByExternalId"] == [
        {"totalCount": 1, "sessions": [{"id": SHARED_ID}]},
        {"totalCount": 0, "sessions": []},
    ]


async def test_a_bulk_edit_by_who_is_limited_reaches_the_agents_sessions(ours: Tenant, limited: Caller) -> None:
    answer = await limited(
        'mutation { updateSessions(input: {target: {filter: {sessionTypes: ["ours"]}}, patch: {isDone: true}})'
        " { matchedCount changedCount } }"
    )

    assert answer.data["updateSessions"] == {"matchedCount": 2, "changedCount": 2}
    done = await ours.owner("{ sessions(filter: {isDone: true}) { nodes { agent { idn } } } }")
    assert done.data["sessions"]["nodes"] == [{"agent": {"idn": "bistro"}}] * 2
