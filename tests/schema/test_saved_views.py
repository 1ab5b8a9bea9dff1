"""Saved views: what is kept, and who sees which of them with what."""

from typing import Any
from uuid import uuid4

import pytest

from conftest import MakeCaller
from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.sessions import saved_views
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.records import make_agent, record

pytestmark = pytest.mark.anyio

SAVE = """
mutation ($view: SaveViewInput!) {
  saveView(input: $view) { view { id name owner isOwn isShared filter orderBy columns } errors { code path message } }
}
"""
DELETE = "mutation ($id: ID!) { deleteView(input: {id: $id}) { deletedId errors { code path } } }"
LIST = "{ savedViews { id name owner isOwn isShared filter orderBy columns } }"

FAILURES: dict[str, Any] = {
    "name": "Failures",
    "filter": {"period": "LAST_7_DAYS", "assessments": ["NO"], "not": {"leadValue": {"from": "10.5"}}},
    "orderBy": {"field": "LEAD_VALUE", "direction": "ASC"},
    "columns": ["STARTED_AT", "CONTACT", "LEAD_VALUE"],
}
PLAIN: dict[str, Any] = {"name": "Everything", "columns": ["STARTED_AT"], "isShared": True}


async def save(ask: Caller, **view: Any) -> dict[str, Any]:
    answer = (await ask(SAVE, view=view)).data["saveView"]
    assert answer["errors"] == []
    saved: dict[str, Any] = answer["view"]
    return saved


async def ask_to_save(ask: Caller, view: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await ask(SAVE, view=view)).data["saveView"]
    return answer


async def names(ask: Caller) -> list[str]:
    return [view["name"] for view in (await ask(LIST)).data["savedViews"]]


async def test_a_view_is_kept_as_it_was_saved(ask: Caller) -> None:
    saved = await save(ask, **FAILURES)

    expected = FAILURES | {"id": saved["id"], "owner": "Petra", "isOwn": True, "isShared": False}
    assert saved == expected
    assert (await ask(LIST)).data["savedViews"] == [expected]
    node = "query ($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { ... on SavedView { name } } }"
    assert (await ask(node, id=saved["id"])).data == {
        "node": {"__typename": "SavedView", "id": saved["id"]},
        "nodes": [{"name": "Failures"}],
    }


async def test_filter_and_order_of_a_view_are_variables_of_a_list(
    ask: Caller, database: Database, account: Account
) -> None:
    await make_agent(account)
    cheap, _ = await record(database, account, {"leadValue": "1"}, {"leadValue": "99"})
    view = await save(ask, **{**FAILURES, "filter": {"leadValue": {"to": "10.5"}, "from": "2020-01-01T00:00:00Z"}})

    query = "query ($f: SessionFilter, $o: SessionOrder) { sessions(filter: $f, orderBy: $o) { nodes { id } } }"
    answer = await ask(query, f=view["filter"], o=view["orderBy"])

    assert answer.data["sessions"]["nodes"] == [{"id": str(cheap)}]


async def test_a_view_without_filter_and_order_has_all_sessions_newest_first(ask: Caller) -> None:
    saved = await save(ask, **PLAIN)

    assert (saved["filter"], saved["orderBy"]) == ({}, {"field": "STARTED_AT", "direction": "DESC"})


async def test_saving_with_an_id_replaces_the_view(ask: Caller) -> None:
    first = await save(ask, **FAILURES)

    second = await save(ask, **PLAIN, id=first["id"])

    assert (await ask(LIST)).data["savedViews"] == [second]
    assert (second["id"], second["name"]) == (first["id"], "Everything")


async def test_own_views_come_first_then_shared_ones_by_name(caller: MakeCaller) -> None:
    ann, ben = await caller(Role.BUILDER), await caller(Role.BUILDER)
    await save(ben, **PLAIN | {"name": "aside"})
    await save(ben, **PLAIN | {"name": "Hidden", "isShared": False})
    await save(ann, **PLAIN | {"name": "beta", "isShared": False})
    await save(ann, **PLAIN | {"name": "Alpha"})

    assert await names(ann) == ["Alpha", "beta", "aside"]
    assert [view["isOwn"] for view in (await ann(LIST)).data["savedViews"]] == [True, True, False]


@pytest.mark.parametrize("role", [Role.BUILDER, Role.PORTAL])
async def test_a_key_with_limits_sees_its_own_views_alone(caller: MakeCaller, account: Account, role: Role) -> None:
    await make_agent(account)
    limited, free = await caller(role, agents=["bistro"]), await caller(Role.BUILDER)
    shared = await save(free, **PLAIN)
    await save(limited, **PLAIN | {"name": "Mine"})

    assert await names(limited) == ["Mine"]
    assert (await limited("query ($id: ID!) { node(id: $id) { id } }", id=shared["id"])).data == {"node": None}
    assert (await limited(DELETE, id=shared["id"])).data["deleteView"]["errors"][0]["code"] == "NOT_FOUND"
    assert sorted(await names(free)) == ["Everything", "Mine"]


async def test_a_partner_sees_its_own_views_alone(caller: MakeCaller) -> None:
    partner, builder = await caller(Role.PARTNER, integrations=["crm"]), await caller(Role.BUILDER)
    await save(builder, **PLAIN | {"filter": {"integrations": ["another"]}})

    assert await names(partner) == []


async def test_a_recorder_sees_no_views_and_saves_none(caller: MakeCaller) -> None:
    recorder, builder = await caller(Role.RECORDER), await caller(Role.BUILDER)
    await save(builder, **PLAIN)

    assert await names(recorder) == []
    assert (await recorder(SAVE, view=PLAIN)).code == "FORBIDDEN"


@pytest.mark.parametrize(
    "named",
    [
        {"filter": {"leadValue": {"from": "1"}}},
        {"filter": {"anyOf": [{}, {"not": {"isOpportunity": True}}]}},
        {"orderBy": {"field": "LEAD_VALUE"}},
    ],
    ids=["filter", "nested filter", "order"],
)
async def test_a_view_that_names_what_the_role_may_not_read_is_not_shown(
    caller: MakeCaller, named: dict[str, Any]
) -> None:
    portal, builder = await caller(Role.PORTAL), await caller(Role.BUILDER)
    await save(builder, **PLAIN | named)

    assert await names(builder) == ["Everything"]
    assert await names(portal) == []
    assert (await portal(SAVE, view=PLAIN | named)).code == "FORBIDDEN_FIELD"


async def test_a_shared_view_has_no_columns_that_the_role_may_not_read(caller: MakeCaller) -> None:
    portal, builder = await caller(Role.PORTAL), await caller(Role.BUILDER)
    await save(builder, **PLAIN | {"columns": ["LEAD_VALUE", "STARTED_AT"]})
    await save(builder, **PLAIN | {"name": "Money", "columns": ["LEAD_VALUE"]})

    (shown,) = (await portal(LIST)).data["savedViews"]

    assert shown["columns"] == ["STARTED_AT"]


async def test_views_of_another_account_do_not_exist(caller: MakeCaller) -> None:
    other = await find_or_create_account(f"a{uuid4().hex[:12]}")
    here, there = await caller(Role.ADMIN), await caller(Role.ADMIN, of=other)
    saved = await save(here, **PLAIN)

    assert await names(there) == []
    for answer in (await there(DELETE, id=saved["id"]), await there(SAVE, view=PLAIN | {"id": saved["id"]})):
        ((field, payload),) = answer.data.items()
        assert [error["code"] for error in payload["errors"]] == ["NOT_FOUND"], field
    assert await names(here) == ["Everything"]


async def test_only_the_owner_replaces_a_view_and_an_admin_may_delete_a_shared_one(caller: MakeCaller) -> None:
    owner, colleague, admin = await caller(Role.BUILDER), await caller(Role.BUILDER), await caller(Role.ADMIN)
    shared = await save(owner, **PLAIN)
    own = await save(owner, **FAILURES)

    for other in (colleague, admin):
        replaced = (await other(SAVE, view=PLAIN | {"id": shared["id"]})).data["saveView"]
        assert [error["code"] for error in replaced["errors"]] == ["NOT_FOUND"]
    assert (await colleague(DELETE, id=shared["id"])).data["deleteView"]["errors"][0]["code"] == "NOT_FOUND"
    assert (await admin(DELETE, id=own["id"])).data["deleteView"]["errors"][0]["code"] == "NOT_FOUND"
    assert (await admin(DELETE, id=shared["id"])).data["deleteView"] == {"deletedId": shared["id"], "errors": []}
    assert (await owner(DELETE, id=own["id"])).data["deleteView"] == {"deletedId": own["id"], "errors": []}
    assert await names(owner) == []


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"name": " "}, ["input", "name"], "must not be empty"),
        ({"name": "x" * 101}, ["input", "name"], "at most 100 characters"),
        ({"columns": []}, ["input", "columns"], "must not be empty"),
        ({"columns": ["ID", "PHONE", "ID"]}, ["input", "columns"], "must not name a column twice"),
    ],
    ids=["no name", "long name", "no columns", "column twice"],
)
async def test_a_wrong_view_is_refused(ask: Caller, change: dict[str, Any], path: list[str], message: str) -> None:
    answer = (await ask(SAVE, view=PLAIN | change)).data["saveView"]

    assert (answer["view"], [(error["code"], error["path"]) for error in answer["errors"]]) == (
        None,
        [("INVALID", path)],
    )
    assert message in answer["errors"][0]["message"]
    assert await names(ask) == []


async def test_a_wrong_filter_of_a_view_is_refused_with_its_path(ask: Caller) -> None:
    wrong = {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}

    answer = await ask(SAVE, view=PLAIN | {"filter": wrong})

    assert answer.code == "BAD_USER_INPUT"
    assert answer.errors[0]["message"].startswith("input.filter.from must not be after to")


async def test_a_name_is_unique_among_the_views_of_its_owner(caller: MakeCaller) -> None:
    ann, ben = await caller(Role.BUILDER), await caller(Role.BUILDER)
    first = await save(ann, **PLAIN)
    await save(ben, **PLAIN)

    again = (await ann(SAVE, view=PLAIN | {"name": " Everything "})).data["saveView"]

    assert [(error["code"], error["path"]) for error in again["errors"]] == [("DUPLICATE", ["input", "name"])]
    assert (await save(ann, **PLAIN, id=first["id"]))["id"] == first["id"]


async def test_a_key_has_a_limited_number_of_views(ask: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 2)
    first = await save(ask, **PLAIN)
    await save(ask, **FAILURES)

    refused = (await ask(SAVE, view=PLAIN | {"name": "Third"})).data["saveView"]
    assert [error["code"] for error in refused["errors"]] == ["LIMIT"]
    await save(ask, **PLAIN | {"name": "Renamed"}, id=first["id"])
    await ask(DELETE, id=first["id"])
    await save(ask, **PLAIN | {"name": "Third"})


async def test_an_account_has_a_limited_number_of_shared_views(
    caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST_SHARED", 2)
    ann, bob = await caller(Role.ADMIN), await caller(Role.PORTAL)
    first = await save(ann, **PLAIN)
    await save(bob, **PLAIN)

    refused = (await ask_to_save(bob, PLAIN | {"name": "Third"}))["errors"]

    assert [(error["code"], error["path"]) for error in refused] == [("LIMIT", ["input", "isShared"])]
    await save(bob, **PLAIN | {"name": "Third", "isShared": False})
    await save(ann, **PLAIN | {"name": "Renamed"}, id=first["id"])


@pytest.mark.parametrize(("texts", "is_saved"), [(33, True), (34, False)])
async def test_a_filter_that_is_saved_has_a_limited_size(ask: Caller, texts: int, is_saved: bool) -> None:
    view = PLAIN | {"filter": {"sessionTypes": [f"{number:02}{'é' * 243}" for number in range(texts)]}}

    errors = (await ask_to_save(ask, view))["errors"]

    expected = [] if is_saved else [("LIMIT", ["input", "filter"])]
    assert [(error["code"], error["path"]) for error in errors] == expected


async def test_the_most_and_largest_views_fit_into_one_response(
    ask: Caller, account: Account, database: Database
) -> None:
    filter_ = '{"tags":["' + '","'.join("a" * 3 for _ in range(saved_views.MOST_FILTER_BYTES // 6 - 3)) + '"]}'
    await database.execute(
        """
        insert into saved_view (
            account_id, id, identity, owner, name, is_shared, stored_filter, order_field, direction, columns
        )
        select $1, gen_random_uuid(), 'other', 'other', n::text, true, $2, 'STARTED_AT', 'DESC', '{started_at}'
        from generate_series(1, $3::integer) n
        """,
        *(account.id, filter_, saved_views.MOST_SHARED + saved_views.MOST_VIEWS),
    )

    assert len(await names(ask)) == saved_views.MOST_SHARED + saved_views.MOST_VIEWS


async def test_a_session_cannot_take_the_id_of_a_view(ask: Caller, account: Account) -> None:
    await make_agent(account)
    view = await save(ask, **PLAIN)
    session = {
        "id": view["id"],
        "agent": "bistro",
        "channel": "SMS",
        "startedAt": "2026-11-16T15:00:00Z",
        "endedAt": "2026-11-16T15:01:00Z",
    }

    query = "mutation ($record: RecordSessionInput!) { recordSession(input: $record) { errors { path } } }"
    answer = await ask(query, record=session)

    assert answer.data["recordSession"]["errors"] == [{"path": ["input", "id"]}]
