"""POST /inlets/{id}: who may deliver, what is answered, what is stored, and what is logged."""

import base64
import hmac
import logging
from time import time
from typing import Any

import httpx
import orjson
import pytest

from session_graph.access.accounts import find_or_create_account
from session_graph.access.viewer import Role
from session_graph.http.app import create_app
from session_graph.ingestion.sources import PATH, Source
from session_graph.settings import Settings
from session_graph.store.database import Database
from session_graph.store.models import Account
from support.api import make_key
from support.inlets import SECRET, make_source, messages_of, read_deliveries, work_off
from support.payloads import body_of
from support.statements import Statements

pytestmark = pytest.mark.anyio

BODY = body_of("retell-ended.json")


def sign(body: bytes, secret: bytes = SECRET, at: float | None = None) -> dict[str, str]:
    moment = str(int((at or time()) * 1000))
    return {"X-Retell-Signature": f"v={moment},d={hmac.digest(secret, body + moment.encode(), 'sha256').hex()}"}


def path_of(source: Source) -> str:
    return f"{PATH}/{source.inlet}"


def codes_of(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


@pytest.fixture
async def source(account: Account) -> Source:
    return await make_source(account, secret=SECRET)


async def test_a_signed_webhook_is_stored_and_becomes_a_session(
    client: httpx.AsyncClient, database: Database, source: Source
) -> None:
    response = await client.post(path_of(source), content=BODY, headers=sign(BODY))
    await work_off(database)

    [delivery] = await read_deliveries(database, source)
    assert (response.status_code, response.json()) == (200, {"status": "STORED"})
    assert (bytes(delivery["payload"]), delivery["outcome"]) == (BODY, "RECORDED")


async def test_a_webhook_is_found_and_stored_by_one_statement_each(
    client: httpx.AsyncClient, source: Source, statements: Statements
) -> None:
    await client.post(path_of(source), content=BODY, headers=sign(BODY))

    assert len(await statements.so_far()) == 2


async def test_a_webhook_that_is_sent_again_is_stored_once(
    client: httpx.AsyncClient, database: Database, source: Source
) -> None:
    headers = sign(BODY)
    await client.post(path_of(source), content=BODY, headers=headers)

    replayed = await client.post(path_of(source), content=BODY, headers=headers)
    sent_again = await client.post(path_of(source), content=BODY, headers=sign(BODY))

    assert [replayed.json(), sent_again.json()] == [{"status": "ALREADY_STORED"}] * 2
    assert len(await read_deliveries(database, source)) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, sign(BODY, b"another secret")),
        (BODY.replace(b"hangup", b"hung-up"), sign(BODY)),
        (BODY, sign(BODY, at=1_793_700_000)),
        (BODY, {"X-Retell-Signature": "v=1,d=2"}),
        (BODY, {"Authorization": "Bearer sg_no"}),
    ],
    ids=["none", "another secret", "altered body", "old", "malformed", "a key instead"],
)
async def test_a_wrong_signature_is_refused_with_a_line_in_the_log(
    client: httpx.AsyncClient,
    database: Database,
    source: Source,
    caplog: pytest.LogCaptureFixture,
    body: bytes,
    headers: dict[str, str],
) -> None:
    with caplog.at_level(logging.WARNING, "session_graph.http.inlets"):
        response = await client.post(path_of(source), content=body, headers=headers)

    assert (response.status_code, codes_of(response)) == (401, ["UNAUTHENTICATED"])
    assert await read_deliveries(database, source) == []
    [line] = [record.getMessage() for record in caplog.records]
    assert str(source.id) in line
    assert SECRET.decode() not in line


async def test_a_key_of_a_recorder_or_an_admin_delivers_to_a_source_without_a_secret(
    client: httpx.AsyncClient, database: Database, account: Account
) -> None:
    source = await make_source(account, "bland")
    statuses = {}
    for role in Role:
        limits: dict[str, Any] = {"integrations": ["crm"]} if role is Role.PARTNER else {}
        key = await make_key(account, role, **limits)
        body = orjson.dumps({"call_id": role})
        response = await client.post(path_of(source), content=body, headers={"Authorization": f"Bearer {key}"})
        statuses[role] = response.status_code

    refused = {Role.BUILDER: 403, Role.PORTAL: 403, Role.PARTNER: 403}
    assert statuses == {**refused, Role.RECORDER: 200, Role.ADMIN: 200}
    assert len(await read_deliveries(database, source)) == 2


async def test_neither_no_key_nor_one_of_another_account_delivers(
    client: httpx.AsyncClient, database: Database, account: Account
) -> None:
    source = await make_source(account, "bland")
    other = await make_key(await find_or_create_account("inlets-other"), Role.ADMIN)

    responses = [
        await client.post(path_of(source), content=b"{}", headers=headers)
        for headers in ({}, {"Authorization": f"Bearer {other}"}, {"Authorization": "Bearer sg_no"})
    ]

    assert [response.status_code for response in responses] == [401, 401, 401]
    assert await read_deliveries(database, source) == []


async def test_an_unknown_inlet_is_not_found(client: httpx.AsyncClient, source: Source) -> None:
    inlet = source.inlet
    for wrong in (f"{inlet[:-1]}A", inlet[:-4], "a", "%00", "é" * 48, "=" * 48, inlet.swapcase(), "A" * 4800):
        response = await client.post(f"{PATH}/{wrong}", content=BODY, headers=sign(BODY))

        assert (response.status_code, codes_of(response)) == (404, ["NOT_FOUND"])


async def test_other_methods_are_refused_but_vendors_may_ask_whether_there_is_an_inlet(
    client: httpx.AsyncClient, source: Source
) -> None:
    got = await client.get(path_of(source))
    asked = [await client.head(path) for path in (path_of(source), f"{PATH}/{'A' * 48}")]

    assert (got.status_code, got.headers["allow"]) == (405, "POST, HEAD")
    assert [response.status_code for response in asked] == [200, 404]


async def test_an_empty_body_is_answered_and_not_stored(
    client: httpx.AsyncClient, database: Database, source: Source
) -> None:
    response = await client.post(path_of(source), content=b" ", headers=sign(b" "))

    assert (response.status_code, response.json()) == (200, {"status": "EMPTY"})
    assert await read_deliveries(database, source) == []


async def test_a_body_that_no_mapping_reads_is_stored_and_shown(
    client: httpx.AsyncClient, database: Database, source: Source
) -> None:
    body = b"<call/>\x00\xff"

    response = await client.post(path_of(source), content=body, headers=sign(body))
    await work_off(database)

    [delivery] = await read_deliveries(database, source)
    assert (response.status_code, bytes(delivery["payload"])) == (200, body)
    assert messages_of(delivery)[0].startswith("cannot be read: ")


async def test_a_body_that_is_too_large_is_refused(database: Database, settings: Settings, source: Source) -> None:
    small = create_app(settings.model_copy(update={"max_record_body_bytes": 1024}), database)
    transport = httpx.ASGITransport(small)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post(path_of(source), content=b" " * 1025, headers=sign(b""))

    assert (response.status_code, codes_of(response)) == (413, ["TOO_LARGE"])


async def test_who_guesses_inlets_is_held_up_and_who_knows_one_is_not(
    database: Database, settings: Settings, source: Source, statements: Statements
) -> None:
    app = create_app(settings.model_copy(update={"refusals_per_second": 0.1}), database)  # one at once
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        before = await client.post(path_of(source), content=BODY, headers=sign(BODY))
        guesses = [await client.post(f"{PATH}/{n:048}", content=BODY) for n in range(20)]
        await statements.restart()
        held_up = await client.post(f"{PATH}/{'A' * 48}", content=BODY)
        looked_up = list(await statements.so_far())
        after = await client.post(path_of(source), content=BODY, headers=sign(BODY))

    assert [response.status_code for response in (before, guesses[0], held_up, after)] == [200, 404, 429, 200]
    assert looked_up == []
    assert "www-authenticate" not in guesses[0].headers


async def test_wrong_signatures_are_held_up(database: Database, settings: Settings, source: Source) -> None:
    app = create_app(settings.model_copy(update={"refusals_per_second": 0.1}), database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        wrong = [await client.post(path_of(source), content=BODY, headers=sign(b"other")) for _ in range(20)]

    assert (wrong[0].status_code, wrong[-1].status_code) == (401, 429)


async def test_a_form_of_twilio_is_signed_with_the_public_address(
    database: Database, settings: Settings, account: Account
) -> None:
    source = await make_source(account, "twilio", secret=SECRET)
    app = create_app(settings.model_copy(update={"public_url": "https://calls.example.com/graph/"}), database)
    body = body_of("twilio.txt")
    fields = "".join(name + value for name, value in sorted(httpx.QueryParams(body.decode()).items()))
    signed = f"https://calls.example.com/graph{path_of(source)}?from=twilio{fields}"
    signature = base64.b64encode(hmac.digest(SECRET, signed.encode(), "sha1")).decode()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as client:
        response = await client.post(
            f"{path_of(source)}?from=twilio",
            content=body,
            headers={"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"},
        )
    await work_off(database)

    assert response.status_code == 200
    assert [row["outcome"] for row in await read_deliveries(database, source)] == ["RECORDED"]


async def test_the_log_does_not_hold_the_address(
    client: httpx.AsyncClient, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await client.post(path_of(source), content=BODY, headers=sign(BODY))
        await client.post(path_of(source), content=BODY)

    ours = [record for record in caplog.records if record.name.startswith("session_graph")]
    lines = [record.__dict__ for record in ours if record.name == "session_graph.access"]
    assert (lines[0]["caller"], lines[0]["status"]) == (f"source {source.id}", 200)
    assert [record.getMessage() for record in ours if record.name == "session_graph.http.inlets"]
    assert not [record for record in ours if source.inlet in str(record.__dict__)]
