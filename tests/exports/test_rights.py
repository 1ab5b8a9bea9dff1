"""A report made with a token is found by the rights that its subject has now, in every way of naming it."""

from collections.abc import AsyncIterator
from time import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.api_keys import create_key, revoke_key
from session_graph.access.viewer import Role
from session_graph.exports.links import LinkSigner
from session_graph.exports.worker import Worker
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller
from support.bearers import KINDS, Bearers, accept_tokens, viewer_of_token
from support.live import serving
from support.records import make_agent, record
from support.reports import REQUEST, ask_for_report, comes_true, download, read_row
from support.tokens import SecondsFromNow

pytestmark = pytest.mark.anyio

NEVER = str(uuid4())
SHOWN = "{ id status requestedBy columns rowCount downloadUrl error deliveries { recipient status linkExpiresAt } }"
PAYLOAD = "{ export { id status } errors { code message path retryAfter } }"
WAYS = {
    "export": f'{{ export(id: "@") {SHOWN} }}',
    "node": f'{{ node(id: "@") {{ ... on SessionExport {SHOWN} }} }}',
    "nodes": f'{{ nodes(ids: ["@"]) {{ ... on SessionExport {SHOWN} }} }}',
    "progress": f'subscription {{ exportProgress(id: "@") {SHOWN} }}',
    "cancel": f'mutation {{ cancelSessionExport(input: {{id: "@"}}) {PAYLOAD} }}',
    "retry": f'mutation {{ retrySessionExport(input: {{id: "@"}}) {PAYLOAD} }}',
    "revoke": f'mutation {{ revokeSessionExportLink(input: {{id: "@", recipient: "mallory@example.com"}}) {PAYLOAD} }}',
}
READS = ("export", "node", "nodes", "progress")
LIST = "{ exports { nodes { id } } }"

Claims = dict[str, Any]

PORTAL_COLUMNS = {"columns": ["STARTED_AT", "SUMMARY", "ASR"]}
PHONES = {"columns": ["STARTED_AT", "PHONE"]}
BY_LEAD_VALUE = {"field": "LEAD_VALUE", "direction": "ASC"}
TWO_AGENTS = ["bistro", "clinic"]

# fmt: off
VISIBLE: list[tuple[Claims, Claims, Claims]] = [
    ({"role": "BUILDER"}, PHONES, {"role": "BUILDER"}),
    ({"role": "BUILDER"}, PHONES, {"role": "ADMIN"}),
    ({"role": "ADMIN"}, PHONES, {"role": "BUILDER"}),
    ({"role": "BUILDER"}, PORTAL_COLUMNS, {"role": "PORTAL"}),
    ({"role": "PORTAL"}, {}, {"role": "BUILDER"}),
    ({"role": "PORTAL"}, {"filter": {"search": "Lee"}}, {"role": "PORTAL"}),
    ({"role": "BUILDER", "agents": TWO_AGENTS}, PHONES, {"role": "BUILDER", "agents": TWO_AGENTS[::-1]}),
    ({"role": "BUILDER", "agents": ["bistro"]}, PORTAL_COLUMNS, {"role": "PORTAL", "agents": ["bistro"]}),
    ({"role": "BUILDER", "agents": ["bistro"]}, PHONES, {"role": "ADMIN"}),
    ({"role": "PARTNER", "integrations": ["crm", "pos"]}, {}, {"role": "PARTNER", "integrations": ["pos", "crm"]}),
]
"""The claims that a report was requested with, the request, and the claims that find it."""

HIDDEN: list[tuple[Claims, Claims, Claims]] = [
    ({"role": "ADMIN"}, PHONES, {"role": "PORTAL"}),
    ({"role": "ADMIN"}, PHONES, {"role": "RECORDER"}),
    ({"role": "ADMIN"}, {"columns": ["ID"]}, {"role": "RECORDER"}),
    ({"role": "ADMIN"}, PHONES, {"role": "PARTNER", "integrations": ["crm"]}),
    ({"role": "ADMIN"}, {"columns": ["ID"]}, {"role": "PARTNER", "integrations": ["crm"]}),
    ({"role": "BUILDER"}, PHONES, {"role": "PORTAL"}),
    ({"role": "BUILDER"}, PORTAL_COLUMNS | {"filter": {"isLead": True}}, {"role": "PORTAL"}),
    ({"role": "BUILDER"}, PORTAL_COLUMNS | {"filter": {"not": {"anyOf": [{"isLead": True}]}}}, {"role": "PORTAL"}),
    ({"role": "BUILDER"}, PORTAL_COLUMNS | {"filter": {"not": {"search": "0134"}}}, {"role": "PORTAL"}),
    ({"role": "BUILDER"}, PORTAL_COLUMNS | {"orderBy": BY_LEAD_VALUE}, {"role": "PORTAL"}),
    ({"role": "BUILDER"}, PHONES, {"role": "BUILDER", "agents": ["bistro"]}),
    ({"role": "BUILDER", "agents": TWO_AGENTS}, PHONES, {"role": "BUILDER", "agents": ["bistro"]}),
    ({"role": "BUILDER", "agents": ["bistro"]}, PHONES, {"role": "BUILDER", "agents": ["clinic"]}),
    ({"role": "BUILDER", "agents": ["bistro"]}, PHONES, {"role": "BUILDER", "agents": TWO_AGENTS}),
    ({"role": "BUILDER", "agents": ["bistro"]}, PHONES, {"role": "BUILDER"}),
    ({"role": "BUILDER", "agents": ["bistro"]}, PHONES, {"role": "PORTAL", "agents": ["bistro"]}),
    ({"role": "PARTNER", "integrations": ["crm"]}, {}, {"role": "PARTNER", "integrations": ["pos"]}),
    ({"role": "PARTNER", "integrations": ["crm", "pos"]}, {}, {"role": "PARTNER", "integrations": ["crm"]}),
    ({"role": "PARTNER", "integrations": ["crm"]}, {"columns": ["ID"]}, {"role": "PORTAL"}),
    ({"role": "PARTNER", "integrations": ["crm"]}, {"columns": ["ID"]}, {"role": "RECORDER"}),
    ({"role": "BUILDER"}, PHONES, {"role": "BUILDER", "sub": "malloryx"}),
    ({"role": "BUILDER"}, PHONES, {"role": "BUILDER", "sub": "Mallory"}),
]
"""The same, with claims of the same or a similar subject that do not find it."""
# fmt: on


@pytest.fixture(scope="module", params=KINDS)
async def bearers(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    database: Database,
    database_url: str,
    settings: Settings,
) -> AsyncIterator[Bearers]:
    accepting = accept_tokens(settings, request.param, tmp_path_factory.mktemp("jwks"))
    async with (
        serving(database, database_url, accepting) as served,
        httpx.AsyncClient(base_url=served.address) as client,
    ):
        yield Bearers(client)


@pytest.fixture
async def business(account: Account, database: Database) -> Account:
    """An account with two agents and a session of each, from two integrations."""
    for idn in TWO_AGENTS:
        await make_agent(account, idn=idn)
    await record(
        database, account, {"agent": "bistro", "integration": "crm"}, {"agent": "clinic", "integration": "pos"}
    )
    return account


async def send(ask: Caller, query: str) -> tuple[int, str]:
    accept = "text/event-stream" if query.startswith("subscription") else "application/json"
    headers = {"Authorization": f"Bearer {ask.key}", "Accept": accept}
    response = await ask.client.post("/graphql", json={"query": query}, headers=headers)
    return response.status_code, response.text


async def written(database: Database, ask: Caller, **given: Any) -> str:
    """Return the id of a report that is done."""
    export_id = await ask_for_report(ask, **given)

    async def is_done() -> bool:
        return bool((await read_row(database, export_id))["status"] == "DONE")

    await comes_true(is_done)
    return export_id


async def assert_never_given_out(database: Database, asker: Caller, export_id: str) -> None:
    """Check that the answers are those for an id that was never given out, in every way, and that nothing changed."""
    before = await read_row(database, export_id)
    for way, query in WAYS.items():
        answer = await send(asker, query.replace("@", export_id))
        unknown = await send(asker, query.replace("@", NEVER))
        assert (answer[0], answer[1].replace(export_id, NEVER)) == unknown, way
        assert way not in READS or "DONE" not in answer[1]
    assert export_id not in (await send(asker, LIST))[1]
    refused, unknown_file = [await download(asker.client, asker, id_) for id_ in (export_id, NEVER)]
    assert (refused.status_code, refused.content) == (unknown_file.status_code, unknown_file.content)
    assert refused.status_code == 404
    assert await read_row(database, export_id) == before


@pytest.mark.parametrize(("made_with", "given", "asked_with"), HIDDEN)
async def test_a_report_that_the_rights_do_not_cover_was_never_given_out(
    bearers: Bearers,
    business: Account,
    database: Database,
    worker: Worker,
    made_with: Claims,
    given: Claims,
    asked_with: Claims,
) -> None:
    maker, asker = bearers.token(business, **made_with), bearers.token(business, **asked_with)
    export_id = await written(database, maker, **given)

    await assert_never_given_out(database, asker, export_id)


@pytest.mark.parametrize(("made_with", "given", "asked_with"), VISIBLE)
async def test_a_report_that_the_rights_cover_is_found(
    bearers: Bearers,
    business: Account,
    database: Database,
    worker: Worker,
    made_with: Claims,
    given: Claims,
    asked_with: Claims,
) -> None:
    maker, asker = bearers.token(business, **made_with), bearers.token(business, **asked_with)
    export_id = await written(database, maker, **given)

    for way in READS:
        assert export_id in (await send(asker, WAYS[way].replace("@", export_id)))[1], way
    assert export_id in (await send(asker, LIST))[1]
    url = (await asker(WAYS["export"].replace("@", export_id))).data["export"]["downloadUrl"]
    by_link, by_token = await asker.client.get(url_path(url)), await download(asker.client, asker, export_id)
    assert (by_link.status_code, by_token.status_code) == (200, 200)
    assert by_link.content == by_token.content


def url_path(url: str) -> str:
    return "/exports/" + url.partition("/exports/")[2]


@pytest.mark.parametrize("bearers", ["key"], indirect=True)
@pytest.mark.parametrize(("made_with", "given", "asked_with"), HIDDEN)
async def test_a_link_signed_for_rights_that_do_not_cover_the_report_does_not_open_it(
    bearers: Bearers,
    business: Account,
    database: Database,
    settings: Settings,
    worker: Worker,
    made_with: Claims,
    given: Claims,
    asked_with: Claims,
) -> None:
    maker, asker = bearers.token(business, **made_with), bearers.token(business, **asked_with)
    export_id = await written(database, maker, **given)
    signer = LinkSigner(database, settings)

    link = await signer.make_bearer_link(viewer_of_token(asker, business), UUID(export_id))

    assert (await asker.client.get(url_path(link))).status_code == 404


@pytest.mark.parametrize("bearers", ["key"], indirect=True)
@pytest.mark.parametrize(("made_with", "given", "asked_with"), [case for case in HIDDEN if "sub" not in case[2]])
async def test_an_idempotency_key_tells_nothing_of_a_report_that_the_rights_do_not_cover(
    bearers: Bearers, business: Account, database: Database, made_with: Claims, given: Claims, asked_with: Claims
) -> None:
    maker, asker = bearers.token(business, **made_with), bearers.token(business, **asked_with)
    first = await ask_for_report(maker, **given, idempotencyKey="k")

    answer = await asker(REQUEST, input={"columns": ["ID"], "idempotencyKey": "k"})

    if asked_with["role"] == "RECORDER":
        assert answer.code == "FORBIDDEN"
        return
    payload = answer.data["requestSessionExport"]
    assert payload["errors"] == []
    assert payload["export"]["id"] != first
    assert await ask_for_report(maker, **given, idempotencyKey="k") == first
    assert await ask_for_report(asker, columns=["ID"], idempotencyKey="k") == payload["export"]["id"]


async def test_an_expired_token_finds_nothing_and_its_link_ends_with_it(
    bearers: Bearers, business: Account, database: Database, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = bearers.token(business, role="BUILDER", exp=SecondsFromNow(60))
    export_id = await written(database, asker)
    link = url_path((await asker(WAYS["export"].replace("@", export_id))).data["export"]["downloadUrl"])
    assert (await asker.client.get(link)).status_code == 200

    later = bearers.token(business, role="BUILDER", exp=SecondsFromNow(-60))
    for query in (*WAYS.values(), LIST):
        assert (await send(later, query.replace("@", export_id)))[0] == 401
    assert (await download(later.client, later, export_id)).status_code == 401

    move_clock(monkeypatch, 30)
    assert (await asker.client.get(link)).status_code == 200
    move_clock(monkeypatch, 61)
    assert (await asker.client.get(link)).status_code == 404


def move_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Move the clock by which links end."""
    monkeypatch.setattr("session_graph.exports.links.time", lambda: time() + seconds)


async def test_a_report_of_another_account_with_the_same_subject_was_never_given_out(
    bearers: Bearers, business: Account, database: Database, worker: Worker
) -> None:
    elsewhere = await find_or_create_account(f"b{business.idn}")
    export_id = await written(database, bearers.token(business, role="ADMIN"))

    await assert_never_given_out(database, bearers.token(elsewhere, role="ADMIN"), export_id)


async def test_a_revoked_key_finds_nothing(
    bearers: Bearers, business: Account, database: Database, worker: Worker
) -> None:
    text, key = await create_key(business, Role.BUILDER, email="bo@example.com")
    asker = Caller(bearers.client, text)
    export_id = await written(database, asker)
    assert export_id in (await send(asker, LIST))[1]

    await revoke_key(business, key.id)

    for query in (*WAYS.values(), LIST):
        assert (await send(asker, query.replace("@", export_id)))[0] == 401
    assert (await download(asker.client, asker, export_id)).status_code == 401
    other = Caller(bearers.client, (await create_key(business, Role.BUILDER, name=key.name))[0])
    await assert_never_given_out(database, other, export_id)


@pytest.mark.parametrize(
    ("made_with", "asked_with", "is_found"),
    [
        ({"role": "BUILDER"}, {"role": "BUILDER"}, True),
        ({"role": "BUILDER"}, {"role": "ADMIN"}, True),
        ({"role": "BUILDER"}, {"role": "PORTAL"}, False),
        ({"role": "PORTAL"}, {"role": "BUILDER"}, False),
        ({"role": "ADMIN"}, {"role": "RECORDER"}, False),
    ],
)
async def test_a_report_of_an_older_version_is_found_by_the_same_role_alone(
    bearers: Bearers,
    business: Account,
    database: Database,
    worker: Worker,
    made_with: Claims,
    asked_with: Claims,
    is_found: bool,
) -> None:
    maker, asker = bearers.token(business, **made_with), bearers.token(business, **asked_with)
    export_id = await written(database, maker, **PORTAL_COLUMNS)
    await database.execute("update session_export set reads = null where id = $1", UUID(export_id))

    if not is_found:
        await assert_never_given_out(database, asker, export_id)
        return
    assert export_id in (await send(asker, LIST))[1]
    assert (await download(asker.client, asker, export_id)).status_code == 200


async def test_a_recorder_finds_no_report_whatever_it_reads(
    bearers: Bearers, business: Account, database: Database, worker: Worker
) -> None:
    export_id = await written(database, bearers.token(business, "BUILDER"))
    await database.execute("update session_export set reads = '{id}' where id = $1", UUID(export_id))

    await assert_never_given_out(database, bearers.token(business, "RECORDER"), export_id)
