"""What an operation costs: sizes multiplied through the nesting, and statements once for each place."""

import asyncio
from typing import Any

import pytest
from graphql import GraphQLList, GraphQLObjectType, get_named_type, get_nullable_type, parse

from session_graph.engine.analysis import Analyzer
from session_graph.engine.costs import EXECUTOR_FACTOR, Cost
from session_graph.engine.executor import OperationExecutor
from session_graph.engine.internals import graphql_schema
from session_graph.engine.limits import Limits
from session_graph.engine.operation import GraphQLParams
from session_graph.schema.authorization import NAMED_BY, ROLES
from session_graph.schema.costs import COSTS
from session_graph.schema.schema import build_schema, print_sdl
from session_graph.settings import load_settings

SCHEMA = build_schema()
CORE = graphql_schema(SCHEMA)
SETTINGS = load_settings()
LIMIT = SETTINGS.max_cost
ANALYZER = Analyzer(CORE, NAMED_BY, ROLES, COSTS, LIMIT)
EXECUTOR = OperationExecutor(SCHEMA, Limits.of(SETTINGS), ANALYZER.analyze)
FIGURES = "totalAsr totalSessionCount totalLeadCount totalLeadValue"


def cost_of(query: str, **variables: Any) -> Cost:
    params = GraphQLParams(query, None, variables, {})
    return ANALYZER.cost(asyncio.run(EXECUTOR.prepare(params, EXECUTOR.find_definition(params))))


def total(query: str, **variables: Any) -> int:
    return cost_of(query, **variables).total


def test_sizes_are_multiplied_through_the_nesting() -> None:
    query = "query ($n: Int) { sessions(first: $n) { nodes { agent { sessions(first: 100) { nodes { id } } } } } }"

    assert total(query, n=200) - total(query, n=100) == pytest.approx(
        10 * (total(query, n=20) - total(query, n=10)), abs=20
    )


def test_the_size_of_a_page_may_be_a_variable() -> None:
    query = "query ($n: Int) { sessions(first: $n) { nodes { id summary } } }"

    assert total(query, n=200) > total(query, n=100) > total(query, n=1)
    assert total(query) == total(query, n=50)


@pytest.mark.parametrize("page", ["first: 200", "last: 200"])
@pytest.mark.parametrize("below", ["nodes { summary }", "edges { node { summary } }"])
def test_a_page_has_a_size_however_it_is_asked(page: str, below: str) -> None:
    assert total(f"{{ sessions({page}) {{ {below} }} }}") > 2 * total(f"{{ sessions {{ {below} }} }}")


def test_each_id_is_an_object() -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Session { id summary utms } } }"

    assert total(query, ids=["x"] * 100) > total(query, ids=["x"]) + 30


def test_external_ids_and_their_sessions_are_multiplied() -> None:
    query = "query ($x: [String!]!, $n: Int) { sessionsByExternalId(externalIds: $x) { sessions(first: $n) { id } } }"

    assert total(query, x=["a"] * 100, n=100) > 50 * total(query, x=["a"], n=1)


def test_the_dearest_of_the_possible_types_counts() -> None:
    dear = "... on Session { transcript { text } }"
    cheap = "... on Agent { idn }"

    assert total(f'{{ node(id: "x") {{ {dear} {cheap} }} }}') == total(f'{{ node(id: "x") {{ {dear} }} }}')


def test_a_statement_of_all_parents_counts_once() -> None:
    one = total("{ dashboard { totalAsr } }")
    fifty = total("{ agents { dashboard { totalAsr } } }")

    assert fifty < 2 * one


def test_the_intervals_of_a_series_follow_from_the_span() -> None:
    points = f"series(interval: HOUR) {{ totals {{ {FIGURES} }} }}"
    query = f"query ($f: SessionFilter) {{ dashboard(filter: $f) {{ {points} }} }}"
    day = total(query, f={"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"})
    month = total(query, f={"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"})
    refused = total(query, f={"from": "2020-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"})

    assert month - day == pytest.approx((31 - 1) * 24 * 0.96, rel=0.1)
    assert refused < day


@pytest.mark.parametrize(
    "condition", ['search: "a"', 'contact: "a"', 'not: {search: "a"}', 'anyOf: [{search: "a"}, {search: "b"}]']
)
def test_a_filter_that_reads_all_sessions_costs_more(condition: str) -> None:
    assert total(f"{{ sessions(filter: {{{condition}}}) {{ nodes {{ id }} }} }}") > 2000


def test_an_order_without_an_index_costs_more() -> None:
    query = "query ($by: SessionOrderField!) { sessions(orderBy: {field: $by}) { nodes { id } } }"

    assert total(query, by="CONTACT") > total(query, by="STARTED_AT") + 1000


def test_what_skip_leaves_out_costs_nothing() -> None:
    query = "query ($no: Boolean!) { sessions(first: 200) { nodes { id transcript @include(if: $no) { text } } } }"

    assert total(query, no=False) == total("{ sessions(first: 200) { nodes { id } } }")
    assert total(query, no=True) > total(query, no=False)


def test_the_ordinary_executor_costs_more_for_the_same_rows() -> None:
    planned = cost_of("{ sessions(first: 200) { nodes { id } } }")
    mixed = cost_of("{ __schema { queryType { name } } sessions(first: 200) { nodes { id } } }")

    assert planned.is_planned
    assert not mixed.is_planned
    assert mixed.total == pytest.approx(planned.total * EXECUTOR_FACTOR, rel=0.1)


SESSION = CORE.type_map["Session"]
assert isinstance(SESSION, GraphQLObjectType)
PLAIN = [name for name, each in SESSION.fields.items() if not isinstance(get_named_type(each.type), GraphQLObjectType)]
NESTED = "{ sessions(first: 200) { nodes { agent { sessions(first: 200) { nodes { %s } } } } } }"
ALIASES = " ".join(
    f'a{i}: sessions(first: 200, orderBy: {{field: CONTACT}}, filter: {{not: {{search: "q{i}"}}}})'
    " { totalCount nodes { id } }"
    for i in range(20)
)
ATTACKS = {
    "three levels": NESTED % "agent { sessions(first: 200) { nodes { id } } }",
    "a hundred in three levels": NESTED.replace("200", "100") % "agent { sessions(first: 100) { nodes { id } } }",
    "whole rows in two levels": NESTED % " ".join(PLAIN),
    "hours of the agents of sessions": "{ sessions(first: 200) { nodes { agent { dashboard { series(interval: HOUR)"
    f" {{ from to totals {{ {FIGURES} }} }} }} }} }} }} }}",
    "twenty searches": f"{{ {ALIASES} }}",
    "twenty dashboards": "{ "
    + " ".join(
        f"a{i}: dashboard {{ {FIGURES} series {{ totals {{ {FIGURES} }} }} previous {{ {FIGURES} }}"
        f" a: groups(by: AGENT) {{ totals {{ {FIGURES} }} }} b: groups(by: CHANNEL) {{ totals {{ {FIGURES} }} }} }}"
        for i in range(20)
    )
    + " }",
    "rows beside introspection": "{ __typename __schema { queryType { name } } agents { sessions(first: 200)"
    " { nodes { id summary phone email } } } }",
    "thousands of texts": "{ "
    + " ".join(f"a{i}: sessions(filter: {{not: {{sessionTypes: $t}}}}) {{ totalCount }}" for i in range(20))
    + " }",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_too_much(name: str) -> None:
    query = ATTACKS[name]
    texts = {"t": ["x" * 480] * 1000} if "$t" in query else {}
    cost = cost_of(f"query ($t: [String!]!) {query}" if texts else query, **texts)

    refusal = cost.refusal(LIMIT)
    extensions = refusal.extensions
    assert cost.total > LIMIT
    assert (extensions["cost"], extensions["maxCost"]) == (cost.total, LIMIT)
    assert f"{cost.total:,}" in refusal.message
    assert f"{LIMIT:,}" in refusal.message
    assert str(extensions["field"]) in refusal.message


def test_the_dearest_field_is_named() -> None:
    assert cost_of(ATTACKS["three levels"]).dearest == "sessions.nodes.agent.sessions.nodes.agent.sessions.nodes"
    assert cost_of("{ viewer { role } mine: sessions { list: nodes { id } totalCount } }").dearest == "mine.totalCount"


def test_the_table_names_only_what_the_schema_has() -> None:
    sdl = print_sdl(SCHEMA)
    written = sdl.count("@cost(weight") + sdl.count("@listSize(assumed")
    meta = [name for name in COSTS.sizes if name.startswith("__")]

    assert written == len(COSTS.weights) + len(COSTS.sizes) - len(meta)
    assert print_sdl(SCHEMA) == sdl
    parse(sdl)


def test_every_list_of_objects_that_a_query_reads_has_a_size() -> None:
    fields = {
        f"{type_.name}.{name}": field.type
        for type_ in CORE.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.endswith("Payload")
        for name, field in type_.fields.items()
    }
    sized = {f"{get_named_type(fields[name])}.{each}" for name, size in COSTS.sizes.items() for each in size.sized}
    lists = {
        name
        for name, type_ in fields.items()
        if isinstance(get_nullable_type(type_), GraphQLList) and isinstance(get_named_type(type_), GraphQLObjectType)
    }

    assert lists - COSTS.sizes.keys() - sized == {"RecordResult.warnings"}
