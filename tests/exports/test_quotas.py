"""Retries run with the rights of now and count like requests; quotas hold for a report, a key and an account."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from session_graph.access.viewer import Role
from session_graph.exports.sweeping import Sweeper
from session_graph.exports.worker import Worker
from session_graph.http.app import create_app
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import Caller, make_caller, make_key
from support.bearers import Bearers, accept_tokens
from support.records import make_agent, record
from support.reports import CANCEL, ask_for_report, finished, read_csv, read_row, working

pytestmark = pytest.mark.anyio

ERRORS = "errors { code message path retryAfter }"
RETRY = f"mutation ($id: ID!) {{ retrySessionExport(input: {{id: $id}}) {{ export {{ status }} {ERRORS} }} }}"
REQUEST = f"""
mutation ($input: RequestSessionExportInput!) {{
  requestSessionExport(input: $input) {{ export {{ id }} {ERRORS} }}
}}
"""
DAY = 24 * 3600
FAIL = "update session_export set status = 'FAILED', lease_until = null, error = 'no' where id = $1"

Payload = dict[str, Any]


async def retry(ask: Caller, export_id: str) -> Payload:
    payload: Payload = (await ask(RETRY, id=export_id)).data["retrySessionExport"]
    return payload


async def request(ask: Caller, **given: Any) -> Payload:
    payload: Payload = (await ask(REQUEST, input=given)).data["requestSessionExport"]
    return payload


def assert_limit(payload: Payload, words: str) -> None:
    (error,) = payload["errors"]
    assert (payload["export"], error["code"], error["path"]) == (None, "LIMIT", ["input"])
    assert words in error["message"]
    assert DAY - 60 < error["retryAfter"] <= DAY


@pytest.fixture
async def limited(database: Database, settings: Settings, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a server with small quotas, which accepts tokens."""
    quotas = {"exports_per_day": 5, "exports_per_key_per_day": 3, "export_retries_per_day": 2}
    app = create_app(accept_tokens(settings, "key", tmp_path).model_copy(update=quotas), database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_a_failed_report_cannot_be_retried_in_a_loop(owner: Caller, database: Database) -> None:
    export_id = await ask_for_report(owner)
    payloads = []
    for _ in range(15):
        await database.execute(FAIL, UUID(export_id))
        payloads.append(await retry(owner, export_id))

    assert [bool(payload["export"]) for payload in payloads] == [True] * 10 + [False] * 5
    for payload in payloads[10:]:
        assert_limit(payload, "This export was retried 10 times in 24 hours")
    assert (await read_row(database, export_id))["status"] == "FAILED"


async def test_a_report_that_is_cancelled_again_and_again_meets_the_same_limit(owner: Caller) -> None:
    export_id = await ask_for_report(owner)
    payloads = []
    for _ in range(12):
        await owner(CANCEL, id=export_id)
        payloads.append(await retry(owner, export_id))

    assert [bool(payload["export"]) for payload in payloads] == [True] * 10 + [False] * 2


async def test_retries_at_the_same_time_are_one(owner: Caller, database: Database, account: Account) -> None:
    export_id = await ask_for_report(owner)
    await database.execute(FAIL, UUID(export_id))

    payloads = await asyncio.gather(*(retry(owner, export_id) for _ in range(20)))

    assert [payload["errors"] for payload in payloads] == [[]] * 20
    runs = await database.fetch("select is_retry from export_run where account_id = $1 order by at", account.id)
    assert [run["is_retry"] for run in runs] == [False, True]


async def test_a_key_has_a_quota_of_its_own_in_that_of_the_account(
    limited: httpx.AsyncClient, owner: Caller, account: Account, database: Database
) -> None:
    email = {"email": "bo@example.com"}
    first, second, third = [await make_caller(limited, account, Role.BUILDER, email) for _ in range(3)]
    for _ in range(2):
        assert (await request(first))["errors"] == []
    export_id = await ask_for_report(first)
    await database.execute(FAIL, UUID(export_id))

    assert_limit(await request(first), "This key has requested 3 exports in 24 hours")
    assert_limit(await retry(first, export_id), "This key has requested 3 exports in 24 hours")
    for _ in range(2):
        assert (await request(second))["errors"] == []
    assert_limit(await request(third), "The account has requested 5 exports in 24 hours")
    assert_limit(await retry(Caller(limited, owner.key), export_id), "The account has requested 5 exports in 24 hours")


async def test_the_subject_of_tokens_has_a_quota_whatever_its_rights_are(
    limited: httpx.AsyncClient, owner: Caller, account: Account
) -> None:
    bearers = Bearers(limited)
    for role in ("ADMIN", "BUILDER", "PORTAL"):
        assert (await request(bearers.token(account, role)))["errors"] == []

    assert_limit(await request(bearers.token(account, "PORTAL")), "The subject of this token has requested 3 exports")
    assert (await request(bearers.token(account, "PORTAL", sub="ana")))["errors"] == []


async def test_a_quota_ends_a_day_after_the_run_that_filled_it(
    limited: httpx.AsyncClient, owner: Caller, account: Account, database: Database
) -> None:
    ask = Caller(limited, owner.key)
    for hours in (23.5, 1, 1):
        assert (await request(ask))["errors"] == []
        age = "update export_run set at = at - $2::interval where account_id = $1 and at > now() - interval '1 minute'"
        await database.execute(age, account.id, timedelta(hours=hours))
    (error,) = (await request(ask))["errors"]
    assert 1700 < error["retryAfter"] <= 1800

    await database.execute("update export_run set at = at - interval '1 hour' where account_id = $1", account.id)

    assert (await request(ask))["errors"] == []


async def test_runs_that_no_quota_counts_are_swept(
    owner: Caller, account: Account, database: Database, settings: Settings
) -> None:
    for _ in range(2):
        await ask_for_report(owner)
    old = "update export_run set at = at - interval '25 hours' where account_id = $1 and export_id = ("
    await database.execute(
        f"{old} select min(export_id::text)::uuid from export_run where account_id = $1)", account.id
    )

    await Sweeper(database, settings).sweep()

    assert len(await database.fetch("select from export_run where account_id = $1", account.id)) == 1


@pytest.fixture
async def bearers(database: Database, settings: Settings, tmp_path: Path) -> AsyncIterator[Bearers]:
    app = create_app(accept_tokens(settings, "key set", tmp_path), database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield Bearers(client)


@pytest.fixture
async def business(account: Account, database: Database) -> Account:
    """An account of two agents, with a session each, that may send reports to partner.example."""
    for idn in ("bistro", "clinic"):
        await make_agent(account, idn=idn)
    await record(database, account, {"agent": "bistro"}, {"agent": "clinic", "phone": "+14155559999"})
    await database.execute("insert into export_recipient values ($1, 'partner.example')", account.id)
    return account


async def cancelled(ask: Caller, **given: Any) -> str:
    export_id = await ask_for_report(ask, **given)
    assert (await ask(CANCEL, id=export_id)).data["cancelSessionExport"]["export"]["status"] == "CANCELLED"
    return export_id


async def test_a_retry_runs_with_the_rights_that_its_subject_has_now(
    bearers: Bearers, business: Account, database: Database, worker: Worker
) -> None:
    maker, asker = [bearers.token(business, role) for role in ("PORTAL", "BUILDER")]
    given = {"columns": ["STARTED_AT"], "filter": {"search": "9999"}}
    export_id = await ask_for_report(maker, **given)
    assert (await finished(maker, export_id))["rowCount"] == 0
    await maker(CANCEL, id=export_id)

    assert (await retry(asker, export_id))["errors"] == []

    assert (await finished(asker, export_id))["rowCount"] == 1
    row = await read_row(database, export_id)
    assert orjson.loads(row["requester"])["role"] == "BUILDER"
    assert "phone" in row["reads"]
    assert (await maker("query ($id: ID!) { export(id: $id) { id } }", id=export_id)).data["export"] is None


async def test_an_admin_retries_a_report_of_a_token_without_widening_it(
    bearers: Bearers, business: Account, database: Database, database_url: str, outbox: Settings
) -> None:
    maker = bearers.token(business, "BUILDER", agents=["bistro"])
    admin = bearers.token(business, "ADMIN", sub="ana", email="ana@example.com")
    given = {"columns": ["AGENT"], "recipients": ["mallory@example.com", "cy@partner.example"]}
    export_id = await cancelled(maker, **given)

    assert (await retry(admin, export_id))["errors"] == []

    async with working(database, database_url, outbox):
        export = await finished(admin, export_id)
    assert [(d["recipient"], d["status"]) for d in export["deliveries"]] == [
        ("cy@partner.example", "ACCEPTED"),
        ("mallory@example.com", "REFUSED"),
    ]
    assert (await read_csv(database, export_id)).decode("utf-8-sig").splitlines() == ["Agent IDN", "bistro"]


async def test_a_key_answers_for_its_report_when_an_admin_retries_it(
    client: httpx.AsyncClient, business: Account, database: Database, database_url: str, outbox: Settings
) -> None:
    limits = {"email": "bo@example.com", "agents": ["bistro"]}
    asker = await make_caller(client, business, Role.BUILDER, limits)
    admin = Caller(client, await make_key(business, Role.ADMIN))
    export_id = await cancelled(asker, columns=["AGENT"])

    assert (await retry(admin, export_id))["errors"] == []

    async with working(database, database_url, outbox):
        export = await finished(admin, export_id)
    assert [(d["recipient"], d["status"]) for d in export["deliveries"]] == [("bo@example.com", "ACCEPTED")]
    assert export["rowCount"] == 1


ESCAPING: list[tuple[Any, bool]] = [
    (None, True),
    (["mallory@example.com"], True),
    (["MALLORY@example.com"], True),
    (["cy@partner.example"], False),
    (["mallory@example.com", "cy@partner.example"], False),
]


@pytest.mark.parametrize("role", ["ADMIN", "BUILDER", "PORTAL"])
@pytest.mark.parametrize(("recipients", "is_allowed"), ESCAPING)
async def test_formulas_are_sent_as_they_are_to_the_own_address_alone(
    bearers: Bearers, business: Account, role: str, recipients: list[str] | None, is_allowed: bool
) -> None:
    given = {"escapeFormulas": False} | ({"recipients": recipients} if recipients else {})

    errors = (await request(bearers.token(business, role), **given))["errors"]

    assert [error["path"] for error in errors] == ([] if is_allowed else [["input", "escapeFormulas"]])


async def test_a_key_without_an_address_has_no_formulas_sent(client: httpx.AsyncClient, business: Account) -> None:
    ask = await make_caller(client, business, Role.ADMIN)

    errors = (await request(ask, escapeFormulas=False, recipients=["cy@partner.example"]))["errors"]

    assert [error["path"] for error in errors] == [["input", "escapeFormulas"]]


async def test_a_retry_sends_no_formulas_to_others(bearers: Bearers, business: Account, database: Database) -> None:
    maker = bearers.token(business, "BUILDER", email="mallory@partner.example")
    export_id = await cancelled(maker, columns=["SUMMARY"], escapeFormulas=False)
    others = [
        bearers.token(business, "ADMIN", sub="ana", email="ana@example.com"),
        bearers.token(business, "BUILDER", email="other@partner.example"),
        bearers.token(business, "BUILDER", email_verified=False),
    ]

    for other in others:
        assert [error["path"] for error in (await retry(other, export_id))["errors"]] == [["input", "id"]]
    assert (await read_row(database, export_id))["status"] == "CANCELLED"
    assert (await retry(maker, export_id))["errors"] == []
