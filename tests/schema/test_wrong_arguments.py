"""A wrong page, cursor, id or other argument of a query is refused as BAD_USER_INPUT, a cursor as CURSOR_INVALID."""

import pytest

from support.statements import Statements
from support.wrong_input import UUID, Admin, Json, assert_clear, assert_refused

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_is_written")]


WRONG_PAGES = [
    ("first: 0", "first", "200"),
    ("first: -1", "first", "200"),
    ("first: 201", "first", "200"),
    ("first: 10000", "first", "200"),
    ("first: 2147483647", "first", "200"),
    ("last: 0", "last", "200"),
    ("last: -2147483648", "last", "200"),
    ("last: 10000", "last", "200"),
    ("first: 2147483648", "", "2147483648"),
    ("last: -2147483649", "", "-2147483649"),
    ("first: 1.0", "", "1.0"),
    ('first: "5"', "", "integer"),
    ("first: 1, last: 1", "last", "combined"),
    ('last: 1, after: "x"', "after", "first"),
    ('before: "x", after: "x"', "after", "first"),
    ('first: 1, before: "x"', "before", "last"),
    ('after: "x"', "after", "cursor"),
    ('before: ""', "before", "cursor"),
    ('after: "%"', "after", "cursor"),
    ('after: "WzFd"', "after", "cursor"),
    ('after: "bnVsbA"', "after", "cursor"),
    ('after: "ä"', "after", "cursor"),
    ("after: 5", "", "5"),
    ("orderBy: {field: NOPE}", "", "NOPE"),
    ("orderBy: {}", "", "'field'"),
    ("orderBy: {field: null}", "", "SessionOrderField!"),
    ("orderBy: {field: ASR, direction: null}", "", "Direction!"),
    ("orderBy: {field: ASR, direction: UP}", "", "Direction"),
    ("limit: 5", "", "'limit'"),
]


@pytest.mark.parametrize(("page", "path", "keyword"), WRONG_PAGES)
async def test_a_wrong_page_is_refused(
    admin: Admin, statements: Statements, page: str, path: str, keyword: str
) -> None:
    for query in (
        f"{{ sessions({page}) {{ nodes {{ id }} }} }}",
        f"{{ agents {{ sessions({page}) {{ totalCount }} }} }}",
    ):
        await statements.restart()
        assert_refused(await admin.ask(query), keyword, statements, path)


async def test_a_cursor_goes_on_in_its_own_order_alone(admin: Admin, statements: Statements) -> None:
    cursor = (await admin.ask("{ sessions { pageInfo { endCursor } } }")).data["sessions"]["pageInfo"]["endCursor"]

    for order in ("{field: ASR}", "{field: STARTED_AT, direction: ASC}", "{field: ENDED_AT}"):
        await statements.restart()
        answer = await admin.ask(f'{{ sessions(orderBy: {order}, after: "{cursor}") {{ totalCount }} }}')
        assert_refused(answer, "cursor", statements, "after")
    for damaged in (cursor[:-3], cursor[1:], cursor + cursor, cursor.swapcase()):
        answer = await admin.ask(f'{{ sessions(after: "{damaged}") {{ totalCount }} }}')
        assert_refused(answer, "cursor", statements, "after")


TURNS = "nodes { id transcript { text } }"


@pytest.mark.parametrize(
    ("query", "path", "keyword"),
    [
        (f"{{ sessions(first: 51) {{ {TURNS} }} }}", "first", "50"),
        (f"{{ sessions(last: 200) {{ {TURNS} }} }}", "last", "50"),
        ("{ sessions(first: 51) { edges { node { transcript { text } } } } }", "first", "50"),
        (f"{{ agents {{ sessions(first: 51) {{ {TURNS} }} }} }}", "first", "50"),
        ("{ sessions(first: 51) { ...a } } fragment a on SessionConnection { " + TURNS + " }", "first", "50"),
        (f"{{ sessions(first: 51) {{ totalCount }} sessions(first: 51) {{ {TURNS} }} }}", "first", "50"),
        (
            '{ sessionsByExternalId(externalIds: ["e1"]) { sessions(first: 51) { transcript { text } } } }',
            "first",
            "50",
        ),
        (
            '{ sessionsByExternalId(externalIds: ["e1"]) { sessions(first: 101) { id } } }',
            "first",
            "100",
        ),
        ('{ sessionsByExternalId(externalIds: ["e1"]) { sessions(first: 0) { id } } }', "first", "100"),
        ("query($n: Int = 51) { sessions(first: $n) { nodes { transcript { text } } } }", "first", "50"),
    ],
)
async def test_a_page_has_its_largest_size(
    admin: Admin, statements: Statements, query: str, path: str, keyword: str
) -> None:
    assert_refused(await admin.ask(query), keyword, statements, path)


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
    assert_refused(await admin.ask(f"{{ session(id: {id_}) {{ id }} }}"), UUID, statements, "id")
    assert_refused(await admin.ask(f"{{ node(id: {id_}) {{ id }} }}"), UUID, statements, "id")
    assert_refused(await admin.ask(f"{{ agent(by: {{id: {id_}}}) {{ id }} }}"), UUID, statements, "by.id")


@pytest.mark.parametrize(
    ("query", "variables", "path", "keyword"),
    [
        ("{ session(id: null) { id } }", {}, "", "ID!"),
        ("{ session { id } }", {}, "", "ID!"),
        ("query($i: ID!) { session(id: $i) { id } }", {}, "", "ID!"),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": None}, "", "ID!"),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": True}, "", "true"),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": [None]}, "", "[null]"),
        ("query($i: ID!) { session(id: $i) { id } }", {"i": 1.5}, "", "1.5"),
        ("query($n: Int) { sessions(first: $n) { totalCount } }", {"n": True}, "", "true"),
        ("query($f: SessionFilter) { sessions(filter: $f) { totalCount } }", {"f": [None]}, "", "[null]"),
        ("query($f: SessionFilter) { sessions(filter: $f) { totalCount } }", {"f": {"x": False}}, "", "{'x': false}"),
        ("query($t: [String!]) { sessions(filter: {tags: $t}) { totalCount } }", {"t": [False]}, "", "false"),
        ("{ agent(by: {}) { id } }", {}, "", "AgentLookup"),
        ('{ agent(by: {id: "x", idn: "y"}) { id } }', {}, "", "AgentLookup"),
        ("{ agent(by: {id: null}) { id } }", {}, "", "'AgentLookup', exactly one field"),
        ("query($b: AgentLookup!) { agent(by: $b) { id } }", {"b": {}}, "", "exactly one"),
        ("query($b: AgentLookup!) { agent(by: $b) { id } }", {"b": {"idn": None}}, "by.idn", "non-null"),
        (
            "query($e: [String!]!) { sessionsByExternalId(externalIds: $e) { totalCount } }",
            {"e": ["x"] * 101},
            "externalIds",
            "100",
        ),
        ("{ sessionsByExternalId(externalIds: [null]) { totalCount } }", {}, "", "String!"),
        (
            "{ dashboard { groups(by: WEATHER) { key } } }",
            {},
            "",
            "DashboardGroup",
        ),
        (
            "mutation { requestSessionExport(input: {columns: [ID, WEATHER]}) { errors { code } } }",
            {},
            "",
            "SessionColumn",
        ),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["x"] * 101}, "ids", "at most 100 entries"),
        ('{ nodes(ids: ["018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61", "x"]) { id } }', {}, "ids.1", UUID),
        (
            "query($i: [ID!]!) { nodes(ids: $i) { ... on Session { transcript { text } } } }",
            {"i": ["018f3c1e-7b0a-7c3d-9a52-3f0e8c2d4b61"] * 51},
            "ids",
            "at most 50 entries if transcript is selected",
        ),
        ("{ exports(first: 0) { nodes { id } } }", {}, "first", "200"),
        ('{ exports(after: "WzFd") { nodes { id } } }', {}, "after", "cursor"),
        ('{ export(id: "x") { id } }', {}, "id", UUID),
        ("{ dashboard { groups { key } } }", {}, "", "DashboardGroup!"),
        ("{ dashboard { series(interval: YEAR) { from } } }", {}, "", "YEAR"),
        ("{ dashboard { series(interval: null) { from } } }", {}, "", "Interval!"),
        ("{ sessions { nodes { weather } } }", {}, "", "'weather'"),
        ("{ sessions { nodes { sumary } } }", {}, "", "Did you mean 'summary'"),
        ("{ sessions(filter: {channels: [FAX]}) { totalCount } }", {}, "", "Its values are VOICE, SMS, CHAT."),
        (
            "query($c: [Channel!]) { sessions(filter: {channels: $c}) { totalCount } }",
            {"c": ["SMS", "VOIC"]},
            "filter.channels.1",
            "Did you mean the enum value 'VOICE'? Its values are VOICE, SMS, CHAT.",
        ),
        ("{ sessions(first: 51) { nodes { transcript { text } } } }", {}, "first", "1 to 50 if transcript is selected"),
        (
            '{ sessionsByExternalId(externalIds: ["a"]) { sessions(first: 60) { transcript { text } } } }',
            {},
            "first",
            "1 to 50 if transcript is selected",
        ),
        ("{ sessions { nodes } }", {}, "", "subfields"),
        ('{ session(id: "\\uD800") { id } }', {}, "", "Syntax Error"),
        ('{ session(id: "\\u{110000}") { id } }', {}, "", "Syntax Error"),
    ],
)
async def test_a_wrong_argument_is_refused(
    admin: Admin, statements: Statements, query: str, variables: dict[str, Json], path: str, keyword: str
) -> None:
    assert_refused(await admin.ask(query, **variables), keyword, statements, path)


async def test_a_lone_surrogate_is_read_as_the_replacement_character(admin: Admin) -> None:
    answer = await admin.ask("query($s: String) { sessions(filter: {search: $s}) { totalCount } }", s="ab\ud800")

    assert answer.data == {"sessions": {"totalCount": 0}}


FAR = 'from: "0001-01-01T00:00:00Z", to: "0001-03-01T00:00:00Z"'
END = 'from: "9999-11-01T00:00:00Z", to: "9999-12-31T23:59:59Z"'
YEARS = 'from: "2020-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z"'
NO_ZONE = "IANA"


@pytest.mark.parametrize(
    ("query", "keyword"),
    [
        ('{ dashboard(timeZone: "Mars/Phobos") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "america/new_york") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "../../etc/passwd") { totalAsr } }', NO_ZONE),
        ('{ dashboard(timeZone: "+02:00") { totalAsr } }', NO_ZONE),
        ('{ agents { dashboard(timeZone: "EST5EDT4") { totalAsr } } }', NO_ZONE),
    ],
)
async def test_a_dashboard_in_a_zone_that_there_is_not_is_refused(admin: Admin, query: str, keyword: str) -> None:
    answer = await admin.ask(query)

    assert answer.status == 200
    assert set(answer.body["data"].values()) == {None}
    assert answer.code == "BAD_USER_INPUT"
    assert keyword in answer.errors[0]["message"]
    assert_clear(answer.errors[0]["message"])


@pytest.mark.parametrize(
    ("arguments", "series", "keyword"),
    [
        (f"filter: {{{YEARS}}}", "", "DAY would have 2,192 intervals, at most 1,000; WEEK or MONTH would do."),
        (f"filter: {{{YEARS}}}", "(interval: HOUR)", "; WEEK or MONTH would do."),
        ('filter: {from: "1990-01-01T00:00:00Z"}', "(interval: WEEK)", "; MONTH would do."),
        (f'filter: {{{FAR}}}, timeZone: "America/New_York"', "", "calendar"),
        (f'filter: {{{END}}}, timeZone: "Asia/Tokyo"', "(interval: MONTH)", "calendar"),
    ],
)
async def test_a_series_that_cannot_be_made_fails_alone(
    admin: Admin, arguments: str, series: str, keyword: str
) -> None:
    answer = await admin.ask(
        f"{{ dashboard({arguments}) {{ totalSessionCount wrong: series{series} {{ from }} previousTo"
        " groups(by: CHANNEL) { key } } viewer { role } }"
    )

    assert (answer.status, answer.code) == (200, "BAD_USER_INPUT")
    (error,) = answer.errors
    assert error["path"] == ["dashboard", "wrong"]
    assert keyword in error["message"]
    assert_clear(error["message"])
    dashboard = answer.body["data"]["dashboard"]
    assert dashboard.pop("wrong") is None
    assert dashboard["totalSessionCount"] >= 0
    assert dashboard["groups"] is not None
    assert answer.body["data"]["viewer"] == {"role": "ADMIN"}


async def test_all_problems_of_the_arguments_are_told_at_once(admin: Admin, statements: Statements) -> None:
    answer = await admin.ask(
        """{
          sessions(
            first: 0
            after: "x"
            filter: {
              search: "%", asr: {from: "2", to: "1"}, isLead: null
              anyOf: [{isDone: null}, {not: {updatedFrom: "2026-01-02T00:00:00Z", updatedTo: "2026-01-01T00:00:00Z"}}]
            }
          ) { totalCount }
          dashboard(filter: {period: LAST_7_DAYS, to: "2026-01-01T00:00:00Z"}) { totalAsr }
          exports(first: 0, after: "x") { nodes { id } }
          session(id: "x") { id }
        }"""
    )

    assert_refused(answer, "must be from 1 to 200", statements, "first")
    found = [(error["locations"][0]["line"], ".".join(error["extensions"]["path"])) for error in answer.errors]
    in_list = ["first", "after", "filter.search", "filter.asr.from", "filter.isLead"]
    in_list += ["filter.anyOf.0.isDone", "filter.anyOf.1.not.updatedFrom"]
    expected = [(2, path) for path in in_list] + [(10, "filter.period"), (11, "first"), (11, "after"), (12, "id")]
    assert sorted(found) == sorted(expected)


async def test_a_null_member_of_a_one_of_is_refused_at_its_place(admin: Admin, statements: Statements) -> None:
    answer = await admin.ask("query($b: AgentLookup!) { agent(by: $b) { id } }", b={"idn": None})

    assert_refused(answer, "must be non-null", statements, "by.idn")
    assert answer.errors[0]["locations"]


async def test_a_root_field_that_fails_leaves_the_data_of_the_others(admin: Admin) -> None:
    answer = await admin.ask(
        """{
          viewer { role }  agents { idn }  sessions { nodes { id } }  exports { nodes { id } }
          sessionsByExternalId(externalIds: ["A"]) { totalCount }  dashboard { totalSessionCount }
          failed: dashboard(timeZone: "Mars/Phobos") { totalSessionCount }
        }"""
    )

    data = answer.body["data"]
    assert answer.status == 200
    assert [error["path"] for error in answer.errors] == [["failed"]]
    assert data.pop("failed") is None
    assert data == {
        "viewer": {"role": "ADMIN"},
        "agents": [{"idn": "bistro"}],
        "sessions": {"nodes": [{"id": admin.session}]},
        "exports": {"nodes": []},
        "sessionsByExternalId": [{"totalCount": 0}],
        "dashboard": {"totalSessionCount": 1},
    }
