"""A wrong filter is refused as BAD_USER_INPUT before any statement; one at the edge of what is allowed is served."""

import pytest
from graphql import GraphQLInputObjectType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.schema import SCHEMA, as_json
from support.statements import Statements
from support.wrong_input import NOT_NULL, OFFSET, PLAIN, QUOTED, Admin, Json, assert_refused

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_is_written")]


def many(literal: str, count: int = 1001) -> str:
    return f"[{', '.join([literal] * count)}]"


def conditions(count: int) -> str:
    return "{anyOf: [" + ", ".join(["{isLead: true}"] * (count - 1)) + "]}"


NOON, LATER = '"2026-11-21T12:00:00Z"', '"2026-11-21T12:00:00.000001Z"'

WRONG_FILTERS = [
    ('{from: "2026-11-21T14:03:05"}', "", OFFSET),
    ('{to: "2026-11-21"}', "", OFFSET),
    ('{updatedFrom: "21 November 2026"}', "", OFFSET),
    ('{updatedTo: "2026-11-21T14:03:05 Z"}', "", OFFSET),
    ('{from: ""}', "", OFFSET),
    ("{from: 1795269600}", "", OFFSET),
    ("{from: true}", "", OFFSET),
    ('{from: ["2026-11-21"]}', "", OFFSET),
    ('{from: "2026-02-30T00:00:00Z"}', "", "exists"),
    ('{from: "2026-11-21T24:00:00Z"}', "", "exists"),
    ('{from: "2026-11-21T12:00:00+99:00"}', "", "exists"),
    ('{from: "0000-01-01T00:00:00Z"}', "", "exists"),
    ('{from: "0001-01-01T00:00:00+01:00"}', "", "exists"),
    ('{to: "9999-12-31T23:59:59-01:00"}', "", "exists"),
    (f"{{from: {LATER}, to: {NOON}}}", "filter.from", "after"),
    (f"{{updatedFrom: {LATER}, updatedTo: {NOON}}}", "filter.updatedFrom", "after"),
    (f"{{period: LAST_7_DAYS, from: {NOON}}}", "filter.period", "combined"),
    (f"{{period: LAST_7_DAYS, to: {NOON}}}", "filter.period", "combined"),
    ("{period: LAST_YEAR}", "", "LAST_YEAR"),
    ('{leadValue: {from: "NaN"}}', "", PLAIN),
    ('{leadValue: {to: "Infinity"}}', "", PLAIN),
    ('{leadValue: {from: "1E999999"}}', "", PLAIN),
    ('{leadValue: {from: "1e2"}}', "", PLAIN),
    ('{leadValue: {from: "1,50"}}', "", PLAIN),
    ('{leadValue: {from: "٣"}}', "", PLAIN),
    ('{leadValue: {from: " 1"}}', "", PLAIN),
    ('{asr: {from: ""}}', "", PLAIN),
    ("{asr: {from: 1.5}}", "", QUOTED),
    ("{asr: {from: 1.0}}", "", QUOTED),
    ("{asr: {from: true}}", "", QUOTED),
    ("{asr: {from: [1]}}", "", QUOTED),
    ('{asr: {from: "1000000000000000"}}', "", "10^15"),
    ("{asr: {from: 1000000000000000}}", "", "10^15"),
    ('{asr: {from: "-1000000000000000.5"}}', "", "10^15"),
    ('{asr: {from: "0.12345678901"}}', "", "10 decimal"),
    ('{asr: {from: "2", to: "1.99"}}', "filter.asr.from", "above"),
    ("{asr: {from: null}}", "filter.asr.from", NOT_NULL),
    ("{conversationQuality: {to: null}}", "filter.conversationQuality.to", NOT_NULL),
    ("{conversationQuality: {from: 5, to: 4}}", "filter.conversationQuality.from", "above"),
    ("{conversationQuality: {from: 2147483648}}", "", "2147483648"),
    ("{conversationQuality: {from: 1.5}}", "", "1.5"),
    ('{conversationQuality: {from: "5"}}', "", "integer"),
    ("{conversationQuality: 5}", "", "object"),
    ('{search: ""}', "filter.search", "a digit"),
    ('{search: "  "}', "filter.search", "a digit"),
    ('{search: "%"}', "filter.search", "a digit"),
    ('{search: "_"}', "filter.search", "a digit"),
    ('{search: "%_%_%"}', "filter.search", "a digit"),
    ("{search: 4155}", "", "4155"),
    (f'{{search: "{"x" * 201}"}}', "filter.search", "200"),
    ('{utms: [{key: "a"}]}', "", "'value'"),
    ('{metadata: [{value: "a"}]}', "", "'key'"),
    ('{metadata: [{key: "a", value: null}]}', "filter.metadata.0.value", NOT_NULL),
    ("{directions: [IN]}", "", "IN"),
    ("{tags: " + many('"a"') + "}", "filter.tags", "1000"),
    ("{channels: " + many("SMS") + "}", "filter.channels", "1000"),
    ("{anyOf: " + many("{}") + "}", "filter.anyOf", "1000"),
    ('{ids: ["x"]}', "filter.ids.0", "UUID"),
    (f"{{reviewedFrom: {LATER}, reviewedTo: {NOON}}}", "filter.reviewedFrom", "after"),
    ("{channels: [FAX]}", "", "FAX"),
    ("{channels: [null]}", "", "Channel!"),
    ("{assessments: [yes_a]}", "", "yes_a"),
    ("{sessionLengths: {}}", "", "SessionLength"),
    ("{anyOf: [null]}", "", "SessionFilter!"),
    ("{isLead: 1}", "", "Boolean"),
    ('{isLead: "true"}', "", "Boolean"),
    ("{isLead: [true]}", "", "Boolean"),
    ("{isLate: true}", "", "isLate"),
    ("{isLead: true, NOT: null}", "", "NOT"),
    ("{not: {not: {not: {not: {isLead: true}}}}}", "filter.not.not.not.not", "3 deep"),
    ("{anyOf: [{anyOf: [{anyOf: [{anyOf: [{}]}]}]}]}", "filter.anyOf.0.anyOf.0.anyOf.0.anyOf.0", "3 deep"),
    (conditions(51), "filter", "50 conditions"),
]
"""A filter, the end of `extensions.path` if the error has one, and a keyword of the message."""
FILTER_WAYS = [
    "query($f: SessionFilter) { sessions(filter: $f) { totalCount } }",
    "query($f: SessionFilter) { dashboard(filter: $f) { currency } }",
    "query($f: SessionFilter) { agents { sessions(filter: $f) { nodes { id } } } }",
    "mutation($f: SessionFilter!) { updateSessions(input: {target: {filter: $f}, patch: {isTodo: true}})"
    " { matchedCount } }",
]


@pytest.mark.parametrize(("filter_", "path", "keyword"), WRONG_FILTERS)
async def test_a_wrong_filter_is_refused(
    admin: Admin, statements: Statements, filter_: str, path: str, keyword: str
) -> None:
    answer = await admin.ask(f"{{ sessions(filter: {filter_}) {{ totalCount }} }}")
    assert_refused(answer, keyword, statements, path)

    for way in FILTER_WAYS:
        await statements.restart()
        answer = await admin.ask(way, f=as_json(filter_))
        assert_refused(answer, keyword, statements, path)


@pytest.mark.parametrize("name", sorted(SCHEMA.type_map["SessionFilter"].fields))  # type: ignore[attr-defined]
async def test_an_explicit_null_is_never_no_condition(admin: Admin, statements: Statements, name: str) -> None:
    filter_ = SCHEMA.type_map["SessionFilter"]
    assert isinstance(filter_, GraphQLInputObjectType)
    type_ = filter_.fields[name].type
    requests: list[tuple[str, dict[str, Json]]] = [
        (f"{{ sessions(filter: {{{name}: null}}) {{ totalCount }} }}", {}),
        (f"{{ sessions(filter: {{not: {{{name}: null}}}}) {{ totalCount }} }}", {}),
        (f"query($v: {type_}) {{ sessions(filter: {{{name}: $v}}) {{ totalCount }} }}", {"v": None}),
        (f"query($v: {type_} = null) {{ sessions(filter: {{{name}: $v}}) {{ totalCount }} }}", {}),
        *((way, {"f": {name: None}}) for way in FILTER_WAYS),
    ]
    for query, variables in requests:
        await statements.restart()
        answer = await admin.ask(query, **variables)
        assert_refused(answer, NOT_NULL, statements, name)


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
async def test_a_null_argument_is_an_argument_left_out(admin: Admin, query: str) -> None:
    assert (await admin.ask(query)).data


NO_JSON = "not valid JSON"


@pytest.mark.parametrize(
    ("number", "keyword"),
    [
        *((number, NO_JSON) for number in ("NaN", "Infinity", "-Infinity", "1E999999", "1E400", "9" * 400, "٣")),
        *((number, QUOTED) for number in ("1.5", "0.1", "-0.0", "1.0", "1e2", "1e-400")),
        *((number, "64 bits") for number in ("9" * 20, f"-{2**63 + 1}")),
        ("9" * 18, "10^15"),
    ],
)
async def test_a_json_number_is_not_taken_for_a_decimal(
    admin: Admin, statements: Statements, number: str, keyword: str
) -> None:
    query = "query($d: Decimal!) { sessions(filter: {asr: {from: $d}}) { totalCount } }"

    answer = await admin.send(f'{{"query": "{query}", "variables": {{"d": {number}}}}}'.encode())

    assert_refused(answer, keyword, statements)


@pytest.mark.parametrize("digits", [20, 400, 5000])
async def test_a_huge_whole_number_in_a_document_is_refused(admin: Admin, statements: Statements, digits: int) -> None:
    number = "9" * digits

    first = await admin.ask(f"{{ sessions(first: {number}) {{ totalCount }} }}")
    bound = await admin.ask(f"{{ sessions(filter: {{asr: {{from: {number}}}}}) {{ totalCount }} }}")

    assert_refused(first, "32-bit", statements)
    assert_refused(bound, QUOTED if digits > 4300 else "10^15", statements)


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
async def test_what_is_at_the_very_edge_is_served(admin: Admin, filter_: str) -> None:
    answer = await admin.ask(
        "query($f: SessionFilter) { sessions(filter: $f) { totalCount nodes { id } }"
        " dashboard(filter: $f) { totalAsr previous { totalAsr } groups(by: AGENT) { key } } }",
        f=as_json(filter_),
    )

    assert answer.data


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
async def test_no_filter_is_a_fault_of_ours(admin: Admin, filter_: Json) -> None:
    answer = await admin.ask(
        "query($f: SessionFilter) { sessions(filter: $f, first: 3) { totalCount nodes { id } }"
        " dashboard(filter: $f) { totalAsr previous { totalAsr } groups(by: CHANNEL) { key } } }",
        f=filter_,
    )

    assert answer.status in (200, 400)
    assert {error["extensions"]["code"] for error in answer.errors} <= {"BAD_USER_INPUT"}
    assert ("data" in answer.body) is (answer.errors == [])
