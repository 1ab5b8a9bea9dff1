"""A wrong page, cursor, id or other argument of a query is refused as BAD_USER_INPUT."""

import pytest

from support.statements import Statements
from support.wrong_input import UUID, Admin, Json, assert_clear, assert_refused

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_is_written")]


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
async def test_a_wrong_page_is_refused(admin: Admin, statements: Statements, page: str, phrase: str) -> None:
    for query in (
        f"{{ sessions({page}) {{ nodes {{ id }} }} }}",
        f"{{ agents {{ sessions({page}) {{ totalCount }} }} }}",
    ):
        await statements.restart()
        assert_refused(await admin.ask(query), phrase, statements)


async def test_a_cursor_goes_on_in_its_own_order_alone(admin: Admin, statements: Statements) -> None:
    cursor = (await admin.ask("{ sessions { pageInfo { endCursor } } }")).data["sessions"]["pageInfo"]["endCursor"]

    for order in ("{field: ASR}", "{field: STARTED_AT, direction: ASC}", "{field: ENDED_AT}"):
        await statements.restart()
        answer = await admin.ask(f'{{ sessions(orderBy: {order}, after: "{cursor}") {{ totalCount }} }}')
        assert_refused(answer, f"after {NO_CURSOR}", statements)
    for damaged in (cursor[:-3], cursor[1:], cursor + cursor, cursor.swapcase()):
        assert_refused(await admin.ask(f'{{ sessions(after: "{damaged}") {{ totalCount }} }}'), NO_CURSOR, statements)


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
async def test_a_page_has_its_largest_size(admin: Admin, statements: Statements, query: str, phrase: str) -> None:
    assert_refused(await admin.ask(query), phrase, statements)


async def test_a_page_of_fifty_transcripts_is_served(admin: Admin) -> None:
    assert (await admin.ask(f"{{ sessions(first: 50) {{ {TURNS} }} }}")).data
    assert (await admin.ask("{ sessions(first: 200) { nodes { id transcript @skip(if: true) { text } } } }")).data


@pytest.mark.parametrize(
    "id_",
    [
        *('"x"', '""', "7", '"0"', '"018f3c1e7b0a7c3d9a523f0e8c2d4b61"', '"{018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61}"'),
        *('"urn:uuid:018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"', '"018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61\\n"', '"１"'),
        '"018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b6g"',
    ],
)
async def test_an_id_that_is_no_uuid_is_refused(admin: Admin, statements: Statements, id_: str) -> None:
    assert_refused(await admin.ask(f"{{ session(id: {id_}) {{ id }} }}"), f"id {UUID}", statements)
    assert_refused(await admin.ask(f"{{ node(id: {id_}) {{ id }} }}"), f"id {UUID}", statements)
    assert_refused(await admin.ask(f"{{ agent(by: {{id: {id_}}}) {{ id }} }}"), f"by.id {UUID}", statements)


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
    admin: Admin, statements: Statements, query: str, variables: dict[str, Json], phrase: str
) -> None:
    assert_refused(await admin.ask(query, **variables), phrase, statements)


async def test_a_lone_surrogate_is_no_json(admin: Admin, statements: Statements) -> None:
    answer = await admin.ask("query($s: String) { sessions(filter: {search: $s}) { totalCount } }", s="ab\ud800")

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
async def test_a_dashboard_that_cannot_be_made_is_refused(admin: Admin, query: str, phrase: str) -> None:
    answer = await admin.ask(query)

    assert answer.status == 200
    assert answer.body["data"] is None
    assert answer.code == "BAD_USER_INPUT"
    assert phrase in answer.errors[0]["message"]
    assert_clear(answer.errors[0]["message"])
