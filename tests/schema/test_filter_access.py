"""Which role may filter, order and group by which column, in every way that a filter can be given."""

from typing import Any

import pytest
from graphql import GraphQLInputObjectType

from session_graph.access.viewer import Role
from support.access_matrix import (
    EDITABLE,
    FILTERS,
    GROUPS,
    ORDERS,
    ROLES,
    SESSION,
    Callers,
    assert_refused,
    code_of,
    literals,
    refused_of,
)
from support.schema import SCHEMA, as_json
from support.statements import Statements

pytestmark = pytest.mark.anyio


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
