"""Wrong input gets the right code, a clear sentence and nothing else: nothing is written, and nothing is our fault."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLObjectType,
    get_nullable_type,
    parse_value,
    value_from_ast_untyped,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.http.negotiation import GRAPHQL
from session_graph.schema.schema import build_schema
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Answer, make_caller
from support.records import make_agent, record
from support.statements import Statements
from tools.reference import MUTATION_CODES

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()._schema
PYTHON = re.compile(
    r"\b(None|NoneType|True|False|UNSET|dict|tuple|str|bool|datetime|UUID\()\b|__\w+__|<\w+[ .]|Maybe\[|\wError\b|sys\."
    r"|pydantic|asyncpg|strawberry|should match|Traceback|\.py\b"
)
"""Words that only Python would use."""

Json = Any


@dataclass(frozen=True, slots=True)
class World:
    """An account with the bistro and one session, and its owner's key."""

    client: httpx.AsyncClient
    account: Account
    key: str
    session: str

    async def send(self, body: bytes | Json) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Accept": GRAPHQL, "Content-Type": "application/json"}
        response = await self.client.post("/graphql", content=content, headers=headers)
        return Answer(response.status_code, response.json())

    async def ask(self, query: str, **variables: Json) -> Answer:
        return await self.send({"query": query, "variables": variables})


@pytest.fixture(scope="module")
async def world(client: httpx.AsyncClient, database: Database) -> World:
    account = await find_or_create_account(f"a{uuid4().hex[:12]}")
    await make_agent(account)
    (session,) = await record(database, account, {"externalId": "e1", "tags": ["old"]})
    caller = await make_caller(client, account, Role.ADMIN, {"email": "petra@example.com"})
    return World(client, account, caller.key, str(session))


@pytest.fixture(autouse=True)
async def _nothing_is_written(world: World, database: Database) -> AsyncIterator[None]:
    before = await state_of(database, world.account)
    yield
    assert await state_of(database, world.account) == before


async def state_of(database: Database, account: Account) -> list[Any]:
    """Everything that is written of the account, but for its keys."""
    tables = ("session", "session_change", "transcript", "agent", "session_export", "export_recipient")
    columns = [f"array(select t::text from {table} t where t.account_id = $1 order by 1)" for table in tables]
    row = await database.fetchrow(f"select a::text, {', '.join(columns)} from account a where a.id = $1", account.id)
    assert row
    return list(row)


def assert_refused(answer: Answer, phrase: str, statements: Statements) -> None:
    """Before anything was executed: status 400, one code, a sentence, and no statement but the key's."""
    assert answer.status == 400
    assert answer.body.keys() == {"errors"}
    assert {error["extensions"]["code"] for error in answer.errors} == {"BAD_USER_INPUT"}
    assert phrase in answer.errors[0]["message"]
    for error in answer.errors:
        assert_clear(error["message"])
    assert [statement for statement in statements if "api_key" not in statement] == []


def assert_clear(message: str) -> None:
    assert 0 < len(message) <= 500
    assert not PYTHON.search(message), message


def as_json(literal: str) -> Json:
    return value_from_ast_untyped(parse_value(literal))


def many(literal: str, count: int = 1001) -> str:
    return f"[{', '.join([literal] * count)}]"


def conditions(count: int) -> str:
    return "{anyOf: [" + ", ".join(["{isLead: true}"] * (count - 1)) + "]}"


OFFSET = "must be an RFC 3339 date and time with an offset, such as 2026-11-21T14:03:05Z"
PLAIN = 'must be a plain decimal number, such as "70.20"'
QUOTED = 'must be a decimal in a string, such as "70.20", or a whole number'
NO_NULL = "must not be null; leave it out to ask nothing"
NO_SEARCH = "filter.search must have a letter of a name, or at least 4 digits of a phone number"
NOON, LATER = '"2026-11-21T12:00:00Z"', '"2026-11-21T12:00:00.000001Z"'

WRONG_FILTERS = [
    ('{from: "2026-11-21T14:03:05"}', OFFSET),
    ('{to: "2026-11-21"}', OFFSET),
    ('{updatedFrom: "21 November 2026"}', OFFSET),
    ('{updatedTo: "2026-11-21T14:03:05 Z"}', OFFSET),
    ('{from: ""}', OFFSET),
    ("{from: 1795269600}", OFFSET),
    ("{from: true}", OFFSET),
    ('{from: ["2026-11-21"]}', OFFSET),
    ('{from: "2026-02-30T00:00:00Z"}', "is not a date and time that exists"),
    ('{from: "2026-11-21T24:00:00Z"}', "is not a date and time that exists"),
    ('{from: "2026-11-21T12:00:00+99:00"}', "is not a date and time that exists"),
    ('{from: "0000-01-01T00:00:00Z"}', "is not a date and time that exists"),
    ('{from: "0001-01-01T00:00:00+01:00"}', "is not a date and time that exists"),
    ('{to: "9999-12-31T23:59:59-01:00"}', "is not a date and time that exists"),
    (f"{{from: {LATER}, to: {NOON}}}", "from must not be after to"),
    (f"{{updatedFrom: {LATER}, updatedTo: {NOON}}}", "updatedFrom must not be after updatedTo"),
    (f"{{period: LAST_7_DAYS, from: {NOON}}}", "period cannot be combined with from or to"),
    (f"{{period: LAST_7_DAYS, to: {NOON}}}", "period cannot be combined with from or to"),
    ("{period: LAST_YEAR}", "Value 'LAST_YEAR' does not exist in 'Period' enum."),
    ('{leadValue: {from: "NaN"}}', PLAIN),
    ('{leadValue: {to: "Infinity"}}', PLAIN),
    ('{leadValue: {from: "1E999999"}}', PLAIN),
    ('{leadValue: {from: "1e2"}}', PLAIN),
    ('{leadValue: {from: "1,50"}}', PLAIN),
    ('{leadValue: {from: "٣"}}', PLAIN),
    ('{leadValue: {from: " 1"}}', PLAIN),
    ('{asr: {from: ""}}', PLAIN),
    ("{asr: {from: 1.5}}", QUOTED),
    ("{asr: {from: 1.0}}", QUOTED),
    ("{asr: {from: true}}", QUOTED),
    ("{asr: {from: [1]}}", QUOTED),
    ('{asr: {from: "1000000000000000"}}', "must be below 10^15"),
    ("{asr: {from: 1000000000000000}}", "must be below 10^15"),
    ('{asr: {from: "-1000000000000000.5"}}', "must be below 10^15"),
    ('{asr: {from: "0.12345678901"}}', "must have at most 10 decimal places"),
    ('{asr: {from: "2", to: "1.99"}}', "asr.from must not be above to"),
    ("{asr: {from: null}}", "asr.from must not be null; leave it out for an open end"),
    ("{conversationQuality: {to: null}}", "conversationQuality.to must not be null"),
    ("{conversationQuality: {from: 5, to: 4}}", "conversationQuality.from must not be above to"),
    ("{conversationQuality: {from: 2147483648}}", "Int cannot represent non 32-bit signed integer value: 2147483648"),
    ("{conversationQuality: {from: 1.5}}", "Int cannot represent non-integer value: 1.5"),
    ('{conversationQuality: {from: "5"}}', "Int cannot represent non-integer value:"),
    ("{conversationQuality: 5}", "to be an object, found: 5"),
    ('{search: ""}', NO_SEARCH),
    ('{search: "  "}', NO_SEARCH),
    ('{search: "%"}', NO_SEARCH),
    ('{search: "_"}', NO_SEARCH),
    ('{search: "%_%_%"}', NO_SEARCH),
    ('{search: "123"}', NO_SEARCH),
    ('{search: "+1 (4)-1"}', NO_SEARCH),
    ("{search: 4155}", "String cannot represent a non string value: 4155"),
    (f'{{search: "{"x" * 201}"}}', "search must have at most 200 characters"),
    (f'{{tags: ["ok", "{"x" * 501}"]}}', "tags.1 must have at most 500 characters"),
    (f'{{utms: [{{key: "a", value: "{"x" * 501}"}}]}}', "utms.0.value must have at most 500 characters"),
    ('{utms: [{key: "a"}]}', "required field 'value'"),
    ('{tags: "a\\u0007"}', "tags.0 must not have control characters other than tab and line breaks"),
    ('{search: "a\\u0000"}', "search must not have control characters other than tab and line breaks"),
    ("{tags: " + many('"a"') + "}", "tags must have at most 1000 entries"),
    ("{channels: " + many("SMS") + "}", "channels must have at most 1000 entries"),
    ("{anyOf: " + many("{}") + "}", "anyOf must have at most 1000 entries"),
    ("{channels: [FAX]}", "Value 'FAX' does not exist in 'Channel' enum."),
    ("{channels: [null]}", "Expected value of non-null type 'Channel!' not to be null."),
    ("{assessments: [yes_a]}", "Value 'yes_a' does not exist in 'Assessment' enum."),
    ("{sessionLengths: {}}", "Enum 'SessionLength' cannot represent non-"),
    ("{anyOf: [null]}", "Expected value of non-null type 'SessionFilter!' not to be null."),
    ("{isLead: 1}", "Boolean cannot represent a non boolean value: 1"),
    ('{isLead: "true"}', "Boolean cannot represent a non boolean value:"),
    ("{isLead: [true]}", "Boolean cannot represent a non boolean value: [true]"),
    ("{isLate: true}", "unknown field 'isLate'"),
    ("{isLead: true, NOT: null}", "unknown field 'NOT'"),
    ("{not: {not: {not: {not: {isLead: true}}}}}", "not.not.not.not must be nested at most 3 deep"),
    ("{anyOf: [{anyOf: [{anyOf: [{anyOf: [{}]}]}]}]}", "anyOf.0.anyOf.0.anyOf.0.anyOf.0 must be nested at most 3 deep"),
    (conditions(51), "must have at most 50 conditions in all"),
]
FILTER_WAYS = [
    "query($f: SessionFilter) { sessions(filter: $f) { totalCount } }",
    "query($f: SessionFilter) { dashboard(filter: $f) { currency } }",
    "query($f: SessionFilter) { agents { sessions(filter: $f) { nodes { id } } } }",
    "mutation($f: SessionFilter!) { updateSessions(input: {target: {filter: $f}, patch: {isTodo: true}})"
    " { matchedCount } }",
]


@pytest.mark.parametrize(("filter_", "phrase"), WRONG_FILTERS)
async def test_a_wrong_filter_is_refused(world: World, statements: Statements, filter_: str, phrase: str) -> None:
    answer = await world.ask(f"{{ sessions(filter: {filter_}) {{ totalCount }} }}")
    assert_refused(answer, phrase, statements)

    for way in FILTER_WAYS:
        await statements.restart()
        answer = await world.ask(way, f=as_json(filter_))
        assert_refused(answer, phrase, statements)


@pytest.mark.parametrize("name", sorted(SCHEMA.type_map["SessionFilter"].fields))  # type: ignore[attr-defined]
async def test_an_explicit_null_is_never_no_condition(world: World, statements: Statements, name: str) -> None:
    filter_ = SCHEMA.type_map["SessionFilter"]
    assert isinstance(filter_, GraphQLInputObjectType)
    type_ = filter_.fields[name].type
    asked: list[tuple[str, dict[str, Json]]] = [
        (f"{{ sessions(filter: {{{name}: null}}) {{ totalCount }} }}", {}),
        (f"{{ sessions(filter: {{not: {{{name}: null}}}}) {{ totalCount }} }}", {}),
        (f"query($v: {type_}) {{ sessions(filter: {{{name}: $v}}) {{ totalCount }} }}", {"v": None}),
        (f"query($v: {type_} = null) {{ sessions(filter: {{{name}: $v}}) {{ totalCount }} }}", {}),
        *((way, {"f": {name: None}}) for way in FILTER_WAYS),
    ]
    for query, variables in asked:
        await statements.restart()
        answer = await world.ask(query, **variables)
        assert_refused(answer, f"{name} {NO_NULL}", statements)
        assert answer.errors[0]["extensions"]["path"][-1] == name


@pytest.mark.parametrize(
    "query",
    [
        "{ sessions(filter: null, orderBy: null, first: null, after: null, last: null, before: null) { totalCount } }",
        "query($v: SessionFilter) { sessions(filter: $v) { totalCount } }",
        "query($v: Boolean) { sessions(filter: {isLead: $v}) { totalCount } }",
        "{ dashboard(filter: null, timeZone: null, includeTest: null, includeArchived: null) { currency } }",
        '{ sessionsByExternalId(externalIds: ["e1"], integration: null) { sessions(first: null) { id } } }',
    ],
)
async def test_a_null_argument_is_an_argument_left_out(world: World, query: str) -> None:
    assert (await world.ask(query)).data


NO_JSON = "The body is not valid JSON"


@pytest.mark.parametrize(
    ("number", "phrase"),
    [
        *((number, NO_JSON) for number in ("NaN", "Infinity", "-Infinity", "1E999999", "1E400", "9" * 400, "٣")),
        *((number, QUOTED) for number in ("1.5", "0.1", "-0.0", "1.0", "1e2", "1e-400")),
        *((number, "has a whole number of more than 64 bits") for number in ("9" * 20, f"-{2**63 + 1}")),
        ("9" * 18, "must be below 10^15"),
    ],
)
async def test_a_json_number_is_not_taken_for_a_decimal(
    world: World, statements: Statements, number: str, phrase: str
) -> None:
    query = "query($d: Decimal!) { sessions(filter: {asr: {from: $d}}) { totalCount } }"

    answer = await world.send(f'{{"query": "{query}", "variables": {{"d": {number}}}}}'.encode())

    assert_refused(answer, phrase, statements)


@pytest.mark.parametrize("digits", [20, 400, 5000])
async def test_a_huge_whole_number_in_a_document_is_refused(world: World, statements: Statements, digits: int) -> None:
    number = "9" * digits

    first = await world.ask(f"{{ sessions(first: {number}) {{ totalCount }} }}")
    least = await world.ask(f"{{ sessions(filter: {{asr: {{from: {number}}}}}) {{ totalCount }} }}")

    assert_refused(first, "Int cannot represent non 32-bit signed integer value", statements)
    assert_refused(least, QUOTED if digits > 4300 else "must be below 10^15", statements)


SIZE = "must be from 1 to 200"
NO_CURSOR = "is not a cursor of this list in this order"

WRONG_PAGES = [
    ("first: 0", f"first {SIZE}"),
    ("first: -1", f"first {SIZE}"),
    ("first: 201", f"first {SIZE}"),
    ("first: 10000", f"first {SIZE}"),
    ("first: 2147483647", f"first {SIZE}"),
    ("last: 0", f"last {SIZE}"),
    ("last: -2147483648", f"last {SIZE}"),
    ("last: 10000", f"last {SIZE}"),
    ("first: 2147483648", "Int cannot represent non 32-bit signed integer value: 2147483648"),
    ("last: -2147483649", "Int cannot represent non 32-bit signed integer value: -2147483649"),
    ("first: 1.0", "Int cannot represent non-integer value: 1.0"),
    ('first: "5"', "Int cannot represent non-integer value:"),
    ("first: 1, last: 1", "last cannot be combined with first"),
    ('last: 1, after: "x"', "after goes with first; last goes with before"),
    ('before: "x", after: "x"', "after goes with first; last goes with before"),
    ('first: 1, before: "x"', "before goes with last; first goes with after"),
    ('after: "x"', f"after {NO_CURSOR}"),
    ('before: ""', f"before {NO_CURSOR}"),
    ('after: "%"', f"after {NO_CURSOR}"),
    ('after: "WzFd"', f"after {NO_CURSOR}"),
    ('after: "bnVsbA"', f"after {NO_CURSOR}"),
    ('after: "ä"', f"after {NO_CURSOR}"),
    ("after: 5", "String cannot represent a non string value: 5"),
    ("orderBy: {field: NOPE}", "Value 'NOPE' does not exist in 'SessionOrderField' enum."),
    ("orderBy: {}", "'field'"),
    ("orderBy: {field: null}", "Expected value of non-null type 'SessionOrderField!' not to be null."),
    ("orderBy: {field: ASR, direction: null}", "Expected value of non-null type 'Direction!' not to be null."),
    ("orderBy: {field: ASR, direction: UP}", "Value 'UP' does not exist in 'Direction' enum."),
    ("limit: 5", "Unknown argument 'limit'"),
]


@pytest.mark.parametrize(("page", "phrase"), WRONG_PAGES)
async def test_a_wrong_page_is_refused(world: World, statements: Statements, page: str, phrase: str) -> None:
    for query in (
        f"{{ sessions({page}) {{ nodes {{ id }} }} }}",
        f"{{ agents {{ sessions({page}) {{ totalCount }} }} }}",
    ):
        await statements.restart()
        assert_refused(await world.ask(query), phrase, statements)


async def test_a_cursor_goes_on_in_its_own_order_alone(world: World, statements: Statements) -> None:
    cursor = (await world.ask("{ sessions { pageInfo { endCursor } } }")).data["sessions"]["pageInfo"]["endCursor"]

    for order in ("{field: ASR}", "{field: STARTED_AT, direction: ASC}", "{field: ENDED_AT}"):
        await statements.restart()
        answer = await world.ask(f'{{ sessions(orderBy: {order}, after: "{cursor}") {{ totalCount }} }}')
        assert_refused(answer, f"after {NO_CURSOR}", statements)
    for damaged in (cursor[:-3], cursor[1:], cursor + cursor, cursor.swapcase()):
        assert_refused(await world.ask(f'{{ sessions(after: "{damaged}") {{ totalCount }} }}'), NO_CURSOR, statements)


TRANSCRIPTS = "must be from 1 to 50"
TURNS = "nodes { id transcript { text } }"


@pytest.mark.parametrize(
    ("query", "phrase"),
    [
        (f"{{ sessions(first: 51) {{ {TURNS} }} }}", f"first {TRANSCRIPTS}"),
        (f"{{ sessions(last: 200) {{ {TURNS} }} }}", f"last {TRANSCRIPTS}"),
        ("{ sessions(first: 51) { edges { node { transcript { text } } } } }", f"first {TRANSCRIPTS}"),
        (f"{{ agents {{ sessions(first: 51) {{ {TURNS} }} }} }}", f"first {TRANSCRIPTS}"),
        ("{ sessions(first: 51) { ...a } } fragment a on SessionConnection { " + TURNS + " }", f"first {TRANSCRIPTS}"),
        (f"{{ sessions(first: 51) {{ totalCount }} sessions(first: 51) {{ {TURNS} }} }}", f"first {TRANSCRIPTS}"),
        (
            '{ sessionsByExternalId(externalIds: ["e1"]) { sessions(first: 51) { transcript { text } } } }',
            f"first {TRANSCRIPTS}",
        ),
        (
            '{ sessionsByExternalId(externalIds: ["e1"]) { sessions(first: 101) { id } } }',
            "first must be from 1 to 100",
        ),
        ('{ sessionsByExternalId(externalIds: ["e1"]) { sessions(first: 0) { id } } }', "first must be from 1 to 100"),
        ("query($n: Int = 51) { sessions(first: $n) { nodes { transcript { text } } } }", f"first {TRANSCRIPTS}"),
    ],
)
async def test_a_page_has_its_largest_size(world: World, statements: Statements, query: str, phrase: str) -> None:
    assert_refused(await world.ask(query), phrase, statements)


async def test_a_page_of_fifty_transcripts_is_served(world: World) -> None:
    assert (await world.ask(f"{{ sessions(first: 50) {{ {TURNS} }} }}")).data
    assert (await world.ask("{ sessions(first: 200) { nodes { id transcript @skip(if: true) { text } } } }")).data


UUID = "must be a UUID, such as 018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"


@pytest.mark.parametrize(
    "id_",
    [
        *('"x"', '""', "7", '"0"', '"018f3c1e7b0a7c3d9a523f0e8c2d4b61"', '"{018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61}"'),
        *('"urn:uuid:018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"', '"018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61\\n"', '"１"'),
        '"018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b6g"',
    ],
)
async def test_an_id_that_is_no_uuid_is_refused(world: World, statements: Statements, id_: str) -> None:
    assert_refused(await world.ask(f"{{ session(id: {id_}) {{ id }} }}"), f"id {UUID}", statements)
    assert_refused(await world.ask(f"{{ node(id: {id_}) {{ id }} }}"), f"id {UUID}", statements)
    assert_refused(await world.ask(f"{{ agent(by: {{id: {id_}}}) {{ id }} }}"), f"by.id {UUID}", statements)


NOT_NULL = "may be left out, but not be null."


@pytest.mark.parametrize(
    ("query", "variables", "phrase"),
    [
        ("{ session(id: null) { id } }", {}, "Expected value of non-null type 'ID!' not to be null."),
        ("{ session { id } }", {}, "of type 'ID!' is required, but it was not provided."),
        ("query($i: ID!) { session(id: $i) { id } }", {}, "Expected a value of non-null type 'ID!' to be provided."),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": None}, "non-null type 'ID!' not to be null."),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": True}, "ID cannot represent value: true"),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": [None]}, "ID cannot represent value: [null]"),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": 1.5}, "ID cannot represent value: 1.5"),
        ("query($n: Int) { sessions(first: $n) { totalCount } }", {"n": True}, "non-integer value: true"),
        ("query($f: SessionFilter) { sessions(filter: $f) { totalCount } }", {"f": [None]}, "object, found: [null]"),
        ("query($f: SessionFilter) { sessions(filter: $f) { totalCount } }", {"f": {"x": False}}, "{'x': false}"),
        ("query($t: [String!]) { sessions(filter: {tags: $t}) { totalCount } }", {"t": [False]}, "string value: false"),
        ("{ agent(by: {}) { id } }", {}, "OneOf Input Object 'AgentLookup' must specify exactly one key."),
        ('{ agent(by: {id: "x", idn: "y"}) { id } }', {}, "OneOf Input Object 'AgentLookup' must specify exactly one"),
        ("{ agent(by: {id: null}) { id } }", {}, f"Field 'id' {NOT_NULL}"),
        ("query($b: AgentLookup!) { agent(by: $b) { id } }", {"b": {}}, "must specify exactly one key."),
        ("query($b: AgentLookup!) { agent(by: $b) { id } }", {"b": {"idn": None}}, "'idn' must be non-null"),
        (f'{{ agent(by: {{idn: "{"x" * 501}"}}) {{ id }} }}', {}, "by.idn must have at most 500 characters"),
        (
            "query($e: [String!]!) { sessionsByExternalId(externalIds: $e) { totalCount } }",
            {"e": ["x"] * 101},
            "externalIds must have at most 100 entries",
        ),
        (
            "query($e: [String!]!) { sessionsByExternalId(externalIds: $e) { totalCount } }",
            {"e": ["x", "y" * 501]},
            "externalIds.1 must have at most 500 characters",
        ),
        ("{ sessionsByExternalId(externalIds: [null]) { totalCount } }", {}, "non-null type 'String!' not to be null."),
        (
            "{ dashboard { groups(by: WEATHER) { key } } }",
            {},
            "Value 'WEATHER' does not exist in 'DashboardGroup' enum.",
        ),
        (
            "mutation { requestSessionExport(input: {columns: [ID, WEATHER]}) { errors { code } } }",
            {},
            "Value 'WEATHER' does not exist in 'SessionColumn' enum.",
        ),
        ("{ exports(first: 0) { nodes { id } } }", {}, f"first {SIZE}"),
        ('{ exports(after: "WzFd") { nodes { id } } }', {}, "after is not a cursor of this list"),
        ('{ export(id: "x") { id } }', {}, f"id {UUID}"),
        ("{ dashboard { groups { key } } }", {}, "of type 'DashboardGroup!' is required, but it was not provided."),
        ("{ dashboard { series(interval: YEAR) { from } } }", {}, "Value 'YEAR' does not exist in 'Interval' enum."),
        ("{ dashboard { series(interval: null) { from } } }", {}, "non-null type 'Interval!' not to be null."),
        ("{ sessions { nodes { weather } } }", {}, "Cannot query field 'weather' on type 'Session'."),
        ("{ sessions { nodes } }", {}, "must have a selection of subfields"),
        ('{ session(id: "\\uD800") { id } }', {}, "Syntax Error: Invalid Unicode escape sequence"),
        ('{ session(id: "\\u{110000}") { id } }', {}, "Syntax Error: Invalid Unicode escape sequence"),
    ],
)
async def test_a_wrong_argument_is_refused(
    world: World, statements: Statements, query: str, variables: dict[str, Json], phrase: str
) -> None:
    assert_refused(await world.ask(query, **variables), phrase, statements)


async def test_a_lone_surrogate_is_no_json(world: World, statements: Statements) -> None:
    answer = await world.ask("query($s: String) { sessions(filter: {search: $s}) { totalCount } }", s="ab\ud800")

    assert_refused(answer, "The body is not valid JSON", statements)


FAR = 'from: "0001-01-01T00:00:00Z", to: "0001-03-01T00:00:00Z"'
END = 'from: "9999-11-01T00:00:00Z", to: "9999-12-31T23:59:59Z"'
YEARS = 'from: "2020-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z"'
NO_ZONE = "timeZone must be a time zone of the IANA database, such as America/New_York"


@pytest.mark.parametrize(
    ("query", "phrase"),
    [
        ('{ dashboard(timeZone: "Mars/Phobos") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "america/new_york") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "../../etc/passwd") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "+02:00") { totalAsr } }', NO_ZONE),
        ('{ agents { dashboard(timeZone: "EST5EDT4") { totalAsr } } }', NO_ZONE),
        (f"{{ dashboard(filter: {{{YEARS}}}) {{ series {{ from }} }} }}", "more than 1,000 intervals of a day."),
        (
            f"{{ dashboard(filter: {{{YEARS}}}) {{ series(interval: HOUR) {{ from }} }} }}",
            "more than 1,000 intervals of an hour.",
        ),
        (
            '{ dashboard(filter: {from: "1990-01-01T00:00:00Z"}) { series(interval: WEEK) { totals { totalAsr } } } }',
            "more than 1,000 intervals of a week.",
        ),
        (
            f'{{ dashboard(filter: {{{FAR}}}, timeZone: "America/New_York") {{ series {{ from }} }} }}',
            "too close to an end of the calendar",
        ),
        (
            f'{{ dashboard(filter: {{{END}}}, timeZone: "Asia/Tokyo") {{ series(interval: MONTH) {{ from }} }} }}',
            "too close to an end of the calendar",
        ),
    ],
)
async def test_a_dashboard_that_cannot_be_made_is_refused(world: World, query: str, phrase: str) -> None:
    answer = await world.ask(query)

    assert answer.status == 200
    assert answer.body["data"] is None
    assert answer.code == "BAD_USER_INPUT"
    assert phrase in answer.errors[0]["message"]
    assert_clear(answer.errors[0]["message"])


@pytest.mark.parametrize(
    "filter_",
    [
        '{from: "0001-01-01T00:00:00Z", to: "2026-11-21T00:00:00Z"}',
        '{from: "0001-01-01T00:00:00Z"}',
        '{from: "9999-12-31T23:59:59Z"}',
        '{to: "9999-12-31T23:59:59Z", updatedTo: "9999-12-31T23:59:59Z"}',
        '{asr: {from: "-999999999999999.9999999999", to: "999999999999999.9999999999"}}',
        "{conversationQuality: {from: -2147483648, to: 2147483647}}",
        '{search: "a%b_c\\\\ \\"\'"}',
        '{tags: [], externalIds: [""]}',
        "{anyOf: []}",
        conditions(50),
        "{not: {not: {not: {isLead: true}}}}",
    ],
)
async def test_what_is_at_the_very_edge_is_served(world: World, filter_: str) -> None:
    answer = await world.ask(
        "query($f: SessionFilter) { sessions(filter: $f) { totalCount nodes { id } }"
        " dashboard(filter: $f) { totalAsr previous { totalAsr } groups(by: AGENT) { key } } }",
        f=as_json(filter_),
    )

    assert answer.data


def long_text(length: int = 100_000) -> str:
    return "x" * length


DAY = {"startedAt": "2026-11-16T15:00:00Z", "endedAt": "2026-11-16T15:02:00Z"}
RECORD = {"agent": "bistro", "channel": "VOICE", **DAY}
TURN = {"speaker": "USER", "text": "Hello?"}
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
    ({"columns": ["ID", "TRANSCRIPT"]}, "INVALID", ["columns", "1"], "columns.1 cannot be exported"),
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
    world: World, mutation: str, given_: Json, code: str, path: str, phrase: str
) -> None:
    answer = await world.ask(*mutation_of(mutation), i=place(given_, world))

    (error,) = answer.data[mutation]["errors"]
    assert error["code"] == code
    assert code in MUTATION_CODES[mutation]
    assert error["path"] == path.split(".")
    assert phrase in error["message"]
    assert_clear(error["message"])


def mutation_of(name: str) -> tuple[str]:
    mutation = SCHEMA.mutation_type
    assert mutation
    ((argument, its),) = mutation.fields[name].args.items()
    return (f"mutation($i: {its.type}) {{ {name}({argument}: $i) {{ errors {{ code message path }} }} }}",)


def place(given: Json, world: World) -> Json:
    """The session's own id in the place of @session."""
    return json.loads(json.dumps(given).replace("@session", world.session))


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
    world: World, statements: Statements, given_: dict[str, Json], phrase: str
) -> None:
    answer = await world.ask(*mutation_of("recordSession"), i=RECORD | given_)

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
    world: World, statements: Statements, target: Json, phrase: str
) -> None:
    answer = await world.ask(*mutation_of("updateSessions"), i={"target": target, "patch": {"isTodo": True}})

    assert_refused(answer, phrase, statements)


async def test_every_problem_of_an_input_is_told_at_once(world: World) -> None:
    given = RECORD | {"conversationQuality": 9, "tags": [""], "units": "-1", "id": "x"}

    errors = (await world.ask(*mutation_of("recordSession"), i=given)).data["recordSession"]["errors"]

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


async def test_more_than_ten_mutations_are_too_many(world: World, statements: Statements) -> None:
    edits = " ".join(
        f'm{i}: updateSession(input: {{sessionId: "{world.session}", patch: {{isTodo: true}}}}) {{ errors {{ code }} }}'
        for i in range(11)
    )

    answer = await world.ask(f"mutation {{ {edits} }}")

    assert (answer.status, answer.code) == (400, "TOO_LARGE")
    assert answer.errors[0]["message"] == "A request has at most 10 mutations; this one has 11."
    assert [statement for statement in statements if "api_key" not in statement] == []


MINIMAL: dict[str, Json] = {
    "CreateAgentInput": {"idn": "new", "name": "New", "timeZone": "UTC"},
    "OverrideAssessmentInput": {"sessionId": "@session", "humanAssessment": "NO"},
    "RecordSessionInput": RECORD,
    "TurnInput": TURN,
    "UpdateAgentInput": {"idn": "bistro"},
    "UpdateSessionInput": {"sessionId": "@session", "patch": {}},
    "UpdateSessionsInput": {"target": {"ids": ["@session"]}, "patch": {}},
    "UtmFilter": {"key": "utm_source", "value": "ads"},
}
"""What an input object needs, so that one text of it can be wrong; of the others nothing is needed."""

Path = tuple[str | int, ...]

TEXTS: dict[str, Sequence[Path]] = {
    **dict.fromkeys(("String", "ID", "Decimal", "DateTime"), ((),)),
    "StringMap": [("utm_source",)],
    "WorkingHours": [("MON", 0, 0)],
}
"""Where texts are in the values of a scalar."""


def find_texts(type_: GraphQLInputType, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Where in a value of this type texts are; of a type within itself, once."""
    nullable = get_nullable_type(type_)
    if isinstance(nullable, GraphQLList):
        yield from ((0, *path) for path in find_texts(nullable.of_type, above))
    elif isinstance(nullable, GraphQLInputObjectType):
        if nullable.name not in above:
            for name, field in nullable.fields.items():
                yield from ((name, *path) for path in find_texts(field.type, (*above, nullable.name)))
    else:
        yield from TEXTS.get(str(nullable), ())


def build(type_: GraphQLInputType, path: Path, text: str) -> Json:
    """The least value of the type with the text in this place."""
    if not path:
        return text
    first, *rest = path
    nullable = get_nullable_type(type_)
    if isinstance(nullable, GraphQLInputObjectType):
        assert isinstance(first, str)
        value = {} if nullable.is_one_of else dict(MINIMAL.get(nullable.name, {}))
        return value | {first: build(nullable.fields[first].type, tuple(rest), text)}
    if isinstance(nullable, GraphQLList):
        return [build(nullable.of_type, tuple(rest), text)]
    inner = build(type_, tuple(rest), text)
    return {first: inner} if isinstance(first, str) else [inner]


@dataclass(frozen=True, slots=True)
class Place:
    """A text in an argument of a field."""

    type_name: str
    field: str
    argument: str
    path: Path

    def __str__(self) -> str:
        return ".".join(map(str, (self.type_name, self.field, self.argument, *self.path)))

    @property
    def type(self) -> GraphQLInputType:
        owner = SCHEMA.type_map[self.type_name]
        assert isinstance(owner, GraphQLObjectType)
        type_: GraphQLInputType = owner.fields[self.field].args[self.argument].type
        return type_

    @property
    def query(self) -> str:
        others = 'externalIds: ["e1"], ' if self.argument == "integration" else ""
        call = f"{self.field}({others}{self.argument}: $v) {{ __typename }}"
        if self.type_name == "Mutation":
            call = call.replace("__typename", "errors { code message path }")
        kind = {"Mutation": "mutation", "Agent": "query"}.get(self.type_name, "query")
        return f"{kind}($v: {self.type}) {{ {f'agents {{ {call} }}' if self.type_name == 'Agent' else call} }}"


def find_places() -> Iterator[Place]:
    for name in ("Query", "Agent", "Mutation"):
        owner = SCHEMA.type_map[name]
        assert isinstance(owner, GraphQLObjectType)
        for field, definition in owner.fields.items():
            for argument, its in definition.args.items():
                yield from (Place(name, field, argument, path) for path in find_texts(its.type))


PLACES = list(find_places())
ROOMY = {"recordSession.input.transcript.0.text", "recordSessions.input.0.transcript.0.text"}
"""A turn may be as long as a transcript."""


@pytest.mark.parametrize("place_", PLACES, ids=str)
@pytest.mark.parametrize("text", [long_text(), "a\x00b", "a\x1bb\x9f"], ids=["long", "NUL", "control"])
async def test_no_text_is_taken_that_is_too_long_or_cannot_be_printed(world: World, place_: Place, text: str) -> None:
    if str(place_).partition(".")[2] in ROOMY and len(text) > 1000:
        return
    answer = await world.ask(place_.query, v=place(build(place_.type, place_.path, text), world))

    assert answer.status in (200, 400)
    payload = (answer.body.get("data") or {}).get(place_.field, {})
    errors = [*answer.errors, *(payload or {}).get("errors", ())]
    assert errors
    for error in errors:
        assert_clear(error["message"])
        assert error.get("extensions", error)["code"] in ("BAD_USER_INPUT", "INVALID", "NOT_FOUND")


def test_every_text_of_the_schema_is_tried() -> None:
    """As it stands; what is new is found by itself."""
    names = {str(place_) for place_ in PLACES}

    assert len(names) == len(PLACES) > 150
    assert {
        "Query.session.id",
        "Query.sessions.after",
        "Query.dashboard.timeZone",
        "Query.sessions.filter.utms.0.key",
        "Agent.sessions.before",
        "Mutation.updateSessions.input.target.filter.search",
        "Mutation.recordSessions.input.0.utms.utm_source",
        "Mutation.createAgent.input.workingHours.MON.0.0",
    } <= names
    assert {name.partition(".")[2] for name in names} >= ROOMY


NAMES = sorted(SCHEMA.type_map["SessionFilter"].fields)  # type: ignore[attr-defined]
TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["%", "_", "Ana", "4155550134", "VOICE", "YES_A", "LONG", "LAST_7_DAYS", "2026-11-21T00:00:00Z", "70.20", "NaN"]
)
LEAVES: st.SearchStrategy[Json] = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUES: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "from", "to", "key", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)
LIKELY: dict[str, st.SearchStrategy[Json]] = {
    "search": TEXT,
    "tags": st.lists(TEXT, max_size=3),
    "utms": st.lists(st.fixed_dictionaries({"key": TEXT, "value": TEXT}), max_size=2),
    "channels": st.lists(st.sampled_from(["VOICE", "SMS", "CHAT"]), max_size=2),
    "assessments": st.lists(st.sampled_from(["YES_A", "YES_B", "NO"]), max_size=2),
    "from": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    "updatedTo": st.datetimes().map(lambda moment: f"{moment.isoformat()}+05:30"),
    "asr": st.fixed_dictionaries({}, optional={"from": st.decimals().map(str), "to": st.integers()}),
    "conversationQuality": st.fixed_dictionaries({}, optional={"from": st.integers(0, 6), "to": st.integers(0, 6)}),
    "isReviewed": st.booleans(),
    "period": st.sampled_from(["LAST_24_HOURS", "LAST_30_DAYS"]),
}
FILTERS: st.SearchStrategy[Json] = st.recursive(
    st.fixed_dictionaries({}, optional=LIKELY) | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
    lambda inner: st.fixed_dictionaries({}, optional={"anyOf": st.lists(inner, max_size=3), "not": inner, **LIKELY}),
    max_leaves=4,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(filter_=FILTERS | VALUES)
async def test_no_filter_is_a_fault_of_ours(world: World, filter_: Json) -> None:
    answer = await world.ask(
        "query($f: SessionFilter) { sessions(filter: $f, first: 3) { totalCount nodes { id } }"
        " dashboard(filter: $f) { totalAsr previous { totalAsr } groups(by: CHANNEL) { key } } }",
        f=filter_,
    )

    assert answer.status in (200, 400)
    assert {error["extensions"]["code"] for error in answer.errors} <= {"BAD_USER_INPUT"}
    assert ("data" in answer.body) is (answer.errors == [])
