"""Which role may read which field, in every way that a field can be selected."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from session_graph.access.viewer import Role
from session_graph.http.negotiation import GRAPHQL
from session_graph.store.database import Database
from support.access_matrix import (
    EDITABLE,
    LIMITED,
    PARTNER,
    READABLE,
    RECORD,
    RECORDER,
    ROLES,
    SESSION,
    Callers,
    assert_refused,
    code_of,
    refused_of,
    select,
)
from support.records import state_of
from support.schema import as_json
from support.statements import Statements

pytestmark = pytest.mark.anyio


WAYS: dict[str, list[str]] = {
    "Session": [
        '{ session(id: "@session") { FIELDS } }',
        '{ node(id: "@session") { ... on Session { FIELDS } } }',
        '{ node(id: "@session") { ...a } } fragment a on Node { ... on Session { FIELDS } }',
        "{ sessions { nodes { FIELDS } } }",
        "{ sessions { edges { node { FIELDS } } } }",
        '{ sessionsByExternalId(externalIds: ["e1"]) { sessions { FIELDS } } }',
        '{ sessionBySource(source: "retell", sourceId: "call_1") { FIELDS } }',
        "{ agents { sessions(first: 20) { nodes { FIELDS } } } }",
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
    "Account": [
        "{ viewer { account { FIELDS } } }",
        "{ viewer { account { ALIASED } } }",
        '{ node(id: "@account") { ... on Account { FIELDS } } }',
        '{ nodes(ids: ["@account"]) { ...a } } fragment a on Account { FIELDS }',
    ],
    "FilterOptions": [
        "{ viewer { account { filterOptions { FIELDS } } } }",
        "{ viewer { account { filterOptions { ALIASED } } } }",
        '{ node(id: "@account") { ... on Account { filterOptions { FIELDS } } } }',
    ],
}
NAMED_BY_THE_WAY = {
    "sessionsByExternalId": "externalId",
    "sessionBySource(source:": "source",
    "sourceId:": "sourceId",
    "agent {": "agent",
    "groups(by: CHANNEL)": "channel",
    "groups(by: AGENT)": "agent",
    "period": "startedAt",
}
"""Fields of Session that the request around the selection reads: a part of its text, and the field."""


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
    headers = {"Authorization": f"Bearer {callers.by_role[PARTNER].key}", "Accept": GRAPHQL}

    mine, other = [
        await client.post("/graphql", json={"query": query, "operationName": name}, headers=headers)
        for name in ("Mine", "Other")
    ]

    assert (mine.status_code, other.status_code) == (200, 403)


async def test_a_get_is_no_other_way(client: httpx.AsyncClient, callers: Callers) -> None:
    headers = {"Authorization": f"Bearer {callers.by_role[PARTNER].key}", "Accept": GRAPHQL}

    answer = await client.get("/graphql", params={"query": "{ sessions { nodes { comment } } }"}, headers=headers)

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["fields"] == ["Session.comment"]


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
    record = as_json(RECORD) | {"id": str(uuid4()), "summary": "private"}
    before = await state_of(database, callers.account)

    await statements.restart()
    refused = await callers.ask(RECORDER, record_it.format(select("Session", SESSION)), i=record)
    assert_refused(refused, RECORDER, refused_of(RECORDER, "Session", SESSION), statements)
    assert await state_of(database, callers.account) == before

    recorded = await callers.ask(RECORDER, record_it.format("id version"), i=record)
    assert recorded.data["recordSession"] == {"session": {"id": record["id"], "version": 1}, "errors": []}
